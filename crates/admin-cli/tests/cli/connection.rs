//! TLS, tokens, and servers that are something else.

use std::path::PathBuf;

use admin_cli::Exit;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::fake::Fake;
use crate::fixtures::world;
use crate::harness::run;

/// An authority, a server's and a client's certificate signed by it.
struct Papers {
    folder: TempDir,
    server: Identity,
    authority: String,
}

impl Papers {
    fn new() -> Papers {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let issue = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            (certificate.pem(), key.serialize_pem())
        };
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = issue("localhost");
        let server = Identity::from_pem(certificate, key);
        let (certificate, key) = issue("ops");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write("ca.pem", &authority).unwrap();
        write("cert.pem", &certificate).unwrap();
        write("key.pem", &key).unwrap();
        Papers {
            folder,
            server,
            authority,
        }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn tls_is_verified() {
    let papers = Papers::new();
    let tls = ServerTlsConfig::new().identity(papers.server.clone());
    let fake = Fake::start_with(world(), Some(tls)).await;
    let url = fake.url();
    let ca = papers.path("ca.pem");
    run(&url, &["list", "--ca", &ca]).await.succeeded();

    let stranger = Papers::new().authority;
    std::fs::write(papers.path("stranger.pem"), stranger).unwrap();
    let ran = run(&url, &["list", "--ca", &papers.path("stranger.pem")]).await;
    assert_eq!(ran.exit, Exit::Unavailable);
    assert!(
        ran.talk.contains("give the authority by --ca"),
        "{}",
        ran.talk
    );

    let by_address = url.replace("localhost", "127.0.0.1");
    let ran = run(&by_address, &["list", "--ca", &ca]).await;
    assert_eq!(ran.exit, Exit::Unavailable);
    assert!(ran.talk.contains("another name"), "{}", ran.talk);

    let plain = url.replace("https", "http");
    let ran = run(&plain, &["list", "--request-timeout", "5s"]).await;
    assert_eq!(ran.exit, Exit::Unavailable, "{}", ran.talk);
    assert!(ran.talk.contains("try https://"), "{}", ran.talk);
}

#[tokio::test]
async fn a_server_may_ask_for_a_certificate() {
    let papers = Papers::new();
    let tls = ServerTlsConfig::new()
        .identity(papers.server.clone())
        .client_ca_root(Certificate::from_pem(&papers.authority));
    let fake = Fake::start_with(world(), Some(tls)).await;
    let ca = papers.path("ca.pem");
    let (cert, key) = (papers.path("cert.pem"), papers.path("key.pem"));
    let words = ["list", "--ca", &ca, "--cert", &cert, "--key", &key];
    run(&fake.url(), &words).await.succeeded();
    let ran = run(&fake.url(), &["list", "--ca", &ca]).await;
    assert_eq!(ran.exit, Exit::Refused, "{ran:?}");
    assert!(ran.talk.contains("give --cert and --key"), "{}", ran.talk);
    let ran = run(&fake.url(), &["list", "--ca", &ca, "--cert", &cert]).await;
    assert_eq!(
        (ran.exit, ran.talk.as_str()),
        (Exit::Usage, "error: --cert needs --key\n")
    );
    let ran = run(&fake.url(), &["list", "--ca", &ca, "--key", &key]).await;
    assert_eq!(
        (ran.exit, ran.talk.as_str()),
        (Exit::Usage, "error: --key needs --cert\n")
    );
}

#[tokio::test]
async fn a_certificate_of_a_strange_authority_is_a_refusal() {
    let papers = Papers::new();
    let strange = Papers::new();
    let tls = ServerTlsConfig::new()
        .identity(papers.server.clone())
        .client_ca_root(Certificate::from_pem(&papers.authority));
    let fake = Fake::start_with(world(), Some(tls)).await;
    let ca = papers.path("ca.pem");
    let (cert, key) = (strange.path("cert.pem"), strange.path("key.pem"));
    for words in [
        &["list"][..],
        &["disable", "alice.near/feed"],
        &["watch"],
        &["wait", "alice.near/feed", "--for", "running"],
    ] {
        let mut words = words.to_vec();
        words.extend(["--ca", &ca, "--cert", &cert, "--key", &key]);
        let ran = run(&fake.url(), &words).await;
        assert_eq!(ran.exit, Exit::Refused, "{words:?} {ran:?}");
        let said = "does not accept the certificate that --cert gave";
        assert!(ran.talk.contains(said), "{}", ran.talk);
        for untrue in ["may or may not", "give --cert", "was lost"] {
            assert!(!ran.talk.contains(untrue), "{}", ran.talk);
        }
    }
    assert!(fake.world().calls.is_empty());
}

#[tokio::test]
async fn tls_to_a_server_without_it_is_told() {
    let papers = Papers::new();
    let fake = Fake::start(world()).await;
    let url = fake.url().replace("http", "https");
    let ran = run(&url, &["list", "--ca", &papers.path("ca.pem")]).await;
    assert_eq!(ran.exit, Exit::Unavailable);
    assert!(ran.talk.contains("try http://"), "{}", ran.talk);
}

#[tokio::test]
async fn certificates_without_tls_are_no_secret_wish() {
    let papers = Papers::new();
    let ran = run(
        "http://127.0.0.1:1",
        &["list", "--ca", &papers.path("ca.pem")],
    )
    .await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.talk.contains("write https://"), "{}", ran.talk);
}

#[tokio::test]
async fn files_that_hold_something_else_are_told() {
    let papers = Papers::new();
    let (key, none) = (papers.path("key.pem"), papers.path("none.pem"));
    for (words, said) in [
        (["--ca", &key], "holds no certificate in PEM form"),
        (["--ca", &none], "cannot be read: No such file"),
        (["--token-file", &none], "cannot be read: No such file"),
    ] {
        let mut line = vec!["list"];
        line.extend(words);
        let ran = run("https://localhost:1", &line).await;
        assert_eq!(ran.exit, Exit::Usage);
        assert!(ran.talk.contains(said), "{}", ran.talk);
    }
}

#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    let fake = Fake::start(world()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "sesame-0123456789\n").unwrap();
    let file = path.to_str().unwrap();
    let ran = run(&fake.url(), &["list", "--token-file", file])
        .await
        .succeeded();
    assert_eq!(
        fake.world().tokens,
        [Some("Bearer sesame-0123456789".to_owned())]
    );
    assert!(!ran.data.contains("sesame") && !ran.talk.contains("sesame"));
    run(&fake.url(), &["list", "--token-file", ""])
        .await
        .succeeded();
    assert_eq!(fake.world().tokens.last(), Some(&None));

    for (content, said) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("sesame open\n", "more than one word"),
        ("ses\u{7}ame", "no token has"),
        ("sésame\n", "no token has"),
    ] {
        std::fs::write(&path, content).unwrap();
        let ran = run(&fake.url(), &["list", "--token-file", file]).await;
        assert_eq!(ran.exit, Exit::Usage, "{content:?} {ran:?}");
        assert!(ran.talk.contains(said), "{}", ran.talk);
        assert!(
            !ran.talk.contains("ame"),
            "{}",
            ran.talk.replace("--token-file", "")
        );
    }
    std::fs::write(&path, "x".repeat(9 << 10)).unwrap();
    let ran = run(&fake.url(), &["list", "--token-file", file]).await;
    assert!(ran.talk.contains("longer than 8 KiB"), "{}", ran.talk);
}

#[tokio::test]
async fn a_token_does_not_travel_in_the_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "sesame-0123456789").unwrap();
    let file = path.to_str().unwrap();
    let words = ["list", "--token-file", file];
    let ran = run("http://coordinator.invalid:9003", &words).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.talk.contains("the token was not sent"), "{}", ran.talk);
    let words = ["list", "--token-file", file, "--insecure-token"];
    let ran = run("http://coordinator.invalid:9003", &words).await;
    assert_eq!(ran.exit, Exit::Unavailable);
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            let _ = socket.write_all(answer).await;
        }
    });
    let ran = run(&url, &["list", "--request-timeout", "5s"]).await;
    answering.abort();
    assert_eq!(ran.exit, Exit::Unavailable, "{ran:?}");
    assert!(
        ran.talk.contains("does not speak gRPC there"),
        "{}",
        ran.talk
    );
}

#[tokio::test]
async fn a_wrong_address_is_told() {
    let ran = run("ftp://c.example", &["list"]).await;
    assert_eq!((ran.exit.code(), ran.data.as_str()), (2, ""));
    let ran = run("http://me:hunter2@c.example", &["list"]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(!ran.talk.contains("hunter2"));
}
