//! Certificates for tests, and clients that use them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use security::{ClientCa, Protocols, ServerTls, TlsFiles};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Somebody who issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Authority { issuer, pem }
    }

    fn issue(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A server's certificate for `localhost`, valid in these years.
    pub fn server_in(&self, years: std::ops::Range<i32>) -> Identity {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        self.issue(&params)
    }

    pub fn server(&self) -> Identity {
        self.server_in(2000..4000)
    }

    /// A client's certificate with a common name and a URI, valid until `year`.
    pub fn client_until(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name.push(DnType::CommonName, name);
        let uri = format!("spiffe://test/{name}");
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        self.issue(&params)
    }

    pub fn client(&self, name: &str) -> Identity {
        self.client_until(name, 4000)
    }
}

/// A folder with a server's files.
pub struct Folder(pub TempDir);

impl Folder {
    pub fn new(server: &Identity, client_ca: Option<&str>) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.put(server);
        if let Some(ca) = client_ca {
            folder.write("clients.pem", ca);
        }
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        write(&self.path(name), content);
    }

    pub fn put(&self, server: &Identity) {
        self.write("server.pem", &server.certificate);
        self.write("server.key", &server.key);
    }

    pub fn files(&self, required: Option<bool>) -> TlsFiles {
        TlsFiles {
            certificate: self.path("server.pem"),
            key: self.path("server.key"),
            client_ca: required.map(|required| ClientCa {
                path: self.path("clients.pem"),
                required,
            }),
        }
    }

    pub fn load(&self, required: Option<bool>) -> Arc<ServerTls> {
        Arc::new(ServerTls::load(self.files(required), Protocols::Http2).unwrap())
    }
}

/// Moves a new file into place, as careful programs do.
pub fn write(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, path).unwrap();
}

/// A client that trusts `authority` and shows `identity`.
pub fn client(authority: &Authority, identity: Option<&Identity>, alpn: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// Connects and shakes hands, as far as the client can tell: in TLS 1.3 it may
/// learn only later that the server refused its certificate.
pub async fn connect(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await
}

/// The certificate that the server showed.
pub fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].to_vec()
}

pub fn der(identity: &Identity) -> Vec<u8> {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
    certificate.unwrap().to_vec()
}

/// A clock that stands still in a year.
#[derive(Debug)]
pub struct InYear(pub i32);

impl TimeProvider for InYear {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = rcgen::date_time_ymd(self.0, 6, 1).unix_timestamp();
        let seconds = u64::try_from(seconds).unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
