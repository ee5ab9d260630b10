//! The ledger: what really happened at the nodes, whatever their RPCs claim.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{EntryId, IndexerKey, Time};

/// Why a stream task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStopReason {
    /// StopStream cancelled it.
    Cancelled,
    /// A Redis error ended it; the stream stays listed.
    RedisError,
    /// A fault made it panic; the stream stays listed.
    Panicked,
    /// Its process died.
    NodeDied,
}

/// Why an executor's worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerStopReason {
    /// StopExecutor terminated it.
    Terminated,
    /// An uncaught exception or lack of memory killed it; the entry stays, STALLED.
    Crashed,
    /// Its process died.
    NodeDied,
}

/// What a data layer task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Creates the data layer.
    Provision,
    /// Drops the data layer.
    Deprovision,
}

/// How a data layer task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskResult {
    /// Everything was created (or dropped).
    Complete,
    /// A stage failed; what earlier stages created stays.
    Failed,
    /// Its process died midway.
    NodeDied,
}

/// One thing that happened at a node. Tasks and workers carry a serial number
/// that is unique in a run, so that unowned ones can be told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum Event {
    /// A stream task began to produce.
    StreamStarted {
        key: IndexerKey,
        task: u64,
        version: u64,
        start_height: u64,
    },
    /// A stream task ended for good: it produces no more.
    StreamEnded {
        key: IndexerKey,
        task: u64,
        reason: TaskStopReason,
    },
    /// A stream task lost its map entry while it goes on: no RPC reaches it.
    StreamOrphaned { key: IndexerKey, task: u64 },
    /// The streamer wrote its cursor key.
    CursorSet {
        key: IndexerKey,
        task: u64,
        height: u64,
    },
    /// A matching block went into the queue.
    BlockPublished {
        key: IndexerKey,
        task: u64,
        version: u64,
        height: u64,
        entry: EntryId,
    },
    /// The health verdict of a stream changed (wire number of `ProcessingState`).
    StreamHealth { key: IndexerKey, state: i32 },
    /// StartExecutor put an entry in the map; nothing runs yet.
    ExecutorListed { key: IndexerKey, version: u64 },
    /// An executor's entry left the map.
    ExecutorUnlisted { key: IndexerKey, version: u64 },
    /// A worker thread began to consume.
    WorkerStarted {
        key: IndexerKey,
        worker: u64,
        version: u64,
    },
    /// A worker thread ended for good.
    WorkerEnded {
        key: IndexerKey,
        worker: u64,
        reason: WorkerStopReason,
    },
    /// A worker lost its map entry, or never had one: no RPC reaches it.
    WorkerOrphaned { key: IndexerKey, worker: u64 },
    /// User code ran over a block to the end; the entry is removed next.
    BlockExecuted {
        key: IndexerKey,
        worker: u64,
        version: u64,
        height: u64,
        entry: EntryId,
    },
    /// User code or the block's fetch failed; the same block is tried again.
    BlockFailed {
        key: IndexerKey,
        worker: u64,
        version: u64,
        height: u64,
    },
    /// The state of an executor changed (wire number of `ExecutionState`).
    ExecutorState { key: IndexerKey, state: i32 },
    /// A data layer task began.
    TaskStarted {
        key: IndexerKey,
        task: String,
        kind: TaskKind,
    },
    /// A data layer task made the database name this stage.
    TaskStage {
        key: IndexerKey,
        task: String,
        stage: Cow<'static, str>,
    },
    /// A data layer task ended.
    TaskEnded {
        key: IndexerKey,
        task: String,
        kind: TaskKind,
        result: TaskResult,
    },
}

impl Event {
    /// The indexer the event belongs to.
    pub fn key(&self) -> &IndexerKey {
        match self {
            Event::StreamStarted { key, .. }
            | Event::StreamEnded { key, .. }
            | Event::StreamOrphaned { key, .. }
            | Event::CursorSet { key, .. }
            | Event::BlockPublished { key, .. }
            | Event::StreamHealth { key, .. }
            | Event::ExecutorListed { key, .. }
            | Event::ExecutorUnlisted { key, .. }
            | Event::WorkerStarted { key, .. }
            | Event::WorkerEnded { key, .. }
            | Event::WorkerOrphaned { key, .. }
            | Event::BlockExecuted { key, .. }
            | Event::BlockFailed { key, .. }
            | Event::ExecutorState { key, .. }
            | Event::TaskStarted { key, .. }
            | Event::TaskStage { key, .. }
            | Event::TaskEnded { key, .. } => key,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::StreamStarted {
                key,
                task,
                version,
                start_height,
            } => {
                write!(
                    f,
                    "{key}: stream task {task} starts at {start_height}, version {version}"
                )
            }
            Event::StreamEnded { key, task, reason } => {
                write!(f, "{key}: stream task {task} ended ({reason:?})")
            }
            Event::StreamOrphaned { key, task } => {
                write!(f, "{key}: stream task {task} goes on without an owner")
            }
            Event::CursorSet { key, task, height } => {
                write!(f, "{key}: stream task {task} sets the cursor to {height}")
            }
            Event::BlockPublished {
                key,
                task,
                version,
                height,
                entry,
            } => write!(
                f,
                "{key}: stream task {task} (version {version}) publishes {height} as {entry}"
            ),
            Event::StreamHealth { key, state } => write!(f, "{key}: stream health is {state}"),
            Event::ExecutorListed { key, version } => {
                write!(f, "{key}: executor of version {version} listed")
            }
            Event::ExecutorUnlisted { key, version } => {
                write!(f, "{key}: executor of version {version} no longer listed")
            }
            Event::WorkerStarted {
                key,
                worker,
                version,
            } => {
                write!(f, "{key}: worker {worker} of version {version} starts")
            }
            Event::WorkerEnded {
                key,
                worker,
                reason,
            } => {
                write!(f, "{key}: worker {worker} ended ({reason:?})")
            }
            Event::WorkerOrphaned { key, worker } => {
                write!(f, "{key}: worker {worker} runs without an owner")
            }
            Event::BlockExecuted {
                key,
                worker,
                version,
                height,
                entry,
            } => {
                write!(
                    f,
                    "{key}: worker {worker} (version {version}) executed {height} ({entry})"
                )
            }
            Event::BlockFailed {
                key,
                worker,
                version,
                height,
            } => {
                write!(
                    f,
                    "{key}: worker {worker} (version {version}) failed on {height}"
                )
            }
            Event::ExecutorState { key, state } => write!(f, "{key}: executor state is {state}"),
            Event::TaskStarted { key, task, kind } => {
                write!(f, "{key}: {kind:?} task {task} starts")
            }
            Event::TaskStage { key, task, stage } => write!(f, "{key}: task {task} did `{stage}`"),
            Event::TaskEnded {
                key,
                task,
                kind,
                result,
            } => {
                write!(f, "{key}: {kind:?} task {task} ended ({result:?})")
            }
        }
    }
}

/// Where nodes report what happened.
pub trait Ledger {
    /// Takes note of `event` at time `now`.
    fn record(&mut self, now: Time, event: Event);
}

/// A ledger that keeps everything, for tests and small servers.
#[derive(Clone, Debug, Default)]
pub struct VecLedger {
    /// All events, oldest first.
    pub events: Vec<(Time, Event)>,
}

impl Ledger for VecLedger {
    fn record(&mut self, now: Time, event: Event) {
        self.events.push((now, event));
    }
}
