//! Nodes that answer, but of what has been.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coordinator::registry::RegistryTransport;
use registry_near::NearRegistry;

use crate::node::{Node, answer, list, options, registry, response};

/// A node as of `height`, which the test moves.
async fn at(height: u64) -> (Node, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(height));
    let told = now.clone();
    let node =
        Node::start(move |request| answer(request, b"{}", told.load(Ordering::Relaxed))).await;
    (node, now)
}

fn asked(nodes: &[&Node]) -> Vec<usize> {
    nodes.iter().map(|node| node.seen().len()).collect()
}

async fn height(registry: &NearRegistry) -> u64 {
    list(registry).await.unwrap().block_height
}

/// Time passes without a question.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_is_known_already_is_asked_of_a_node_that_may_know_more() {
    let (first, now) = at(1000).await;
    let second = Node::good(5000).await;
    let registry = registry(&[&first, &second]);
    assert_eq!(height(&registry).await, 1000);
    // An earlier life knew more.
    registry.unusable(1000, 4000);
    assert_eq!(height(&registry).await, 1000);
    assert_eq!(height(&registry).await, 1000);
    assert_eq!(asked(&[&first, &second]), [3, 0], "a few are forgiven");
    assert_eq!(height(&registry).await, 5000);
    assert_eq!(asked(&[&first, &second]), [4, 1]);
    for _ in 0..10 {
        assert_eq!(height(&registry).await, 5000);
    }
    assert_eq!(asked(&[&first, &second]), [4, 11], "it is passed over");

    pass(61).await;
    assert_eq!(height(&registry).await, 5000, "it is tried, and no loss");
    assert_eq!(asked(&[&first, &second]), [5, 12]);
    now.store(6000, Ordering::Relaxed);
    pass(61).await;
    assert_eq!(height(&registry).await, 5000, "the pause has doubled");
    pass(61).await;
    assert_eq!(height(&registry).await, 6000, "it is returned to");
    assert_eq!(height(&registry).await, 6000);
}

#[tokio::test]
async fn a_node_that_stands_still_is_passed_over() {
    let (first, _) = at(1000).await;
    let (second, now) = at(1090).await;
    let registry = registry(&[&first, &second]);
    assert_eq!(height(&registry).await, 1000);
    pass(45).await;
    assert_eq!(height(&registry).await, 1000);
    pass(15).await;
    assert_eq!(height(&registry).await, 1090);
    now.store(1091, Ordering::Relaxed);
    assert_eq!(height(&registry).await, 1091);
    assert_eq!(asked(&[&first, &second]), [3, 2]);
}

#[tokio::test]
async fn nodes_that_are_a_little_behind_each_other_do_not_take_turns() {
    let (first, now) = at(1000).await;
    let second = Node::good(1060).await;
    let registry = registry(&[&first, &second]);
    registry.unusable(1000, 1060);
    for passed in 0..20 {
        now.store(1000 + passed, Ordering::Relaxed);
        assert_eq!(height(&registry).await, 1000 + passed);
    }
    assert_eq!(asked(&[&first, &second]), [20, 0]);
}

#[tokio::test]
async fn if_all_are_behind_each_call_asks_one() {
    let nodes = [Node::good(1000).await, Node::good(2000).await];
    let registry = registry(&[&nodes[0], &nodes[1]]);
    registry.unusable(1000, 9000);
    for _ in 0..5 {
        height(&registry).await;
    }
    let before: usize = asked(&[&nodes[0], &nodes[1]]).iter().sum();
    for _ in 0..20 {
        assert_eq!(height(&registry).await, 2000, "the newest of them");
    }
    let after: usize = asked(&[&nodes[0], &nodes[1]]).iter().sum();
    assert_eq!(after - before, 20);
}

#[tokio::test]
async fn a_late_answer_is_better_than_none() {
    let first = Node::good(1000).await;
    let nodes = [
        Node::always(|| response(503, &[], "")).await,
        Node::good(9000).await,
    ];
    let registry = registry(&[&first, &nodes[0], &nodes[1]]);
    registry.unusable(1000, 9000);
    for _ in 0..3 {
        assert_eq!(height(&registry).await, 1000);
    }
    assert_eq!(
        asked(&[&first, &nodes[0], &nodes[1]]),
        [3, 1, 0],
        "one more question at most"
    );
    assert_eq!(height(&registry).await, 9000);
}

#[tokio::test]
async fn a_height_that_is_not_believed_is_not_asked_for_again() {
    let nodes = [Node::good(9_000_000).await, Node::good(1000).await];
    let registry = registry(&[&nodes[0], &nodes[1]]);
    assert_eq!(height(&registry).await, 9_000_000);
    registry.unusable(9_000_000, 999);
    for _ in 0..5 {
        assert_eq!(height(&registry).await, 1000);
    }
    assert_eq!(asked(&[&nodes[0], &nodes[1]]), [1, 5]);
}

#[tokio::test]
async fn a_node_that_is_alone_is_asked_whatever_it_says() {
    let node = Node::good(1000).await;
    let registry = NearRegistry::new(options(&[node.url()])).unwrap();
    registry.unusable(1000, 9000);
    for _ in 0..5 {
        assert_eq!(height(&registry).await, 1000);
        pass(100).await;
    }
    registry.unusable(1000, 1);
    assert_eq!(height(&registry).await, 1000);
    assert_eq!(node.seen().len(), 6);
}
