//! Commands on a server that works.

use conformance::redis_server::Reply;
use conformance::store::{Subject, run_all};
use coordinator::store::{CasOutcome, StoreTransport};
use futures_util::future::join_all;
use store_redis::{Persistence, Role, Warning};

use crate::support::{Real, get, refusal, store_at, text};

#[tokio::test]
async fn the_store_conforms() {
    let real = Real::start(&[]);
    let failures = run_all(&real, "conformance/").await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_conforms_on_several_threads_and_in_the_newer_protocol() {
    let mut real = Real::start(&[]);
    let url = format!("{}?protocol=resp3", real.server.url());
    real.store = store_at(&url);
    let failures = run_all(&real, "conformance/").await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn the_store_conforms_over_a_socket_in_the_file_system_and_in_another_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let path = path.to_str().unwrap();
    let mut real = Real::start(&["--unixsocket", path]);
    real.store = store_at(&format!("unix://{path}?db=0"));
    let failures = run_all(&real, "conformance/").await;
    assert!(failures.is_empty(), "{failures:#?}");

    let third = store_at(&format!("unix://{path}?db=3"));
    third.set_add("only here", "m").await.unwrap();
    assert!(
        real.store
            .set_members("only here")
            .await
            .unwrap()
            .is_empty()
    );
    let by_port = store_at(&real.server.url().replace("/0", "/3"));
    assert_eq!(by_port.set_members("only here").await.unwrap(), ["m"]);
}

#[tokio::test]
async fn many_commands_at_once_share_one_connection() {
    let real = Real::start(&[]);
    let tasks = (0..20).map(|number| {
        let store = real.store.clone();
        tokio::spawn(async move {
            let key = format!("k{number}");
            for round in 0..20 {
                let before = (round > 0).then(|| (round - 1).to_string());
                let before = before.as_deref().map(str::as_bytes);
                let next = round.to_string();
                let set = store.compare_and_set(&key, before, Some(next.as_bytes()), None);
                assert_eq!(set.await, Ok(CasOutcome::Applied));
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    // This connection of the test's own, and that of the store.
    let Ok(Reply::Text(clients)) = real.server.tell("CLIENT LIST") else {
        panic!("no list of clients");
    };
    let clients = String::from_utf8(clients).unwrap();
    assert_eq!(clients.lines().count(), 2, "{clients}");
    let Ok(Reply::Text(stats)) = real.server.tell("INFO stats") else {
        panic!("no statistics");
    };
    let stats = String::from_utf8(stats).unwrap();
    // The store's, and the test's three: readiness is seen without one.
    assert!(
        stats.contains("total_connections_received:3\r\n"),
        "{stats}"
    );
}

#[tokio::test]
async fn a_server_that_loses_its_scripts_is_told_them_again() {
    let real = Real::start(&[]);
    let set = async |from, to| real.store.compare_and_set("k", from, to, None).await;
    assert_eq!(set(None, Some(b"1")).await, Ok(CasOutcome::Applied));
    let flushed = Reply::Status("OK".to_owned());
    assert_eq!(real.server.tell("SCRIPT FLUSH").unwrap(), flushed);
    assert_eq!(set(Some(b"1"), Some(b"2")).await, Ok(CasOutcome::Applied));
    assert_eq!(real.server.tell("SCRIPT FLUSH").unwrap(), flushed);
    let found = CasOutcome::Conflict(text("2"));
    assert_eq!(set(Some(b"1"), Some(b"3")).await, Ok(found));
    let Ok(Reply::Text(stats)) = real.server.tell("INFO commandstats") else {
        panic!("no statistics");
    };
    let stats = String::from_utf8(stats).unwrap();
    // Full once per loss, by name otherwise.
    assert!(stats.contains("cmdstat_eval:calls=3,"), "{stats}");
}

#[tokio::test]
async fn a_time_to_live_set_by_others_does_not_outlive_a_write() {
    let real = Real::start(&[]);
    real.server.tell("SET k 1 EX 1000").unwrap();
    let set = real
        .store
        .compare_and_set("k", Some(b"1"), Some(b"2"), None)
        .await;
    assert_eq!(set, Ok(CasOutcome::Applied));
    assert_eq!(real.server.tell("TTL k").unwrap(), Reply::Number(-1));
}

#[tokio::test]
async fn a_queue_s_entry_without_a_height_is_an_error_that_names_it() {
    let real = Real::start(&[]);
    for (key, entry) in [
        ("q1", "7-1 height 5"),
        ("q2", "7-1 block_height five"),
        ("q3", "7-1 block_height -5"),
    ] {
        real.server.tell(&format!("XADD {key} {entry}")).unwrap();
        real.queue_push(key, 8).await.unwrap();
        let answer = real.store.queue_head(key).await;
        let Err(error) = answer else {
            panic!("{key} has a head: {answer:?}");
        };
        let said = error.to_string();
        assert!(said.contains("7-1") && said.contains("XDEL"), "{said}");
        real.server.tell(&format!("XDEL {key} 7-1")).unwrap();
        assert_eq!(real.store.queue_head(key).await, Ok(Some(8)));
    }
    // Other fields beside the height are nobody's concern.
    real.server.tell("XADD q4 * x 1 block_height 9").unwrap();
    assert_eq!(real.store.queue_head("q4").await, Ok(Some(9)));
    // A queue whose entries have all been taken is an empty one.
    real.server.tell("XADD q5 7-1 block_height 9").unwrap();
    real.server.tell("XDEL q5 7-1").unwrap();
    assert_eq!(real.store.queue_head("q5").await, Ok(None));
}

#[tokio::test]
async fn members_that_are_no_text_are_passed_over() {
    let real = Real::start(&[]);
    real.store.set_add("s", "a.near/f:state").await.unwrap();
    real.server.command(&[b"SADD", b"s", b"\xff\xfe"]).unwrap();
    assert_eq!(
        real.store.set_members("s").await.unwrap(),
        ["a.near/f:state"]
    );
}

#[tokio::test]
async fn the_server_s_state_is_told() {
    let real = Real::start(&["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"]);
    real.store.ping().await.unwrap();
    let info = real.store.server_info().await.unwrap();
    assert!(info.version.split('.').count() >= 3, "{info:?}");
    assert_eq!(info.role, Role::Primary);
    assert_eq!(info.max_memory, Some(64 << 20));
    assert_eq!(info.persistence, Persistence::Nothing);
    let policy = "allkeys-lru".to_owned();
    assert_eq!(
        info.warnings(),
        [Warning::Evicts { policy }, Warning::Volatile]
    );

    real.server.tell("CONFIG SET appendonly yes").unwrap();
    real.server
        .tell("CONFIG SET maxmemory-policy noeviction")
        .unwrap();
    let info = real.store.server_info().await.unwrap();
    assert_eq!(info.warnings(), []);

    real.server.tell("CONFIG SET appendonly no").unwrap();
    real.server
        .command(&[b"CONFIG", b"SET", b"save", b"60 1"])
        .unwrap();
    let info = real.store.server_info().await.unwrap();
    assert_eq!(info.persistence, Persistence::Snapshots);
}

#[tokio::test]
async fn a_server_that_hides_its_configuration_gives_no_false_warning() {
    let real = Real::start(&["--rename-command", "CONFIG", ""]);
    let info = real.store.server_info().await.unwrap();
    assert_eq!(info.persistence, Persistence::Unknown);
    assert_eq!(info.warnings(), []);
}

#[tokio::test]
async fn a_server_without_scripts_refuses_writes_of_records() {
    let real = Real::start(&[
        "--rename-command",
        "EVALSHA",
        "",
        "--rename-command",
        "EVAL",
        "",
    ]);
    let set = real
        .store
        .compare_and_set("k", None, Some(b"1"), None)
        .await;
    refusal(set, "unknown command");
    assert_eq!(get(&real.store, "k").await, Ok(None));
}
