//! The node on a real port: the runner's gRPC service over a [`NodeHost`].

use std::sync::Arc;

use proto::runner::runner_server::{Runner, RunnerServer};
use proto::runner::{
    ExecutorInfo, GetExecutorRequest, ListExecutorsRequest, ListExecutorsResponse,
    StartExecutorRequest, StartExecutorResponse, StopExecutorRequest, StopExecutorResponse,
};
use real_tokio::net::TcpListener;
use sim_node::server::{NodeHost, Settings, Surroundings, interrupted, serve};
use sim_provisioner::ProvisionerCore;
use sim_store::RedisModel;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::{Config, ExecutorCore};

/// The name of the node, in its ledger and on its output.
pub const NAME: &str = "sim-executor";

/// The node as `settings` want it.
///
/// # Errors
/// A setting makes no sense, or the ledger cannot be written.
pub fn prepare(settings: &Settings) -> anyhow::Result<Arc<NodeHost<ExecutorCore>>> {
    let config = settings.config()?;
    let own = || Box::new(RedisModel::new(sim_store::Config::default())) as Box<_>;
    let surroundings = settings.surroundings(NAME, own)?;
    Ok(host(config, settings.first_serial(), surroundings))
}

/// A node on the real clock, whose workers are numbered from `first_serial` on.
/// Nobody announces entries to it, so its workers read their queues on the grid
/// whatever `config.announced_pushes` says.
pub fn host(
    config: Config,
    first_serial: u64,
    surroundings: Surroundings,
) -> Arc<NodeHost<ExecutorCore>> {
    let config = Config {
        announced_pushes: false,
        ..config
    };
    NodeHost::new(ExecutorCore::new(config, first_serial), surroundings)
}

/// The gRPC service alone. Somebody has to poll [`NodeHost::drive`].
pub fn service(host: Arc<NodeHost<ExecutorCore>>) -> RunnerServer<Service> {
    RunnerServer::new(Service { host })
}

/// Serves the node on `listener` until the program is told to end. With a
/// `provisioner` it answers on the same port, as the real runner does: both live
/// and die together.
///
/// # Errors
/// The listener failed.
pub async fn run(
    listener: TcpListener,
    host: Arc<NodeHost<ExecutorCore>>,
    provisioner: Option<Arc<NodeHost<ProvisionerCore>>>,
) -> anyhow::Result<()> {
    let router = Server::builder().add_service(service(Arc::clone(&host)));
    match provisioner {
        None => serve(listener, router, host.drive(), interrupted()).await?,
        Some(provisioner) => {
            let data_layer = sim_provisioner::server::service(Arc::clone(&provisioner));
            let router = router.add_service(data_layer);
            let drive = async {
                real_tokio::select! {
                    biased;
                    never = host.drive() => never,
                    never = provisioner.drive() => never,
                }
            };
            serve(listener, router, drive, interrupted()).await?;
        }
    }
    Ok(())
}

/// Passes calls on to the hosted node.
pub struct Service {
    host: Arc<NodeHost<ExecutorCore>>,
}

#[tonic::async_trait]
impl Runner for Service {
    async fn start_executor(
        &self,
        request: Request<StartExecutorRequest>,
    ) -> Result<Response<StartExecutorResponse>, Status> {
        let request = request.into_inner();
        self.host
            .call(|node, env| node.start_executor(env, request))
            .await
            .map(Response::new)
    }

    async fn stop_executor(
        &self,
        request: Request<StopExecutorRequest>,
    ) -> Result<Response<StopExecutorResponse>, Status> {
        let request = request.into_inner();
        self.host
            .call(|node, env| node.stop_executor(env, request))
            .await
            .map(Response::new)
    }

    async fn list_executors(
        &self,
        request: Request<ListExecutorsRequest>,
    ) -> Result<Response<ListExecutorsResponse>, Status> {
        let request = request.into_inner();
        self.host
            .call(|node, env| node.list_executors(env, request))
            .await
            .map(Response::new)
    }

    async fn get_executor(
        &self,
        request: Request<GetExecutorRequest>,
    ) -> Result<Response<ExecutorInfo>, Status> {
        let request = request.into_inner();
        self.host
            .call(|node, env| node.get_executor(env, request))
            .await
            .map(Response::new)
    }
}
