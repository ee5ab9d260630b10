//! Traces for an OpenTelemetry collector, by OTLP over HTTP.
//!
//! Set up by the standard variables alone: `OTEL_EXPORTER_OTLP_ENDPOINT` (and
//! `_HEADERS`, `_TIMEOUT`, `_CERTIFICATE`), `OTEL_SERVICE_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`. Nothing is
//! sent while no endpoint is named, or with `OTEL_SDK_DISABLED=true`. Every call
//! of a [`crate::Metered`] port is one span.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;

use crate::build::BuildInfo;
use crate::logs::ExtraLayer;

/// How long one attempt to send may take if no variable says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of a file of certificates.
const CERTIFICATES_MAX: u64 = 1024 * 1024;

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// A variable has a value that makes no sense here.
    #[error("the environment variable {name} {why}")]
    Variable {
        /// Which.
        name: &'static str,
        /// What is wrong, and what to do. Without the value, which may be secret.
        why: String,
    },
    /// The file of certificates cannot be used.
    #[error("the certificates that OTEL_EXPORTER_OTLP_CERTIFICATE names cannot be used: {0}")]
    Certificates(String),
    /// The client could not be built.
    #[error("the client for the OpenTelemetry collector could not be built: {0}")]
    Client(String),
    /// The exporter could not be built.
    #[error("the exporter of traces could not be built: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// There is no runtime to send from.
    #[error("traces can be sent only from inside an async runtime")]
    NoRuntime,
}

/// The running exporter.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Sends what waits, for `patience` at most, and ends. What could not be
    /// sent is lost.
    ///
    /// # Errors
    /// Why not all was sent, for people.
    pub async fn shutdown(self, patience: Duration) -> Result<(), String> {
        let provider = self.provider;
        // It blocks, and what it waits for runs on this runtime.
        let end = move || provider.shutdown_with_timeout(patience);
        match tokio::task::spawn_blocking(end).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The layer and the exporter that the environment asks for, if it does. To be
/// called inside the runtime from which traces are sent.
///
/// # Errors
/// See [`OtlpError`].
pub fn from_environment(build: &BuildInfo) -> Result<Option<(ExtraLayer, Traces)>, OtlpError> {
    let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if !is_wanted(&lookup)? {
        return Ok(None);
    }
    let runtime = Handle::try_current().map_err(|_| OtlpError::NoRuntime)?;
    let client = client(&lookup)?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(Sender { runtime, client })
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(resource(build))
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("coordinator");
    let filter = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("calls", LevelFilter::DEBUG)
        .with_target("coordinator::reconciler", LevelFilter::DEBUG)
        // What sends the traces is not traced.
        .with_targets(["h2", "hyper", "hyper_util", "opentelemetry", "reqwest"].map(off))
        .with_targets(
            [
                "opentelemetry_http",
                "opentelemetry_otlp",
                "opentelemetry_sdk",
            ]
            .map(off),
        );
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_threads(false)
        .with_filter(filter);
    Ok(Some((Box::new(layer), Traces { provider })))
}

fn off(target: &'static str) -> (&'static str, LevelFilter) {
    (target, LevelFilter::OFF)
}

/// Whether the environment asks for traces, in a way that can be fulfilled.
fn is_wanted(lookup: &impl Fn(&str) -> Option<String>) -> Result<bool, OtlpError> {
    let disabled = lookup("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let endpoints = [
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ];
    if disabled || !endpoints.iter().any(|name| lookup(name).is_some()) {
        return Ok(false);
    }
    match lookup("OTEL_TRACES_EXPORTER").as_deref() {
        None | Some("otlp") => {}
        Some("none") => return Ok(false),
        Some(_) => {
            return Err(OtlpError::Variable {
                name: "OTEL_TRACES_EXPORTER",
                why: "names an exporter that is not built in; write otlp or none".to_owned(),
            });
        }
    }
    for name in [
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
    ] {
        // The more special one decides.
        match lookup(name).as_deref() {
            None => {}
            Some("http/protobuf") => break,
            Some(_) => {
                let why = "asks for a protocol that is not built in; write http/protobuf, and \
                           name the collector's HTTP port, which most often is 4318";
                return Err(OtlpError::Variable {
                    name,
                    why: why.to_owned(),
                });
            }
        }
    }
    Ok(true)
}

fn resource(build: &BuildInfo) -> Resource {
    let found = Resource::builder().build();
    let named = found
        .get(&Key::new("service.name"))
        .is_some_and(|name| !name.to_string().starts_with("unknown_service"));
    let version = KeyValue::new("service.version", build.version);
    let mut builder = Resource::builder();
    if found.get(&Key::new("service.version")).is_none() {
        builder = builder.with_attributes([version]);
    }
    if named {
        builder.build()
    } else {
        builder.with_service_name("coordinator").build()
    }
}

fn client(lookup: &impl Fn(&str) -> Option<String>) -> Result<reqwest::Client, OtlpError> {
    let names = [
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ];
    let mut timeout = TIMEOUT;
    if let Some((name, value)) = names.into_iter().find_map(|n| Some((n, lookup(n)?))) {
        let millis: u64 = value.parse().map_err(|_| OtlpError::Variable {
            name,
            why: "is no number of milliseconds, such as 10000".to_owned(),
        })?;
        timeout = Duration::from_millis(millis.max(1));
    }
    let certificates = [
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
    ];
    let certificates = certificates.into_iter().find_map(lookup);
    let roots = certificates
        .as_deref()
        .map(read_certificates)
        .transpose()
        .map_err(|error| OtlpError::Certificates(error.to_string()))?;
    reqwest::Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls(roots).map_err(client_error)?)
        .build()
        .map_err(client_error)
}

fn client_error(error: impl std::error::Error) -> OtlpError {
    OtlpError::Client(error.to_string())
}

fn read_certificates(path: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let metadata = std::fs::metadata(path)?;
    // Reading a pipe would wait for its writer.
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let size = metadata.len();
    if size > CERTIFICATES_MAX {
        return Err(io::Error::other(format!("{size} bytes are too many")));
    }
    let text = std::fs::read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(io::Error::other("there is no certificate in the file")),
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}

/// The machine's certificates, or the given ones instead. They are looked at
/// when a connection is made, so a machine without any can do without.
fn tls(roots: Option<Vec<CertificateDer<'static>>>) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let Some(roots) = roots else {
        let builder = match Verifier::new(provider) {
            Ok(verifier) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier)),
            Err(_) => builder.with_root_certificates(rustls::RootCertStore::empty()),
        };
        return Ok(builder.with_no_client_auth());
    };
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        store.add(root)?;
    }
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// Sends from the runtime, whoever asks: the exporter has a thread of its own
/// that is no part of it.
#[derive(Debug)]
struct Sender {
    runtime: Handle,
    client: reqwest::Client,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = async move { HttpClient::send_bytes(&client, request).await };
        self.runtime.spawn(sent).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variables: &[(&str, &str)]) -> Result<bool, OtlpError> {
        is_wanted(&|name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_is_sent_unless_asked_for() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        assert!(!wanted(&[]).unwrap());
        assert!(wanted(&[endpoint]).unwrap());
        assert!(wanted(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://x")]).unwrap());
        assert!(!wanted(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]).unwrap());
        assert!(wanted(&[endpoint, ("OTEL_SDK_DISABLED", "false")]).unwrap());
        assert!(!wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]).unwrap());
    }

    #[test]
    fn what_cannot_be_fulfilled_is_said() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317");
        let general = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let error = wanted(&[endpoint, general]).unwrap_err().to_string();
        assert!(error.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && error.contains("http/protobuf"));
        let special = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        assert!(wanted(&[endpoint, general, special]).unwrap());
        assert!(wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "zipkin")]).is_err());
    }

    #[test]
    fn timeouts_and_certificates_are_read() {
        let with = |name: &'static str, value: &'static str| {
            client(&move |asked: &str| (asked == name).then(|| value.to_owned()))
        };
        assert!(with("OTEL_EXPORTER_OTLP_TIMEOUT", "250").is_ok());
        let error = with("OTEL_EXPORTER_OTLP_TIMEOUT", "soon").unwrap_err();
        assert!(error.to_string().contains("OTEL_EXPORTER_OTLP_TIMEOUT"));
        assert!(with("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere").is_err());
        let this = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let error = with("OTEL_EXPORTER_OTLP_CERTIFICATE", this).unwrap_err();
        assert!(error.to_string().contains("no certificate"), "{error}");
    }
}
