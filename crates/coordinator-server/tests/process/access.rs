//! Who may do what, with the program on both sides.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::service::{Service, Settings, arg, run, text};

const OPERATOR: &str = "0123456789abcdef-operator";
const READER: &str = "0123456789abcdef-reader";

/// A service with TLS and tokens, and the files of its clients.
struct Protected {
    service: Service,
    ca: PathBuf,
    operator: PathBuf,
    reader: PathBuf,
    stranger: PathBuf,
    _settings: Settings,
}

async fn protected() -> Protected {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let cert = server.signed_by(&key, &issuer).unwrap().pem();

    let settings = Settings::new();
    let ca = settings.file("ca.pem", &ca);
    let cert = settings.file("cert.pem", &cert);
    let key = settings.file("key.pem", &key.serialize_pem());
    let tokens = format!("operate alice {OPERATOR}\nread bob {READER}\n");
    let tokens = settings.file("tokens", &tokens);
    let operator = settings.file("operator", OPERATOR);
    let reader = settings.file("reader", READER);
    let stranger = settings.file("stranger", "0123456789abcdef-stranger");
    let settings = settings
        // Reachable from everywhere, since it is protected.
        .with("listen", "0.0.0.0:0")
        .with("tls_cert", cert.display())
        .with("tls_key", key.display())
        .with("tokens_file", tokens.display());
    Protected {
        service: settings.start().await,
        ca,
        operator,
        reader,
        stranger,
        _settings: settings,
    }
}

#[tokio::test]
async fn tokens_decide_over_tls() {
    let Protected {
        mut service,
        ca,
        operator,
        reader,
        stranger,
        _settings,
    } = protected().await;
    let port = service.api.rsplit(':').next().unwrap().to_owned();
    let server = format!("https://localhost:{port}");
    let ask = async |args: &[&str], token: &PathBuf| {
        let common = [
            "--server",
            &server,
            "--ca",
            arg(&ca),
            "--token-file",
            arg(token),
        ];
        run(&[args, &common].concat(), &[]).await.status.code()
    };
    assert_eq!(ask(&["overview"], &operator).await, Some(0));
    assert_eq!(ask(&["overview"], &reader).await, Some(0));
    assert_eq!(ask(&["overview"], &stranger).await, Some(5));
    assert_eq!(ask(&["disable", "alice.near/feed"], &reader).await, Some(5));
    // It may; but there is nobody who knows the indexer, and no store to write to.
    assert_eq!(
        ask(&["disable", "alice.near/feed"], &operator).await,
        Some(69)
    );
    let (_, page) = service.page("/metrics").await;
    for (method, code, count) in [
        ("GetOverview", "OK", 2),
        ("GetOverview", "UNAUTHENTICATED", 1),
        ("DisableIndexer", "PERMISSION_DENIED", 1),
        ("HoldIndexer", "OK", 0),
    ] {
        let line = format!(
            "coordinator_api_calls_total{{method=\"coordinator.v1.Operations/{method}\",\
             code=\"{code}\"}} {count}\n"
        );
        assert!(page.contains(&line), "{line}{page}");
    }
    // Without TLS there is nobody to talk to.
    let plain = format!("http://localhost:{port}");
    let plain = run(&["overview", "--server", &plain], &[]).await;
    assert_eq!(plain.status.code(), Some(69), "{plain:?}");
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
    let audit = |name: &str| {
        let of = |line: &&String| line.contains("\"audit\"") && line.contains(name);
        service.log.iter().filter(of).count()
    };
    assert!(
        audit("alice") >= 1 && audit("bob") >= 1,
        "{:?}",
        service.log
    );
}

#[tokio::test]
async fn a_store_that_is_away_changes_nothing_and_operators_are_told_so() {
    let mut service = Settings::new().start().await;
    for command in ["retry", "release"] {
        let asked = service.ask(&[command, "alice.near/feed"]).await;
        let said = text(&asked);
        assert_eq!(asked.status.code(), Some(69), "{said}");
        assert!(said.contains("the store cannot be reached"), "{said}");
        assert_eq!(said.matches("nothing is changed").count(), 1, "{said}");
        assert!(!said.contains("may or may not"), "{said}");
    }
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_shadow_changes_nothing() {
    let mut service = Settings::new().with("shadow", true).start().await;
    assert!(
        service
            .log
            .iter()
            .any(|line| line.contains("observes and plans"))
    );
    let disable = service.ask(&["disable", "alice.near/feed"]).await;
    assert_eq!(disable.status.code(), Some(1), "{disable:?}");
    let said = String::from_utf8_lossy(&disable.stderr).into_owned();
    assert!(said.contains("shadow"), "{said}");
    let report = service.ask(&["shadow", "-o", "json"]).await;
    assert_eq!(report.status.code(), Some(0), "{report:?}");
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
}
