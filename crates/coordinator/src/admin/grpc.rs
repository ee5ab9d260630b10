//! The operators' commands over gRPC, with the original's names and messages.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use proto::indexer::indexer_manager_server::{IndexerManager, IndexerManagerServer};
use proto::indexer::{
    DisableIndexerResponse, Empty, EnableIndexerResponse, IndexerRequest, IndexerState,
    ListIndexersResponse,
};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::{AdminError, AdminService};

/// Why commands are not, or no longer, served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("the admin service cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server ended by itself.
    #[error("the admin service ended: {0}")]
    Ended(#[from] tonic::transport::Error),
}

/// A server that listens, and answers from [`AdminServer::run`] on.
#[derive(Debug)]
pub struct AdminServer {
    incoming: TcpIncoming,
    address: SocketAddr,
}

impl AdminServer {
    /// Listens on `address`; port 0 picks a free one. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn bind(address: SocketAddr) -> Result<AdminServer, ServeError> {
        let failed = |source| ServeError::Bind { address, source };
        let incoming = TcpIncoming::bind(address).map_err(failed)?;
        let address = incoming.local_addr().map_err(failed)?;
        Ok(AdminServer {
            incoming: incoming.with_nodelay(Some(true)),
            address,
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` ends, then answers what it has accepted.
    ///
    /// # Errors
    /// The server ended by itself.
    pub async fn run(
        self,
        admin: Arc<AdminService>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        Server::builder()
            .add_service(IndexerManagerServer::new(Manager(admin)))
            .serve_with_incoming_shutdown(self.incoming, shutdown)
            .await?;
        Ok(())
    }
}

/// Listens on `address` and serves until `shutdown` ends.
///
/// # Errors
/// The address cannot be listened on, or the server ended by itself.
pub async fn serve(
    address: SocketAddr,
    admin: Arc<AdminService>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    AdminServer::bind(address)?.run(admin, shutdown).await
}

struct Manager(Arc<AdminService>);

#[tonic::async_trait]
impl IndexerManager for Manager {
    async fn enable(
        &self,
        request: Request<IndexerRequest>,
    ) -> Result<Response<EnableIndexerResponse>, Status> {
        let caller = caller(&request);
        let IndexerRequest {
            account_id,
            function_name,
        } = request.into_inner();
        self.0.enable(&caller, &account_id, &function_name).await?;
        Ok(Response::new(EnableIndexerResponse { success: true }))
    }

    async fn disable(
        &self,
        request: Request<IndexerRequest>,
    ) -> Result<Response<DisableIndexerResponse>, Status> {
        let caller = caller(&request);
        let IndexerRequest {
            account_id,
            function_name,
        } = request.into_inner();
        self.0.disable(&caller, &account_id, &function_name).await?;
        Ok(Response::new(DisableIndexerResponse { success: true }))
    }

    async fn list(
        &self,
        _request: Request<Empty>,
    ) -> Result<Response<ListIndexersResponse>, Status> {
        let switches = self.0.list().await?;
        let indexers = switches.indexers.into_iter().map(|switch| IndexerState {
            account_id: switch.id.account().to_owned(),
            function_name: switch.id.function().to_owned(),
            enabled: switch.enabled,
        });
        Ok(Response::new(ListIndexersResponse {
            indexers: indexers.collect(),
        }))
    }
}

/// Who asks, as far as is known: nobody is authenticated.
fn caller<T>(request: &Request<T>) -> String {
    request
        .remote_addr()
        .map_or_else(|| "unknown".to_owned(), |address| address.to_string())
}

impl From<AdminError> for Status {
    fn from(error: AdminError) -> Status {
        match error {
            AdminError::InvalidArgument(message) => Status::invalid_argument(message),
            AdminError::NotFound(message) => Status::not_found(message),
            AdminError::FailedPrecondition(message) => Status::failed_precondition(message),
            AdminError::Internal(message) => Status::internal(message),
            AdminError::Unavailable(message) => Status::unavailable(message),
        }
    }
}
