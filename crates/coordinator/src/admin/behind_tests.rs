//! A registry that answers, of which nothing can be used.

use lifecycle::{Desired, Phase, Record};

use super::*;
use crate::Knobs;
use crate::store::StoreTransport;
use crate::testing::{Fault, World, id, pass};

const A: &str = "a.near/f";

const FALSE: u64 = 800_000_000;
const TRUE: u64 = 130_000_000;

#[tokio::test(start_paused = true)]
async fn a_false_first_height_blocks_the_registry_for_minutes_and_not_for_ever() {
    let world = World::new();
    world.set_height(TRUE);
    world.register(A);
    world.set_height(FALSE);
    let it = world.run(Knobs::default());
    pass(5).await;
    world.set_height(TRUE + 10);
    world.register("b.near/g");
    world.pass_with_blocks(120).await;
    assert!(world.has_stream(A), "what was told is true");
    assert!(!world.has_stream("b.near/g"));
    let admin = it.coordinator.admin();
    let overview = admin.overview();
    let problem = overview.registry_problem.unwrap();
    let told = format!("are far below block {FALSE}, as of which it answered before");
    assert!(problem.contains(&told), "{problem}");
    assert!(overview.registry_behind_blocks > FALSE - TRUE - 1_000);

    world.pass_with_blocks(600).await;
    let overview = admin.overview();
    assert_eq!(overview.registry_problem, None);
    assert_eq!(overview.registry_behind_blocks, 0);
    assert!(world.has_stream("b.near/g"));
    world.unregister(A);
    world.pass_with_blocks(60).await;
    assert!(!world.has_stream(A), "deletions are heard again");
    assert_eq!(world.record(A), None);
    it.shut_down().await;
}

/// What was deleted must not come back, however long a node that is behind goes on.
#[tokio::test(start_paused = true)]
async fn what_was_acted_upon_stays_so_whoever_answers() {
    let world = World::new();
    world.set_height(FALSE);
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    world.unregister(A);
    // That is the last answer of a node that keeps up.
    while world.record(A).is_some() {
        pass(1).await;
    }
    it.shut_down().await;
    let stored = world.store.text(keys::REGISTRY_HEIGHT).unwrap();
    let it = world.run(Knobs::default());
    pass(5).await;
    world.set_height(TRUE);
    world.register(A);
    world.pass_with_blocks(3_000).await;
    assert!(!world.has_stream(A));
    let problem = it.coordinator.admin().overview().registry_problem.unwrap();
    assert!(
        problem.contains("`coordinator state height --lower-to"),
        "{problem}"
    );
    assert_eq!(world.store.text(keys::REGISTRY_HEIGHT), Some(stored));
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn that_every_answer_is_too_old_is_said_of_each_with_both_heights() {
    let world = World::new();
    world.register(A);
    world.run(Knobs::default()).shut_down().await;
    let it = world.run(Knobs::default());
    pass(60).await;
    it.shut_down().await;
    world.store.put(keys::REGISTRY_HEIGHT, "1200");
    for method in ["list_all", "read_indexer_function"] {
        world.fault(method, Some(Fault::Fails));
    }
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    let report = async || admin.get("a.near", "f").await.unwrap();
    let said = report().await.explain();
    assert!(
        said.contains("The registry has not answered yet."),
        "{said}"
    );

    let answered = {
        for method in ["list_all", "read_indexer_function"] {
            world.fault(method, None);
        }
        report().await.status.unwrap().since
    };
    pass(60).await;
    let report = report().await;
    assert_eq!(report.state(), "RegistryUnknown");
    let said = report.explain();
    let both = "The registry's answers, up to block 1001, are older than block 1200.";
    assert!(said.contains(both), "{said}");
    assert!(!said.contains("has not answered"), "{said}");
    let since = report.status.unwrap().since;
    assert!(since > answered, "since when its answers are too old");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_stored_height_that_cannot_be_read_is_told_and_held_against_doubt() {
    let world = World::new();
    world.set_height(TRUE);
    world.register(A);
    world.set_height(FALSE);
    world.store.put(keys::REGISTRY_HEIGHT, "a lot");
    let it = world.run(Knobs::default());
    pass(5).await;
    let admin = it.coordinator.admin();
    let told = |key: &str| admin.overview().unreadable.get(key).cloned();
    let why = told(keys::REGISTRY_HEIGHT).unwrap();
    assert!(why.contains("`a lot`"), "{why}");
    // Nobody knows what was acted upon, so nothing is given up.
    world.set_height(TRUE + 10);
    world.pass_with_blocks(1_000).await;
    assert!(admin.overview().registry_problem.is_some());
    world.store.put(keys::REGISTRY_HEIGHT, "0");
    world.pass_with_blocks(60).await;
    assert_eq!(admin.overview().registry_problem, None);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn no_deletion_is_forgotten_whatever_stands_where_its_height_belongs() {
    let world = World::new();
    world.register(A);
    let key = keys::REGISTRY_HEIGHT.to_owned();
    world.store.set_add(&key, "something").await.unwrap();
    let it = world.run(Knobs::default());
    pass(60).await;
    assert!(world.has_stream(A));
    world.unregister(A);
    pass(60).await;
    let report = it.coordinator.admin().get("a.near", "f").await.unwrap();
    let said = report.explain();
    assert!(said.contains("`coordinator state height` says"), "{said}");
    world.store.delete(&[key]).await.unwrap();
    pass(120).await;
    assert_eq!(world.record(A), None);
    let stored = world.store.text(keys::REGISTRY_HEIGHT).unwrap();
    assert_eq!(stored, "1002");
    assert_eq!(id(A).account(), "a.near");
    it.shut_down().await;
}

/// Commands ask about the one: what they hear may be newer than any listing.
#[tokio::test(start_paused = true)]
async fn what_a_command_heard_to_be_deleted_is_not_brought_back_by_an_older_listing() {
    let world = World::new();
    world.set_height(TRUE);
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    assert!(world.has_stream(A));
    world.fault("list_all", Some(Fault::Fails));
    world.set_height(TRUE + 10);
    world.unregister(A);
    let admin = it.coordinator.admin();
    let gone = admin.disable("olga", "a.near", "f").await.unwrap_err();
    assert!(matches!(gone, AdminError::NotFound(_)), "{gone:?}");
    pass(60).await;
    assert_eq!(world.record(A), None);

    // The listing of a node that is behind.
    world.set_height(TRUE);
    world.register(A);
    world.register("b.near/g");
    world.fault("list_all", None);
    pass(60).await;
    assert!(world.has_stream("b.near/g"), "all others are heard of");
    assert_eq!(world.record(A), None);
    assert!(!world.has_stream(A) && !world.has_executor(A));

    world.set_height(TRUE + 20);
    world.register(A);
    pass(60).await;
    assert!(world.has_stream(A), "{}", it.sentence(A));
    it.shut_down().await;
}

/// A replica that is behind tells of the earlier life, after a restart.
#[tokio::test(start_paused = true)]
async fn a_tombstone_of_an_earlier_life_keeps_no_operator_from_stopping_what_runs() {
    let world = World::new();
    world.register(A);
    world.unregister(A);
    let record = Record {
        provisioned: true,
        ..Record::new(id(A)).with_phase(Phase::Running)
    };
    world.put_record(&record.knowing(5_000)).await;
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    let state = async || admin.get("a.near", "f").await.unwrap();
    assert_eq!(state().await.state(), "StaleRegistry");
    admin.disable("olga", "a.near", "f").await.unwrap();
    pass(30).await;
    assert!(!world.record(A).unwrap().enabled);
    // Nor is it removed when a hold ends.
    admin.hold("olga", "a.near", "f", "why").await.unwrap();
    pass(30).await;
    let report = state().await;
    assert!(matches!(report.desired, Desired::Deleted { .. }));
    assert!(!report.is_kept_by_a_hold());
    let said = report.explain();
    assert!(!said.contains("as soon as it is released"), "{said}");
    admin.release("olga", "a.near", "f").await.unwrap();
    pass(60).await;
    let record = world.record(A).unwrap();
    assert_eq!((record.phase, record.enabled), (Phase::Suspended, false));
    admin.enable("olga", "a.near", "f").await.unwrap();
    assert!(world.record(A).unwrap().enabled);
    it.shut_down().await;
}

/// Whoever was frozen, or is cut off from the registry, knows old things only.
#[tokio::test(start_paused = true)]
async fn what_another_coordinator_deleted_meanwhile_is_not_brought_back() {
    let world = World::new();
    world.set_height(TRUE);
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    for method in ["list_all", "read_indexer_function"] {
        world.fault(method, Some(Fault::Fails));
    }
    let height = (TRUE + 100).to_string();
    world.store.put(keys::REGISTRY_HEIGHT, height.clone());
    let key = keys::state(&id(A));
    world.store.delete(&[key]).await.unwrap();
    pass(120).await;
    assert_eq!(world.record(A), None, "{}", it.sentence(A));
    assert!(it.sentence(A).contains(&height), "{}", it.sentence(A));
    let admin = it.coordinator.admin();
    let refused = admin.disable("olga", "a.near", "f").await.unwrap_err();
    assert!(
        matches!(&refused, AdminError::NotNow(why) if why.contains("another coordinator")),
        "{refused:?}"
    );
    // A height that no chain can have reached is told, until it is lowered.
    let told = || lock(&it.coordinator.shared.health).why_unreadable(keys::REGISTRY_HEIGHT);
    assert_eq!(told(), None);
    world.store.put(keys::REGISTRY_HEIGHT, FALSE.to_string());
    pass(60).await;
    assert!(told().unwrap().contains("--lower-to"), "{:?}", told());
    world.store.put(keys::REGISTRY_HEIGHT, height.clone());
    pass(60).await;
    assert_eq!(told(), None);
    // An operator is heard if the registry tells of it as of a height that is as new.
    world.set_height(TRUE + 100);
    world.fault("read_indexer_function", None);
    world.fault("compare_and_set", Some(Fault::Fails));
    let refused = admin.disable("olga", "a.near", "f").await.unwrap_err();
    assert!(
        matches!(&refused, AdminError::NotNow(why) if !why.contains("another coordinator")),
        "{refused:?}"
    );
    world.fault("compare_and_set", None);
    // It is registered all the same, as a newer answer says.
    for method in ["list_all", "read_indexer_function"] {
        world.fault(method, None);
    }
    pass(60).await;
    assert!(world.record(A).is_some(), "{}", it.sentence(A));
    it.shut_down().await;
}

/// Of whom there is no loop no answer is kept, but the one to the command counts.
#[tokio::test(start_paused = true)]
async fn an_operator_is_heard_about_somebody_new_of_whom_the_registry_tells_since() {
    let world = World::new();
    world.set_height(TRUE);
    world.register(A);
    world.list(Some("{}"));
    let it = world.run(Knobs::default());
    pass(60).await;
    world.fault("list_all", Some(Fault::Fails));
    let height = TRUE + 100;
    world.store.put(keys::REGISTRY_HEIGHT, height.to_string());
    let admin = it.coordinator.admin();
    let refused = admin.disable("olga", "a.near", "f").await.unwrap_err();
    assert!(
        matches!(&refused, AdminError::NotNow(why) if why.contains("another coordinator")),
        "{refused:?}"
    );
    world.set_height(height);
    admin.disable("olga", "a.near", "f").await.unwrap();
    assert!(!world.record(A).unwrap().enabled);
    it.shut_down().await;
}

/// What would be written into its record goes with it.
#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_deleted_is_not_switched_on_the_word_of_a_node_that_is_behind() {
    let world = World::new();
    world.set_height(TRUE);
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    world.fault("stop_executor", Some(Fault::Fails));
    world.set_height(TRUE + 10);
    world.unregister(A);
    pass(60).await;
    world.set_height(TRUE);
    world.register(A);
    let admin = it.coordinator.admin();
    for enable in [false, true] {
        // The record may not tell of the deletion yet.
        let record = Record::new(id(A)).with_phase(Phase::Running);
        world.put_record(&record).await;
        let done = match enable {
            true => admin.enable("olga", "a.near", "f").await,
            false => admin.disable("olga", "a.near", "f").await,
        };
        let refused = done.unwrap_err();
        assert!(
            matches!(&refused, AdminError::NotFound(why) if why.contains("was deleted in block")),
            "{refused:?}"
        );
    }
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_height_that_is_too_low_blocks_the_registry_for_minutes_and_not_for_ever() {
    let world = World::new();
    world.set_height(TRUE);
    world.register(A);
    world.set_height(TRUE + 10);
    let it = world.run(Knobs::default());
    pass(5).await;
    world.set_height(FALSE);
    world.register("b.near/g");
    world.pass_with_blocks(120).await;
    assert!(world.has_stream(A) && !world.has_stream("b.near/g"));
    let admin = it.coordinator.admin();
    let overview = admin.overview();
    let problem = overview.registry_problem.unwrap();
    assert!(problem.contains("far above block 1300000"), "{problem}");
    assert!(problem.contains("that one is likely false"), "{problem}");
    assert!(overview.registry_behind_blocks > FALSE - TRUE - 1_000);

    world.pass_with_blocks(600).await;
    let overview = admin.overview();
    assert_eq!(overview.registry_problem, None);
    assert_eq!(overview.registry_behind_blocks, 0);
    assert!(world.has_stream("b.near/g"));
    world.unregister(A);
    world.pass_with_blocks(60).await;
    assert!(!world.has_stream(A), "deletions are heard again");
    it.shut_down().await;
}
