//! Where a stream starts, goes on, and takes over.

use lifecycle::Seen;

use crate::support::*;

/// A first run of `spec`, with what an earlier life may have left.
fn first(spec: std::sync::Arc<lifecycle::Spec>) -> World {
    in_phase(lifecycle::Phase::Running)
        .wants(spec)
        .progress(Some(70), Some(60))
}

/// Version 5 ran from 120 and was stopped; `spec` takes over.
fn next(spec: std::sync::Arc<lifecycle::Spec>) -> World {
    let streamed = running().synced(5);
    streamed.wants(spec).progress(Some(150), Some(140))
}

fn unprepared(world: World) -> World {
    world.record(|record| {
        if let Some(run) = &mut record.run {
            run.prepared = false;
        }
    })
}

fn taken_over(world: World) -> World {
    world.record(|record| {
        if let Some(run) = &mut record.run {
            run.start = None;
        }
    })
}

fn decided(world: &World) -> Option<u64> {
    world.commits().run.and_then(|run| run.start)
}

#[test]
fn latest_is_the_block_of_the_registration() {
    assert_eq!(decided(&first(latest(9))), Some(9));
    assert_eq!(decided(&next(latest(9))), Some(9));
}

#[test]
fn a_height_is_that_height() {
    assert_eq!(decided(&first(height(9, 33))), Some(33));
    assert_eq!(decided(&next(height(9, 33))), Some(33));
}

#[test]
fn continue_without_an_earlier_run_is_latest_never_a_previous_life() {
    assert_eq!(decided(&first(continued(9))), Some(9));
}

#[test]
fn continue_takes_over_at_the_head_of_the_queue() {
    assert_eq!(decided(&next(continued(9))), Some(140));
}

#[test]
fn continue_takes_over_at_the_cursor_if_nothing_is_queued() {
    let world = next(continued(9));
    assert_eq!(decided(&world.clone().progress(Some(150), None)), Some(150));
    assert_eq!(decided(&world.progress(None, Some(140))), Some(140));
}

#[test]
fn continue_takes_over_at_the_cursor_if_the_queue_is_ahead() {
    let world = next(continued(9)).progress(Some(150), Some(151));
    assert_eq!(decided(&world), Some(150));
}

#[test]
fn continue_takes_over_at_the_start_of_a_run_that_never_began() {
    let world = next(continued(9)).progress(None, None);
    assert_eq!(decided(&world), Some(120));
}

#[test]
fn continue_does_not_go_back_before_the_earlier_run() {
    let world = next(continued(9)).progress(Some(110), Some(100));
    assert_eq!(decided(&world), Some(120));
}

#[test]
fn continue_does_not_trust_data_that_was_not_cleared() {
    assert_eq!(decided(&unprepared(next(continued(9)))), Some(120));
}

#[test]
fn continue_after_the_original_goes_by_queue_and_cursor() {
    let world = taken_over(next(continued(9)));
    assert_eq!(decided(&world), Some(140));
    assert_eq!(decided(&world.progress(None, None)), Some(9));
}

#[test]
fn a_start_at_zero_is_a_start_at_one() {
    assert_eq!(decided(&first(height(9, 0))), Some(1));
    let original = taken_over(running().has_run(run(&height(5, 0), 0)).wants(height(5, 0)));
    assert_eq!(original.executor(5).plan(), "start stream at 1, version 5");
}

#[test]
fn a_run_begins_at_its_start() {
    let world = running().executor(5);
    assert_eq!(world.plan(), "start stream at 120, version 5");
}

#[test]
fn a_run_goes_on_at_its_cursor_inclusive() {
    let world = running()
        .synced(5)
        .executor(5)
        .progress(Some(150), Some(140));
    assert_eq!(world.plan(), "start stream at 150, version 5");
}

#[test]
fn a_cursor_counts_for_nothing_before_the_first_start_is_noted() {
    let never_noted = |world: World| world.record(|record| record.synced_at = None);
    let world = never_noted(running().executor(5).progress(Some(150), Some(140)));
    assert_eq!(world.plan(), "start stream at 120, version 5");
    assert_eq!(decided(&never_noted(next(continued(9)))), Some(120));
}

#[test]
fn what_a_store_brought_back_from_an_earlier_run_is_cleared_again() {
    let brought_back = |world: World| World {
        seen: lifecycle::Observed {
            progress: lifecycle::Progress::Foreign,
            ..world.seen
        },
        ..world
    };
    let world = brought_back(running().executor(5)).committed();
    assert!(
        world
            .seen
            .record
            .as_ref()
            .unwrap()
            .run
            .is_some_and(|run| !run.prepared)
    );
    let world = world.executor_is(Seen::Absent);
    assert_eq!(world.plan(), "clear queue and cursor");
    let world = world.ended(done()).progress(None, None).executor(5);
    assert_eq!(world.plan(), "start stream at 120, version 5");

    assert_eq!(decided(&brought_back(next(continued(9)))), Some(120));
    let deleting = in_phase(lifecycle::Phase::Deleting).desired(deleted(5, 9));
    let deleting = brought_back(deleting.record(|record| record.tombstone = Some(9)));
    assert_eq!(deleting.plan(), "clear queue and cursor");
}

#[test]
fn a_run_does_not_go_back_before_its_start() {
    let world = running().synced(5).executor(5).progress(Some(100), None);
    assert_eq!(world.plan(), "start stream at 120, version 5");
}

#[test]
fn a_run_of_the_original_goes_on_at_its_cursor() {
    let world = taken_over(running().executor(5).progress(Some(150), None));
    assert_eq!(world.plan(), "start stream at 150, version 5");
}

#[test]
fn a_run_of_the_original_without_a_cursor_begins_as_registered() {
    let original = |spec: std::sync::Arc<lifecycle::Spec>| {
        let version = spec.version;
        taken_over(
            running()
                .has_run(run(&spec, 0))
                .wants(spec)
                .executor(version),
        )
        .plan()
    };
    assert_eq!(original(latest(5)), "start stream at 5, version 5");
    assert_eq!(original(height(5, 3)), "start stream at 3, version 5");
    assert_eq!(original(continued(5)), "start stream at 5, version 5");
}

#[test]
fn a_run_that_was_led_astray_begins_again() {
    let world = running()
        .executor(5)
        .stream(3)
        .progress(Some(900), Some(800));
    let world = world
        .committed()
        .stream_is(Seen::Absent)
        .executor_is(Seen::Absent);
    let world = world.ended(done()).progress(None, None).executor(5);
    assert_eq!(world.plan(), "start stream at 120, version 5");
}
