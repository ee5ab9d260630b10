//! Encrypted connections. No default provider of cryptography is installed in
//! this process.

use std::sync::Arc;

use registry_near::NearRegistry;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::CryptoProvider};

use crate::node::{Reply, Request, answer, attend, list, options, unavailable};

/// A node behind a certificate of its own; its address and that certificate.
async fn start() -> (String, CertificateDer<'static>) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let script = |request: &Request| -> Reply { answer(request, b"{}", 7) };
                if let Ok(stream) = acceptor.accept(stream).await {
                    attend(stream, Arc::new(script), Arc::default()).await;
                }
            });
        }
    });
    (format!("https://localhost:{port}"), certificate)
}

#[tokio::test]
async fn a_trusted_node_is_believed() {
    assert!(CryptoProvider::get_default().is_none());
    let (url, certificate) = start().await;
    let mut options = options(&[url]);
    options.extra_roots = vec![certificate];
    let registry = NearRegistry::new(options).unwrap();
    assert_eq!(list(&registry).await.unwrap().block_height, 7);
}

#[tokio::test]
async fn a_stranger_is_not() {
    let (url, _) = start().await;
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut options = options(std::slice::from_ref(&url));
    options.extra_roots = vec![other.cert.der().clone()];
    let text = unavailable(&NearRegistry::new(options).unwrap()).await;
    assert!(
        text.contains(&url) && text.contains("certificate"),
        "{text}"
    );
}
