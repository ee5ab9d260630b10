//! The node on a real port: the data layer's gRPC service over a [`NodeHost`].

use std::sync::Arc;

use proto::data_layer::data_layer_server::{DataLayer as Rpc, DataLayerServer};
use proto::data_layer::{
    DeprovisionRequest, GetTaskStatusRequest, GetTaskStatusResponse, ProvisionRequest,
    StartTaskResponse,
};
use real_tokio::net::TcpListener;
use sim_node::server::{NodeHost, Settings, Surroundings, interrupted, serve};
use sim_store::RedisModel;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::{Config, DataLayer, ProvisionerCore};

/// The name of the node, in its ledger and on its output.
pub const NAME: &str = "sim-provisioner";

/// The node as `settings` want it, over an empty database.
///
/// # Errors
/// A setting makes no sense, or the ledger cannot be written.
pub fn prepare(settings: &Settings) -> anyhow::Result<Arc<NodeHost<ProvisionerCore>>> {
    let config = settings.config()?;
    // A data layer uses neither Redis nor chain; every node is given both.
    let own = || Box::new(RedisModel::new(sim_store::Config::default())) as Box<_>;
    let surroundings = settings.surroundings(NAME, own)?;
    let (seed, first) = (settings.seed, settings.first_serial());
    Ok(host(config, seed, first, surroundings))
}

/// A node on the real clock, over an empty database. Task ids follow from `seed`
/// and `first_serial`.
pub fn host(
    config: Config,
    seed: u64,
    first_serial: u64,
    surroundings: Surroundings,
) -> Arc<NodeHost<ProvisionerCore>> {
    let core = ProvisionerCore::new(config, seed, first_serial, DataLayer::default());
    NodeHost::new(core, surroundings)
}

/// Serves the node on `listener` until the program is told to end.
///
/// # Errors
/// The listener failed.
pub async fn run(
    listener: TcpListener,
    host: Arc<NodeHost<ProvisionerCore>>,
) -> anyhow::Result<()> {
    let router = Server::builder().add_service(service(Arc::clone(&host)));
    serve(listener, router, host.drive(), interrupted()).await?;
    Ok(())
}

/// The service alone, for a server that offers others on the same port, as the
/// real one does. Somebody has to poll [`NodeHost::drive`].
pub fn service(host: Arc<NodeHost<ProvisionerCore>>) -> DataLayerServer<Service> {
    DataLayerServer::new(Service { host })
}

/// Passes calls on to the hosted node.
pub struct Service {
    host: Arc<NodeHost<ProvisionerCore>>,
}

#[tonic::async_trait]
impl Rpc for Service {
    async fn start_provisioning_task(
        &self,
        request: Request<ProvisionRequest>,
    ) -> Result<Response<StartTaskResponse>, Status> {
        let request = request.into_inner();
        let call = self
            .host
            .call(|node, env| node.start_provisioning_task(env, request));
        call.await.map(Response::new)
    }

    async fn start_deprovisioning_task(
        &self,
        request: Request<DeprovisionRequest>,
    ) -> Result<Response<StartTaskResponse>, Status> {
        let request = request.into_inner();
        let call = self
            .host
            .call(|node, env| node.start_deprovisioning_task(env, request));
        call.await.map(Response::new)
    }

    async fn get_task_status(
        &self,
        request: Request<GetTaskStatusRequest>,
    ) -> Result<Response<GetTaskStatusResponse>, Status> {
        let request = request.into_inner();
        let call = self
            .host
            .call(|node, env| node.get_task_status(env, request));
        call.await.map(Response::new)
    }
}
