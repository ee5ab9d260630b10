//! Keeping one run alive.

use lifecycle::{ExecutorState, Outcome, Run, Seen, Service, StreamHealth, Target};

use crate::support::*;

#[test]
fn the_executor_starts_first() {
    assert_eq!(running().plan(), "start executor, version 5");
}

#[test]
fn then_the_stream() {
    let world = running().executor(5);
    assert_eq!(world.plan(), "start stream at 120, version 5");
}

#[test]
fn an_acknowledged_stream_is_synced() {
    let world = running().executor(5).ended(done());
    assert_eq!(world.seen.record.unwrap().synced_at, Some(5));
}

#[test]
fn a_stream_without_acknowledgement_is_synced_once_seen() {
    let record = running().executor(5).stream(5).commits();
    assert_eq!(record.synced_at, Some(5));
}

#[test]
fn what_runs_as_wanted_is_left_alone() {
    let world = running().executor(5).stream(5).synced(5);
    assert_eq!(world.plan(), "wait: everything is as wanted");
    assert_eq!(world.wakes_in(), None);
}

#[test]
fn an_executor_that_is_starting_counts_as_running() {
    let starting = executor(5, ExecutorState::Starting(secs(100)));
    let world = running().executor_is(starting);
    assert_eq!(world.plan(), "start stream at 120, version 5");
}

#[test]
fn failing_for_a_moment_is_no_reason() {
    let failing = executor(5, ExecutorState::Failing(secs(59)));
    let world = running().executor_is(failing).stream(5).synced(5);
    assert_eq!(world.plan(), "wait: everything is as wanted");
    assert_eq!(world.wakes_in(), Some(1));
}

#[test]
fn a_start_that_may_hang_is_looked_at_again() {
    let starting = executor(5, ExecutorState::Starting(secs(100)));
    let world = running().executor_is(starting).stream(5).synced(5);
    assert_eq!(world.wakes_in(), Some(500));
    let world = world.stream_is(Seen::Absent);
    assert_eq!(world.clone().starts_in(7).wakes_in(), Some(7));
    assert_eq!(world.down(Service::BlockStreamer).wakes_in(), Some(500));
}

#[test]
fn a_first_stream_waits_for_its_executor() {
    let world = running().executor_is(Seen::Unknown);
    assert_eq!(
        world.plan(),
        "wait: the executor service could not be asked"
    );
    assert_eq!(world.wakes_in(), Some(1));
}

#[test]
fn a_stream_that_ran_before_does_not_wait_for_a_sick_executor_service() {
    let world = running().synced(5).down(Service::Executors);
    assert_eq!(world.plan(), "start stream at 120, version 5");
    let unseen = world.executor_is(Seen::Unknown);
    assert_eq!(unseen.plan(), "start stream at 120, version 5");
}

#[test]
fn an_executor_does_not_wait_for_a_sick_streamer() {
    let world = running().down(Service::BlockStreamer);
    assert_eq!(world.plan(), "start executor, version 5");
}

#[test]
fn what_cannot_be_seen_is_not_started() {
    let world = running().executor(5).stream_is(Seen::Unknown);
    assert_eq!(world.plan(), "wait: the block streamer could not be asked");
}

#[test]
fn a_service_that_is_down_is_not_called() {
    let world = running().down(Service::Executors);
    assert_eq!(world.plan(), "wait: the executor service does not answer");
    let world = running().executor(5).down(Service::BlockStreamer);
    assert_eq!(world.plan(), "wait: the block streamer does not answer");
}

#[test]
fn starts_keep_to_their_slot() {
    let world = running().starts_in(7);
    assert_eq!(world.plan(), "wait: starts are spread over time");
    assert_eq!(world.wakes_in(), Some(7));
    let world = running().executor(5).starts_in(7);
    assert_eq!(world.plan(), "wait: starts are spread over time");
}

#[test]
fn two_waits_end_with_the_earlier() {
    let world = running().synced(5).down(Service::Executors).starts_in(7);
    assert_eq!(world.plan(), "wait: the executor service does not answer");
    assert_eq!(world.wakes_in(), Some(7));
}

#[test]
fn without_progress_no_stream_starts() {
    let world = running().executor(5).progress_unknown();
    assert_eq!(world.plan(), "wait: the store could not be asked");
    assert_eq!(world.wakes_in(), Some(1));
}

#[test]
fn a_start_that_fails_is_repaired() {
    for outcome in [
        refused(),
        unreachable(),
        unanswered(),
        Outcome::AlreadyExists,
    ] {
        let world = running().ended(outcome.clone());
        let expected =
            "Repairing, version 5 from 120, the executor could not be started (attempt 1)";
        assert_eq!(world.stands(), expected);
        let world = running().executor(5).ended(outcome);
        let expected =
            "Repairing, version 5 from 120, the block stream could not be started (attempt 1)";
        assert_eq!(world.stands(), expected);
    }
}

#[test]
fn of_a_stream_whose_first_block_may_be_still_to_come_it_is_said() {
    let detail = |start, known| {
        let spec = height(5, start);
        let mut world = running().has_run(run(&spec, start)).wants(spec);
        world.seen.desired_as_of = known;
        let world = world.executor(5).synced(5);
        let world = world.stream_is(stream(5, StreamHealth::Stalled));
        world.commits().repair.unwrap().detail
    };
    let told = detail(900, 899);
    assert!(told.contains("begins at block 900"), "{told}");
    assert!(told.contains("is 899:"), "{told}");
    for known in [0, 900, 1_000] {
        assert_eq!(detail(900, known), "its health monitor reports no progress");
    }
}

#[test]
fn unhealthy_things_are_first_put_under_repair() {
    for (state, expected) in [
        (ExecutorState::Stalled, "the executor is unhealthy"),
        (
            ExecutorState::Starting(secs(600)),
            "the executor is unhealthy",
        ),
        (
            ExecutorState::Failing(secs(60)),
            "the executor keeps failing on one block",
        ),
    ] {
        let world = running().stream(5).executor_is(executor(5, state));
        let expected = format!("commit Repairing, version 5 from 120, {expected} (attempt 1)");
        assert_eq!(world.plan(), expected);
    }
    for health in [StreamHealth::Stalled, StreamHealth::Frozen] {
        let world = running().executor(5).stream_is(stream(5, health));
        let expected =
            "commit Repairing, version 5 from 120, the block stream is unhealthy (attempt 1)";
        assert_eq!(world.plan(), expected);
    }
}

#[test]
fn a_run_taken_over_from_the_original_learns_its_content() {
    let world = running()
        .record(|record| {
            if let Some(run) = &mut record.run {
                run.target.hash = None;
                run.start = None;
            }
        })
        .executor(5)
        .stream(5)
        .synced(5);
    assert_eq!(world.plan(), "commit Running, version 5");
    assert_eq!(world.committed().plan(), "wait: everything is as wanted");
}

/// The original started what runs and did not live to note it: it had noted
/// nothing (`None`), or an older version.
fn unnoted(noted: Option<u64>) -> World {
    running().executor(5).stream(5).record(|record| {
        record.inherited = true;
        record.synced_at = noted;
        record.run = noted.map(|version| Run {
            target: Target {
                version,
                hash: None,
            },
            start: None,
            prepared: true,
        });
    })
}

#[test]
fn what_the_original_started_and_never_noted_is_taken_on_as_it_runs() {
    for noted in [None, Some(3)] {
        let world = unnoted(noted);
        let record = world.commits();
        assert_eq!(record.synced_at, Some(5));
        let run = record.run.unwrap();
        assert_eq!((run.start, run.prepared), (None, true));
        assert!(run.target.hash.is_some());
        assert_eq!(world.committed().plan(), "wait: everything is as wanted");

        // The executor may be missing, but must have been seen.
        let unseen = unnoted(noted).executor_is(Seen::Unknown);
        assert_eq!(
            unseen.plan(),
            "wait: the executor service could not be asked"
        );
        let unseen = unnoted(noted).stream_is(Seen::Unknown);
        assert_eq!(unseen.plan(), "wait: the block streamer could not be asked");
    }
}

#[test]
fn where_an_older_version_was_noted_nothing_of_it_may_be_gone_by() {
    let world = unnoted(None).executor_is(Seen::Absent).committed();
    assert_eq!(world.plan(), "start executor, version 5");
    // The old executor may have worked on the new queue until just now.
    let world = unnoted(Some(3)).executor_is(Seen::Absent);
    assert_eq!(world.plan(), "stop stream S");
    // The cursor may be the old version's, and beyond the start.
    let backfill = |noted| unnoted(noted).wants(height(5, 2));
    assert_eq!(backfill(None).commits().synced_at, Some(5));
    assert_eq!(backfill(Some(3)).plan(), "stop stream S");
}

#[test]
fn what_the_original_left_half_changed_begins_anew() {
    for noted in [None, Some(3)] {
        for world in [unnoted(noted).stream(3), unnoted(noted).executor(3)] {
            assert_eq!(world.plan(), "stop stream S");
        }
        let world = unnoted(noted).stream_is(Seen::Absent);
        assert_eq!(world.plan(), "stop executor E");
    }
    // What this coordinator started it has noted before.
    let own = unnoted(None).record(|record| record.inherited = false);
    assert_eq!(own.plan(), "stop stream S");
    // So it is where it has taken on the older version, or decided on it.
    let changed = |change: fn(&mut Run)| {
        unnoted(Some(3)).record(|record| record.run.as_mut().map(change).unwrap())
    };
    let adopted = changed(|run| run.target = Target::of(&latest(3)));
    assert_eq!(adopted.plan(), "stop stream S");
    let decided = changed(|run| run.start = Some(3));
    assert_eq!(
        decided.plan(),
        "commit Running, version 3 from 3 unprepared"
    );
    assert_eq!(decided.committed().plan(), "stop stream S");
}

#[test]
fn without_a_stream_the_progress_is_needed() {
    use lifecycle::{Phase, wants_progress};
    for (phase, expected) in [
        (Phase::Initializing, false),
        (Phase::Running, true),
        (Phase::Suspending, false),
        (Phase::Suspended, false),
        (Phase::Repairing, true),
        (Phase::Deleting, true),
    ] {
        let world = in_phase(phase);
        let record = world.seen.record.as_ref().unwrap();
        assert_eq!(
            wants_progress(record, &world.seen.desired),
            expected,
            "{phase}"
        );
    }
}

#[test]
fn a_start_waits_for_its_slot_and_no_longer() {
    let world = running().starts_in(0);
    assert_eq!(world.plan(), "start executor, version 5");
    let world = world.executor(5);
    assert_eq!(world.plan(), "start stream at 120, version 5");
    assert_eq!(world.starts_in(1).wakes_in(), Some(1));
}
