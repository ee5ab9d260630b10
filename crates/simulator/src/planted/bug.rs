//! What a planted bug may put in the place of something right.

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use coordinator::transport::{
    BlockStreamerTransport, CallResult, ExecutorTransport, ProvisionerTransport,
};
use coordinator::{Clock, Knobs};
use lifecycle::{Action, Observed, Outcome, Policy, Record, Step, Timestamp};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StartStreamRequest,
    StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use proto::data_layer::{
    GetTaskStatusRequest, GetTaskStatusResponse, ProvisionRequest, StartTaskResponse,
};
use proto::runner::{
    ExecutorInfo, GetExecutorRequest, ListExecutorsRequest, ListExecutorsResponse,
    StartExecutorRequest, StartExecutorResponse, StopExecutorRequest, StopExecutorResponse,
};
use sim_node::{EntryId, QueueEntry, Redis, RedisError, Time};

/// A mistake that a coordinator could have made. Every method does what is right
/// until a bug says otherwise; `to` is what the call would have reached. One value
/// lives as long as one life of the coordinator, and what it remembers dies with it.
#[async_trait]
pub trait Bug: Send + Sync {
    /// Sets wrong constants. The judges go by the right ones.
    fn knobs(&self, _knobs: &mut Knobs) {}

    /// Falsifies what is observed, before it is planned upon.
    fn look(&self, _seen: &mut Observed, _now: Timestamp) {}

    /// Decides otherwise than `step`, which is right for what is `seen`.
    fn decide(&self, _seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        step
    }

    /// Remembers something else than `after`.
    fn remember(
        &self,
        _before: &Record,
        _action: &Action,
        _outcome: &Outcome,
        after: Record,
    ) -> Record {
        after
    }

    /// In place of a publication of a block by a stream.
    fn queue_push(
        &self,
        to: &mut dyn Redis,
        now: Time,
        key: &str,
        height: u64,
    ) -> Result<EntryId, RedisError> {
        to.queue_push(now, key, height)
    }

    /// In place of a worker's look into its queue.
    fn queue_read(
        &self,
        to: &mut dyn Redis,
        now: Time,
        key: &str,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Vec<QueueEntry>, RedisError> {
        to.queue_read(now, key, after, count)
    }

    /// Tells another time.
    fn now(&self, to: &dyn Clock) -> Timestamp {
        to.now()
    }

    /// In place of `StartStream`.
    async fn start_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        request: StartStreamRequest,
    ) -> CallResult<StartStreamResponse> {
        to.start_stream(request).await
    }

    /// In place of `StopStream`.
    async fn stop_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        request: StopStreamRequest,
    ) -> CallResult<StopStreamResponse> {
        to.stop_stream(request).await
    }

    /// In place of `GetStream`.
    async fn get_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        request: GetStreamRequest,
    ) -> CallResult<StreamInfo> {
        to.get_stream(request).await
    }

    /// In place of `ListStreams`.
    async fn list_streams(
        &self,
        to: &dyn BlockStreamerTransport,
        request: ListStreamsRequest,
    ) -> CallResult<ListStreamsResponse> {
        to.list_streams(request).await
    }

    /// In place of `StartExecutor`.
    async fn start_executor(
        &self,
        to: &dyn ExecutorTransport,
        request: StartExecutorRequest,
    ) -> CallResult<StartExecutorResponse> {
        to.start_executor(request).await
    }

    /// In place of `StopExecutor`.
    async fn stop_executor(
        &self,
        to: &dyn ExecutorTransport,
        request: StopExecutorRequest,
    ) -> CallResult<StopExecutorResponse> {
        to.stop_executor(request).await
    }

    /// In place of `GetExecutor`.
    async fn get_executor(
        &self,
        to: &dyn ExecutorTransport,
        request: GetExecutorRequest,
    ) -> CallResult<ExecutorInfo> {
        to.get_executor(request).await
    }

    /// In place of `ListExecutors`.
    async fn list_executors(
        &self,
        to: &dyn ExecutorTransport,
        request: ListExecutorsRequest,
    ) -> CallResult<ListExecutorsResponse> {
        to.list_executors(request).await
    }

    /// In place of `StartProvisioningTask`.
    async fn start_provisioning_task(
        &self,
        to: &dyn ProvisionerTransport,
        request: ProvisionRequest,
    ) -> CallResult<StartTaskResponse> {
        to.start_provisioning_task(request).await
    }

    /// In place of `GetTaskStatus`.
    async fn get_task_status(
        &self,
        to: &dyn ProvisionerTransport,
        request: GetTaskStatusRequest,
    ) -> CallResult<GetTaskStatusResponse> {
        to.get_task_status(request).await
    }

    /// In place of a view call of the registry.
    async fn view(
        &self,
        to: &dyn RegistryTransport,
        method: &str,
        arguments: &[u8],
    ) -> Result<ViewAnswer, RegistryError> {
        to.view(method, arguments).await
    }

    /// In place of a read of keys.
    async fn get_many(
        &self,
        to: &dyn StoreTransport,
        keys: &[String],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        to.get_many(keys).await
    }

    /// In place of a compare-and-set.
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        to.compare_and_set(key, expected, new, list).await
    }

    /// Which of the keys that are to be deleted are.
    fn deleted(&self, keys: &[String]) -> Vec<String> {
        keys.to_vec()
    }

    /// In place of a look at the oldest entry of a queue.
    async fn queue_head(
        &self,
        to: &dyn StoreTransport,
        key: &str,
    ) -> Result<Option<u64>, StoreError> {
        to.queue_head(key).await
    }
}
