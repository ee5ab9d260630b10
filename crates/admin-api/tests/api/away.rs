//! What is answered while the store is away.

use proto::coordinator as pb;
use proto::coordinator::watch_indexers_response::Event;
use tonic::Code;

use crate::support::{Setup, name, soon, until};
use crate::world::World;

#[tokio::test]
async fn what_the_loops_knew_is_answered_with_its_age() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    let mut client = api.operations();
    let get = pb::GetIndexerRequest {
        name: name("a.near", "f"),
    };
    let before = client.get_indexer(get.clone()).await.unwrap().into_inner();
    assert_eq!(before.recalled, None);
    let request = pb::WatchIndexersRequest::default();
    let mut events = client.watch_indexers(request).await.unwrap().into_inner();

    world.set_store_away(true);
    let recalled = client.get_indexer(get.clone()).await.unwrap().into_inner();
    let mark = recalled.recalled.clone().unwrap();
    assert_eq!(mark.why, "the store is away");
    assert!(mark.age_seconds.is_some_and(|age| age < 60), "{mark:?}");
    assert_eq!((recalled.cursor, recalled.queue_head), (None, None));
    assert_eq!(
        (&recalled.phase, recalled.running_version, recalled.enabled),
        (&before.phase, before.running_version, true)
    );
    let page = client.list_indexers(pb::ListIndexersRequest::default());
    let page = page.await.unwrap().into_inner();
    assert_eq!(page.indexers[0].recalled.clone().unwrap().why, mark.why);
    let nobody = pb::ListIndexersRequest {
        filter: Some(pb::IndexerFilter {
            phases: vec!["Deleting".to_owned()],
            ..pb::IndexerFilter::default()
        }),
        ..pb::ListIndexersRequest::default()
    };
    let page = client.list_indexers(nobody).await.unwrap().into_inner();
    assert!(page.indexers.is_empty());
    assert_eq!(page.recalled.unwrap().why, mark.why);
    let refused = client.disable_indexer(pb::DisableIndexerRequest {
        name: name("a.near", "f"),
    });
    assert_eq!(refused.await.unwrap_err().code(), Code::Unavailable);

    world.set_store_away(false);
    until(async || {
        let indexer = client.get_indexer(get.clone()).await.unwrap().into_inner();
        indexer.recalled.is_none().then_some(())
    })
    .await;
    // Whatever the watch was told from memory it is told again.
    world.register("b.near", "g");
    let mut last = None;
    while let Some(event) = soon(events.message()).await.unwrap() {
        match event.event.unwrap() {
            Event::Indexer(it) if it.name == name("a.near", "f") => last = Some(it),
            Event::Indexer(it) if it.state == "Steady" => break,
            _ => {}
        }
    }
    assert_eq!(last.unwrap().recalled, None);
    api.end().await;
}

#[tokio::test]
async fn who_is_in_trouble_is_told_with_the_time_of_the_next_try() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    let mut client = api.operations();
    world.set_store_away(true);
    world.register("b.near", "g");
    let mut troubled = async || {
        let page = client.list_indexers(pb::ListIndexersRequest::default());
        let page = page.await.ok()?.into_inner();
        page.indexers.into_iter().find(|it| it.state == "Trouble")
    };
    let indexer = until(&mut troubled).await;
    assert!(indexer.next_look_ms > indexer.state_since_ms, "{indexer:?}");
    world.set_store_away(false);
    api.reaches("b.near", "g", "Steady").await;
    api.end().await;
}
