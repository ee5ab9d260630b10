//! The model against peers that say what they are told to say.

mod boot;
mod heights;
mod operators;
mod provisioning;
mod table;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use coordinator::transport::{
    BlockStreamerTransport, CallResult, ExecutorTransport, ProvisionerTransport,
};
use coordinator::{Clock, Ports};
use lifecycle::Timestamp;
use madsim::Config;
use madsim::runtime::Runtime;
use proto::{block_streamer as streams, data_layer, runner};
use serde_json::{Value, json};
use sim_node::IndexerKey;
use tonic::{Code, Status};

use super::{Beyond, Original};

/// The wall clock of all tests, in seconds.
const NOW: u64 = 1_000_000;

/// The version of the entry in all tests.
const VERSION: u64 = 200;

const ACCOUNT: &str = "a.near";
const FUNCTION: &str = "f";

/// A stream as the streamer shows it.
#[derive(Clone, Copy, Debug)]
struct Stream {
    version: u64,
    /// The number of its state, and the age of that report in seconds.
    health: Option<(i32, u64)>,
}

/// An executor as the runner shows it.
#[derive(Clone, Copy, Debug)]
struct Executor {
    version: u64,
    /// The number of its state.
    health: Option<i32>,
}

/// What the peers say, and what they were asked.
#[derive(Default)]
struct Said {
    log: Vec<String>,
    stream: Option<Stream>,
    executor: Option<Executor>,
    /// Calls of these names fail with these codes.
    failing: BTreeMap<&'static str, Code>,
    tasks: VecDeque<i32>,
    /// The registry's answers by method; an error without one.
    views: BTreeMap<&'static str, Value>,
    store: BTreeMap<String, Bytes>,
    listed: Vec<String>,
    /// So many writes fail.
    writes_fail: u32,
    remarks: Vec<String>,
}

#[derive(Clone, Default)]
struct Peers(Arc<Mutex<Said>>);

impl Peers {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap()
    }

    /// Peers of an indexer with this entry and this state.
    fn of(entry: Value, state: Option<Value>) -> Peers {
        let peers = Peers::default();
        {
            let mut said = peers.said();
            said.views
                .insert("list_all", json!({ ACCOUNT: { FUNCTION: entry } }));
            said.views.insert("read_indexer_function", entry);
            if let Some(state) = state {
                let value = Bytes::from(state.to_string());
                said.store
                    .insert(format!("{ACCOUNT}/{FUNCTION}:state"), value);
            }
        }
        peers
    }

    fn original(&self) -> Arc<Original> {
        let all = Arc::new(self.clone());
        let ports = Ports {
            block_streamer: all.clone(),
            executors: all.clone(),
            provisioner: all.clone(),
            registry: all.clone(),
            store: all.clone(),
            clock: all.clone(),
        };
        Arc::new(Original::new(ports, all))
    }

    fn call(&self, name: &'static str, detail: &str) -> CallResult<()> {
        let mut said = self.said();
        said.log.push(format!("{name}{detail}"));
        match said.failing.get(name) {
            Some(code) => Err(Status::new(*code, "as told").into()),
            None => Ok(()),
        }
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.said().log)
    }
}

/// Runs `work` in virtual time.
fn play<T>(work: impl Future<Output = T>) -> T {
    Runtime::with_seed_and_config(1, Config::default()).block_on(work)
}

/// An entry that is not deleted.
fn entry(start: Value) -> Value {
    json!({
        "code": "code", "schema": "schema", "start_block": start,
        "rule": { "kind": "ACTION_ANY", "affected_account_id": "*.near", "status": "SUCCESS" },
        "created_at_block_height": 100, "updated_at_block_height": VERSION,
        "deleted_at_block_height": null, "forked_from": null,
    })
}

fn with(mut value: Value, field: &str, content: Value) -> Value {
    value[field] = content;
    value
}

fn state(phase: &str, synced: Option<u64>, enabled: bool) -> Value {
    json!({
        "account_id": ACCOUNT, "function_name": FUNCTION, "block_stream_synced_at": synced,
        "enabled": enabled, "lifecycle_state": phase,
    })
}

impl Clock for Peers {
    fn now(&self) -> Timestamp {
        Timestamp(NOW * 1000)
    }
}

#[async_trait]
impl BlockStreamerTransport for Peers {
    async fn start_stream(
        &self,
        request: streams::StartStreamRequest,
    ) -> CallResult<streams::StartStreamResponse> {
        let (version, height) = (request.version, request.start_block_height);
        assert_eq!(request.redis_stream, "a.near/f:block_stream");
        self.call("StartStream", &format!(" {version} at {height}"))?;
        Ok(streams::StartStreamResponse::default())
    }

    async fn stop_stream(
        &self,
        _: streams::StopStreamRequest,
    ) -> CallResult<streams::StopStreamResponse> {
        self.call("StopStream", "")?;
        Ok(streams::StopStreamResponse::default())
    }

    async fn get_stream(
        &self,
        request: streams::GetStreamRequest,
    ) -> CallResult<streams::StreamInfo> {
        self.call("GetStream", "")?;
        let stream = self
            .said()
            .stream
            .ok_or_else(|| Status::not_found("none"))?;
        Ok(streams::StreamInfo {
            stream_id: "1".to_owned(),
            account_id: request.account_id,
            function_name: request.function_name,
            version: stream.version,
            health: stream.health.map(|(state, age)| streams::Health {
                processing_state: state,
                updated_at_timestamp_secs: NOW - age,
            }),
        })
    }

    async fn list_streams(
        &self,
        _: streams::ListStreamsRequest,
    ) -> CallResult<streams::ListStreamsResponse> {
        panic!("the original never lists streams")
    }
}

#[async_trait]
impl ExecutorTransport for Peers {
    async fn start_executor(
        &self,
        request: runner::StartExecutorRequest,
    ) -> CallResult<runner::StartExecutorResponse> {
        assert_eq!(request.redis_stream, "a.near/f:block_stream");
        self.call("StartExecutor", &format!(" {}", request.version))?;
        Ok(runner::StartExecutorResponse::default())
    }

    async fn stop_executor(
        &self,
        _: runner::StopExecutorRequest,
    ) -> CallResult<runner::StopExecutorResponse> {
        self.call("StopExecutor", "")?;
        Ok(runner::StopExecutorResponse::default())
    }

    async fn get_executor(
        &self,
        request: runner::GetExecutorRequest,
    ) -> CallResult<runner::ExecutorInfo> {
        self.call("GetExecutor", "")?;
        let executor = self.said().executor;
        let executor = executor.ok_or_else(|| Status::not_found("none"))?;
        Ok(runner::ExecutorInfo {
            executor_id: "1".to_owned(),
            account_id: request.account_id,
            function_name: request.function_name,
            version: executor.version,
            health: executor.health.map(|state| runner::Health {
                execution_state: state,
            }),
        })
    }

    async fn list_executors(
        &self,
        _: runner::ListExecutorsRequest,
    ) -> CallResult<runner::ListExecutorsResponse> {
        panic!("the original never lists executors")
    }
}

#[async_trait]
impl ProvisionerTransport for Peers {
    async fn start_provisioning_task(
        &self,
        _: data_layer::ProvisionRequest,
    ) -> CallResult<data_layer::StartTaskResponse> {
        self.call("StartProvisioningTask", "")?;
        Ok(data_layer::StartTaskResponse {
            task_id: "t".to_owned(),
        })
    }

    async fn get_task_status(
        &self,
        _: data_layer::GetTaskStatusRequest,
    ) -> CallResult<data_layer::GetTaskStatusResponse> {
        self.call("GetTaskStatus", "")?;
        let mut said = self.said();
        let pending = data_layer::TaskStatus::Pending.into();
        let status = said.tasks.pop_front().unwrap_or(pending);
        Ok(data_layer::GetTaskStatusResponse { status })
    }
}

#[async_trait]
impl RegistryTransport for Peers {
    async fn view(&self, method: &str, _: &[u8]) -> Result<ViewAnswer, RegistryError> {
        match self.said().views.get(method) {
            Some(value) => Ok(ViewAnswer {
                result: Bytes::from(value.to_string()),
                block_height: 1,
            }),
            None => Err(RegistryError::RateLimited),
        }
    }
}

#[async_trait]
impl Beyond for Peers {
    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut said = self.said();
        if said.writes_fail > 0 {
            said.writes_fail -= 1;
            said.log.push("SET fails".to_owned());
            return Err(StoreError::Unavailable("as told".to_owned()));
        }
        said.log.push("SET".to_owned());
        let value = Bytes::copy_from_slice(value);
        said.store.insert(key.to_owned(), value);
        Ok(())
    }

    fn remark(&self, _: Option<IndexerKey>, text: String) {
        self.said().remarks.push(text);
    }
}

#[async_trait]
impl StoreTransport for Peers {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let said = self.said();
        if said.failing.contains_key("GET") {
            return Err(StoreError::Unavailable("as told".to_owned()));
        }
        Ok(keys
            .iter()
            .map(|key| said.store.get(key).cloned())
            .collect())
    }

    async fn compare_and_set(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        panic!("the original never compares")
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.said().log.push(format!("DEL {}", keys.join(" ")));
        Ok(())
    }

    async fn delete_if(&self, _: &str, _: &[u8], _: &[String]) -> Result<CasOutcome, StoreError> {
        panic!("the original never compares")
    }

    async fn set_members(&self, _: &str) -> Result<Vec<String>, StoreError> {
        let said = self.said();
        match said.failing.contains_key("SMEMBERS") {
            true => Err(StoreError::Unavailable("as told".to_owned())),
            false => Ok(said.listed.clone()),
        }
    }

    async fn set_add(&self, _: &str, member: &str) -> Result<(), StoreError> {
        let mut said = self.said();
        said.log.push("SADD".to_owned());
        if !said.listed.iter().any(|known| known == member) {
            said.listed.push(member.to_owned());
        }
        Ok(())
    }

    async fn set_remove(&self, _: &str, _: &str) -> Result<(), StoreError> {
        panic!("the original forgets no key")
    }

    async fn queue_head(&self, _: &str) -> Result<Option<u64>, StoreError> {
        panic!("the original never looks into a queue")
    }
}

/// A round that has come to its end: the phase, the seconds it took, what was asked.
fn round(peers: &Peers) -> (Option<String>, u64, Vec<String>) {
    let original = peers.original();
    let (phase, took) = play(async move {
        let began = tokio::time::Instant::now();
        let phase = original.round(ACCOUNT, FUNCTION).await;
        (phase, began.elapsed())
    });
    let phase = phase.map(|phase| phase.to_string());
    (
        phase,
        (took + Duration::from_millis(500)).as_secs(),
        peers.asked(),
    )
}

/// The state that is stored now.
fn stored(peers: &Peers) -> Value {
    let said = peers.said();
    let value = said.store.get("a.near/f:state").unwrap();
    serde_json::from_slice(value).unwrap()
}
