//! The settings that say what there is and where.

use std::time::Duration;

use super::{Group, Kind, Setting};

/// URLs of the NEAR RPC.
pub const RPC_URL: Setting = Setting::new(
    Group::Registry,
    "rpc-url",
    "RPC_URL",
    Kind::HttpUrls,
    "NEAR RPC through which the registry is read; several are tried in this order",
)
.example("https://rpc.mainnet.near.org")
.common();

/// The registry contract.
pub const REGISTRY_CONTRACT_ID: Setting = Setting::new(
    Group::Registry,
    "registry-contract-id",
    "REGISTRY_CONTRACT_ID",
    Kind::Account,
    "account of the registry contract",
)
.example("queryapi.dataplatform.near")
.common();

/// A registry without a chain.
pub const REGISTRY_FILE: Setting = Setting::new(
    Group::Registry,
    "registry-file",
    "COORDINATOR_REGISTRY_FILE",
    Kind::InputFile,
    "file with the registry, in place of the contract: for trials and closed installations",
)
.example("registry.toml")
.common();

/// Key of the RPC provider.
pub const RPC_API_KEY: Setting = Setting::new(
    Group::Registry,
    "rpc-api-key",
    "COORDINATOR_RPC_API_KEY",
    Kind::Secret,
    "key for the RPC, sent with each request; one for each URL, if they have several hosts",
)
.example("6e1f0c7a");

/// Header for that key.
pub const RPC_API_KEY_HEADER: Setting = Setting::new(
    Group::Registry,
    "rpc-api-key-header",
    "COORDINATOR_RPC_API_KEY_HEADER",
    Kind::Text,
    "header that carries the key; with `authorization` it is sent as a bearer token",
)
.default("authorization")
.example("x-api-key");

/// Which store.
pub const STORE: Setting = Setting::new(
    Group::Store,
    "store",
    "COORDINATOR_STORE",
    Kind::Choice(&["redis", "embedded"]),
    "where the coordinator keeps its records: in Redis, as the original did, or in a local file",
)
.otherwise("`embedded` if `data_dir` is set, else `redis`")
.example("redis");

/// The Redis.
pub const REDIS_URL: Setting = Setting::new(
    Group::Store,
    "redis-url",
    "REDIS_URL",
    Kind::RedisUrl,
    "Redis of block streamers and executors; also holds the records unless the store is embedded",
)
.example("redis://localhost:6379")
.common();

/// Folder of the embedded store.
pub const DATA_DIR: Setting = Setting::new(
    Group::Store,
    "data-dir",
    "COORDINATOR_DATA_DIR",
    Kind::Folder,
    "folder of the embedded store",
)
.otherwise(
    "`$STATE_DIRECTORY`, `$XDG_STATE_HOME/coordinator`, `~/.local/state/coordinator` or `./data`",
)
.example("/var/lib/coordinator");

/// Authority of Redis.
pub const REDIS_CA: Setting = Setting::new(
    Group::Store,
    "redis-ca",
    "COORDINATOR_REDIS_CA",
    Kind::InputFile,
    "certificates (PEM) of the authority to trust for `rediss://`, in place of the system's",
)
.example("/etc/coordinator/redis-ca.pem");

/// Our certificate for Redis.
pub const REDIS_CERT: Setting = Setting::new(
    Group::Store,
    "redis-cert",
    "COORDINATOR_REDIS_CERT",
    Kind::InputFile,
    "client certificate (PEM) for `rediss://`",
)
.example("/etc/coordinator/redis.pem");

/// Our key for Redis.
pub const REDIS_KEY: Setting = Setting::new(
    Group::Store,
    "redis-key",
    "COORDINATOR_REDIS_KEY",
    Kind::InputFile,
    "key (PEM) of that certificate",
)
.example("/etc/coordinator/redis.key");

/// The block streamer.
pub const BLOCK_STREAMER_URL: Setting = Setting::new(
    Group::Services,
    "block-streamer-url",
    "BLOCK_STREAMER_URL",
    Kind::ServiceUrl,
    "block streamer",
)
.example("http://localhost:8002")
.common();

/// The runner.
pub const RUNNER_URL: Setting = Setting::new(
    Group::Services,
    "runner-url",
    "RUNNER_URL",
    Kind::ServiceUrl,
    "runner: executors, and the provisioner unless that stands elsewhere",
)
.example("http://localhost:7001")
.common();

/// The provisioner.
pub const PROVISIONER_URL: Setting = Setting::new(
    Group::Services,
    "provisioner-url",
    "COORDINATOR_PROVISIONER_URL",
    Kind::ServiceUrl,
    "provisioner of data layers",
)
.otherwise("`runner_url`")
.example("http://localhost:7002");

/// Authority of the services.
pub const SERVICES_CA: Setting = Setting::new(
    Group::Services,
    "services-ca",
    "COORDINATOR_SERVICES_CA",
    Kind::InputFile,
    "certificates (PEM) of the authority to trust for `https://` services, not the system's",
)
.example("/etc/coordinator/services-ca.pem");

/// Our certificate for the services.
pub const SERVICES_CERT: Setting = Setting::new(
    Group::Services,
    "services-cert",
    "COORDINATOR_SERVICES_CERT",
    Kind::InputFile,
    "client certificate (PEM) for the services",
)
.example("/etc/coordinator/client.pem");

/// Our key for the services.
pub const SERVICES_KEY: Setting = Setting::new(
    Group::Services,
    "services-key",
    "COORDINATOR_SERVICES_KEY",
    Kind::InputFile,
    "key (PEM) of that certificate",
)
.example("/etc/coordinator/client.key");

/// Name in the services' certificates.
pub const SERVICES_SERVER_NAME: Setting = Setting::new(
    Group::Services,
    "services-server-name",
    "COORDINATOR_SERVICES_SERVER_NAME",
    Kind::Text,
    "name that the certificates of `https://` services bear, where it is not that of their URL",
)
.otherwise("the host of each URL")
.example("services.internal");

/// Port of the API, by the original's name.
pub const GRPC_PORT: Setting = Setting::new(
    Group::Api,
    "grpc-port",
    "GRPC_PORT",
    Kind::Port,
    "port of the API: on every address if TLS and authentication are set up or `insecure` is \
     set, else on the local machine only",
)
.default("9003")
.example("9003")
.common();

/// Address of the API.
pub const LISTEN: Setting = Setting::new(
    Group::Api,
    "listen",
    "COORDINATOR_LISTEN",
    Kind::Address,
    "address and port of the API, in place of `grpc_port`",
)
.otherwise("see `grpc_port`")
.example("127.0.0.1:9003")
.common();

/// Certificate of the API.
pub const TLS_CERT: Setting = Setting::new(
    Group::Api,
    "tls-cert",
    "COORDINATOR_TLS_CERT",
    Kind::InputFile,
    "certificate chain (PEM) of the API; read again when it changes",
)
.example("/etc/coordinator/tls.crt");

/// Key of the API.
pub const TLS_KEY: Setting = Setting::new(
    Group::Api,
    "tls-key",
    "COORDINATOR_TLS_KEY",
    Kind::InputFile,
    "key (PEM) of that certificate",
)
.example("/etc/coordinator/tls.key");

/// Authority of clients.
pub const TLS_CLIENT_CA: Setting = Setting::new(
    Group::Api,
    "tls-client-ca",
    "COORDINATOR_TLS_CLIENT_CA",
    Kind::InputFile,
    "certificates (PEM) of the authority that signs client certificates",
)
.example("/etc/coordinator/clients-ca.pem");

/// Roles of clients.
pub const CLIENT_ROLES: Setting = Setting::new(
    Group::Api,
    "client-roles",
    "COORDINATOR_CLIENT_ROLES",
    Kind::InputFile,
    "file that gives client certificates their roles; those it does not name have none",
)
.otherwise("every certificate may read")
.example("/etc/coordinator/client-roles");

/// Tokens of operators.
pub const TOKENS_FILE: Setting = Setting::new(
    Group::Api,
    "tokens-file",
    "COORDINATOR_TOKENS_FILE",
    Kind::InputFile,
    "file with the tokens of operators and their roles; read again when it changes",
)
.example("/etc/coordinator/tokens");

/// Leave to be open.
pub const INSECURE: Setting = Setting::new(
    Group::Api,
    "insecure",
    "COORDINATOR_INSECURE",
    Kind::Switch,
    "lets the API be reached from other machines without TLS or without authentication",
)
.default("false")
.example("true");

/// Address of probes and metrics.
pub const HTTP_LISTEN: Setting = Setting::new(
    Group::Http,
    "http-listen",
    "COORDINATOR_HTTP_LISTEN",
    Kind::Address,
    "address and port of `/metrics`, `/healthz`, `/readyz` and `/version`",
)
.otherwise("`127.0.0.1` and `metrics_port`")
.example("0.0.0.0:9180")
.common();

/// Port of metrics, by the name that the other services use.
pub const METRICS_PORT: Setting = Setting::new(
    Group::Http,
    "metrics-port",
    "METRICS_PORT",
    Kind::Port,
    "port of probes and metrics on the local machine, unless `http_listen` is set",
)
.default("9180")
.example("9180");

/// Filter of the log.
pub const LOG_FILTER: Setting = Setting::new(
    Group::Logs,
    "log",
    "RUST_LOG",
    Kind::Text,
    "which lines are logged: a level, also by module, such as `info,coordinator=debug`",
)
.default("info")
.example("info,coordinator=debug")
.common();

/// Format of the log.
pub const LOG_FORMAT: Setting = Setting::new(
    Group::Logs,
    "log-format",
    "COORDINATOR_LOG_FORMAT",
    Kind::Choice(&["auto", "text", "json", "stackdriver"]),
    "format of the log; `auto` is text on a terminal and JSON elsewhere",
)
.default("auto")
.example("json");

/// Format of the log, by the original's name.
pub const GCP_LOGGING: Setting = Setting::new(
    Group::Logs,
    "gcp-logging",
    "GCP_LOGGING_ENABLED",
    Kind::Presence,
    "same as `log_format = \"stackdriver\"`, whatever value the variable has",
)
.default("false")
.example("true");

/// Watch only.
pub const SHADOW: Setting = Setting::new(
    Group::Process,
    "shadow",
    "COORDINATOR_SHADOW",
    Kind::Switch,
    "observes and plans, changes nothing, and reports what it would have done",
)
.default("false")
.example("true")
.common();

/// End instead of waiting.
pub const FAIL_FAST: Setting = Setting::new(
    Group::Process,
    "fail-fast",
    "COORDINATOR_FAIL_FAST",
    Kind::Switch,
    "ends with exit code 69 if the store cannot be reached at start, instead of waiting for it",
)
.default("false")
.example("true");

/// Time to stop.
pub const SHUTDOWN_TIMEOUT: Setting = Setting::new(
    Group::Process,
    "shutdown-timeout",
    "COORDINATOR_SHUTDOWN_TIMEOUT",
    Kind::Duration {
        least: Duration::from_secs(1),
        most: Duration::from_secs(3600),
    },
    "time from the signal to the end, at the most; stay below what the platform grants",
)
.default("25s")
.example("25s");

/// Time between not ready and closed.
pub const DRAIN_DELAY: Setting = Setting::new(
    Group::Process,
    "drain-delay",
    "COORDINATOR_DRAIN_DELAY",
    Kind::Duration {
        least: Duration::ZERO,
        most: Duration::from_secs(600),
    },
    "how long the API goes on after the signal, while load balancers learn of it; part of \
     `shutdown_timeout`, and left out after Ctrl-C on a terminal",
)
.default("5s")
.example("5s");

/// All of the above.
pub(super) const TABLE: [&Setting; 35] = [
    &RPC_URL,
    &REGISTRY_CONTRACT_ID,
    &REGISTRY_FILE,
    &RPC_API_KEY,
    &RPC_API_KEY_HEADER,
    &STORE,
    &REDIS_URL,
    &DATA_DIR,
    &REDIS_CA,
    &REDIS_CERT,
    &REDIS_KEY,
    &BLOCK_STREAMER_URL,
    &RUNNER_URL,
    &PROVISIONER_URL,
    &SERVICES_CA,
    &SERVICES_CERT,
    &SERVICES_KEY,
    &SERVICES_SERVER_NAME,
    &GRPC_PORT,
    &LISTEN,
    &TLS_CERT,
    &TLS_KEY,
    &TLS_CLIENT_CA,
    &CLIENT_ROLES,
    &TOKENS_FILE,
    &INSECURE,
    &HTTP_LISTEN,
    &METRICS_PORT,
    &LOG_FILTER,
    &LOG_FORMAT,
    &GCP_LOGGING,
    &SHADOW,
    &FAIL_FAST,
    &SHUTDOWN_TIMEOUT,
    &DRAIN_DELAY,
];
