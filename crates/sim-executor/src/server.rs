//! The node on a real port: the runner's gRPC service over a [`NodeHost`].

use std::convert::Infallible;
use std::io::stdout;
use std::sync::Arc;

use proto::runner::runner_server::{Runner, RunnerServer};
use proto::runner::{
    ExecutorInfo, GetExecutorRequest, ListExecutorsRequest, ListExecutorsResponse,
    StartExecutorRequest, StartExecutorResponse, StopExecutorRequest, StopExecutorResponse,
};
use real_tokio::net::TcpListener;
use sim_node::Ledger;
use sim_node::chain::{Chain, ChainConfig};
use sim_node::server::{Discard, Lines, NodeHost, Surroundings, now};
use sim_store::RedisModel;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::{Config, ExecutorCore};

/// A node of its own on the real clock. Nobody announces entries to it, so its
/// workers read their queues on the grid whatever `config.announced_pushes` says.
pub fn host(config: Config, surroundings: Surroundings) -> Arc<NodeHost<ExecutorCore>> {
    let config = Config {
        announced_pushes: false,
        ..config
    };
    NodeHost::new(ExecutorCore::new(config, 0), surroundings)
}

/// Surroundings for a node that stands alone: an empty Redis in memory, a
/// synthetic chain from `seed`, and a ledger that goes to standard output if
/// `verbose`, else nowhere.
pub fn alone(seed: u64, verbose: bool) -> Surroundings {
    let ledger: Box<dyn Ledger + Send> = if verbose {
        Box::new(Lines(stdout()))
    } else {
        Box::new(Discard)
    };
    Surroundings {
        redis: Box::new(RedisModel::new(sim_store::Config::default())),
        chain: Chain::synthetic_from(ChainConfig::default(), seed, now()),
        ledger,
    }
}

/// Serves `runner.Runner` on `listener` until `shutdown` completes; calls in
/// flight are then answered first.
///
/// # Errors
/// The listener broke.
pub async fn serve(
    listener: TcpListener,
    host: Arc<NodeHost<ExecutorCore>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let service = Service { host: host.clone() };
    let served = tonic::transport::Server::builder()
        .add_service(RunnerServer::new(service))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown);
    real_tokio::select! {
        biased;
        result = served => result,
        never = host.drive() => absurd(never),
    }
}

fn absurd<T>(never: Infallible) -> T {
    match never {}
}

struct Service {
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
