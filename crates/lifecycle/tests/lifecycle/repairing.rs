//! The one visible retry state.

use lifecycle::{Cause, ExecutorState, Phase, Seen, Service, StreamHealth};

use crate::support::*;

fn stalled() -> Seen<lifecycle::Stream> {
    stream(5, StreamHealth::Stalled)
}

fn failing() -> Seen<lifecycle::Executor> {
    executor(5, ExecutorState::Failing(secs(100)))
}

#[test]
fn a_repair_waits_for_its_time_and_says_why() {
    let world = repairing(Cause::StreamUnhealthy, 90)
        .stream_is(stalled())
        .executor(5);
    assert_eq!(
        world.plan(),
        "wait: the block stream is unhealthy (attempt 3): broken"
    );
    assert_eq!(world.wakes_in(), Some(90));
}

#[test]
fn what_is_still_unhealthy_is_stopped_and_started_again() {
    let world = repairing(Cause::StreamUnhealthy, 0).executor(5);
    let stopping = world.clone().stream_is(stalled());
    assert_eq!(stopping.plan(), "stop stream S");
    let world = stopping.ended(done()).stream_is(Seen::Absent).committed();
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.plan(), "start stream at 120, version 5");
    for cause in [Cause::ExecutorUnhealthy, Cause::ExecutorFailing] {
        let world = repairing(cause, 0).stream(5);
        assert_eq!(
            world.clone().executor_is(failing()).plan(),
            "stop executor E"
        );
    }
}

#[test]
fn a_verdict_that_was_wrong_restarts_nothing() {
    let world = repairing(Cause::StreamUnhealthy, 90).stream(5).executor(5);
    assert_eq!(world.commits().phase, Phase::Running);
    let world = repairing(Cause::ExecutorFailing, 90).stream(5).executor(5);
    assert_eq!(world.commits().phase, Phase::Running);
}

#[test]
fn failing_on_a_new_block_is_no_reason_to_restart() {
    let young = executor(5, ExecutorState::Failing(secs(1)));
    let world = repairing(Cause::ExecutorFailing, 0)
        .stream(5)
        .executor_is(young);
    assert_eq!(world.commits().phase, Phase::Running);
}

#[test]
fn what_is_gone_by_itself_is_started_without_delay() {
    let world = repairing(Cause::ExecutorFailing, 9000).stream(5);
    assert_eq!(world.committed().plan(), "start executor, version 5");
    let world = repairing(Cause::StreamUnhealthy, 9000).executor(5);
    assert_eq!(world.committed().plan(), "start stream at 120, version 5");
}

#[test]
fn the_attempts_at_restarting_are_kept_for_the_next_time() {
    let world = repairing(Cause::StreamUnhealthy, 0).executor(5).committed();
    let world = world.stream_is(stalled());
    assert_eq!(world.commits().repair.unwrap().attempts, 4);
}

#[test]
fn a_success_ends_other_repairs() {
    let world = repairing(Cause::StreamNotStarted, 9000)
        .executor(5)
        .stream(5);
    assert_eq!(world.commits().repair, None);
    let world =
        running()
            .executor(5)
            .stream(5)
            .synced(5)
            .has_repair(Cause::ExecutorNotStarted, 2, ago(1));
    assert_eq!(world.commits().repair, None);
}

#[test]
fn nothing_is_restarted_unseen() {
    let world = repairing(Cause::StreamUnhealthy, 0)
        .executor(5)
        .stream_is(Seen::Unknown);
    assert_eq!(world.plan(), "wait: the block streamer could not be asked");
    let world = repairing(Cause::ExecutorFailing, 0)
        .stream(5)
        .executor_is(Seen::Unknown);
    assert_eq!(
        world.plan(),
        "wait: the executor service could not be asked"
    );
}

#[test]
fn nothing_is_restarted_where_nobody_answers() {
    let world = repairing(Cause::StreamUnhealthy, 0)
        .executor(5)
        .stream_is(stalled());
    assert_eq!(
        world.down(Service::BlockStreamer).plan(),
        "wait: the block streamer does not answer"
    );
    let world = repairing(Cause::ExecutorFailing, 0)
        .stream(5)
        .executor_is(failing());
    assert_eq!(
        world.down(Service::Executors).plan(),
        "wait: the executor service does not answer"
    );
}

#[test]
fn the_other_half_is_kept_alive() {
    let world = repairing(Cause::StreamUnhealthy, 90).stream_is(stalled());
    assert_eq!(world.plan(), "start executor, version 5");
    let world = repairing(Cause::ExecutorFailing, 90)
        .executor_is(failing())
        .synced(5);
    assert_eq!(world.plan(), "start stream at 120, version 5");
}

#[test]
fn a_service_that_is_away_does_not_keep_the_other_half_from_being_repaired() {
    let executors_away = |world: World| world.executor_is(failing()).down(Service::Executors);
    let world = executors_away(repairing(Cause::ExecutorFailing, 0).synced(5));
    assert_eq!(world.plan(), "start stream at 120, version 5");
    assert_eq!(
        world.clone().starts_in(20).wakes_in(),
        Some(20),
        "it is not the repair's turn"
    );
    let sick = world.stream_is(stalled());
    let record = sick.commits();
    let repair = record.repair.unwrap();
    assert_eq!(
        (record.phase, repair.cause, repair.attempts),
        (Phase::Repairing, Cause::StreamUnhealthy, 1)
    );
    let pause = sick.policy.restart.delay(&id(), 1);
    assert_eq!(repair.next_at, NOW + pause);
    let world = sick.clone().committed();
    assert_eq!(world.later(pause).plan(), "stop stream S");

    // Unseen is as good as away.
    let unseen = repairing(Cause::ExecutorFailing, 0)
        .synced(5)
        .executor_is(Seen::Unknown);
    assert_eq!(unseen.plan(), "start stream at 120, version 5");
    let streamer_away = repairing(Cause::StreamUnhealthy, 0)
        .stream_is(stalled())
        .down(Service::BlockStreamer);
    let executor_sick = streamer_away.clone().executor_is(failing());
    assert_eq!(
        executor_sick.commits().repair.unwrap().cause,
        Cause::ExecutorFailing
    );

    // Where neither answers they do not take turns in being repaired.
    assert_eq!(
        sick.down(Service::BlockStreamer).plan(),
        "wait: the executor service does not answer"
    );
    assert_eq!(
        executor_sick.down(Service::Executors).plan(),
        "wait: the block streamer does not answer"
    );
    // Nor before the first half's time has come.
    let world = executors_away(repairing(Cause::ExecutorFailing, 90).synced(5));
    assert_eq!(world.stream_is(stalled()).wakes_in(), Some(90));
}

#[test]
fn the_other_half_keeps_to_the_budget_but_the_repair_to_its_time() {
    let world = repairing(Cause::StreamUnhealthy, 90).stream_is(stalled());
    assert_eq!(world.clone().starts_in(20).wakes_in(), Some(20));
    assert_eq!(world.starts_in(200).wakes_in(), Some(90));
}

#[test]
fn a_stream_that_never_ran_waits_for_its_executor() {
    let world = repairing(Cause::ExecutorNotStarted, 90);
    assert_eq!(
        world.plan(),
        "wait: the executor could not be started (attempt 3): broken"
    );
}

#[test]
fn an_update_ends_every_repair() {
    let world = repairing(Cause::ExecutorFailing, 9000).wants(latest(9));
    let record = world.commits();
    assert_eq!((record.phase, record.repair), (Phase::Running, None));
    let world = repairing(Cause::ProvisioningFailed, 9000)
        .wants(latest(9))
        .record(|record| record.provisioned = false);
    assert_eq!(world.commits().phase, Phase::Initializing);
}

#[test]
fn so_does_other_content_of_the_same_version() {
    let world = repairing(Cause::ExecutorFailing, 9000).wants(other_content(5));
    assert_eq!(world.commits().repair, None);
}

#[test]
fn limited_tries_end_with_staying_put() {
    let mut world = running();
    for attempt in 1..8 {
        world = world.ended(refused());
        let repair = world.seen.record.as_ref().unwrap().repair.as_ref().unwrap();
        assert_eq!(repair.attempts, attempt);
        world = world.later(secs(300)).committed();
    }
    let world = world.ended(refused());
    assert_eq!(
        world.plan(),
        "wait: the executor could not be started, 8 times; \
         waiting for an update or an operator: refused"
    );
    assert_eq!(world.wakes_in(), Some(6 * 3600));
    let world = world.later(secs(6 * 3600)).committed();
    assert_eq!(world.plan(), "start executor, version 5");
}

#[test]
fn what_may_pass_is_tried_for_ever() {
    let mut world = running();
    for _ in 0..50 {
        world = world.ended(unreachable());
        assert!(world.wakes_in().is_some_and(|seconds| seconds <= 300));
        world = world.later(secs(300)).committed();
    }
}

#[test]
fn a_repair_of_the_original_is_simply_tried_again() {
    let world = in_phase(Phase::Repairing);
    assert_eq!(world.plan(), "commit Running");
    let world = world.record(|record| record.provisioned = false);
    assert_eq!(world.plan(), "commit Initializing");
}

#[test]
fn a_repair_without_a_target_still_waits() {
    let world = repairing(Cause::ExecutorNotStarted, 90).record(|record| {
        if let Some(repair) = &mut record.repair {
            repair.target = None;
        }
    });
    assert_eq!(world.wakes_in(), Some(90));
}

#[test]
fn a_stop_that_fails_in_a_repair_puts_it_off() {
    let world = repairing(Cause::StreamUnhealthy, 0)
        .executor(5)
        .stream_is(stalled())
        .ended(refused());
    assert_eq!(
        world.stands(),
        "Repairing, version 5 from 120, the block stream is unhealthy (attempt 3)"
    );
    assert!(world.wakes_in().is_some());
}

#[test]
fn what_is_left_of_another_version_does_not_wait_for_a_repair() {
    let world = repairing(Cause::ExecutorFailing, 9000)
        .executor_is(failing())
        .stream(3);
    let world = world.committed().committed();
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.plan(), "stop stream S");
}

#[test]
fn a_rule_that_can_be_served_after_an_upgrade_is_not_held_back() {
    let world = repairing(Cause::UnsupportedRule, 9000);
    assert_eq!(world.commits().phase, Phase::Running);
}

#[test]
fn a_long_error_is_shortened_at_a_character() {
    let text = "ä".repeat(1000);
    let world = running().ended(lifecycle::Outcome::Rejected(text));
    let detail = world.seen.record.unwrap().repair.unwrap().detail;
    assert_eq!(detail, "ä".repeat(150));
}

#[test]
fn halves_that_both_fail_do_not_take_turns_without_pause() {
    let world = repairing(Cause::ExecutorNotStarted, 90).synced(5);
    assert_eq!(world.plan(), "start stream at 120, version 5");
    for outcome in [unreachable(), refused()] {
        let failed = world.clone().ended(outcome);
        let repair = failed.seen.record.clone().unwrap().repair.unwrap();
        assert_eq!(
            (repair.cause, repair.attempts),
            (Cause::ExecutorNotStarted, 3)
        );
        assert_eq!(
            failed.plan(),
            "wait: the executor could not be started (attempt 3): broken"
        );
        assert_eq!(failed.wakes_in(), Some(90));
        // What was tried meanwhile is no reason to wait beyond the time.
        let world = failed.later(secs(90)).committed();
        assert_eq!(world.plan(), "start executor, version 5");
    }
}

#[test]
fn the_pauses_of_the_other_half_double_and_end_with_its_start() {
    let mut world = repairing(Cause::StreamUnhealthy, 9000).stream_is(stalled());
    for pause in [100, 200, 300, 300] {
        assert_eq!(world.plan(), "start executor, version 5");
        world = world.ended(unreachable());
        assert_eq!(world.wakes_in(), Some(pause));
        world = world.later(secs(pause));
    }
    assert_eq!(world.executor(5).wakes_in(), Some(8100));
}

#[test]
fn a_half_that_gave_up_does_not_hide_that_the_other_is_still_tried() {
    let world = running().has_repair(Cause::ExecutorNotStarted, 8, ago(0));
    let world = world.synced(5).executor_is(Seen::Absent).ended(refused());
    assert!(world.plan().contains("start stream"), "{}", world.plan());
    let world = world.ended(unreachable());
    assert!(
        world
            .plan()
            .contains("the block stream could not be started"),
        "{}",
        world.plan()
    );
    assert!(world.wakes_in().is_some_and(|pause| pause <= 300));
}

#[test]
fn what_was_to_be_stopped_or_started_decides_whether_a_repair_is_over() {
    for (cause, streams, executes, over) in [
        (Cause::StreamNotStopped, true, false, false),
        (Cause::StreamNotStopped, false, true, true),
        (Cause::ExecutorNotStopped, false, true, false),
        (Cause::ExecutorNotStopped, true, false, true),
        (Cause::StreamNotStarted, false, true, false),
        (Cause::StreamNotStarted, true, false, true),
        (Cause::ExecutorNotStarted, true, false, false),
        (Cause::ExecutorNotStarted, false, true, true),
    ] {
        let mut world = repairing(cause, 90).synced(5);
        if streams {
            world = world.stream(5);
        }
        if executes {
            world = world.executor(5);
        }
        if over {
            let record = world.commits();
            assert_eq!((record.phase, record.repair), (Phase::Running, None));
        } else {
            assert_eq!(world.wakes_in(), Some(90), "{cause}");
        }
    }
}

#[test]
fn nothing_of_another_version_is_restarted() {
    // Without a data layer it does not end the repair; it is not what was unhealthy.
    let bare = |cause| {
        repairing(cause, 0).record(|record| {
            record.provisioned = false;
            record.run = None;
        })
    };
    let world = bare(Cause::StreamUnhealthy).stream_is(stream(3, StreamHealth::Stalled));
    assert_eq!(world.commits().phase, Phase::Initializing);
    let failing = executor(3, ExecutorState::Failing(secs(100)));
    let world = bare(Cause::ExecutorFailing).executor_is(failing);
    assert_eq!(world.commits().phase, Phase::Initializing);
}

#[test]
fn a_half_that_cannot_be_seen_does_not_hide_why_the_other_waits() {
    let expected = "wait: the block stream is unhealthy (attempt 3): broken";
    let world = repairing(Cause::StreamUnhealthy, 90).stream_is(stalled());
    for world in [
        world.clone().executor_is(Seen::Unknown),
        world.down(Service::Executors),
    ] {
        assert_eq!(world.plan(), expected);
        assert_eq!(world.wakes_in(), Some(90));
    }
}
