//! What a worker does with its queue.

use crate::world::{World, key, ms, queue_of};
use proto::runner::ExecutionState;
use sim_executor::{Config, PoisonedBlock, Quirks};
use sim_node::{Event, Redis};

fn world() -> World {
    World::new(Config::default())
}

/// A world whose executor has run for 200 ms and waits. Its grid lies at 70 ms
/// and every 100 ms after.
fn waiting() -> World {
    let mut world = world();
    world.start(1).unwrap();
    world.pass(ms(200));
    assert_eq!(world.state(), ExecutionState::Waiting);
    world
}

fn executes(event: &Event) -> bool {
    matches!(event, Event::BlockExecuted { .. })
}

fn failures(world: &World) -> usize {
    world
        .events(|event| matches!(event, Event::BlockFailed { .. }).then_some(()))
        .len()
}

#[test]
fn a_backlog_is_read_from_the_very_beginning_and_removed() {
    let mut world = world();
    for height in 1..=35 {
        world.push(height);
    }
    world.start(1).unwrap();
    world.pass(ms(2000));
    assert_eq!(world.executed(), (1..=35).collect::<Vec<_>>());
    assert_eq!(
        (world.queue_len(), world.state()),
        (0, ExecutionState::Waiting)
    );
}

#[test]
fn an_announced_entry_is_read_at_the_next_point_of_the_grid() {
    let mut world = waiting();
    world.pass(ms(111));
    world.push(5);
    world.pass(ms(500));
    // Pushed at 311 ms, read and taken up at 370 ms, 5 ms of user code.
    assert_eq!(world.time_of(executes), Some(ms(375)));
}

#[test]
fn polling_executes_at_the_same_moment_as_announcements() {
    let run = |announced_pushes| {
        let mut world = World::new(Config {
            announced_pushes,
            ..Config::default()
        });
        world.start(1).unwrap();
        for (pause, height) in [(10, 1), (333, 2), (1, 3), (99, 4), (4_000, 5), (57, 6)] {
            world.pass(ms(pause));
            for copy in 0..height {
                world.push(height * 100 + copy);
            }
        }
        world.pass(ms(2_000));
        let happened = world.ledger.events.iter();
        happened
            .filter(|(_, event)| executes(event))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(run(true).len(), 21);
    assert_eq!(run(true), run(false));
}

#[test]
fn an_idle_worker_costs_nothing() {
    let mut world = waiting();
    assert_eq!(world.next_event(), None);
    let reads = world.redis.reads;
    world.pass(ms(3_600_000));
    assert_eq!(world.redis.reads, reads);
}

#[test]
fn without_announcements_an_idle_worker_really_polls() {
    let mut world = World::new(Config {
        announced_pushes: false,
        ..Config::default()
    });
    world.start(1).unwrap();
    world.pass(ms(10_050));
    assert!(
        (95..=102).contains(&world.redis.reads),
        "{} reads",
        world.redis.reads
    );
}

#[test]
fn no_more_than_the_limit_is_prefetched() {
    let config = Config {
        execution_time: ms(60_000),
        ..Config::default()
    };
    let mut world = World::new(config);
    for height in 0..30 {
        world.push(height);
    }
    world.start(1).unwrap();
    for _ in 0..100 {
        world.pass(ms(1_000));
        assert!(world.core.workers().all(|worker| worker.prefetched <= 10));
    }
    assert_eq!(
        (
            world.core.workers().next().unwrap().prefetched,
            world.executed().len()
        ),
        (10, 1)
    );
}

#[test]
fn an_entry_leaves_the_queue_only_after_its_execution() {
    let mut world = World::new(Config {
        execution_time: ms(1_000),
        ..Config::default()
    });
    world.push(5);
    world.start(1).unwrap();
    // Taken up at 170 ms.
    world.pass(ms(1_169));
    assert_eq!((world.executed().len(), world.queue_len()), (0, 1));
    world.pass(ms(1));
    assert_eq!((world.executed().len(), world.queue_len()), (1, 0));
}

#[test]
fn what_was_prefetched_is_read_again_after_a_restart() {
    let mut world = World::new(Config {
        execution_time: ms(1_000),
        ..Config::default()
    });
    for height in 1..=3 {
        world.push(height);
    }
    world.start(1).unwrap();
    world.pass(ms(1_500));
    assert_eq!(world.executed(), [1]);
    world.stop();
    world.pass(ms(20));
    world.start(1).unwrap();
    world.pass(ms(5_000));
    assert_eq!(world.executed(), [1, 2, 3]);
}

#[test]
fn what_was_prefetched_is_executed_even_if_the_queue_is_deleted() {
    let mut world = World::new(Config {
        execution_time: ms(1_000),
        ..Config::default()
    });
    for height in 1..=12 {
        world.push(height);
    }
    world.start(1).unwrap();
    world.pass(ms(500));
    world.redis.entries.clear();
    world.pass(ms(20_000));
    assert_eq!(world.executed(), (1..=10).collect::<Vec<_>>());
    assert_eq!(world.state(), ExecutionState::Waiting);
}

#[test]
fn a_terminated_worker_may_finish_a_block_until_its_end() {
    let mut world = waiting();
    world.push(5);
    world.pass(ms(71));
    // User code runs from 270 to 275 ms; the stop is called in between.
    world.stop();
    world.pass(ms(20));
    assert_eq!((world.executed(), world.living()), (vec![5], 0));
}

#[test]
fn failing_code_is_retried_on_the_same_block_for_ever() {
    let mut world = world();
    world.push(5);
    world.push(6);
    world.start_code("throw new Error('no')").unwrap();
    world.pass(ms(200));
    assert_eq!(
        (world.state(), failures(&world)),
        (ExecutionState::Failing, 1)
    );
    world.pass(ms(100_000));
    assert_eq!(
        (world.state(), failures(&world)),
        (ExecutionState::Failing, 10)
    );
    let heights = world.events(|event| match event {
        Event::BlockFailed { height, .. } => Some(*height),
        _ => None,
    });
    assert_eq!(heights, [5; 10]);
    assert_eq!((world.executed().len(), world.queue_len()), (0, 2));
}

#[test]
fn code_that_fails_once_succeeds_after_ten_seconds() {
    let mut world = world();
    world.push(5);
    world.start_code("throw_once").unwrap();
    world.pass(ms(10_179));
    assert_eq!(
        (world.state(), world.executed().len()),
        (ExecutionState::Failing, 0)
    );
    world.pass(ms(1));
    assert_eq!(
        (world.state(), world.executed()),
        (ExecutionState::Waiting, vec![5])
    );
    assert_eq!(failures(&world), 1);
}

#[test]
fn a_failed_read_is_repeated_after_half_a_second() {
    let mut world = world();
    world.push(5);
    world.redis.fail_reads = true;
    world.start(1).unwrap();
    world.pass(ms(70 + 1_499));
    assert_eq!(world.redis.reads, 3);
    world.redis.fail_reads = false;
    world.pass(ms(200));
    assert_eq!((world.redis.reads, world.executed()), (4, vec![5]));
}

#[test]
fn a_block_whose_removal_failed_is_executed_again() {
    let mut world = waiting();
    world.redis.fail_removes = true;
    world.push(5);
    world.pass(ms(200));
    assert_eq!(
        (world.state(), world.executed()),
        (ExecutionState::Failing, vec![5])
    );
    world.redis.fail_removes = false;
    world.pass(ms(9_000));
    assert_eq!(world.executed(), [5]);
    world.pass(ms(1_500));
    assert_eq!(
        (world.state(), world.executed()),
        (ExecutionState::Waiting, vec![5, 5])
    );
    assert_eq!(world.queue_len(), 0);
}

#[test]
fn a_poisoned_block_fails_until_its_worker_is_replaced() {
    let mut world = waiting();
    assert!(world.core.poison(Some(key()), PoisonedBlock::Height(6)));
    for height in 5..=7 {
        world.push(height);
    }
    world.pass(ms(3_600_000));
    assert_eq!(
        (world.state(), world.executed()),
        (ExecutionState::Failing, vec![5])
    );
    assert!(failures(&world) > 300);
    world.stop();
    world.pass(ms(20));
    world.start(1).unwrap();
    world.pass(ms(1_000));
    assert_eq!(
        (world.state(), world.executed()),
        (ExecutionState::Waiting, vec![5, 6, 7])
    );
}

#[test]
fn a_fetch_made_during_an_outage_stays_failed_and_one_made_after_it_works() {
    let mut world = waiting();
    world.core.set_fetch_outage(true);
    world.push(5);
    world.pass(ms(200));
    assert_eq!(world.state(), ExecutionState::Failing);
    world.core.set_fetch_outage(false);
    world.pass(ms(60_000));
    assert_eq!(world.state(), ExecutionState::Failing);
    world.stop();
    world.pass(ms(20));
    world.start(1).unwrap();
    world.pass(ms(1_000));
    assert_eq!(world.executed(), [5]);
}

#[test]
fn a_failed_fetch_is_repeated_without_the_quirk() {
    let quirks = Quirks {
        failed_fetch_is_final: false,
        ..Quirks::default()
    };
    let mut world = World::new(Config {
        quirks,
        ..Config::default()
    });
    world.core.set_fetch_outage(true);
    world.push(5);
    world.start(1).unwrap();
    world.pass(ms(1_000));
    assert_eq!(world.state(), ExecutionState::Failing);
    world.core.set_fetch_outage(false);
    world.pass(ms(10_000));
    assert_eq!(world.executed(), [5]);
}

#[test]
fn a_poison_without_a_target_meets_the_next_fetch_of_anyone_once() {
    let mut world = waiting();
    assert!(world.core.poison(None, PoisonedBlock::Next));
    world.push(5);
    world.pass(ms(200));
    assert_eq!(world.state(), ExecutionState::Failing);
    assert!(world.core.poison(None, PoisonedBlock::Height(9)));
    world.stop();
    world.pass(ms(20));
    world.start(1).unwrap();
    world.pass(ms(500));
    assert_eq!(world.executed(), [5]);
}

#[test]
fn states_are_recorded_when_they_change() {
    let mut world = waiting();
    world.push(5);
    world.pass(ms(500));
    world.stop();
    world.pass(ms(20));
    let states = world.events(|event| match event {
        Event::ExecutorState { state, .. } => Some(*state),
        _ => None,
    });
    let wanted = [
        ExecutionState::Idle,
        ExecutionState::Running,
        ExecutionState::Waiting,
        ExecutionState::Stopped,
    ];
    assert_eq!(states, wanted.map(i32::from));
}

#[test]
fn running_shows_while_more_blocks_are_prefetched() {
    let mut world = waiting();
    for height in 1..=4 {
        world.push(height);
    }
    world.pass(ms(77));
    assert_eq!(
        (world.state(), world.executed()),
        (ExecutionState::Running, vec![1])
    );
    world.pass(ms(15));
    assert_eq!(
        (world.state(), world.executed().len()),
        (ExecutionState::Waiting, 4)
    );
}

#[test]
fn a_queue_that_changed_unannounced_is_read_when_told_so() {
    let mut world = waiting();
    world
        .redis
        .queue_push(world.now, &queue_of(&key()), 5)
        .unwrap();
    world.pass(ms(60_000));
    assert!(world.executed().is_empty());
    let now = world.now;
    world.core.note_queues_changed(now);
    world.pass(ms(300));
    assert_eq!(world.executed(), [5]);
}

#[test]
fn durations_of_zero_do_not_stop_time() {
    let zero = ms(0);
    let mut world = World::new(Config {
        start_delay: zero,
        thread_boot: zero,
        stop_delay: zero,
        execution_time: zero,
        poll_interval: zero,
        redis_retry: zero,
        failure_retry: zero,
        prefetch: 0,
        announced_pushes: false,
        ..Config::default()
    });
    world.push(5);
    world.push(6);
    world.start(1).unwrap();
    world.pass(ms(20));
    assert_eq!(world.executed(), [5, 6]);
    world.stop();
    world.pass(ms(0));
    assert_eq!(world.living(), 0);
}
