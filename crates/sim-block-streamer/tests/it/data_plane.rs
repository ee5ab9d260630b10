//! Which blocks are published, in which order, and when.

use crate::common::*;
use proto::block_streamer::StartStreamRequest;
use sim_block_streamer::Config;
use sim_node::chain::{Chain, ChainConfig};
use sim_node::{Event, Node, Redis, TaskStopReason};

#[test]
fn nothing_happens_before_the_start_delay() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    assert_eq!(
        world.streamer.next_event(),
        Some(START + Config::default().start_delay)
    );
    world.pass(millis(199));
    assert_eq!(world.moves(), []);
    world.pass(millis(1));
    assert_eq!(world.moves(), [("set", TIP)]);
}

#[test]
fn the_live_phase_sets_the_cursor_for_every_block_and_before_it_publishes() {
    let mut world = World::new(
        Config::default(),
        ChainConfig {
            touch: 0.5,
            accounts: 1,
            ..busy_chain()
        },
    );
    world.started(StartStreamRequest {
        rule: call_rule("app0.near", "*", 3),
        ..request(TIP)
    });
    world.pass(seconds(30));
    let moves = world.moves();
    let set: Vec<u64> = moves
        .iter()
        .filter(|(what, _)| *what == "set")
        .map(|(_, height)| *height)
        .collect();
    assert_eq!(set, (TIP..=TIP + 30).collect::<Vec<_>>());
    let published = world.published();
    assert!(
        (5..25).contains(&published.len()),
        "some blocks match, others do not"
    );
    for height in published {
        let at = moves
            .iter()
            .position(|step| *step == ("publish", height))
            .expect("published");
        assert_eq!(moves[at - 1], ("set", height));
    }
}

#[test]
fn a_crash_between_cursor_and_queue_loses_the_block() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(Config::default().start_delay);
    world.with(|streamer, env| streamer.die(env));
    assert_eq!(world.cursor(), Some(TIP));
    assert!(world.queue().is_empty());
}

#[test]
fn without_the_quirk_the_block_is_published_first() {
    let mut world = World::busy(quirks(|quirks| quirks.cursor_before_publish = false));
    world.started(request(TIP));
    world.pass(seconds(1) + millis(1));
    let expected = [
        ("publish", TIP),
        ("set", TIP),
        ("publish", TIP + 1),
        ("set", TIP + 1),
    ];
    assert_eq!(world.moves(), expected);
}

#[test]
fn the_backfill_publishes_before_it_sets_and_the_last_block_comes_twice() {
    let mut world = World::busy(Config::default());
    world.started(indexed_request(TIP - 1));
    world.pass(seconds(1) + millis(1));
    let expected = [
        ("publish", TIP - 1),
        ("set", TIP - 1),
        ("publish", TIP),
        ("set", TIP),
        // The live phase begins at the last block of the backfill.
        ("set", TIP),
        ("publish", TIP),
        ("set", TIP + 1),
        ("publish", TIP + 1),
    ];
    assert_eq!(world.moves(), expected);
}

#[test]
fn the_last_backfilled_block_comes_once_without_the_quirk() {
    let mut world = World::busy(quirks(|quirks| quirks.handover_twice = false));
    world.started(indexed_request(TIP - 2));
    world.pass(seconds(2));
    assert_eq!(world.published(), [TIP - 2, TIP - 1, TIP, TIP + 1]);
}

#[test]
fn the_backfill_skips_what_does_not_match_and_leaves_the_cursor_there() {
    let chain = ChainConfig {
        touch: 0.0,
        ..busy_chain()
    };
    let mut world = World::new(Config::default(), chain);
    world.started(indexed_request(TIP - 50));
    world.pass(millis(205));
    assert_eq!(
        world.cursor(),
        Some(TIP - 50),
        "nothing matched: live from the start height"
    );
    assert_eq!(world.moves(), [("set", TIP - 50)]);
    world.pass(seconds(5));
    assert_eq!(world.cursor(), Some(TIP + 5));
    assert!(world.published().is_empty());
}

#[test]
fn only_account_rules_without_a_bare_star_are_backfilled() {
    let rules = [
        (any_rule("app0.near", 3), "publish"),
        (any_rule("app?.near, x.near", 3), "publish"),
        (any_rule("app0.near, *", 3), "set"),
        (any_rule("*", 3), "set"),
        (call_rule("app0.near", "*", 3), "set"),
    ];
    for (rule, first) in rules {
        let mut world = World::busy(Config::default());
        world.started(StartStreamRequest {
            rule: rule.clone(),
            ..request(TIP - 5)
        });
        world.pass(seconds(1));
        assert_eq!(world.moves()[0].0, first, "{rule:?}");
    }
}

#[test]
fn a_start_height_without_a_block_nearby_is_not_backfilled() {
    // More than the index tries: the first block of this chain is far above.
    for (height, first) in [
        (99_999_980, "set"),
        (99_999_981, "publish"),
        (TIP + 5, "set"),
    ] {
        let mut world = World::busy(Config::default());
        world.started(indexed_request(height));
        world.pass(seconds(10));
        assert_eq!(world.moves()[0].0, first, "{height}");
    }
}

#[test]
fn the_backfill_by_receiver_ignores_outcome_and_sender() {
    let chain = ChainConfig {
        failure: 1.0,
        ..busy_chain()
    };
    for (affected, status, quirk, expected) in [
        ("app0.near", 1, false, 0),
        ("app0.near", 1, true, 6),
        ("app0.near", 2, false, 6),
        ("user*.near", 3, false, 6),
        ("user*.near", 3, true, 0),
    ] {
        let config = quirks(|quirks| quirks.backfill_by_receiver = quirk);
        let mut world = World::new(config, chain.clone());
        let rule = any_rule(affected, status);
        world.started(StartStreamRequest {
            rule,
            ..request(TIP - 5)
        });
        world.pass(millis(200) + millis(10) * 6);
        let before_live = world
            .moves()
            .windows(2)
            .filter(|pair| pair[0].0 == "publish" && pair[1] == ("set", pair[0].1))
            .count();
        assert_eq!(before_live, expected, "{affected} {status} {quirk}");
    }
}

#[test]
fn skipped_heights_lead_to_the_next_block() {
    let chain = ChainConfig {
        skip: 1.0,
        ..busy_chain()
    };
    for request in [request(100_000_001), indexed_request(100_000_060)] {
        let mut world = World::new(Config::default(), chain.clone());
        world.started(request);
        world.pass(seconds(1));
        assert_eq!(world.published()[0], 100_000_064);
    }
}

#[test]
fn a_start_in_the_future_sleeps_until_its_block_is_there() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP + 100));
    world.pass(seconds(1));
    assert_eq!(world.streamer.next_event(), Some(START + seconds(100)));
    world.pass(seconds(100) + millis(1));
    assert_eq!(world.published(), [TIP + 100, TIP + 101]);
}

#[test]
fn catching_up_has_a_speed_and_live_blocks_come_when_they_are_there() {
    let config = Config {
        catch_up_rate: 10,
        command_gap: millis(0),
        ..Config::default()
    };
    let mut world = World::busy(config);
    world.started(request(TIP - 30));
    world.pass(millis(200) + seconds(2));
    assert_eq!(world.cursor(), Some(TIP - 10));
    world.pass(seconds(10) - millis(200));
    assert_eq!(world.cursor(), Some(TIP + 12));
    let (at, _) = world
        .ledger
        .events
        .iter()
        .find(|(_, event)| matches!(event, Event::CursorSet { height, .. } if *height == TIP + 9))
        .expect("set");
    assert_eq!(*at, START + seconds(9));
}

#[test]
fn a_full_queue_holds_the_block_back_and_is_looked_at_every_second() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP - 99));
    world.pass(seconds(10));
    assert_eq!(world.queue().len(), 100);
    assert_eq!(
        world.cursor(),
        Some(TIP + 1),
        "the cursor is ahead of the queue"
    );
    let waiting_since = world.streamer.next_event().expect("looks again");
    assert!(waiting_since - seconds(1) < world.now);
    world.pass(seconds(1_000));
    assert_eq!(world.queue().len(), 100);
    assert_eq!(
        world.cursor(),
        Some(TIP + 1),
        "there is no limit to the wait"
    );
    let first = world
        .redis
        .queue_read(world.now, QUEUE, None, 1)
        .expect("up")[0];
    world
        .redis
        .queue_remove(world.now, QUEUE, first.id)
        .expect("up");
    world.pass(seconds(1));
    assert_eq!(world.queue().len(), 100);
    assert_eq!(world.queue().last(), Some(&(TIP + 1)));
}

#[test]
fn a_stop_during_back_pressure_loses_the_held_block() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP - 99));
    world.pass(seconds(10));
    world.stop().result.expect("stops");
    world.pass(seconds(1));
    assert_eq!(world.cursor(), Some(TIP + 1));
    assert!(!world.queue().contains(&(TIP + 1)));
}

#[test]
fn a_redis_error_ends_the_task_in_both_phases() {
    for request in [request(TIP), indexed_request(TIP - 5)] {
        let mut world = World::busy(Config::default());
        world.started(request);
        world.redis.set_up(false);
        world.pass(millis(200));
        let reason = TaskStopReason::RedisError;
        let ended = Event::StreamEnded {
            key: key(),
            task: 0,
            reason,
        };
        assert_eq!(world.events().last(), Some(&ended));
        assert_eq!(world.streamer.live_tasks().count(), 0);
        assert!(world.get().is_ok(), "it stays listed");
        world.redis.set_up(true);
        world.pass(seconds(60));
        assert_eq!(world.moves(), []);
    }
}

#[test]
fn a_refused_publication_ends_the_task_as_well() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(millis(200));
    assert_eq!(world.cursor(), Some(TIP));
    world.redis.set_out_of_memory(true);
    world.pass(millis(1));
    assert_eq!(world.streamer.live_tasks().count(), 0);
    assert!(world.queue().is_empty());
}

#[test]
fn without_the_quirk_a_redis_error_is_waited_out() {
    let mut world = World::busy(quirks(|quirks| quirks.redis_error_ends_task = false));
    world.started(request(TIP));
    world.pass(seconds(1));
    world.redis.set_up(false);
    world.pass(seconds(20));
    world.redis.set_up(true);
    world.pass(seconds(10) + millis(1));
    assert_eq!(world.published(), (TIP..=TIP + 31).collect::<Vec<_>>());
}

#[test]
fn published_blocks_carry_version_and_entry() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(millis(201));
    let entry = world
        .redis
        .queue_read(world.now, QUEUE, None, 1)
        .expect("up")[0];
    let published = Event::BlockPublished {
        key: key(),
        task: 0,
        version: 7,
        height: TIP,
        entry: entry.id,
    };
    assert_eq!(world.events().last(), Some(&published));
    assert_eq!(entry.height, TIP);
}

#[test]
fn a_chain_that_ends_leaves_the_stream_asleep() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim-node/tests/fixtures/lake");
    let mut world = World::busy(Config::default());
    world.chain = Chain::from_lake(&folder, seconds(1)).expect("readable");
    world.started(StartStreamRequest {
        rule: any_rule("token.near", 1),
        ..request(100)
    });
    world.pass(seconds(60));
    assert_eq!(world.published(), [100, 100], "backfilled, then once more");
    assert_eq!(world.cursor(), Some(102));
    assert_eq!(
        world.streamer.next_event(),
        Some(START + seconds(120)),
        "the monitor only"
    );
}

#[test]
fn extreme_start_heights_do_no_harm() {
    for height in [0, 1, u64::MAX - 1, u64::MAX] {
        for request in [request(height), indexed_request(height)] {
            let mut world = World::busy(Config::default());
            world.started(request);
            world.pass(seconds(300));
            assert!(world.get().is_ok());
        }
    }
}
