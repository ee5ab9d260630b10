//! How long a node may take, and what a call waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry_near::{NearRegistry, Options};
use tokio::time::{Instant, timeout};

use crate::node::{Node, Reply, answer, list, options, read, response};

/// How long a slow answer takes here.
const SLOW: Duration = Duration::from_secs(1);

/// A share of the time that is too short for a slow answer.
const SHARE: Duration = Duration::from_millis(300);

fn sharing(nodes: &[&Node]) -> Options {
    let urls: Vec<String> = nodes.iter().map(|node| node.url()).collect();
    Options {
        attempt_timeout: SHARE,
        ..options(&urls)
    }
}

fn slow_answer(request: &crate::node::Request, height: u64) -> Reply {
    Reply::Late(SLOW, Box::new(answer(request, b"{}", height)))
}

fn is_listing(request: &crate::node::Request) -> bool {
    request.body["params"]["method_name"] == "list_all"
}

#[tokio::test]
async fn a_single_node_that_takes_eight_tenths_of_the_time_is_heard() {
    let node = Node::slow(Duration::from_secs(4), 1).await;
    let mut options = options(&[node.url()]);
    options.timeout = Duration::from_secs(5);
    options.attempt_timeout = Duration::from_secs(3);
    let registry = NearRegistry::new(options).unwrap();
    assert_eq!(list(&registry).await.unwrap().block_height, 1);
}

#[tokio::test]
async fn after_a_failure_the_next_listing_has_the_whole_time() {
    let calls = AtomicUsize::new(0);
    let node = Node::start(
        move |request| match calls.fetch_add(1, Ordering::Relaxed) < 3 {
            true => response(503, &[], ""),
            false => slow_answer(request, 1),
        },
    )
    .await;
    let registry = NearRegistry::new(sharing(&[&node])).unwrap();
    for _ in 0..3 {
        list(&registry).await.unwrap_err();
    }
    // It is left alone for four seconds, had one another to ask.
    let begin = Instant::now();
    assert_eq!(list(&registry).await.unwrap().block_height, 1);
    assert!(begin.elapsed() < SLOW * 3, "it is asked at once");
}

#[tokio::test]
async fn the_last_node_that_can_be_asked_has_all_that_is_left() {
    for headers in [&["Retry-After: 300"][..], &[]] {
        let first = Node::always(move || response(503, headers, "")).await;
        let second = Node::slow(SLOW, 2).await;
        let registry = NearRegistry::new(sharing(&[&first, &second])).unwrap();
        for _ in 0..2 {
            assert_eq!(list(&registry).await.unwrap().block_height, 2);
        }
    }
}

#[tokio::test]
async fn a_slow_first_node_leaves_time_for_the_second() {
    let nodes = [Node::slow(SLOW * 60, 1).await, Node::slow(SLOW, 2).await];
    let registry = NearRegistry::new(sharing(&[&nodes[0], &nodes[1]])).unwrap();
    let begin = Instant::now();
    assert_eq!(list(&registry).await.unwrap().block_height, 2);
    assert!(begin.elapsed() < SLOW * 15);
    assert_eq!(nodes[0].seen().len(), 1);
}

/// Whoever is asked leaves time for one whose pause ends meanwhile.
#[tokio::test]
async fn a_node_that_comes_back_soon_is_still_one_to_turn_to() {
    let (first_calls, second_calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let first = Node::start(
        move |request| match first_calls.fetch_add(1, Ordering::Relaxed) {
            0 => response(503, &[], ""),
            _ => answer(request, b"{}", 1),
        },
    )
    .await;
    let second = Node::start(
        move |request| match second_calls.fetch_add(1, Ordering::Relaxed) {
            0 => answer(request, b"{}", 2),
            _ => Reply::Hang,
        },
    )
    .await;
    let mut options = sharing(&[&first, &second]);
    options.attempt_timeout = Duration::from_secs(2);
    let registry = NearRegistry::new(options).unwrap();
    assert_eq!(list(&registry).await.unwrap().block_height, 2);
    assert_eq!(list(&registry).await.unwrap().block_height, 1);
}

#[tokio::test]
async fn a_listing_does_not_wait_for_questions_about_single_indexers() {
    let node = Node::start(|request| match is_listing(request) {
        true => answer(request, b"{}", 1),
        false => Reply::Hang,
    })
    .await;
    let mut options = options(&[node.url()]);
    options.concurrent = 2;
    let registry = Arc::new(NearRegistry::new(options).unwrap());
    let questions: Vec<_> = (0..5)
        .map(|_| {
            let registry = registry.clone();
            tokio::spawn(async move { read(&registry).await })
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    while node.seen().len() < 2 {
        assert!(Instant::now() < deadline, "the questions do not arrive");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let listed = timeout(Duration::from_secs(10), list(&registry)).await;
    assert_eq!(listed.unwrap().unwrap().block_height, 1);
    for question in questions {
        question.abort();
    }
}

#[tokio::test]
async fn who_waited_so_long_that_no_answer_can_come_in_time_does_not_ask() {
    let node = Node::slow(Duration::from_secs(2), 1).await;
    let mut options = options(&[node.url()]);
    options.concurrent = 1;
    options.timeout = Duration::from_secs(3);
    let registry = NearRegistry::new(options).unwrap();
    let (first, second) = tokio::join!(read(&registry), read(&registry));
    assert_eq!(first.unwrap().block_height, 1);
    let text = second.unwrap_err().to_string();
    assert!(text.contains("for a place"), "{text}");
    assert_eq!(node.seen().len(), 1, "it would be asked in vain");
    // Who need not wait asks, whatever answers took before.
    assert_eq!(read(&registry).await.unwrap().block_height, 1);
}

#[tokio::test]
async fn who_waited_behind_silence_does_not_ask_with_what_is_left() {
    let node = Node::always(|| Reply::Hang).await;
    let mut options = options(&[node.url()]);
    options.concurrent = 1;
    options.timeout = Duration::from_secs(2);
    let registry = NearRegistry::new(options).unwrap();
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        read(&registry).await
    };
    let (first, second) = tokio::join!(read(&registry), later);
    let text = first.unwrap_err().to_string();
    assert!(text.contains("no whole answer"), "{text}");
    let text = second.unwrap_err().to_string();
    assert!(text.contains("for a place"), "{text}");
    assert_eq!(node.seen().len(), 1);
}

#[tokio::test]
async fn a_quick_answer_makes_waiting_worthwhile_again() {
    let calls = AtomicUsize::new(0);
    let node = Node::start(move |request| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Hang,
        _ => Reply::Late(SHARE, Box::new(answer(request, b"{}", 1))),
    })
    .await;
    let mut options = options(&[node.url()]);
    options.concurrent = 1;
    options.timeout = Duration::from_secs(2);
    let registry = NearRegistry::new(options).unwrap();
    read(&registry).await.unwrap_err();
    let (first, second) = tokio::join!(read(&registry), read(&registry));
    assert_eq!(first.unwrap().block_height, 1);
    assert_eq!(second.unwrap().block_height, 1);
    assert_eq!(node.seen().len(), 3);
}
