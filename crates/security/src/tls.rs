//! The server's side of TLS: its certificate, and the clients' authority.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::watched::{LoadError, Outcome, Reloading, Source, Watched};

/// The longest PEM file, in bytes.
const FILE_MAX: u64 = 1024 * 1024;
const DAY: i64 = 24 * 60 * 60;
/// Seconds before the certificate's end at which a warning is logged, once each.
const WARNINGS: [i64; 4] = [14 * DAY, 7 * DAY, 3 * DAY, DAY];

/// Client certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCa {
    /// PEM file with the authorities whose certificates are accepted.
    pub path: PathBuf,
    /// Clients without a certificate are turned away in the handshake; else
    /// they may still prove who they are by a token.
    pub required: bool,
}

/// The files that TLS is made from, all PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by the intermediate ones.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// Whether and which client certificates are asked for.
    pub client_ca: Option<ClientCa>,
}

/// What is spoken over TLS (ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/2 only, as gRPC has it.
    Http2,
    /// HTTP/2 or HTTP/1.1, as the client likes.
    Http2AndHttp1,
}

/// How the server's certificate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsStatus {
    /// The end of the certificate's validity, in seconds since the Unix epoch.
    pub not_after: i64,
    /// Seconds until then; negative once it has passed.
    pub expires_in: i64,
    /// Why the files' content is not in force, if it is not.
    pub failure: Option<String>,
}

/// What the files make.
struct Material {
    config: Arc<ServerConfig>,
    subject: String,
    serial: String,
    not_before: i64,
    not_after: i64,
}

impl Material {
    fn is_valid(&self, now: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// TLS for a server, replaced as a whole when the files change. New connections
/// use the new content, and cannot resume sessions from before it; those that
/// are open stay open.
pub struct ServerTls {
    material: Reloading<Material>,
    clock: Arc<dyn TimeProvider>,
    asks_clients: bool,
    /// How many of [`WARNINGS`] the certificate in force has had.
    warned: AtomicUsize,
}

impl ServerTls {
    /// Reads the files. At least TLS 1.2 is spoken.
    ///
    /// # Errors
    /// A file cannot be read or makes no sense, or the key is another
    /// certificate's.
    pub fn load(files: TlsFiles, protocols: Protocols) -> Result<ServerTls, LoadError> {
        ServerTls::load_at(files, protocols, Arc::new(DefaultTimeProvider))
    }

    /// As [`ServerTls::load`], with another clock.
    ///
    /// # Errors
    /// As [`ServerTls::load`].
    pub fn load_at(
        files: TlsFiles,
        protocols: Protocols,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<ServerTls, LoadError> {
        let asks_clients = files.client_ca.is_some();
        let sources = sources(&files);
        let build = {
            let sources = sources.clone();
            let clock = Arc::clone(&clock);
            let required = files.client_ca.is_some_and(|ca| ca.required);
            move |contents: &[Vec<u8>], old: Option<&Material>| {
                let new = material(&sources, contents, required, protocols, &clock)?;
                let now = seconds(&clock);
                if old.is_some_and(|old| old.is_valid(now)) && !new.is_valid(now) {
                    let problem = "it is not valid now, unlike the one in force";
                    return Err(invalid(&sources, 0, problem));
                }
                Ok(new)
            }
        };
        let material = Reloading::load("the TLS certificate", sources, build, describe)?;
        let tls = ServerTls {
            material,
            clock,
            asks_clients,
            warned: AtomicUsize::new(0),
        };
        tls.warn_of_expiry();
        Ok(tls)
    }

    /// What a new connection is served with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.material.current().config)
    }

    /// Whether clients are asked for a certificate.
    pub fn asks_clients(&self) -> bool {
        self.asks_clients
    }

    /// How the certificate stands.
    pub fn status(&self) -> TlsStatus {
        let not_after = self.material.current().not_after;
        TlsStatus {
            not_after,
            expires_in: not_after.saturating_sub(seconds(&self.clock)),
            failure: self.material.failure(),
        }
    }

    fn warn_of_expiry(&self) {
        let material = self.material.current();
        let now = seconds(&self.clock);
        let left = material.not_after.saturating_sub(now);
        let due = warnings_due(left);
        if self.warned.swap(due, Ordering::Relaxed) < due {
            let subject = &material.subject;
            if left < 0 {
                tracing::error!(
                    subject,
                    "the TLS certificate has expired: clients refuse it"
                );
            } else {
                let hours = left / 3600;
                tracing::warn!(subject, hours, "the TLS certificate will soon expire");
            }
        }
        if now < material.not_before {
            tracing::error!("the TLS certificate is not valid yet: clients refuse it");
        }
    }

    fn noted(&self, outcome: Outcome) -> Outcome {
        if matches!(outcome, Outcome::Replaced(_)) {
            self.warned.store(0, Ordering::Relaxed);
        }
        self.warn_of_expiry();
        outcome
    }
}

impl Watched for ServerTls {
    fn what(&self) -> &'static str {
        self.material.what()
    }

    fn poll(&self) -> Outcome {
        self.noted(self.material.poll())
    }

    fn reload(&self) -> Outcome {
        self.noted(self.material.reload())
    }

    fn failure(&self) -> Option<String> {
        self.material.failure()
    }
}

/// How many warnings are due, `left` seconds before the end.
fn warnings_due(left: i64) -> usize {
    WARNINGS.iter().filter(|limit| left <= **limit).count() + usize::from(left < 0)
}

fn sources(files: &TlsFiles) -> Vec<Source> {
    let source = |what, path: &PathBuf, secret| Source {
        what,
        path: path.clone(),
        limit: FILE_MAX,
        secret,
    };
    let mut sources = vec![
        source("the TLS certificate", &files.certificate, false),
        source("the TLS key", &files.key, true),
    ];
    if let Some(ca) = &files.client_ca {
        sources.push(source("the clients' authority", &ca.path, false));
    }
    sources
}

fn seconds(clock: &Arc<dyn TimeProvider>) -> i64 {
    let now = clock.current_time().map_or(0, |now| now.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// An error about the file at `index` of `sources`.
fn invalid(sources: &[Source], index: usize, problem: impl ToString) -> LoadError {
    match sources.get(index) {
        Some(source) => source.invalid(problem),
        None => LoadError::Invalid {
            what: "a TLS file",
            path: PathBuf::new(),
            problem: problem.to_string(),
        },
    }
}

/// Why a PEM file is no good, without its lines, which may be the key's.
fn pem_problem(error: &pem::Error, sought: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("it holds no {sought} in PEM form"),
        _ => "it is damaged or no PEM file".to_owned(),
    }
}

fn certificates(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    let found = found.map_err(|error| pem_problem(&error, "certificate"))?;
    if found.is_empty() {
        return Err(pem_problem(&pem::Error::NoItemsFound, "certificate"));
    }
    Ok(found)
}

fn material(
    sources: &[Source],
    contents: &[Vec<u8>],
    required: bool,
    protocols: Protocols,
    clock: &Arc<dyn TimeProvider>,
) -> Result<Material, LoadError> {
    let provider = Arc::new(ring::default_provider());
    let content = |index: usize| contents.get(index).map_or(&[][..], Vec::as_slice);
    let chain = certificates(content(0)).map_err(|problem| invalid(sources, 0, problem))?;
    let leaf = chain.first().map_or(&[][..], |leaf| leaf.as_ref());
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return Err(invalid(sources, 0, "its first certificate is damaged"));
    };
    let subject = parsed.subject().to_string().escape_default().to_string();
    let serial = parsed.raw_serial_as_string();
    let validity = parsed.validity();
    let (not_before, not_after) = (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    );

    let key = PrivateKeyDer::from_pem_slice(content(1))
        .map_err(|error| invalid(sources, 1, pem_problem(&error, "private key")))?;
    let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
        let problem = match error {
            rustls::Error::InconsistentKeys(_) => "it is not the key of the certificate",
            _ => "it is damaged, or of a kind that is not supported",
        };
        invalid(sources, 1, problem)
    })?;
    let verifier = match contents.get(2) {
        Some(ca) => client_verifier(ca, required, &provider)
            .map_err(|problem| invalid(sources, 2, problem))?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_details(provider, Arc::clone(clock))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| invalid(sources, 0, error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = match protocols {
        Protocols::Http2 => vec![b"h2".to_vec()],
        Protocols::Http2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(Material {
        config: Arc::new(config),
        subject,
        serial,
        not_before,
        not_after,
    })
}

fn client_verifier(
    content: &[u8],
    required: bool,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = rustls::RootCertStore::empty();
    for authority in certificates(content)? {
        let added = roots.add(authority);
        added.map_err(|_| "it holds a certificate that is no authority's or is damaged")?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    let builder = if required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    builder.build().map_err(|error| error.to_string())
}

fn describe(old: &Material, new: &Material) -> String {
    if (&old.subject, &old.serial) == (&new.subject, &new.serial) {
        return "the same certificate with other surroundings".to_owned();
    }
    let end = x509_parser::time::ASN1Time::from_timestamp(new.not_after);
    let end = end.map_or_else(|_| new.not_after.to_string(), |end| end.to_string());
    format!(
        "certificate {} of {} until {end}, instead of {}",
        new.serial, new.subject, old.serial
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_come_closer_and_closer_to_the_end() {
        for (left, due) in [
            (365 * DAY, 0),
            (14 * DAY + 1, 0),
            (14 * DAY, 1),
            (7 * DAY, 2),
            (2 * DAY, 3),
            (DAY, 4),
            (0, 4),
            (-1, 5),
        ] {
            assert_eq!(warnings_due(left), due, "{left}");
        }
    }
}
