//! The operator's switch.

use lifecycle::{Cause, Desired, ExecutorState, Phase, Seen, Service};

use crate::support::*;

#[test]
fn a_disabled_indexer_is_suspended_from_every_working_phase() {
    for phase in [Phase::Initializing, Phase::Running, Phase::Repairing] {
        let world = in_phase(phase).disabled();
        assert_eq!(world.plan(), "commit Suspending, disabled", "{phase}");
    }
}

#[test]
fn the_switch_ends_every_repair() {
    let world = repairing(Cause::StreamUnhealthy, 300).disabled();
    assert_eq!(world.commits().repair, None);
}

#[test]
fn the_switch_is_obeyed_whatever_the_registry_says() {
    for desired in [
        Desired::Unknown,
        Desired::Missing,
        deleted(3, 4),
        Desired::Present(latest(3)),
        Desired::Present(event(9)),
    ] {
        let world = running().disabled().desired(desired.clone());
        assert_eq!(world.commits().phase, Phase::Suspending, "{desired:?}");
        let world = suspending().stream(5).desired(desired);
        assert_eq!(world.plan(), "stop stream S");
    }
}

#[test]
fn both_are_stopped_then_it_is_suspended() {
    let world = suspending().stream(5).executor(5);
    assert_eq!(world.plan(), "stop stream S");
    let world = world.stream_is(Seen::Absent);
    assert_eq!(world.plan(), "stop executor E");
    let world = world.executor_is(Seen::Absent).committed();
    assert_eq!(world.stands(), "Suspended, disabled, version 5 from 120");
    assert_eq!(world.plan(), "wait: disabled by an operator");
}

#[test]
fn nothing_is_suspended_unseen() {
    let world = suspending().stream_is(Seen::Unknown);
    assert_eq!(world.plan(), "wait: the block streamer could not be asked");
    let world = suspending().executor_is(Seen::Unknown);
    assert_eq!(
        world.plan(),
        "wait: the executor service could not be asked"
    );
}

#[test]
fn a_streamer_that_is_down_keeps_no_executor_alive() {
    let world = suspending().executor(5).down(Service::BlockStreamer);
    assert_eq!(world.clone().stream(5).plan(), "stop executor E");
    assert_eq!(world.stream_is(Seen::Unknown).plan(), "stop executor E");
}

#[test]
fn a_stream_that_cannot_be_stopped_keeps_no_executor_alive() {
    let world = suspending().stream(5).executor(5).ended(refused());
    assert_eq!(world.plan(), "stop executor E");
    let world = world.ended(refused());
    assert_eq!(
        world.plan(),
        "wait: the executor could not be stopped (attempt 2): refused"
    );
    assert_eq!(world.later(secs(2)).plan(), "stop stream S");
}

#[test]
fn an_executor_that_is_starting_is_waited_for() {
    let starting = executor(5, ExecutorState::Starting(secs(1)));
    let world = suspending()
        .executor_is(starting)
        .down(Service::BlockStreamer);
    assert_eq!(world.stream(5).wakes_in(), Some(1));
}

#[test]
fn what_a_late_start_brings_back_is_stopped_again() {
    assert_eq!(suspended().stream(5).plan(), "stop stream S");
    assert_eq!(suspended().executor(5).plan(), "stop executor E");
    let unseen = suspended().executor(5).stream_is(Seen::Unknown);
    assert_eq!(unseen.plan(), "stop executor E");
}

#[test]
fn what_cannot_be_seen_does_not_disturb_a_suspended_indexer() {
    let world = suspended()
        .stream_is(Seen::Unknown)
        .executor_is(Seen::Unknown);
    assert_eq!(world.plan(), "wait: disabled by an operator");
    assert_eq!(world.wakes_in(), None);
}

#[test]
fn a_failed_stop_is_forgotten_once_it_is_over() {
    let world = suspended().has_repair(Cause::StreamNotStopped, 2, ago(5));
    assert_eq!(world.commits().repair, None);
}

#[test]
fn enabling_returns_to_work_in_the_middle_of_anything() {
    for world in [suspended(), suspending().stream(5)] {
        let world = world.has_repair(Cause::StreamNotStopped, 2, NOW + secs(300));
        let world = world.record(|record| record.enabled = true);
        assert_eq!(world.plan(), "commit Running, version 5 from 120");
    }
    let world = suspended().record(|record| {
        record.enabled = true;
        record.provisioned = false;
        record.run = None;
    });
    assert_eq!(world.plan(), "commit Initializing");
}

#[test]
fn after_enabling_the_run_goes_on_at_its_cursor() {
    let world = suspended()
        .record(|record| record.enabled = true)
        .committed();
    let world = world.synced(5).executor(5).progress(Some(140), Some(130));
    assert_eq!(world.plan(), "start stream at 140, version 5");
}

#[test]
fn once_it_is_suspended_its_failures_are_forgotten() {
    let world = suspending().has_repair(Cause::StreamNotStopped, 3, ago(1));
    let record = world.commits();
    assert_eq!((record.phase, record.repair), (Phase::Suspended, None));
}

#[test]
fn an_executor_that_is_starting_is_stopped_as_soon_as_that_is_over() {
    let starting = |age| executor(5, ExecutorState::Starting(secs(age)));
    let mut world = suspending().executor_is(starting(100));
    assert_eq!(world.wakes_in(), Some(1), "it may be over before its time");
    world.policy.recheck = secs(60);
    assert_eq!(world.wakes_in(), Some(20));
    assert_eq!(world.executor_is(starting(120)).plan(), "stop executor E");
}
