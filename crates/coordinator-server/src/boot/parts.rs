//! Everything that is made from the configuration before anything is done:
//! clients, certificates, tokens. What cannot be made is said at once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coordinator::registry::RegistryTransport;
use coordinator::transport::grpc::{
    GrpcBlockStreamer, GrpcExecutors, GrpcOptions, GrpcProvisioner, IdentityFiles, TlsOptions,
};
use registry_file::FileRegistry;
use registry_near::{ApiKey, Endpoint, NearRegistry, Options};
use secrecy::SecretString;
use security::{
    Anonymous, Authenticator, ClientCa, ClientRoles, Protocols, Role, RoleRules, ServerTls, Tokens,
    Watched,
};
use store_redis::{ClientFiles, RedisStore};

use crate::boot::clock::SystemClock;
use crate::config::{ApiConfig, Config, Problem, RedisConfig, RegistryConfig, ServicesConfig};
use crate::settings::{self as set, Setting};

/// The most that is told of what is wrong with the registry's file.
const PROBLEMS_TOLD_MAX: usize = 10;

/// The parts of a service that does not run yet.
pub struct Parts {
    /// Where it is read what is wanted.
    pub registry: Arc<dyn RegistryTransport>,
    /// The same, if it is a file: it tells what is wrong with it.
    pub registry_file: Option<Arc<FileRegistry>>,
    /// The Redis of the services.
    pub redis: RedisStore,
    /// The clients of the services.
    pub services: Services,
    /// Who may call.
    pub access: Access,
}

/// The clients of the services.
#[derive(Clone)]
pub struct Services {
    /// The block streamer.
    pub block_streamer: GrpcBlockStreamer,
    /// The executors.
    pub executors: GrpcExecutors,
    /// The provisioner.
    pub provisioner: GrpcProvisioner,
}

/// Who may call the API.
pub struct Access {
    /// Encryption.
    pub tls: Option<Arc<ServerTls>>,
    /// Knows callers.
    pub authenticator: Arc<Authenticator>,
    /// What is read from files and read again when they change.
    pub watched: Vec<Arc<dyn Watched>>,
}

/// Makes the parts. Must be called within a tokio runtime. Nothing is connected,
/// opened or bound yet.
///
/// # Errors
/// Everything that cannot be made.
pub fn prepare(config: &Config) -> Result<Parts, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut keep = |result: Result<(), Problem>| problems.extend(result.err());
    let registry = registry(config).map_err(|problem| keep(Err(problem)));
    let redis = redis(config.store.redis(), config.knobs.store_deadline)
        .map_err(|problem| keep(Err(problem)));
    let services = services(&config.services).map_err(|found| {
        found.into_iter().for_each(|problem| keep(Err(problem)));
    });
    let access = access(&config.api).map_err(|found| {
        found.into_iter().for_each(|problem| keep(Err(problem)));
    });
    match (registry, redis, services, access) {
        (Ok((registry, registry_file)), Ok(redis), Ok(services), Ok(access)) => Ok(Parts {
            registry,
            registry_file,
            redis,
            services,
            access,
        }),
        _ => Err(problems),
    }
}

fn problem(setting: &Setting, error: impl ToString) -> Problem {
    Problem::elsewhere(setting.key(), error.to_string())
}

/// The first lines about what is wrong with a registry file, and how to see the others.
pub fn registry_problems(problems: &[registry_file::Problem], path: &Path) -> Vec<String> {
    let told = problems.iter().take(PROBLEMS_TOLD_MAX);
    let mut lines: Vec<String> = told.map(ToString::to_string).collect();
    let more = problems.len().saturating_sub(PROBLEMS_TOLD_MAX);
    if more > 0 {
        let path = path.display();
        lines.push(format!(
            "and {more} more: `coordinator registry check {path}` says all"
        ));
    }
    lines
}

/// Where it is read what is wanted, and the same once more if it is a file.
type Registry = (Arc<dyn RegistryTransport>, Option<Arc<FileRegistry>>);

fn registry(config: &Config) -> Result<Registry, Problem> {
    match &config.registry {
        RegistryConfig::File(path) => {
            // A file that cannot be read is as a node that does not answer: what runs
            // goes on, and operators are heard, while somebody mends it.
            let options = registry_file::Options::default();
            let registry = FileRegistry::open(path, options, Arc::new(SystemClock))
                .map_err(|error| problem(&set::REGISTRY_FILE, error))?;
            let registry = Arc::new(registry);
            Ok((registry.clone(), Some(registry)))
        }
        RegistryConfig::Near {
            urls,
            contract,
            api_keys,
            api_key_header,
        } => {
            let mut endpoints = Vec::new();
            for (url, key) in urls.iter().zip(api_keys) {
                let endpoint = Endpoint::parse(url.expose().as_str())
                    .map_err(|error| problem(&set::RPC_URL, error))?;
                endpoints.push(match key {
                    Some(secret) => {
                        let key = ApiKey::new(api_key_header, &secret.clone().into_inner())
                            .map_err(|error| problem(&set::RPC_API_KEY, error))?;
                        endpoint.with_key(key)
                    }
                    None => endpoint,
                });
            }
            let contract = contract
                .parse()
                .map_err(|error| problem(&set::REGISTRY_CONTRACT_ID, error))?;
            let mut options = Options::new(endpoints, contract);
            // An answer that comes after the caller's deadline is of no use.
            options.timeout = share(config.knobs.list_deadline, 98);
            options.attempt_timeout = share(config.knobs.list_deadline, 60);
            options.connect_timeout = share(config.knobs.list_deadline, 30);
            let registry =
                NearRegistry::new(options).map_err(|error| problem(&set::RPC_URL, error))?;
            let registry = registry.with_clock(Arc::new(SystemClock));
            Ok((Arc::new(registry), None))
        }
    }
}

fn share(whole: Duration, percent: u32) -> Duration {
    whole.saturating_mul(percent) / 100
}

/// The client of a Redis; commands give up before `deadline`.
///
/// # Errors
/// It cannot be made.
pub fn redis(config: &RedisConfig, deadline: Duration) -> Result<RedisStore, Problem> {
    let url = SecretString::from(config.url.expose().as_str());
    let mut options = store_redis::RedisConfig::new(url);
    // A connection on which nobody answers is replaced only if that shows before
    // the coordinator gives up on the command.
    options.response_timeout = share(deadline, 75);
    options.connect_timeout = share(deadline, 50);
    options.tls = store_redis::TlsFiles {
        ca: config.ca.clone(),
        client: config.identity.as_ref().map(|files| ClientFiles {
            certificate: files.cert.clone(),
            key: files.key.clone(),
        }),
    };
    RedisStore::new(&options).map_err(|error| problem(&set::REDIS_URL, error))
}

/// Whether the provisioner is reached at another place than the executors.
fn stands_apart(config: &ServicesConfig) -> bool {
    let place = |url: &crate::config::HiddenUrl| {
        let url = url.expose();
        (
            url.host_str().map(str::to_owned),
            url.port_or_known_default(),
        )
    };
    place(&config.provisioner) != place(&config.executors)
}

fn services(config: &ServicesConfig) -> Result<Services, Vec<Problem>> {
    let tls = TlsOptions {
        ca_file: config.ca.clone(),
        identity: config.identity.as_ref().map(|files| IdentityFiles {
            cert_file: files.cert.clone(),
            key_file: files.key.clone(),
        }),
        server_name: config.server_name.clone(),
        ..TlsOptions::default()
    };
    let options = GrpcOptions {
        tls: Some(tls),
        ..GrpcOptions::default()
    };
    let mut problems = Vec::new();
    let block_streamer = GrpcBlockStreamer::new(config.block_streamer.expose().as_str(), &options)
        .map_err(|error| problems.push(problem(&set::BLOCK_STREAMER_URL, error)));
    let executors = GrpcExecutors::new(config.executors.expose().as_str(), &options)
        .map_err(|error| problems.push(problem(&set::RUNNER_URL, error)));
    let provisioner = GrpcProvisioner::new(config.provisioner.expose().as_str(), &options)
        .map(|provisioner| match stands_apart(config) {
            true => provisioner.apart(),
            false => provisioner,
        })
        .map_err(|error| problems.push(problem(&set::PROVISIONER_URL, error)));
    match (block_streamer, executors, provisioner) {
        (Ok(block_streamer), Ok(executors), Ok(provisioner)) => Ok(Services {
            block_streamer,
            executors,
            provisioner,
        }),
        _ => Err(problems),
    }
}

fn access(config: &ApiConfig) -> Result<Access, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut watched: Vec<Arc<dyn Watched>> = Vec::new();
    let mut tls = None;
    if let Some(files) = &config.tls {
        let files = security::TlsFiles {
            certificate: files.cert.clone(),
            key: files.key.clone(),
            client_ca: config.client_ca.as_ref().map(|path| ClientCa {
                path: path.clone(),
                // Whoever has a token needs no certificate.
                required: config.tokens.is_none(),
            }),
        };
        match ServerTls::load(files, Protocols::Http2) {
            Ok(loaded) => {
                let loaded = Arc::new(loaded);
                watched.push(Arc::<ServerTls>::clone(&loaded));
                tls = Some(loaded);
            }
            Err(error) => problems.push(problem(&set::TLS_CERT, error)),
        }
    }
    let mut tokens = None;
    if let Some(path) = &config.tokens {
        match Tokens::load(path) {
            Ok(loaded) => {
                let loaded = Arc::new(loaded);
                watched.push(Arc::<Tokens>::clone(&loaded));
                tokens = Some(loaded);
            }
            Err(error) => problems.push(problem(&set::TOKENS_FILE, error)),
        }
    }
    let mut client_roles = None;
    if let Some(path) = &config.client_roles {
        // A certificate that no rule fits gets no role.
        match ClientRoles::load(path, None) {
            Ok(loaded) => {
                let loaded = Arc::new(loaded);
                watched.push(Arc::<ClientRoles>::clone(&loaded));
                client_roles = Some(loaded);
            }
            Err(error) => problems.push(problem(&set::CLIENT_ROLES, error)),
        }
    } else if config.client_ca.is_some() {
        let everybody_reads = RoleRules::all(Some(Role::Read));
        client_roles = Some(Arc::new(ClientRoles::fixed(everybody_reads)));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let anonymous = anonymous(config);
    Ok(Access {
        tls,
        authenticator: Arc::new(Authenticator::new(tokens, client_roles, anonymous)),
        watched,
    })
}

/// What callers may do that do not prove who they are.
fn anonymous(config: &ApiConfig) -> Anonymous {
    if config.insecure && !config.authenticates() {
        return Anonymous::Allowed(Role::Operate);
    }
    Anonymous::default_for(config.listen, config.authenticates())
}
