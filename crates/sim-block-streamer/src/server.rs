//! The fake on a real port and the real clock.

use std::io::stdout;
use std::sync::Arc;

use proto::block_streamer::block_streamer_server::{BlockStreamer as Calls, BlockStreamerServer};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StartStreamRequest,
    StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use real_tokio::net::TcpListener;
use sim_node::Ledger;
use sim_node::chain::{Chain, ChainConfig};
use sim_node::server::{Discard, Lines, NodeHost, Surroundings, now};
use sim_store::RedisModel;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::{BlockStreamer, Config};

/// A streamer with a chain of its own, made from `seed` and growing from now on,
/// and an empty Redis in memory. With `verbose` the ledger goes to standard
/// output, a line per event.
pub fn standalone(config: Config, seed: u64, verbose: bool) -> Arc<NodeHost<BlockStreamer>> {
    let ledger: Box<dyn Ledger + Send> = if verbose {
        Box::new(Lines(stdout()))
    } else {
        Box::new(Discard)
    };
    let surroundings = Surroundings {
        redis: Box::new(RedisModel::new(sim_store::Config::default())),
        chain: Chain::synthetic_from(ChainConfig::default(), seed, now()),
        ledger,
    };
    NodeHost::new(BlockStreamer::new(config, 0), surroundings)
}

/// Serves `blockstreamer.BlockStreamer` on `listener` and keeps the streams
/// going until `shutdown` completes and the calls under way are answered.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    host: Arc<NodeHost<BlockStreamer>>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let calls = BlockStreamerServer::new(Service(Arc::clone(&host)));
    let served = tonic::transport::Server::builder()
        .add_service(calls)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), shutdown);
    real_tokio::select! {
        biased;
        result = served => result,
        never = host.drive() => match never {},
    }
}

struct Service(Arc<NodeHost<BlockStreamer>>);

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
