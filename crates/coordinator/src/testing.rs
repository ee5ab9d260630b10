//! A small obedient world for tests of the loops: services, registry and store
//! over plain maps, and faults that can be switched on for each method.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lifecycle::{IndexerId, Record, Timestamp};
use proto::{block_streamer as bs, data_layer as dl, runner as rn};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::shared::Shared;
use crate::store::{CasOutcome, MemoryStore, StoreError, StoreTransport, codec, keys};
use crate::transport::{
    BlockStreamerTransport, CallError, CallResult, ExecutorTransport, ProvisionerTransport,
};
use crate::{Clock, Coordinator, Knobs, Ports};

mod registry;

use registry::listing;

/// What goes wrong at each call of a method until it is repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It answers an error and does nothing.
    Fails,
    /// It never answers and does nothing.
    Hangs,
    /// It answers well and does nothing. The registry's contract fails.
    Lies,
    /// It panics.
    Panics,
    /// It takes a second, and then works.
    Slow,
    /// The registry answers with more than is read.
    TooLarge,
}

#[derive(Default)]
struct State {
    streams: BTreeMap<IndexerId, bs::StreamInfo>,
    executors: BTreeMap<IndexerId, rn::ExecutorInfo>,
    registry: BTreeMap<IndexerId, String>,
    height: u64,
    listing: Option<String>,
    unheard: Option<String>,
    faults: BTreeMap<String, Fault>,
    calls: BTreeMap<String, u64>,
    clock_offset: i64,
    keys_read: usize,
    provisioner_apart: bool,
    data_apart: bool,
    serial: u64,
}

/// The world. Names of methods are those of the transports.
pub(crate) struct World {
    state: Mutex<State>,
    pub(crate) store: MemoryStore,
    born: Instant,
}

pub(crate) fn id(text: &str) -> IndexerId {
    IndexerId::parse(text).unwrap()
}

/// A coordinator that is running in a world.
pub(crate) struct Running {
    pub(crate) coordinator: Arc<Coordinator>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl World {
    pub(crate) fn new() -> Arc<World> {
        Arc::new(World {
            state: Mutex::new(State {
                height: 1_000,
                ..State::default()
            }),
            store: MemoryStore::new(),
            born: Instant::now(),
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub(crate) fn ports(self: &Arc<World>) -> Ports {
        Ports {
            block_streamer: self.clone(),
            executors: self.clone(),
            provisioner: self.clone(),
            registry: self.clone(),
            store: self.clone(),
            clock: self.clone(),
        }
    }

    pub(crate) fn shared(self: &Arc<World>) -> Arc<Shared> {
        Arc::new(Shared::new(Knobs::default(), self.ports(), false))
    }

    pub(crate) fn run(self: &Arc<World>, knobs: Knobs) -> Running {
        let coordinator = Arc::new(Coordinator::new(knobs, self.ports()));
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

    /// Registers `id`, or updates it, in the next block.
    pub(crate) fn register(&self, name: &str) {
        self.with(|state| {
            state.height += 1;
            let entry = format!(
                concat!(
                    r#"{{"code":"c","schema":"s","start_block":"LATEST","#,
                    r#""created_at_block_height":{},"rule":{{"kind":"ACTION_ANY","#,
                    r#""affected_account_id":"x","status":"ANY"}}}}"#
                ),
                state.height
            );
            state.registry.insert(id(name), entry);
        });
    }

    /// Registers something unreadable.
    pub(crate) fn register_nonsense(&self, name: &str) {
        self.with(|state| {
            state.height += 1;
            state.registry.insert(id(name), r#"{"code":7}"#.to_owned());
        });
    }

    /// Deletes `id` in the next block, leaving a tombstone.
    pub(crate) fn unregister(&self, name: &str) {
        self.with(|state| {
            state.height += 1;
            if let Some(entry) = state.registry.get_mut(&id(name)) {
                let at = format!(r#"{{"deleted_at_block_height":{},"#, state.height);
                *entry = entry.replacen('{', &at, 1);
            }
        });
    }

    /// Makes the registry list this, whatever is registered.
    pub(crate) fn list(&self, listing: Option<&str>) {
        self.with(|state| state.listing = listing.map(str::to_owned));
    }

    pub(crate) fn fault(&self, method: &str, fault: Option<Fault>) {
        self.with(|state| match fault {
            Some(fault) => state.faults.insert(method.to_owned(), fault),
            None => state.faults.remove(method),
        });
    }

    /// How often `method` was called so far.
    pub(crate) fn calls(&self, method: &str) -> u64 {
        self.with(|state| state.calls.get(method).copied().unwrap_or(0))
    }

    /// The calls of each method since the last call of this.
    pub(crate) fn take_calls(&self) -> BTreeMap<String, u64> {
        self.with(|state| std::mem::take(&mut state.calls))
    }

    /// The block streamer restarts: it has forgotten everything.
    pub(crate) fn forget_streams(&self) {
        self.with(|state| state.streams.clear());
    }

    pub(crate) fn set_stream(&self, name: &str, version: u64) {
        self.with(|state| {
            let info = stream_info(&id(name), version, &mut state.serial);
            state.streams.insert(id(name), info);
        });
    }

    /// The stream's monitor gave its last verdict so many seconds after 1970.
    pub(crate) fn set_heartbeat(&self, name: &str, seconds: u64) {
        self.with(|state| {
            if let Some(info) = state.streams.get_mut(&id(name)) {
                info.health = Some(bs::Health {
                    processing_state: bs::ProcessingState::Running.into(),
                    updated_at_timestamp_secs: seconds,
                });
            }
        });
    }

    pub(crate) fn drop_stream(&self, name: &str) {
        self.with(|state| state.streams.remove(&id(name)));
    }

    pub(crate) fn set_executor(&self, name: &str, version: u64, execution_state: i32) {
        self.with(|state| {
            let info = executor_info(&id(name), version, execution_state, &mut state.serial);
            state.executors.insert(id(name), info);
        });
    }

    pub(crate) fn drop_executor(&self, name: &str) {
        self.with(|state| state.executors.remove(&id(name)));
    }

    pub(crate) fn has_stream(&self, name: &str) -> bool {
        self.with(|state| state.streams.contains_key(&id(name)))
    }

    pub(crate) fn has_executor(&self, name: &str) -> bool {
        self.with(|state| state.executors.contains_key(&id(name)))
    }

    /// How many keys were read from the store.
    pub(crate) fn keys_read(&self) -> usize {
        self.with(|state| state.keys_read)
    }

    /// The node that answers is behind, and does not know of `name` yet.
    pub(crate) fn fall_behind(&self, name: &str) {
        self.with(|state| {
            state.height -= 1;
            state.registry.remove(&id(name));
        });
    }

    /// Asked about `name` alone the registry knows nothing, although it lists it.
    pub(crate) fn deny(&self, name: &str) {
        self.with(|state| {
            state.listing = Some(listing(&state.registry));
            state.registry.remove(&id(name));
        });
    }

    /// The provisioner is a service, queues and cursors lie in a store, of their own.
    pub(crate) fn set_apart(&self, provisioner: bool, data: bool) {
        self.with(|state| (state.provisioner_apart, state.data_apart) = (provisioner, data));
    }

    pub(crate) fn jump_clock(&self, seconds: i64) {
        self.with(|state| state.clock_offset += seconds * 1_000);
    }

    pub(crate) fn record(&self, name: &str) -> Option<Record> {
        let key = keys::state(&id(name));
        let raw = self.store.text(&key)?;
        Some(codec::decode(&key, &raw).unwrap().record)
    }

    pub(crate) async fn put_record(&self, record: &Record) {
        let key = keys::state(&record.id);
        self.store.put(&key, codec::encode(record, None).unwrap());
        self.store.set_add(keys::LISTED, &key).await.unwrap();
    }

    async fn call(&self, method: &str) -> Option<Fault> {
        let fault = self.with(|state| {
            *state.calls.entry(method.to_owned()).or_default() += 1;
            state.faults.get(method).copied()
        });
        // Time has to pass in everything that could be repeated without end.
        tokio::time::sleep(Duration::from_millis(1)).await;
        match fault {
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::Panics) => panic!("{method} panics"),
            Some(Fault::Slow) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                None
            }
            fault => fault,
        }
    }

    /// Whether the call has its effect.
    async fn service(&self, method: &str) -> CallResult<bool> {
        match self.call(method).await {
            Some(Fault::Fails) => Err(Status::unavailable("fault").into()),
            fault => Ok(fault.is_none()),
        }
    }

    async fn stored(&self, method: &str) -> Result<(), StoreError> {
        match self.call(method).await {
            Some(_) => Err(StoreError::Unavailable("fault".into())),
            None => Ok(()),
        }
    }
}

impl Running {
    /// Shuts down; returns how long it took.
    pub(crate) async fn shut_down(self) -> Duration {
        let before = Instant::now();
        self.stop.cancel();
        self.task.await.unwrap();
        before.elapsed()
    }

    pub(crate) fn status(&self, name: &str) -> Option<crate::LoopStatus> {
        let all = self.coordinator.statuses();
        all.into_iter().find(|status| status.id == id(name))
    }

    pub(crate) fn sentence(&self, name: &str) -> String {
        self.status(name)
            .map_or("no loop".to_owned(), |status| status.sentence())
    }
}

/// Lets `seconds` pass.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn stream_info(id: &IndexerId, version: u64, serial: &mut u64) -> bs::StreamInfo {
    *serial += 1;
    bs::StreamInfo {
        stream_id: format!("s{serial}"),
        account_id: id.account().to_owned(),
        function_name: id.function().to_owned(),
        version,
        health: None,
    }
}

fn executor_info(
    id: &IndexerId,
    version: u64,
    execution_state: i32,
    serial: &mut u64,
) -> rn::ExecutorInfo {
    *serial += 1;
    rn::ExecutorInfo {
        executor_id: format!("e{serial}"),
        account_id: id.account().to_owned(),
        function_name: id.function().to_owned(),
        version,
        health: Some(rn::Health { execution_state }),
    }
}

fn not_found() -> CallError {
    Status::not_found("none").into()
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        let offset = self.with(|state| state.clock_offset);
        let millis = 1_700_000_000_000 + i64::try_from(self.born.elapsed().as_millis()).unwrap();
        Timestamp(u64::try_from(millis + offset).unwrap())
    }
}

#[async_trait]
impl BlockStreamerTransport for World {
    async fn start_stream(
        &self,
        request: bs::StartStreamRequest,
    ) -> CallResult<bs::StartStreamResponse> {
        let works = self.service("start_stream").await?;
        let id = IndexerId::new(&request.account_id, &request.function_name).unwrap();
        self.with(|state| {
            if state.streams.contains_key(&id) {
                return Err(Status::already_exists("it runs").into());
            }
            if works {
                let info = stream_info(&id, request.version, &mut state.serial);
                state.streams.insert(id, info);
            }
            Ok(bs::StartStreamResponse::default())
        })
    }

    async fn stop_stream(
        &self,
        request: bs::StopStreamRequest,
    ) -> CallResult<bs::StopStreamResponse> {
        if self.service("stop_stream").await? {
            self.with(|state| {
                state
                    .streams
                    .retain(|_, info| info.stream_id != request.stream_id);
            });
        }
        Ok(bs::StopStreamResponse::default())
    }

    async fn get_stream(&self, request: bs::GetStreamRequest) -> CallResult<bs::StreamInfo> {
        self.service("get_stream").await?;
        let id = IndexerId::new(&request.account_id, &request.function_name).unwrap();
        self.with(|state| state.streams.get(&id).cloned())
            .ok_or_else(not_found)
    }

    async fn list_streams(&self, _: bs::ListStreamsRequest) -> CallResult<bs::ListStreamsResponse> {
        self.service("list_streams").await?;
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
        let works = self.service("start_executor").await?;
        let id = IndexerId::new(&request.account_id, &request.function_name).unwrap();
        self.with(|state| {
            if state.executors.contains_key(&id) {
                return Err(Status::already_exists("it runs").into());
            }
            if works {
                let running = rn::ExecutionState::Running.into();
                let info = executor_info(&id, request.version, running, &mut state.serial);
                state.executors.insert(id, info);
            }
            Ok(rn::StartExecutorResponse::default())
        })
    }

    async fn stop_executor(
        &self,
        request: rn::StopExecutorRequest,
    ) -> CallResult<rn::StopExecutorResponse> {
        if self.service("stop_executor").await? {
            self.with(|state| {
                state
                    .executors
                    .retain(|_, info| info.executor_id != request.executor_id);
            });
        }
        Ok(rn::StopExecutorResponse::default())
    }

    async fn get_executor(&self, request: rn::GetExecutorRequest) -> CallResult<rn::ExecutorInfo> {
        self.service("get_executor").await?;
        let id = IndexerId::new(&request.account_id, &request.function_name).unwrap();
        self.with(|state| state.executors.get(&id).cloned())
            .ok_or_else(not_found)
    }

    async fn list_executors(
        &self,
        _: rn::ListExecutorsRequest,
    ) -> CallResult<rn::ListExecutorsResponse> {
        self.service("list_executors").await?;
        let executors = self.with(|state| state.executors.values().cloned().collect());
        Ok(rn::ListExecutorsResponse { executors })
    }
}

#[async_trait]
impl ProvisionerTransport for World {
    fn stands_apart(&self) -> bool {
        self.with(|state| state.provisioner_apart)
    }

    async fn start_provisioning_task(
        &self,
        _: dl::ProvisionRequest,
    ) -> CallResult<dl::StartTaskResponse> {
        self.service("start_provisioning_task").await?;
        Ok(dl::StartTaskResponse {
            task_id: "t".to_owned(),
        })
    }

    async fn get_task_status(
        &self,
        _: dl::GetTaskStatusRequest,
    ) -> CallResult<dl::GetTaskStatusResponse> {
        let done = self.service("get_task_status").await?;
        let status = if done {
            dl::TaskStatus::Complete
        } else {
            dl::TaskStatus::Pending
        };
        Ok(dl::GetTaskStatusResponse {
            status: status.into(),
        })
    }
}

#[async_trait]
impl StoreTransport for World {
    fn keeps_data_apart(&self) -> bool {
        self.with(|state| state.data_apart)
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.stored("get_many").await?;
        self.with(|state| state.keys_read += keys.len());
        self.store.get_many(keys).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let of_data = usize::from(key.ends_with(keys::DATA_OF));
        match self
            .call(["compare_and_set", "compare_and_set of data"][of_data])
            .await
        {
            Some(Fault::Lies) => Ok(CasOutcome::Conflict(self.store.text(key))),
            Some(_) => Err(StoreError::Unavailable("fault".into())),
            None => self.store.compare_and_set(key, expected, new, list).await,
        }
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.stored("delete").await?;
        self.store.delete(keys).await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        self.stored("delete").await?;
        self.store.delete_if(guard, expected, keys).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.stored("set_members").await?;
        self.store.set_members(key).await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.stored("set_add").await?;
        self.store.set_add(key, member).await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.stored("set_remove").await?;
        self.store.set_remove(key, member).await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.stored("queue_head").await?;
        self.store.queue_head(key).await
    }
}
