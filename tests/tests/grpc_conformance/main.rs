//! The suite of call behaviours, over real connections: tonic on both sides,
//! and between them a network that can be cut. `CASE=TEXT` plays only the cases
//! whose name contains the text.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod front;
mod peer;
mod proxy;
mod services;
mod world;

use conformance::grpc::{all, play};
use real_tokio as tokio;
use tokio::task::JoinSet;
use world::RealWorld;

#[tokio::test(flavor = "multi_thread", worker_threads = 2, crate = "real_tokio")]
async fn calls_over_real_connections_behave_as_the_suite_says() {
    let only = std::env::var("CASE").unwrap_or_default();
    let cases: Vec<_> = all()
        .into_iter()
        .filter(|case| case.name.contains(&only))
        .collect();
    let total = cases.len();
    assert_ne!(total, 0, "no case is named like `{only}`");
    let mut failures = Vec::new();
    let mut waiting = cases.into_iter();
    let mut playing = JoinSet::new();
    let mut played = 0;
    loop {
        // Few at a time: deadlines shall not pass because the machine is busy.
        while playing.len() < 8
            && let Some(case) = waiting.next()
        {
            playing.spawn(async move {
                let world = RealWorld::new().await;
                play(&case, &world).await
            });
        }
        let Some(result) = playing.join_next().await else {
            break;
        };
        played += 1;
        failures.extend(result.unwrap().err());
    }
    assert_eq!(played, total);
    assert!(
        failures.is_empty(),
        "{} of {total} cases failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
