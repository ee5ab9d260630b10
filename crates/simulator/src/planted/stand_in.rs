//! What stands in for the product's planner and ports while a bug is planted.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use coordinator::transport::{
    BlockStreamerTransport, CallResult, ExecutorTransport, ProvisionerTransport,
};
use coordinator::{Clock, Lifecycle, Planner, Ports};
use lifecycle::{Action, Observed, Outcome, Policy, Record, Step, Target, Timestamp};
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

use super::bug::Bug;

/// `ports` as they are with `bug`.
pub(super) fn ports(bug: &Arc<dyn Bug>, ports: Ports) -> Ports {
    let through = Arc::new(Through {
        bug: Arc::clone(bug),
        ports,
    });
    Ports {
        block_streamer: through.clone(),
        executors: through.clone(),
        provisioner: through.clone(),
        registry: through.clone(),
        store: through.clone(),
        clock: through,
    }
}

/// The planner as it is with `bug`.
pub(super) fn planner(bug: &Arc<dyn Bug>) -> Arc<dyn Planner> {
    Arc::new(Misled(Arc::clone(bug)))
}

struct Misled(Arc<dyn Bug>);

impl Planner for Misled {
    fn plan(&self, seen: &Observed, policy: &Policy, now: Timestamp) -> Step {
        let mut seen = seen.clone();
        self.0.look(&mut seen, now);
        let step = Lifecycle.plan(&seen, policy, now);
        self.0.decide(&seen, step, policy, now)
    }

    fn absorb(
        &self,
        record: &Record,
        action: &Action,
        outcome: &Outcome,
        wanted: Option<Target>,
        policy: &Policy,
        now: Timestamp,
    ) -> Record {
        let after = Lifecycle.absorb(record, action, outcome, wanted, policy, now);
        self.0.remember(record, action, outcome, after)
    }
}

/// Ports with a bug before them.
struct Through {
    bug: Arc<dyn Bug>,
    ports: Ports,
}

impl Clock for Through {
    fn now(&self) -> Timestamp {
        self.bug.now(&*self.ports.clock)
    }
}

#[async_trait]
impl BlockStreamerTransport for Through {
    async fn start_stream(&self, request: StartStreamRequest) -> CallResult<StartStreamResponse> {
        let to = &*self.ports.block_streamer;
        self.bug.start_stream(to, request).await
    }

    async fn stop_stream(&self, request: StopStreamRequest) -> CallResult<StopStreamResponse> {
        let to = &*self.ports.block_streamer;
        self.bug.stop_stream(to, request).await
    }

    async fn get_stream(&self, request: GetStreamRequest) -> CallResult<StreamInfo> {
        let to = &*self.ports.block_streamer;
        self.bug.get_stream(to, request).await
    }

    async fn list_streams(&self, request: ListStreamsRequest) -> CallResult<ListStreamsResponse> {
        let to = &*self.ports.block_streamer;
        self.bug.list_streams(to, request).await
    }
}

#[async_trait]
impl ExecutorTransport for Through {
    async fn start_executor(
        &self,
        request: StartExecutorRequest,
    ) -> CallResult<StartExecutorResponse> {
        let to = &*self.ports.executors;
        self.bug.start_executor(to, request).await
    }

    async fn stop_executor(
        &self,
        request: StopExecutorRequest,
    ) -> CallResult<StopExecutorResponse> {
        self.bug
            .stop_executor(&*self.ports.executors, request)
            .await
    }

    async fn get_executor(&self, request: GetExecutorRequest) -> CallResult<ExecutorInfo> {
        self.bug.get_executor(&*self.ports.executors, request).await
    }

    async fn list_executors(
        &self,
        request: ListExecutorsRequest,
    ) -> CallResult<ListExecutorsResponse> {
        let to = &*self.ports.executors;
        self.bug.list_executors(to, request).await
    }
}

#[async_trait]
impl ProvisionerTransport for Through {
    async fn start_provisioning_task(
        &self,
        request: ProvisionRequest,
    ) -> CallResult<StartTaskResponse> {
        let to = &*self.ports.provisioner;
        self.bug.start_provisioning_task(to, request).await
    }

    async fn get_task_status(
        &self,
        request: GetTaskStatusRequest,
    ) -> CallResult<GetTaskStatusResponse> {
        let to = &*self.ports.provisioner;
        self.bug.get_task_status(to, request).await
    }
}

#[async_trait]
impl RegistryTransport for Through {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        self.bug
            .view(&*self.ports.registry, method, arguments)
            .await
    }
}

#[async_trait]
impl StoreTransport for Through {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.bug.get_many(&*self.ports.store, keys).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let to = &*self.ports.store;
        self.bug.compare_and_set(to, key, expected, new, list).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.ports.store.delete(&self.bug.deleted(keys)).await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        let keys = self.bug.deleted(keys);
        self.ports.store.delete_if(guard, expected, &keys).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.ports.store.set_members(key).await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.ports.store.set_add(key, member).await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.ports.store.set_remove(key, member).await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.bug.queue_head(&*self.ports.store, key).await
    }
}
