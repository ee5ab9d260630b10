//! Several nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use coordinator::Clock;
use coordinator::registry::RegistryError;
use lifecycle::Timestamp;
use registry_near::NearRegistry;
use tokio::time::Instant;

use crate::node::{Node, Reply, answer, list, options, registry, response, unavailable};

fn limited(pause: &str) -> Reply {
    response(429, &[&format!("Retry-After: {pause}")], "")
}

#[tokio::test]
async fn the_next_node_answers_for_one_that_fails_and_the_first_is_returned_to() {
    let broken = Arc::new(AtomicBool::new(true));
    let fails = broken.clone();
    let first = Node::start(move |request| match fails.load(Ordering::Relaxed) {
        true => response(503, &[], ""),
        false => answer(request, b"{}", 1),
    })
    .await;
    let second = Node::good(2).await;
    let registry = registry(&[&first, &second]);
    assert_eq!(list(&registry).await.unwrap().block_height, 2);
    assert_eq!(list(&registry).await.unwrap().block_height, 2);
    assert_eq!(first.seen().len(), 1, "it is left alone for a while");

    broken.store(false, Ordering::Relaxed);
    let deadline = Instant::now() + Duration::from_secs(30);
    while list(&registry).await.unwrap().block_height != 1 {
        assert!(
            Instant::now() < deadline,
            "the first node is not returned to"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_node_that_hangs_costs_its_share_of_the_time_and_not_all() {
    let first = Node::always(|| Reply::Hang).await;
    let second = Node::good(2).await;
    let mut options = options(&[first.url(), second.url()]);
    options.attempt_timeout = Duration::from_millis(200);
    let registry = NearRegistry::new(options).unwrap();
    assert_eq!(list(&registry).await.unwrap().block_height, 2);
}

#[tokio::test]
async fn the_whole_call_ends_in_time() {
    let nodes = [
        Node::always(|| Reply::Hang).await,
        Node::always(|| Reply::Hang).await,
    ];
    let mut options = options(&[nodes[0].url(), nodes[1].url()]);
    options.timeout = Duration::from_millis(300);
    options.attempt_timeout = Duration::from_millis(250);
    let text = unavailable(&NearRegistry::new(options).unwrap()).await;
    for node in &nodes {
        assert!(text.contains(&node.url()), "{text}");
    }
}

#[tokio::test]
async fn if_all_fail_the_error_names_each() {
    let nodes = [
        Node::always(|| response(503, &[], "")).await,
        Node::always(|| response(401, &[], "")).await,
    ];
    let text = unavailable(&registry(&[&nodes[0], &nodes[1]])).await;
    assert!(
        text.contains("HTTP 503") && text.contains("HTTP 401"),
        "{text}"
    );
}

/// What a node may say of a contract that others can ask.
const OWN_WORDS: [&str; 5] = [
    r#"{"error":{"cause":{"name":"CONTRACT_EXECUTION_ERROR"}}}"#,
    r#"{"error":{"cause":{"name":"UNKNOWN_ACCOUNT"}}}"#,
    r#"{"error":{"cause":{"name":"NO_CONTRACT_CODE"}}}"#,
    r#"{"error":{"data":"wasm execution failed with error: MethodNotFound"}}"#,
    r#"{"error":{"data":"wasm execution failed with error: HostError(GasLimitExceeded)"}}"#,
];

async fn saying(text: &'static str) -> Node {
    Node::always(move || response(200, &["Content-Type: application/json"], text)).await
}

#[tokio::test]
async fn a_failure_of_the_contract_at_one_node_does_not_keep_others_from_answering() {
    for text in OWN_WORDS {
        let first = saying(text).await;
        let second = Node::good(2).await;
        let registry = registry(&[&first, &second]);
        for _ in 0..2 {
            assert_eq!(list(&registry).await.unwrap().block_height, 2, "{text}");
        }
        assert_eq!(first.seen().len(), 1, "it is left alone for a while");
    }
}

#[tokio::test]
async fn a_failure_of_the_contract_that_all_see_is_told_once_with_what_to_do() {
    let gas = OWN_WORDS[4];
    let registry = registry(&[&saying(gas).await, &saying(gas).await]);
    for _ in 0..2 {
        let Err(RegistryError::Contract(text)) = list(&registry).await else {
            panic!("it is the contract's");
        };
        assert_eq!(text.matches("max_gas_burnt_view").count(), 1, "{text}");
    }
}

#[tokio::test]
async fn a_failure_of_the_contract_is_told_beside_what_others_said() {
    let nodes = [
        saying(OWN_WORDS[4]).await,
        Node::always(|| response(503, &[], "")).await,
        saying(OWN_WORDS[1]).await,
    ];
    let registry = registry(&[&nodes[0], &nodes[1], &nodes[2]]);
    let Err(RegistryError::Contract(text)) = list(&registry).await else {
        panic!("it is the contract's");
    };
    for part in ["GasLimitExceeded", "HTTP 503", "UNKNOWN_ACCOUNT"] {
        assert!(text.contains(part), "{text}");
    }
}

struct In2026;

impl Clock for In2026 {
    fn now(&self) -> Timestamp {
        Timestamp(1_790_000_000_000)
    }
}

#[tokio::test]
async fn a_height_that_the_chain_cannot_have_is_no_answer() {
    let first = Node::good(900_000_000_000).await;
    let second = Node::good(210_000_000).await;
    let clock = || Arc::new(In2026);
    let both = registry(&[&first, &second]).with_clock(clock());
    assert_eq!(list(&both).await.unwrap().block_height, 210_000_000);
    let text = unavailable(&registry(&[&first]).with_clock(clock())).await;
    assert!(
        text.contains("900000000000") && text.contains("clock"),
        "{text}"
    );
}

#[tokio::test]
async fn a_node_that_limits_is_not_called_before_its_time() {
    let dated = || {
        let date = "Date: Sun, 06 Nov 1994 08:00:00 GMT";
        let pause = "Retry-After: Sun, 06 Nov 1994 08:05:00 GMT";
        response(429, &[date, pause], "")
    };
    for reply in [|| limited("300"), dated, || limited("soon")] {
        let node = Node::always(reply).await;
        let registry = registry(&[&node]);
        for _ in 0..5 {
            assert_eq!(list(&registry).await, Err(RegistryError::RateLimited));
        }
        assert_eq!(node.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_limit_is_honoured_per_node() {
    let first = Node::always(|| limited("300")).await;
    let second = Node::good(2).await;
    let registry = registry(&[&first, &second]);
    for _ in 0..3 {
        assert_eq!(list(&registry).await.unwrap().block_height, 2);
    }
    assert_eq!((first.seen().len(), second.seen().len()), (1, 3));
}

#[tokio::test]
async fn a_limit_of_a_second_is_over_soon() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let node = Node::start(
        move |request| match counted.fetch_add(1, Ordering::Relaxed) {
            0 => limited("1"),
            _ => answer(request, b"{}", 1),
        },
    )
    .await;
    let registry = registry(&[&node]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while list(&registry).await.is_err() {
        assert!(Instant::now() < deadline, "the limit does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_maintenance_with_a_time_is_a_limit() {
    let node = Node::always(|| response(503, &["Retry-After: 120"], "")).await;
    let registry = registry(&[&node]);
    assert_eq!(list(&registry).await, Err(RegistryError::RateLimited));
    assert_eq!(list(&registry).await, Err(RegistryError::RateLimited));
    assert_eq!(node.seen().len(), 1);
}
