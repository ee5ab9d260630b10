//! Services, registry and store in memory, in which single indexers are ill.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::store::{CasOutcome, MemoryStore, StoreError, StoreTransport, keys};
use coordinator::transport::{
    BlockStreamerTransport, CallError, CallResult, ExecutorTransport, ProvisionerTransport,
};
use coordinator::{Clock, Coordinator, Knobs, Ports};
use lifecycle::{IndexerId, Timestamp};
use proto::{block_streamer as bs, data_layer as dl, runner as rn};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::names;

/// What is wrong with an indexer, for as long as the test lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illness {
    EntryIsNonsense,
    RecordIsNonsense,
    ProvisioningHangs,
    ProvisioningFails,
    StreamStartHangs,
    StreamStartPanics,
    ExecutorStartFails,
    QueueIsNoQueue,
}

/// What was done to an indexer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deeds {
    pub provisioned: u32,
    pub streams_started: u32,
    pub executors_started: u32,
    pub stopped: u32,
}

#[derive(Default)]
struct State {
    registry: BTreeMap<IndexerId, Value>,
    /// The registry as the contract lists it, for as long as it stays the same.
    listing: Option<Bytes>,
    ill: BTreeMap<IndexerId, Illness>,
    streams: BTreeMap<IndexerId, bs::StreamInfo>,
    executors: BTreeMap<IndexerId, rn::ExecutorInfo>,
    tasks: BTreeMap<String, IndexerId>,
    deeds: BTreeMap<IndexerId, Deeds>,
    calls: BTreeMap<String, u64>,
    writes: BTreeMap<String, u64>,
}

/// The world of one coordinator.
pub struct World {
    state: Mutex<State>,
    store: MemoryStore,
    born: Instant,
}

/// A coordinator that is running in a world.
pub struct Running {
    pub coordinator: Arc<Coordinator>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub fn sentence(&self, id: &IndexerId) -> String {
        let status = self
            .coordinator
            .statuses()
            .into_iter()
            .find(|one| one.id == *id);
        status.map_or("no loop".to_owned(), |status| status.sentence())
    }

    pub async fn shut_down(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

impl World {
    pub fn new(registry: BTreeMap<IndexerId, Value>) -> Arc<World> {
        Arc::new(World {
            state: Mutex::new(State {
                registry,
                ..State::default()
            }),
            store: MemoryStore::new(),
            born: Instant::now(),
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub fn fall_ill(&self, id: &IndexerId, illness: Illness) {
        match illness {
            Illness::EntryIsNonsense => {
                self.with(|state| state.registry.insert(id.clone(), names::nonsense(3)));
            }
            Illness::RecordIsNonsense => self.store.put(&keys::state(id), "[torn"),
            Illness::QueueIsNoQueue => self.store.put(&keys::queue(id), "no queue"),
            _ => {}
        }
        self.with(|state| state.ill.insert(id.clone(), illness));
    }

    /// Leaves a record of the original coordinator, which had it provisioned.
    pub async fn leave_behind(&self, id: &IndexerId) {
        let record = json!({
            "account_id": id.account(),
            "function_name": id.function(),
            "block_stream_synced_at": null,
            "enabled": true,
            "lifecycle_state": "Running",
        });
        let key = keys::state(id);
        self.store.put(&key, record.to_string());
        self.store.set_add(keys::LISTED, &key).await.unwrap();
    }

    pub fn run(self: &Arc<World>) -> Running {
        let ports = Ports {
            block_streamer: self.clone(),
            executors: self.clone(),
            provisioner: self.clone(),
            registry: self.clone(),
            store: self.clone(),
            clock: self.clone(),
        };
        let knobs = Knobs {
            starts_per_second: 5_000,
            ..Knobs::default()
        };
        let coordinator = Arc::new(Coordinator::new(knobs, ports));
        let stop = CancellationToken::new();
        let task = {
            let (coordinator, stop) = (coordinator.clone(), stop.clone());
            tokio::spawn(async move { coordinator.run(stop).await })
        };
        Running {
            coordinator,
            stop,
            task,
        }
    }

    pub fn deeds(&self, id: &IndexerId) -> Deeds {
        self.with(|state| state.deeds.get(id).copied().unwrap_or_default())
    }

    pub fn calls(&self, method: &str) -> u64 {
        self.with(|state| state.calls.get(method).copied().unwrap_or(0))
    }

    pub fn all_calls(&self) -> u64 {
        self.with(|state| state.calls.values().sum())
    }

    pub fn forget_calls(&self) {
        self.with(|state| state.calls.clear());
    }

    /// How often the records of these were written.
    pub fn writes_of<'a>(&self, ids: impl Iterator<Item = &'a IndexerId>) -> u64 {
        self.with(|state| {
            let of = |id: &IndexerId| state.writes.get(&keys::state(id)).copied();
            ids.filter_map(of).sum()
        })
    }

    async fn call(&self, method: &str) {
        self.with(|state| *state.calls.entry(method.to_owned()).or_default() += 1);
        // Time has to pass in everything that could be repeated without end.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    fn illness(&self, id: &IndexerId) -> Option<Illness> {
        self.with(|state| state.ill.get(id).copied())
    }

    fn note(&self, id: &IndexerId, deed: impl FnOnce(&mut Deeds)) {
        self.with(|state| deed(state.deeds.entry(id.clone()).or_default()));
    }
}

fn named(account: &str, function: &str) -> IndexerId {
    IndexerId::new(account, function).unwrap()
}

fn not_found() -> CallError {
    Status::not_found("none").into()
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        let passed = u64::try_from(self.born.elapsed().as_millis()).unwrap();
        Timestamp(1_700_000_000_000 + passed)
    }
}

#[async_trait]
impl BlockStreamerTransport for World {
    async fn start_stream(
        &self,
        request: bs::StartStreamRequest,
    ) -> CallResult<bs::StartStreamResponse> {
        self.call("start_stream").await;
        let id = named(&request.account_id, &request.function_name);
        match self.illness(&id) {
            Some(Illness::StreamStartHangs) => std::future::pending().await,
            Some(Illness::StreamStartPanics) => panic!("the transport panics"),
            _ => {}
        }
        self.note(&id, |deeds| deeds.streams_started += 1);
        let info = bs::StreamInfo {
            stream_id: id.to_string(),
            account_id: request.account_id,
            function_name: request.function_name,
            version: request.version,
            health: None,
        };
        self.with(|state| state.streams.insert(id, info));
        Ok(bs::StartStreamResponse::default())
    }

    async fn stop_stream(
        &self,
        request: bs::StopStreamRequest,
    ) -> CallResult<bs::StopStreamResponse> {
        self.call("stop_stream").await;
        let id = IndexerId::parse(&request.stream_id).unwrap();
        self.note(&id, |deeds| deeds.stopped += 1);
        self.with(|state| state.streams.remove(&id));
        Ok(bs::StopStreamResponse::default())
    }

    async fn get_stream(&self, request: bs::GetStreamRequest) -> CallResult<bs::StreamInfo> {
        self.call("get_stream").await;
        let id = named(&request.account_id, &request.function_name);
        self.with(|state| state.streams.get(&id).cloned())
            .ok_or_else(not_found)
    }

    async fn list_streams(&self, _: bs::ListStreamsRequest) -> CallResult<bs::ListStreamsResponse> {
        self.call("list_streams").await;
        let streams = self.with(|state| state.streams.values().cloned().collect());
        Ok(bs::ListStreamsResponse { streams })
    }
}

#[async_trait]
impl ExecutorTransport for World {
    async fn start_executor(
        &self,
        request: rn::StartExecutorRequest,
    ) -> CallResult<rn::StartExecutorResponse> {
        self.call("start_executor").await;
        let id = named(&request.account_id, &request.function_name);
        if self.illness(&id) == Some(Illness::ExecutorStartFails) {
            return Err(Status::internal("\u{1b}[31m".repeat(10_000)).into());
        }
        self.note(&id, |deeds| deeds.executors_started += 1);
        let info = rn::ExecutorInfo {
            executor_id: id.to_string(),
            account_id: request.account_id,
            function_name: request.function_name,
            version: request.version,
            health: Some(rn::Health {
                execution_state: rn::ExecutionState::Running.into(),
            }),
        };
        self.with(|state| state.executors.insert(id, info));
        Ok(rn::StartExecutorResponse::default())
    }

    async fn stop_executor(
        &self,
        request: rn::StopExecutorRequest,
    ) -> CallResult<rn::StopExecutorResponse> {
        self.call("stop_executor").await;
        let id = IndexerId::parse(&request.executor_id).unwrap();
        self.note(&id, |deeds| deeds.stopped += 1);
        self.with(|state| state.executors.remove(&id));
        Ok(rn::StopExecutorResponse::default())
    }

    async fn get_executor(&self, request: rn::GetExecutorRequest) -> CallResult<rn::ExecutorInfo> {
        self.call("get_executor").await;
        let id = named(&request.account_id, &request.function_name);
        self.with(|state| state.executors.get(&id).cloned())
            .ok_or_else(not_found)
    }

    async fn list_executors(
        &self,
        _: rn::ListExecutorsRequest,
    ) -> CallResult<rn::ListExecutorsResponse> {
        self.call("list_executors").await;
        let executors = self.with(|state| state.executors.values().cloned().collect());
        Ok(rn::ListExecutorsResponse { executors })
    }
}

#[async_trait]
impl ProvisionerTransport for World {
    async fn start_provisioning_task(
        &self,
        request: dl::ProvisionRequest,
    ) -> CallResult<dl::StartTaskResponse> {
        self.call("start_provisioning_task").await;
        let id = named(&request.account_id, &request.function_name);
        if self.illness(&id) == Some(Illness::ProvisioningHangs) {
            std::future::pending().await
        }
        self.note(&id, |deeds| deeds.provisioned += 1);
        let task_id = self.with(|state| {
            let task_id = format!("t{}", state.tasks.len());
            state.tasks.insert(task_id.clone(), id);
            task_id
        });
        Ok(dl::StartTaskResponse { task_id })
    }

    async fn get_task_status(
        &self,
        request: dl::GetTaskStatusRequest,
    ) -> CallResult<dl::GetTaskStatusResponse> {
        self.call("get_task_status").await;
        let id = self.with(|state| state.tasks.get(&request.task_id).cloned());
        let illness = self.illness(&id.ok_or_else(not_found)?);
        let status = match illness {
            Some(Illness::ProvisioningFails) => dl::TaskStatus::Failed,
            _ => dl::TaskStatus::Complete,
        };
        Ok(dl::GetTaskStatusResponse {
            status: status.into(),
        })
    }
}

#[async_trait]
impl RegistryTransport for World {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        self.call(method).await;
        let result = self.with(|state| {
            if method != "list_all" {
                let arguments: Value = serde_json::from_slice(arguments).unwrap();
                let text = |name: &str| arguments[name].as_str().unwrap().to_owned();
                let entry = state
                    .registry
                    .get(&named(&text("account_id"), &text("function_name")));
                return Bytes::from(entry.cloned().unwrap_or(Value::Null).to_string());
            }
            let registry = &state.registry;
            let listing = state.listing.get_or_insert_with(|| {
                let entries = registry
                    .iter()
                    .map(|(id, entry)| (id.clone(), entry.clone()));
                names::listing(entries).into()
            });
            listing.clone()
        });
        let block_height = 1_000 + self.born.elapsed().as_secs();
        Ok(ViewAnswer {
            result,
            block_height,
        })
    }
}

#[async_trait]
impl StoreTransport for World {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.call("get_many").await;
        self.store.get_many(keys).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        self.call("compare_and_set").await;
        self.with(|state| *state.writes.entry(key.to_owned()).or_default() += 1);
        self.store.compare_and_set(key, expected, new, list).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.call("delete").await;
        self.store.delete(keys).await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        self.call("delete").await;
        self.store.delete_if(guard, expected, keys).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.call("set_members").await;
        self.store.set_members(key).await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.call("set_add").await;
        self.store.set_add(key, member).await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.call("set_remove").await;
        self.store.set_remove(key, member).await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.call("queue_head").await;
        self.store.queue_head(key).await
    }
}
