//! An operator's hold, and the order to try again.

use lifecycle::{
    Cause, Desired, ExecutorState, Phase, Reason, Seen, Service, Step, StreamHealth, TaskSeen,
};

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
                // That it is registered anew may be noted, and changes nothing.
                let world = match world.step() {
                    Step::Commit(next) => {
                        let mut before = world.seen.record.clone().unwrap();
                        before.registered = Some(9);
                        assert_eq!(*next, before);
                        world.committed()
                    }
                    _ => world,
                };
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

fn retried(world: World) -> World {
    let now = world.now;
    world.record(|record| *record = record.retried(now).unwrap())
}

#[test]
fn an_order_to_retry_forgets_failures_and_nothing_else() {
    let record = |world: World| world.seen.record.unwrap();
    let before = repairing(Cause::StreamNotStarted, 300);
    let after = record(retried(before.clone()));
    assert_eq!((after.phase, &after.repair), (Phase::Running, &None));
    assert_eq!(after.run, record(before).run);
    let stopping = suspending().has_repair(Cause::StreamNotStopped, 3, ago(0));
    let stopping = record(retried(stopping));
    assert_eq!((stopping.phase, stopping.repair), (Phase::Suspending, None));
    let ran = running().has_repair(Cause::StreamUnhealthy, 3, ago(0));
    let ran = record(retried(ran));
    assert_eq!((ran.phase, ran.repair), (Phase::Running, None));
    assert_eq!(record(running()).retried(NOW), None);
}

/// What needs a restart, and what that begins with.
fn sick() -> [(Cause, World, &'static str); 4] {
    let executor = |cause, state| {
        repairing(cause, 90)
            .stream(5)
            .executor_is(executor(5, state))
    };
    let stream = |health| {
        let world = repairing(Cause::StreamUnhealthy, 90).executor(5);
        world.stream_is(stream(5, health))
    };
    let failing = executor(Cause::ExecutorFailing, ExecutorState::Failing(secs(100)));
    [
        (
            Cause::StreamUnhealthy,
            stream(StreamHealth::Stalled),
            "stop stream S",
        ),
        (
            Cause::StreamUnhealthy,
            stream(StreamHealth::Frozen),
            "stop stream S",
        ),
        (
            Cause::ExecutorUnhealthy,
            executor(Cause::ExecutorUnhealthy, ExecutorState::Stalled),
            "stop executor E",
        ),
        (Cause::ExecutorFailing, failing, "stop executor E"),
    ]
}

#[test]
fn an_order_to_retry_restarts_at_once_what_is_sick() {
    for (cause, world, stop) in sick() {
        for (attempts, pause) in [(1, 90), (7, 290), (8, 21_600)] {
            let world = world.clone().has_repair(cause, attempts, NOW + secs(pause));
            assert_eq!(world.wakes_in(), Some(pause));
            let world = retried(world);
            assert_eq!(world.plan(), stop, "{cause} {attempts}");
            let repair = world.seen.record.as_ref().unwrap().repair.clone().unwrap();
            assert_eq!((repair.cause, repair.attempts), (cause, 1));
            assert_eq!(repair.first_at, ago(100), "it is no other failure");
            // The stop may fail; then that has its own pause, and another order ends it.
            let refused = world.clone().later(secs(1)).ended(unreachable());
            assert!(refused.wakes_in().is_some_and(|pause| pause <= 1));
            assert_eq!(retried(refused).plan(), stop);
            let world = world.ended(done());
            let world = match cause {
                Cause::StreamUnhealthy => world.stream_is(Seen::Absent),
                _ => world.executor_is(Seen::Absent),
            };
            assert!(world.committed().plan().starts_with("start "));
        }
    }
}

#[test]
fn an_order_to_retry_is_for_both_halves() {
    for (cause, world, _) in sick() {
        let both = world.record(|record| {
            let repair = record.repair.as_mut().unwrap();
            repair.other_at = Some(NOW + secs(300));
        });
        let repair = retried(both).seen.record.unwrap().repair.unwrap();
        assert_eq!((repair.cause, repair.other_at), (cause, None));
    }
}

#[test]
fn an_order_to_retry_stops_nothing_that_is_well_again() {
    for (_, world, _) in sick() {
        let world = retried(world.stream(5).executor(5)).committed();
        assert_eq!(world.phase(), Phase::Running);
        let world = world.committed();
        assert_eq!(world.plan(), "wait: everything is as wanted");
    }
    let world = repairing(Cause::ExecutorFailing, 90).stream(5);
    let young = executor(5, ExecutorState::Failing(secs(1)));
    let world = retried(world.executor_is(young)).committed();
    assert_eq!(world.phase(), Phase::Running);
}

#[test]
fn orders_to_retry_again_and_again_do_not_put_off_what_they_order() {
    for (cause, mut world, stop) in sick() {
        world = world.has_repair(cause, 8, NOW + secs(21_600));
        let down = match cause {
            Cause::StreamUnhealthy => Service::BlockStreamer,
            _ => Service::Executors,
        };
        for _ in 0..20 {
            world = retried(world).later(secs(20));
            let waiting = world.clone().down(down).plan();
            assert!(waiting.ends_with("does not answer"), "{waiting}");
            assert_eq!(world.plan(), stop);
        }
    }
}

#[test]
fn a_held_indexer_is_retried_when_it_is_released() {
    for (_, world, stop) in sick() {
        let world = retried(held(world));
        assert!(rests(&world));
        let world = world.later(secs(3_600)).record(|record| record.hold = None);
        assert_eq!(world.plan(), stop);
    }
}

#[test]
fn what_fails_again_after_an_order_to_retry_waits_as_before() {
    for (cause, world, _) in sick() {
        let world = retried(world).record(|record| record.phase = Phase::Running);
        let repair = world.commits().repair.unwrap();
        assert_eq!((repair.cause, repair.attempts), (cause, 2));
        assert_eq!(repair.next_at, NOW + world.policy.restart.delay(&id(), 2));
    }
}
