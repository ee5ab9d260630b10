//! Opens the connection: address, TLS, token.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::failures;
use crate::args::Connection;
use crate::exit::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Without signs of life a server counts as gone after the sum of the two.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const TOKEN_FILE_MAX: u64 = 8 << 10;
const PEM_FILE_MAX: u64 = 4 << 20;

/// Puts the token into each request.
#[derive(Clone)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// The token of the connection, if it has one.
///
/// # Errors
/// Its file cannot be read or holds no token, or the token would travel in the
/// open.
pub(crate) fn bearer(connection: &Connection, server: &str) -> Result<Bearer, Failure> {
    let Some(path) = Connection::file(&connection.token_file) else {
        return Ok(Bearer(None));
    };
    if !server.starts_with("https://") && !is_loopback(server) && !connection.insecure_token {
        return Err(Failure::usage(format!(
            "the token was not sent, because the connection to {server} is not encrypted; use \
             https://, or --insecure-token if the network is safe"
        )));
    }
    let wrong = |why: &str| Failure::usage(format!("--token-file: {} {why}", path.display()));
    let token = SecretString::from(read("--token-file", &path, TOKEN_FILE_MAX)?);
    let token = token.expose_secret().trim();
    if token.is_empty() {
        return Err(wrong("is empty"));
    }
    if token.split_whitespace().nth(1).is_some() {
        return Err(wrong(
            "holds more than one word; it must hold the token alone",
        ));
    }
    let odd = || wrong("holds a character that no token has");
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(odd());
    }
    let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| odd())?;
    value.set_sensitive(true);
    Ok(Bearer(Some(value)))
}

/// Connects to the coordinator.
///
/// # Errors
/// A certificate cannot be read, or nobody answers.
pub(crate) async fn open(connection: &Connection, server: &str) -> Result<Channel, Failure> {
    let mut endpoint = Endpoint::from_shared(server.to_owned())
        .map_err(|error| Failure::usage(format!("--server: {server} is no address: {error}")))?
        .connect_timeout(CONNECT_TIMEOUT.min(connection.request_timeout))
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .user_agent(concat!("coordinator-cli/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(tls) = tls(connection, server)? {
        endpoint = endpoint
            .tls_config(tls)
            .map_err(|error| failures::of_transport(server, &error))?;
    }
    endpoint
        .connect()
        .await
        .map_err(|error| failures::of_transport(server, &error))
}

fn tls(connection: &Connection, server: &str) -> Result<Option<ClientTlsConfig>, Failure> {
    let ca = Connection::file(&connection.ca);
    let cert = Connection::file(&connection.cert);
    let key = Connection::file(&connection.key);
    if !server.starts_with("https://") {
        return match ca.or(cert).or(key) {
            Some(_) => Err(Failure::usage(format!(
                "certificates are given, but {server} is not asked by TLS; write https://"
            ))),
            None => Ok(None),
        };
    }
    let tls = ClientTlsConfig::new();
    let tls = match ca {
        Some(path) => tls.ca_certificate(Certificate::from_pem(pem("--ca", &path, "CERT")?)),
        None => tls.with_native_roots(),
    };
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(tls.identity(Identity::from_pem(
            pem("--cert", &cert, "CERT")?,
            pem("--key", &key, "KEY")?,
        )))),
        (None, None) => Ok(Some(tls)),
        (Some(_), None) => Err(Failure::usage("--cert needs --key")),
        (None, Some(_)) => Err(Failure::usage("--key needs --cert")),
    }
}

/// A PEM file that holds a block of the wanted kind.
fn pem(flag: &str, path: &Path, kind: &str) -> Result<String, Failure> {
    let text = read(flag, path, PEM_FILE_MAX)?;
    let begins = |line: &str| line.starts_with("-----BEGIN") && line.contains(kind);
    if !text.lines().any(begins) {
        let wanted = if kind == "KEY" { "key" } else { "certificate" };
        let path = path.display();
        return Err(Failure::usage(format!(
            "{flag}: {path} holds no {wanted} in PEM form"
        )));
    }
    Ok(text)
}

fn read(flag: &str, path: &Path, most: u64) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 <= most => Ok(text),
        Ok(_) => Err(Failure::usage(format!(
            "{flag}: {} is longer than {} KiB",
            path.display(),
            most >> 10
        ))),
        Err(error) => Err(Failure::usage(format!(
            "{flag}: {} cannot be read: {error}",
            path.display()
        ))),
    }
}

fn is_loopback(server: &str) -> bool {
    let uri: Option<tonic::codegen::http::Uri> = server.parse().ok();
    let host = uri.as_ref().and_then(|uri| uri.host()).unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for near in [
            "http://127.0.0.1:1",
            "http://127.9.9.9:1",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(is_loopback(near), "{near}");
        }
        for far in [
            "http://10.0.0.1:1",
            "http://localhost.example",
            "http://0.0.0.0:1",
            "http://[::]",
        ] {
            assert!(!is_loopback(far), "{far}");
        }
    }
}
