//! What operators can do while the registry says nothing.

use std::sync::Arc;

use lifecycle::{Phase, Record};

use super::*;
use crate::Knobs;
use crate::store::StoreTransport;
use crate::testing::{Fault, Running, World, id, pass};

const A: &str = "a.near/f";
const METHODS: [&str; 2] = ["list_all", "read_indexer_function"];

fn silence(world: &World, fault: Option<Fault>) {
    METHODS.iter().for_each(|method| world.fault(method, fault));
}

async fn running(world: &Arc<World>) -> Running {
    world.register(A);
    let running = world.run(Knobs::default());
    pass(60).await;
    assert!(world.has_stream(A) && world.has_executor(A));
    running
}

#[tokio::test(start_paused = true)]
async fn what_is_known_is_switched_without_the_registry() {
    for fault in [Fault::Fails, Fault::Hangs] {
        let world = World::new();
        let it = running(&world).await;
        silence(&world, Some(fault));
        let admin = it.coordinator.admin();
        let before = tokio::time::Instant::now();
        admin.disable("olga", "a.near", "f").await.unwrap();
        assert!(before.elapsed().as_secs() < 5, "{:?}", before.elapsed());
        assert!(!world.record(A).unwrap().enabled);
        pass(60).await;
        assert!(!world.has_stream(A) && !world.has_executor(A));
        admin.enable("olga", "a.near", "f").await.unwrap();
        assert!(world.record(A).unwrap().enabled);
        pass(60).await;
        assert!(world.has_stream(A) && world.has_executor(A));
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_is_enough_before_the_registry_has_answered_at_all() {
    let world = World::new();
    running(&world).await.shut_down().await;
    silence(&world, Some(Fault::Fails));
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    admin.disable("olga", "a.near", "f").await.unwrap();
    pass(60).await;
    assert!(!world.has_stream(A) && !world.has_executor(A));
    let unknown = admin.disable("olga", "b.near", "f").await.unwrap_err();
    assert!(matches!(unknown, AdminError::NotNow(_)), "{unknown:?}");
    assert_eq!(world.record("b.near/f"), None);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_listed_last_is_known_without_a_record() {
    let world = World::new();
    let it = running(&world).await;
    let key = keys::state(&id(A));
    silence(&world, Some(Fault::Fails));
    // Nobody makes it anew before the command does.
    let admin = it.coordinator.admin();
    world.store.delete(&[key]).await.unwrap();
    admin.disable("olga", "a.near", "f").await.unwrap();
    assert!(!world.record(A).unwrap().enabled);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_in_the_last_listing_is_known_by_its_record() {
    let world = World::new();
    let it = running(&world).await;
    world.list(Some("{}"));
    world.register("b.near/f");
    pass(60).await;
    silence(&world, Some(Fault::Fails));
    let admin = it.coordinator.admin();
    admin.disable("olga", "a.near", "f").await.unwrap();
    pass(60).await;
    assert!(!world.has_stream(A) && !world.has_executor(A));
    let unknown = admin.disable("olga", "b.near", "f").await.unwrap_err();
    assert!(matches!(unknown, AdminError::NotNow(_)), "{unknown:?}");
    it.shut_down().await;
}

/// What an acknowledged switch would be written into is about to be removed.
#[tokio::test(start_paused = true)]
async fn what_is_being_deleted_takes_no_switch_that_would_go_with_it() {
    let world = World::new();
    let it = running(&world).await;
    world.fault("stop_executor", Some(Fault::Fails));
    world.unregister(A);
    pass(60).await;
    assert_eq!(world.record(A).unwrap().phase, Phase::Deleting);
    silence(&world, Some(Fault::Fails));
    let admin = it.coordinator.admin();
    let gone = admin.disable("olga", "a.near", "f").await.unwrap_err();
    assert!(
        matches!(&gone, AdminError::NotFound(why) if why.contains("was deleted in block")),
        "{gone:?}"
    );
    it.shut_down().await;

    // A coordinator that has not heard of the deletion itself.
    let before: Record = world.record(A).unwrap();
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    let open = admin.disable("olga", "a.near", "f").await.unwrap_err();
    assert!(
        matches!(&open, AdminError::NotNow(why) if why.contains("is being deleted")),
        "{open:?}"
    );
    assert_eq!(world.record(A).unwrap().enabled, before.enabled);
    it.shut_down().await;
}

/// A node that is behind tells of what was there before the deletion that the record
/// proves.
#[tokio::test(start_paused = true)]
async fn what_is_being_deleted_is_not_switched_on_an_answer_older_than_the_deletion() {
    let world = World::new();
    let it = running(&world).await;
    world.fault("stop_executor", Some(Fault::Fails));
    world.unregister(A);
    pass(60).await;
    it.shut_down().await;
    let tombstone = world.record(A).unwrap().tombstone.unwrap();
    let key = keys::state(&id(A));
    let keys = [key.clone()];
    let raw = world
        .store
        .get_many(&keys)
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let text = String::from_utf8(raw.to_vec()).unwrap();
    let later = text.replace(
        &format!("\"tombstone\":{tombstone}"),
        "\"tombstone\":900000000",
    );
    assert_ne!(text, later);
    let written = world
        .store
        .compare_and_set(&key, Some(&raw), Some(later.as_bytes()), None);
    written.await.unwrap();
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    for enable in [false, true] {
        let done = match enable {
            true => admin.enable("olga", "a.near", "f").await,
            false => admin.disable("olga", "a.near", "f").await,
        };
        let refused = done.unwrap_err();
        assert!(
            matches!(&refused, AdminError::NotNow(why) if why.contains("is older than that")),
            "{refused:?}"
        );
    }
    assert!(world.record(A).unwrap().enabled);
    it.shut_down().await;
}

/// What was registered before the start, and has no record yet, may be any name.
#[tokio::test(start_paused = true)]
async fn nobody_says_that_there_is_none_before_the_registry_has_answered() {
    let look = async |it: &Running| {
        let admin = it.coordinator.admin();
        admin.get("a.near", "f").await.unwrap_err()
    };
    let open = |error: AdminError, why: &str| {
        let told = error.to_string();
        assert!(matches!(error, AdminError::NotNow(_)), "{told}");
        let asked = "a.near/f: it has no record, and nobody says whether it is registered: ";
        assert!(told.starts_with(asked) && told.contains(why), "{told}");
    };
    let world = World::new();
    world.register(A);
    silence(&world, Some(Fault::Fails));
    let it = world.run(Knobs::default());
    open(look(&it).await, "the registry has not answered since");
    pass(60).await;
    open(look(&it).await, "cannot be reached");
    // Of what it says, all is as of blocks that are too old.
    it.shut_down().await;
    silence(&world, None);
    world.store.put(keys::REGISTRY_HEIGHT, "1200");
    let it = world.run(Knobs::default());
    pass(60).await;
    open(look(&it).await, "newer ones are waited for");
    it.shut_down().await;
    world.store.put(keys::REGISTRY_HEIGHT, "1");
    world.unregister(A);
    world.list(Some("{}"));
    let it = world.run(Knobs::default());
    pass(60).await;
    let error = look(&it).await;
    assert!(matches!(error, AdminError::NotFound(_)), "{error}");
    // It may have been registered since.
    silence(&world, Some(Fault::Fails));
    pass(60).await;
    open(look(&it).await, "cannot be reached");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn why_there_is_no_listing_is_known_until_there_is_one() {
    let world = World::new();
    silence(&world, Some(Fault::Fails));
    let it = world.run(Knobs::default());
    pass(60).await;
    let overview = it.coordinator.admin().overview();
    assert_eq!(overview.registry_answered, None);
    let problem = overview.registry_problem.unwrap();
    assert!(problem.contains("the registry"), "{problem}");
    silence(&world, None);
    pass(60).await;
    let overview = it.coordinator.admin().overview();
    assert!(overview.registry_answered.is_some());
    assert_eq!(overview.registry_problem, None);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_behind_unregisters_nobody() {
    let world = World::new();
    let it = running(&world).await;
    world.fall_behind(A);
    let admin = it.coordinator.admin();
    admin.disable("olga", "a.near", "f").await.unwrap();
    assert!(!world.record(A).unwrap().enabled);
    let stranger = admin.disable("olga", "b.near", "g").await.unwrap_err();
    assert!(matches!(stranger, AdminError::NotNow(_)), "{stranger:?}");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_knows_nothing_is_no_tombstone() {
    let world = World::new();
    let it = running(&world).await;
    world.deny(A);
    let admin = it.coordinator.admin();
    admin.disable("olga", "a.near", "f").await.unwrap();
    assert!(!world.record(A).unwrap().enabled, "it is listed");
    world.list(Some("{}"));
    pass(60).await;
    admin.enable("olga", "a.near", "f").await.unwrap();
    assert!(world.record(A).unwrap().enabled, "it has a record");
    let stranger = admin.disable("olga", "b.near", "g").await.unwrap_err();
    let told = AdminError::NotFound("b.near/g is not registered".to_owned());
    assert_eq!(stranger, told);
    assert_eq!(world.record("b.near/g"), None);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_persisted_height_beyond_belief_is_told_with_what_mends_it() {
    let world = World::new();
    running(&world).await.shut_down().await;
    world.store.put(keys::REGISTRY_HEIGHT, "7000000000");
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    let overview = admin.overview();
    assert_eq!(overview.registry_answered, None);
    let problem = overview.registry_problem.unwrap();
    assert!(problem.contains("block 7000000000"), "{problem}");
    let command = problem.split('`').nth(1).unwrap();
    let height = command.rsplit(' ').next().unwrap();
    let said = admin.get("a.near", "f").await.unwrap().explain();
    assert!(
        said.contains("What the registry answers cannot be used: its"),
        "{said}"
    );
    assert!(said.contains(command), "{said}");
    it.shut_down().await;

    world.store.put(keys::REGISTRY_HEIGHT, height.to_owned());
    let it = world.run(Knobs::default());
    pass(60).await;
    let admin = it.coordinator.admin();
    assert_eq!(admin.overview().registry_problem, None);
    assert_eq!(admin.get("a.near", "f").await.unwrap().state(), "Steady");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_trouble_of_the_registry_that_is_over_is_not_told_any_more() {
    let world = World::new();
    silence(&world, Some(Fault::Fails));
    world.store.put(keys::REGISTRY_HEIGHT, "1200");
    let it = world.run(Knobs::default());
    pass(30).await;
    let admin = it.coordinator.admin();
    let problem = || admin.overview().registry_problem.unwrap();
    assert!(problem().contains("cannot be reached"), "{}", problem());
    // It answers, though as of an old block.
    silence(&world, None);
    pass(30).await;
    assert!(
        problem().contains("newer ones are waited for"),
        "{}",
        problem()
    );
    it.shut_down().await;
}
