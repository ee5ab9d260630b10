//! What is sent, and what is never shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coordinator::registry::RegistryTransport;
use registry_near::{ApiKey, Endpoint, NearRegistry};
use secrecy::SecretString;
use serde_json::json;
use tokio::time::Instant;

use crate::node::{Node, Reply, list, options, read, response, unavailable};

#[tokio::test]
async fn the_question_is_the_protocols() {
    let node = Node::good(7).await;
    let registry = NearRegistry::new(options(&[node.url()])).unwrap();
    let arguments = br#"{"account_id":"a.near","function_name":"f"}"#;
    registry
        .view("read_indexer_function", arguments)
        .await
        .unwrap();
    list(&registry).await.unwrap();
    let seen = node.seen();
    let body = &seen[0].body;
    assert_eq!(body["method"], "query");
    assert_eq!(
        body["params"],
        json!({
            "request_type": "call_function", "finality": "final",
            "account_id": "registry.near", "method_name": "read_indexer_function",
            "args_base64": "eyJhY2NvdW50X2lkIjoiYS5uZWFyIiwiZnVuY3Rpb25fbmFtZSI6ImYifQ==",
        })
    );
    assert_ne!(
        body["id"], seen[1].body["id"],
        "each question has a name of its own"
    );
    assert!(
        seen[0]
            .header("user-agent")
            .unwrap()
            .starts_with("coordinator/")
    );
    assert!(seen[0].head.starts_with("POST / HTTP/1.1"));
    assert_eq!(seen[0].header("accept-encoding"), None);
}

#[tokio::test]
async fn keys_paths_and_queries_are_sent_and_never_shown() {
    let node = Node::always(|| response(500, &[], "")).await;
    let url = format!(
        "http://NAME:PASS@{}/v1/PATHKEY?apiKey=QUERYKEY",
        node.address
    );
    let key = ApiKey::new("x-api-key", &SecretString::from("HEADERKEY")).unwrap();
    let mut options = options(&["http://unused".to_owned()]);
    options.endpoints = vec![Endpoint::parse(&url).unwrap().with_key(key)];
    let shown = format!("{options:?}");
    let registry = NearRegistry::new(options).unwrap();
    let text = format!("{shown} {registry:?} {}", unavailable(&registry).await);
    for secret in ["NAME", "PASS", "PATHKEY", "QUERYKEY", "HEADERKEY"] {
        assert!(!text.contains(secret), "{text}");
    }
    let seen = node.seen();
    assert_eq!(seen[0].header("x-api-key").unwrap(), "HEADERKEY");
    assert!(
        seen[0]
            .header("authorization")
            .unwrap()
            .starts_with("Basic ")
    );
    assert!(
        seen[0]
            .head
            .starts_with("POST /v1/PATHKEY?apiKey=QUERYKEY ")
    );
}

#[tokio::test]
async fn a_key_is_shown_to_its_own_node_alone() {
    let first = Node::always(|| response(500, &[], "")).await;
    let second = Node::good(1).await;
    let mut options = options(&[first.url(), second.url()]);
    let key = ApiKey::bearer(&SecretString::from("KEY")).unwrap();
    options.endpoints[0] = options.endpoints[0].clone().with_key(key);
    list(&NearRegistry::new(options).unwrap()).await.unwrap();
    assert_eq!(
        first.seen()[0].header("authorization").unwrap(),
        "Bearer KEY"
    );
    assert_eq!(second.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn only_so_many_calls_are_under_way() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, peak) = (now.clone(), most.clone());
    let node = Node::always(move || {
        peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Reply::Hang
    })
    .await;
    let mut options = options(&[node.url()]);
    options.concurrent = 3;
    let registry = Arc::new(NearRegistry::new(options).unwrap());
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let registry = registry.clone();
            tokio::spawn(async move { read(&registry).await })
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while now.load(Ordering::SeqCst) < 3 {
        assert!(Instant::now() < deadline, "the calls do not arrive");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A call that is given up makes place for the next one.
    calls[0].abort();
    calls[1].abort();
    calls[2].abort();
    while now.load(Ordering::SeqCst) < 6 {
        assert!(Instant::now() < deadline, "no place becomes free");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(now.load(Ordering::SeqCst), 6);
    for call in calls {
        call.abort();
    }
}

#[tokio::test]
async fn only_so_many_listings_are_under_way() {
    let node = Node::always(|| Reply::Hang).await;
    let mut options = options(&[node.url()]);
    options.timeout = Duration::from_secs(1);
    let registry = NearRegistry::new(options).unwrap();
    let all = || list(&registry);
    // Of the coordinator, and of those who ask it.
    let five = async { tokio::join!(all(), all(), all(), all(), all()) };
    let (_, sixth) = tokio::join!(biased; five, all());
    let text = sixth.unwrap_err().to_string();
    assert!(text.contains("for a place"), "{text}");
    assert_eq!(node.seen().len(), 5);
}

#[tokio::test]
async fn a_call_that_finds_no_place_ends_in_time() {
    let node = Node::always(|| Reply::Hang).await;
    let mut options = options(&[node.url()]);
    options.concurrent = 1;
    options.timeout = Duration::from_millis(300);
    let registry = NearRegistry::new(options).unwrap();
    let (first, second) = tokio::join!(read(&registry), read(&registry));
    assert!(first.is_err());
    let text = second.unwrap_err().to_string();
    assert!(
        text.contains("for a place") || text.contains("no answer"),
        "{text}"
    );
}
