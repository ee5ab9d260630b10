//! A small obedient world: services, registry and store in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::store::{CasOutcome, MemoryStore, StoreError, StoreTransport};
use coordinator::transport::{
    BlockStreamerTransport, CallResult, ExecutorTransport, ProvisionerTransport,
};
use coordinator::{Clock, Knobs, Ports};
use lifecycle::Timestamp;
use proto::{block_streamer as bs, data_layer as dl, runner as rn};
use tokio::sync::Notify;
use tokio::time::Instant;
use tonic::Status;

type Key = (String, String);

#[derive(Default)]
struct State {
    streams: BTreeMap<Key, bs::StreamInfo>,
    executors: BTreeMap<Key, rn::ExecutorInfo>,
    /// Entries by name, by account.
    registry: BTreeMap<String, BTreeMap<String, String>>,
    height: u64,
}

/// The world.
pub struct World {
    state: Mutex<State>,
    born: Instant,
    pub store: MemoryStore,
    store_is_away: AtomicBool,
    registry_is_away: AtomicBool,
    /// Reads of records take so many milliseconds.
    pub reads_take: AtomicU64,
    /// Writes wait until they are told to go on.
    writes_wait: AtomicBool,
    pub write_waits: Notify,
    pub go_on: Notify,
}

impl World {
    pub fn new() -> Arc<World> {
        Arc::new(World {
            state: Mutex::new(State {
                height: 1000,
                ..State::default()
            }),
            born: Instant::now(),
            store: MemoryStore::new(),
            store_is_away: AtomicBool::new(false),
            registry_is_away: AtomicBool::new(false),
            reads_take: AtomicU64::new(0),
            writes_wait: AtomicBool::new(false),
            write_waits: Notify::new(),
            go_on: Notify::new(),
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub fn ports(self: &Arc<World>) -> Ports {
        Ports {
            block_streamer: self.clone(),
            executors: self.clone(),
            provisioner: self.clone(),
            registry: self.clone(),
            store: self.clone(),
            clock: self.clone(),
        }
    }

    /// Registers an indexer in the next block.
    pub fn register(&self, account: &str, function: &str) {
        self.register_as(account, function, "ACTION_ANY", "x");
    }

    pub fn register_as(&self, account: &str, function: &str, kind: &str, affected: &str) {
        self.with(|state| {
            state.height += 1;
            let entry = format!(
                concat!(
                    r#"{{"code":"c","schema":"s","start_block":"LATEST","#,
                    r#""created_at_block_height":{},"rule":{{"kind":"{}","#,
                    r#""affected_account_id":"{}","status":"ANY"}}}}"#
                ),
                state.height, kind, affected
            );
            let functions = state.registry.entry(account.to_owned()).or_default();
            functions.insert(function.to_owned(), entry);
        });
    }

    /// Registers an entry that cannot be read.
    pub fn register_nonsense(&self, account: &str, function: &str) {
        self.with(|state| {
            let functions = state.registry.entry(account.to_owned()).or_default();
            functions.insert(function.to_owned(), r#"{"code":7}"#.to_owned());
        });
    }

    /// Deletes an indexer in the next block.
    pub fn unregister(&self, account: &str, function: &str) {
        self.with(|state| {
            state.height += 1;
            let deleted = format!(r#"{{"deleted_at_block_height":{},"#, state.height);
            let functions = state.registry.entry(account.to_owned()).or_default();
            let entry = functions.get_mut(function).unwrap();
            *entry = entry.replacen('{', &deleted, 1);
        });
    }

    pub fn set_registry_away(&self, away: bool) {
        self.registry_is_away.store(away, Ordering::Release);
    }

    pub fn set_store_away(&self, away: bool) {
        self.store_is_away.store(away, Ordering::Release);
    }

    pub fn make_writes_wait(&self) {
        self.writes_wait.store(true, Ordering::Release);
    }

    fn expect_store(&self) -> Result<(), StoreError> {
        if self.store_is_away.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("the store is away".to_owned()));
        }
        Ok(())
    }

    pub fn record(&self, account: &str, function: &str) -> String {
        let record = self.store.text(&format!("{account}/{function}:state"));
        String::from_utf8(record.unwrap_or_default().to_vec()).unwrap()
    }
}

/// Fast enough for tests on the real clock.
pub fn knobs() -> Knobs {
    Knobs {
        tick: Duration::from_millis(20),
        rescan: Duration::from_millis(500),
        store_pause: Duration::from_millis(20),
        starts_per_second: 10_000,
        ..Knobs::default()
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000) + self.born.elapsed()
    }
}

#[async_trait]
impl RegistryTransport for World {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        if self.registry_is_away.load(Ordering::Acquire) {
            return Err(RegistryError::Unavailable("it is away".to_owned()));
        }
        let arguments = String::from_utf8_lossy(arguments).into_owned();
        Ok(self.with(|state| {
            let result = if method == "list_all" {
                let accounts = state.registry.iter().map(|(account, functions)| {
                    let functions = functions
                        .iter()
                        .filter(|(_, entry)| !entry.contains("deleted_at"))
                        .map(|(name, entry)| format!("{name:?}:{entry}"));
                    let functions: Vec<_> = functions.collect();
                    format!("{account:?}:{{{}}}", functions.join(","))
                });
                let accounts: Vec<_> = accounts.collect();
                format!("{{{}}}", accounts.join(","))
            } else {
                let mut found = "null".to_owned();
                for (account, functions) in &state.registry {
                    for (name, entry) in functions {
                        let asked =
                            format!(r#"{{"account_id":{account:?},"function_name":{name:?}}}"#);
                        if arguments == asked {
                            found.clone_from(entry);
                        }
                    }
                }
                found
            };
            ViewAnswer {
                result: result.into(),
                block_height: state.height,
            }
        }))
    }
}

#[async_trait]
impl StoreTransport for World {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.expect_store()?;
        let pause = self.reads_take.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        self.store.get_many(keys).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        self.expect_store()?;
        if self.writes_wait.swap(false, Ordering::AcqRel) {
            self.write_waits.notify_one();
            self.go_on.notified().await;
        }
        self.store.compare_and_set(key, expected, new, list).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.expect_store()?;
        self.store.delete(keys).await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        self.expect_store()?;
        self.store.delete_if(guard, expected, keys).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.expect_store()?;
        self.store.set_members(key).await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.expect_store()?;
        self.store.set_add(key, member).await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.expect_store()?;
        self.store.set_remove(key, member).await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.expect_store()?;
        self.store.queue_head(key).await
    }
}

fn missing<T>(it: Option<T>) -> CallResult<T> {
    it.ok_or_else(|| Status::not_found("there is none").into())
}

#[async_trait]
impl BlockStreamerTransport for World {
    async fn start_stream(
        &self,
        request: bs::StartStreamRequest,
    ) -> CallResult<bs::StartStreamResponse> {
        let key = (request.account_id, request.function_name);
        let stream_id = format!("{}|{}", key.0, key.1);
        self.with(|state| {
            let stream = bs::StreamInfo {
                stream_id: stream_id.clone(),
                account_id: key.0.clone(),
                function_name: key.1.clone(),
                version: request.version,
                health: None,
            };
            state.streams.insert(key, stream);
        });
        Ok(bs::StartStreamResponse { stream_id })
    }

    async fn stop_stream(
        &self,
        request: bs::StopStreamRequest,
    ) -> CallResult<bs::StopStreamResponse> {
        self.with(|state| {
            state
                .streams
                .retain(|_, stream| stream.stream_id != request.stream_id);
        });
        let status = "ok".to_owned();
        Ok(bs::StopStreamResponse { status })
    }

    async fn get_stream(&self, request: bs::GetStreamRequest) -> CallResult<bs::StreamInfo> {
        let key = (request.account_id, request.function_name);
        missing(self.with(|state| state.streams.get(&key).cloned()))
    }

    async fn list_streams(&self, _: bs::ListStreamsRequest) -> CallResult<bs::ListStreamsResponse> {
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
        let key = (request.account_id, request.function_name);
        let executor_id = format!("{}|{}", key.0, key.1);
        self.with(|state| {
            let executor = rn::ExecutorInfo {
                executor_id: executor_id.clone(),
                account_id: key.0.clone(),
                function_name: key.1.clone(),
                version: request.version,
                health: None,
            };
            state.executors.insert(key, executor);
        });
        Ok(rn::StartExecutorResponse { executor_id })
    }

    async fn stop_executor(
        &self,
        request: rn::StopExecutorRequest,
    ) -> CallResult<rn::StopExecutorResponse> {
        let executor_id = request.executor_id;
        self.with(|state| {
            state
                .executors
                .retain(|_, executor| executor.executor_id != executor_id);
        });
        Ok(rn::StopExecutorResponse { executor_id })
    }

    async fn get_executor(&self, request: rn::GetExecutorRequest) -> CallResult<rn::ExecutorInfo> {
        let key = (request.account_id, request.function_name);
        missing(self.with(|state| state.executors.get(&key).cloned()))
    }

    async fn list_executors(
        &self,
        _: rn::ListExecutorsRequest,
    ) -> CallResult<rn::ListExecutorsResponse> {
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
        let task_id = format!("{}|{}", request.account_id, request.function_name);
        Ok(dl::StartTaskResponse { task_id })
    }

    async fn get_task_status(
        &self,
        _: dl::GetTaskStatusRequest,
    ) -> CallResult<dl::GetTaskStatusResponse> {
        let status = dl::TaskStatus::Complete.into();
        Ok(dl::GetTaskStatusResponse { status })
    }
}
