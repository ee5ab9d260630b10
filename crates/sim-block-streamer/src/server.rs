//! The fake on a real port and the real clock.

use std::sync::Arc;

use proto::block_streamer::block_streamer_server::{BlockStreamer as Calls, BlockStreamerServer};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StartStreamRequest,
    StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use real_tokio::net::TcpListener;
use sim_node::server::{NodeHost, Settings, Surroundings, interrupted, serve};
use sim_store::RedisModel;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::{BlockStreamer, Config};

/// The name of the node, in its ledger and on its output.
pub const NAME: &str = "sim-block-streamer";

/// The node as `settings` want it.
///
/// # Errors
/// A setting makes no sense, or the ledger cannot be written.
pub fn prepare(settings: &Settings) -> anyhow::Result<Arc<NodeHost<BlockStreamer>>> {
    let config: Config = settings.config()?;
    config.check()?;
    let own = || Box::new(RedisModel::new(sim_store::Config::default())) as Box<_>;
    let surroundings = settings.surroundings(NAME, own)?;
    Ok(host(config, settings.first_serial(), surroundings))
}

/// A node on the real clock, whose tasks are numbered from `first_serial` on.
pub fn host(
    config: Config,
    first_serial: u64,
    surroundings: Surroundings,
) -> Arc<NodeHost<BlockStreamer>> {
    NodeHost::new(BlockStreamer::new(config, first_serial), surroundings)
}

/// The gRPC service alone. Somebody has to poll [`NodeHost::drive`].
pub fn service(host: Arc<NodeHost<BlockStreamer>>) -> BlockStreamerServer<Service> {
    BlockStreamerServer::new(Service(host))
}

/// Serves the node on `listener` until the program is told to end.
///
/// # Errors
/// The listener failed.
pub async fn run(listener: TcpListener, host: Arc<NodeHost<BlockStreamer>>) -> anyhow::Result<()> {
    let router = Server::builder().add_service(service(Arc::clone(&host)));
    serve(listener, router, host.drive(), interrupted()).await?;
    Ok(())
}

/// Passes calls on to the hosted node.
pub struct Service(Arc<NodeHost<BlockStreamer>>);

#[tonic::async_trait]
impl Calls for Service {
    async fn start_stream(
        &self,
        request: Request<StartStreamRequest>,
    ) -> Result<Response<StartStreamResponse>, Status> {
        let request = request.into_inner();
        let result = self
            .0
            .call(|node, env| node.start_stream(env, request))
            .await;
        result.map(Response::new)
    }

    async fn stop_stream(
        &self,
        request: Request<StopStreamRequest>,
    ) -> Result<Response<StopStreamResponse>, Status> {
        let request = request.into_inner();
        let result = self
            .0
            .call(|node, env| node.stop_stream(env, request))
            .await;
        result.map(Response::new)
    }

    async fn list_streams(
        &self,
        request: Request<ListStreamsRequest>,
    ) -> Result<Response<ListStreamsResponse>, Status> {
        let request = request.into_inner();
        let result = self
            .0
            .call(|node, env| node.list_streams(env, request))
            .await;
        result.map(Response::new)
    }

    async fn get_stream(
        &self,
        request: Request<GetStreamRequest>,
    ) -> Result<Response<StreamInfo>, Status> {
        let request = request.into_inner();
        let result = self.0.call(|node, env| node.get_stream(env, request)).await;
        result.map(Response::new)
    }
}
