//! Clients that ask and do not read.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use admin_api::Observer;
use proto::coordinator as pb;
use proto::coordinator::operations_client::OperationsClient;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::support::{Api, Setup, soon, until};
use crate::world::World;

/// Counts pages that were made.
#[derive(Default)]
struct Pages(AtomicUsize);

impl Observer for Pages {
    fn answered(&self, method: &'static str, code: Code, _: Duration) {
        if method.ends_with("ListIndexers") && code == Code::Ok {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A client that lets nothing come, from an address of its own.
fn hoarder(api: &Api) -> OperationsClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", api.address)).unwrap();
    let endpoint = endpoint.local_address(Some(IpAddr::from([127, 0, 0, 2])));
    OperationsClient::new(endpoint.initial_stream_window_size(0).connect_lazy())
}

/// A world whose page has some 700 KB.
async fn large(setup: Setup) -> Api {
    for n in 0..10 {
        let long = format!("{n}{}", "x".repeat((64 << 10) - 1));
        setup.world.register("a.near", &long);
    }
    let api = setup.start();
    let mut client = api.operations();
    until(async || {
        let answer = client.get_overview(pb::GetOverviewRequest {}).await.ok()?;
        (answer.into_inner().states.values().sum::<u64>() >= 10).then_some(())
    })
    .await;
    api
}

#[tokio::test]
async fn pages_that_nobody_reads_are_few_and_end_their_connection() {
    let pages = Arc::new(Pages::default());
    let mut setup = Setup::local(&World::new());
    setup.observer = Some(pages.clone());
    setup.limits.answer_bytes_per_peer = 4 << 20;
    setup.limits.answer_patience = Duration::from_secs(2);
    let api = large(setup).await;
    let client = hoarder(&api);
    let mut hoarded = JoinSet::new();
    for _ in 0..60 {
        let mut client = client.clone();
        hoarded.spawn(async move {
            client
                .list_indexers(pb::ListIndexersRequest::default())
                .await
        });
    }
    until(async || (pages.0.load(Ordering::SeqCst) > 0).then_some(())).await;

    // Others are served, and soon, while that one holds all that it may.
    let began = Instant::now();
    let mut other = api.operations();
    for _ in 0..10 {
        let page = soon(other.list_indexers(pb::ListIndexersRequest::default())).await;
        assert_eq!(page.unwrap().into_inner().indexers.len(), 10);
    }
    assert!(began.elapsed() < Duration::from_secs(20));

    while let Some(ended) = soon(hoarded.join_next()).await {
        assert!(ended.unwrap().is_err());
    }
    let made = pages.0.load(Ordering::SeqCst) - 10;
    assert!((1..=6).contains(&made), "{made} pages of 700 KB in 4 MiB");
    api.end().await;
}

#[tokio::test]
async fn a_watch_that_nobody_reads_ends_and_one_that_is_silent_goes_on() {
    let mut setup = Setup::local(&World::new());
    setup.limits.watchers = 2;
    setup.limits.answer_patience = Duration::from_millis(300);
    let world = Arc::clone(&setup.world);
    let api = large(setup).await;
    let request = |changes_only| pb::WatchIndexersRequest {
        changes_only,
        ..pb::WatchIndexersRequest::default()
    };
    let mut silent = api
        .operations()
        .watch_indexers(request(true))
        .await
        .unwrap()
        .into_inner();
    let mut stuck = hoarder(&api)
        .watch_indexers(request(false))
        .await
        .unwrap()
        .into_inner();
    let ended = soon(stuck.message()).await;
    assert!(ended.is_err(), "{ended:?}");
    // Its place is free again.
    until(async || {
        let watch = api.operations().watch_indexers(request(true)).await;
        watch.is_ok().then_some(())
    })
    .await;
    world.register("b.near", "f");
    while let Some(event) = soon(silent.message()).await.unwrap() {
        if format!("{event:?}").contains("b.near") {
            break;
        }
    }
    api.end().await;
}
