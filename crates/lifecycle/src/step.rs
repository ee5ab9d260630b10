//! What to do next.

use std::fmt;
use std::sync::Arc;

use crate::{Cause, IndexerId, Phase, Record, Spec, Timestamp};

/// The remote parties of a reconciler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Publishes matching blocks.
    BlockStreamer,
    /// Runs the indexer's code.
    Executors,
    /// Creates the data layer.
    Provisioner,
    /// Says what is wanted.
    Registry,
    /// Keeps records, queues and cursors.
    Store,
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Service::BlockStreamer => "block streamer",
            Service::Executors => "executor service",
            Service::Provisioner => "provisioner",
            Service::Registry => "registry",
            Service::Store => "store",
        })
    }
}

/// One effect on the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start creating the data layer.
    StartProvisioning(Arc<Spec>),
    /// Start the block stream at `height`.
    StartStream {
        /// What to stream.
        spec: Arc<Spec>,
        /// The first block.
        height: u64,
    },
    /// Stop the block stream with this id.
    StopStream(String),
    /// Start the executor.
    StartExecutor(Arc<Spec>),
    /// Stop the executor with this id.
    StopExecutor(String),
    /// Delete the indexer's queue and cursor.
    ClearData,
}

impl Action {
    /// A short name for metrics and traces.
    pub fn name(&self) -> &'static str {
        match self {
            Action::StartProvisioning(_) => "StartProvisioning",
            Action::StartStream { .. } => "StartStream",
            Action::StopStream(_) => "StopStream",
            Action::StartExecutor(_) => "StartExecutor",
            Action::StopExecutor(_) => "StopExecutor",
            Action::ClearData => "ClearData",
        }
    }

    /// Whether it stops something that is to be followed by a start, and what follows the
    /// stop has to be written down first: a store that takes no writes would leave the
    /// indexer with nothing that runs. Nothing follows a suspension or a deletion, and
    /// of a run whose queue and cursor are still to be cleared the record tells already.
    pub fn ends_unannounced(&self, record: &Record) -> bool {
        matches!(self, Action::StopStream(_) | Action::StopExecutor(_))
            && matches!(record.phase, Phase::Running | Phase::Repairing)
            && record.run.is_none_or(|run| run.prepared)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::StartProvisioning(spec) => {
                write!(f, "start provisioning, version {}", spec.version)
            }
            Action::StartStream { spec, height } => {
                write!(f, "start stream at {height}, version {}", spec.version)
            }
            Action::StopStream(id) => write!(f, "stop stream {id}"),
            Action::StartExecutor(spec) => write!(f, "start executor, version {}", spec.version),
            Action::StopExecutor(id) => write!(f, "stop executor {id}"),
            Action::ClearData => f.write_str("clear queue and cursor"),
        }
    }
}

/// How an action ended, as far as the caller can know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened. Provisioning brings the id of its task.
    Done(Option<String>),
    /// What was to be started exists already.
    AlreadyExists,
    /// The service refused; it did not happen and would be refused again.
    Rejected(String),
    /// It did not reach the service.
    Unavailable(String),
    /// It may have happened, or may still happen.
    Indefinite(String),
}

/// Why nothing is to be done right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The world is as wanted.
    Steady,
    /// Disabled, and nothing runs.
    Suspended,
    /// An operator asked to leave it alone.
    Held {
        /// Who.
        by: String,
        /// Why.
        why: String,
    },
    /// Something would be done, but this coordinator only observes.
    Observing {
        /// What.
        would: String,
    },
    /// The registry has not answered yet.
    RegistryUnknown,
    /// The registry lists no such indexer, and has no tombstone either.
    NotInRegistry,
    /// The registry's answer is older than what is known to be registered, already runs, or
    /// was deleted.
    StaleRegistry {
        /// The version that is registered or runs, or the height of the deletion.
        running: u64,
        /// The version of the answer.
        answered: u64,
    },
    /// A service does not answer.
    ServiceDown {
        /// Which.
        service: Service,
        /// Since when.
        since: Timestamp,
    },
    /// A look failed; it is repeated.
    Unseen(Service),
    /// The data layer is being created.
    Provisioning {
        /// Since when.
        since: Timestamp,
    },
    /// A task may have been started; it is given time to end.
    ProvisioningUncertain {
        /// Since when.
        since: Timestamp,
    },
    /// Another indexer of the account is being provisioned.
    AccountBusy {
        /// Which.
        by: IndexerId,
    },
    /// As many provisioning tasks as allowed are in flight.
    ProvisioningFull,
    /// Starts are spread over time.
    StartBudget,
    /// The executor is starting; stopping it now would leak its worker.
    ExecutorStarting,
    /// Something failed; it is tried again later.
    Retry {
        /// What failed.
        cause: Cause,
        /// How often.
        attempts: u32,
        /// The last error.
        detail: String,
    },
    /// Something failed too often; it stays put until something changes.
    GaveUp {
        /// What failed.
        cause: Cause,
        /// How often.
        attempts: u32,
        /// The last error.
        detail: String,
    },
}

impl Reason {
    /// A word for programs; it never changes.
    pub fn name(&self) -> &'static str {
        match self {
            Reason::Steady => "Steady",
            Reason::Suspended => "Suspended",
            Reason::Held { .. } => "Held",
            Reason::Observing { .. } => "Observing",
            Reason::RegistryUnknown => "RegistryUnknown",
            Reason::NotInRegistry => "NotInRegistry",
            Reason::StaleRegistry { .. } => "StaleRegistry",
            Reason::ServiceDown { .. } => "ServiceDown",
            Reason::Unseen(_) => "Unseen",
            Reason::Provisioning { .. } => "Provisioning",
            Reason::ProvisioningUncertain { .. } => "ProvisioningUncertain",
            Reason::AccountBusy { .. } => "AccountBusy",
            Reason::ProvisioningFull => "ProvisioningFull",
            Reason::StartBudget => "StartBudget",
            Reason::ExecutorStarting => "ExecutorStarting",
            Reason::Retry { .. } => "Retry",
            Reason::GaveUp { .. } => "GaveUp",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Steady => write!(f, "everything is as wanted"),
            Reason::Suspended => write!(f, "disabled by an operator"),
            Reason::Held { by, why } => write!(f, "held by {by}: {why}"),
            Reason::Observing { would } => write!(f, "only observing; would {would}"),
            Reason::RegistryUnknown => write!(f, "the registry has not answered yet"),
            Reason::NotInRegistry => write!(f, "the registry neither lists nor deleted it"),
            Reason::StaleRegistry { running, answered } => write!(
                f,
                "the registry answered version {answered}, older than {running} which is known \
                 already"
            ),
            Reason::ServiceDown { service, .. } => write!(f, "the {service} does not answer"),
            Reason::Unseen(service) => write!(f, "the {service} could not be asked"),
            Reason::Provisioning { .. } => write!(f, "the data layer is being created"),
            Reason::ProvisioningUncertain { .. } => {
                write!(
                    f,
                    "it is not known whether provisioning started; giving it time to end"
                )
            }
            Reason::AccountBusy { by } => {
                write!(
                    f,
                    "{by}, of the same account or database, is provisioned first"
                )
            }
            Reason::ProvisioningFull => write!(f, "too many provisioning tasks are in flight"),
            Reason::StartBudget => write!(f, "starts are spread over time"),
            Reason::ExecutorStarting => {
                write!(
                    f,
                    "the executor is still starting; it is stopped when that is over"
                )
            }
            Reason::Retry {
                cause,
                attempts,
                detail,
            } => {
                write!(f, "{cause} (attempt {attempts}): {detail}")
            }
            Reason::GaveUp {
                cause,
                attempts,
                detail,
            } => write!(
                f,
                "{cause}, {attempts} times; waiting for an update or an operator: {detail}"
            ),
        }
    }
}

/// A reason to wait, and until when at most. News about the indexer end a wait
/// at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Why.
    pub reason: Reason,
    /// When to look again by itself; `None` = only on news.
    pub until: Option<Timestamp>,
}

/// Exactly one thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Perform an effect, then absorb its outcome.
    Apply(Action),
    /// Write the record, on condition that nobody else has.
    Commit(Box<Record>),
    /// Do nothing until something changes or time has come.
    Wait(Wait),
    /// Remove the record and end the loop. Registry answers older than `height`
    /// must not bring the indexer back.
    Finish {
        /// Height of the deletion, if one was carried out.
        height: Option<u64>,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Apply(action) => action.fmt(f),
            Step::Commit(record) => write!(f, "commit {record}"),
            Step::Wait(wait) => write!(f, "wait: {}", wait.reason),
            Step::Finish { height: None } => f.write_str("finish"),
            Step::Finish { height: Some(at) } => write!(f, "finish, deleted at {at}"),
        }
    }
}

impl Step {
    pub(crate) fn commit(record: Record) -> Step {
        Step::Commit(Box::new(record))
    }

    pub(crate) fn wait(reason: Reason, until: Option<Timestamp>) -> Step {
        Step::Wait(Wait { reason, until })
    }
}
