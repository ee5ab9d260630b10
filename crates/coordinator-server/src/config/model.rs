//! The configuration of the service, complete and consistent.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use coordinator::Knobs;

use crate::config::value::{HiddenUrl, Secret};

/// Everything the service goes by. Nothing in its `Debug` is secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it is read what is wanted.
    pub registry: RegistryConfig,
    /// Where the records are kept.
    pub store: StoreConfig,
    /// The services.
    pub services: ServicesConfig,
    /// The operators' API.
    pub api: ApiConfig,
    /// Where probes and metrics are served.
    pub http_listen: SocketAddr,
    /// Logs.
    pub log: LogConfig,
    /// Whether to change nothing and only report.
    pub shadow: bool,
    /// Whether to end if the store cannot be reached at start.
    pub fail_fast: bool,
    /// Time from the signal to the end, at the most.
    pub shutdown_timeout: Duration,
    /// How long the API goes on after the signal.
    pub drain_delay: Duration,
    /// Timings and limits.
    pub knobs: Knobs,
}

/// Which registry.
#[derive(Clone, Debug, PartialEq)]
pub enum RegistryConfig {
    /// The contract.
    Near {
        /// RPC servers in the order of preference; at least one.
        urls: Vec<HiddenUrl>,
        /// Account of the contract.
        contract: String,
        /// A key for each of `urls`, where there is one.
        api_keys: Vec<Option<Secret>>,
        /// Header that carries the keys.
        api_key_header: String,
    },
    /// A file.
    File(PathBuf),
}

/// Which store.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreConfig {
    /// Everything in the Redis of the services.
    Redis(RedisConfig),
    /// The records in a local file; queues and cursors are where the services
    /// keep them.
    Embedded {
        /// The folder.
        dir: PathBuf,
        /// The Redis of the services.
        data_plane: RedisConfig,
    },
}

impl StoreConfig {
    /// Whether the records are elsewhere than in the Redis of the services.
    #[must_use]
    pub fn is_separate(&self) -> bool {
        matches!(self, StoreConfig::Embedded { .. })
    }

    /// The Redis of the services.
    #[must_use]
    pub fn redis(&self) -> &RedisConfig {
        match self {
            StoreConfig::Redis(redis) => redis,
            StoreConfig::Embedded { data_plane, .. } => data_plane,
        }
    }
}

/// A Redis.
#[derive(Clone, Debug, PartialEq)]
pub struct RedisConfig {
    /// Its URL.
    pub url: HiddenUrl,
    /// Whom to trust for `rediss://`, in place of the system's authorities.
    pub ca: Option<PathBuf>,
    /// Who we are.
    pub identity: Option<IdentityFiles>,
}

/// A certificate and its key, both PEM.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityFiles {
    /// The certificate, with its chain.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// The services.
#[derive(Clone, Debug, PartialEq)]
pub struct ServicesConfig {
    /// The block streamer.
    pub block_streamer: HiddenUrl,
    /// The executors.
    pub executors: HiddenUrl,
    /// The provisioner.
    pub provisioner: HiddenUrl,
    /// Whom to trust for `https://`, in place of the system's authorities.
    pub ca: Option<PathBuf>,
    /// Who we are.
    pub identity: Option<IdentityFiles>,
    /// The name in their certificates, in place of the host of their URLs.
    pub server_name: Option<String>,
}

/// The operators' API.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its certificate; without it there is no encryption.
    pub tls: Option<IdentityFiles>,
    /// Authority of client certificates.
    pub client_ca: Option<PathBuf>,
    /// Roles of client certificates.
    pub client_roles: Option<PathBuf>,
    /// Tokens of operators.
    pub tokens: Option<PathBuf>,
    /// Whether it may be reached without TLS or authentication.
    pub insecure: bool,
}

impl ApiConfig {
    /// Whether callers can be told apart.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        self.tokens.is_some() || self.client_ca.is_some()
    }
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Which lines.
    pub filter: String,
    /// How they look.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
    /// For Google Cloud.
    Stackdriver,
}
