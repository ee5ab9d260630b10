//! Which coordinator is asked, and as whom.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueHint, value_parser};

use crate::exit::Failure;
use crate::text;

/// The port that the coordinator serves unless told otherwise.
const PORT: u16 = 9003;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Which coordinator is asked, and as whom. A variable that is set to nothing
/// counts as not set.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// The coordinator's address [default: http://127.0.0.1:9003]
    ///
    /// `http://HOST:PORT`, or `https://HOST:PORT` for TLS. If GRPC_PORT is set, as it
    /// is beside a coordinator, the default has that port.
    #[arg(verbatim_doc_comment)]
    #[arg(
        long,
        value_name = "URL",
        env = "COORDINATOR_SERVER",
        hide_env_values = true
    )]
    #[arg(value_hint = ValueHint::Url)]
    pub server: Option<String>,

    /// The port of the default address.
    #[arg(long, env = "GRPC_PORT", hide = true)]
    pub grpc_port: Option<String>,

    /// A file with the token that says who you are
    #[arg(
        long,
        value_name = "FILE",
        env = "COORDINATOR_TOKEN_FILE",
        hide_env_values = true
    )]
    #[arg(value_hint = ValueHint::FilePath, value_parser = value_parser!(OsString))]
    pub token_file: Option<OsString>,

    /// Send the token even though the connection is not encrypted
    #[arg(long, hide_short_help = true)]
    pub insecure_token: bool,

    /// Certificates to trust, PEM [default: the system's]
    #[arg(
        long,
        value_name = "FILE",
        env = "COORDINATOR_CA",
        hide_env_values = true
    )]
    #[arg(value_hint = ValueHint::FilePath, value_parser = value_parser!(OsString))]
    #[arg(hide_short_help = true)]
    pub ca: Option<OsString>,

    /// A certificate that says who you are, PEM; needs --key
    #[arg(
        long,
        value_name = "FILE",
        env = "COORDINATOR_CERT",
        hide_env_values = true
    )]
    #[arg(value_hint = ValueHint::FilePath, value_parser = value_parser!(OsString))]
    #[arg(hide_short_help = true)]
    pub cert: Option<OsString>,

    /// The key of that certificate, PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "COORDINATOR_KEY",
        hide_env_values = true
    )]
    #[arg(value_hint = ValueHint::FilePath, value_parser = value_parser!(OsString))]
    #[arg(hide_short_help = true)]
    pub key: Option<OsString>,

    /// How long one request may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = request_timeout)]
    #[arg(env = "COORDINATOR_REQUEST_TIMEOUT", hide_env_values = true)]
    #[arg(hide_short_help = true)]
    pub request_timeout: Duration,
}

impl Connection {
    /// The address that is asked, with a scheme, without a slash at its end.
    ///
    /// # Errors
    /// `GRPC_PORT` is no port, or the address is none, or holds a password.
    pub(crate) fn address(&self) -> Result<String, Failure> {
        match given(&self.server) {
            Some(server) => address(server),
            None => {
                let port = given(&self.grpc_port).map_or(Ok(PORT), |port| {
                    port.parse::<u16>().map_err(|_| {
                        Failure::usage(format!(
                            "GRPC_PORT is `{}`, which is no port; correct it, or set --server",
                            text::sentence(port)
                        ))
                    })
                })?;
                Ok(format!("http://127.0.0.1:{port}"))
            }
        }
    }

    pub(crate) fn file(setting: &Option<OsString>) -> Option<PathBuf> {
        let path = setting.as_deref().filter(|path| *path != OsStr::new(""))?;
        Some(Path::new(path).to_owned())
    }
}

fn given(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().filter(|text| !text.is_empty())
}

fn address(server: &str) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::usage(format!("--server: {why}; write http://HOST:PORT"));
    let (scheme, rest) = server.split_once("://").unwrap_or(("http", server));
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err(wrong(
            "an address holds no user and no password (a token is given by --token-file)",
        ));
    }
    if !matches!(scheme, "http" | "https") {
        let scheme = text::sentence(scheme);
        return Err(wrong(&format!("`{scheme}` is neither http nor https")));
    }
    let full = format!("{scheme}://{rest}");
    let uri: tonic::codegen::http::Uri = full.parse().map_err(|error| {
        wrong(&format!(
            "`{}` is no address: {error}",
            text::sentence(server)
        ))
    })?;
    let authority = uri.authority().map_or("", |it| it.as_str());
    let is_bare = uri.host() == Some(authority);
    if !is_bare && uri.port_u16().is_none() {
        return Err(wrong("the port is no number up to 65535"));
    }
    let has_path = uri.path() != "/" || uri.query().is_some();
    match uri.host() {
        Some(host) if !host.is_empty() && !has_path => Ok(full),
        Some(host) if !host.is_empty() => Err(wrong("an address has no path")),
        _ => Err(wrong("the host is missing")),
    }
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    match text {
        "" => Ok(REQUEST_TIMEOUT),
        _ => duration(text),
    }
}

/// A length of time such as `90s` or `5m`: more than nothing, at most a year.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write for instance 30s or 5m"))?;
    match length {
        Duration::ZERO => Err("it must be more than nothing".to_owned()),
        _ if length > LONGEST => Err("at most 365 days".to_owned()),
        _ => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(server: &str, port: &str) -> Connection {
        Connection {
            server: Some(server.to_owned()),
            grpc_port: Some(port.to_owned()),
            token_file: None,
            insecure_token: false,
            ca: None,
            cert: None,
            key: None,
            request_timeout: REQUEST_TIMEOUT,
        }
    }

    #[test]
    fn the_address_comes_from_whoever_is_most_explicit() {
        for (server, port, address) in [
            ("", "", "http://127.0.0.1:9003"),
            ("", "8002", "http://127.0.0.1:8002"),
            ("https://c.example:443", "8002", "https://c.example:443"),
            ("c.example:9003", "", "http://c.example:9003"),
            ("http://[::1]:9003/", "", "http://[::1]:9003"),
        ] {
            let found = connection(server, port).address();
            assert_eq!(found.as_deref(), Ok(address), "{server} {port}");
        }
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong_and_no_secret() {
        for (server, port, why) in [
            ("", "9003x", "GRPC_PORT is `9003x`, which is no port"),
            ("", "70000", "no port"),
            ("ftp://c.example", "", "`ftp` is neither http nor https"),
            ("http://me:hunter2@c.example", "", "no user and no password"),
            ("http://c.example/path", "", "no path"),
            ("http://", "", "--server"),
            ("http://c.example:port", "", "--server"),
            ("a b", "", "no address"),
        ] {
            let failure = connection(server, port).address().unwrap_err();
            assert_eq!(failure.exit, crate::Exit::Usage);
            assert!(failure.message.contains(why), "{server}: {failure}");
            assert!(!failure.message.contains("hunter2"));
        }
    }

    #[test]
    fn durations_are_bounded() {
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(request_timeout(""), Ok(REQUEST_TIMEOUT));
        for wrong in ["", "5", "0s", "-1s", "2years", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
