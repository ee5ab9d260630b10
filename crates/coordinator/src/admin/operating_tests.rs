//! Commands and reports on a coordinator that runs.

use std::sync::Arc;

use lifecycle::{Desired, Phase, Progress, Seen};

use super::*;
use crate::Knobs;
use crate::store::StoreTransport;
use crate::testing::{Fault, Running, World, id, pass};

const A: &str = "a.near/f";

async fn running(world: &Arc<World>) -> Running {
    world.register(A);
    let running = world.run(Knobs::default());
    pass(60).await;
    assert!(world.has_stream(A) && world.has_executor(A));
    world.take_calls();
    running
}

fn effects(world: &World) -> u64 {
    let methods = [
        "start_stream",
        "stop_stream",
        "start_executor",
        "stop_executor",
    ];
    methods.into_iter().map(|method| world.calls(method)).sum()
}

#[tokio::test(start_paused = true)]
async fn a_held_indexer_is_left_alone_until_it_is_released() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    admin
        .hold("olga", "a.near", "f", " looking ")
        .await
        .unwrap();
    world.drop_stream(A);
    world.register(A);
    pass(600).await;
    assert_eq!(effects(&world), 0);
    let report = admin.get("a.near", "f").await.unwrap();
    assert_eq!(report.state(), "Held");
    assert!(report.troubled());
    let said = report.explain();
    assert!(said.contains("Held by olga: looking."), "{said}");
    assert!(said.contains("until it is released"), "{said}");

    admin.release("olga", "a.near", "f").await.unwrap();
    pass(60).await;
    assert!(world.has_stream(A));
    assert_eq!(world.record(A).unwrap().hold, None);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_the_store_forgot_is_no_hold() {
    let world = World::new();
    let it = running(&world).await;
    let before = world.record(A).unwrap();
    let admin = it.coordinator.admin();
    admin.hold("olga", "a.near", "f", "why").await.unwrap();
    pass(5).await;
    world.put_record(&before).await;
    world.take_calls();
    world.drop_stream(A);
    pass(60).await;
    assert!(world.has_stream(A), "{}", it.sentence(A));
    assert!(world.calls("get_stream") < 20, "{:?}", world.take_calls());
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_survives_a_restart() {
    let world = World::new();
    let it = running(&world).await;
    it.coordinator
        .admin()
        .hold("olga", "a.near", "f", "why")
        .await
        .unwrap();
    it.shut_down().await;
    world.drop_executor(A);
    let it = world.run(Knobs::default());
    pass(60).await;
    assert!(!world.has_executor(A));
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_to_retry_ends_the_pause() {
    let world = World::new();
    world.register(A);
    world.fault("start_provisioning_task", Some(Fault::Fails));
    let it = world.run(Knobs::default());
    pass(3_600).await;
    let admin = it.coordinator.admin();
    let report = admin.get("a.near", "f").await.unwrap();
    assert!(["Retry", "GaveUp"].contains(&report.state()), "{report:?}");
    assert_eq!(
        report.record.as_ref().map(|it| it.phase),
        Some(Phase::Repairing)
    );
    world.fault("start_provisioning_task", None);
    admin.retry("olga", "a.near", "f").await.unwrap();
    pass(10).await;
    assert!(world.has_stream(A), "{}", it.sentence(A));
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_to_retry_restarts_what_is_sick_at_once() {
    for (stops, pause) in [("stop_stream", 200), ("stop_executor", 30)] {
        let world = World::new();
        let it = running(&world).await;
        if stops == "stop_stream" {
            // Its monitor gives no verdict any more.
            world.set_heartbeat(A, 3);
        } else {
            let version = world.record(A).unwrap().synced_at.unwrap();
            let stalled = proto::runner::ExecutionState::Stalled.into();
            world.set_executor(A, version, stalled);
        }
        pass(pause).await;
        assert_eq!(world.record(A).unwrap().phase, Phase::Repairing, "{stops}");
        let before = world.calls(stops);
        pass(3).await;
        assert_eq!(world.calls(stops), before, "its time has not come");
        it.coordinator
            .admin()
            .retry("olga", "a.near", "f")
            .await
            .unwrap();
        pass(3).await;
        assert_eq!(world.calls(stops), before + 1, "{}", it.sentence(A));
        assert!(world.has_stream(A) && world.has_executor(A));
        pass(3).await;
        assert!(
            it.sentence(A).ends_with("everything is as wanted"),
            "{}",
            it.sentence(A)
        );
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn commands_that_make_no_sense_are_refused_with_a_reason() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    let long = "r".repeat(HOLD_REASON_LEN_MAX + 1);
    for reason in ["", "  ", &long] {
        let error = admin.hold("olga", "a.near", "f", reason).await.unwrap_err();
        assert!(matches!(error, AdminError::InvalidArgument(_)), "{error}");
    }
    let name = "n".repeat(NAME_LEN_MAX + 1);
    let error = admin.disable("olga", "a.near", &name).await.unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
    let error = admin
        .enable("olga", "No\u{1b}Account", "f")
        .await
        .unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
    for result in [
        admin.retry("olga", "b.near", "f").await,
        admin.release("olga", "b.near", "f").await,
        admin.hold("olga", "b.near", "f", "why").await,
    ] {
        assert!(matches!(result, Err(AdminError::NotFound(_))), "{result:?}");
    }
    let error = admin.get("b.near", "f").await.unwrap_err();
    assert!(matches!(error, AdminError::NotFound(_)), "{error}");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_tells_everything_that_is_known() {
    let world = World::new();
    let it = running(&world).await;
    let report = it.coordinator.admin().get("a.near", "f").await.unwrap();
    let version = match &report.desired {
        Desired::Present(spec) => spec.version,
        other => panic!("{other:?}"),
    };
    let record = report.record.clone().unwrap();
    assert_eq!(record.run.unwrap().target.version, version);
    assert!(matches!(&report.stream, Seen::Present(stream) if stream.version == version));
    assert!(matches!(&report.executor, Seen::Present(executor) if executor.version == version));
    assert!(matches!(report.progress, Progress::Known { .. }));
    assert_eq!((report.state(), report.troubled()), ("Steady", false));
    let said = report.explain();
    let start = format!("a.near/f is running version {version} from block ");
    assert!(said.starts_with(&start), "{said}");
    assert!(said.contains("Everything is as wanted."), "{said}");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_steady_while_a_service_that_it_needs_is_away() {
    for (method, name) in [
        ("list_streams", "block streamer"),
        ("list_executors", "executor service"),
    ] {
        let world = World::new();
        let it = running(&world).await;
        let admin = it.coordinator.admin();
        let mut changes = admin.changes();
        let before = admin.get("a.near", "f").await.unwrap();
        assert_eq!(before.state(), "Steady");
        let rounds = world.calls("get_many");
        world.fault(method, Some(Fault::Fails));
        let change = changes.next().await.unwrap().pop();
        assert!(
            matches!(&change, Some(Change::Indexer(told)) if told.state() == "ServiceDown"),
            "{change:?}"
        );
        pass(75).await;
        let report = admin.get("a.near", "f").await.unwrap();
        assert_eq!((report.state(), report.troubled()), ("ServiceDown", true));
        let said = report.explain();
        assert!(
            said.contains(&format!("The {name} does not answer.")),
            "{said}"
        );
        assert!(!said.contains("as wanted"), "{said}");
        let since = report.status.unwrap().since;
        assert!(since > before.status.unwrap().since, "since it is away");
        let filter = Filter {
            troubled: true,
            ..Filter::default()
        };
        let page = admin.page(None, 10, &filter).await.unwrap();
        assert_eq!(page.reports.len(), 1);
        let overview = admin.overview();
        assert_eq!(overview.states.get("ServiceDown"), Some(&1));
        assert_eq!(overview.states.get("Steady"), None);
        assert!(
            world.calls("get_many") - rounds < 90,
            "no loop is woken by it"
        );
        world.fault(method, None);
        loop {
            let change = changes.next().await.unwrap().pop();
            if matches!(&change, Some(Change::Indexer(told)) if told.state() == "Steady") {
                break;
            }
        }
        let report = admin.get("a.near", "f").await.unwrap();
        assert_eq!((report.state(), report.troubled()), ("Steady", false));
        it.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_does_not_contradict_the_record() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    admin.disable("olga", "a.near", "f").await.unwrap();
    let report = admin.get("a.near", "f").await.unwrap();
    let said = report.explain();
    assert_eq!(report.state(), "Working", "{said}");
    assert!(!said.contains("as wanted"), "{said}");
    pass(10).await;
    admin.hold("olga", "a.near", "f", "looking").await.unwrap();
    admin.enable("olga", "a.near", "f").await.unwrap();
    pass(10).await;
    let said = admin.get("a.near", "f").await.unwrap().explain();
    assert!(said.starts_with("a.near/f is stopped. Held by"), "{said}");
    world.unregister(A);
    pass(60).await;
    let said = admin.get("a.near", "f").await.unwrap().explain();
    assert!(
        said.contains("was deleted in the registry and is held"),
        "{said}"
    );
    assert!(said.contains("as soon as it is released"), "{said}");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn pages_hold_every_indexer_once() {
    let world = World::new();
    for number in 0..7 {
        world.register(&format!("a.near/f{number}"));
        world.register(&format!("b.near/f{number}"));
    }
    let it = world.run(Knobs::default());
    pass(120).await;
    let admin = it.coordinator.admin();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let filter = Filter::default();
        let read = world.keys_read();
        let page = admin.page(after.as_ref(), 4, &filter).await.unwrap();
        assert!(world.keys_read() - read <= 4, "no more than are shown");
        seen.extend(page.reports.into_iter().map(|report| report.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 14);
    assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] != pair[1]));

    let of = |account: &str, phases: &[Option<Phase>], troubled| Filter {
        account: Some(account.to_owned()),
        phases: phases.to_vec(),
        troubled,
    };
    for (filter, expected) in [
        (of("a.near", &[], false), 7),
        (of("a.near", &[Some(Phase::Running)], false), 7),
        (of("a.near", &[None, Some(Phase::Running)], false), 7),
        (of("a.near", &[Some(Phase::Suspended), None], false), 0),
        (of("b.near", &[], true), 0),
        (of("c.near", &[], false), 0),
    ] {
        let page = admin.page(None, 100, &filter).await.unwrap();
        assert_eq!(page.reports.len(), expected, "{filter:?}");
    }
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_has_no_record_yet_can_be_asked_for() {
    let world = World::new();
    let it = running(&world).await;
    world.fault("compare_and_set", Some(Fault::Fails));
    world.register("b.near/new");
    pass(5).await;
    let filter = Filter {
        phases: vec![None],
        ..Filter::default()
    };
    let admin = it.coordinator.admin();
    let page = admin.page(None, 100, &filter).await.unwrap();
    let names: Vec<_> = page
        .reports
        .iter()
        .map(|report| report.id.clone())
        .collect();
    assert_eq!(names, [id("b.near/new")]);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_is_told_though_the_loop_has_nothing_new_to_say() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    admin.hold("olga", "a.near", "f", "why").await.unwrap();
    pass(5).await;
    let mut changes = admin.changes();
    admin.disable("olga", "a.near", "f").await.unwrap();
    let told = changes.next().await.unwrap();
    let [Change::Indexer(report)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(report.state(), "Held");
    assert!(!report.record.as_ref().unwrap().enabled);
    admin.disable("olga", "a.near", "f").await.unwrap();
    pass(5).await;
    let again = tokio::time::timeout(std::time::Duration::from_secs(5), changes.next()).await;
    assert!(again.is_err(), "what is so already is no change: {again:?}");
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_text_is_no_missing_record() {
    let world = World::new();
    let key = crate::store::keys::state(&id(A));
    world.store.push(&key, 1).unwrap();
    world.register(A);
    world.register("b.near/f");
    let it = world.run(Knobs::default());
    let admin = it.coordinator.admin();
    pass(60).await;
    assert!(world.has_stream("b.near/f") && !world.has_stream(A));
    assert_eq!(admin.overview().unreadable_count, 1);
    let page = admin.page(None, 100, &Filter::default()).await.unwrap();
    let states: Vec<_> = page.reports.iter().map(IndexerReport::state).collect();
    assert_eq!(states, ["Unreadable", "Steady"]);
    let report = admin.get("a.near", "f").await.unwrap();
    let why = report.unreadable.unwrap();
    assert!(why.starts_with("it is no text"), "{why}");
    let refused = admin.disable("olga", "a.near", "f").await.unwrap_err();
    assert!(matches!(refused, AdminError::Unreadable(_)), "{refused:?}");

    world.store.delete(&[key]).await.unwrap();
    pass(90).await;
    assert!(world.has_stream(A), "{}", it.sentence(A));
    assert_eq!(admin.overview().unreadable_count, 0);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_replaced_by_something_else_stops_nobody() {
    let world = World::new();
    let it = running(&world).await;
    let key = crate::store::keys::state(&id(A));
    world
        .store
        .delete(std::slice::from_ref(&key))
        .await
        .unwrap();
    world.store.push(&key, 1).unwrap();
    pass(30).await;
    let admin = it.coordinator.admin();
    assert_eq!(admin.overview().unreadable_count, 1);
    assert_eq!(
        admin.get("a.near", "f").await.unwrap().state(),
        "Unreadable"
    );
    assert_eq!(effects(&world), 0);
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_as_they_happen() {
    let world = World::new();
    let it = running(&world).await;
    let admin = it.coordinator.admin();
    let mut changes = admin.changes();
    admin.disable("olga", "a.near", "f").await.unwrap();
    let mut phases = Vec::new();
    while phases.last() != Some(&Phase::Suspended) {
        for change in changes.next().await.unwrap() {
            let Change::Indexer(report) = change else {
                panic!("{change:?}")
            };
            phases.extend(report.record.map(|record| record.phase));
        }
    }
    world.unregister(A);
    loop {
        let batch = changes.next().await.unwrap();
        if matches!(batch.last(), Some(Change::Removed(gone)) if *gone == id(A)) {
            break;
        }
    }
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn the_overview_counts_and_names_what_is_wrong() {
    let world = World::new();
    world.register_nonsense("odd.near/f");
    world.store.put("torn.near/f:state", "{");
    world
        .store
        .set_add(keys::LISTED, "torn.near/f:state")
        .await
        .unwrap();
    let it = running(&world).await;
    let overview = it.coordinator.admin().overview();
    assert!(overview.loaded && !overview.shadow);
    assert_eq!(overview.phases.get(&Some("Running")), Some(&1));
    assert_eq!(overview.states.get("Steady"), Some(&1));
    assert_eq!(overview.registered, 1);
    assert_eq!(overview.quarantined[0].name, "odd.near/f");
    assert!(
        overview.unreadable.contains_key("torn.near/f:state"),
        "{overview:?}"
    );
    assert_eq!(
        (overview.quarantined_count, overview.unreadable_count),
        (1, 1)
    );
    assert!(overview.registry_answered.is_some() && overview.registry_height > 0);
    assert!(overview.down.is_empty());

    world
        .store
        .put("torn.near/f:state", r#"{"lifecycle_state":"Running"}"#);
    world.fault("list_streams", Some(Fault::Fails));
    pass(120).await;
    let overview = it.coordinator.admin().overview();
    assert!(overview.unreadable.is_empty(), "{overview:?}");
    assert_eq!(overview.unreadable_count, 0);
    assert!(
        overview
            .down
            .contains_key(&lifecycle::Service::BlockStreamer)
    );
    it.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn changes_of_indexers_with_long_names_come_in_more_batches() {
    let world = World::new();
    let it = running(&world).await;
    let mut changes = it.coordinator.admin().changes();
    for n in 0..12 {
        world.register(&format!("b.near/{n:02}{}", "x".repeat(NAME_LEN_MAX - 2)));
    }
    pass(15).await;
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 12 {
        let batch = changes.next().await.unwrap();
        let names = batch.iter().map(|change| match change {
            Change::Indexer(report) => report.id.clone(),
            other => panic!("{other:?}"),
        });
        let before = told.len();
        told.extend(names);
        assert!(told.len() > before && batch.len() <= 8, "{}", batch.len());
    }
    it.shut_down().await;
}
