//! TLS to the services: what is configured, and the files behind it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// The largest file of certificates or keys, in bytes.
const FILE_LEN_MAX: u64 = 1 << 20;

/// How encrypted connections are made. It has no effect on `http` addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file with the authorities that the service's certificate may come
    /// from; without it those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// What the coordinator shows of itself; without it, nothing.
    pub identity: Option<IdentityFiles>,
    /// The name that the service's certificate must bear; without it the host
    /// of the address.
    pub server_name: Option<String>,
    /// Pause between two looks at the files. A change reaches the next call.
    pub reload_interval: Duration,
}

impl Default for TlsOptions {
    fn default() -> TlsOptions {
        TlsOptions {
            ca_file: None,
            identity: None,
            server_name: None,
            reload_interval: Duration::from_secs(10),
        }
    }
}

/// A client certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// PEM file: the certificate, then those that lead to its authority.
    pub cert_file: PathBuf,
    /// PEM file with the private key.
    pub key_file: PathBuf,
}

/// Certificates or keys that no connection can be made with. It names files,
/// never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting} `{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// What the file is for.
        setting: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it is for.
    #[error("{setting} `{}` holds no {expected} in PEM form", path.display())]
    Content {
        /// What the file is for.
        setting: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The server name is none.
    #[error("the server name `{0}` is neither a host name nor an IP address")]
    ServerName(String),
    /// The parts are well formed and do not go together, for instance a key of
    /// another certificate, or a system without authorities.
    #[error("the certificates cannot be used: {0}")]
    Unusable(String),
}

/// The contents of the files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Material {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Material {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Material").finish_non_exhaustive()
    }
}

impl TlsOptions {
    /// Whether there is any file to look at.
    pub(super) fn has_files(&self) -> bool {
        self.ca_file.is_some() || self.identity.is_some()
    }

    /// Reads the files. They are small; it blocks no longer than the disk does.
    pub(super) fn read(&self) -> Result<Material, TlsError> {
        let ca = match &self.ca_file {
            Some(path) => Some(certificates("the CA file", path)?),
            None => None,
        };
        let identity = match &self.identity {
            Some(files) => {
                let cert = certificates("the client certificate file", &files.cert_file)?;
                let (setting, path) = ("the client key file", &files.key_file);
                let key = content(setting, path)?;
                PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::Content {
                    setting,
                    path: path.clone(),
                    expected: "private key",
                })?;
                Some((cert, key))
            }
            None => None,
        };
        Ok(Material { ca, identity })
    }

    /// `endpoint`, encrypted by `material`; the handshake may take `timeout`.
    pub(super) fn apply(
        &self,
        endpoint: Endpoint,
        material: &Material,
        timeout: Duration,
    ) -> Result<Endpoint, TlsError> {
        let mut config = ClientTlsConfig::new().timeout(timeout);
        config = match &material.ca {
            Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
            None => config.with_native_roots(),
        };
        if let Some((cert, key)) = &material.identity {
            config = config.identity(Identity::from_pem(cert, key));
        }
        if let Some(name) = &self.server_name {
            if rustls_pki_types::ServerName::try_from(name.as_str()).is_err() {
                return Err(TlsError::ServerName(name.clone()));
            }
            config = config.domain_name(name);
        }
        endpoint
            .tls_config(config)
            .map_err(|error| TlsError::Unusable(super::chain(&error)))
    }
}

/// The bytes of a file with at least one certificate.
fn certificates(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let pem = content(setting, path)?;
    let mut count = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        if certificate.is_err() {
            count = 0;
            break;
        }
        count += 1;
    }
    if count == 0 {
        return Err(TlsError::Content {
            setting,
            path: path.to_owned(),
            expected: "certificate",
        });
    }
    Ok(pem)
}

fn content(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        let mut bytes = Vec::new();
        // Opening a pipe would wait for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let file = File::open(path)?;
        file.take(FILE_LEN_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_LEN_MAX {
            let text = format!("it has more than {FILE_LEN_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(bytes)
    };
    read().map_err(|source| TlsError::Unreadable {
        setting,
        path: path.to_owned(),
        source,
    })
}
