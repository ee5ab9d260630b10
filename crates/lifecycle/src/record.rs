//! What is persisted for an indexer: only what cannot be re-derived.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ContentHash, IndexerId, Spec, Timestamp};

/// Where an indexer stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Its data layer is being created.
    Initializing,
    /// Stream and executor are kept running on the newest version.
    Running,
    /// An operator disabled it; stream and executor are being stopped.
    Suspending,
    /// Disabled, and nothing runs.
    Suspended,
    /// Something failed; it waits to try again (see [`Repair`]).
    Repairing,
    /// Deleted in the registry; everything is being removed.
    Deleting,
    /// Everything is gone. Never persisted: the record itself is removed. One
    /// that is found all the same is deleted once more.
    Deleted,
}

impl Phase {
    /// Its name, as in the record.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Initializing => "Initializing",
            Phase::Running => "Running",
            Phase::Suspending => "Suspending",
            Phase::Suspended => "Suspended",
            Phase::Repairing => "Repairing",
            Phase::Deleting => "Deleting",
            Phase::Deleted => "Deleted",
        }
    }

    /// All phases, in the order of a life.
    pub const ALL: [Phase; 7] = [
        Phase::Initializing,
        Phase::Running,
        Phase::Suspending,
        Phase::Suspended,
        Phase::Repairing,
        Phase::Deleting,
        Phase::Deleted,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Every change of phase that may happen. Beyond the original coordinator's:
/// all phases can be left again, suspension applies everywhere, and an indexer
/// that is registered again while it is being deleted begins anew.
pub const TRANSITIONS: &[(Phase, Phase)] = &[
    (Phase::Initializing, Phase::Running),
    (Phase::Initializing, Phase::Repairing),
    (Phase::Initializing, Phase::Suspending),
    (Phase::Initializing, Phase::Deleting),
    (Phase::Running, Phase::Suspending),
    (Phase::Running, Phase::Repairing),
    (Phase::Running, Phase::Deleting),
    (Phase::Suspending, Phase::Suspended),
    (Phase::Suspending, Phase::Running),
    (Phase::Suspending, Phase::Initializing),
    (Phase::Suspending, Phase::Deleting),
    (Phase::Suspended, Phase::Running),
    (Phase::Suspended, Phase::Initializing),
    (Phase::Suspended, Phase::Deleting),
    (Phase::Repairing, Phase::Initializing),
    (Phase::Repairing, Phase::Running),
    (Phase::Repairing, Phase::Suspending),
    (Phase::Repairing, Phase::Deleting),
    (Phase::Deleting, Phase::Initializing),
    (Phase::Deleting, Phase::Deleted),
    (Phase::Deleted, Phase::Deleting),
];

/// Whether `to` may follow `from`; staying is always allowed.
pub fn may_follow(from: Phase, to: Phase) -> bool {
    from == to || TRANSITIONS.contains(&(from, to))
}

/// A version together with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The registry version.
    pub version: u64,
    /// The content; unknown for runs taken over from the original coordinator.
    pub hash: Option<ContentHash>,
}

impl Target {
    /// The target that `spec` asks for.
    pub fn of(spec: &Spec) -> Target {
        Target {
            version: spec.version,
            hash: Some(spec.hash),
        }
    }

    /// Whether `spec` is this target; an unknown hash matches any content.
    pub fn is(self, spec: &Spec) -> bool {
        self.version == spec.version && self.hash.is_none_or(|hash| hash == spec.hash)
    }
}

/// The current run: one version, streamed from one start height.
///
/// A run is committed before its first effect. Queue and cursor are cleared
/// before it starts, so whatever cursor exists later is this run's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    /// What runs.
    pub target: Target,
    /// The first block of the run; unknown for runs taken over from the original.
    pub start: Option<u64>,
    /// Queue and cursor of earlier runs are known to be cleared.
    pub prepared: bool,
}

/// A provisioning task. Written before the call that starts it; the id follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Task {
    /// The provisioner's id; `None` while it is not known whether one started.
    pub id: Option<String>,
    /// When the intent was written.
    pub since: Timestamp,
}

/// Why an indexer needs repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// The task ended FAILED.
    ProvisioningFailed,
    /// The task ran longer than allowed.
    ProvisioningTimedOut,
    /// The provisioner no longer knows the task (it restarted).
    ProvisioningLost,
    /// The answer to the start never came; the task may have run.
    ProvisioningUncertain,
    /// The provisioner refused, or could not be reached.
    ProvisioningNotStarted,
    /// The rule kind cannot be served.
    UnsupportedRule,
    /// StartStream failed.
    StreamNotStarted,
    /// StopStream failed.
    StreamNotStopped,
    /// The stream is stalled, or its health is no longer updated.
    StreamUnhealthy,
    /// StartExecutor failed.
    ExecutorNotStarted,
    /// StopExecutor failed.
    ExecutorNotStopped,
    /// The executor is stalled.
    ExecutorUnhealthy,
    /// The executor has been failing on the same block for long.
    ExecutorFailing,
    /// Queue and cursor could not be cleared, or did not stay cleared.
    DataNotCleared,
}

impl Cause {
    /// The remedy is a restart of something that runs, and so is budgeted.
    pub fn is_restart(self) -> bool {
        matches!(
            self,
            Cause::StreamUnhealthy | Cause::ExecutorUnhealthy | Cause::ExecutorFailing
        )
    }

    /// The failure of the other half of a run that may befall it while the half
    /// that this is about waits.
    pub fn other_half(self) -> Option<Cause> {
        match self {
            Cause::StreamNotStarted | Cause::StreamUnhealthy => Some(Cause::ExecutorNotStarted),
            Cause::ExecutorNotStarted | Cause::ExecutorUnhealthy | Cause::ExecutorFailing => {
                Some(Cause::StreamNotStarted)
            }
            _ => None,
        }
    }

    /// Something that was to be stopped was not.
    pub fn is_stop(self) -> bool {
        matches!(self, Cause::StreamNotStopped | Cause::ExecutorNotStopped)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Cause::ProvisioningFailed => "provisioning failed",
            Cause::ProvisioningTimedOut => "provisioning took too long",
            Cause::ProvisioningLost => "the provisioner lost the task",
            Cause::ProvisioningUncertain => "it is not known whether provisioning started",
            Cause::ProvisioningNotStarted => "provisioning could not be started",
            Cause::UnsupportedRule => "the rule kind is not supported",
            Cause::StreamNotStarted => "the block stream could not be started",
            Cause::StreamNotStopped => "the block stream could not be stopped",
            Cause::StreamUnhealthy => "the block stream is unhealthy",
            Cause::ExecutorNotStarted => "the executor could not be started",
            Cause::ExecutorNotStopped => "the executor could not be stopped",
            Cause::ExecutorUnhealthy => "the executor is unhealthy",
            Cause::ExecutorFailing => "the executor keeps failing on one block",
            Cause::DataNotCleared => "queue and cursor could not be cleared",
        })
    }
}

/// The context of a retry: survives restarts, so that a repair is resumed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Repair {
    /// The phase to return to.
    pub from: Phase,
    /// What went wrong.
    pub cause: Cause,
    /// The last error, for people; bounded.
    pub detail: String,
    /// The node will not change its mind by itself, so tries are limited.
    pub limited: bool,
    /// Failed tries so far, at least 1; an operator's order to retry begins with 1.
    pub attempts: u32,
    /// When it first failed.
    pub first_at: Timestamp,
    /// When it last failed.
    pub last_at: Timestamp,
    /// When it is tried again.
    pub next_at: Timestamp,
    /// What was wanted then; a change of it ends the repair.
    pub target: Option<Target>,
    /// When the other half of the run is tried again, if it could not be started
    /// either while this one waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_at: Option<Timestamp>,
}

/// An operator's wish that the indexer be left alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hold {
    /// Who asked for it; bounded by whoever writes it.
    pub by: String,
    /// Why, for other operators; bounded by whoever writes it.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// The persisted state of one indexer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose record it is.
    pub id: IndexerId,
    /// The operator's switch.
    pub enabled: bool,
    /// Where the indexer stands.
    pub phase: Phase,
    /// The version whose stream start was acknowledged; the original's field.
    pub synced_at: Option<u64>,
    /// The data layer was created in this life.
    pub provisioned: bool,
    /// The current run, if one was decided.
    pub run: Option<Run>,
    /// The provisioning task that may be in flight.
    pub task: Option<Task>,
    /// The current or last retry.
    pub repair: Option<Repair>,
    /// Height of the deletion being carried out.
    pub tombstone: Option<u64>,
    /// The newest version that it was known to be registered as when the record was
    /// written. It is not written for each update: the indexer may have a newer one.
    /// Whatever the registry answers of an older one is old news, or of an earlier life.
    pub registered: Option<u64>,
    /// While it is set nothing is done for the indexer, whatever is wanted.
    pub hold: Option<Hold>,
    /// It is the original's, and no run has been decided since. The original may have
    /// died after a start and before it noted the version: what runs counts more than
    /// what the record says of it. Persisted only while there is no run, since one of
    /// the original's is known by its lack of a start and of a hash.
    pub inherited: bool,
}

impl Record {
    /// The record of an indexer that was never seen before.
    pub fn new(id: IndexerId) -> Record {
        Record {
            id,
            enabled: true,
            phase: Phase::Initializing,
            synced_at: None,
            provisioned: false,
            run: None,
            task: None,
            repair: None,
            tombstone: None,
            registered: None,
            hold: None,
            inherited: false,
        }
    }

    /// The phase in which work goes on when nothing is wrong.
    pub fn working_phase(&self) -> Phase {
        if self.provisioned {
            Phase::Running
        } else {
            Phase::Initializing
        }
    }

    /// The newest version that it is known to have had: what was registered, or what was
    /// decided to run.
    pub fn known_version(&self) -> Option<u64> {
        self.registered.max(self.run.map(|run| run.target.version))
    }

    /// A copy that knows of `version`, which the registry has told.
    pub fn knowing(&self, version: u64) -> Record {
        Record {
            registered: self.registered.max(Some(version)),
            ..self.clone()
        }
    }

    /// A copy without the memory of past failures, as an operator may order it at
    /// `now`; `None` if there are none to forget. A repair by a restart is due at once,
    /// and counts as the first: begun anew, it would wait for its verdict to be confirmed.
    pub fn retried(&self, now: Timestamp) -> Option<Record> {
        let repair = self.repair.as_ref()?;
        if self.phase == Phase::Repairing && repair.cause.is_restart() {
            return Some(Record {
                repair: Some(Repair {
                    attempts: 1,
                    next_at: now,
                    other_at: None,
                    ..repair.clone()
                }),
                ..self.clone()
            });
        }
        let phase = match self.phase {
            Phase::Repairing => self.working_phase(),
            phase => phase,
        };
        Some(Record {
            repair: None,
            ..self.with_phase(phase)
        })
    }

    /// A copy in another phase.
    pub fn with_phase(&self, phase: Phase) -> Record {
        Record {
            phase,
            ..self.clone()
        }
    }
}

/// The phase, and what else decides the next step.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.phase)?;
        if !self.enabled {
            f.write_str(", disabled")?;
        }
        if self.hold.is_some() {
            f.write_str(", held")?;
        }
        if let Some(run) = self.run {
            write!(f, ", version {}", run.target.version)?;
            if let Some(start) = run.start {
                write!(f, " from {start}")?;
            }
            f.write_str(if run.prepared { "" } else { " unprepared" })?;
        }
        match &self.task {
            Some(Task { id: Some(id), .. }) => write!(f, ", task {id}")?,
            Some(Task { id: None, .. }) => f.write_str(", task intended")?,
            None => {}
        }
        if let Some(repair) = &self.repair {
            write!(f, ", {} (attempt {})", repair.cause, repair.attempts)?;
        }
        Ok(())
    }
}
