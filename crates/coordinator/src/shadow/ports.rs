//! Ports through which nothing can be changed.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use proto::{block_streamer, data_layer, runner};
use tonic::Status;

use crate::ports::Ports;
use crate::store::{CasOutcome, StoreError, StoreTransport};
use crate::transport::{
    BlockStreamerTransport, CallError, CallResult, ExecutorTransport, ProvisionerTransport,
};

/// The same world without any way to change it.
pub(crate) fn read_only(ports: Ports) -> Ports {
    Ports {
        block_streamer: Arc::new(ReadOnly(ports.block_streamer)),
        executors: Arc::new(ReadOnly(ports.executors)),
        provisioner: Arc::new(ReadOnly(ports.provisioner)),
        registry: ports.registry,
        store: Arc::new(ReadOnly(ports.store)),
        clock: ports.clock,
    }
}

/// Lets reads through and refuses everything else.
struct ReadOnly<T: ?Sized>(Arc<T>);

fn refused<T>(call: &'static str) -> CallResult<T> {
    tracing::error!(call, "a change was refused: this coordinator only observes");
    Err(CallError {
        status: Status::failed_precondition("this coordinator only observes (shadow mode)"),
        unsent: true,
    })
}

fn rejected<T>(command: &'static str) -> Result<T, StoreError> {
    Err(StoreError::Rejected(format!(
        "{command}: this coordinator only observes (shadow mode)"
    )))
}

#[async_trait]
impl BlockStreamerTransport for ReadOnly<dyn BlockStreamerTransport> {
    async fn start_stream(
        &self,
        _: block_streamer::StartStreamRequest,
    ) -> CallResult<block_streamer::StartStreamResponse> {
        refused("StartStream")
    }

    async fn stop_stream(
        &self,
        _: block_streamer::StopStreamRequest,
    ) -> CallResult<block_streamer::StopStreamResponse> {
        refused("StopStream")
    }

    async fn get_stream(
        &self,
        request: block_streamer::GetStreamRequest,
    ) -> CallResult<block_streamer::StreamInfo> {
        self.0.get_stream(request).await
    }

    async fn list_streams(
        &self,
        request: block_streamer::ListStreamsRequest,
    ) -> CallResult<block_streamer::ListStreamsResponse> {
        self.0.list_streams(request).await
    }
}

#[async_trait]
impl ExecutorTransport for ReadOnly<dyn ExecutorTransport> {
    async fn start_executor(
        &self,
        _: runner::StartExecutorRequest,
    ) -> CallResult<runner::StartExecutorResponse> {
        refused("StartExecutor")
    }

    async fn stop_executor(
        &self,
        _: runner::StopExecutorRequest,
    ) -> CallResult<runner::StopExecutorResponse> {
        refused("StopExecutor")
    }

    async fn get_executor(
        &self,
        request: runner::GetExecutorRequest,
    ) -> CallResult<runner::ExecutorInfo> {
        self.0.get_executor(request).await
    }

    async fn list_executors(
        &self,
        request: runner::ListExecutorsRequest,
    ) -> CallResult<runner::ListExecutorsResponse> {
        self.0.list_executors(request).await
    }
}

#[async_trait]
impl ProvisionerTransport for ReadOnly<dyn ProvisionerTransport> {
    fn stands_apart(&self) -> bool {
        self.0.stands_apart()
    }

    async fn start_provisioning_task(
        &self,
        _: data_layer::ProvisionRequest,
    ) -> CallResult<data_layer::StartTaskResponse> {
        refused("StartProvisioningTask")
    }

    async fn get_task_status(
        &self,
        request: data_layer::GetTaskStatusRequest,
    ) -> CallResult<data_layer::GetTaskStatusResponse> {
        self.0.get_task_status(request).await
    }
}

#[async_trait]
impl StoreTransport for ReadOnly<dyn StoreTransport> {
    fn keeps_data_apart(&self) -> bool {
        self.0.keeps_data_apart()
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.0.get_many(keys).await
    }

    async fn compare_and_set(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        rejected("compare-and-set")
    }

    async fn delete(&self, _: &[String]) -> Result<(), StoreError> {
        rejected("delete")
    }

    async fn delete_if(&self, _: &str, _: &[u8], _: &[String]) -> Result<CasOutcome, StoreError> {
        rejected("delete")
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.0.set_members(key).await
    }

    async fn set_add(&self, _: &str, _: &str) -> Result<(), StoreError> {
        rejected("adding to a set")
    }

    async fn set_remove(&self, _: &str, _: &str) -> Result<(), StoreError> {
        rejected("removing from a set")
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.0.queue_head(key).await
    }
}
