//! The health monitor: when it looks, and what it concludes, rightly or not.

use crate::common::*;
use proto::block_streamer::ProcessingState::{Idle, Running, Stalled, Waiting};
use sim_block_streamer::Config;
use sim_node::{Event, Redis};

#[test]
fn it_says_idle_since_the_start_until_its_first_look() {
    let mut world = World::busy(Config::default());
    world.pass(seconds(5));
    world.started(request(TIP));
    world.pass(seconds(119));
    assert_eq!(world.health(), (Idle, 5));
    world.empty_queue();
    world.pass(seconds(1));
    assert_eq!(world.health(), (Running, 125));
}

#[test]
fn it_looks_every_two_minutes_at_the_progress_since_the_last_look() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    for minutes in [2, 4, 6] {
        world.pass(seconds(119));
        world.empty_queue();
        world.pass(seconds(1));
        assert_eq!(world.health(), (Running, minutes * 60));
    }
    let verdicts = world
        .events()
        .filter(|event| matches!(event, Event::StreamHealth { .. }));
    assert_eq!(verdicts.count(), 1, "only changes are recorded");
}

#[test]
fn a_full_queue_is_waiting_but_only_once_the_cursor_stood_still() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(seconds(120));
    assert_eq!(world.health(), (Running, 120));
    world.pass(seconds(120));
    assert_eq!(world.health(), (Waiting, 240));
    world.empty_queue();
    world.pass(seconds(120));
    assert_eq!(world.health(), (Running, 360), "verdicts do not stick");
}

#[test]
fn a_dead_task_is_stalled_and_a_full_queue_hides_it() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(seconds(10));
    world.with(|streamer, env| streamer.kill_task(env, &key()));
    world.pass(seconds(110));
    assert_eq!(
        world.health(),
        (Running, 120),
        "it had advanced since the start"
    );
    world.pass(seconds(120));
    assert_eq!(world.health(), (Stalled, 240));
    for height in 0..100 {
        world
            .redis
            .queue_push(world.now, QUEUE, height)
            .expect("up");
    }
    world.pass(seconds(120));
    assert_eq!(world.health(), (Waiting, 360));
}

#[test]
fn a_stream_that_waits_for_its_start_height_is_stalled() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP + 300));
    world.pass(seconds(120));
    assert_eq!(
        world.health(),
        (Stalled, 120),
        "the missing cursor is below any"
    );
    world.pass(seconds(120));
    assert_eq!(world.health(), (Stalled, 240));
    world.pass(seconds(120));
    assert_eq!(world.health(), (Running, 360));
}

#[test]
fn a_cursor_that_went_back_is_stalled_until_it_moves_again() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(seconds(60));
    world.with(|streamer, env| streamer.kill_task(env, &key()));
    world.pass(seconds(60));
    assert_eq!(world.health(), (Running, 120));
    world
        .redis
        .set_number(world.now, CURSOR, TIP - 50)
        .expect("up");
    world.pass(seconds(120));
    assert_eq!(world.health(), (Stalled, 240));
    world
        .redis
        .set_number(world.now, CURSOR, TIP - 49)
        .expect("up");
    world.pass(seconds(120));
    assert_eq!(world.health(), (Running, 360));
}

#[test]
fn a_missing_cursor_is_below_any_even_over_a_full_queue() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP + 1_000));
    for height in 0..100 {
        world
            .redis
            .queue_push(world.now, QUEUE, height)
            .expect("up");
    }
    world.pass(seconds(120));
    assert_eq!(world.health(), (Stalled, 120));
    world.pass(seconds(120));
    assert_eq!(world.health(), (Waiting, 240), "missing twice is no change");
}

#[test]
fn without_redis_the_verdict_grows_old() {
    let mut world = World::busy(quirks(|quirks| quirks.redis_error_ends_task = false));
    world.started(request(TIP));
    world.pass(seconds(120));
    assert_eq!(world.health(), (Running, 120));
    world.redis.set_up(false);
    world.pass(seconds(240));
    assert_eq!(world.health(), (Running, 120));
    world.redis.set_up(true);
    world.empty_queue();
    world.pass(seconds(120));
    assert_eq!(world.health(), (Running, 480));
}

#[test]
fn start_height_zero_freezes_the_health_of_a_debug_build() {
    let mut world = World::busy(Config::default());
    world.started(request(0));
    world.pass(seconds(600));
    assert_eq!(world.health(), (Idle, 0));
}

#[test]
fn start_height_zero_is_stalled_once_in_a_release_build() {
    let mut world = World::busy(quirks(|quirks| quirks.zero_start_kills_monitor = false));
    world.started(request(0));
    world.pass(seconds(120));
    assert_eq!(world.health(), (Stalled, 120));
    world.empty_queue();
    world.pass(seconds(120));
    assert_eq!(world.health(), (Running, 240));
}
