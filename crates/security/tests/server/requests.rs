//! Who gets through, with what.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Full, StreamBody};
use security::{
    Access, Anonymous, AuthLayer, Authenticator, ClientRoles, Gate, How, PeerCertificate, PeerInfo,
    Principal, Refusal, Role, RoleRules, Tokens,
};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_stream::pending;
use tonic::Code;
use tonic::body::Body;
use tower::{Layer, ServiceExt, service_fn};

const ALICE: &str = "alice-has-a-long-token";
const BOB: &str = "bob-has-another-long-token";
const ROLES: &str = "operate cn:ops\nread cn:viewer\n";

/// Paths say what they need; refusals are kept.
#[derive(Default)]
struct Paths {
    refused: Mutex<Vec<(String, Option<String>, Refusal)>>,
    /// What was read of the bodies of the refused.
    read: Mutex<Vec<Vec<u8>>>,
}

impl Gate for Paths {
    fn access(&self, path: &str) -> Access {
        match path {
            "/open" => Access::Open,
            "/read" => Access::Needs(Role::Read),
            _ => Access::Needs(Role::Operate),
        }
    }

    fn refused(
        &self,
        path: &str,
        _peer: Option<&PeerInfo>,
        principal: Option<&Principal>,
        refusal: &Refusal,
        body: &[u8],
    ) {
        self.read.lock().unwrap().push(body.to_vec());
        let name = principal.map(ToString::to_string);
        let entry = (path.to_owned(), name, refusal.clone());
        self.refused.lock().unwrap().push(entry);
    }
}

struct Door {
    layer: AuthLayer,
    paths: Arc<Paths>,
    _folder: TempDir,
}

impl Door {
    fn new(tokens: bool, certificates: bool, anonymous: Anonymous) -> Door {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, format!("operate alice {ALICE}\nread bob {BOB}\n")).unwrap();
        let tokens = tokens.then(|| Arc::new(Tokens::load(&path).unwrap()));
        let rules = RoleRules::parse(ROLES.as_bytes(), None).unwrap();
        let roles = certificates.then(|| Arc::new(ClientRoles::fixed(rules)));
        let paths = Arc::new(Paths::default());
        let authenticator = Authenticator::new(tokens, roles, anonymous);
        Door {
            layer: AuthLayer::new(Arc::new(authenticator), paths.clone()),
            paths,
            _folder: folder,
        }
    }

    async fn knock(&self, call: Call<'_>) -> Result<Option<Principal>, (Code, String)> {
        self.knock_with(call, Body::empty()).await
    }

    async fn knock_with(
        &self,
        call: Call<'_>,
        body: Body,
    ) -> Result<Option<Principal>, (Code, String)> {
        let service = self
            .layer
            .layer(service_fn(|request: Request<Body>| async move {
                assert!(!request.headers().contains_key("authorization"));
                let mut response = Response::new(());
                if let Some(principal) = request.extensions().get::<Principal>() {
                    response.extensions_mut().insert(principal.clone());
                }
                Ok::<_, Infallible>(response)
            }));
        let mut request = Request::builder().uri(call.path);
        for value in call.authorization {
            request = request.header("authorization", *value);
        }
        let mut request = request.body(body).unwrap();
        let certificate = call.certificate.map(|name| {
            Arc::new(PeerCertificate {
                common_name: Some(name.to_owned()),
                ..PeerCertificate::default()
            })
        });
        let remote: SocketAddr = call.from.parse().unwrap();
        request.extensions_mut().insert(PeerInfo {
            remote,
            encrypted: true,
            certificate,
            hangup: security::Hangup::default(),
            place: security::Place::default(),
        });
        // Somebody who pretends.
        request.extensions_mut().insert(Principal {
            name: "root".into(),
            role: Role::Operate,
            how: How::Token,
        });
        let response = service.oneshot(request).await.unwrap();
        match tonic::Status::from_header_map(response.headers()) {
            Some(status) => Err((status.code(), status.message().to_owned())),
            None => Ok(response.extensions().get().cloned()),
        }
    }
}

#[derive(Clone, Copy)]
struct Call<'a> {
    path: &'a str,
    authorization: &'a [&'a str],
    certificate: Option<&'a str>,
    from: &'a str,
}

const CALL: Call<'static> = Call {
    path: "/read",
    authorization: &[],
    certificate: None,
    from: "192.0.2.1:5000",
};

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn everybody_gets_exactly_what_their_role_allows() {
    let (alice, bob) = (bearer(ALICE), bearer(BOB));
    let door = Door::new(true, true, Anonymous::Refused);
    type Caller<'a> = (&'a [&'a str], Option<&'a str>, Result<Role, Code>);
    let callers: [Caller<'_>; 6] = [
        (&[&alice], None, Ok(Role::Operate)),
        (&[&bob], None, Ok(Role::Read)),
        (&[], Some("ops"), Ok(Role::Operate)),
        (&[], Some("viewer"), Ok(Role::Read)),
        (&[], Some("stranger"), Err(Code::PermissionDenied)),
        (&[], None, Err(Code::Unauthenticated)),
    ];
    for (authorization, certificate, who) in callers {
        for (path, needs) in [
            ("/open", None),
            ("/read", Some(Role::Read)),
            ("/change", Some(Role::Operate)),
        ] {
            let call = Call {
                path,
                authorization,
                certificate,
                ..CALL
            };
            let expected = match (needs, who) {
                (None, _) => Ok(false),
                (Some(needs), Ok(role)) if role >= needs => Ok(true),
                (Some(_), Ok(_)) => Err(Code::PermissionDenied),
                (Some(_), Err(code)) => Err(code),
            };
            let outcome = door.knock(call).await;
            let seen = outcome.as_ref().map(Option::is_some);
            let seen = seen.map_err(|(code, _)| *code);
            assert_eq!(
                seen, expected,
                "{authorization:?} {certificate:?} {path}: {outcome:?}"
            );
        }
    }
    let refused = door.paths.refused.lock().unwrap();
    let names: Vec<_> = refused
        .iter()
        .map(|(path, name, _)| (path.as_str(), name.as_deref()))
        .collect();
    assert_eq!(
        names,
        [
            ("/change", Some("bob (token)")),
            ("/change", Some("viewer (certificate)")),
            ("/read", None),
            ("/change", None),
            ("/read", None),
            ("/change", None),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn only_short_bodies_of_the_known_are_read_when_they_are_refused() {
    let (bob, wrong) = (bearer(BOB), bearer("something-long-but-unknown"));
    let door = Door::new(true, false, Anonymous::Refused);
    let of = |len: usize| Body::new(Full::new(Bytes::from(vec![7; len])));
    let never = || Body::new(StreamBody::new(pending::<Result<_, tonic::Status>>()));
    let read = async |token: &str, body| {
        let call = Call {
            path: "/change",
            authorization: &[token],
            ..CALL
        };
        door.knock_with(call, body).await.unwrap_err();
        door.paths.read.lock().unwrap().pop().unwrap().len()
    };
    assert_eq!(read(&bob, of(1024)).await, 1024);
    assert_eq!(read(&bob, of(1025)).await, 0);
    assert_eq!(read(&bob, Body::empty()).await, 0);
    let before = Instant::now();
    assert_eq!(read(&bob, never()).await, 0);
    assert_eq!(before.elapsed().as_secs(), 1);
    assert_eq!(read(&wrong, of(10)).await, 0);
}

#[tokio::test]
async fn a_principal_is_named_by_how_it_is_known() {
    let door = Door::new(true, true, Anonymous::Allowed(Role::Read));
    let alice = bearer(ALICE);
    for (authorization, certificate, expected) in [
        (&[alice.as_str()][..], None, "alice (token)"),
        (&[alice.as_str()][..], Some("viewer"), "alice (token)"),
        (&[][..], Some("viewer"), "viewer (certificate)"),
        (&[][..], None, "anonymous"),
    ] {
        let call = Call {
            authorization,
            certificate,
            ..CALL
        };
        let principal = door.knock(call).await.unwrap().unwrap();
        assert_eq!(principal.to_string(), expected);
    }
}

#[tokio::test]
async fn a_wrong_token_is_not_made_good_by_anything_else() {
    let door = Door::new(true, true, Anonymous::Allowed(Role::Operate));
    let (alice, wrong) = (bearer(ALICE), bearer("something-long-but-unknown"));
    let bad: [&[&str]; 8] = [
        &[&wrong],
        &[&alice, &alice],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &["Basic YWxpY2U6YQ=="],
        &[ALICE],
        &["Bearer alice-has-a-long-token extra"],
    ];
    for (n, authorization) in bad.into_iter().enumerate() {
        let from = &format!("192.0.2.{n}:1");
        let certificate = Some("ops");
        let call = Call {
            authorization,
            certificate,
            from,
            ..CALL
        };
        let (code, message) = door.knock(call).await.unwrap_err();
        assert_eq!(code, Code::Unauthenticated, "{authorization:?}");
        assert!(!message.contains("long"), "{message}");
    }
    let spelled = format!("bEARER   {ALICE} ");
    let call = Call {
        authorization: &[&spelled],
        ..CALL
    };
    assert!(door.knock(call).await.is_ok());
}

#[tokio::test]
async fn without_tokens_and_certificates_the_local_default_holds() {
    let alice = bearer(ALICE);
    for (address, configured, may) in [
        ("127.0.0.1:9003", false, true),
        ("[::1]:9003", false, true),
        ("127.0.0.1:9003", true, false),
        ("0.0.0.0:9003", false, false),
        ("10.0.0.1:9003", true, false),
    ] {
        let anonymous = Anonymous::default_for(address.parse().unwrap(), configured);
        let door = Door::new(false, false, anonymous);
        // A client may send a token to a server that takes none.
        for authorization in [&[][..], &[alice.as_str()][..]] {
            let call = Call {
                path: "/change",
                authorization,
                ..CALL
            };
            assert_eq!(
                door.knock(call).await.is_ok(),
                may,
                "{address} {configured}"
            );
        }
    }
}

#[tokio::test]
async fn a_refusal_says_what_would_help() {
    for (tokens, certificates, expected) in [
        (
            true,
            true,
            "this takes a token (`authorization: Bearer TOKEN`) or a client certificate",
        ),
        (
            true,
            false,
            "this takes a token (`authorization: Bearer TOKEN`)",
        ),
        (false, true, "this takes a client certificate"),
        (
            false,
            false,
            "this takes credentials, and none are configured here",
        ),
    ] {
        let door = Door::new(tokens, certificates, Anonymous::Refused);
        let (_, message) = door.knock(CALL).await.unwrap_err();
        assert_eq!(message, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn guessing_is_slow_and_the_right_token_still_gets_through() {
    let door = Door::new(true, false, Anonymous::Refused);
    let (alice, wrong) = (bearer(ALICE), bearer("something-long-but-unknown"));
    let guess = Call {
        authorization: &[&wrong],
        ..CALL
    };
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(
            door.knock(guess).await.unwrap_err().0,
            Code::Unauthenticated
        );
    }
    assert!(
        start.elapsed() >= Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    let right = Call {
        authorization: &[&alice],
        ..CALL
    };
    let start = Instant::now();
    assert!(door.knock(right).await.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
    let elsewhere = Call {
        from: "192.0.2.99:1",
        ..right
    };
    let start = Instant::now();
    assert!(door.knock(elsewhere).await.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);

    let guesses = (0..50).map(|_| door.knock(guess));
    let answers = futures_join(guesses).await;
    let unread = answers
        .iter()
        .filter(|code| **code == Code::ResourceExhausted);
    assert_eq!(unread.count(), 42);
    assert!(door.knock(right).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn those_without_credentials_are_slowed_and_slow_down_nobody_else() {
    let door = Door::new(true, false, Anonymous::Refused);
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(door.knock(CALL).await.unwrap_err().0, Code::Unauthenticated);
    }
    assert!(
        start.elapsed() >= Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    let alice = bearer(ALICE);
    let right = Call {
        authorization: &[&alice],
        ..CALL
    };
    let start = Instant::now();
    assert!(door.knock(right).await.is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

async fn futures_join(
    futures: impl Iterator<Item = impl Future<Output = Result<Option<Principal>, (Code, String)>>>,
) -> Vec<Code> {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    let mut codes = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(outcome) => {
                codes.push(outcome.unwrap_err().0);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    codes
}
