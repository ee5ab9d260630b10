//! Every phase and every state has its sentences.

use crate::fake::{Fake, World};
use crate::fixtures::{bare, retrying};
use crate::harness::{NOW, golden, run};

const PHASES: [&str; 9] = [
    "",
    "Initializing",
    "Running",
    "Suspending",
    "Suspended",
    "Repairing",
    "Deleting",
    "Deleted",
    "Hibernating",
];
const STATES: [&str; 22] = [
    "Steady",
    "Suspended",
    "Held",
    "Observing",
    "RegistryUnknown",
    "NotInRegistry",
    "StaleRegistry",
    "ServiceDown",
    "Unseen",
    "Provisioning",
    "ProvisioningUncertain",
    "AccountBusy",
    "ProvisioningFull",
    "StartBudget",
    "ExecutorStarting",
    "Retry",
    "GaveUp",
    "Working",
    "Trouble",
    "Idle",
    "Unreadable",
    "Pondering",
];

async fn explain(world: World) -> String {
    let names: Vec<String> = world
        .indexers
        .keys()
        .map(|(a, f)| format!("{a}/{f}"))
        .collect();
    let fake = Fake::start(world).await;
    let mut words = vec!["explain"];
    words.extend(names.iter().map(String::as_str));
    run(&fake.url(), &words).await.succeeded().data
}

#[tokio::test]
async fn every_phase_has_its_sentence() {
    let world = PHASES
        .iter()
        .enumerate()
        .map(|(n, phase)| bare("alice.near", &format!("{n}-{phase}"), phase, "Working"))
        .collect();
    golden("explain-phases.txt", &explain(World::with(world)).await);
}

#[tokio::test]
async fn every_state_has_its_sentence() {
    let world = STATES
        .iter()
        .enumerate()
        .map(|(n, state)| {
            let mut indexer = bare("alice.near", &format!("{n:02}-{state}"), "Running", state);
            indexer.next_look_ms = NOW + 40_000;
            indexer
        })
        .collect();
    golden("explain-states.txt", &explain(World::with(world)).await);
}

#[tokio::test]
async fn special_circumstances_are_told() {
    let mut given_up = crate::fixtures::gave_up("alice.near", "1 gave-up");
    given_up.panics = 1;
    let mut deleting = retrying("alice.near", "2-deleting");
    deleting.phase = "Deleting".to_owned();
    let mut unreadable = bare("alice.near", "3-unreadable", "", "Trouble");
    unreadable.unreadable = "the record is no JSON at line 1".to_owned();
    let mut kept = crate::fixtures::held("alice.near", "6-held-and-deleted");
    kept.wanted = Some(proto::coordinator::Wanted {
        kind: "Deleted".to_owned(),
        ..proto::coordinator::Wanted::default()
    });
    let mut earlier = kept.clone();
    earlier.name = bare("alice.near", "6-held-of-an-earlier-life", "", "").name;
    kept.kept_by_hold = true;
    let mut aside = bare("alice.near", "7-set-aside", "Running", "NotInRegistry");
    aside.wanted = Some(proto::coordinator::Wanted {
        kind: "SetAside".to_owned(),
        ..proto::coordinator::Wanted::default()
    });
    let of_wish = |name: &str, phase: &str, state: &str, kind: &str| {
        let mut indexer = bare("alice.near", name, phase, state);
        indexer.wanted = Some(proto::coordinator::Wanted {
            kind: kind.to_owned(),
            version: 7,
            ..proto::coordinator::Wanted::default()
        });
        indexer.next_look_ms = NOW + 40_000;
        indexer
    };
    let disabled = |mut indexer: proto::coordinator::Indexer| {
        indexer.enabled = false;
        indexer
    };
    let world = vec![
        of_wish("8-again", "Deleting", "ServiceDown", "Present"),
        disabled(of_wish("8-again-off", "Deleting", "ServiceDown", "Present")),
        of_wish("8-not-again", "Deleting", "StaleRegistry", "Present"),
        of_wish("9-ends", "Deleting", "Provisioning", "Deleted"),
        of_wish("9-ends-?", "Deleting", "ProvisioningUncertain", "Deleted"),
        disabled(of_wish("9-off", "Suspended", "Provisioning", "Present")),
        disabled(of_wish(
            "9-off-?",
            "Suspended",
            "ProvisioningUncertain",
            "Present",
        )),
        aside.clone(),
        kept,
        earlier,
        given_up,
        deleting,
        unreadable,
        crate::fixtures::held("alice.near", "4-held"),
        crate::fixtures::suspended("alice.near", "5-suspended"),
    ];
    golden("explain-special.txt", &explain(World::with(world)).await);
    let fake = Fake::start(World::with(vec![aside])).await;
    let shown = run(&fake.url(), &["get", "alice.near/7-set-aside"]).await;
    let shown = shown.succeeded().data;
    assert!(
        shown.contains("SetAside, its entry cannot be read"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_shadow_is_not_offered_what_it_refuses() {
    let mut world = World::with(vec![
        crate::fixtures::steady("alice.near", "1-steady"),
        crate::fixtures::held("alice.near", "2-held"),
        crate::fixtures::gave_up("alice.near", "3-gave-up"),
        crate::fixtures::suspended("alice.near", "4-suspended"),
        bare("alice.near", "5-new", "Initializing", "Observing"),
        bare("alice.near", "6-waits", "Initializing", "Provisioning"),
    ]);
    world.overview.shadow = true;
    let told = explain(world).await;
    for verb in ["enable", "disable", "hold", "release", "retry"] {
        let offered = format!("coordinator {verb} ");
        assert!(!told.contains(&offered), "{offered}: {told}");
    }
    assert_eq!(told.matches("coordinator shadow  ").count(), 6, "{told}");
}

#[test]
fn the_states_to_wait_for_are_those_that_are_explained() {
    for state in STATES.iter().filter(|state| **state != "Pondering") {
        let goal = format!("state={state}");
        assert!(goal.parse::<admin_cli::Goal>().is_ok(), "{state}");
    }
    assert!("state=Pondering".parse::<admin_cli::Goal>().is_err());
}
