//! `probe`: a container's health check, where there is neither a shell nor an
//! HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::commands::Console;
use crate::config::{self, Row, Sources};
use crate::exit::Exit;
use crate::settings as set;
use crate::text::visible;

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 64 << 10;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Question {
    /// Whether it is ready: the store answers, and the registry has been read.
    Ready,
    /// Whether it lives, whatever else is away.
    Live,
}

impl Question {
    fn path(self) -> &'static str {
        match self {
            Question::Ready => "/readyz",
            Question::Live => "/healthz",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Question::Ready => "ready",
            Question::Live => "live",
        }
    }
}

/// A question to a coordinator that may run.
#[derive(Debug)]
pub struct Probe {
    /// What is asked.
    pub question: Question,
    /// Where, if that is said: `http://HOST:PORT`.
    pub url: Option<Uri>,
    /// How long the answer may take.
    pub patience: Duration,
    /// Where the settings of that coordinator say where it listens.
    pub sources: Sources,
}

/// An address of probes: `http://HOST:PORT` and nothing else.
///
/// # Errors
/// It is something else; what, for people.
pub fn url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.path()) {
        (Some("http"), "/") if uri.query().is_none() && !text.contains('@') => Ok(uri),
        _ => Err("write http://HOST:PORT".to_owned()),
    }
}

/// Asks: success is yes. Everything else is told, and is no.
pub fn probe(probe: &Probe, console: &mut Console<'_>) -> Exit {
    let word = probe.question.word();
    match ask(probe) {
        Ok(()) => console.data(&format!("{word}\n")),
        Err(why) => {
            console.talk(&format!("error: not {word}: {why}\n"));
            Exit::Failed
        }
    }
}

fn ask(probe: &Probe) -> Result<(), String> {
    let (host, port) = match &probe.url {
        Some(url) => {
            let host = url.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (host.to_owned(), url.port_u16().unwrap_or(80))
        }
        None => {
            let address = address(&config::load(&probe.sources).rows);
            if address.port() == 0 {
                return Err("the service picks its port by itself; give --url".to_owned());
            }
            (address.ip().to_string(), address.port())
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the question cannot be asked: {error}"))?;
    let patience = probe.patience;
    let answer = get(&host, port, probe.question.path());
    let answer = runtime.block_on(async { timeout(patience, answer).await });
    let limit = humantime::format_duration(patience);
    let (status, body) = answer
        .unwrap_or_else(|_| Err(format!("no answer within {limit}")))
        .map_err(|why| format!("http://{}: {why}", authority(&host, port)))?;
    match status {
        StatusCode::OK => Ok(()),
        _ => Err(failed(status, &body)),
    }
}

/// Where the settings say that probes are answered, seen from this machine.
fn address(rows: &[Row]) -> SocketAddr {
    let value = |key: String| {
        let row = rows.iter().find(|row| row.name == key)?;
        row.value.as_ref()
    };
    let listen: Option<SocketAddr> = value(set::HTTP_LISTEN.key())
        .and_then(|value| value.as_str())
        .and_then(|text| text.parse().ok());
    let port = value(set::METRICS_PORT.key())
        .and_then(serde_json::Value::as_u64)
        .and_then(|port| u16::try_from(port).ok());
    let fallback = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or_default()));
    let mut address = listen.unwrap_or(fallback);
    // Who listens everywhere is reached here.
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn authority(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

async fn get(host: &str, port: u16, path: &str) -> Result<(StatusCode, Bytes), String> {
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("nobody answers: {error}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let request = Request::get(path)
        .header(HOST, authority(host, port))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let answer = sender.send_request(request).await;
        let answer = answer.map_err(|error| format!("no HTTP is spoken there: {error}"))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        let body = body.map_err(|error| format!("the answer cannot be read: {error}"))?;
        Ok((status, body.to_bytes()))
    };
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // What was read before the end may be all that was wanted.
        _ = &mut connection => exchange.await,
    }
}

/// The page of `/readyz`, as far as it matters here.
#[derive(Deserialize)]
struct Report {
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    ok: bool,
    detail: String,
}

/// Why not, by the page if it says.
fn failed(status: StatusCode, body: &[u8]) -> String {
    let Ok(report) = serde_json::from_slice::<Report>(body) else {
        return format!("the answer is {status}");
    };
    let failed: Vec<String> = report
        .checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{}: {}", check.name, check.detail))
        .collect();
    // The page is somebody's at this address, not surely a coordinator's.
    visible(failed.join("; ").chars())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    fn asked_at(env: &[(&str, &str)]) -> String {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.into()));
        let sources = Sources {
            flags: Flags::new(),
            config: None,
            env: env.collect(),
        };
        address(&config::load(&sources).rows).to_string()
    }

    #[test]
    fn it_is_asked_where_the_service_listens() {
        assert_eq!(asked_at(&[]), "127.0.0.1:9180");
        assert_eq!(asked_at(&[("METRICS_PORT", "9999")]), "127.0.0.1:9999");
        for (listen, asked) in [
            ("0.0.0.0:9180", "127.0.0.1:9180"),
            ("[::]:9181", "[::1]:9181"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(asked_at(&[("COORDINATOR_HTTP_LISTEN", listen)]), asked);
        }
    }

    #[test]
    fn an_address_is_one_of_a_machine() {
        for good in ["http://localhost:9180", "http://[::1]:9180/", "http://a.b"] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in [
            "localhost:9180",
            "https://localhost:9180",
            "http://localhost:9180/readyz",
            "http://localhost?x",
            "http://me:secret@localhost",
            "",
        ] {
            let why = url(bad).unwrap_err();
            assert!(!why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn what_fails_is_named_and_cannot_move_the_cursor() {
        let page =
            br#"{"ready":false,"checks":[{"name":"store","ok":false,"detail":"can't: a\u001bb"},
            {"name":"records","ok":true,"detail":"read"}]}"#;
        let status = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(failed(status, page), "store: can't: a\\u{1b}b");
        let other = failed(status, b"<html>");
        assert_eq!(other, "the answer is 503 Service Unavailable");
    }
}
