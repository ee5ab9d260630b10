//! Who may call what: every method, every kind of caller.

use prost::Message;
use proto::coordinator as pb;
use proto::indexer as original;
use tonic::{Code, Request};

use crate::support::{Audit, OPERATE, READ, Setup, name, raw, soon, until, with_token};
use crate::world::World;

struct Method {
    path: &'static str,
    request: Vec<u8>,
    /// What it is called in the audit log, if it changes something.
    command: Option<&'static str>,
}

fn methods() -> Vec<Method> {
    let name = name("a.near", "f");
    let switch = original::IndexerRequest {
        account_id: "a.near".to_owned(),
        function_name: "f".to_owned(),
    };
    let hold = pb::HoldIndexerRequest {
        name: name.clone(),
        reason: "why".to_owned(),
    };
    // The other commands have the same shape.
    let command = pb::EnableIndexerRequest { name }.encode_to_vec();
    let of = |path, request: Vec<u8>, command| Method {
        path,
        request,
        command,
    };
    vec![
        of(
            "/indexer.IndexerManager/Enable",
            switch.encode_to_vec(),
            Some("enable"),
        ),
        of(
            "/indexer.IndexerManager/Disable",
            switch.encode_to_vec(),
            Some("disable"),
        ),
        of("/indexer.IndexerManager/List", Vec::new(), None),
        of(
            "/coordinator.v1.Operations/GetIndexer",
            command.clone(),
            None,
        ),
        of("/coordinator.v1.Operations/ListIndexers", Vec::new(), None),
        of("/coordinator.v1.Operations/WatchIndexers", Vec::new(), None),
        of(
            "/coordinator.v1.Operations/EnableIndexer",
            command.clone(),
            Some("enable"),
        ),
        of(
            "/coordinator.v1.Operations/DisableIndexer",
            command.clone(),
            Some("disable"),
        ),
        of(
            "/coordinator.v1.Operations/RetryIndexer",
            command.clone(),
            Some("retry"),
        ),
        of(
            "/coordinator.v1.Operations/HoldIndexer",
            hold.encode_to_vec(),
            Some("hold"),
        ),
        of(
            "/coordinator.v1.Operations/ReleaseIndexer",
            command,
            Some("release"),
        ),
        of("/coordinator.v1.Operations/GetOverview", Vec::new(), None),
        of(
            "/coordinator.v1.Operations/GetShadowReport",
            Vec::new(),
            None,
        ),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Caller {
    Nobody,
    Unknown,
    Reader,
    Operator,
}

impl Caller {
    fn request(self, message: Vec<u8>) -> Request<Vec<u8>> {
        match self {
            Caller::Nobody => Request::new(message),
            Caller::Unknown => with_token(message, "something-long-but-unknown"),
            Caller::Reader => with_token(message, READ),
            Caller::Operator => with_token(message, OPERATE),
        }
    }

    /// What the caller is called in the audit log.
    fn name(self) -> &'static str {
        match self {
            Caller::Nobody | Caller::Unknown => "somebody from 127.0.0.",
            Caller::Reader => "bob (token) from 127.0.0.",
            Caller::Operator => "alice (token) from 127.0.0.",
        }
    }
}

#[tokio::test]
async fn a_watch_ends_with_the_token_that_opened_it_and_no_other_does() {
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.tokens = true;
    let api = setup.start();
    let open = async |token| {
        let mut client = api.operations();
        let mut events = until(async || {
            let request = with_token(pb::WatchIndexersRequest::default(), token);
            client.watch_indexers(request).await.ok()
        })
        .await
        .into_inner();
        assert!(soon(events.message()).await.unwrap().is_some());
        events
    };
    let (mut of_alice, mut of_bob) = (open(OPERATE).await, open(READ).await);
    api.hand_out(&format!("read alice {OPERATE}\n"));
    let ended = soon(of_bob.message()).await.unwrap_err();
    assert_eq!(ended.code(), Code::Unauthenticated, "{ended:?}");
    assert!(ended.message().contains("withdrawn"), "{ended:?}");
    // She may still look.
    world.register("a.near", "f");
    assert!(soon(of_alice.message()).await.unwrap().is_some());
    api.end().await;
}

#[tokio::test]
async fn every_method_admits_whom_it_should_and_leaves_the_trace_it_should() {
    let (audit, _guard) = Audit::begin();
    let world = World::new();
    world.register("a.near", "f");
    let mut setup = Setup::local(&world);
    setup.tokens = true;
    let api = setup.start();
    let callers = [
        Caller::Nobody,
        Caller::Unknown,
        Caller::Reader,
        Caller::Operator,
    ];
    for (host, method) in (2..).zip(methods()) {
        for caller in callers {
            let request = caller.request(method.request.clone());
            let outcome = raw(api.channel_from(host), method.path, request).await;
            let expected = match (caller, method.command) {
                (Caller::Nobody | Caller::Unknown, _) => Some(Code::Unauthenticated),
                (Caller::Reader, Some(_)) => Some(Code::PermissionDenied),
                // Only a shadow has a report.
                _ if method.path.ends_with("ShadowReport") => Some(Code::FailedPrecondition),
                _ => None,
            };
            let code = outcome.as_ref().err().map(tonic::Status::code);
            assert_eq!(code, expected, "{caller:?} {}: {outcome:?}", method.path);

            let Some(command) = method.command else {
                assert_eq!(audit.take(), [], "{caller:?} {}", method.path);
                continue;
            };
            let line = audit.only();
            assert_eq!(line["command"], command, "{line:?}");
            assert!(line["caller"].starts_with(caller.name()), "{line:?}");
            let done = line["message"] == "done";
            assert_eq!(done, caller == Caller::Operator, "{line:?}");
            assert_eq!(line.contains_key("error"), !done, "{line:?}");
            // What strangers send is not read.
            let known = matches!(caller, Caller::Reader | Caller::Operator);
            let about = |field| line.get(field).map(String::as_str);
            let named = known.then_some(("a.near", "f"));
            assert_eq!(about("account").zip(about("function")), named, "{line:?}");
        }
    }
    api.end().await;
}

#[tokio::test]
async fn the_table_above_is_complete() {
    let files = prost_types::FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut declared = Vec::new();
    for file in &files.file {
        if ["indexer", "coordinator.v1"].contains(&file.package()) {
            for service in &file.service {
                for method in &service.method {
                    let (package, service) = (file.package(), service.name());
                    declared.push(format!("/{package}.{service}/{}", method.name()));
                }
            }
        }
    }
    let mut here: Vec<_> = methods()
        .iter()
        .map(|method| method.path.to_owned())
        .collect();
    declared.sort();
    here.sort();
    assert_eq!(here, declared);
}

#[tokio::test]
async fn methods_that_do_not_exist_tell_nothing_to_strangers() {
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.tokens = true;
    let api = setup.start();
    for (host, path) in (2..).zip([
        "/coordinator.v1.Operations/Nothing",
        "/coordinator.v2.Operations/GetOverview",
        "/",
    ]) {
        for (caller, code) in [
            (Caller::Nobody, Code::Unauthenticated),
            (Caller::Reader, Code::PermissionDenied),
            (Caller::Operator, Code::Unimplemented),
        ] {
            let outcome = raw(api.channel_from(host), path, caller.request(Vec::new())).await;
            assert_eq!(outcome.unwrap_err().code(), code, "{caller:?} {path}");
        }
    }
    api.end().await;
}
