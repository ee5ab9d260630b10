//! What the end of an action leaves in the record.

use lifecycle::{Action, Cause, ExecutorState, Phase, Repair, Seen, StreamHealth, Timestamp};

use crate::support::*;

/// The repair that the record holds.
fn repair_of(world: &World) -> Repair {
    let record = world.seen.record.as_ref().unwrap();
    record.repair.clone().unwrap()
}

fn start_stream() -> Action {
    Action::StartStream {
        spec: latest(5),
        height: 120,
    }
}

fn stop_stream() -> Action {
    Action::StopStream("S".to_owned())
}

fn stop_executor() -> Action {
    Action::StopExecutor("E".to_owned())
}

#[test]
fn a_stop_that_is_done_leaves_no_trace() {
    for cause in [Cause::StreamUnhealthy, Cause::ExecutorFailing] {
        let world = repairing(cause, 0)
            .stream_is(stream(5, StreamHealth::Stalled))
            .executor_is(executor(5, ExecutorState::Failing(secs(100))));
        let before = world.seen.record.clone();
        assert_eq!(world.ended(done()).seen.record, before);
    }
    let world = suspending().stream(5);
    let before = world.seen.record.clone();
    assert_eq!(world.ended(done()).seen.record, before);
}

#[test]
fn failures_count_together_for_a_while_from_the_last_on() {
    let world = running().has_repair(Cause::StreamNotStarted, 3, ago(1));
    let window = world.policy.attempts_window;
    let last_at = ago(100);
    for (now, attempts, first_at) in [
        (Timestamp((last_at + window).0 - 1), 4, last_at),
        (last_at + window, 1, last_at + window),
    ] {
        let mut world = world.clone();
        world.now = now;
        let repair = repair_of(&world.absorbs(&start_stream(), refused()));
        assert_eq!((repair.attempts, repair.first_at), (attempts, first_at));
        assert_eq!(repair.last_at, now);
    }
}

#[test]
fn only_failures_of_one_kind_count_together() {
    let attempts = |earlier, action: &Action| {
        let world = running().has_repair(earlier, 3, ago(1));
        repair_of(&world.absorbs(action, refused())).attempts
    };
    assert_eq!(attempts(Cause::StreamNotStarted, &start_stream()), 4);
    // Both stops are one kind.
    assert_eq!(attempts(Cause::StreamNotStopped, &stop_executor()), 4);
    assert_eq!(attempts(Cause::ExecutorNotStopped, &stop_stream()), 4);
    // A stop and a start are not.
    assert_eq!(attempts(Cause::StreamNotStopped, &start_stream()), 1);
    assert_eq!(attempts(Cause::StreamNotStarted, &stop_stream()), 1);
}

#[test]
fn the_other_half_is_put_off_until_the_first_is_due_and_no_longer() {
    let world = repairing(Cause::ExecutorNotStarted, 0).synced(5);
    let (before, due) = (Timestamp(NOW.0 - 1), NOW);
    for (now, cause) in [
        (before, Cause::ExecutorNotStarted),
        (due, Cause::StreamNotStarted),
    ] {
        let mut world = world.clone();
        world.now = now;
        let world = world.absorbs(&start_stream(), refused());
        assert_eq!(repair_of(&world).cause, cause);
        assert_eq!(world.phase(), Phase::Repairing);
    }
}

#[test]
fn only_the_other_half_of_a_repair_that_waits_is_put_off() {
    // Running: it does not wait, though its next time is yet to come.
    let world = running().has_repair(Cause::ExecutorNotStarted, 3, NOW + secs(90));
    let world = world.absorbs(&start_stream(), refused());
    assert_eq!(repair_of(&world).cause, Cause::StreamNotStarted);
    // Another failure than that of the other half.
    let world = repairing(Cause::StreamNotStarted, 90).absorbs(&start_stream(), refused());
    assert_eq!(repair_of(&world).attempts, 4);
}

#[test]
fn a_stop_is_put_off_by_the_pause_of_its_repair() {
    let world = repairing(Cause::StreamUnhealthy, 0).absorbs(&stop_stream(), refused());
    let repair = repair_of(&world);
    assert_eq!((repair.cause, repair.attempts), (Cause::StreamUnhealthy, 3));
    assert_eq!(repair.next_at, NOW + world.policy.retry.delay(&id(), 3));
    let tenth = repairing(Cause::StreamUnhealthy, 0)
        .record(|record| {
            if let Some(repair) = &mut record.repair {
                repair.attempts = 10;
            }
        })
        .absorbs(&stop_stream(), refused());
    assert_eq!(
        repair_of(&tenth).next_at,
        NOW + world.policy.retry.delay(&id(), 4),
        "a stop is never put off for long"
    );
}

#[test]
fn what_was_to_be_started_and_exists_is_looked_at_again() {
    let world = running().ended(lifecycle::Outcome::AlreadyExists);
    let repair = repair_of(&world);
    assert_eq!(repair.detail, "it exists already");
    assert!(!repair.limited);
    let world = world
        .executor_is(executor(5, ExecutorState::Fine))
        .stream_is(Seen::Absent);
    assert_eq!(world.commits().phase, Phase::Running);
}
