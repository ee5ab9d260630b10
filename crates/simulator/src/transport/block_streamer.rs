//! Calls to the fake block streamer.

use async_trait::async_trait;
use coordinator::transport::{BlockStreamerTransport, CallResult};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StartStreamRequest,
    StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use sim_node::{IndexerKey, Reply};

use super::SimTransport;
use super::call::{Meta, note_queue};
use crate::history::Method;
use crate::scenario::{Listing, Resource};

#[async_trait]
impl BlockStreamerTransport for SimTransport {
    async fn start_stream(&self, request: StartStreamRequest) -> CallResult<StartStreamResponse> {
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        let meta = Meta {
            version: Some(request.version),
            height: Some(request.start_block_height),
            ..Meta::new(Method::StartStream, Some(key.clone()))
        };
        self.admit(&meta, &request)?;
        self.call(meta, move |world| {
            if let Some(refusal) = world.over_quota(Resource::Streams, &key) {
                return Reply::now(Err(refusal));
            }
            note_queue(world, Method::StartStream, &key, &request.redis_stream);
            world.with_streamer(|node, env| node.start_stream(env, request.clone()))
        })
        .await
    }

    async fn stop_stream(&self, request: StopStreamRequest) -> CallResult<StopStreamResponse> {
        let key = self.world.peek().key_of_id(&request.stream_id);
        let meta = Meta::new(Method::StopStream, key);
        self.admit(&meta, &request)?;
        self.call(meta, move |world| {
            world.with_streamer(|node, env| node.stop_stream(env, request.clone()))
        })
        .await
    }

    async fn get_stream(&self, request: GetStreamRequest) -> CallResult<StreamInfo> {
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        let meta = Meta::new(Method::GetStream, Some(key));
        self.admit(&meta, &request)?;
        self.read(meta, move |world| {
            world.with_streamer(|node, env| node.get_stream(env, request.clone()))
        })
        .await
    }

    async fn list_streams(&self, request: ListStreamsRequest) -> CallResult<ListStreamsResponse> {
        let distortion = self.distortion(Listing::Streams);
        let meta = Meta::new(Method::ListStreams, None);
        self.admit(&meta, &request)?;
        self.read(meta, move |world| {
            let mut reply = world.with_streamer(|node, env| node.list_streams(env, request));
            if let (Some(how), Ok(list)) = (&distortion, &mut reply.result) {
                world.distort(Listing::Streams, how, &mut list.streams, |stream| {
                    IndexerKey::new(&stream.account_id, &stream.function_name)
                });
            }
            reply
        })
        .await
    }
}
