//! Calls to the fake block streamer.

use async_trait::async_trait;
use coordinator::transport::{BlockStreamerTransport, CallResult};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StartStreamRequest,
    StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use sim_node::IndexerKey;

use super::SimTransport;
use super::call::Meta;
use crate::history::Method;

#[async_trait]
impl BlockStreamerTransport for SimTransport {
    async fn start_stream(&self, request: StartStreamRequest) -> CallResult<StartStreamResponse> {
        let meta = Meta {
            version: Some(request.version),
            height: Some(request.start_block_height),
            ..Meta::new(
                Method::StartStream,
                Some(IndexerKey::new(&request.account_id, &request.function_name)),
            )
        };
        self.call(meta, move |world| {
            world.with_streamer(|node, env| node.start_stream(env, request.clone()))
        })
        .await
    }

    async fn stop_stream(&self, request: StopStreamRequest) -> CallResult<StopStreamResponse> {
        let key = self.world.peek().key_of_id(&request.stream_id);
        self.call(Meta::new(Method::StopStream, key), move |world| {
            world.with_streamer(|node, env| node.stop_stream(env, request.clone()))
        })
        .await
    }

    async fn get_stream(&self, request: GetStreamRequest) -> CallResult<StreamInfo> {
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        self.read(Meta::new(Method::GetStream, Some(key)), move |world| {
            world.with_streamer(|node, env| node.get_stream(env, request.clone()))
        })
        .await
    }

    async fn list_streams(&self, request: ListStreamsRequest) -> CallResult<ListStreamsResponse> {
        self.read(Meta::new(Method::ListStreams, None), move |world| {
            world.with_streamer(|node, env| node.list_streams(env, request))
        })
        .await
    }
}
