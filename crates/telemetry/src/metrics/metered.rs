//! Ports that count what goes through them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::Ports;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use coordinator::transport::{
    BlockStreamerTransport, CallResult, ExecutorTransport, ProvisionerTransport,
};
use proto::{block_streamer, data_layer, runner};

use crate::metrics::calls::Calls;

/// A port that counts and times each call. What it answers is what the port
/// inside answers.
#[derive(Debug)]
pub struct Metered<T: ?Sized> {
    calls: Calls,
    inner: Arc<T>,
}

impl<T: ?Sized> Metered<T> {
    pub(crate) fn new(calls: &Calls, inner: Arc<T>) -> Metered<T> {
        Metered {
            calls: calls.clone(),
            inner,
        }
    }
}

const STREAMER: &str = "block_streamer";
const EXECUTORS: &str = "executors";
const PROVISIONER: &str = "provisioner";
const REGISTRY: &str = "registry";
const STORE: &str = "store";

/// Every call there is: service and method, as the labels have them. A view of
/// the registry that is none of these counts as the method `other`.
pub const CALLS: [(&str, &str); 20] = [
    (STREAMER, "StartStream"),
    (STREAMER, "StopStream"),
    (STREAMER, "GetStream"),
    (STREAMER, "ListStreams"),
    (EXECUTORS, "StartExecutor"),
    (EXECUTORS, "StopExecutor"),
    (EXECUTORS, "GetExecutor"),
    (EXECUTORS, "ListExecutors"),
    (PROVISIONER, "StartProvisioningTask"),
    (PROVISIONER, "GetTaskStatus"),
    (REGISTRY, "list_all"),
    (REGISTRY, "read_indexer_function"),
    (STORE, "get_many"),
    (STORE, "compare_and_set"),
    (STORE, "delete"),
    (STORE, "delete_if"),
    (STORE, "set_members"),
    (STORE, "set_add"),
    (STORE, "set_remove"),
    (STORE, "queue_head"),
];

/// `ports`, each counting into `calls`.
pub(crate) fn metered(calls: &Calls, ports: Ports) -> Ports {
    Ports {
        block_streamer: Arc::new(Metered::new(calls, ports.block_streamer)),
        executors: Arc::new(Metered::new(calls, ports.executors)),
        provisioner: Arc::new(Metered::new(calls, ports.provisioner)),
        registry: Arc::new(Metered::new(calls, ports.registry)),
        store: Arc::new(Metered::new(calls, ports.store)),
        ..ports
    }
}

#[async_trait]
impl<T: BlockStreamerTransport + ?Sized> BlockStreamerTransport for Metered<T> {
    async fn start_stream(
        &self,
        request: block_streamer::StartStreamRequest,
    ) -> CallResult<block_streamer::StartStreamResponse> {
        let answer = self.inner.start_stream(request);
        self.calls.observe(STREAMER, "StartStream", answer).await
    }

    async fn stop_stream(
        &self,
        request: block_streamer::StopStreamRequest,
    ) -> CallResult<block_streamer::StopStreamResponse> {
        let answer = self.inner.stop_stream(request);
        self.calls.observe(STREAMER, "StopStream", answer).await
    }

    async fn get_stream(
        &self,
        request: block_streamer::GetStreamRequest,
    ) -> CallResult<block_streamer::StreamInfo> {
        let answer = self.inner.get_stream(request);
        self.calls.observe(STREAMER, "GetStream", answer).await
    }

    async fn list_streams(
        &self,
        request: block_streamer::ListStreamsRequest,
    ) -> CallResult<block_streamer::ListStreamsResponse> {
        let answer = self.inner.list_streams(request);
        self.calls.observe(STREAMER, "ListStreams", answer).await
    }
}

#[async_trait]
impl<T: ExecutorTransport + ?Sized> ExecutorTransport for Metered<T> {
    async fn start_executor(
        &self,
        request: runner::StartExecutorRequest,
    ) -> CallResult<runner::StartExecutorResponse> {
        let answer = self.inner.start_executor(request);
        self.calls.observe(EXECUTORS, "StartExecutor", answer).await
    }

    async fn stop_executor(
        &self,
        request: runner::StopExecutorRequest,
    ) -> CallResult<runner::StopExecutorResponse> {
        let answer = self.inner.stop_executor(request);
        self.calls.observe(EXECUTORS, "StopExecutor", answer).await
    }

    async fn get_executor(
        &self,
        request: runner::GetExecutorRequest,
    ) -> CallResult<runner::ExecutorInfo> {
        let answer = self.inner.get_executor(request);
        self.calls.observe(EXECUTORS, "GetExecutor", answer).await
    }

    async fn list_executors(
        &self,
        request: runner::ListExecutorsRequest,
    ) -> CallResult<runner::ListExecutorsResponse> {
        let answer = self.inner.list_executors(request);
        self.calls.observe(EXECUTORS, "ListExecutors", answer).await
    }
}

#[async_trait]
impl<T: ProvisionerTransport + ?Sized> ProvisionerTransport for Metered<T> {
    fn stands_apart(&self) -> bool {
        self.inner.stands_apart()
    }

    async fn start_provisioning_task(
        &self,
        request: data_layer::ProvisionRequest,
    ) -> CallResult<data_layer::StartTaskResponse> {
        let answer = self.inner.start_provisioning_task(request);
        self.calls
            .observe(PROVISIONER, "StartProvisioningTask", answer)
            .await
    }

    async fn get_task_status(
        &self,
        request: data_layer::GetTaskStatusRequest,
    ) -> CallResult<data_layer::GetTaskStatusResponse> {
        let answer = self.inner.get_task_status(request);
        self.calls
            .observe(PROVISIONER, "GetTaskStatus", answer)
            .await
    }
}

#[async_trait]
impl<T: RegistryTransport + ?Sized> RegistryTransport for Metered<T> {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        // A label takes few values, whatever is asked for.
        let label = match method {
            "list_all" => "list_all",
            "read_indexer_function" => "read_indexer_function",
            _ => "other",
        };
        let answer = self.inner.view(method, arguments);
        self.calls.observe(REGISTRY, label, answer).await
    }

    fn unusable(&self, height: u64, known: u64) {
        self.inner.unusable(height, known);
    }

    fn unheard(&self) -> Option<String> {
        self.inner.unheard()
    }
}

#[async_trait]
impl<T: StoreTransport + ?Sized> StoreTransport for Metered<T> {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let answer = self.inner.get_many(keys);
        self.calls.observe(STORE, "get_many", answer).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let answer = self.inner.compare_and_set(key, expected, new, list);
        self.calls.observe(STORE, "compare_and_set", answer).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let answer = self.inner.delete(keys);
        self.calls.observe(STORE, "delete", answer).await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        let answer = self.inner.delete_if(guard, expected, keys);
        self.calls.observe(STORE, "delete_if", answer).await
    }

    fn keeps_data_apart(&self) -> bool {
        self.inner.keeps_data_apart()
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        let answer = self.inner.set_members(key);
        self.calls.observe(STORE, "set_members", answer).await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        let answer = self.inner.set_add(key, member);
        self.calls.observe(STORE, "set_add", answer).await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        let answer = self.inner.set_remove(key, member);
        self.calls.observe(STORE, "set_remove", answer).await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let answer = self.inner.queue_head(key);
        self.calls.observe(STORE, "queue_head", answer).await
    }
}
