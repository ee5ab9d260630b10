//! Connections over TLS, with an authority of the test's own.

use std::path::{Path, PathBuf};

use conformance::redis_server::{Port, RedisServer};
use conformance::store::run_all;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use store_redis::{ClientFiles, RedisConfig, RedisStore, TlsFiles};

use crate::support::{Real, config, eventually, is_unavailable};

/// Files of an authority, and of certificates that it has signed.
struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Authority {
        let folder = folder.join(name);
        std::fs::create_dir(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Names of their own: a certificate named as its issuer passes for its own.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Authority { folder, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A certificate for `name`, with its key.
    fn sign(&self, name: &str) -> ClientFiles {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = ClientFiles {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }
}

fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A server with TLS beside its plain port, and its port and URL with TLS.
fn start(authority: &Authority, name: &str, clients: &str) -> (RedisServer, Port, String) {
    let files = authority.sign(name);
    let ca = authority.ca();
    let port = Port::reserve().unwrap();
    let number = port.number().to_string();
    let server = RedisServer::start(&[
        "--tls-port",
        &number,
        "--tls-cert-file",
        word(&files.certificate),
        "--tls-key-file",
        word(&files.key),
        "--tls-ca-cert-file",
        word(&ca),
        "--tls-auth-clients",
        clients,
    ]);
    (
        server.unwrap(),
        port,
        format!("rediss://localhost:{number}"),
    )
}

fn store(url: &str, tls: TlsFiles) -> RedisStore {
    let config = RedisConfig { tls, ..config(url) };
    RedisStore::new(&config).unwrap()
}

#[tokio::test]
async fn the_store_conforms_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ours");
    let (server, _port, url) = start(&authority, "localhost", "no");
    let trusting = TlsFiles {
        ca: Some(authority.ca()),
        client: None,
    };
    let store = store(&url, trusting);
    let real = Real { server, store };
    let failures = run_all(&real, "tls/").await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn a_server_of_another_authority_or_name_is_not_spoken_to() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ours");
    let stranger = Authority::new(folder.path(), "theirs");
    let (_server, _port, url) = start(&authority, "localhost", "no");
    let trusting = |authority: &Authority| TlsFiles {
        ca: Some(authority.ca()),
        client: None,
    };
    let by_number = url.replace("localhost", "127.0.0.1");
    for (url, tls, word) in [
        (&url, trusting(&stranger), "certificate"),
        (&url, TlsFiles::default(), "certificate"),
        (&by_number, trusting(&authority), "certificate"),
    ] {
        let error = store(url, tls).ping().await.unwrap_err();
        assert!(is_unavailable(&error), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    store(&url, trusting(&authority)).ping().await.unwrap();
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_is_shown_one_even_a_renewed_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ours");
    let stranger = Authority::new(folder.path(), "theirs");
    let (mut server, _port, url) = start(&authority, "localhost", "yes");
    let with = |client: Option<ClientFiles>| TlsFiles {
        ca: Some(authority.ca()),
        client,
    };
    let good = authority.sign("coordinator");
    store(&url, with(Some(good.clone()))).ping().await.unwrap();
    for client in [None, Some(stranger.sign("coordinator"))] {
        let error = store(&url, with(client)).ping().await.unwrap_err();
        assert!(is_unavailable(&error), "{error}");
    }

    // A certificate that is replaced in its file serves the next connection.
    let bad = stranger.sign("intruder");
    let patient = store(&url, with(Some(bad.clone())));
    assert!(is_unavailable(&patient.ping().await.unwrap_err()));
    std::fs::copy(&good.certificate, &bad.certificate).unwrap();
    std::fs::copy(&good.key, &bad.key).unwrap();
    eventually(is_unavailable, async || patient.ping().await).await;

    // One that vanishes keeps no connection from being used, only new ones.
    std::fs::remove_file(&bad.key).unwrap();
    patient.ping().await.unwrap();
    server.kill();
    server.launch().unwrap();
    let lost = async {
        loop {
            let error = patient.ping().await.unwrap_err();
            assert!(is_unavailable(&error), "{error}");
            if error.to_string().contains("client key") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    let limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(limit, lost).await.unwrap();
}
