//! Requests that nobody in their right mind would send.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use prost::Message;
use proto::coordinator as pb;
use proto::indexer as original;
use tonic::{Code, Request};

use crate::support::{Audit, Setup, name, raw};
use crate::world::World;

const PATHS: [&str; 13] = [
    "/indexer.IndexerManager/Enable",
    "/indexer.IndexerManager/Disable",
    "/indexer.IndexerManager/List",
    "/coordinator.v1.Operations/GetIndexer",
    "/coordinator.v1.Operations/ListIndexers",
    "/coordinator.v1.Operations/WatchIndexers",
    "/coordinator.v1.Operations/EnableIndexer",
    "/coordinator.v1.Operations/DisableIndexer",
    "/coordinator.v1.Operations/RetryIndexer",
    "/coordinator.v1.Operations/HoldIndexer",
    "/coordinator.v1.Operations/ReleaseIndexer",
    "/coordinator.v1.Operations/GetOverview",
    "/coordinator.v1.Operations/GetShadowReport",
];

#[tokio::test]
async fn names_of_any_content_and_length_get_a_short_answer() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    let long = "n".repeat(64 << 10);
    let wide = "\u{1f980}".repeat(16 << 10);
    for (account, function) in [
        ("", ""),
        ("a.near", ""),
        ("a/b", "f"),
        ("a.near", "\u{1b}[31m\r\n\0"),
        ("a.near", &long),
        (&long, "f"),
        (&wide, &wide),
        ("a.near", &wide),
    ] {
        let switch = original::IndexerRequest {
            account_id: account.to_owned(),
            function_name: function.to_owned(),
        };
        let named = pb::GetIndexerRequest {
            name: name(account, function),
        }
        .encode_to_vec();
        for (path, request) in [
            (PATHS[0], switch.encode_to_vec()),
            (PATHS[1], switch.encode_to_vec()),
            (PATHS[3], named.clone()),
            (PATHS[6], named.clone()),
            (PATHS[8], named.clone()),
            (PATHS[10], named),
        ] {
            let refused = raw(api.channel(), path, Request::new(request))
                .await
                .unwrap_err();
            let codes = [Code::InvalidArgument, Code::NotFound];
            assert!(codes.contains(&refused.code()), "{path}: {refused:?}");
            assert!(
                refused.message().len() < 3000,
                "{}",
                refused.message().len()
            );
            assert!(!refused.message().contains(char::is_control), "{refused:?}");
        }
    }
    api.end().await;
}

#[tokio::test]
async fn an_indexer_with_the_longest_name_can_be_operated() {
    let world = World::new();
    let long = "x".repeat(64 << 10);
    world.register("a.near", &long);
    let api = Setup::local(&world).start();
    api.reaches("a.near", &long, "Steady").await;
    let request = pb::DisableIndexerRequest {
        name: name("a.near", &long),
    };
    let answer = api.operations().disable_indexer(request).await.unwrap();
    assert!(!answer.into_inner().enabled);
    api.end().await;
}

#[tokio::test]
async fn requests_beyond_the_bound_are_refused() {
    let world = World::new();
    let api = Setup::local(&world).start();
    let huge = vec![0x7a; 1 << 20];
    for path in PATHS {
        let refused = raw(api.channel(), path, Request::new(huge.clone()))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange, "{path}: {refused:?}");
    }
    let check = "/grpc.health.v1.Health/Check";
    let refused = raw(api.channel(), check, Request::new(huge))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    api.end().await;
}

/// Any bytes to any method, in the order of a test runner's cases: the server
/// answers each, and in between it goes on serving.
#[tokio::test]
async fn no_bytes_end_the_server() {
    let (audit, _guard) = Audit::begin();
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let case = (0..PATHS.len(), bytes);
    let mut runner = TestRunner::deterministic();
    let channel = api.channel();
    for _ in 0..400 {
        let tree = case.new_tree(&mut runner).unwrap();
        let (path, bytes) = proptest::strategy::ValueTree::current(&tree);
        let outcome = raw(channel.clone(), PATHS[path], Request::new(bytes)).await;
        if let Err(status) = outcome {
            let own_fault = [Code::Unknown, Code::Unavailable, Code::DeadlineExceeded];
            assert!(!own_fault.contains(&status.code()), "{status:?}");
        }
        let lines = audit.take();
        let changes = [0, 1, 6, 7, 8, 9, 10].contains(&path);
        assert_eq!(lines.len(), usize::from(changes), "{lines:?}");
    }
    assert!(
        api.operations()
            .get_overview(pb::GetOverviewRequest {})
            .await
            .is_ok()
    );
    api.end().await;
}
