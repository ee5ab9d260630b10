//! Deleting: converging on nothing.

use super::{Round, behind_what_runs, provisioning, stopping};
use crate::absorb::CLEARED;
use crate::{Action, Cause, Desired, Phase, Progress, Reason, Record, Service, Step};

pub(super) fn deleting(round: &Round<'_>) -> Step {
    let record = round.record;
    let known = record.registered;
    if record.phase != Phase::Deleting {
        return Step::commit(record.with_phase(Phase::Deleting));
    }
    match (&round.seen.desired, record.tombstone) {
        // Deleted by a coordinator that kept no proof: nothing may be stopped.
        (Desired::Present(_), None) => return begin_anew(record),
        // Registered again: what is left of the earlier life is stopped first,
        // since nothing stops it while the data layer is created.
        (Desired::Present(spec), Some(at)) if spec.version >= at && known <= Some(spec.version) => {
            return stopping::stop_all(round).unwrap_or_else(|| begin_anew(record));
        }
        // It was registered again since, as somebody noted who knew it.
        (Desired::Deleted { version, .. }, _) if known > Some(*version) => {
            return round.stale(*version);
        }
        (Desired::Deleted { at, .. }, tombstone) if tombstone.is_none_or(|known| known < *at) => {
            return Step::commit(Record {
                tombstone: Some(*at),
                ..record.clone()
            });
        }
        // It was registered again since, by what runs: the answer and the proof are old.
        (Desired::Deleted { at, .. }, _) => {
            if let Some(step) = behind_what_runs(round.seen, *at, round.policy, round.now) {
                return step;
            }
        }
        // The proof in the record may be old: it may have been registered again
        // since, and an operator may have switched it. Nothing more is removed
        // before the registry confirms it.
        (Desired::Present(spec), Some(_)) => return round.stale(spec.version),
        (Desired::Missing | Desired::Unlisted(_), _) => {
            return Step::wait(Reason::NotInRegistry, None);
        }
        (Desired::Unknown, _) => return Step::wait(Reason::RegistryUnknown, None),
    }
    if let Some(step) = stopping::stop_all(round) {
        return step;
    }
    if let Some(step) = provisioning::tend(round) {
        return step;
    }
    match round.seen.progress {
        Progress::Unknown => round.unseen(Service::Store),
        Progress::Known {
            cursor: None,
            queue_head: None,
        } if record.run.is_none() => Step::Finish {
            height: record.tombstone,
        },
        Progress::Known { .. } | Progress::Foreign | Progress::Refused => round
            .held_back(|cause| cause == Cause::DataNotCleared)
            .map(|step| tell_of_late_writes(round, step))
            .unwrap_or(Step::Apply(Action::ClearData)),
    }
}

/// What is seen of queue and cursor after they had been cleared was written since.
fn tell_of_late_writes(round: &Round<'_>, mut step: Step) -> Step {
    if let Step::Wait(wait) = &mut step
        && let Reason::Retry { detail, .. } = &mut wait.reason
        && detail == CLEARED
        && matches!(round.seen.progress, Progress::Known { .. })
    {
        "it was written again after it had been cleared".clone_into(detail);
    }
    step
}

/// A new life: of the old one only the operator's switch, a task that may still be in
/// flight, and what it was registered as are kept.
fn begin_anew(record: &Record) -> Step {
    Step::commit(Record {
        enabled: record.enabled,
        registered: record.registered,
        task: record.task.clone(),
        ..Record::new(record.id.clone())
    })
}
