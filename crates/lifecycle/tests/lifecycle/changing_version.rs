//! A change of version, strictly in order.

use lifecycle::{Cause, ExecutorState, Progress, Seen, Service, StreamHealth};

use crate::support::*;

/// Version 5 runs and is healthy, version 9 is wanted.
fn updated() -> World {
    running().stream(5).executor(5).synced(5).wants(latest(9))
}

#[test]
fn the_order_is_stop_decide_clear_start() {
    let world = updated();
    assert_eq!(world.plan(), "stop stream S");
    let world = world.ended(done()).stream_is(Seen::Absent);
    assert_eq!(world.plan(), "stop executor E");
    let world = world.ended(done()).executor_is(Seen::Absent);
    assert_eq!(world.plan(), "commit Running, version 9 from 9 unprepared");
    let world = world.committed();
    assert_eq!(world.plan(), "clear queue and cursor");
    let world = world.ended(done());
    assert_eq!(world.plan(), "start executor, version 9");
    let world = world.ended(done()).executor(9);
    assert_eq!(world.plan(), "start stream at 9, version 9");
}

#[test]
fn a_queue_that_is_refused_keeps_only_those_waiting_who_go_on_at_it() {
    let stopped = updated().stream_is(Seen::Absent).executor_is(Seen::Absent);
    let refused = |spec| {
        let mut world = stopped.clone().wants(spec);
        world.seen.progress = Progress::Refused;
        world.plan()
    };
    assert_eq!(
        refused(latest(9)),
        "commit Running, version 9 from 9 unprepared"
    );
    assert_eq!(
        refused(height(9, 4)),
        "commit Running, version 9 from 4 unprepared"
    );
    assert_eq!(refused(continued(9)), "wait: the store could not be asked");
}

#[test]
fn a_run_that_was_decided_here_is_not_the_originals() {
    let world = updated()
        .record(|record| (record.run, record.inherited) = (None, true))
        .stream_is(Seen::Absent)
        .executor_is(Seen::Absent);
    assert!(!world.commits().inherited);
}

#[test]
fn stops_are_verified() {
    let world = updated().stream_is(Seen::Unknown);
    assert_eq!(world.plan(), "stop executor E");
    let world = world.executor_is(Seen::Absent);
    assert_eq!(world.plan(), "wait: the block streamer could not be asked");
    let world = updated().stream_is(Seen::Absent).executor_is(Seen::Unknown);
    assert_eq!(
        world.plan(),
        "wait: the executor service could not be asked"
    );
}

#[test]
fn an_unprepared_run_clears_nothing_beside_a_stream() {
    let unprepared = |world: World| {
        world.record(|record| {
            if let Some(run) = &mut record.run {
                run.prepared = false;
            }
        })
    };
    assert_eq!(unprepared(running()).plan(), "clear queue and cursor");
    assert_eq!(unprepared(running().stream(5)).plan(), "stop stream S");
    assert_eq!(unprepared(running().executor(5)).plan(), "stop executor E");
    assert_eq!(
        unprepared(running().stream_is(Seen::Unknown)).plan(),
        "wait: the block streamer could not be asked"
    );
}

#[test]
fn an_executor_that_is_starting_is_not_stopped_within_its_grace() {
    let starting = |seconds| executor(5, ExecutorState::Starting(secs(seconds)));
    let world = updated().stream_is(Seen::Absent);
    let young = world.clone().executor_is(starting(119));
    assert_eq!(
        young.plan(),
        "wait: the executor is still starting; it is stopped when that is over"
    );
    assert_eq!(young.wakes_in(), Some(1));
    assert_eq!(world.executor_is(starting(120)).plan(), "stop executor E");
}

#[test]
fn the_same_version_with_other_content_is_a_change() {
    let world = updated().wants(other_content(5));
    assert_eq!(world.plan(), "stop stream S");
    let world = world.stream_is(Seen::Absent).executor_is(Seen::Absent);
    assert_eq!(world.plan(), "commit Running, version 5 from 5 unprepared");
    assert_eq!(world.commits().synced_at, None);
}

#[test]
fn a_rule_that_cannot_be_served_stops_the_old_version_and_stays_put() {
    let world = updated().wants(event(9));
    assert_eq!(world.plan(), "stop stream S");
    let world = world.stream_is(Seen::Absent).executor_is(Seen::Absent);
    let world = world.committed();
    assert_eq!(
        world.plan(),
        "wait: the rule kind is not supported, 1 times; waiting for an update or an operator: \
         no block streamer can serve rules of kind EVENT"
    );
    assert_eq!(world.wakes_in(), None);
    assert_eq!(
        world.wants(latest(11)).committed().plan(),
        "commit Running, version 11 from 11 unprepared"
    );
}

#[test]
fn without_progress_no_run_is_decided() {
    let world = running().wants(continued(9)).progress_unknown();
    assert_eq!(world.plan(), "wait: the store could not be asked");
}

#[test]
fn a_stop_that_fails_is_tried_again() {
    let world = updated().ended(refused());
    let expected =
        "Repairing, version 5 from 120, the block stream could not be stopped (attempt 1)";
    assert_eq!(world.stands(), expected);
    assert!(world.wakes_in().is_some());
    assert_eq!(world.later(secs(1)).committed().plan(), "stop stream S");
}

#[test]
fn a_stop_that_failed_and_yet_happened_is_noticed_at_once() {
    let world = updated().ended(refused()).stream_is(Seen::Absent);
    assert_eq!(world.plan(), "commit Running, version 5 from 120");
    assert_eq!(world.committed().plan(), "stop executor E");
}

#[test]
fn data_that_cannot_be_cleared_is_cleared_after_a_pause() {
    let world = running().wants(latest(9)).committed().ended(unreachable());
    let expected = "Repairing, version 9 from 9 unprepared, \
                    queue and cursor could not be cleared (attempt 1)";
    assert_eq!(world.stands(), expected);
    assert_eq!(
        world.later(secs(1)).committed().plan(),
        "clear queue and cursor"
    );
}

#[test]
fn what_is_left_of_another_version_takes_the_data_from_the_run() {
    let left = [running().stream(3), running().executor(3)];
    for world in left {
        assert_eq!(
            world.plan(),
            "commit Running, version 5 from 120 unprepared"
        );
        assert!(world.committed().plan().starts_with("stop "));
    }
}

#[test]
fn nothing_starts_beside_another_version() {
    let taken_over = |world: World| {
        world.record(|record| {
            if let Some(run) = &mut record.run {
                run.start = None;
            }
        })
    };
    let world = taken_over(running().stream(3).synced(5));
    assert_eq!(world.plan(), "stop stream S");
    assert_eq!(
        world.down(Service::BlockStreamer).plan(),
        "wait: the block streamer does not answer"
    );
    let starting = executor(3, ExecutorState::Starting(secs(1)));
    let world = taken_over(running().executor_is(starting).synced(5));
    assert_eq!(
        world.plan(),
        "wait: the executor is still starting; it is stopped when that is over"
    );
}

#[test]
fn the_health_of_what_is_to_be_replaced_does_not_matter() {
    let world = updated().stream_is(stream(5, StreamHealth::Stalled));
    assert_eq!(world.plan(), "stop stream S");
}

#[test]
fn a_store_that_refuses_to_clear_is_asked_for_ever() {
    let mut world = running().wants(latest(9)).committed();
    for _ in 0..20 {
        world = world.ended(refused());
        assert!(world.wakes_in().is_some_and(|seconds| seconds <= 300));
        world = world.later(secs(300)).committed();
    }
}

#[test]
fn a_rule_that_cannot_be_served_leaves_nothing_running() {
    let world = running().wants(event(9)).committed();
    assert_eq!(world.phase(), lifecycle::Phase::Repairing);
    for late in [world.clone().stream(9), world.executor(9)] {
        let world = late.committed().committed();
        assert_eq!(world.phase(), lifecycle::Phase::Running);
        assert!(world.plan().starts_with("stop "));
    }
}

#[test]
fn a_new_run_knows_nothing_of_what_became_of_the_last() {
    let world = running().synced(5).wants(latest(9));
    let record = world
        .has_repair(Cause::StreamNotStopped, 3, ago(1))
        .commits();
    assert_eq!(record.run.map(|run| run.target.version), Some(9));
    assert_eq!((record.repair, record.synced_at), (None, None));
}
