//! Encrypted connections to the services: whom the coordinator trusts, what it
//! shows of itself, and how both change while calls go on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authority;

use std::future::Future;
use std::time::Duration;

use authority::{Authority, Files, Signed, TlsServer, server_config};
use coordinator::transport::grpc::{
    GrpcBlockStreamer, GrpcOptions, IdentityFiles, SetupError, TlsError, TlsOptions,
};
use coordinator::transport::{BlockStreamerTransport, CallError};
use proto::block_streamer::ListStreamsRequest;
use real_tokio as tokio;
use tokio::net::TcpListener;
use tonic::Code;

/// Long enough for anything on this machine; a test that needs it has failed.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what)
        .await
        .unwrap()
}

/// Looks at files only when told.
fn trusting(files: &Files, authority: &str) -> TlsOptions {
    TlsOptions {
        ca_file: Some(files.write("ca.pem", authority)),
        reload_interval: Duration::from_secs(3_600),
        ..TlsOptions::default()
    }
}

fn showing(files: &Files, signed: &Signed) -> IdentityFiles {
    IdentityFiles {
        cert_file: files.write("client.pem", &signed.cert),
        key_file: files.write("client.key", &signed.key),
    }
}

fn over(tls: TlsOptions) -> GrpcOptions {
    GrpcOptions {
        tls: Some(tls),
        ..GrpcOptions::default()
    }
}

fn streamer(server: &TlsServer, tls: TlsOptions) -> GrpcBlockStreamer {
    GrpcBlockStreamer::new(&server.url(), &over(tls)).unwrap()
}

async fn call(streamer: &GrpcBlockStreamer) -> Result<(), CallError> {
    let answer = streamer.list_streams(ListStreamsRequest {});
    soon(answer).await.map(|_| ())
}

/// The call was refused before it was sent, for this reason.
async fn assert_refused(streamer: &GrpcBlockStreamer, reason: &str) {
    let error = call(streamer).await.unwrap_err();
    assert_eq!(error.status.code(), Code::Unavailable, "{error}");
    assert!(error.unsent, "{error}");
    assert!(error.status.message().contains(reason), "{error}");
}

#[tokio::test(crate = "real_tokio")]
async fn a_service_with_a_certificate_of_the_authority_is_called() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let server = TlsServer::start(server_config(&authority.sign("localhost"), None)).await;
    let streamer = streamer(&server, trusting(&files, &authority.pem));
    call(&streamer).await.unwrap();
    assert_eq!(server.clients(), [None]);
}

#[tokio::test(crate = "real_tokio")]
async fn a_certificate_of_another_authority_is_refused() {
    let (files, authority, other) = (Files::new(), Authority::new("ours"), Authority::new("not"));
    let server = TlsServer::start(server_config(&other.sign("localhost"), None)).await;
    let streamer = streamer(&server, trusting(&files, &authority.pem));
    assert_refused(&streamer, "UnknownIssuer").await;
    assert!(server.clients().is_empty());
}

#[tokio::test(crate = "real_tokio")]
async fn the_systems_authorities_do_not_vouch_for_ours() {
    let authority = Authority::new("ours");
    let server = TlsServer::start(server_config(&authority.sign("localhost"), None)).await;
    match GrpcBlockStreamer::new(&server.url(), &GrpcOptions::default()) {
        Ok(streamer) => assert_refused(&streamer, "UnknownIssuer").await,
        // A system without any authority cannot vouch for anybody.
        Err(error) => assert!(
            matches!(error, SetupError::Tls(TlsError::Unusable(_))),
            "{error}"
        ),
    }
    assert!(server.clients().is_empty());
}

#[tokio::test(crate = "real_tokio")]
async fn an_expired_certificate_is_refused() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let expired = authority.sign_expired("localhost");
    let server = TlsServer::start(server_config(&expired, None)).await;
    let streamer = streamer(&server, trusting(&files, &authority.pem));
    assert_refused(&streamer, "expired").await;
}

#[tokio::test(crate = "real_tokio")]
async fn the_certificate_must_bear_the_name_that_is_expected() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let signed = authority.sign("streamer.internal");
    let server = TlsServer::start(server_config(&signed, None)).await;
    let tls = trusting(&files, &authority.pem);
    assert_refused(&streamer(&server, tls.clone()), "not valid for name").await;
    let named = TlsOptions {
        server_name: Some("streamer.internal".to_owned()),
        ..tls
    };
    call(&streamer(&server, named)).await.unwrap();
}

#[tokio::test(crate = "real_tokio")]
async fn encrypted_and_plain_do_not_understand_each_other() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let server = TlsServer::start(server_config(&authority.sign("localhost"), None)).await;
    let plain = server.url().replace("https", "http");
    let options = over(trusting(&files, &authority.pem));
    let error = call(&GrpcBlockStreamer::new(&plain, &options).unwrap()).await;
    assert_ne!(error.unwrap_err().status.code(), Code::Ok);

    let incoming = tonic::transport::server::TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = incoming.local_addr().unwrap();
    let router = tonic::transport::Server::builder().add_service(
        proto::block_streamer::block_streamer_server::BlockStreamerServer::new(
            authority::Seen::default(),
        ),
    );
    let serving = tokio::spawn(router.serve_with_incoming(incoming));
    let url = format!("https://localhost:{}", address.port());
    let streamer = GrpcBlockStreamer::new(&url, &options).unwrap();
    assert_refused(&streamer, "no connection could be made").await;
    // The address decides: certificates do not encrypt `http`.
    let url = format!("http://localhost:{}", address.port());
    let streamer = GrpcBlockStreamer::new(&url, &options).unwrap();
    call(&streamer).await.unwrap();
    assert!(!streamer.reload_certificates().unwrap());
    serving.abort();
}

#[tokio::test(crate = "real_tokio")]
async fn a_service_that_asks_for_a_certificate_sees_ours() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let config = server_config(&authority.sign("localhost"), Some(&authority));
    let server = TlsServer::start(config).await;
    let tls = trusting(&files, &authority.pem);

    let error = call(&streamer(&server, tls.clone())).await.unwrap_err();
    assert_ne!(error.status.code(), Code::Ok);
    let strange = TlsOptions {
        identity: Some(showing(&files, &Authority::new("not").sign("coordinator"))),
        ..tls.clone()
    };
    assert!(call(&streamer(&server, strange)).await.is_err());
    assert!(server.clients().is_empty(), "nobody was let in");

    let ours = authority.sign("coordinator");
    let known = TlsOptions {
        identity: Some(showing(&files, &ours)),
        ..tls
    };
    call(&streamer(&server, known)).await.unwrap();
    assert_eq!(server.clients(), [Some(ours.der())]);
}

#[tokio::test(crate = "real_tokio")]
async fn a_service_that_never_shakes_hands_is_given_up() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let options = GrpcOptions {
        connect_timeout: Duration::from_millis(100),
        ..over(trusting(&files, &authority.pem))
    };
    let streamer = GrpcBlockStreamer::new(&url, &options).unwrap();
    assert_refused(&streamer, "no connection could be made").await;
    drop(listener);
}

#[tokio::test(crate = "real_tokio")]
async fn a_renewed_client_certificate_is_shown_while_calls_go_on() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let config = server_config(&authority.sign("localhost"), Some(&authority));
    let server = TlsServer::start(config).await;
    let (old, new) = (authority.sign("coordinator"), authority.sign("coordinator"));
    let tls = TlsOptions {
        identity: Some(showing(&files, &old)),
        reload_interval: Duration::from_millis(10),
        ..trusting(&files, &authority.pem)
    };
    let streamer = streamer(&server, tls);
    call(&streamer).await.unwrap();
    assert_eq!(server.clients(), [Some(old.der())]);

    // The certificate comes before its key: for a while they do not fit.
    files.write("client.pem", &new.cert);
    for _ in 0..20 {
        call(&streamer).await.unwrap();
        tokio::task::yield_now().await;
    }
    files.write("client.key", &new.key);
    soon(async {
        while server.clients().last() != Some(&Some(new.der())) {
            call(&streamer).await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let shown = server.clients();
    let changes = shown.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(
        changes, 1,
        "from the old one to the new one, and never back"
    );
}

#[tokio::test(crate = "real_tokio")]
async fn a_service_moves_to_another_authority_while_calls_go_on() {
    let (files, old, new) = (Files::new(), Authority::new("old"), Authority::new("new"));
    let server = TlsServer::start(server_config(&old.sign("localhost"), None)).await;
    let streamer = streamer(&server, trusting(&files, &old.pem));
    call(&streamer).await.unwrap();

    files.write("ca.pem", &format!("{}{}", old.pem, new.pem));
    assert!(streamer.reload_certificates().unwrap());
    assert!(!streamer.reload_certificates().unwrap(), "nothing is new");
    call(&streamer).await.unwrap();
    server.rotate(server_config(&new.sign("localhost"), None));
    call(&streamer).await.unwrap();

    files.write("ca.pem", &new.pem);
    assert!(streamer.reload_certificates().unwrap());
    call(&streamer).await.unwrap();

    // The connection just made does show the new certificate.
    files.write("ca.pem", &old.pem);
    assert!(streamer.reload_certificates().unwrap());
    assert_refused(&streamer, "UnknownIssuer").await;
}

#[tokio::test(crate = "real_tokio")]
async fn calls_under_way_outlive_a_renewal() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let server = TlsServer::start(server_config(&authority.sign("localhost"), None)).await;
    let streamer = streamer(&server, trusting(&files, &authority.pem));
    call(&streamer).await.unwrap();
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let streamer = streamer.clone();
            if number % 10 == 0 {
                files.write("ca.pem", &format!("{}# {number}\n", authority.pem));
                assert!(streamer.reload_certificates().unwrap());
            }
            tokio::spawn(async move { call(&streamer).await })
        })
        .collect();
    for made in calls {
        made.await.unwrap().unwrap();
    }
    assert_eq!(server.clients().len(), 101);
}

#[tokio::test(crate = "real_tokio")]
async fn a_broken_file_leaves_the_old_certificates_in_use() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let config = server_config(&authority.sign("localhost"), Some(&authority));
    let server = TlsServer::start(config).await;
    let (old, new) = (authority.sign("coordinator"), authority.sign("coordinator"));
    let tls = TlsOptions {
        identity: Some(showing(&files, &old)),
        ..trusting(&files, &authority.pem)
    };
    let streamer = streamer(&server, tls);

    files.write("client.pem", "-----BEGIN CERT");
    let error = streamer.reload_certificates().unwrap_err().to_string();
    assert!(error.contains("client.pem"), "{error}");
    files.write("client.pem", &new.cert);
    let error = streamer.reload_certificates().unwrap_err();
    assert!(matches!(error, TlsError::Unusable(_)), "{error}");
    std::fs::remove_file(files.path("client.key")).unwrap();
    let error = streamer.reload_certificates().unwrap_err().to_string();
    assert!(error.contains("client.key"), "{error}");
    call(&streamer).await.unwrap();
    assert_eq!(server.clients(), [Some(old.der())]);

    files.write("client.key", &new.key);
    assert!(streamer.reload_certificates().unwrap());
    call(&streamer).await.unwrap();
    assert_eq!(server.clients(), [Some(old.der()), Some(new.der())]);
}

#[tokio::test(crate = "real_tokio")]
async fn unusable_certificates_are_told_apart_and_not_repeated() {
    let (files, authority) = (Files::new(), Authority::new("ours"));
    let ours = authority.sign("coordinator");
    let error = |tls: TlsOptions| {
        let options = over(tls);
        let error = GrpcBlockStreamer::new("https://localhost:1", &options).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("BEGIN"), "{text}");
        match error {
            SetupError::Tls(error) => error,
            other => panic!("{other}"),
        }
    };
    let ca = |text: &str| TlsOptions {
        ca_file: Some(files.write("broken.pem", text)),
        ..TlsOptions::default()
    };
    for text in ["", "no PEM", &ours.key, &authority.pem.replace('M', "!")] {
        assert!(
            matches!(error(ca(text)), TlsError::Content { .. }),
            "{text}"
        );
    }
    let large = "x".repeat((1 << 20) + 1);
    assert!(matches!(error(ca(&large)), TlsError::Unreadable { .. }));
    let missing = TlsOptions {
        ca_file: Some(files.path("nowhere.pem")),
        ..TlsOptions::default()
    };
    let text = error(missing).to_string();
    assert!(text.contains("nowhere.pem"), "{text}");
    let folder = TlsOptions {
        ca_file: Some(files.folder().to_owned()),
        ..TlsOptions::default()
    };
    assert!(matches!(error(folder), TlsError::Unreadable { .. }));

    let shown = |cert: &str, key: &str| TlsOptions {
        identity: Some(IdentityFiles {
            cert_file: files.write("cert.pem", cert),
            key_file: files.write("key.pem", key),
        }),
        ..trusting(&files, &authority.pem)
    };
    let swapped = error(shown(&ours.key, &ours.cert));
    assert!(matches!(swapped, TlsError::Content { .. }), "{swapped}");
    let keyless = error(shown(&ours.cert, &ours.cert));
    assert!(matches!(keyless, TlsError::Content { .. }), "{keyless}");
    let foreign = error(shown(&ours.cert, &authority.sign("other").key));
    assert!(matches!(foreign, TlsError::Unusable(_)), "{foreign}");
    let nameless = TlsOptions {
        server_name: Some("no name".to_owned()),
        ..trusting(&files, &authority.pem)
    };
    assert!(matches!(error(nameless), TlsError::ServerName(_)));
}
