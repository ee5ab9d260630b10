//! The node on a real port: the data layer's gRPC service over a [`NodeHost`].

use std::convert::Infallible;
use std::io::stdout;
use std::sync::Arc;

use proto::data_layer::data_layer_server::{DataLayer as Rpc, DataLayerServer};
use proto::data_layer::{
    DeprovisionRequest, GetTaskStatusRequest, GetTaskStatusResponse, ProvisionRequest,
    StartTaskResponse,
};
use real_tokio::net::TcpListener;
use sim_node::Ledger;
use sim_node::chain::{Chain, ChainConfig};
use sim_node::server::{Discard, Lines, NodeHost, Surroundings, now};
use sim_store::RedisModel;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::{Config, DataLayer, ProvisionerCore};

/// A node of its own on the real clock, over an empty database. Task ids follow
/// from `seed`. Anything that happens is printed to standard output if `verbose`.
pub fn host(config: Config, seed: u64, verbose: bool) -> Arc<NodeHost<ProvisionerCore>> {
    let ledger: Box<dyn Ledger + Send> = if verbose {
        Box::new(Lines(stdout()))
    } else {
        Box::new(Discard)
    };
    // A data layer uses neither Redis nor chain; every node is given both.
    let surroundings = Surroundings {
        redis: Box::new(RedisModel::new(sim_store::Config::default())),
        chain: Chain::synthetic_from(ChainConfig::default(), seed, now()),
        ledger,
    };
    NodeHost::new(
        ProvisionerCore::new(config, seed, 0, DataLayer::default()),
        surroundings,
    )
}

/// Serves `data_layer.DataLayer` on `listener` until `shutdown` completes; calls
/// in flight are then answered first.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: TcpListener,
    host: Arc<NodeHost<ProvisionerCore>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let served = tonic::transport::Server::builder()
        .add_service(service(host.clone()))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown);
    real_tokio::select! {
        biased;
        result = served => result,
        never = host.drive() => absurd(never),
    }
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

fn absurd<T>(never: Infallible) -> T {
    match never {}
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
