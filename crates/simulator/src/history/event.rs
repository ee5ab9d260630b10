//! One thing that happens in a run, seen from above.

use std::fmt;

use bytes::Bytes;
use sim_node::{IndexerKey, Time};

pub use crate::scenario::NodeName;

/// A number that names one call of a run.
pub type CallId = u64;

/// The how-manieth life of the coordinator, counted from 1.
pub type Incarnation = u32;

/// Stands in calls for the life of a second coordinator, in shadow mode.
pub const SHADOW: Incarnation = Incarnation::MAX;

/// Everything the coordinator can ask of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named after the call it stands for")]
pub enum Method {
    StartStream,
    StopStream,
    GetStream,
    ListStreams,
    StartExecutor,
    StopExecutor,
    GetExecutor,
    ListExecutors,
    StartProvisioningTask,
    GetTaskStatus,
    RegistryListAll,
    RegistryRead,
    StoreGet,
    StoreCompareAndSet,
    StoreDelete,
    StoreSetMembers,
    StoreSetAdd,
    StoreSetRemove,
    StoreQueueHead,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 19] = [
        Method::StartStream,
        Method::StopStream,
        Method::GetStream,
        Method::ListStreams,
        Method::StartExecutor,
        Method::StopExecutor,
        Method::GetExecutor,
        Method::ListExecutors,
        Method::StartProvisioningTask,
        Method::GetTaskStatus,
        Method::RegistryListAll,
        Method::RegistryRead,
        Method::StoreGet,
        Method::StoreCompareAndSet,
        Method::StoreDelete,
        Method::StoreSetMembers,
        Method::StoreSetAdd,
        Method::StoreSetRemove,
        Method::StoreQueueHead,
    ];

    /// The name used in scenario files and traces.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Whether it changes the world.
    pub fn is_effect(self) -> bool {
        matches!(
            self,
            Method::StartStream
                | Method::StopStream
                | Method::StartExecutor
                | Method::StopExecutor
                | Method::StartProvisioningTask
                | Method::StoreCompareAndSet
                | Method::StoreDelete
                | Method::StoreSetAdd
                | Method::StoreSetRemove
        )
    }

    /// Whether it changes what the nodes do, or the data: any effect but on the record.
    pub fn touches_world(self) -> bool {
        let of_the_record = matches!(
            self,
            Method::StoreCompareAndSet | Method::StoreSetAdd | Method::StoreSetRemove
        );
        self.is_effect() && !of_the_record
    }

    /// Whether only the original makes such calls: this coordinator lists a record
    /// in the step in which it writes it.
    pub fn is_the_originals(self) -> bool {
        matches!(self, Method::StoreSetAdd | Method::StoreSetRemove)
    }

    /// Whether it is one of the shared polls of a quiet coordinator.
    pub fn is_shared_poll(self) -> bool {
        matches!(
            self,
            Method::ListStreams
                | Method::ListExecutors
                | Method::RegistryListAll
                | Method::StoreGet
                | Method::StoreSetMembers
        )
    }

    /// Who answers it.
    pub fn server(self) -> NodeName {
        match self {
            Method::StartStream | Method::StopStream | Method::GetStream | Method::ListStreams => {
                NodeName::BlockStreamer
            }
            Method::StartExecutor
            | Method::StopExecutor
            | Method::GetExecutor
            | Method::ListExecutors
            | Method::StartProvisioningTask
            | Method::GetTaskStatus => NodeName::Runner,
            Method::RegistryListAll | Method::RegistryRead => NodeName::Registry,
            _ => NodeName::Store,
        }
    }
}

/// How a call ended for its caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AnswerKind {
    /// With a message.
    Ok,
    /// With a gRPC status (its number), or an error of the store or registry
    /// (numbers from 100).
    Error(i32),
}

/// What changed in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Registered, or updated: this is what is wanted now.
    Registered {
        /// `updated_at` or else `created_at`.
        version: u64,
        /// A hash over rule, start block, code and schema.
        content: u64,
        /// First height that the registry asks for; `None` for CONTINUE.
        start: Option<u64>,
        /// It replaces a deleted entry, or there was none before.
        new_life: bool,
        /// The block streamer can serve the rule.
        supported: bool,
    },
    /// Deleted at this height.
    Deleted {
        /// The height.
        height: u64,
    },
}

/// What an operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AdminCommand {
    /// Enable.
    Enable,
    /// Disable.
    Disable,
    /// Hold.
    Hold,
    /// Release.
    Release,
    /// Retry.
    Retry,
}

/// The condition of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// It works.
    Up,
    /// Its process is dead.
    Down,
    /// Its process is stopped but alive.
    Paused,
}

/// What becomes of a coordinator that was replaced and still lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormerState {
    /// It is frozen from the moment that it was replaced.
    Frozen,
    /// It goes on where it stood.
    Thawed {
        /// When it was frozen.
        since: Time,
    },
    /// It is dead.
    Ended,
}

/// The part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunPhase {
    /// Steps are taken and faults happen.
    Chaos,
    /// Faults have ended, everything was healed; the world must converge.
    Healing,
    /// The world has converged; now nothing may change.
    Silence,
    /// The run is over.
    Over,
}

/// One thing that happens in a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum Event {
    /// Something really happened at a fake node.
    Node(sim_node::Event),
    /// The coordinator sends a request. `key` is known where the request names
    /// an indexer (stop calls are resolved by id).
    CallSent {
        call: CallId,
        method: Method,
        key: Option<IndexerKey>,
        by: Incarnation,
    },
    /// A request takes effect at its server, maybe long after it was sent.
    CallApplied {
        call: CallId,
        method: Method,
        key: Option<IndexerKey>,
        by: Incarnation,
        sent_at: Time,
        /// Version in a start request.
        version: Option<u64>,
        /// Height in a StartStream request.
        height: Option<u64>,
        /// What the server itself said; the caller may never hear it.
        answer: AnswerKind,
    },
    /// The caller hears an answer.
    CallAnswered {
        call: CallId,
        method: Method,
        answer: AnswerKind,
    },
    /// A fault was done to a call.
    CallFault {
        call: CallId,
        method: Method,
        fault: &'static str,
    },
    /// A record was written, or removed.
    RecordWritten {
        key: IndexerKey,
        before: Option<Bytes>,
        after: Option<Bytes>,
    },
    /// Queue and cursor of an indexer were deleted by the coordinator.
    DataCleared { key: IndexerKey },
    /// The store begins to refuse writes of records, or has carried one out again.
    StoreWrites { taken: bool },
    /// The store lost data (restart or failover).
    StoreLost { span_micros: Option<u64> },
    /// The registry changed, at this height.
    Registry {
        key: IndexerKey,
        height: u64,
        change: Change,
    },
    /// An operator's command was sent to the coordinator of that life.
    AdminSent {
        key: IndexerKey,
        command: AdminCommand,
        by: Incarnation,
    },
    /// An operator's command was answered; `None` = success. By 0 if there was nobody who
    /// could have carried it out.
    AdminAnswered {
        key: IndexerKey,
        command: AdminCommand,
        by: Incarnation,
        error: Option<String>,
    },
    /// A request for one indexer names the queue of another, or of none.
    Misdirected {
        key: IndexerKey,
        method: Method,
        queue: String,
    },
    /// The record of an indexer was changed by hand.
    RecordTampered { key: IndexerKey },
    /// Another program left the record of an indexer in its own form.
    RecordTranslated { key: IndexerKey },
    /// The coordinator starts its next life.
    CoordinatorStarted { incarnation: Incarnation },
    /// The coordinator's life ended.
    CoordinatorEnded {
        incarnation: Incarnation,
        orderly: bool,
    },
    /// Something becomes of a coordinator that was replaced and still lives.
    Former {
        incarnation: Incarnation,
        state: FormerState,
    },
    /// Product code panicked.
    Panicked { message: String },
    /// A node changed its condition.
    NodeState { node: NodeName, state: NodeState },
    /// A fault other than those above, in words.
    Fault { text: String },
    /// The run enters its next part.
    Phase(RunPhase),
    /// What a coordinator with the original's logic says, of an indexer or of itself.
    Remark {
        key: Option<IndexerKey>,
        text: String,
    },
    /// The queue of an indexer was deleted by the coordinator, its cursor was not.
    QueueCleared { key: IndexerKey },
}

fn write_sender(f: &mut fmt::Formatter<'_>, by: Incarnation) -> fmt::Result {
    match by {
        SHADOW => f.write_str("by the shadow"),
        by => write!(f, "(life {by})"),
    }
}

fn what_of_writes(taken: bool) -> &'static str {
    if taken {
        "takes writes"
    } else {
        "refuses writes"
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |key: &Option<IndexerKey>| key.as_ref().map_or("*".into(), ToString::to_string);
        match self {
            Event::Node(event) => write!(f, "{event}"),
            Event::CallSent {
                call,
                method,
                key,
                by,
            } => {
                write!(f, "{}: call {call} {method:?} is sent ", named(key))?;
                write_sender(f, *by)
            }
            Event::CallApplied {
                call,
                method,
                key,
                version,
                height,
                answer,
                ..
            } => {
                write!(f, "{}: call {call} {method:?} takes effect", named(key))?;
                if let Some(version) = version {
                    write!(f, ", version {version}")?;
                }
                if let Some(height) = height {
                    write!(f, ", from height {height}")?;
                }
                write!(f, ": {answer:?}")
            }
            Event::CallAnswered {
                call,
                method,
                answer,
            } => {
                write!(f, "call {call} {method:?} is answered: {answer:?}")
            }
            Event::CallFault {
                call,
                method,
                fault,
            } => {
                write!(f, "call {call} {method:?}: fault `{fault}`")
            }
            Event::RecordWritten { key, after, .. } => match after {
                Some(after) => write!(f, "{key}: record {}", String::from_utf8_lossy(after)),
                None => write!(f, "{key}: record removed"),
            },
            Event::DataCleared { key } => write!(f, "{key}: queue and cursor deleted"),
            Event::StoreWrites { taken } => write!(f, "the store {}", what_of_writes(*taken)),
            Event::StoreLost { span_micros } => match span_micros {
                Some(span) => write!(f, "the store forgot the last {} ms", span / 1000),
                None => f.write_str("the store forgot everything"),
            },
            Event::Registry {
                key,
                height,
                change,
            } => {
                write!(f, "{key}: registry at {height}: {change:?}")
            }
            Event::AdminSent { key, command, .. } => write!(f, "{key}: operator: {command:?}"),
            Event::AdminAnswered {
                key,
                command,
                error,
                ..
            } => match error {
                None => write!(f, "{key}: operator: {command:?} acknowledged"),
                Some(error) => write!(f, "{key}: operator: {command:?} refused: {error}"),
            },
            Event::Misdirected { key, method, queue } => {
                write!(f, "{key}: {method:?} names the queue {queue}")
            }
            Event::RecordTampered { key } => write!(f, "{key}: record changed by hand"),
            Event::RecordTranslated { key } => {
                write!(f, "{key}: record left by another program")
            }
            Event::Former { incarnation, state } => {
                write!(f, "the former coordinator, life {incarnation}: {state:?}")
            }
            Event::CoordinatorStarted { incarnation } => {
                write!(f, "the coordinator starts, life {incarnation}")
            }
            Event::CoordinatorEnded {
                incarnation,
                orderly,
            } => {
                let how = if *orderly { "stops" } else { "crashes" };
                write!(f, "the coordinator {how}, life {incarnation}")
            }
            Event::Panicked { message } => write!(f, "PANIC: {message}"),
            Event::NodeState { node, state } => write!(f, "{node} is {state:?}"),
            Event::Fault { text } => write!(f, "fault: {text}"),
            Event::Phase(phase) => write!(f, "=== {phase:?} ==="),
            Event::Remark { key, text } => write!(f, "{}: original: {text}", named(key)),
            Event::QueueCleared { key } => write!(f, "{key}: queue deleted"),
        }
    }
}
