//! A registry that answers, but cannot list any more.

use std::sync::Arc;

use crate::Knobs;
use crate::testing::{Fault, Running, World, pass};

const NAMES: [&str; 3] = ["a.near/updated", "a.near/gone", "a.near/late"];
const NEW: &str = "b.near/new";

/// Longer than it takes to ask one by one.
const PATIENCE: u64 = 60;

async fn running(world: &Arc<World>) -> Running {
    NAMES.iter().for_each(|name| world.register(name));
    let running = world.run(Knobs::default());
    pass(60).await;
    assert!(NAMES.iter().all(|name| world.has_stream(name)));
    world.take_calls();
    running
}

fn version(world: &World, name: &str) -> Option<u64> {
    world.record(name).and_then(|record| record.synced_at)
}

fn problem(it: &Running) -> String {
    let overview = it.coordinator.admin().overview();
    overview.registry_problem.unwrap_or_default()
}

/// For every question.
fn silence(world: &World, fault: Option<Fault>) {
    for method in ["list_all", "read_indexer_function"] {
        world.fault(method, fault);
    }
}

/// As where the contract's list has grown beyond the gas that there is, beyond what is read
/// of an answer, or beyond the time that its node has.
#[tokio::test(start_paused = true)]
async fn who_is_known_is_asked_about_one_by_one_once_nothing_can_be_listed_any_more() {
    for fault in [Fault::Lies, Fault::TooLarge, Fault::Hangs, Fault::Fails] {
        let world = World::new();
        let it = running(&world).await;
        let [updated, gone, late] = NAMES;
        world.fault("list_all", Some(fault));
        let before = version(&world, updated);
        world.register(updated);
        world.unregister(gone);
        world.register(NEW);
        pass(PATIENCE).await;
        assert!(version(&world, updated) > before, "{fault:?}");
        assert!(!world.has_stream(gone) && world.record(gone).is_none());
        assert!(world.record(NEW).is_none(), "there is only the listing");
        let told = problem(&it);
        assert!(told.contains("one by one"), "{told}");

        // Whoever is not changed is not asked about all the time.
        world.take_calls();
        pass(600).await;
        let asked = world.calls("read_indexer_function");
        assert!((18..=24).contains(&asked), "{asked}");
        let before = version(&world, late);
        world.register(late);
        pass(70).await;
        assert!(version(&world, late) > before);

        world.fault("list_all", None);
        pass(60).await;
        assert!(version(&world, NEW).is_some() && world.has_stream(late));
        assert_eq!(problem(&it), "");
        world.take_calls();
        pass(300).await;
        assert_eq!(world.calls("read_indexer_function"), 0, "all are listed");
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_the_same_bytes_ends_the_questions() {
    let world = World::new();
    let it = running(&world).await;
    world.fault("list_all", Some(Fault::Lies));
    pass(PATIENCE).await;
    assert!(world.calls("read_indexer_function") > 0);
    world.fault("list_all", None);
    pass(10).await;
    world.take_calls();
    pass(300).await;
    assert_eq!(world.calls("read_indexer_function"), 0);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_about_while_the_registry_is_away_or_fails_in_passing() {
    let world = World::new();
    let it = running(&world).await;
    // Only whether it answers at all is asked now and then.
    for fault in [Fault::Hangs, Fault::Fails] {
        silence(&world, Some(fault));
        world.take_calls();
        pass(3_600).await;
        let asked = world.calls("read_indexer_function");
        assert!((5..=10).contains(&asked), "{fault:?}: {asked}");
        assert!(!problem(&it).contains("one by one"));
        silence(&world, None);
        pass(20).await;
        world.take_calls();
        pass(300).await;
        assert_eq!(world.calls("read_indexer_function"), 0, "{fault:?}");
    }
    // A listing in between begins the time anew.
    for _ in 0..6 {
        world.fault("list_all", Some(Fault::Lies));
        pass(20).await;
        world.fault("list_all", None);
        pass(10).await;
    }
    assert_eq!(world.calls("read_indexer_function"), 0);
    assert_eq!(problem(&it), "");
    it.shut_down().await;
}

/// A replica that is behind tells of what was there before.
#[tokio::test(start_paused = true)]
async fn an_answer_older_than_what_is_known_undoes_nothing() {
    let world = World::new();
    let it = running(&world).await;
    let [updated, gone, _] = NAMES;
    world.fault("list_all", Some(Fault::Lies));
    world.register(updated);
    pass(PATIENCE + 10).await;
    let known = version(&world, updated);
    world.set_height(990);
    world.unregister(gone);
    pass(200).await;
    assert!(world.has_stream(gone), "it was told as of an older block");
    assert_eq!(version(&world, updated), known);
    world.set_height(3_000);
    pass(100).await;
    assert!(!world.has_stream(gone));
    it.shut_down().await;
}

/// The list takes too long, and the rest is answered.
#[tokio::test(start_paused = true)]
async fn who_has_a_record_is_asked_about_after_a_start_too_if_only_the_list_is_not_answered() {
    for fault in [Fault::Hangs, Fault::Fails] {
        let world = World::new();
        running(&world).await.shut_down().await;
        let [updated, gone, _] = NAMES;
        world.fault("list_all", Some(fault));
        world.register(updated);
        world.unregister(gone);
        world.register(NEW);
        let before = version(&world, updated);
        let it = world.run(Knobs::default());
        pass(120).await;
        assert!(version(&world, updated) > before, "{fault:?}");
        assert!(!world.has_stream(gone) && world.record(gone).is_none());
        assert!(world.record(NEW).is_none());
        assert!(problem(&it).contains("one by one"), "{}", problem(&it));
        it.shut_down().await;
    }
}

/// There has been no listing, and there is none to be had.
#[tokio::test(start_paused = true)]
async fn who_was_given_a_record_by_a_command_is_asked_about_too() {
    let world = World::new();
    running(&world).await.shut_down().await;
    world.fault("list_all", Some(Fault::Lies));
    world.register(NEW);
    let it = world.run(Knobs::default());
    pass(120).await;
    assert!(world.record(NEW).is_none());
    let admin = it.coordinator.admin();
    let (account, function) = NEW.split_once('/').unwrap();
    admin.enable("olga", account, function).await.unwrap();
    pass(60).await;
    assert!(world.has_stream(NEW), "one command is enough");
    world.unregister(NEW);
    pass(70).await;
    assert!(!world.has_stream(NEW) && world.record(NEW).is_none());
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_falls_silent_altogether_is_asked_no_more_one_by_one() {
    for fault in [Fault::Lies, Fault::Fails] {
        let world = World::new();
        let it = running(&world).await;
        world.fault("list_all", Some(fault));
        pass(200).await;
        assert!(problem(&it).contains("one by one"));
        silence(&world, Some(Fault::Fails));
        pass(300).await;
        assert!(!problem(&it).contains("one by one"), "{}", problem(&it));
        world.take_calls();
        pass(3_600).await;
        let asked = world.calls("read_indexer_function");
        assert!((5..=10).contains(&asked), "{fault:?}: {asked}");

        // Only the list stays silent.
        world.unregister(NAMES[1]);
        world.fault("read_indexer_function", None);
        pass(700).await;
        assert!(!world.has_stream(NAMES[1]), "{fault:?}");
        assert!(problem(&it).contains("one by one"));
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_comes_back_is_not_asked_about_everybody() {
    let world = World::new();
    let it = running(&world).await;
    silence(&world, Some(Fault::Fails));
    // Whatever the moment is at which it comes back, and who was asked about then.
    for seconds in 30..110 {
        pass(seconds).await;
        silence(&world, None);
        world.take_calls();
        pass(30).await;
        let asked = world.calls("read_indexer_function");
        assert!(asked <= 1, "{seconds}: {asked}");
        silence(&world, Some(Fault::Fails));
    }
    it.shut_down().await;
}
