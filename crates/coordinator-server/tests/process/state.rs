//! The records as a file, from one store into another.

use std::fs;
use std::path::Path;

use conformance::redis_server::{RedisServer, Reply};

use crate::service::{Settings, arg, run, text};

const RECORD: &str = r#"{"account_id":"a.near","function_name":"f",
 "block_stream_synced_at":null,"enabled":true,"lifecycle_state":"Running","x":{"of":"others"}}"#;

fn put(server: &RedisServer, key: &str, value: &[u8]) {
    let set = server.command(&[b"SET", key.as_bytes(), value]).unwrap();
    assert_eq!(set, Reply::Status("OK".to_owned()));
    let listed = server.command(&[b"SADD", b"indexer_states", key.as_bytes()]);
    assert_eq!(listed.unwrap(), Reply::Number(1));
}

fn get(server: &RedisServer, key: &str) -> Reply {
    server.command(&[b"GET", key.as_bytes()]).unwrap()
}

/// Runs `state` with these words, and gives its exit code and what it said.
async fn state(config: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut args = vec!["state"];
    args.extend_from_slice(words);
    args.extend(["--config", arg(config)]);
    let output = run(&args, &[]).await;
    (output.status.code(), text(&output))
}

fn in_redis(server: &RedisServer) -> Settings {
    Settings::new().with("redis_url", server.url())
}

fn embedded(folder: &str) -> Settings {
    let settings = Settings::new();
    let dir = settings.path(folder);
    settings.with("data_dir", dir.display())
}

/// The lines of an export that do not say where it comes from.
fn records(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn records_go_from_redis_into_a_file_and_back_byte_for_byte() {
    let first = RedisServer::start(&[]).unwrap();
    let hostile = "a.near/\u{1b}[2J\n\"é\"/:state:state";
    put(&first, "a.near/f:state", RECORD.as_bytes());
    put(&first, hostile, br#"{"block_stream_synced_at":7}"#);
    put(&first, "b.near/bytes:state", b"\xff\x00");
    first
        .command(&[b"SET", b"coordinator:registry_height", b"77"])
        .unwrap();

    let settings = in_redis(&first);
    let (from, out) = (settings.write(), settings.path("out.jsonl"));
    let (code, said) = state(&from, &["export", arg(&out)]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("3 records were exported from redis://127.0.0.1"),
        "{said}"
    );
    assert!(said.contains("b.near/bytes"), "{said}");
    let (code, said) = state(&from, &["export", arg(&out)]).await;
    assert_eq!(code, Some(1), "an export is not overwritten: {said}");

    let file = embedded("data");
    let middle = file.write();
    let (code, said) = state(&middle, &["check"]).await;
    assert_eq!(code, Some(69), "{said}");
    let (code, said) = state(&middle, &["import", "--dry-run", arg(&out)]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 records would be written"), "{said}");
    assert!(!file.path("data").exists(), "a dry run makes nothing");
    let (code, said) = state(&middle, &["import", arg(&out)]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 records were written"), "{said}");
    let (code, said) = state(&middle, &["import", arg(&out)]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 were there already"), "{said}");
    let (code, said) = state(&middle, &["check"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("1 original, 1 historical, 1 unreadable"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said}");
    let (_, json) = state(&middle, &["check", "-o", "json"]).await;
    let json: serde_json::Value =
        serde_json::from_str(json.rsplit_once("3 records").unwrap().0).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["records"][1]["form"], "original");

    let headless = file.path("headless.jsonl");
    let words = ["export", "--without-height", arg(&headless)];
    assert_eq!(state(&middle, &words).await.0, Some(0));
    assert_eq!(records(&headless).len(), records(&out).len() - 1);

    let back = file.path("back.jsonl");
    let (code, said) = state(&middle, &["export", arg(&back)]).await;
    assert_eq!(code, Some(0), "{said}");
    let lines = |file: &Path| {
        let mut lines = records(file);
        lines.pop();
        lines
    };
    assert_eq!(lines(&out), lines(&back));

    let second = RedisServer::start(&[]).unwrap();
    let last = in_redis(&second);
    let to = last.write();
    let (code, said) = state(&to, &["import", arg(&back)]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("nothing tells whether a coordinator uses this Redis"),
        "{said}"
    );
    for key in [
        "a.near/f:state",
        hostile,
        "b.near/bytes:state",
        "coordinator:registry_height",
    ] {
        assert_eq!(get(&second, key), get(&first, key), "{key:?}");
    }
    assert_eq!(
        second.tell("SCARD indexer_states").unwrap(),
        Reply::Number(3)
    );
}

#[tokio::test]
async fn nothing_is_written_over_unless_it_is_wanted() {
    let server = RedisServer::start(&[]).unwrap();
    put(&server, "a.near/f:state", RECORD.as_bytes());
    let settings = in_redis(&server);
    let (config, out) = (settings.write(), settings.path("out.jsonl"));
    assert_eq!(state(&config, &["export", arg(&out)]).await.0, Some(0));
    let changed = RECORD.replace("true", "false");
    server
        .command(&[b"SET", b"a.near/f:state", changed.as_bytes()])
        .unwrap();

    let (code, said) = state(&config, &["import", arg(&out)]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("out.jsonl:2: `a.near/f:state`: the store holds another"),
        "{said}"
    );
    assert!(said.contains("nothing was written"), "{said}");
    assert_eq!(
        get(&server, "a.near/f:state"),
        Reply::Text(changed.into_bytes())
    );
    let (code, said) = state(&config, &["import", "--replace", arg(&out)]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("1 records were written, 1 of them in place"),
        "{said}"
    );
    assert_eq!(get(&server, "a.near/f:state"), Reply::Text(RECORD.into()));

    let mut damaged = fs::read(&out).unwrap();
    damaged[200] ^= 1;
    fs::write(&out, damaged).unwrap();
    let (code, said) = state(&config, &["import", "--replace", arg(&out)]).await;
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("out.jsonl:3: the checksum is another"),
        "{said}"
    );
    let (code, said) = state(&config, &["import", "/nowhere/x.jsonl"]).await;
    assert_eq!(code, Some(78), "{said}");
    assert_eq!(state(&config, &["import"]).await.0, Some(2));
    assert_eq!(state(&config, &[]).await.0, Some(2));
}

#[tokio::test]
async fn a_store_in_use_or_away_is_named() {
    let settings = embedded("data");
    let config = settings.write();
    let mut service = settings.start().await;
    for words in [&["export"][..], &["check"], &["import", "-"]] {
        let (code, said) = state(&config, words).await;
        // An empty input is refused before the store is touched.
        let expected = if words.contains(&"-") { 78 } else { 69 };
        assert_eq!(code, Some(expected), "{words:?}: {said}");
        let cause = if expected == 69 {
            "another coordinator holds"
        } else {
            "-:1: "
        };
        assert!(said.contains(cause), "{said}");
    }
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
    assert_eq!(state(&config, &["check"]).await.0, Some(0));

    let nobody = Settings::new();
    let (code, said) = state(&nobody.write(), &["export"]).await;
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("redis://127.0.0.1:1/0"), "{said}");
}

#[tokio::test]
async fn the_height_of_the_registry_is_shown_and_lowered() {
    let server = RedisServer::start(&[]).unwrap();
    let settings = in_redis(&server);
    let config = settings.write();
    let (code, said) = state(&config, &["height"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no height is stored"), "{said}");
    let key = "coordinator:registry_height";
    server
        .command(&[b"SET", key.as_bytes(), b"7000000000"])
        .unwrap();
    let stored = |height: &str| Reply::Text(height.as_bytes().to_vec());
    for (words, told, left) in [
        (&["height"][..], "as of block 7000000000\n", "7000000000"),
        (
            &["height", "--lower-to", "7000000001"],
            "nothing was changed",
            "7000000000",
        ),
        (
            &["height", "--lower-to", "120000000"],
            "as of block 120000000; it was 7000000000\n",
            "120000000",
        ),
    ] {
        let (code, said) = state(&config, words).await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(told), "{said}");
        assert_eq!(
            said.contains("restart it"),
            told.contains("it was"),
            "{said}"
        );
        assert_eq!(get(&server, key), stored(left));
    }
    for lowered in ["0", "5"] {
        for kind in [&b"SET"[..], b"SADD"] {
            server.tell("DEL coordinator:registry_height").unwrap();
            server
                .command(&[kind, key.as_bytes(), b"\x1bnine"])
                .unwrap();
            let (code, said) = state(&config, &["height"]).await;
            assert_eq!(code, Some(1), "{said}");
            assert!(said.contains("cannot be read: it is "), "{said}");
            assert!(!said.contains('\u{1b}'), "{said}");
            let (code, said) = state(&config, &["height", "--lower-to", lowered]).await;
            assert_eq!(code, Some(0), "{said}");
            assert!(said.contains("; it could not be read: it is "), "{said}");
            let left = match lowered {
                "0" => Reply::Nothing,
                height => stored(height),
            };
            assert_eq!(get(&server, key), left);
        }
    }
    let (code, _) = state(&config, &["height", "--lower-to", "-1"]).await;
    assert_eq!(code, Some(2));
}
