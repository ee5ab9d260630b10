//! Where the server is, and how patient to be with it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::{
    ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError,
    TlsCertificates,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The largest TLS file, in bytes.
const FILE_LEN_MAX: u64 = 1 << 20;

/// How to reach a Redis, and how patient to be.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for
    /// TLS, or `unix:///path/of/the.sock[?db=N&user=..&pass=..]`.
    pub url: SecretString,
    /// How long one attempt to connect may take, TLS and authentication included.
    pub connect_timeout: Duration,
    /// How long a command may take. It should be shorter than the deadline that
    /// the coordinator gives to a command of its store: a connection is only
    /// replaced when this store itself sees that nobody answers on it.
    pub response_timeout: Duration,
    /// The pauses between attempts to connect.
    pub reconnect: Reconnect,
    /// Files for TLS; only with `rediss://`.
    pub tls: TlsFiles,
}

/// The pauses after attempts to connect that failed. During a pause every command
/// fails at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// The pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause, and so the longest time in which a server that is back
    /// goes unnoticed.
    pub longest_pause: Duration,
}

/// Files for TLS, in PEM. They are read again for every connection, so that
/// renewed ones are taken up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates of the authorities to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    /// What the server is shown, if it asks for a certificate.
    pub client: Option<ClientFiles>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl RedisConfig {
    /// The server at `url`, with the usual patience: a second to connect, one and
    /// a half for a command, pauses from 100 ms to 2 s.
    pub fn new(url: SecretString) -> RedisConfig {
        RedisConfig {
            url,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_millis(1500),
            reconnect: Reconnect::default(),
            tls: TlsFiles::default(),
        }
    }
}

impl Default for Reconnect {
    fn default() -> Reconnect {
        Reconnect {
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(2),
        }
    }
}

/// A configuration that can never work. No message holds the URL, which may hold
/// a password.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is no URL of a Redis.
    #[error(
        "the Redis URL cannot be used: {0}. It looks like redis://user:password@host:6379/0, \
         rediss:// for TLS, or unix:///run/redis.sock; special characters in user and password \
         are written as %XX"
    )]
    Url(String),
    /// There are TLS files, but no TLS.
    #[error(
        "files for TLS are given, but the Redis URL does not begin with rediss://; either change \
         the URL or leave the files out"
    )]
    TlsNotUsed,
    /// A TLS file cannot be used.
    #[error("the {role} {} cannot be used: {problem}", path.display())]
    TlsFile {
        /// What the file is for.
        role: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A time or pause is zero or out of proportion.
    #[error("the {name} of the Redis store is {value:?}; it must be {rule}")]
    Time {
        /// Which.
        name: &'static str,
        /// What it is.
        value: Duration,
        /// What it must be.
        rule: &'static str,
    },
}

/// A checked configuration.
#[derive(Clone)]
pub(crate) struct Endpoint {
    info: ConnectionInfo,
    tls: Option<TlsFiles>,
    shown: String,
}

impl Endpoint {
    /// Checks `config`, and reads its TLS files for the first time.
    ///
    /// # Errors
    /// It can never work.
    pub(crate) fn new(config: &RedisConfig) -> Result<Endpoint, ConfigError> {
        check_times(config)?;
        let url = parse(config.url.expose_secret())?;
        let shown = shown(&url);
        let info = url
            .into_connection_info()
            .map_err(|error| ConfigError::Url(reason(&error)))?;
        let tls = match info.addr() {
            ConnectionAddr::TcpTls { .. } => Some(config.tls.clone()),
            _ if config.tls != TlsFiles::default() => return Err(ConfigError::TlsNotUsed),
            _ => None,
        };
        let endpoint = Endpoint { info, tls, shown };
        if endpoint.tls.is_some() {
            provide_tls();
        }
        endpoint.client()?;
        Ok(endpoint)
    }

    /// For people: no user name, no password.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// A client with the TLS files as they now are. Reads files: not for the
    /// runtime's own threads.
    ///
    /// # Errors
    /// A TLS file cannot be used.
    pub(crate) fn client(&self) -> Result<redis::Client, ConfigError> {
        let settings = self
            .info
            .redis_settings()
            .clone()
            .set_lib_name("coordinator", env!("CARGO_PKG_VERSION"));
        let info = self.info.clone().set_redis_settings(settings);
        let client = match &self.tls {
            None => redis::Client::open(info),
            Some(files) => redis::Client::build_with_tls(info, certificates(files)?),
        };
        client.map_err(|error| match &self.tls {
            Some(files) => TlsFiles::blame(files, &error),
            None => ConfigError::Url(reason(&error)),
        })
    }
}

impl TlsFiles {
    /// The client does not say which file it means.
    fn blame(files: &TlsFiles, error: &RedisError) -> ConfigError {
        let problem = error.to_string();
        let (role, path) = match (&files.client, &files.ca) {
            (Some(client), _) if problem.contains("client") => {
                ("client certificate", &client.certificate)
            }
            (Some(client), _) if problem.contains("key") => ("client key", &client.key),
            (_, Some(ca)) => ("CA file", ca),
            (Some(client), None) => ("client certificate", &client.certificate),
            (None, None) => return ConfigError::Url(problem),
        };
        ConfigError::TlsFile {
            role,
            path: path.clone(),
            problem,
        }
    }
}

fn check_times(config: &RedisConfig) -> Result<(), ConfigError> {
    let Reconnect {
        first_pause,
        longest_pause,
    } = config.reconnect;
    for (name, value) in [
        ("connect timeout", config.connect_timeout),
        ("response timeout", config.response_timeout),
        ("first pause", first_pause),
        ("longest pause", longest_pause),
    ] {
        if value.is_zero() || value > Duration::from_secs(3600) {
            return Err(ConfigError::Time {
                name,
                value,
                rule: "more than nothing and at most an hour",
            });
        }
    }
    if first_pause > longest_pause {
        return Err(ConfigError::Time {
            name: "first pause",
            value: first_pause,
            rule: "at most the longest pause",
        });
    }
    Ok(())
}

/// The URL, if its outer form is right.
fn parse(text: &str) -> Result<Url, ConfigError> {
    let problem = |text: &str| Err(ConfigError::Url(text.to_owned()));
    if text.trim().is_empty() {
        return problem("it is empty");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        // Its messages are fixed texts and quote nothing.
        Err(error) => return problem(&error.to_string()),
    };
    match url.scheme() {
        "redis" | "rediss" | "valkey" | "valkeys" => {
            if url.host_str().is_none_or(str::is_empty) {
                return problem("it names no host");
            }
        }
        "unix" | "redis+unix" | "valkey+unix" => {}
        scheme if of_many_servers(scheme) => {
            return problem(
                "Sentinel and Cluster are not supported; give the one address that always leads \
                 to the primary, of a proxy or a provider for instance, as redis:// or rediss://",
            );
        }
        // It may be anything, the beginning of a password too.
        _ => return problem("it does not begin with redis://, rediss:// or unix://"),
    }
    if url.fragment().is_some() {
        return problem(
            "it has a part after `#`; certificates are always checked, and a `#` within a \
             password is written as %23",
        );
    }
    Ok(url)
}

/// Schemes by which other clients find servers that they are not told of.
fn of_many_servers(scheme: &str) -> bool {
    let rest = scheme
        .strip_prefix("redis")
        .or_else(|| scheme.strip_prefix("valkey"));
    rest.is_some_and(|rest| rest.contains("sentinel") || rest.contains("cluster"))
}

/// What of the URL may be seen.
fn shown(url: &Url) -> String {
    let scheme = url.scheme();
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return format!("{scheme}://{}", url.path());
    }
    let port = url.port().unwrap_or(6379);
    let database = match url.path().trim_matches('/') {
        "" => "0",
        database => database,
    };
    format!("{scheme}://{host}:{port}/{database}")
}

/// What the client says about a URL. Only its fixed text: the rest quotes.
fn reason(error: &RedisError) -> String {
    let text = error.to_string();
    match text.split_once(" - ") {
        Some((fixed, _)) => fixed.to_owned(),
        None => "it is not understood".to_owned(),
    }
}

/// The client takes the provider of the process. Setting one twice is refused,
/// and leaves the first.
fn provide_tls() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

fn certificates(files: &TlsFiles) -> Result<TlsCertificates, ConfigError> {
    let root_cert = match &files.ca {
        Some(path) => Some(pem("CA file", path, "CERTIFICATE")?),
        None => None,
    };
    let client_tls = match &files.client {
        Some(client) => Some(ClientTlsConfig {
            client_cert: pem("client certificate", &client.certificate, "CERTIFICATE")?,
            client_key: pem("client key", &client.key, "PRIVATE KEY")?,
        }),
        None => None,
    };
    Ok(TlsCertificates {
        client_tls,
        root_cert,
    })
}

fn pem(role: &'static str, path: &Path, kind: &str) -> Result<Vec<u8>, ConfigError> {
    let problem = |problem: String| ConfigError::TlsFile {
        role,
        path: path.to_owned(),
        problem,
    };
    let mut content = Vec::new();
    let metadata = fs::metadata(path).map_err(|error| problem(error.to_string()))?;
    // Opening a pipe would wait for its writer.
    if !metadata.is_file() {
        return Err(problem("it is no regular file".to_owned()));
    }
    File::open(path)
        .and_then(|file| file.take(FILE_LEN_MAX + 1).read_to_end(&mut content))
        .map_err(|error| problem(error.to_string()))?;
    if content.len() as u64 > FILE_LEN_MAX {
        return Err(problem(format!("it has more than {FILE_LEN_MAX} bytes")));
    }
    // Else an empty file would mean that nobody is trusted, and say so nowhere.
    let text = String::from_utf8_lossy(&content);
    let is_there = text
        .lines()
        .any(|line| line.starts_with("-----BEGIN ") && line.contains(kind));
    if is_there {
        Ok(content)
    } else {
        Err(problem(format!("it holds no `{kind}` in PEM")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, ConfigError> {
        Endpoint::new(&RedisConfig::new(url.into()))
    }

    #[test]
    fn good_urls_are_shown_without_credentials() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://localhost/", "redis://localhost:6379/0"),
            ("redis://db:7000/3", "redis://db:7000/3"),
            ("redis://user:hunter2@db:7000/3", "redis://db:7000/3"),
            ("redis://:hunter2%40%23@db", "redis://db:6379/0"),
            ("rediss://:hunter2@db", "rediss://db:6379/0"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
            (
                "unix:///run/redis.sock?pass=hunter2",
                "unix:///run/redis.sock",
            ),
            ("redis://db?protocol=resp3", "redis://db:6379/0"),
        ] {
            assert_eq!(endpoint(url).unwrap().shown(), shown, "{url}");
        }
    }

    #[test]
    fn bad_urls_are_refused_without_being_repeated() {
        for (url, word) in [
            ("", "empty"),
            (" ", "empty"),
            ("localhost:6379", "redis://"),
            ("hunter2@localhost:6379", "relative URL"),
            ("hunter2:x@localhost:6379", "redis://"),
            ("http://hunter2@localhost", "redis://"),
            ("redis://", "host"),
            ("redis://:hunter2@", "host"),
            ("redis://hunter2@db:99999", "port"),
            ("redis://hunter2@db:6379/hunter2", "database"),
            ("redis://hunter2@0.0.0.0", "wildcard"),
            ("rediss://:hunter2@db/#insecure", "certificates"),
            ("redis://:a#hunter2@db", "host"),
            ("redis://db/0#hunter2", "%23"),
            ("redis://db?protocol=hunter2", "protocol"),
            ("redis://:%ff@db", "UTF-8"),
            ("redis-sentinel://:hunter2@db:26379/mymaster/0", "Sentinel"),
            ("rediss+sentinel://:hunter2@db:26379/0", "Sentinel"),
            ("redis-cluster://:hunter2@db:7000", "Cluster"),
            ("valkeys-cluster://:hunter2@db:7000", "Cluster"),
        ] {
            let error = endpoint(url).err().map(|error| error.to_string());
            let error = error.unwrap_or_else(|| panic!("{url} is taken"));
            assert!(error.contains(word), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn nothing_prints_the_password() {
        let config = RedisConfig::new("redis://user:hunter2@db".into());
        assert!(!format!("{config:?}").contains("hunter2"));
        let store = crate::RedisStore::new(&config).unwrap();
        assert!(!format!("{store:?}").contains("hunter2"));
    }

    #[test]
    fn times_out_of_proportion_are_refused() {
        let good = RedisConfig::new("redis://db".into());
        let mut bad = [good.clone(), good.clone(), good.clone(), good];
        bad[0].connect_timeout = Duration::ZERO;
        bad[1].response_timeout = Duration::MAX;
        bad[2].reconnect.longest_pause = Duration::from_millis(1);
        bad[3].reconnect.first_pause = Duration::ZERO;
        for config in bad {
            assert!(matches!(
                Endpoint::new(&config),
                Err(ConfigError::Time { .. })
            ));
        }
    }

    #[test]
    fn tls_files_are_read_at_once_and_only_with_tls() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("empty"), "").unwrap();
        std::fs::write(path("large"), vec![b'-'; (1 << 20) + 1]).unwrap();
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(path("garbled"), garbled).unwrap();
        let with_ca = |url: &str, name: &str| {
            let mut config = RedisConfig::new(url.into());
            config.tls.ca = Some(path(name));
            Endpoint::new(&config).err().map(|error| error.to_string())
        };
        for (name, word) in [
            ("none", "No such file"),
            ("empty", "no `CERTIFICATE`"),
            ("large", "more than"),
            ("garbled", "garbled"),
        ] {
            let error = with_ca("rediss://db", name).unwrap_or_else(|| panic!("{name} is taken"));
            assert!(error.contains(word) && error.contains("CA file"), "{error}");
        }
        let error = with_ca("redis://db", "none").unwrap();
        assert!(error.contains("rediss://"), "{error}");
        let mut config = RedisConfig::new("rediss://db".into());
        config.tls.client = Some(ClientFiles {
            certificate: path("garbled"),
            key: path("none"),
        });
        let error = Endpoint::new(&config).err().unwrap().to_string();
        assert!(error.contains("client key"), "{error}");
    }
}
