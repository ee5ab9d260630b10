//! An operator's hold, and the order to try again.

use lifecycle::{Cause, Desired, Phase, Reason, Seen, Step, TaskSeen};

use crate::support::*;

fn held(world: World) -> World {
    world.record(|record| record.hold = Some(hold()))
}

fn rests(world: &World) -> bool {
    matches!(world.step(), Step::Wait(wait) if matches!(wait.reason, Reason::Held { .. }))
}

#[test]
fn a_held_indexer_is_neither_repaired_nor_changed_nor_stopped_nor_deleted() {
    for phase in Phase::ALL {
        for desired in [Desired::Present(latest(9)), deleted(5, 9), Desired::Unknown] {
            for enabled in [true, false] {
                let world = held(in_phase(phase))
                    .record(|record| record.enabled = enabled)
                    .desired(desired.clone())
                    .stream_is(Seen::Absent);
                assert!(rests(&world), "{phase} {desired:?} {enabled}");
            }
        }
    }
}

#[test]
fn the_reason_says_who_and_why() {
    let world = held(running());
    assert_eq!(world.plan(), "wait: held by olga: looking into it");
    assert_eq!(world.wakes_in(), None);
}

#[test]
fn a_task_in_flight_is_watched_to_its_end() {
    let world = held(initializing()).has_task(Some("T"), ago(5));
    let pending = world.clone().task(TaskSeen::Pending);
    assert!(rests(&pending) && pending.wakes_in().is_some());
    let done = world.clone().task(TaskSeen::Complete).commits();
    assert!(done.provisioned && done.task.is_none() && done.hold.is_some());
    assert!(rests(&world.task(TaskSeen::Complete).committed()));
}

#[test]
fn an_intent_that_was_just_written_is_not_carried_out() {
    let world = held(initializing()).has_task(None, ago(0)).armed();
    assert!(rests(&world));
}

#[test]
fn an_order_to_retry_forgets_failures_and_nothing_else() {
    let record = |world: World| world.seen.record.unwrap();
    let before = record(repairing(Cause::StreamUnhealthy, 300));
    let after = before.retried().unwrap();
    assert_eq!((after.phase, &after.repair), (Phase::Running, &None));
    assert_eq!(after.run, before.run);
    let stopping = record(suspending().has_repair(Cause::StreamNotStopped, 3, ago(0)));
    assert_eq!(stopping.retried().unwrap().phase, Phase::Suspending);
    assert_eq!(record(running()).retried(), None);
}
