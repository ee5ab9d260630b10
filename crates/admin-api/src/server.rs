//! The server: what it listens on, serves, and how it ends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use coordinator::admin::AdminService;
use lifecycle::Timestamp;
use prost::{DecodeError, Message};
use prost_types::FileDescriptorSet;
use proto::coordinator::operations_server::OperationsServer;
use proto::indexer::indexer_manager_server::IndexerManagerServer;
use security::{AuthLayer, Authenticator, Incoming, ServerLimits, ServerTls};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

use crate::answers::AnswersLayer;
use crate::audit::AuditLayer;
use crate::calls::Calls;
use crate::gate::ApiGate;
use crate::health::{Health, SERVICES};
use crate::manager::Manager;
use crate::observe::{ObserveLayer, Observer};
use crate::operations::Operator;

/// The longest request of health checks and reflection, in bytes.
const SMALL: usize = 16 * 1024;

/// Bounds of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Connections and requests.
    pub server: ServerLimits,
    /// The most calls that are carried out at one time; more wait a little and
    /// are refused then.
    pub calls: usize,
    /// The most calls of the original's `List` at one time: each asks the
    /// registry for everything.
    pub listings: usize,
    /// The most watchers.
    pub watchers: usize,
    /// The longest watch; its client may watch again.
    pub watch_age: Duration,
    /// The most watchers of the API's health, who need no credentials.
    pub health_watchers: usize,
    /// The same of one peer address.
    pub health_watchers_per_peer: usize,
    /// The longest watch of health; its client watches again.
    pub health_watch_age: Duration,
    /// The most bytes of answers that are made or wait to be read, in all.
    pub answer_bytes: usize,
    /// The same for one peer address.
    pub answer_bytes_per_peer: usize,
    /// How long an answer may wait for its client to read some of it; then the
    /// connection ends.
    pub answer_patience: Duration,
    /// How long calls may go on once the server is to end.
    pub drain: Duration,
}

impl Default for ApiLimits {
    fn default() -> ApiLimits {
        ApiLimits {
            server: ServerLimits {
                // A name may have 64 KiB, and a page token holds one.
                request_bytes: 256 * 1024,
                ..ServerLimits::default()
            },
            calls: 128,
            listings: 4,
            watchers: 100,
            watch_age: Duration::from_secs(60 * 60),
            health_watchers: 1024,
            health_watchers_per_peer: 256,
            health_watch_age: Duration::from_secs(10 * 60),
            answer_bytes: 96 << 20,
            answer_bytes_per_peer: 24 << 20,
            answer_patience: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// What the coordinator says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its version.
    pub version: String,
    /// When it was started.
    pub started: Timestamp,
}

/// How the API is served.
pub struct ApiOptions {
    /// Where. Whether that is safe is decided before, by
    /// [`security::check_bind`].
    pub address: SocketAddr,
    /// With TLS, or in the clear.
    pub tls: Option<Arc<ServerTls>>,
    /// Who knows callers.
    pub authenticator: Arc<Authenticator>,
    /// Bounds.
    pub limits: ApiLimits,
    /// What the coordinator says of itself.
    pub about: About,
    /// Who is told how calls went.
    pub observer: Option<Arc<dyn Observer>>,
}

/// Why the API is not, or no longer, served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("the operators' API cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Reflection cannot describe the services.
    #[error("the operators' API cannot describe itself: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The server ended by itself.
    #[error("the operators' API ended: {0}")]
    Ended(#[from] tonic::transport::Error),
}

/// The operators' API. It listens once it is bound, and answers from
/// [`AdminApi::run`] on.
pub struct AdminApi {
    incoming: Incoming,
    calls: Arc<Calls>,
    health: Health,
    auth: AuthLayer,
    observer: Option<Arc<dyn Observer>>,
}

impl AdminApi {
    /// Listens. Port 0 picks a free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn bind(options: ApiOptions, admin: Arc<AdminService>) -> Result<AdminApi, ServeError> {
        let ApiOptions {
            address,
            tls,
            authenticator,
            limits,
            about,
            observer,
        } = options;
        let incoming = Incoming::bind(address, tls, &limits.server)
            .map_err(|source| ServeError::Bind { address, source })?;
        let shutdown = CancellationToken::new();
        Ok(AdminApi {
            incoming,
            calls: Arc::new(Calls::new(admin, about, limits, shutdown)),
            health: Health::new(),
            auth: AuthLayer::new(authenticator, Arc::new(ApiGate)),
            observer,
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.incoming.address()
    }

    /// To tell probes whether the API is to be used. It is from
    /// [`AdminApi::run`] on, unless this says otherwise.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Serves until `shutdown` is cancelled. Then nothing new is accepted,
    /// streams end, and what was begun is finished; what takes longer than the
    /// limit is left behind.
    ///
    /// # Errors
    /// It cannot serve, or ended by itself.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let routes = self.routes()?;
        let AdminApi {
            incoming,
            calls,
            mut health,
            auth,
            observer,
        } = self;
        health.set_serving(true).await;
        let encrypted = incoming.is_encrypted();
        tracing::info!(address = %incoming.address(), encrypted, "the operators' API is served");
        let ending = calls.shutdown.clone();
        let serving = calls
            .limits
            .server
            .server()
            .layer(ObserveLayer(observer))
            .layer(auth)
            .layer(AuditLayer)
            .layer(AnswersLayer::new(&calls.limits))
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, ending.cancelled_owned());
        let limit = calls.limits.drain;
        let drain = async {
            shutdown.cancelled().await;
            health.set_serving(false).await;
            health.end().await;
            calls.shutdown.cancel();
            sleep(limit).await;
        };
        let result = tokio::select! {
            biased;
            served = serving => served.map_err(ServeError::from),
            () = drain => {
                tracing::warn!(?limit, "calls of operators are still open; they are left behind");
                Ok(())
            }
        };
        calls.commands.close();
        if timeout(limit, calls.commands.wait()).await.is_err() {
            let left = calls.commands.len();
            tracing::warn!(left, "commands of operators are still being carried out");
        }
        result
    }

    fn routes(&self) -> Result<Routes, ServeError> {
        let longest = self.calls.limits.server.request_bytes;
        let manager = IndexerManagerServer::new(Manager(Arc::clone(&self.calls)))
            .max_decoding_message_size(longest);
        let operations = OperationsServer::new(Operator(Arc::clone(&self.calls)))
            .max_decoding_message_size(longest);
        let probes = self.health.service(self.calls.limits.health_watch_age);
        let health = HealthServer::new(probes).max_decoding_message_size(SMALL);
        let ours = served().map_err(tonic_reflection::server::Error::from)?;
        let described = || {
            tonic_reflection::server::Builder::configure()
                .register_file_descriptor_set(ours.clone())
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let reflection = described().build_v1()?.max_decoding_message_size(SMALL);
        let older = described()
            .build_v1alpha()?
            .max_decoding_message_size(SMALL);
        Ok(Routes::new(manager)
            .add_service(operations)
            .add_service(health)
            .add_service(reflection)
            .add_service(older))
    }
}

/// The files that declare what is served here. The contract has more: the services that
/// the coordinator itself calls.
fn served() -> Result<FileDescriptorSet, DecodeError> {
    let mut all = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET)?;
    all.file.retain(|file| {
        file.service.iter().any(|service| {
            let name = format!("{}.{}", file.package(), service.name());
            SERVICES.contains(&name.as_str())
        })
    });
    Ok(all)
}
