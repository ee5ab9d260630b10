//! A server that is not there, goes away, or falls silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use conformance::redis_server::RedisServer;
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use futures_util::future::join_all;
use store_redis::{Reconnect, RedisConfig, RedisStore};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::support::{
    RESPONSE_TIMEOUT, Real, config, eventually, get, impatient, is_indefinite, is_unavailable,
    store_at, text,
};

/// What may come when a connection is lost under a write.
fn may_be_lost(error: &StoreError) -> bool {
    is_unavailable(error) || is_indefinite(error)
}

#[tokio::test]
async fn it_starts_without_a_server_and_finds_it_when_it_comes() {
    let mut server = RedisServer::stopped(&[]).unwrap();
    let store = store_at(&server.url());
    let key = ["k".to_owned()];
    for _ in 0..5 {
        let begun = Instant::now();
        for error in [
            store.ping().await.unwrap_err(),
            store.server_info().await.unwrap_err(),
            store.get_many(&key).await.unwrap_err(),
            store.set_members("s").await.unwrap_err(),
            store.queue_head("q").await.unwrap_err(),
            store.set_add("s", "m").await.unwrap_err(),
            store.set_remove("s", "m").await.unwrap_err(),
            store.delete(&key).await.unwrap_err(),
            store
                .compare_and_set("k", None, Some(b"1"), None)
                .await
                .unwrap_err(),
        ] {
            // Nothing was sent, so even a write certainly did not happen.
            assert!(is_unavailable(&error), "{error}");
            assert!(error.to_string().contains(store.endpoint()), "{error}");
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "not at once");
    }
    server.launch().unwrap();
    let set = eventually(is_unavailable, async || {
        store.compare_and_set("k", None, Some(b"1"), None).await
    });
    assert_eq!(set.await, CasOutcome::Applied);
}

#[tokio::test]
async fn during_a_pause_nobody_is_bothered() {
    let server = RedisServer::stopped(&[]).unwrap();
    let hour = Duration::from_secs(3600);
    let config = RedisConfig {
        reconnect: Reconnect {
            first_pause: hour,
            longest_pause: hour,
        },
        ..config(&server.url())
    };
    let store = RedisStore::new(&config).unwrap();
    assert!(is_unavailable(&store.ping().await.unwrap_err()));
    let mut server = server;
    server.launch().unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(is_unavailable(&error), "{error}");
    assert!(error.to_string().contains("tried again in"), "{error}");
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_unavailable() {
    let store = store_at("redis://no-such-host.invalid");
    let error = store.set_add("s", "m").await.unwrap_err();
    assert!(is_unavailable(&error), "{error}");
}

/// What the workers of one test have seen.
#[derive(Default)]
struct Tally {
    acknowledged: AtomicU32,
    lost: AtomicU32,
}

/// Writes and reads without a pause until it is told to stop.
async fn work(store: RedisStore, key: String, tally: Arc<Tally>, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let member = tally.acknowledged.load(Relaxed).to_string();
        match store.set_add(&key, &member).await {
            Ok(()) => tally.acknowledged.fetch_add(1, Relaxed),
            Err(error) => {
                assert!(may_be_lost(&error), "{error}");
                tally.lost.fetch_add(1, Relaxed)
            }
        };
        if let Err(error) = store.get_many(std::slice::from_ref(&key)).await {
            assert!(is_unavailable(&error), "{error}");
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until every worker has gone on with `what`.
async fn all_go_on(tallies: &[Arc<Tally>], what: fn(&Tally) -> &AtomicU32) {
    let before: Vec<u32> = tallies
        .iter()
        .map(|tally| what(tally).load(Relaxed))
        .collect();
    let waiting = async {
        while !tallies
            .iter()
            .zip(&before)
            .all(|(tally, before)| what(tally).load(Relaxed) > *before)
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_in_full_flight_is_found_again() {
    let mut real = Real::start(&[]);
    let (stop, stopped) = watch::channel(false);
    let tallies: Vec<Arc<Tally>> = (0..8).map(|_| Arc::default()).collect();
    let workers = tallies.iter().enumerate().map(|(number, tally)| {
        let (store, stopped) = (real.store.clone(), stopped.clone());
        tokio::spawn(work(
            store,
            format!("s{number}"),
            Arc::clone(tally),
            stopped,
        ))
    });
    let workers: Vec<_> = workers.collect();
    for _ in 0..3 {
        all_go_on(&tallies, |tally| &tally.acknowledged).await;
        real.server.kill();
        all_go_on(&tallies, |tally| &tally.lost).await;
        real.server.launch().unwrap();
    }
    all_go_on(&tallies, |tally| &tally.acknowledged).await;
    stop.send(true).unwrap();
    for worker in join_all(workers).await {
        worker.unwrap();
    }
}

#[tokio::test]
async fn a_frozen_server_leaves_writes_open_and_reads_not() {
    let server = RedisServer::start(&[]).unwrap();
    let store = impatient(&server.url());
    // The server knows the script, else it would only be asked for it.
    let set = store
        .compare_and_set("before", None, Some(b"1"), None)
        .await;
    assert_eq!(set, Ok(CasOutcome::Applied));
    server.freeze().unwrap();
    let (key, other) = (["k".to_owned()], ["other".to_owned()]);
    let begun = Instant::now();
    let (read, set, added, removed, deleted) = tokio::join!(
        store.get_many(&key),
        store.compare_and_set("k", None, Some(b"1"), None),
        store.set_add("s", "m"),
        store.set_remove("s", "x"),
        store.delete(&other),
    );
    let waited = begun.elapsed();
    assert!(
        waited >= RESPONSE_TIMEOUT && waited < RESPONSE_TIMEOUT * 5,
        "{waited:?}"
    );
    assert!(is_unavailable(&read.unwrap_err()));
    for error in [
        set.unwrap_err(),
        added.unwrap_err(),
        removed.unwrap_err(),
        deleted.unwrap_err(),
    ] {
        assert!(is_indefinite(&error), "{error}");
        assert!(error.to_string().contains("in time"), "{error}");
    }
    // On a new connection nothing is sent before the server has answered once.
    let error = store.set_add("s", "n").await.unwrap_err();
    assert!(is_unavailable(&error), "{error}");

    server.thaw().unwrap();
    // What was under way has happened after all.
    eventually(is_unavailable, async || match get(&store, "k").await? {
        Some(_) => Ok(()),
        None => Err(StoreError::Unavailable("not yet done".to_owned())),
    })
    .await;
    assert_eq!(store.set_members("s").await.unwrap(), ["m"]);
}

#[tokio::test]
async fn a_connection_on_which_nobody_answers_is_replaced() {
    // It takes connections and says nothing, until it is told to.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut server = RedisServer::start(&[]).unwrap();
    let target = server.port();
    let (dead, silent) = watch::channel(false);
    // A path to the server whose first connection can be made to swallow all.
    tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut inner, _)) = listener.accept().await {
            let mut silent = silent.clone();
            let swallows = std::mem::take(&mut first);
            tokio::spawn(async move {
                let mut outer = tokio::net::TcpStream::connect(("127.0.0.1", target))
                    .await
                    .unwrap();
                let swallowed = async {
                    let told = silent.wait_for(|silent| *silent).await.is_ok();
                    if !(told && swallows) {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    biased;
                    () = swallowed => std::future::pending().await,
                    _ = tokio::io::copy_bidirectional(&mut inner, &mut outer) => {}
                }
            });
        }
    });
    let store = impatient(&format!("redis://127.0.0.1:{port}"));
    store.set_add("s", "m").await.unwrap();
    dead.send(true).unwrap();
    let error = store.set_add("s", "n").await.unwrap_err();
    assert!(is_indefinite(&error), "{error}");
    // The very next command has a connection that works.
    assert_eq!(store.set_members("s").await.unwrap(), ["m"]);
    server.kill();
}

#[tokio::test]
async fn an_attempt_outlives_the_patience_of_who_asked_first() {
    let server = RedisServer::start(&[]).unwrap();
    let store = store_at(&server.url());
    server.freeze().unwrap();
    let cut = timeout(Duration::from_millis(20), store.ping()).await;
    assert!(cut.is_err(), "{cut:?}");
    server.thaw().unwrap();
    // The same attempt serves all who come later.
    let answers = join_all((0..10).map(|_| store.ping())).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_failover_that_forgets_writes_shows_as_a_conflict() {
    let mut real = Real::start(&[]);
    let store = real.store.clone();
    let set = async |from, to| store.compare_and_set("k", from, to, None).await;
    assert_eq!(set(None, Some(b"1")).await, Ok(CasOutcome::Applied));
    store.set_add("s", "m").await.unwrap();
    real.server.kill();
    real.server.launch().unwrap();
    eventually(may_be_lost, async || store.ping().await).await;
    let answer = set(Some(b"1"), Some(b"2")).await;
    assert_eq!(answer, Ok(CasOutcome::Conflict(None)));
    assert!(store.set_members("s").await.unwrap().is_empty());
    assert_eq!(set(None, Some(b"2")).await, Ok(CasOutcome::Applied));
    assert_eq!(get(&store, "k").await, Ok(text("2")));
}

#[tokio::test]
async fn something_that_is_no_redis_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(
                &mut stream,
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
            )
            .await;
        }
    });
    let store = store_at(&format!("redis://127.0.0.1:{port}"));
    for _ in 0..3 {
        let error = store.set_add("s", "m").await.unwrap_err();
        assert!(is_unavailable(&error), "{error}");
    }
}

#[test]
fn a_store_survives_the_runtime_it_connected_in() {
    let server = RedisServer::start(&[]).unwrap();
    let store = store_at(&server.url());
    for round in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let member = round.to_string();
            eventually(may_be_lost, async || store.set_add("s", &member).await).await;
        });
    }
}
