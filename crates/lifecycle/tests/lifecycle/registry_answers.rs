//! What the registry says, and what it does not say.

use lifecycle::{Desired, Phase};

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
        "wait: the registry answered version 3, older than 5 which runs or was deleted"
    );
    assert_eq!(world.wakes_in(), None);
}

#[test]
fn a_tombstone_of_an_earlier_life_is_a_stale_answer() {
    let world = running().stream(5).executor(5).desired(deleted(3, 4));
    assert_eq!(
        world.plan(),
        "wait: the registry answered version 3, older than 5 which runs or was deleted"
    );
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
fn a_suspended_indexer_takes_no_notice_of_updates() {
    let world = suspended().wants(latest(9));
    assert_eq!(world.plan(), "wait: disabled by an operator");
}

#[test]
fn the_content_decides_beside_the_version() {
    assert_ne!(latest(5).hash, other_content(5).hash);
    assert_ne!(latest(5).hash, height(5, 5).hash);
    assert_ne!(latest(5).hash, event(5).hash);
    assert_eq!(latest(5).hash, latest(9).hash);
}
