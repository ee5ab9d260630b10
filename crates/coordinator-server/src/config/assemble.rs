//! From single values to a configuration that makes sense as a whole.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::ServerName;
use security::{BindRequest, check_bind};
use telemetry::logs::check_filter;

use crate::config::knobs::knobs;
use crate::config::model::*;
use crate::config::source::Environment;
use crate::config::value::{HiddenUrl, Secret};
use crate::config::values::Values;
use crate::settings as set;

/// The configuration, unless something it needs is missing; what is wrong is in
/// `values` afterwards.
pub(super) fn assemble(values: &mut Values, env: &Environment) -> Option<Config> {
    // Each part is looked at before any is found missing, so that all problems show.
    let registry = registry(values);
    let store = store(values, env);
    let services = services(values);
    let api = api(values);
    let http_listen = http_listen(values);
    apart(values, api.listen, http_listen);
    let log = log(values);
    let (shutdown_timeout, drain_delay) = shutdown(values);
    let shadow = shadow(values, registry.as_ref(), store.as_ref());
    let knobs = knobs(values, shutdown_timeout.saturating_sub(drain_delay));
    Some(Config {
        registry: registry?,
        store: store?,
        services: services?,
        api,
        http_listen,
        log: log?,
        shadow,
        fail_fast: values.switch(&set::FAIL_FAST),
        shutdown_timeout,
        drain_delay,
        knobs,
    })
}

fn registry(values: &mut Values) -> Option<RegistryConfig> {
    if values.is_mentioned(&set::REGISTRY_FILE) {
        for unused in [&set::RPC_URL, &set::REGISTRY_CONTRACT_ID, &set::RPC_API_KEY] {
            if values.is_set(unused) {
                values.warn(unused, "it is not used, since `registry_file` is set");
            }
        }
        let path = values.file_or_folder(&set::REGISTRY_FILE);
        return path.map(RegistryConfig::File);
    }
    values.require(&set::RPC_URL);
    values.require(&set::REGISTRY_CONTRACT_ID);
    let header = values.text(&set::RPC_API_KEY_HEADER).map(str::to_owned)?;
    if !is_header(&header) {
        values.reject(&set::RPC_API_KEY_HEADER, "it is no name of an HTTP header");
    }
    let urls = values.urls(&set::RPC_URL);
    let api_keys = api_keys(values, &urls);
    let exposed = |(url, key): (&HiddenUrl, &Option<Secret>)| {
        key.is_some() && url.expose().scheme() == "http"
    };
    if urls.iter().zip(&api_keys).any(exposed) {
        values.warn(
            &set::RPC_API_KEY,
            "it is sent unencrypted, since `rpc_url` holds an http:// URL",
        );
    }
    Some(RegistryConfig::Near {
        urls,
        contract: values.text(&set::REGISTRY_CONTRACT_ID)?.to_owned(),
        api_keys,
        api_key_header: header,
    })
}

/// The key for each of `urls`. A key belongs to one provider: it goes to hosts of
/// several only if that is said.
fn api_keys(values: &mut Values, urls: &[HiddenUrl]) -> Vec<Option<Secret>> {
    let none = || vec![None; urls.len()];
    let Some(secret) = values.secret(&set::RPC_API_KEY) else {
        return none();
    };
    if urls.len() == 1 {
        return vec![Some(secret)];
    }
    let keys: Vec<&str> = secret.expose().split(',').map(str::trim).collect();
    let mut hosts = urls.iter().map(|url| url.expose().host_str());
    let first = hosts.next();
    match keys.as_slice() {
        [_] if hosts.all(|host| Some(host) == first) => vec![Some(secret); urls.len()],
        [_] => {
            values.reject(
                &set::RPC_API_KEY,
                "it is one key, and `rpc_url` names several hosts, each of which would be shown \
                 it: give the keys in the order of the URLs, separated by commas, with nothing \
                 for a host that has none. `KEY,` is a key for the first of two",
            );
            none()
        }
        keys if keys.len() == urls.len() => keys
            .iter()
            .map(|key| (!key.is_empty()).then(|| Secret::new(*key)))
            .collect(),
        keys => {
            let message = format!(
                "it holds {} keys, separated by commas, for {} URLs in `rpc_url`: give one for \
                 each in their order, with nothing for a host that has none",
                keys.len(),
                urls.len()
            );
            values.reject(&set::RPC_API_KEY, message);
            none()
        }
    }
}

/// A shadow reads what the active coordinator reads, and writes nowhere.
fn shadow(
    values: &mut Values,
    registry: Option<&RegistryConfig>,
    store: Option<&StoreConfig>,
) -> bool {
    let shadow = values.switch(&set::SHADOW);
    if shadow && matches!(registry, Some(RegistryConfig::File(_))) {
        values.reject(
            &set::SHADOW,
            "it needs a registry behind `rpc_url`: the versions beside a registry file are \
             written by the active coordinator alone",
        );
    }
    if shadow && matches!(store, Some(StoreConfig::Embedded { .. })) {
        values.reject(
            &set::SHADOW,
            "it needs the records in Redis: an embedded store is open in the active coordinator \
             alone",
        );
    }
    shadow
}

/// Whether `text` consists of what RFC 9110 calls token characters.
fn is_header(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= 256 && text.bytes().all(token)
}

fn store(values: &mut Values, env: &Environment) -> Option<StoreConfig> {
    values.require(&set::REDIS_URL);
    let ca = values.file(&set::REDIS_CA);
    let identity = values.pair(&set::REDIS_CERT, &set::REDIS_KEY);
    let url = values.url(&set::REDIS_URL);
    let encrypted = url
        .as_ref()
        .is_none_or(|url| url.expose().scheme() == "rediss");
    for setting in [&set::REDIS_CA, &set::REDIS_CERT] {
        if values.is_set(setting) && !encrypted {
            values.reject(setting, "it needs `redis_url` to begin with `rediss://`");
        }
    }
    let dir = values.path(&set::DATA_DIR);
    let embedded = match values.text(&set::STORE) {
        Some(word) => word == "embedded",
        None => dir.is_some(),
    };
    let redis = RedisConfig {
        url: url?,
        ca,
        identity,
    };
    if embedded {
        let dir = dir.unwrap_or_else(|| default_data_dir(env));
        let data_plane = redis;
        return Some(StoreConfig::Embedded { dir, data_plane });
    }
    if dir.is_some() {
        values.warn(
            &set::DATA_DIR,
            "it is not used, since the store is in Redis",
        );
    }
    Some(StoreConfig::Redis(redis))
}

/// Where a service's state belongs, as systemd, the XDG rules or nobody says.
fn default_data_dir(env: &Environment) -> PathBuf {
    let absolute = |name: &str| env.path(name).filter(|path| path.is_absolute());
    if let Some(dir) = absolute("STATE_DIRECTORY") {
        return dir;
    }
    if let Some(dir) = absolute("XDG_STATE_HOME") {
        return dir.join("coordinator");
    }
    // Accounts of services often have the root or nothing as their home.
    match absolute("HOME").filter(|home| home.is_dir() && home.parent().is_some()) {
        Some(home) => home.join(".local/state/coordinator"),
        None => PathBuf::from("data"),
    }
}

fn services(values: &mut Values) -> Option<ServicesConfig> {
    values.require(&set::BLOCK_STREAMER_URL);
    values.require(&set::RUNNER_URL);
    let ca = values.file(&set::SERVICES_CA);
    let identity = values.pair(&set::SERVICES_CERT, &set::SERVICES_KEY);
    let block_streamer = values.url(&set::BLOCK_STREAMER_URL);
    let executors = values.url(&set::RUNNER_URL);
    let provisioner = values
        .url(&set::PROVISIONER_URL)
        .or_else(|| executors.clone());
    let plain = |url: &Option<HiddenUrl>| {
        url.as_ref()
            .is_some_and(|url| url.expose().scheme() == "http")
    };
    let all_plain = [&block_streamer, &executors, &provisioner]
        .into_iter()
        .all(plain);
    let server_name = values.text(&set::SERVICES_SERVER_NAME).map(str::to_owned);
    if let Some(name) = &server_name
        && ServerName::try_from(name.as_str()).is_err()
    {
        let problem = "it is neither a host name nor an IP address";
        values.reject(&set::SERVICES_SERVER_NAME, problem);
    }
    let needing_tls = [
        &set::SERVICES_CA,
        &set::SERVICES_CERT,
        &set::SERVICES_SERVER_NAME,
    ];
    for setting in needing_tls {
        if values.is_set(setting) && all_plain {
            values.reject(setting, "no service has a URL that begins with `https://`");
        }
    }
    Some(ServicesConfig {
        block_streamer: block_streamer?,
        executors: executors?,
        provisioner: provisioner?,
        ca,
        identity,
        server_name,
    })
}

fn api(values: &mut Values) -> ApiConfig {
    let tls = values.pair(&set::TLS_CERT, &set::TLS_KEY);
    for (setting, needed) in [
        (&set::TLS_CLIENT_CA, &set::TLS_CERT),
        (&set::CLIENT_ROLES, &set::TLS_CLIENT_CA),
    ] {
        if values.is_set(setting) && !values.is_mentioned(needed) {
            values.reject(setting, format!("`{}` has to be set with it", needed.key()));
        }
    }
    let mut api = ApiConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, values.port(&set::GRPC_PORT))),
        tls,
        client_ca: values.file(&set::TLS_CLIENT_CA),
        client_roles: values.file(&set::CLIENT_ROLES),
        tokens: values.file(&set::TOKENS_FILE),
        insecure: values.switch(&set::INSECURE),
    };
    let explicit = values.address(&set::LISTEN);
    if let Some(address) = explicit {
        if values.is_set(&set::GRPC_PORT) && values.port(&set::GRPC_PORT) != address.port() {
            values.warn(&set::GRPC_PORT, "it is not used, since `listen` is set");
        }
        api.listen = address;
    } else if values.is_set(&set::GRPC_PORT) {
        if api.insecure || (api.tls.is_some() && api.authenticates()) {
            api.listen.set_ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        } else {
            values.warn(
                &set::GRPC_PORT,
                "the API listens on the local machine only; to reach it from others, set up \
                 `tls_cert`, `tls_key` and `tokens_file`, or set `insecure` where the network \
                 protects it",
            );
        }
    }
    let by = if explicit.is_some() {
        &set::LISTEN
    } else {
        &set::GRPC_PORT
    };
    let request = BindRequest {
        address: api.listen,
        tls: api.tls.is_some(),
        authentication: api.authenticates(),
        insecure: api.insecure,
    };
    match check_bind(request) {
        Ok(None) => {}
        Ok(Some(warning)) => values.warn(by, warning.to_string()),
        // A file that cannot be read is no reason to doubt what is wanted.
        Err(_) if values.is_mentioned(&set::TLS_CERT) && api.tls.is_none() => {}
        Err(refusal) => values.reject(by, refusal.to_string()),
    }
    api
}

fn http_listen(values: &mut Values) -> SocketAddr {
    let port = values.port(&set::METRICS_PORT);
    match values.address(&set::HTTP_LISTEN) {
        Some(address) => {
            if values.is_set(&set::METRICS_PORT) && port != address.port() {
                values.warn(
                    &set::METRICS_PORT,
                    "it is not used, since `http_listen` is set",
                );
            }
            if !address.ip().to_canonical().is_loopback() {
                values.warn(
                    &set::HTTP_LISTEN,
                    "whoever reaches it can read phases, errors and endpoints, without \
                     credentials: let only probes and the scraper of the metrics reach it (a \
                     network policy, a firewall), or bind it to the local machine",
                );
            }
            address
        }
        None => {
            if values.is_set(&set::METRICS_PORT) {
                values.warn(
                    &set::METRICS_PORT,
                    "metrics are served on the local machine only; to open them, set \
                     `http_listen`, for instance to `0.0.0.0:9180`",
                );
            }
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        }
    }
}

/// Two listeners cannot have one port.
fn apart(values: &mut Values, api: SocketAddr, http: SocketAddr) {
    let overlap = api.ip() == http.ip() || api.ip().is_unspecified() || http.ip().is_unspecified();
    if api.port() != http.port() || api.port() == 0 || !overlap {
        return;
    }
    let given = [
        &set::HTTP_LISTEN,
        &set::METRICS_PORT,
        &set::LISTEN,
        &set::GRPC_PORT,
    ];
    let blamed = given.into_iter().find(|setting| values.is_set(setting));
    values.reject(
        blamed.unwrap_or(&set::METRICS_PORT),
        format!(
            "the API would listen at {api} and metrics and probes at {http}, which cannot share \
             a port: choose another one for either"
        ),
    );
}

fn log(values: &mut Values) -> Option<LogConfig> {
    let format = match values.text(&set::LOG_FORMAT) {
        Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some("stackdriver") => LogFormat::Stackdriver,
        _ => LogFormat::Auto,
    };
    if let Some(filter) = values.text(&set::LOG_FILTER).map(str::to_owned)
        && let Err(error) = check_filter(&filter)
    {
        values.reject(&set::LOG_FILTER, error.to_string());
    }
    // The newer name says more.
    let stackdriver = values.switch(&set::GCP_LOGGING) && !values.is_set(&set::LOG_FORMAT);
    if values.is_set(&set::GCP_LOGGING) && !stackdriver && format != LogFormat::Stackdriver {
        values.warn(
            &set::GCP_LOGGING,
            "it is not used, since `log_format` is set",
        );
    }
    Some(LogConfig {
        filter: values.text(&set::LOG_FILTER)?.to_owned(),
        format: match stackdriver {
            true => LogFormat::Stackdriver,
            false => format,
        },
    })
}

fn shutdown(values: &mut Values) -> (Duration, Duration) {
    let timeout = values.duration(&set::SHUTDOWN_TIMEOUT).unwrap_or_default();
    let delay = values.duration(&set::DRAIN_DELAY).unwrap_or_default();
    if delay >= timeout && !timeout.is_zero() {
        let timeout = humantime::format_duration(timeout);
        values.reject(
            &set::DRAIN_DELAY,
            format!("it leaves no time to stop: `shutdown_timeout` is {timeout}"),
        );
    }
    (timeout, delay)
}
