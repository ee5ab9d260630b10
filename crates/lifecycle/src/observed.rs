//! Everything known about one indexer at one moment.

use std::time::Duration;

use crate::{Desired, IndexerId, Record, Timestamp};

/// A look at a remote resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// The look failed, or is older than our own last action. No evidence.
    Unknown,
    /// The service says that there is none.
    Absent,
    /// The service has it.
    Present(T),
}

impl<T> Seen<T> {
    /// The service has it.
    pub fn is_present(&self) -> bool {
        matches!(self, Seen::Present(_))
    }

    /// There is none, or one of which `condition` holds; false without evidence.
    pub fn is_absent_or(&self, condition: impl FnOnce(&T) -> bool) -> bool {
        match self {
            Seen::Unknown => false,
            Seen::Absent => true,
            Seen::Present(it) => condition(it),
        }
    }
}

/// What the streamer's health monitor says of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamHealth {
    /// Idle, running or waiting for its consumer; also any value we do not know.
    Fine,
    /// STALLED.
    Stalled,
    /// No sign of life for longer than the limit.
    Frozen,
}

/// A stream as the streamer lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The streamer's id, needed to stop it.
    pub id: String,
    /// The registry version it was started with.
    pub version: u64,
    /// Its health.
    pub health: StreamHealth,
}

/// What the runner says of an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecutorState {
    /// Accepted, not running yet, since at least the given time.
    Starting(Duration),
    /// Running or waiting for blocks; also any value we do not know.
    Fine,
    /// Failing on a block, since at least the given time.
    Failing(Duration),
    /// Its worker died or never started.
    Stalled,
}

/// An executor as the runner lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executor {
    /// The runner's id, needed to stop it.
    pub id: String,
    /// The registry version it was started with.
    pub version: u64,
    /// Its state.
    pub state: ExecutorState,
}

/// How far the data plane has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Not read, or the read failed.
    Unknown,
    /// As read from the store.
    Known {
        /// The streamer's cursor: the last block it processed.
        cursor: Option<u64>,
        /// The oldest block that is queued and not yet executed.
        queue_head: Option<u64>,
    },
    /// Queue and cursor are those of an earlier run: their store went back to a time
    /// before they were cleared, and the record's did not.
    Foreign,
    /// The store answers, and refuses the read: the key holds something else than a
    /// queue, or it is not allowed to look. What is there is not known.
    Refused,
}

/// A look at the provisioning task of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskSeen {
    /// Not asked, or the look failed.
    Unknown,
    /// Still going on, or a status we do not know.
    Pending,
    /// Done.
    Complete,
    /// Ended without success.
    Failed,
    /// The provisioner does not know it.
    NotFound,
}

/// Whether this indexer may start a provisioning task now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Yes.
    Open,
    /// A task of another indexer of the account is in flight.
    AccountBusy(IndexerId),
    /// As many tasks as allowed are in flight.
    Full,
}

/// Since when each service has not answered its shared poll; `None` = it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// The block streamer.
    pub block_streamer: Option<Timestamp>,
    /// The executors.
    pub executors: Option<Timestamp>,
    /// The provisioner, which may share its process with the executors.
    pub provisioner: Option<Timestamp>,
}

/// One look at everything that decides what to do next.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Whose.
    pub id: IndexerId,
    /// The persisted record, if there is one.
    pub record: Option<Record>,
    /// What the registry wants.
    pub desired: Desired,
    /// As of which height of the chain `desired` is; 0 if the registry has said nothing.
    pub desired_as_of: u64,
    /// The stream.
    pub stream: Seen<Stream>,
    /// The executor.
    pub executor: Seen<Executor>,
    /// The data plane.
    pub progress: Progress,
    /// The provisioning task.
    pub task: TaskSeen,
    /// The record's task intent was written by this very loop, and the call
    /// that follows it was not made yet. Lost with the process, which is safe.
    pub armed: bool,
    /// Whether provisioning may start.
    pub gate: Gate,
    /// Earliest time at which the start budget lets this indexer start something.
    pub start_slot: Timestamp,
    /// Reachability of the services.
    pub services: Services,
    /// Since when this coordinator runs. What happened before it was measured by a
    /// clock that may have been set since: no task counts as older than this.
    pub running_since: Timestamp,
}
