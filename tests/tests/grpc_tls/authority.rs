//! Certificates for the tests, and a server that shows them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use proto::block_streamer::block_streamer_server::{BlockStreamer, BlockStreamerServer};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StartStreamRequest,
    StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use real_tokio as tokio;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// One that signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key, in PEM form.
#[derive(Clone)]
pub struct Signed {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub fn sign(&self, name: &str) -> Signed {
        self.signed(CertificateParams::new([name.to_owned()]).unwrap())
    }

    pub fn sign_expired(&self, name: &str) -> Signed {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.signed(params)
    }

    fn signed(&self, params: CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        Signed {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Signed {
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()
    }
}

/// Files that a test rewrites.
pub struct Files(tempfile::TempDir);

impl Files {
    pub fn new() -> Files {
        Files(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Replaces the file as a whole, as those who renew certificates do.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, fresh) = (self.path(name), self.path("fresh"));
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(&fresh, &path).unwrap();
        path
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }
}

/// What the server shows, and whom it lets in.
pub fn server_config(shown: &Signed, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
            roots.add(root).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![shown.der()], key).unwrap();
    config.alpn_protocols.push(b"h2".to_vec());
    config
}

/// A block streamer behind TLS. New connections are made with its current
/// configuration.
pub struct TlsServer {
    pub address: SocketAddr,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    service: Seen,
    tasks: Vec<JoinHandle<()>>,
}

/// Whom the service has seen: what every call's client showed.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<Option<CertificateDer<'static>>>>>);

impl Drop for TlsServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl TlsServer {
    pub async fn start(config: ServerConfig) -> TlsServer {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(Mutex::new(Arc::new(config)));
        let current = Arc::clone(&config);
        let (sender, accepted) = mpsc::channel(64);
        let accepting = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let acceptor = TlsAcceptor::from(Arc::clone(&*current.lock().unwrap()));
                let sender = sender.clone();
                tokio::spawn(async move {
                    let stream = acceptor.accept(socket).await;
                    if stream.is_ok() {
                        let _ = sender.send(stream).await;
                    }
                });
            }
        });
        let service = Seen::default();
        let router = Server::builder().add_service(BlockStreamerServer::new(service.clone()));
        let serving = tokio::spawn(async move {
            let incoming = ReceiverStream::new(accepted);
            router.serve_with_incoming(incoming).await.unwrap();
        });
        TlsServer {
            address,
            config,
            service,
            tasks: vec![accepting, serving],
        }
    }

    /// Shows something else from the next connection on.
    pub fn rotate(&self, config: ServerConfig) {
        *self.config.lock().unwrap() = Arc::new(config);
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// What the clients of the calls so far have shown.
    pub fn clients(&self) -> Vec<Option<CertificateDer<'static>>> {
        self.service.0.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl BlockStreamer for Seen {
    async fn start_stream(
        &self,
        _: Request<StartStreamRequest>,
    ) -> Result<Response<StartStreamResponse>, Status> {
        Err(Status::unimplemented("not used"))
    }

    async fn stop_stream(
        &self,
        _: Request<StopStreamRequest>,
    ) -> Result<Response<StopStreamResponse>, Status> {
        Err(Status::unimplemented("not used"))
    }

    async fn get_stream(
        &self,
        _: Request<GetStreamRequest>,
    ) -> Result<Response<StreamInfo>, Status> {
        Err(Status::unimplemented("not used"))
    }

    async fn list_streams(
        &self,
        request: Request<ListStreamsRequest>,
    ) -> Result<Response<ListStreamsResponse>, Status> {
        let shown = request
            .peer_certs()
            .and_then(|certs| certs.first().cloned());
        self.0.lock().unwrap().push(shown);
        Ok(Response::new(ListStreamsResponse::default()))
    }
}
