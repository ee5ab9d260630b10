//! Every call that would change something leaves one line, however it ends.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use proto::coordinator as pb;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Audit, READ, Setup, name, raw, soon, until, with_token};
use crate::world::World;

const DISABLE: &str = "/coordinator.v1.Operations/DisableIndexer";
const HOLD: &str = "/coordinator.v1.Operations/HoldIndexer";

fn disable(account: &str, function: &str) -> pb::DisableIndexerRequest {
    pb::DisableIndexerRequest {
        name: name(account, function),
    }
}

#[tokio::test]
async fn failures_leave_one_line_that_says_what_happened() {
    let (audit, _guard) = Audit::begin();
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    let mut client = api.operations();
    for (request, error) in [
        (
            disable("a.near", "nothing"),
            "a.near/nothing is not registered",
        ),
        (disable("No Account", "f"), "`No Account` is no account id"),
        (
            pb::DisableIndexerRequest::default(),
            "which indexer is meant?",
        ),
    ] {
        client.disable_indexer(request).await.unwrap_err();
        let line = audit.only();
        assert_eq!(line["command"], "disable");
        assert!(
            line["caller"].starts_with("anonymous from 127.0.0.1:"),
            "{line:?}"
        );
        assert!(line["error"].contains(error), "{line:?}");
    }
    for reason in [String::new(), "  ".to_owned(), "r".repeat(501)] {
        let name = name("a.near", "f");
        let refused = client
            .hold_indexer(pb::HoldIndexerRequest { name, reason })
            .await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
        let line = audit.only();
        assert_eq!(line["command"], "hold");
        assert_eq!((&*line["account"], &*line["function"]), ("a.near", "f"));
        assert!(line["error"].contains("a hold needs a reason"), "{line:?}");
    }
    api.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_recorded_as_well() {
    let (audit, _guard) = Audit::begin();
    let world = World::new();
    let api = Setup::local(&world).start();
    let bad_utf8 = b"\x0a\x04\x0a\x02\xff\xfe".to_vec();
    let cut_off = b"\x0a\xff\xff".to_vec();
    for path in [DISABLE, HOLD, "/indexer.IndexerManager/Enable"] {
        for bytes in [&bad_utf8, &cut_off] {
            let refused = raw(api.channel(), path, Request::new(bytes.clone())).await;
            assert!(refused.is_err(), "{refused:?}");
            let line = audit.only();
            assert_eq!(line["message"], "not carried out");
            assert!(!line["error"].is_empty(), "{line:?}");
        }
    }
    let large = disable("a.near", &"x".repeat(300 << 10)).encode_to_vec();
    let refused = raw(api.channel(), DISABLE, Request::new(large))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert!(audit.only()["error"].contains("too large"));
    api.end().await;
}

/// Whoever is refused for want of a role may have sent anything.
#[tokio::test]
async fn what_a_reader_sends_is_named_if_it_is_short_and_names_anybody() {
    let (audit, _guard) = Audit::begin();
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.tokens = true;
    let api = setup.start();
    let long = disable("a.near", &"x".repeat(1_020)).encode_to_vec();
    let short = disable("a.near", &"x".repeat(990)).encode_to_vec();
    for (bytes, named) in [
        (short, true),
        (long, false),
        // As in the line of somebody who may.
        (disable("No Account", "f").encode_to_vec(), true),
        (disable("", "f").encode_to_vec(), false),
        (b"\x0a\xff\xff".to_vec(), false),
        (Vec::new(), false),
    ] {
        let refused = raw(api.channel(), DISABLE, with_token(bytes, READ)).await;
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
        let line = audit.only();
        assert_eq!(line["command"], "disable");
        assert_eq!(line.contains_key("account"), named, "{line:?}");
        assert_eq!(line.contains_key("function"), named, "{line:?}");
    }
    api.end().await;
}

#[tokio::test]
async fn a_command_is_finished_and_recorded_though_its_caller_went_away() {
    let (audit, _guard) = Audit::begin();
    let world = World::new();
    world.register("a.near", "f");
    let mut setup = Setup::local(&world);
    setup.loops = false;
    let api = setup.start();
    world.make_writes_wait();
    let mut client = api.operations();
    let command = tokio::spawn(async move { client.disable_indexer(disable("a.near", "f")).await });
    soon(world.write_waits.notified()).await;
    command.abort();
    assert!(command.await.unwrap_err().is_cancelled());
    assert_eq!(audit.take(), []);
    world.go_on.notify_one();
    let line = until(async || audit.take().pop()).await;
    assert_eq!(line["message"], "done");
    assert!(world.record("a.near", "f").contains(r#""enabled":false"#));
    api.end().await;
    assert_eq!(audit.take(), []);
}

#[tokio::test]
async fn a_command_that_takes_too_long_says_so_and_goes_on() {
    let (audit, _guard) = Audit::begin();
    let world = World::new();
    world.register("a.near", "f");
    let mut setup = Setup::local(&world);
    setup.loops = false;
    setup.limits.server.request_time = Duration::from_millis(50);
    let api = setup.start();
    world.make_writes_wait();
    let mut client = api.operations();
    let late = client
        .disable_indexer(disable("a.near", "f"))
        .await
        .unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert!(
        late.message().contains("a.near/f: not done within 50ms"),
        "{late}"
    );
    world.go_on.notify_one();
    let line = until(async || audit.take().pop()).await;
    assert_eq!(line["message"], "done");
    api.end().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_what_was_begun_and_for_no_watcher() {
    let (audit, _guard) = Audit::begin();
    let world = World::new();
    world.register("a.near", "f");
    let mut setup = Setup::local(&world);
    setup.limits.drain = Duration::from_secs(3600);
    let api = setup.start();
    api.reaches("a.near", "f", "Steady").await;
    let mut health = HealthClient::new(api.channel());
    let _probe = health.watch(HealthCheckRequest::default()).await.unwrap();
    let request = pb::WatchIndexersRequest::default();
    let _watch = api.operations().watch_indexers(request).await.unwrap();
    world.make_writes_wait();
    let mut client = api.operations();
    let command = tokio::spawn(async move { client.disable_indexer(disable("a.near", "f")).await });
    soon(world.write_waits.notified()).await;
    api.stop.cancel();
    let world = Arc::clone(&world);
    let freed = async move { world.go_on.notify_one() };
    let (answer, ended, ()) = tokio::join!(soon(command), soon(api.serving), freed);
    assert!(!answer.unwrap().unwrap().into_inner().enabled);
    ended.unwrap().unwrap();
    assert_eq!(audit.only()["message"], "done");
}
