//! A server that answers, and refuses.

use coordinator::store::{CasOutcome, StoreError, StoreTransport};

use conformance::redis_server::{RedisServer, Reply};
use store_redis::{Role, Warning};

use crate::support::{Real, eventually, get, is_unavailable, refusal, store_at, text};

#[tokio::test]
async fn a_replica_reads_and_refuses_every_write() {
    let primary = Real::start(&[]);
    primary.store.set_add("s", "m").await.unwrap();
    let set = primary
        .store
        .compare_and_set("k", None, Some(b"1"), None)
        .await;
    assert_eq!(set, Ok(CasOutcome::Applied));
    let port = primary.server.port().to_string();
    let replica = Real::start(&["--replicaof", "127.0.0.1", &port]);
    let store = &replica.store;
    eventually(is_unavailable, async || match get(store, "k").await? {
        Some(_) => Ok(()),
        None => Err(StoreError::Unavailable("not yet copied".to_owned())),
    })
    .await;

    let info = store.server_info().await.unwrap();
    assert_eq!(info.role, Role::Replica);
    assert_eq!(info.warnings().first(), Some(&Warning::Replica));
    let said = refusal(store.set_add("s", "n").await, "READONLY");
    assert!(said.contains("primary"), "{said}");
    refusal(store.set_remove("s", "m").await, "READONLY");
    refusal(store.delete(&["k".to_owned()]).await, "READONLY");
    let set = async |from, to| store.compare_and_set("k", from, to, None).await;
    refusal(set(Some(b"1"), Some(b"2")).await, "READONLY");
    refusal(set(Some(b"1"), None).await, "READONLY");
    // A conflict writes nothing, and so is no breach of anything.
    assert_eq!(
        set(Some(b"0"), Some(b"2")).await,
        Ok(CasOutcome::Conflict(text("1")))
    );
    assert_eq!(get(store, "k").await, Ok(text("1")));

    // A probe says so as well, and says it without having anything to write.
    let said = refusal(store.probe_writes(Some("indexer_states")).await, "READONLY");
    assert!(said.contains("primary"), "{said}");

    // It becomes the primary: the store notices by itself.
    replica.server.tell("REPLICAOF NO ONE").unwrap();
    assert_eq!(set(Some(b"1"), Some(b"2")).await, Ok(CasOutcome::Applied));
}

#[tokio::test]
async fn a_replica_without_its_primary_is_unavailable() {
    let gone = RedisServer::stopped(&[]).unwrap();
    let port = gone.port().to_string();
    let options = [
        "--replicaof",
        "127.0.0.1",
        &port,
        "--replica-serve-stale-data",
        "no",
    ];
    let replica = Real::start(&options);
    for _ in 0..2 {
        let error = get(&replica.store, "k").await.unwrap_err();
        assert!(is_unavailable(&error), "{error}");
        assert!(error.to_string().contains("MASTERDOWN"), "{error}");
        let error = replica.store.set_add("s", "m").await.unwrap_err();
        assert!(is_unavailable(&error), "{error}");
    }
}

#[tokio::test]
async fn a_full_server_refuses_growth_and_lets_go() {
    let real = Real::start(&[]);
    let store = &real.store;
    let set = store.compare_and_set("k", None, Some(b"1"), None).await;
    assert_eq!(set, Ok(CasOutcome::Applied));
    store.set_add("s", "m").await.unwrap();
    let filling = vec![b'x'; 256 << 10];
    let fillings: Vec<String> = (0..20).map(|n| format!("fill{n}")).collect();
    for key in &fillings {
        let words = [&b"SET"[..], key.as_bytes(), &filling];
        assert_eq!(
            real.server.command(&words).unwrap(),
            Reply::Status("OK".to_owned())
        );
    }
    // Three are more than it needs empty, and less than it holds.
    real.server.tell("CONFIG SET maxmemory 3mb").unwrap();

    let change = async |from, to| store.compare_and_set("k", from, to, None).await;
    let said = refusal(change(Some(b"1"), Some(b"2")).await, "OOM");
    assert!(said.contains("maxmemory"), "{said}");
    refusal(store.set_add("s", "n").await, "OOM");
    let said = refusal(store.probe_writes(Some("indexer_states")).await, "OOM");
    assert!(said.contains("maxmemory"), "{said}");
    assert_eq!(get(store, "k").await, Ok(text("1")));
    assert_eq!(
        change(Some(b"0"), Some(b"2")).await,
        Ok(CasOutcome::Conflict(text("1")))
    );
    store.set_remove("s", "m").await.unwrap();
    assert_eq!(change(Some(b"1"), None).await, Ok(CasOutcome::Applied));
    store.delete(&fillings).await.unwrap();
    store.probe_writes(Some("indexer_states")).await.unwrap();
    assert_eq!(change(None, Some(b"3")).await, Ok(CasOutcome::Applied));
}

#[tokio::test]
async fn a_server_that_cannot_save_refuses_writes() {
    let real = Real::start(&[]);
    let folder = real.server.folder().to_owned();
    real.server
        .command(&[b"CONFIG", b"SET", b"save", b"3600 1"])
        .unwrap();
    // A folder under the snapshot's name: saving must fail.
    std::fs::create_dir(folder.join("dump.rdb")).unwrap();
    std::fs::write(folder.join("dump.rdb").join("in the way"), "").unwrap();
    real.server.tell("SET x 1").unwrap();
    real.server.tell("BGSAVE").unwrap();
    let answer = eventually(is_unavailable, async || {
        match real.store.set_add("s", "m").await {
            Ok(()) => Err(StoreError::Unavailable("not yet noticed".to_owned())),
            refused => Ok(refused),
        }
    })
    .await;
    refusal(answer, "MISCONF");
    refusal(
        real.store.probe_writes(Some("indexer_states")).await,
        "MISCONF",
    );
}

#[tokio::test]
async fn a_password_is_needed_and_checked_before_any_command() {
    let server = RedisServer::start(&["--requirepass", "s3cret@/:"]).unwrap();
    let with = |userinfo: &str| {
        let url = server.url();
        store_at(&url.replace("redis://", &format!("redis://{userinfo}")))
    };
    let right = with(":s3cret%40%2F%3A@");
    let set = right.compare_and_set("k", None, Some(b"1"), None).await;
    assert_eq!(set, Ok(CasOutcome::Applied));
    right.ping().await.unwrap();

    for (store, word) in [
        (with(""), "NOAUTH"),
        (with(":wr0ng@"), "user name and password"),
        (with("nobody:s3cret%40%2F%3A@"), "user name and password"),
    ] {
        for _ in 0..2 {
            let error = store.set_add("s", "m").await.unwrap_err();
            assert!(is_unavailable(&error), "{error}");
            let said = error.to_string();
            assert!(said.contains(word), "{said}");
            for secret in ["s3cret", "wr0ng", "%40"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
    }
    assert!(right.set_members("s").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_password_that_is_put_right_on_the_server_is_enough() {
    let server = RedisServer::start(&["--requirepass", "old"]).unwrap();
    let url = server.url().replace("redis://", "redis://:new@");
    let store = store_at(&url);
    assert!(is_unavailable(&store.ping().await.unwrap_err()));
    server.tell("CONFIG SET requirepass new").unwrap();
    eventually(is_unavailable, async || store.ping().await).await;
}

#[tokio::test]
async fn what_a_user_may_not_do_is_refused_and_the_rest_is_done() {
    let server = RedisServer::start(&[]).unwrap();
    let rules = "ACL SETUSER scribe on >pw ~* +mget +sadd";
    assert_eq!(server.tell(rules).unwrap(), Reply::Status("OK".to_owned()));
    let store = store_at(&server.url().replace("redis://", "redis://scribe:pw@"));
    // Not even PING is allowed, and nothing needs it.
    store.set_add("s", "m").await.unwrap();
    assert_eq!(get(&store, "k").await, Ok(None));
    let set = store.compare_and_set("k", None, Some(b"1"), None).await;
    let said = refusal(set, "NOPERM");
    assert!(said.contains("ACL SETUSER"), "{said}");
    refusal(store.delete(&["k".to_owned()]).await, "NOPERM");
    // What the documentation lists is enough.
    let documented = "ACL SETUSER scribe on >pw ~* -@all +ping +mget +get +set +del +sadd +srem \
                      +smembers +xrange +evalsha +eval +info +config|get +xadd";
    server.tell(documented).unwrap();
    let real = crate::support::Real { server, store };
    let failures = conformance::store::run_all(&real, "acl/").await;
    assert!(failures.is_empty(), "{failures:#?}");
    real.store.server_info().await.unwrap();
    real.store
        .probe_writes(Some("indexer_states"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_probe_of_writes_leaves_nothing_behind() {
    let real = Real::start(&["--appendonly", "yes"]);
    let changes = || match real.server.tell("INFO persistence").unwrap() {
        Reply::Text(info) => {
            let info = String::from_utf8(info).unwrap();
            let line = info
                .lines()
                .find(|line| line.starts_with("rdb_changes_since"));
            line.unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    };
    let before = changes();
    real.store
        .probe_writes(Some("indexer_states"))
        .await
        .unwrap();
    assert_eq!(changes(), before);
    assert_eq!(get(&real.store, "coordinator:probe").await, Ok(None));
}

#[tokio::test]
async fn a_list_of_another_kind_is_noticed_and_named() {
    let real = Real::start(&[]);
    let list = Some("indexer_states");
    real.server.tell("SET indexer_states boo").unwrap();
    let said = refusal(real.store.probe_writes(list).await, "WRONGTYPE");
    assert!(said.contains("`indexer_states`"), "{said}");
    // Where the records lie elsewhere nobody needs it.
    real.store.probe_writes(None).await.unwrap();
    for (from, to) in [(None, Some(&b"1"[..])), (None, None)] {
        let set = real.store.compare_and_set("k", from, to, list).await;
        let said = refusal(set, "WRONGTYPE");
        assert!(said.contains("`indexer_states`"), "{said}");
    }
    real.server.tell("SET k 1").unwrap();
    real.server.tell("DEL indexer_states").unwrap();
    real.server.tell("LPUSH k2 1").unwrap();
    let set = real.store.compare_and_set("k2", None, Some(b"1"), list);
    let said = refusal(set.await, "WRONGTYPE");
    assert!(said.contains("`k2`"), "{said}");
    real.store.probe_writes(list).await.unwrap();
}

#[tokio::test]
async fn what_a_record_takes_and_a_user_may_not_do_is_noticed() {
    let server = RedisServer::start(&[]).unwrap();
    let commands = ["get", "set", "del", "sadd", "srem", "evalsha"];
    for missing in commands {
        server.tell("ACL DELUSER scribe").unwrap();
        let mut rules = "ACL SETUSER scribe on >pw ~* -@all +ping +eval".to_owned();
        for allowed in commands.iter().filter(|it| **it != missing) {
            rules.push_str(&format!(" +{allowed}"));
        }
        server.tell(&rules).unwrap();
        let store = store_at(&server.url().replace("redis://", "redis://scribe:pw@"));
        let tried = store.probe_writes(Some("indexer_states")).await;
        let said = refusal(tried, "ACL SETUSER");
        let is_of_the_list = matches!(missing, "sadd" | "srem");
        assert_eq!(said.contains("`indexer_states`"), is_of_the_list, "{said}");
    }
    for key in ["coordinator:probe", "indexer_states"] {
        let left = server.command(&[b"EXISTS", key.as_bytes()]).unwrap();
        assert_eq!(left, Reply::Number(0), "{key}");
    }
}

#[tokio::test]
async fn a_server_that_is_occupied_by_a_script_is_unavailable() {
    let real = Real::start(&["--busy-reply-threshold", "10"]);
    real.store.ping().await.unwrap();
    let port = real.server.port();
    // The endless script is sent and its answer never read.
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let script = b"EVAL 'while true do end' 0\r\n";
    std::io::Write::write_all(&mut stream, script).unwrap();
    let error = eventually(is_unavailable, async || {
        match real.store.set_add("s", "m").await {
            Ok(()) => Err(StoreError::Unavailable("not yet occupied".to_owned())),
            Err(error) => Ok(error),
        }
    })
    .await;
    assert!(is_unavailable(&error), "{error}");
    assert!(error.to_string().contains("BUSY"), "{error}");
    real.server.tell("SCRIPT KILL").unwrap();
    eventually(is_unavailable, async || real.store.set_add("s", "m").await).await;
}

#[tokio::test]
async fn too_many_clients_are_an_obstacle_that_passes() {
    let server = RedisServer::start(&["--maxclients", "1"]).unwrap();
    let port = server.port();
    let mut only = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    std::io::Write::write_all(&mut only, b"PING\r\n").unwrap();
    let mut pong = [0; 7];
    std::io::Read::read_exact(&mut only, &mut pong).unwrap();
    let store = store_at(&server.url());
    for _ in 0..3 {
        let error = store.set_add("s", "m").await.unwrap_err();
        assert!(is_unavailable(&error), "{error}");
    }
    drop(only);
    eventually(is_unavailable, async || store.set_add("s", "m").await).await;
}

#[tokio::test]
async fn a_server_that_keeps_its_conditions_takes_no_writes() {
    let real = Real::start(&["--min-replicas-to-write", "1"]);
    let error = real.store.set_add("s", "m").await.unwrap_err();
    assert!(is_unavailable(&error), "{error}");
    assert!(error.to_string().contains("NOREPLICAS"), "{error}");
    let error = real
        .store
        .probe_writes(Some("indexer_states"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("NOREPLICAS"), "{error}");
    assert!(real.store.set_members("s").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_node_of_a_cluster_is_refused_with_a_word_on_why() {
    let real = Real::start(&["--cluster-enabled", "yes"]);
    let info = real.store.server_info().await.unwrap();
    assert!(info.warnings().contains(&Warning::Cluster), "{info:?}");
    real.server.tell("CLUSTER ADDSLOTSRANGE 0 16383").unwrap();
    let keys = ["a".to_owned(), "b".to_owned()];
    // Until it has made up its mind it is only not ready.
    let answer = eventually(is_unavailable, async || {
        match real.store.get_many(&keys).await {
            Err(StoreError::Unavailable(why)) => Err(StoreError::Unavailable(why)),
            settled => Ok(settled),
        }
    })
    .await;
    let said = refusal(answer, "CROSSSLOT");
    assert!(said.contains("Redis Cluster"), "{said}");
}
