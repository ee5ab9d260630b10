//! Watching.

use std::sync::atomic::Ordering;
use std::time::Duration;

use proto::coordinator as pb;
use proto::coordinator::watch_indexers_response::Event;
use tonic::{Code, Status, Streaming};

use crate::support::{Api, Setup, name, soon};
use crate::world::World;

type Events = Streaming<pb::WatchIndexersResponse>;

async fn watch(api: &Api, filter: pb::IndexerFilter, changes_only: bool) -> Events {
    let request = pb::WatchIndexersRequest {
        filter: Some(filter),
        changes_only,
    };
    // Refused until the records are read.
    crate::support::until(async || {
        let answer = api.operations().watch_indexers(request.clone()).await;
        match answer {
            Err(status) if status.code() == Code::Unavailable => None,
            answer => Some(answer.unwrap().into_inner()),
        }
    })
    .await
}

async fn next(events: &mut Events) -> Result<Event, Status> {
    soon(events.message())
        .await
        .map(|response| response.unwrap().event.unwrap())
}

/// The first event that fits; others are passed over.
async fn seek(events: &mut Events, mut fits: impl FnMut(&Event) -> bool) -> Event {
    loop {
        let event = next(events).await.unwrap();
        if fits(&event) {
            return event;
        }
    }
}

fn is_in_state(event: &Event, state: &str) -> bool {
    matches!(event, Event::Indexer(indexer) if indexer.state == state)
}

#[tokio::test]
async fn first_comes_what_there_is_then_what_changes() {
    let world = World::new();
    world.register("a.near", "f");
    world.register("b.near", "g");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    api.reaches("b.near", "g", "Steady").await;
    let mut events = watch(&api, pb::IndexerFilter::default(), false).await;
    for expected in [name("a.near", "f"), name("b.near", "g")] {
        match next(&mut events).await.unwrap() {
            Event::Indexer(indexer) => assert_eq!(indexer.name, expected),
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(
        next(&mut events).await.unwrap(),
        Event::Synced(pb::Synced {})
    );
    let request = pb::DisableIndexerRequest {
        name: name("b.near", "g"),
    };
    api.operations().disable_indexer(request).await.unwrap();
    let event = seek(&mut events, |event| is_in_state(event, "Suspended")).await;
    assert!(matches!(event, Event::Indexer(it) if it.name == name("b.near", "g") && !it.enabled));
    api.end().await;
}

#[tokio::test]
async fn before_the_records_are_read_nothing_is_passed_off_as_all_there_is() {
    let world = World::new();
    world.register("a.near", "f");
    let first = Setup::local(&world).start();
    first.reaches("a.near", "f", "Steady").await;
    first.end().await;
    world.set_store_away(true);
    let api = Setup::local(&world).start();
    let phases = |phases: &[&str]| pb::IndexerFilter {
        phases: phases.iter().map(|phase| (*phase).to_owned()).collect(),
        ..pb::IndexerFilter::default()
    };
    for filter in [phases(&[]), phases(&["Running"]), phases(&["none"])] {
        let request = pb::ListIndexersRequest {
            filter: Some(filter.clone()),
            ..pb::ListIndexersRequest::default()
        };
        let refused = api.operations().list_indexers(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
        for changes_only in [false, true] {
            let request = pb::WatchIndexersRequest {
                filter: Some(filter.clone()),
                changes_only,
            };
            let refused = api.operations().watch_indexers(request).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unavailable, "{refused}");
            assert!(
                refused.message().contains("still being read"),
                "{}",
                refused.message()
            );
        }
    }
    world.set_store_away(false);
    let mut events = watch(&api, phases(&[]), false).await;
    let event = next(&mut events).await.unwrap();
    assert!(matches!(event, Event::Indexer(it) if it.name == name("a.near", "f")));
    api.end().await;
}

#[tokio::test]
async fn what_only_the_registry_knows_of_is_not_missing_before_it_has_answered() {
    let world = World::new();
    world.register("a.near", "f");
    let first = Setup::local(&world).start();
    first.reaches("a.near", "f", "Steady").await;
    first.end().await;
    world.register("b.near", "without-a-record");
    world.set_registry_away(true);
    let api = Setup::local(&world).start();
    let mut running = watch(
        &api,
        pb::IndexerFilter {
            phases: vec!["Running".to_owned()],
            ..pb::IndexerFilter::default()
        },
        false,
    )
    .await;
    seek(&mut running, |event| matches!(event, Event::Synced(_))).await;
    let none = pb::ListIndexersRequest {
        filter: Some(pb::IndexerFilter {
            phases: vec!["none".to_owned()],
            ..pb::IndexerFilter::default()
        }),
        ..pb::ListIndexersRequest::default()
    };
    let refused = api.operations().list_indexers(none.clone()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("registry"), "{refused}");
    let all = pb::ListIndexersRequest::default();
    let all = api.operations().list_indexers(all).await.unwrap();
    assert_eq!(all.into_inner().indexers.len(), 1, "the recorded one");
    let mut events = watch(&api, pb::IndexerFilter::default(), false).await;
    assert!(matches!(
        next(&mut events).await.unwrap(),
        Event::Indexer(_)
    ));
    world.set_registry_away(false);
    let mut told = Vec::new();
    seek(&mut events, |event| match event {
        Event::Indexer(indexer) => {
            told.push(indexer.name.clone());
            false
        }
        event => matches!(event, Event::Synced(_)),
    })
    .await;
    assert!(
        told.contains(&name("b.near", "without-a-record")),
        "{told:?}"
    );
    api.operations().list_indexers(none).await.unwrap();
    api.end().await;
}

#[tokio::test]
async fn changes_alone_can_be_asked_for() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    let mut events = watch(&api, pb::IndexerFilter::default(), true).await;
    assert_eq!(
        next(&mut events).await.unwrap(),
        Event::Synced(pb::Synced {})
    );
    world.register("c.near", "new");
    // Of the other one it may be told that what was started is seen to run.
    seek(&mut events, |event| {
        is_in_state(event, "Steady")
            && matches!(event, Event::Indexer(it) if it.name == name("c.near", "new"))
    })
    .await;
    api.end().await;
}

#[tokio::test]
async fn what_leaves_a_filter_is_told_as_removed() {
    let world = World::new();
    world.register("a.near", "f");
    world.register("b.near", "g");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    api.reaches("b.near", "g", "Steady").await;
    let running = pb::IndexerFilter {
        phases: vec!["Running".to_owned()],
        account_id: "a.near".to_owned(),
        ..pb::IndexerFilter::default()
    };
    let mut events = watch(&api, running, false).await;
    seek(&mut events, |event| matches!(event, Event::Synced(_))).await;
    for (account, function) in [("b.near", "g"), ("a.near", "f")] {
        let request = pb::DisableIndexerRequest {
            name: name(account, function),
        };
        api.operations().disable_indexer(request).await.unwrap();
    }
    let event = seek(&mut events, |event| matches!(event, Event::Removed(_))).await;
    assert_eq!(event, Event::Removed(name("a.near", "f").unwrap()));
    let request = pb::EnableIndexerRequest {
        name: name("a.near", "f"),
    };
    api.operations().enable_indexer(request).await.unwrap();
    let event = seek(&mut events, |event| matches!(event, Event::Indexer(_))).await;
    assert!(matches!(event, Event::Indexer(it) if it.name == name("a.near", "f")));
    api.end().await;
}

#[tokio::test]
async fn a_watch_ends_with_a_reason_at_shutdown() {
    let world = World::new();
    let api = Setup::local(&world).start();
    let mut events = watch(&api, pb::IndexerFilter::default(), false).await;
    assert_eq!(
        next(&mut events).await.unwrap(),
        Event::Synced(pb::Synced {})
    );
    api.stop.cancel();
    let end = next(&mut events).await.unwrap_err();
    assert_eq!(end.code(), Code::Unavailable);
    assert_eq!(
        end.message(),
        "the coordinator is shutting down; watch again"
    );
    api.end().await;
}

#[tokio::test]
async fn a_watch_ends_at_its_age() {
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.limits.watch_age = Duration::from_millis(50);
    let api = setup.start();
    let mut events = watch(&api, pb::IndexerFilter::default(), false).await;
    let end = loop {
        if let Err(end) = next(&mut events).await {
            break end;
        }
    };
    assert_eq!(end.code(), Code::Unavailable);
    assert!(end.message().contains("as long as one may"), "{end}");
    api.end().await;
}

#[tokio::test]
async fn watchers_are_bounded_and_those_that_leave_make_room() {
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.limits.watchers = 2;
    let api = setup.start();
    let all = pb::IndexerFilter::default;
    let first = watch(&api, all(), false).await;
    let _second = watch(&api, all(), false).await;
    let request = pb::WatchIndexersRequest::default();
    let refused = api.operations().watch_indexers(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(first);
    crate::support::until(async || {
        let request = pb::WatchIndexersRequest::default();
        api.operations().watch_indexers(request).await.ok()
    })
    .await;
    api.end().await;
}

#[tokio::test]
async fn a_watch_outlasts_a_store_that_is_away() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    let mut events = watch(&api, pb::IndexerFilter::default(), false).await;
    seek(&mut events, |event| matches!(event, Event::Synced(_))).await;
    world.set_store_away(true);
    world.register("b.near", "g");
    let request = pb::DisableIndexerRequest {
        name: name("a.near", "f"),
    };
    assert!(
        api.operations()
            .disable_indexer(request.clone())
            .await
            .is_err()
    );
    world.set_store_away(false);
    crate::support::until(async || api.operations().disable_indexer(request.clone()).await.ok())
        .await;
    seek(&mut events, |event| is_in_state(event, "Suspended")).await;
    api.end().await;
}

#[tokio::test]
async fn a_look_that_takes_longer_than_the_checks_of_the_token_comes_to_its_end() {
    let world = World::new();
    world.register("a.near", "f");
    let setup = Setup::local(&world);
    let api = setup.start();
    api.reaches("a.near", "f", "Steady").await;
    world.reads_take.store(1_300, Ordering::Relaxed);
    let mut events = watch(&api, pb::IndexerFilter::default(), false).await;
    let first = next(&mut events).await.unwrap();
    assert!(matches!(first, Event::Indexer(it) if it.name == name("a.near", "f")));
    world.reads_take.store(0, Ordering::Relaxed);
    api.end().await;
}
