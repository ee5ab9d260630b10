//! Deletion: converging on nothing, and registration in the middle of it.

use lifecycle::{Cause, Desired, ExecutorState, Phase, Progress, Seen, Service, TaskSeen};

use crate::support::*;

#[test]
fn a_tombstone_leads_to_deletion_from_every_phase() {
    for phase in Phase::ALL {
        if matches!(phase, Phase::Deleting | Phase::Deleted) {
            continue;
        }
        for world in [in_phase(phase), in_phase(phase).disabled()] {
            let record = world.desired(deleted(5, 9)).commits();
            assert_eq!((record.phase, record.tombstone), (Phase::Deleting, Some(9)));
        }
    }
}

#[test]
fn everything_is_removed_in_order() {
    let world = deleting()
        .stream(5)
        .executor(5)
        .progress(Some(140), Some(130));
    assert_eq!(world.plan(), "stop stream S");
    let world = world.stream_is(Seen::Absent);
    assert_eq!(world.plan(), "stop executor E");
    let world = world.executor_is(Seen::Absent);
    assert_eq!(world.plan(), "clear queue and cursor");
    let world = world.ended(done()).progress(None, None);
    assert_eq!(world.plan(), "finish, deleted at 9");
}

#[test]
fn absence_is_verified_before_anything_is_cleared() {
    let world = deleting().stream_is(Seen::Unknown);
    assert_eq!(world.plan(), "wait: the block streamer could not be asked");
    let world = deleting().executor_is(Seen::Unknown);
    assert_eq!(
        world.plan(),
        "wait: the executor service could not be asked"
    );
}

#[test]
fn the_data_of_a_run_is_cleared_even_if_none_is_seen() {
    assert_eq!(deleting().plan(), "clear queue and cursor");
    let world = deleting().progress_unknown();
    assert_eq!(world.plan(), "wait: the store could not be asked");
}

#[test]
fn data_that_does_not_stay_cleared_is_cleared_with_pauses() {
    let written_again = "wait: queue and cursor could not be cleared (attempt 1): \
                         it was written again after it had been cleared";
    let world = deleting().progress(Some(140), None).ended(done());
    assert_eq!(world.plan(), "clear queue and cursor");
    let world = world.ended(done());
    assert_eq!(world.plan(), written_again);
    assert_eq!(world.later(secs(1)).plan(), "clear queue and cursor");
    // Nor does it what was found of somebody without a run.
    let world = deleting().record(|record| record.run = None);
    let world = world.progress(Some(140), None).ended(done());
    assert_eq!(world.plan(), written_again);
}

#[test]
fn nothing_is_said_of_data_that_stays_cleared() {
    let detail = |world: &World| {
        let record = world.seen.record.as_ref().unwrap();
        record.repair.as_ref().map(|repair| repair.detail.clone())
    };
    let world = deleting().progress(Some(140), None).ended(done());
    assert_eq!(detail(&world), None);
    assert_eq!(world.progress(None, None).plan(), "finish, deleted at 9");

    // What had failed before has not any more.
    let failed = deleting().progress(Some(140), None).ended(refused());
    assert_eq!(detail(&failed).as_deref(), Some("refused"));
    assert_eq!(detail(&failed.later(secs(1)).ended(done())), None);
    let stop = deleting().stream(5).ended(refused());
    let stopped = stop.later(secs(1)).stream_is(Seen::Absent).ended(done());
    assert_eq!(
        detail(&stopped).as_deref(),
        Some("refused"),
        "it is of the stop"
    );

    // The original's record tells that it was not cleared yet.
    let inherited = deleting().record(|record| (record.run, record.inherited) = (None, true));
    let world = inherited.progress(Some(140), None).ended(done());
    assert_eq!(detail(&world), None);
    let again = world.progress(Some(140), None).ended(done());
    assert!(detail(&again).is_some(), "it tells so once");

    // Without a run nothing else tells that it was cleared.
    let world = deleting().record(|record| record.run = None);
    let world = world.progress(Some(140), None).ended(done());
    let noted = detail(&world).unwrap();
    assert!(!noted.contains("written again"), "{noted}");
    // Nobody knows what the store does not show.
    let mut unshown = world.clone();
    unshown.seen.progress = Progress::Refused;
    assert!(unshown.plan().ends_with(&noted), "{}", unshown.plan());
    assert_eq!(world.progress(None, None).plan(), "finish, deleted at 9");
}

#[test]
fn a_failed_stop_does_not_end_a_deletion() {
    let world = deleting().stream(5).ended(refused());
    assert_eq!(
        world.plan(),
        "wait: the block stream could not be stopped (attempt 1): refused"
    );
    assert_eq!(world.phase(), Phase::Deleting);
    assert_eq!(world.later(secs(1)).plan(), "stop stream S");
}

#[test]
fn an_executor_that_is_starting_is_waited_for() {
    let starting = executor(5, ExecutorState::Starting(secs(1)));
    assert_eq!(
        deleting().executor_is(starting).plan(),
        "wait: the executor is still starting; it is stopped when that is over"
    );
}

#[test]
fn a_task_in_flight_is_seen_to_its_end() {
    let world = deleting()
        .has_task(Some("T"), ago(5))
        .task(TaskSeen::Pending);
    assert_eq!(world.plan(), "wait: the data layer is being created");
    let world = world.task(TaskSeen::Failed).committed();
    assert_eq!(world.plan(), "clear queue and cursor");
}

#[test]
fn a_later_tombstone_replaces_the_known_one() {
    let world = deleting().desired(deleted(5, 15));
    assert_eq!(world.commits().tombstone, Some(15));
    let world = deleting().desired(deleted(5, 8));
    assert_eq!(world.plan(), "clear queue and cursor");
}

#[test]
fn a_deletion_waits_for_the_registry_to_confirm_it() {
    for (desired, wait) in [
        (Desired::Unknown, "wait: the registry has not answered yet"),
        (
            Desired::Missing,
            "wait: the registry neither lists nor deleted it",
        ),
        (
            Desired::Present(latest(5)),
            "wait: the registry answered version 5, older than 9 which is known already",
        ),
    ] {
        let world = deleting().stream(5).desired(desired);
        assert_eq!(world.plan(), wait);
    }
}

#[test]
fn registered_again_it_begins_anew_once_the_old_is_stopped() {
    let world = deleting().executor(5).wants(latest(9));
    assert_eq!(world.plan(), "stop executor E");
    let world = world.executor_is(Seen::Absent).progress(Some(140), None);
    let record = world.commits();
    assert_eq!(record, lifecycle::Record::new(id()).knowing(9));
}

#[test]
fn registered_again_it_stays_disabled_and_keeps_its_task() {
    let world = deleting()
        .disabled()
        .has_task(Some("T"), ago(5))
        .wants(latest(10));
    assert_eq!(world.plan(), "commit Initializing, disabled, task T");
}

#[test]
fn the_registration_from_before_the_deletion_does_not_count() {
    assert_eq!(
        deleting().wants(latest(8)).plan(),
        "wait: the registry answered version 8, older than 9 which is known already"
    );
}

#[test]
fn a_deletion_without_proof_is_not_carried_out() {
    let world = in_phase(Phase::Deleting).stream(5);
    assert_eq!(
        world.clone().desired(Desired::Unknown).plan(),
        "wait: the registry has not answered yet"
    );
    assert_eq!(
        world.clone().desired(Desired::Missing).plan(),
        "wait: the registry neither lists nor deleted it"
    );
    assert_eq!(world.clone().plan(), "commit Initializing");
    let proven = world.desired(deleted(5, 9)).committed();
    assert_eq!(proven.plan(), "stop stream S");
}

#[test]
fn a_service_that_is_down_holds_the_deletion_up() {
    let world = deleting().stream(5).down(Service::BlockStreamer);
    assert_eq!(world.plan(), "wait: the block streamer does not answer");
}

#[test]
fn what_is_found_of_an_indexer_deleted_long_ago_is_removed() {
    let orphan = world().desired(deleted(5, 9)).executor(5);
    assert_eq!(orphan.plan(), "commit Deleting");
    assert_eq!(orphan.committed().plan(), "stop executor E");
    assert_eq!(world().desired(deleted(5, 9)).plan(), "finish");
    let unseen = world().desired(deleted(5, 9)).stream_is(Seen::Unknown);
    assert_eq!(unseen.plan(), "wait: the block streamer could not be asked");
}

#[test]
fn a_record_that_says_deleted_is_deleted_once_more() {
    let world = in_phase(Phase::Deleted).desired(deleted(5, 9));
    assert_eq!(world.plan(), "commit Deleting");
}

#[test]
fn a_deletion_ends_every_repair() {
    let world = repairing(Cause::StreamUnhealthy, 9000).desired(deleted(5, 9));
    assert_eq!(world.plan(), "commit Deleting, version 5 from 120");
}

#[test]
fn registered_again_it_does_not_sit_out_the_pause_of_failed_stops() {
    let later = lifecycle::Timestamp(ago(0).0 + 60_000);
    let paused = deleting()
        .executor(5)
        .has_repair(Cause::ExecutorNotStopped, 3, later);
    assert!(paused.plan().starts_with("wait: "), "{}", paused.plan());
    assert_eq!(paused.wants(latest(9)).plan(), "stop executor E");
}
