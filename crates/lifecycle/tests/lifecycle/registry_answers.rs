//! What the registry says, and what it does not say.

use lifecycle::{Desired, Phase, Seen, Service};

use crate::support::*;

#[test]
fn silence_stops_nothing_in_any_phase() {
    for phase in Phase::ALL {
        for desired in [
            Desired::Unknown,
            Desired::Missing,
            Desired::Unlisted(latest(9)),
        ] {
            for world in [in_phase(phase), in_phase(phase).has_run(run(&latest(5), 5))] {
                let world = world.stream(5).executor(5).desired(desired.clone());
                let plan = world.plan();
                assert!(
                    plan.starts_with("wait: ") || plan.starts_with("commit "),
                    "{phase}, {desired:?}: {plan}"
                );
            }
        }
    }
}

#[test]
fn silence_and_absence_are_told_apart() {
    let world = running().stream(5).executor(5);
    assert_eq!(
        world.clone().desired(Desired::Unknown).plan(),
        "wait: the registry has not answered yet"
    );
    assert_eq!(
        world.desired(Desired::Missing).plan(),
        "wait: the registry neither lists nor deleted it"
    );
}

#[test]
fn what_is_not_listed_any_more_is_kept_alive() {
    let world = running().executor(5).desired(Desired::Unlisted(latest(5)));
    assert!(world.plan().starts_with("start stream"), "{}", world.plan());
}

#[test]
fn what_is_not_listed_any_more_begins_nothing_new() {
    let waits = "wait: the registry neither lists nor deleted it";
    let unlisted = Desired::Unlisted(latest(9));
    for world in [
        running(),
        running().stream(5).executor(5),
        in_phase(Phase::Initializing),
    ] {
        assert_eq!(world.desired(unlisted.clone()).plan(), waits);
    }
}

#[test]
fn an_older_version_is_a_stale_answer() {
    let world = running().stream(5).executor(5).wants(latest(3));
    assert_eq!(
        world.plan(),
        "wait: the registry answered version 3, older than 5 which is known already"
    );
    assert_eq!(world.wakes_in(), None);
}

#[test]
fn a_tombstone_of_an_earlier_life_is_a_stale_answer() {
    let world = running().stream(5).executor(5).desired(deleted(3, 4));
    assert_eq!(
        world.plan(),
        "wait: the registry answered version 3, older than 5 which is known already"
    );
}

#[test]
fn what_runs_in_a_newer_version_than_the_answer_knows_is_left_alone() {
    let told_as_of = |world: World, height| World {
        seen: lifecycle::Observed {
            desired_as_of: height,
            ..world.seen
        },
        ..world
    };
    // The record need not know of version 5: the original had not noted it yet, or the
    // store has lost it.
    let unnoted = in_phase(Phase::Running).record(|record| record.inherited = true);
    let unknowing = [
        (unnoted, latest(3).version),
        (in_phase(Phase::Initializing), 3),
        (
            running().record(|record| record.run = Some(run(&latest(3), 3))),
            3,
        ),
    ];
    for (world, version) in unknowing {
        for world in [
            world.clone().stream(5),
            world.clone().executor(5),
            world.stream(version).executor(5),
        ] {
            let world = world.wants(latest(version));
            // The record of what was begun may be unprepared first; nothing else is done.
            let old = told_as_of(world.clone(), 4);
            let old = if old.plan().starts_with("commit ") {
                old.committed()
            } else {
                old
            };
            assert_eq!(
                old.plan(),
                "wait: the registry answered version 3, older than 5 which is known already"
            );
            assert!(
                old.wakes_in().is_some(),
                "no news tells that the registry caught up"
            );
            for caught_up in [5, 9] {
                let world = told_as_of(world.clone(), caught_up);
                assert!(
                    !world.plan().starts_with("wait: the registry"),
                    "{}",
                    world.plan()
                );
            }
        }
    }
}

#[test]
fn a_tombstone_older_than_what_runs_is_left_alone_whatever_the_record_knows() {
    let as_of = |height| {
        let mut world = in_phase(Phase::Running).record(|record| record.inherited = true);
        world.seen.desired_as_of = height;
        world.desired(deleted(3, 4)).stream(7).executor(7)
    };
    let nothing_known = |height| {
        let mut world = as_of(height);
        world.seen.record = None;
        world
    };
    for world in [as_of(6), nothing_known(6)] {
        assert_eq!(
            world.plan(),
            "wait: the registry answered version 4, older than 7 which is known already"
        );
    }
    for world in [as_of(7), nothing_known(7)] {
        assert!(world.plan().starts_with("commit "), "{}", world.plan());
    }
}

#[test]
fn a_deletion_that_began_unseen_ends_where_something_newer_is_seen() {
    let mut world = in_phase(Phase::Deleting).record(|record| record.tombstone = Some(4));
    world.seen.desired_as_of = 6;
    let world = world.desired(deleted(3, 4)).stream(7).executor(7);
    assert_eq!(
        world.plan(),
        "wait: the registry answered version 4, older than 7 which is known already"
    );
    let mut caught_up = world;
    caught_up.seen.desired_as_of = 7;
    assert!(
        caught_up.plan().starts_with("stop stream"),
        "{}",
        caught_up.plan()
    );
}

#[test]
fn a_version_that_no_registration_can_have_had_keeps_nobody_waiting() {
    let mut world = in_phase(Phase::Running).record(|record| record.inherited = true);
    world.seen.desired_as_of = 4;
    let world = world.stream(u64::MAX).wants(latest(3));
    assert!(world.plan().starts_with("stop stream"), "{}", world.plan());
}

#[test]
fn what_runs_as_it_is_told_is_not_newer_than_the_answer() {
    // Who tells the height need not be the node that tells the entries.
    let mut world = in_phase(Phase::Running).record(|record| record.inherited = true);
    world.seen.desired_as_of = 4;
    let world = world.wants(latest(5)).stream(5).executor(5);
    assert!(world.plan().starts_with("commit "), "{}", world.plan());
}

#[test]
fn a_stale_tombstone_does_not_disturb_a_suspended_indexer() {
    let world = suspended().desired(deleted(3, 4));
    assert_eq!(world.plan(), "wait: disabled by an operator");
}

#[test]
fn an_indexer_nobody_knows_is_left_alone() {
    for desired in [Desired::Unknown, Desired::Missing] {
        let plan = world().stream(5).executor(5).desired(desired).plan();
        assert!(plan.starts_with("wait: "), "{plan}");
    }
}

#[test]
fn a_suspended_indexer_does_nothing_about_updates() {
    let world = suspended().wants(latest(9)).committed();
    assert_eq!(world.plan(), "wait: disabled by an operator");
}

#[test]
fn the_content_decides_beside_the_version() {
    assert_ne!(latest(5).hash, other_content(5).hash);
    assert_ne!(latest(5).hash, height(5, 5).hash);
    assert_ne!(latest(5).hash, event(5).hash);
    assert_eq!(latest(5).hash, latest(9).hash);
}

/// Records that know of version 7 by what they were begun as, or by a command.
fn begun() -> [World; 4] {
    [
        Phase::Initializing,
        Phase::Running,
        Phase::Suspended,
        Phase::Repairing,
    ]
    .map(|phase| {
        let world = match phase {
            Phase::Repairing => repairing(lifecycle::Cause::ProvisioningFailed, 50)
                .record(|record| record.run = None),
            phase => in_phase(phase),
        };
        world.record(|record| {
            record.registered = Some(7);
            record.enabled = phase != Phase::Suspended;
        })
    })
}

#[test]
fn what_is_begun_notes_as_what_it_is_registered() {
    assert_eq!(world().commits().registered, Some(5));
    // Begun anew, or whatever else is written while something newer is known.
    let anew = deleting().record(|record| record.registered = Some(5));
    assert_eq!(anew.wants(latest(9)).commits().registered, Some(9));
    let update = in_phase(Phase::Running).record(|record| record.registered = Some(5));
    assert_eq!(
        update.clone().wants(latest(9)).commits().registered,
        Some(9)
    );
    assert_eq!(update.desired(deleted(5, 9)).commits().registered, Some(5));
}

#[test]
fn whoever_is_switched_off_is_noted_once_as_what_it_is_registered() {
    let suspended = |registered| suspended().record(|record| record.registered = registered);
    let knows = |registered| suspended(registered).record(|record| record.run = None);
    // After the original nothing is known; the one that ran knows what it ran.
    for world in [knows(None), knows(Some(5)), suspended(None)] {
        for desired in [Desired::Present, Desired::Unlisted] {
            let world = world.clone().desired(desired(latest(9)));
            let noted = world.commits();
            assert_eq!((noted.phase, noted.registered), (Phase::Suspended, Some(9)));
            let plan = world.committed().plan();
            assert!(plan.starts_with("wait: "), "{plan}");
        }
    }
    // Nothing is written for nothing.
    for registered in [5, 9] {
        let plan = suspended(Some(registered)).wants(latest(5)).plan();
        assert_eq!(plan, "wait: disabled by an operator");
    }
    // Whose stop does not end rests as well.
    let stopping = suspending().wants(latest(9));
    let stopping = stopping
        .down(Service::BlockStreamer)
        .stream_is(Seen::Unknown);
    assert_eq!(stopping.commits().registered, Some(9));
    assert!(stopping.committed().plan().starts_with("wait: "));
    // Whoever is held may be released by the next order.
    let held = knows(Some(5)).record(|record| record.hold = Some(hold()));
    let held = held.wants(latest(9));
    assert_eq!(held.commits().registered, Some(9));
    assert!(held.committed().plan().starts_with("wait: held by "));
    let off = running().disabled();
    let off = off.record(|record| record.hold = Some(hold()));
    assert_eq!(off.wants(latest(9)).commits().registered, Some(9));
    let on = running().record(|record| record.hold = Some(hold()));
    assert!(on.wants(latest(9)).plan().starts_with("wait: held by "));
}

#[test]
fn whoever_is_switched_off_is_noted_while_its_earlier_life_is_stopped() {
    let ending = |enabled, tombstone| {
        let world = deleting().record(|record| {
            (record.enabled, record.tombstone) = (enabled, Some(tombstone));
        });
        let world = world.down(Service::BlockStreamer).stream_is(Seen::Unknown);
        world.wants(latest(9))
    };
    for tombstone in [8, 9] {
        let off = ending(false, tombstone);
        let noted = off.commits();
        let before = off.seen.record.clone().unwrap();
        let expected = lifecycle::Record {
            registered: Some(9),
            ..before
        };
        assert_eq!(noted, expected);
        let off = off.committed();
        assert!(off.plan().starts_with("wait: "), "{}", off.plan());
        // Old news of that deletion would take the switch with the record.
        let old = off.clone().desired(deleted(5, tombstone));
        assert!(old.plan().contains("is known already"), "{}", old.plan());
        let again = off.desired(deleted(9, 12)).commits();
        assert_eq!(again.tombstone, Some(12));
    }
    // What is on begins anew as that, and what was registered before that deletion
    // is no newer life.
    for world in [ending(true, 8), ending(false, 10)] {
        assert!(world.plan().starts_with("wait: "), "{}", world.plan());
    }
}

#[test]
fn a_tombstone_of_an_earlier_life_deletes_nothing_that_was_begun_since() {
    for world in begun() {
        for older in [deleted(3, 4), deleted(6, 7)] {
            let plan = world.clone().desired(older).plan();
            assert!(plan.starts_with("wait: "), "{plan}");
        }
        // That of its own life does, were it as short as a block.
        for own in [deleted(7, 7), deleted(7, 9), deleted(8, 9)] {
            let record = world.clone().desired(own).commits();
            assert_eq!(
                (record.phase, record.registered),
                (Phase::Deleting, Some(7))
            );
        }
        // As it was before anything was noted.
        let unnoted = world.record(|record| record.registered = None);
        assert_eq!(
            unnoted.desired(deleted(3, 4)).commits().phase,
            Phase::Deleting
        );
    }
}

#[test]
fn a_version_of_an_earlier_life_is_a_stale_answer_before_the_first_run() {
    for world in begun() {
        if world.phase() == Phase::Suspended {
            continue;
        }
        assert_eq!(
            world.clone().wants(latest(5)).plan(),
            "wait: the registry answered version 5, older than 7 which is known already"
        );
        let plan = world.wants(latest(7)).plan();
        assert!(!plan.starts_with("wait: the registry"), "{plan}");
    }
}

#[test]
fn a_deletion_goes_on_by_no_answer_that_is_older_than_a_noted_registration() {
    // An operator's command noted it, since it is to hold in the new life.
    let world = deleting()
        .stream(5)
        .record(|record| record.registered = Some(12));
    for older in [deleted(5, 9), deleted(5, 10)] {
        assert_eq!(
            world.clone().desired(older).plan(),
            "wait: the registry answered version 5, older than 12 which is known already"
        );
    }
    let plan = world.clone().wants(latest(10)).plan();
    assert!(
        plan.starts_with("wait: the registry answered version 10"),
        "{plan}"
    );
    assert_eq!(world.clone().wants(latest(12)).plan(), "stop stream S");
    assert_eq!(world.desired(deleted(12, 14)).commits().tombstone, Some(14));
}
