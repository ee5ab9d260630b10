//! Every method beyond the original's.

use proto::coordinator as pb;
use tonic::Code;

use crate::support::{Setup, name, until};
use crate::world::World;

#[tokio::test]
async fn an_indexer_is_shown_with_everything_that_is_known() {
    let world = World::new();
    world.register_as("a.near", "f", "ACTION_ANY", "*.near");
    let api = Setup::local(&world).start();
    let indexer = api.reaches("a.near", "f", "Steady").await;
    assert_eq!(indexer.name, name("a.near", "f"));
    assert!(indexer.enabled && indexer.provisioned && indexer.hold.is_none());
    assert_eq!(indexer.phase, "Running");
    assert_eq!(indexer.running_version, 1001);
    assert_eq!(indexer.start_height, Some(1001));
    assert!(indexer.state_since_ms > 0 && indexer.panics == 0);
    assert!(indexer.explanation.contains("Everything is as wanted."));
    let wanted = indexer.wanted.unwrap();
    assert_eq!(
        (
            wanted.kind.as_str(),
            wanted.version,
            wanted.start_block.as_str()
        ),
        ("Present", 1001, "LATEST")
    );
    assert_eq!(wanted.rule, "actions that affect *.near, any outcome");
    for resource in [indexer.stream, indexer.executor] {
        let resource = resource.unwrap();
        let seen = (
            resource.seen.as_str(),
            resource.id.as_str(),
            resource.version,
        );
        assert_eq!(seen, ("Present", "a.near|f", 1001));
        assert_eq!(resource.health, "Fine");
    }
    let mut client = api.operations();
    let nobody = pb::GetIndexerRequest {
        name: name("b.near", "f"),
    };
    let missing = client.get_indexer(nobody).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    assert!(
        missing.message().contains("nothing is known of b.near/f"),
        "{missing}"
    );
    let unnamed = client
        .get_indexer(pb::GetIndexerRequest::default())
        .await
        .unwrap_err();
    assert_eq!(unnamed.code(), Code::InvalidArgument);
    assert!(
        unnamed.message().contains("which indexer is meant?"),
        "{unnamed}"
    );
    api.end().await;
}

#[tokio::test]
async fn commands_take_effect_and_answer_with_the_indexer() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    let mut client = api.operations();
    let name = name("a.near", "f");

    let request = pb::DisableIndexerRequest { name: name.clone() };
    let disabled = client.disable_indexer(request).await.unwrap().into_inner();
    assert!(!disabled.enabled);
    assert_eq!(disabled.name, name);
    api.reaches("a.near", "f", "Suspended").await;

    let request = pb::EnableIndexerRequest { name: name.clone() };
    assert!(
        client
            .enable_indexer(request)
            .await
            .unwrap()
            .into_inner()
            .enabled
    );
    api.reaches("a.near", "f", "Steady").await;

    let reason = "an experiment".to_owned();
    let request = pb::HoldIndexerRequest {
        name: name.clone(),
        reason,
    };
    let held = client.hold_indexer(request).await.unwrap().into_inner();
    let hold = held.hold.unwrap();
    assert_eq!(hold.reason, "an experiment");
    assert!(
        hold.by.starts_with("anonymous from 127.0.0.1:"),
        "{}",
        hold.by
    );
    assert!(hold.since_ms > 0);
    assert!(api.reaches("a.near", "f", "Held").await.hold.is_some());

    let request = pb::ReleaseIndexerRequest { name: name.clone() };
    assert_eq!(
        client
            .release_indexer(request)
            .await
            .unwrap()
            .into_inner()
            .hold,
        None
    );
    api.reaches("a.near", "f", "Steady").await;

    let request = pb::RetryIndexerRequest { name: name.clone() };
    assert_eq!(
        client
            .retry_indexer(request)
            .await
            .unwrap()
            .into_inner()
            .name,
        name
    );
    api.end().await;
}

#[tokio::test]
async fn a_failure_is_told_in_words_for_programs_and_for_people() {
    let world = World::new();
    world.register_as("a.near", "f", "EVENT", "x");
    let api = Setup::local(&world).start();
    let mut client = api.operations();
    let indexer = until(async || {
        let request = pb::GetIndexerRequest {
            name: name("a.near", "f"),
        };
        let indexer = client.get_indexer(request).await.ok()?.into_inner();
        indexer.failure.is_some().then_some(indexer)
    })
    .await;
    let failure = indexer.failure.unwrap();
    assert_eq!(failure.cause, "UnsupportedRule");
    assert_eq!(failure.description, "the rule kind is not supported");
    assert!(failure.attempts > 0 && failure.next_ms > failure.last_ms);
    assert_eq!(indexer.phase, "Repairing");
    assert_eq!(indexer.wanted.unwrap().rule, "EVENT (not supported)");
    let troubled = pb::ListIndexersRequest {
        filter: Some(pb::IndexerFilter {
            troubled: true,
            ..pb::IndexerFilter::default()
        }),
        ..pb::ListIndexersRequest::default()
    };
    let list = client.list_indexers(troubled).await.unwrap().into_inner();
    assert_eq!(list.indexers.len(), 1);
    api.end().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_surely_unchanged() {
    let world = World::new();
    world.register("a.near", "f");
    world.store.put("a.near/f:state", "garbage");
    let mut setup = Setup::local(&world);
    setup.loops = false;
    let api = setup.start();
    let mut client = api.operations();
    let name = name("a.near", "f");
    let hold = pb::HoldIndexerRequest {
        name: name.clone(),
        reason: "why".to_owned(),
    };
    for refused in [
        client
            .disable_indexer(pb::DisableIndexerRequest { name })
            .await
            .unwrap_err(),
        client.hold_indexer(hold).await.unwrap_err(),
    ] {
        // Clients take this code for a failure that has changed nothing.
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let said = refused.message();
        assert!(
            said.starts_with(
                "a.near/f: nothing is changed: its record, under the key `a.near/f:state` of the \
                 store, is set aside because it cannot be read ("
            ),
            "{said}"
        );
        assert!(said.contains("restore that value from a backup"), "{said}");
    }
    assert_eq!(world.record("a.near", "f"), "garbage");
    api.end().await;
}

#[tokio::test]
async fn a_command_that_was_done_is_not_an_error_because_it_cannot_be_shown() {
    let world = World::new();
    world.register("a.near", "f");
    let mut setup = Setup::local(&world);
    setup.loops = false;
    let api = setup.start();
    let mut client = api.operations();
    world.make_writes_wait();
    let request = pb::DisableIndexerRequest {
        name: name("a.near", "f"),
    };
    let command = tokio::spawn(async move { client.disable_indexer(request).await });
    world.write_waits.notified().await;
    // The record is written, then listed, and the store goes away after that.
    let after = async {
        world.go_on.notify_one();
        until(async || {
            let listed = coordinator::store::StoreTransport::set_members(
                &world.store,
                coordinator::store::keys::LISTED,
            );
            (!listed.await.unwrap().is_empty()).then_some(())
        })
        .await;
        world.set_store_away(true);
    };
    let (answer, ()) = tokio::join!(command, after);
    // Which comes first, the look or the end of the store, is a matter of luck;
    // neither makes an error of it.
    assert!(!answer.unwrap().unwrap().into_inner().enabled);
    assert!(world.record("a.near", "f").contains(r#""enabled":false"#));
    api.end().await;
}

#[tokio::test]
async fn the_whole_is_shown() {
    let world = World::new();
    world.register("a.near", "f");
    world.register("a.near", "g");
    world.register_nonsense("a.near", "odd");
    world.store.put("a.near/g:state", "no record");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    let mut client = api.operations();
    let overview = until(async || {
        let answer = client.get_overview(pb::GetOverviewRequest {}).await;
        let overview = answer.unwrap().into_inner();
        let told = !overview.quarantined.is_empty() && !overview.unreadable.is_empty();
        (told && overview.states.contains_key("Steady")).then_some(overview)
    })
    .await;
    assert_eq!(
        (overview.version.as_str(), overview.started_ms),
        ("1.2.3", 77)
    );
    assert!(!overview.shadow);
    assert_eq!(overview.phases.get("Running"), Some(&1));
    assert_eq!(overview.registered, 2);
    assert_eq!(overview.quarantined[0].name, "a.near/odd");
    assert!(overview.loaded);
    assert_eq!(overview.quarantined_count, 1);
    world.register_nonsense("a.near", "f");
    until(async || {
        let name = name("a.near", "f");
        let answer = client.get_indexer(pb::GetIndexerRequest { name }).await;
        let wanted = answer.unwrap().into_inner().wanted.unwrap();
        (wanted.kind == "SetAside" && wanted.version > 0).then_some(())
    })
    .await;
    assert_eq!(overview.unreadable_count, 1);
    assert_eq!((overview.panics, overview.suspicious_listings), (0, 0));
    assert_eq!(overview.registry_height, 1002);
    assert!(overview.registry_answered_ms > 0);
    assert!(overview.down.is_empty(), "{:?}", overview.down);
    api.end().await;
}

#[tokio::test]
async fn a_shadow_reports_and_obeys_nobody() {
    let world = World::new();
    world.register("a.near", "f");
    world.register("b.near", "f");
    let active = Setup::local(&world).start();
    let report = active
        .operations()
        .get_shadow_report(pb::GetShadowReportRequest::default())
        .await
        .unwrap_err();
    assert_eq!(report.code(), Code::FailedPrecondition);
    active.end().await;

    let world = World::new();
    world.register("a.near", "f");
    world.register("b.near", "f");
    let mut setup = Setup::local(&world);
    setup.shadow = true;
    let api = setup.start();
    let mut client = api.operations();
    let page = |page_token: String| pb::GetShadowReportRequest {
        page_size: 1,
        page_token,
        disagreements_only: false,
    };
    let first = until(async || {
        let answer = client.get_shadow_report(page(String::new())).await;
        let report = answer.unwrap().into_inner();
        (report.observed == 2).then_some(report)
    })
    .await;
    assert_eq!(first.indexers.len(), 1);
    assert_eq!(first.indexers[0].name, name("a.near", "f"));
    assert!(!first.indexers[0].would.is_empty());
    assert!(!first.next_page_token.is_empty());
    let second = client.get_shadow_report(page(first.next_page_token)).await;
    let second = second.unwrap().into_inner();
    assert_eq!(second.indexers[0].name, name("b.near", "f"));
    assert_eq!(second.next_page_token, "");
    assert!(
        client
            .get_overview(pb::GetOverviewRequest {})
            .await
            .unwrap()
            .into_inner()
            .shadow
    );
    let request = pb::DisableIndexerRequest {
        name: name("a.near", "f"),
    };
    let refused = client.disable_indexer(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("shadow mode"), "{refused}");
    api.end().await;
}
