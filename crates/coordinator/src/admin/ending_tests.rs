//! What is told of an indexer that comes to an end, or waits for its turn.

use lifecycle::{Phase, Reason, Record, Timestamp, Wait};

use super::*;
use crate::services::Listing;
use crate::store::{StoreTransport, Stored};
use crate::testing::{Fault, Running, World, id, pass};
use crate::{Knobs, LoopStatus};

const A: &str = "a.near/f";
const B: &str = "b.near/f";

async fn look(it: &Running, account: &str) -> IndexerReport {
    it.coordinator.admin().get(account, "f").await.unwrap()
}

/// Disables A and deletes B, whose tasks are in flight.
async fn end_both(world: &World, it: &Running) {
    let admin = it.coordinator.admin();
    admin.disable("olga", "a.near", "f").await.unwrap();
    world.unregister(B);
    pass(10).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_in_flight_of_what_ends_leads_to_no_start() {
    for (method, fault, state) in [
        ("get_task_status", Fault::Lies, "Provisioning"),
        (
            "start_provisioning_task",
            Fault::Hangs,
            "ProvisioningUncertain",
        ),
    ] {
        let world = World::new();
        world.fault(method, Some(fault));
        world.register(A);
        world.register(B);
        let it = world.run(Knobs::default());
        pass(20).await;
        let said = look(&it, "a.near").await.explain();
        assert!(!said.contains("nothing is started"), "{said}");
        end_both(&world, &it).await;
        for (account, phase, then) in [
            ("a.near", Phase::Suspended, "until it is enabled"),
            ("b.near", Phase::Deleting, "then it is removed"),
        ] {
            let report = look(&it, account).await;
            assert_eq!(report.record.as_ref().map(|it| it.phase), Some(phase));
            assert_eq!(report.state(), state);
            let said = report.explain();
            assert!(said.contains("nothing is started"), "{said}");
            assert!(said.contains(then), "{said}");
            for untrue in ["as soon as that is done", "started again", "being created"] {
                assert!(!said.contains(untrue), "{said}");
            }
        }
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_registered_again_is_not_said_to_be_removed() {
    for enabled in [true, false] {
        let world = World::new();
        world.register(A);
        let it = world.run(Knobs::default());
        pass(60).await;
        if !enabled {
            world.fault("stop_stream", Some(Fault::Fails));
            let admin = it.coordinator.admin();
            admin.disable("olga", "a.near", "f").await.unwrap();
        }
        for method in ["list_streams", "get_stream", "stop_stream"] {
            world.fault(method, Some(Fault::Fails));
        }
        world.unregister(A);
        pass(30).await;
        let report = look(&it, "a.near").await;
        assert_eq!(report.record.as_ref().unwrap().phase, Phase::Deleting);
        let removed = "was deleted in the registry and is being removed";
        assert!(report.explain().contains(removed), "{}", report.explain());
        world.register(A);
        pass(30).await;
        let report = look(&it, "a.near").await;
        assert_eq!(report.record.as_ref().unwrap().phase, Phase::Deleting);
        let said = report.explain();
        assert!(!said.contains(removed), "{said}");
        assert!(said.contains("registered again"), "{said}");
        assert_eq!(said.contains("it stays disabled"), !enabled, "{said}");
        // It is not, if that is older than the deletion, or than what is known of it.
        for later in [false, true] {
            let mut old = report.clone();
            let record = old.record.as_mut().unwrap();
            let newer = match later {
                true => &mut record.registered,
                false => &mut record.tombstone,
            };
            *newer = newer.map(|height| height + 100);
            assert!(old.explain().contains(removed), "{}", old.explain());
        }
        for method in ["list_streams", "get_stream", "stop_stream"] {
            world.fault(method, None);
        }
        pass(120).await;
        assert_eq!(world.has_stream(A), enabled);
        it.shut_down().await;
    }
}

/// What is told of `name`, whose loop waits for its turn since it was told that B has it.
fn told_of_turn(shared: &Shared, name: &str) -> (&'static str, String) {
    shared.publish(LoopStatus {
        id: id(name),
        phase: Some(Phase::Initializing),
        waiting: Some(Wait {
            reason: Reason::AccountBusy { by: id("a.near/b") },
            until: None,
        }),
        since: Timestamp(1),
        trouble: None,
        retry_at: None,
        doing: None,
        panics: 0,
    });
    let stored = Stored {
        record: Record::new(id(name)),
        revision: 1,
        raw: bytes::Bytes::new(),
    };
    let report = shared.report(id(name), Ok(Some(stored)));
    (report.state(), report.explain())
}

#[tokio::test(start_paused = true)]
async fn who_is_provisioned_first_is_who_is_provisioned_now() {
    let world = World::new();
    let shared = world.shared();
    shared.poll_streams(&mut Listing::default()).await;
    let hold = |name: &str| lock(&shared.gate).hold(&id(name), Timestamp(1));
    let release = |name: &str| _ = lock(&shared.gate).release(&id(name));
    hold("a.near/b");
    let (state, said) = told_of_turn(&shared, A);
    assert_eq!(state, "AccountBusy");
    assert!(said.contains("a.near/b, of the same account"), "{said}");
    release("a.near/b");
    hold("a.near/c");
    let (state, said) = told_of_turn(&shared, A);
    assert_eq!(state, "AccountBusy");
    assert!(said.contains("a.near/c, of the same account"), "{said}");
    assert!(!said.contains("a.near/b"), "{said}");
    // The accounts differ, and have one database.
    release("a.near/c");
    hold("a-b.near/c");
    let (state, said) = told_of_turn(&shared, "a.b.near/f");
    assert_eq!(state, "AccountBusy");
    assert!(said.contains("a-b.near/c"), "{said}");
    assert!(!said.contains("same account"), "{said}");
    assert!(said.contains("same database"), "{said}");
    // Nobody has it any more, and its loop was not told yet, or there is no place.
    assert_eq!(told_of_turn(&shared, A).0, "Working");
    for number in 0..shared.knobs.provisioning_parallel {
        hold(&format!("x{number}.near/f"));
    }
    assert_eq!(told_of_turn(&shared, A).0, "ProvisioningFull");
    assert_eq!(shared.overview().states["ProvisioningFull"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_height_that_is_spoilt_while_it_runs_is_listed_until_it_is_mended() {
    let world = World::new();
    world.register(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    let listed = || it.coordinator.admin().overview().unreadable;
    assert!(listed().is_empty());
    let key = keys::REGISTRY_HEIGHT.to_owned();
    world
        .store
        .delete(std::slice::from_ref(&key))
        .await
        .unwrap();
    world.store.set_add(&key, "something").await.unwrap();
    world.unregister(A);
    pass(60).await;
    let told = listed();
    assert!(told.contains_key(&key), "{told:?}");
    assert!(told[&key].contains("it is a set"), "{told:?}");
    world.store.delete(&[key]).await.unwrap();
    pass(120).await;
    assert!(listed().is_empty());
    assert_eq!(world.record(A), None);
    it.shut_down().await;
}
