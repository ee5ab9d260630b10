//! A shadow beside a world that somebody else looks after.

use std::sync::Arc;

use super::*;
use crate::store::StoreTransport;
use crate::testing::{Fault, World, id, pass};
use crate::{Coordinator, Knobs};

const A: &str = "a.near/f";

fn watch(world: &Arc<World>) -> (Arc<Coordinator>, tokio_util::sync::DropGuard) {
    let coordinator = Arc::new(Coordinator::shadow(Knobs::default(), world.ports()));
    let stop = tokio_util::sync::CancellationToken::new();
    let (running, token) = (Arc::clone(&coordinator), stop.clone());
    tokio::spawn(async move { running.run(token).await });
    (coordinator, stop.drop_guard())
}

fn entry(coordinator: &Coordinator) -> ShadowEntry {
    let report = coordinator.admin().shadow_report(None, 10, false);
    report.entries.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_shadow_knows_what_lies_apart() {
    let world = World::new();
    let apart = || {
        let ports = ports::read_only(world.ports());
        (
            ports.provisioner.stands_apart(),
            ports.store.keeps_data_apart(),
        )
    };
    assert_eq!(apart(), (false, false));
    world.set_apart(true, true);
    assert_eq!(apart(), (true, true));
}

/// Everything that would change the world.
fn changes(world: &World) -> u64 {
    [
        "start_stream",
        "stop_stream",
        "start_executor",
        "stop_executor",
        "start_provisioning_task",
    ]
    .into_iter()
    .map(|method| world.calls(method))
    .sum()
}

#[tokio::test(start_paused = true)]
async fn what_is_no_text_is_reported_and_no_reason_to_begin() {
    for before in [true, false] {
        let world = World::new();
        let key = crate::store::keys::state(&id(A));
        if before {
            world
                .store
                .set_add(crate::store::keys::LISTED, &key)
                .await
                .unwrap();
            world.store.push(&key, 1).unwrap();
        }
        world.register(A);
        let (shadow, _guard) = watch(&world);
        pass(5).await;
        if !before {
            assert_eq!(entry(&shadow).verdict, Verdict::Pending);
            world.store.push(&key, 1).unwrap();
            pass(15).await;
        }
        let overview = shadow.admin().overview();
        let unreadable: Vec<_> = overview.unreadable.keys().collect();
        assert_eq!(unreadable, [&key]);
        let report = shadow.admin().get("a.near", "f").await.unwrap();
        assert_eq!(report.state(), "Unreadable");
        pass(GRACE.as_secs() + 20).await;
        let report = shadow.admin().shadow_report(None, 10, false);
        assert_eq!(report.disagreements, 0, "{report:?}");
        assert_eq!((report.observed, report.unknown), (1, 1), "{report:?}");
    }
}

/// Whether the shadow vouches for A, and what it says of it.
fn vouches(shadow: &Coordinator) -> (bool, String) {
    let report = shadow.admin().shadow_report(None, 10, false);
    assert_eq!(
        (report.observed, report.disagreements),
        (1, 0),
        "{report:?}"
    );
    let entry = report.entries.into_iter().next().unwrap();
    let knows = entry.verdict != Verdict::Unknown;
    assert_eq!(report.unknown == 0, knows, "{entry:?}");
    (knows, entry.would)
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_is_not_vouched_for() {
    for before in [true, false] {
        let world = World::new();
        world.register(A);
        let active = world.run(Knobs::default());
        pass(60).await;
        active.shut_down().await;
        let key = crate::store::keys::state(&id(A));
        let good = world
            .store
            .get_many(std::slice::from_ref(&key))
            .await
            .unwrap();
        let good = good.into_iter().next().flatten().unwrap();
        if before {
            world.store.put(&key, "garbage");
        }
        let (shadow, _guard) = watch(&world);
        pass(60).await;
        if !before {
            assert!(vouches(&shadow).0);
            world.store.put(&key, "garbage");
            pass(60).await;
        }
        let (knows, would) = vouches(&shadow);
        assert!(
            !knows && would.contains("is left alone until the record"),
            "{would}"
        );
        world.store.put(&key, good);
        pass(120).await;
        assert!(vouches(&shadow).0);
        world.store.put(&key, "garbage");
        pass(60).await;
        assert!(!vouches(&shadow).0);
        // Somebody has taken all of it away.
        world.unregister(A);
        world.drop_stream(A);
        world.drop_executor(A);
        world.store.delete(&[key]).await.unwrap();
        pass(120).await;
        let report = shadow.admin().shadow_report(None, 10, false);
        assert_eq!(report.observed, 0, "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_cannot_be_read_is_not_vouched_for() {
    for before in [true, false] {
        for nonsense in [r#"{"a.near":{"f":7}}"#, r#"{"a.near":7}"#] {
            let world = World::new();
            world.register(A);
            let active = world.run(Knobs::default());
            pass(60).await;
            active.shut_down().await;
            if before {
                world.list(Some(nonsense));
                world.answer(A, "7");
            }
            let (shadow, _guard) = watch(&world);
            pass(60).await;
            if !before {
                assert!(vouches(&shadow).0);
                world.list(Some(nonsense));
                world.answer(A, "7");
                pass(60).await;
            }
            let (knows, would) = vouches(&shadow);
            assert!(!knows, "{before} {nonsense}: {would}");
            assert!(would.contains("cannot be read and is set aside"), "{would}");
            world.list(None);
            world.register(A);
            pass(60).await;
            let (knows, would) = vouches(&shadow);
            assert!(knows, "{before} {nonsense}: {would}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_neither_listed_nor_deleted_is_not_vouched_for() {
    for before in [true, false] {
        let world = World::new();
        world.register(A);
        let active = world.run(Knobs::default());
        pass(60).await;
        active.shut_down().await;
        if before {
            world.list(Some("{}"));
            world.answer(A, "null");
        }
        let (shadow, _guard) = watch(&world);
        pass(60).await;
        if !before {
            assert!(vouches(&shadow).0);
            world.list(Some("{}"));
            world.answer(A, "null");
            pass(60).await;
        }
        let (knows, would) = vouches(&shadow);
        assert!(!knows, "{before}: {would}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_reported_and_not_done() {
    let world = World::new();
    world.register(A);
    let (shadow, _guard) = watch(&world);
    pass(5).await;
    let first = entry(&shadow);
    assert_eq!(first.verdict, Verdict::Pending);
    assert!(
        first.would.starts_with("start provisioning"),
        "{}",
        first.would
    );
    assert_eq!(
        (first.phase, first.shadow_phase),
        (None, Some(Phase::Initializing))
    );
    pass(GRACE.as_secs() + 20).await;
    let later = entry(&shadow);
    assert_eq!(
        (later.verdict, later.since),
        (Verdict::Disagrees, first.since)
    );
    assert_eq!(changes(&world), 0);
    assert!(world.record(A).is_none());
    let report = shadow.admin().shadow_report(None, 10, true);
    assert_eq!((report.observed, report.disagreements), (1, 1));
    assert_eq!(report.planned_actions, 1);
}

#[tokio::test(start_paused = true)]
async fn an_active_coordinator_that_does_the_same_is_agreed_with() {
    let world = World::new();
    world.register(A);
    let (shadow, _guard) = watch(&world);
    let active = world.run(Knobs::default());
    pass(60).await;
    assert!(world.has_stream(A) && world.has_executor(A));
    let entry = entry(&shadow);
    assert_eq!(entry.verdict, Verdict::Agrees, "{entry:?}");
    assert_eq!(entry.phase, Some(Phase::Running));
    active.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn who_sees_nothing_agrees_with_nobody() {
    let world = World::new();
    world.register(A);
    let active = world.run(Knobs::default());
    pass(60).await;
    active.shut_down().await;
    for method in ["list_streams", "list_executors", "list_all", "get_many"] {
        // From the start, and while all is settled.
        for before in [true, false] {
            if before {
                world.fault(method, Some(Fault::Fails));
            }
            let (shadow, _guard) = watch(&world);
            pass(10).await;
            let report = || shadow.admin().shadow_report(None, 10, false);
            if !before {
                assert_eq!(report().entries[0].verdict, Verdict::Agrees, "{method}");
                assert_eq!(report().unknown, 0);
                world.fault(method, Some(Fault::Fails));
                pass(GRACE.as_secs() + 60).await;
            }
            let blind = report();
            assert_eq!(blind.unknown, blind.observed, "{method}: {blind:?}");
            assert_eq!(blind.disagreements, 0, "{method}: {blind:?}");
            for entry in &blind.entries {
                assert_eq!(entry.verdict, Verdict::Unknown, "{method}: {entry:?}");
            }
            world.fault(method, None);
            pass(60).await;
            assert_eq!(report().entries[0].verdict, Verdict::Agrees, "{method}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_started_although_unwanted_is_a_surprise() {
    let world = World::new();
    world.register(A);
    let active = world.run(Knobs::default());
    pass(60).await;
    active.shut_down().await;
    let (shadow, _guard) = watch(&world);
    pass(5).await;
    assert_eq!(entry(&shadow).verdict, Verdict::Agrees);
    world.set_stream(A, 7);
    pass(5).await;
    let entry = entry(&shadow);
    assert_eq!(entry.verdict, Verdict::Disagrees);
    assert!(
        entry.unexpected[0].contains("version 7 was started"),
        "{entry:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_forgot_everything_is_no_surprise() {
    let world = World::new();
    world.register(A);
    let active = world.run(Knobs::default());
    pass(60).await;
    active.shut_down().await;
    let (shadow, _guard) = watch(&world);
    pass(5).await;
    world.drop_stream(A);
    pass(5).await;
    assert_eq!(entry(&shadow).verdict, Verdict::Pending);
    pass(GRACE.as_secs() + 20).await;
    assert_eq!(entry(&shadow).verdict, Verdict::Disagrees);
    let active = world.run(Knobs::default());
    pass(60).await;
    assert_eq!(entry(&shadow).verdict, Verdict::Agrees);
    active.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn no_order_is_taken() {
    let world = World::new();
    world.register(A);
    let (shadow, _guard) = watch(&world);
    pass(2).await;
    let error = shadow
        .admin()
        .disable("olga", "a.near", "f")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("only observes"), "{error}");
    assert!(world.record(A).is_none());
}

#[test]
fn pages_follow_one_another() {
    let mut log = ShadowLog::default();
    for name in ["a.near/a", "a.near/b", "a.near/c"] {
        let entry = ShadowEntry {
            id: id(name),
            phase: None,
            shadow_phase: None,
            would: "start".to_owned(),
            verdict: Verdict::Pending,
            since: Timestamp(1),
            unexpected: VecDeque::new(),
        };
        assert!(log.put(entry.clone(), true).is_some());
        assert!(log.put(entry, true).is_none());
    }
    let first = log.report(None, 2, false, &Doubts::default());
    assert_eq!((first.entries.len(), first.planned_actions), (2, 3));
    let second = log.report(first.next.as_ref(), 2, false, &Doubts::default());
    assert_eq!((second.entries.len(), second.next), (1, None));
}

/// A run that was decided goes on where its queue ends.
#[tokio::test(start_paused = true)]
async fn a_queue_that_the_store_does_not_show_is_told_as_by_whoever_acts() {
    let world = World::new();
    world.register(A);
    let active = world.run(Knobs::default());
    pass(60).await;
    let (shadow, _guard) = watch(&world);
    pass(30).await;
    assert_eq!(entry(&shadow).verdict, Verdict::Agrees);
    let queue = crate::store::keys::queue(&id(A));
    world.store.put(&queue, "hello");
    world.drop_stream(A);
    pass(60).await;
    let told = async |admin: Arc<crate::admin::AdminService>| {
        let report = admin.get("a.near", "f").await.unwrap();
        (report.state(), report.troubled(), report.explain())
    };
    let acts = told(active.coordinator.admin()).await;
    assert!(acts.2.contains("another kind of value"), "{}", acts.2);
    assert_eq!(told(shadow.admin()).await, acts);
    let seen = entry(&shadow);
    assert_eq!(seen.verdict, Verdict::Unknown);
    assert!(seen.would.contains("another kind of value"), "{seen:?}");
    pass(GRACE.as_secs() + 20).await;
    assert_eq!(entry(&shadow).verdict, Verdict::Unknown);
    assert!(shadow.admin().overview().store_problem.is_some());

    world.store.delete(&[queue]).await.unwrap();
    pass(60).await;
    assert_eq!(entry(&shadow).verdict, Verdict::Agrees);
    assert_eq!(told(shadow.admin()).await.0, "Steady");
    active.shut_down().await;
}
