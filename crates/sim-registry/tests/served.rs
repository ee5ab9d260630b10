//! The contract on a real port.
#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use real_tokio::io::{AsyncReadExt, AsyncWriteExt};
use real_tokio::net::{TcpListener, TcpStream};
use real_tokio::time::timeout;
use serde_json::{Value, json};
use sim_registry::server::{Host, Settings, Watched, serve};

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn run<F: Future>(body: F) -> F::Output {
    real_tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(body)
}

async fn start(host: Arc<Host>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    real_tokio::spawn(serve(listener, host, std::future::pending()));
    address
}

/// The whole response to a request on a connection of its own.
async fn raw(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut response)).await;
    read.unwrap().unwrap();
    String::from_utf8(response).unwrap()
}

async fn post(address: SocketAddr, path: &str, body: Value) -> Value {
    let response = raw(address, "POST", path, &body.to_string()).await;
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {response}");
    serde_json::from_str(body).unwrap()
}

async fn view(address: SocketAddr, method: &str, arguments: &str) -> Value {
    use base64::Engine;
    let arguments = base64::engine::general_purpose::STANDARD.encode(arguments);
    let request = json!({
        "jsonrpc": "2.0", "id": "7", "method": "query",
        "params": {
            "request_type": "call_function", "finality": "final", "account_id": "r.near",
            "method_name": method, "args_base64": arguments,
        },
    });
    let answer = post(address, "/", request).await;
    assert_eq!(answer["id"], "7");
    answer
}

/// The contract's JSON of a successful answer.
fn result(answer: &Value) -> Value {
    let octets: Vec<u8> = serde_json::from_value(answer["result"]["result"].clone()).unwrap();
    serde_json::from_slice(&octets).unwrap()
}

fn feed() -> Value {
    json!({
        "account": "a.near", "function": "feed", "code": "c", "schema": "s",
        "rule": { "kind": "ACTION_ANY", "affected_account_id": "x.near", "status": "ANY" },
        "start_block": "LATEST",
    })
}

const FEED: &str = r#"{"account_id":"a.near","function_name":"feed"}"#;

#[test]
fn registrations_are_seen_and_deletions_leave_a_tombstone() {
    run(async {
        let address = start(Arc::new(Host::new(Settings::default()))).await;
        assert_eq!(result(&view(address, "list_all", "{}").await), json!({}));
        let version = post(address, "/control/register", feed()).await["version"].clone();
        let listing = view(address, "list_all", "{}").await;
        assert_eq!(
            result(&listing)["a.near"]["feed"]["created_at_block_height"],
            version
        );
        assert!(listing["result"]["block_height"].as_u64() >= version.as_u64());

        post(address, "/control/advance", json!({ "blocks": 10 })).await;
        let name = json!({ "account": "a.near", "function": "feed" });
        let deleted = post(address, "/control/delete", name).await;
        let read = view(address, "read_indexer_function", FEED).await;
        assert_eq!(
            result(&read)["deleted_at_block_height"],
            deleted["deleted_at"]
        );
        assert!(deleted["deleted_at"].as_u64() >= version.as_u64().map(|v| v + 10));
    });
}

#[test]
fn failures_have_the_protocols_form() {
    run(async {
        let host = Host::new(Settings {
            contract: Some("r.near".into()),
            ..Settings::default()
        });
        let address = start(Arc::new(host)).await;
        let unknown = view(address, "no_such_method", "{}").await;
        let text = unknown["result"]["error"].as_str().unwrap();
        assert!(text.contains("MethodNotFound"), "{text}");
        let bad = view(address, "read_indexer_function", "{}").await;
        assert!(
            bad["result"]["error"]
                .as_str()
                .unwrap()
                .contains("GuestPanic")
        );

        let other = json!({
            "id": 1, "method": "query", "params": {
                "request_type": "call_function", "finality": "final", "account_id": "o.near",
                "method_name": "list_all", "args_base64": "e30=",
            },
        });
        let answer = post(address, "/", other).await;
        assert_eq!(answer["error"]["cause"]["name"], "UNKNOWN_ACCOUNT");
        let answer = post(address, "/", json!({ "id": 1, "method": "status" })).await;
        assert_eq!(answer["error"]["cause"]["name"], "METHOD_NOT_FOUND");
        let refused = raw(
            address,
            "POST",
            "/control/delete",
            r#"{"account":"a.near","function":"x"}"#,
        );
        assert!(refused.await.starts_with("HTTP/1.1 422"));
    });
}

#[test]
fn faults_last_until_they_are_healed() {
    run(async {
        let address = start(Arc::new(Host::new(Settings::default()))).await;
        post(address, "/control/register", feed()).await;
        let fault = json!({ "fault": { "status": { "code": 429, "retry_after": "3" } } });
        post(address, "/control/fault", fault).await;
        let limited = raw(
            address,
            "POST",
            "/",
            "{\"method\":\"query\",\"params\":{\
            \"request_type\":\"call_function\",\"finality\":\"final\",\"account_id\":\"r.near\",\
            \"method_name\":\"list_all\",\"args_base64\":\"e30=\"}}",
        )
        .await;
        assert!(limited.starts_with("HTTP/1.1 429"), "{limited}");
        assert!(limited.contains("retry-after: 3"), "{limited}");
        post(address, "/control/heal", json!({})).await;

        let lag = json!({ "fault": { "lag": { "blocks": 50 } }, "times": 1 });
        post(address, "/control/fault", lag).await;
        let old = view(address, "list_all", "{}").await;
        assert_eq!(result(&old), json!({}));
        assert_eq!(
            result(&view(address, "list_all", "{}").await)["a.near"]["feed"]["code"],
            "c"
        );

        let spoiled = json!({ "account": "a.near", "function": "feed", "unlisted": true });
        post(address, "/control/entry", spoiled).await;
        assert_eq!(
            result(&view(address, "list_all", "{}").await),
            json!({ "a.near": {} })
        );
        let state = raw(address, "GET", "/control/state", "").await;
        assert!(state.contains("\"function\":\"feed\""), "{state}");
    });
}

const HUMAN: &str = r#"
    [[indexer]]
    account = "a.near"
    function = "feed"
    start = "LATEST"
    rule = { any = "app0.near" }
    code = "CODE"
    schema = "s"
"#;

#[test]
fn an_edited_file_is_followed_and_a_broken_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.toml");
    let host = Host::new(Settings::default());
    let mut file = Watched::new(path.clone());
    assert!(file.apply(&host).unwrap_err().contains("registry.toml"));

    let codes = |host: &Host| {
        host.with(|model, height| {
            model
                .records_at(height)
                .map(|(_, name, record)| {
                    let code = record.registration.code.clone();
                    (name.to_owned(), code, record.is_deleted())
                })
                .collect::<Vec<_>>()
        })
    };
    std::fs::write(&path, HUMAN).unwrap();
    file.apply(&host).unwrap();
    assert_eq!(codes(&host), [("feed".into(), "CODE".into(), false)]);
    for broken in ["", "[[indexer]]", "indexer = 7"] {
        std::fs::write(&path, broken).unwrap();
        assert!(file.apply(&host).is_err(), "{broken}");
        assert_eq!(codes(&host), [("feed".into(), "CODE".into(), false)]);
    }
    std::fs::write(&path, HUMAN.replace("CODE", "new")).unwrap();
    file.apply(&host).unwrap();
    assert_eq!(codes(&host), [("feed".into(), "new".into(), false)]);
    std::fs::write(&path, "indexer = []").unwrap();
    file.apply(&host).unwrap();
    assert_eq!(codes(&host), [("feed".into(), "new".into(), true)]);
}

#[test]
fn a_dump_begins_with_its_own_past() {
    let path = format!("{}/tests/fixtures/current.json", env!("CARGO_MANIFEST_DIR"));
    let host = Host::new(Settings::default());
    Watched::new(path.into()).apply(&host).unwrap();
    let version = host.with(|model, height| {
        model
            .record_at("alice.near", "feed", height)
            .map(|record| record.version())
    });
    assert_eq!(version, Some(130_000_123));
}
