//! What to do next: a total, pure function of what is observed.

mod ending;
mod provisioning;
mod repairing;
mod running;
mod stopping;

pub(crate) use repairing::leads_to_repair;

use crate::absorb::{Context, failed};
use crate::{
    Cause, Desired, Hold, Observed, Phase, Policy, Reason, Record, Run, Seen, Service, Spec, Step,
    Target, Timestamp, Wait,
};

/// How far behind the chain an answer of the registry may be (three weeks of blocks). What
/// runs in a version that is newer by more was not started by anybody who goes by this
/// registry.
const BEHIND_MAX: u64 = 2_000_000;

/// Decides the one next step.
///
/// Precedence: an operator's hold, deletion, then the operator's switch, then the phase's own work.
/// A stale or missing registry answer stops nothing; the operator's switch is
/// obeyed even while the registry is silent.
pub fn plan(seen: &Observed, policy: &Policy, now: Timestamp) -> Step {
    let step = decide(seen, policy, now);
    let (Desired::Present(spec) | Desired::Unlisted(spec)) = &seen.desired else {
        return step;
    };
    // A restarted coordinator, which may be told old news, knows it by this only.
    match (step, &seen.record) {
        (Step::Commit(record), _) => Step::commit(record.knowing(spec.version)),
        // Nothing else would ever write it down of whoever is switched off: a tombstone of
        // the life before would take the record, and with it the switch.
        (Step::Wait(_), Some(record)) if is_off(record, spec) && knows_less(record, spec) => {
            Step::commit(record.knowing(spec.version))
        }
        (step, _) => step,
    }
}

/// Whether it is switched off, and registered as `spec` since it was deleted, if it was.
/// Also of who is held: the next order that is given may be to release it.
fn is_off(record: &Record, spec: &Spec) -> bool {
    match record.phase {
        Phase::Suspending | Phase::Suspended => true,
        // Until what is left of the earlier life is stopped.
        Phase::Deleting => !record.enabled && record.tombstone <= Some(spec.version),
        Phase::Deleted => false,
        Phase::Initializing | Phase::Running | Phase::Repairing => !record.enabled,
    }
}

fn knows_less(record: &Record, spec: &Spec) -> bool {
    record.known_version() < Some(spec.version)
}

fn decide(seen: &Observed, policy: &Policy, now: Timestamp) -> Step {
    let Some(record) = &seen.record else {
        return without_record(seen, policy, now);
    };
    let round = Round {
        seen,
        record,
        policy,
        now,
    };
    if let Some(hold) = &record.hold {
        return round.held(hold);
    }
    match record.phase {
        Phase::Deleting | Phase::Deleted => round.meanwhile(ending::deleting(&round)),
        phase => {
            if let Desired::Deleted { version, at } = seen.desired
                && record.known_version() <= Some(version)
            {
                if let Some(step) = behind_what_runs(seen, at, policy, now) {
                    return step;
                }
                return Step::commit(Record {
                    phase: Phase::Deleting,
                    tombstone: Some(at),
                    repair: None,
                    ..record.clone()
                });
            }
            if let Some(step) = round.disown() {
                return step;
            }
            match phase {
                Phase::Suspending => round.meanwhile(stopping::suspending(&round)),
                Phase::Suspended => round.meanwhile(stopping::suspended(&round)),
                _ if !record.enabled => Step::commit(Record {
                    repair: None,
                    ..record.with_phase(Phase::Suspending)
                }),
                _ => round.meanwhile(with_spec(&round)),
            }
        }
    }
}

/// Whether the next decision needs to know cursor and queue, provided that
/// no stream was seen running.
pub fn wants_progress(record: &Record, desired: &Desired) -> bool {
    match record.phase {
        Phase::Running | Phase::Repairing => {
            matches!(desired, Desired::Present(_) | Desired::Unlisted(_))
        }
        Phase::Deleting => true,
        Phase::Initializing | Phase::Suspending | Phase::Suspended | Phase::Deleted => false,
    }
}

/// The inputs of one decision.
struct Round<'a> {
    seen: &'a Observed,
    record: &'a Record,
    policy: &'a Policy,
    now: Timestamp,
}

impl Round<'_> {
    /// The record after something failed while `spec` was wanted.
    fn failed(
        &self,
        record: &Record,
        cause: Cause,
        detail: &str,
        limited: bool,
        spec: &Spec,
    ) -> Step {
        let wanted = Some(Target::of(spec));
        let context = Context {
            wanted,
            policy: self.policy,
            now: self.now,
        };
        Step::commit(failed(record, cause, detail, limited, context))
    }

    /// No block streamer serves this kind of rule: stay put until it changes.
    fn unsupported(&self, kind: &str, spec: &Spec) -> Step {
        let detail = format!("no block streamer can serve rules of kind {kind}");
        self.failed(self.record, Cause::UnsupportedRule, &detail, true, spec)
    }

    /// Nothing is done. A task in flight is still watched to its end: its account's
    /// other indexers wait for it.
    fn held(&self, hold: &Hold) -> Step {
        let reason = Reason::Held {
            by: hold.by.clone(),
            why: hold.reason.clone(),
        };
        let wait = Wait {
            reason,
            until: None,
        };
        beside(wait, provisioning::tend(self))
    }

    /// What is done while `step` only waits, for the registry or for something to stop: a
    /// task in flight is watched to its end, since its account's other indexers wait for
    /// it.
    fn meanwhile(&self, step: Step) -> Step {
        let Step::Wait(wait) = step else {
            return step;
        };
        let silent = matches!(
            wait.reason,
            Reason::RegistryUnknown | Reason::NotInRegistry | Reason::StaleRegistry { .. }
        );
        let ends = !leads_to_repair(self.record.phase);
        let watched = (silent || ends)
            .then(|| provisioning::watch(self))
            .flatten();
        beside(wait, watched)
    }

    fn unseen(&self, service: Service) -> Step {
        unseen(service, self.policy, self.now)
    }

    fn stale(&self, answered: u64) -> Step {
        let deleted = match self.record.phase {
            Phase::Deleting => self.record.tombstone,
            _ => None,
        };
        let running = deleted.max(self.record.known_version());
        let running = running.unwrap_or(answered);
        Step::wait(Reason::StaleRegistry { running, answered }, None)
    }

    /// A wait while a try that failed for such a cause has not reached its next
    /// time.
    fn held_back(&self, by: impl Fn(Cause) -> bool) -> Option<Step> {
        let repair = self.record.repair.as_ref()?;
        // What is wanted now was not wanted when it failed: that ends the pause.
        let changed = match &self.seen.desired {
            Desired::Present(spec) => repair.target.is_none_or(|target| !target.is(spec)),
            _ => false,
        };
        (self.now < repair.next_at && !changed && by(repair.cause))
            .then(|| Step::wait(repairing::reason(repair, self.policy), Some(repair.next_at)))
    }

    /// Whether something of another version than `version` is seen running.
    fn foreign(&self, version: u64) -> bool {
        let stream = matches!(&self.seen.stream, Seen::Present(it) if it.version != version);
        let executor = matches!(&self.seen.executor, Seen::Present(it) if it.version != version);
        stream || executor
    }

    /// Something of another version runs beside the run, a start that arrived
    /// late: cursor and queue are no longer the run's own, and are not gone by.
    /// Runs taken over from the original have nothing else to go by.
    fn disown(&self) -> Option<Step> {
        let run = self.record.run?;
        (run.prepared && run.start.is_some() && self.foreign(run.target.version)).then(|| {
            Step::commit(Record {
                run: Some(Run {
                    prepared: false,
                    ..run
                }),
                ..self.record.clone()
            })
        })
    }
}

/// A wait beside which something else is watched: what that leads to, or the earlier end.
fn beside(wait: Wait, watched: Option<Step>) -> Step {
    match watched {
        Some(Step::Wait(Wait { until, .. })) => {
            let until = [wait.until, until].into_iter().flatten().min();
            Step::wait(wait.reason, until)
        }
        Some(step) => step,
        None => Step::Wait(wait),
    }
}

fn unseen(service: Service, policy: &Policy, now: Timestamp) -> Step {
    Step::wait(Reason::Unseen(service), Some(now + policy.recheck))
}

/// An indexer without a record: new, or an orphan of one deleted long ago.
fn without_record(seen: &Observed, policy: &Policy, now: Timestamp) -> Step {
    match &seen.desired {
        Desired::Present(_) => Step::commit(Record::new(seen.id.clone())),
        Desired::Deleted { at, .. }
            if let Some(step) = behind_what_runs(seen, *at, policy, now) =>
        {
            step
        }
        Desired::Deleted { at, .. } => match (&seen.stream, &seen.executor) {
            (Seen::Absent, Seen::Absent) => Step::Finish { height: None },
            (Seen::Present(_), _) | (_, Seen::Present(_)) => Step::commit(Record {
                phase: Phase::Deleting,
                tombstone: Some(*at),
                ..Record::new(seen.id.clone())
            }),
            (Seen::Unknown, _) => unseen(Service::BlockStreamer, policy, now),
            (_, Seen::Unknown) => unseen(Service::Executors, policy, now),
        },
        Desired::Missing | Desired::Unlisted(_) => Step::wait(Reason::NotInRegistry, None),
        Desired::Unknown => Step::wait(Reason::RegistryUnknown, None),
    }
}

/// A wait, where something runs in a version that is newer than `told`, and than the
/// registry's answer: it was registered after that, and the answer is old. The record
/// need not know of it: the original, or a store that forgot, leaves such records.
fn behind_what_runs(seen: &Observed, told: u64, policy: &Policy, now: Timestamp) -> Option<Step> {
    let stream = match &seen.stream {
        Seen::Present(stream) => stream.version,
        _ => 0,
    };
    let executor = match &seen.executor {
        Seen::Present(executor) => executor.version,
        _ => 0,
    };
    let as_of = seen.desired_as_of;
    let possible = as_of.saturating_add(1)..=as_of.saturating_add(BEHIND_MAX);
    let newer = [stream, executor]
        .into_iter()
        .filter(|version| *version > told && possible.contains(version));
    newer.max().map(|running| {
        let reason = Reason::StaleRegistry {
            running,
            answered: told,
        };
        // The answer that says the same as of a later height is no news for anybody.
        Step::wait(reason, Some(now + policy.recheck))
    })
}

/// Phases whose work needs to know what is wanted.
fn with_spec(round: &Round<'_>) -> Step {
    let spec = match &round.seen.desired {
        Desired::Present(spec) => spec,
        Desired::Unlisted(spec) if keeps_alive(round.record, spec) => spec,
        Desired::Missing | Desired::Unlisted(_) => return Step::wait(Reason::NotInRegistry, None),
        Desired::Unknown => return Step::wait(Reason::RegistryUnknown, None),
        // A tombstone that is up to date led to the deletion already.
        Desired::Deleted { version, .. } => return round.stale(*version),
    };
    if round.record.known_version() > Some(spec.version) {
        return round.stale(spec.version);
    }
    if let Some(step) = behind_what_runs(round.seen, spec.version, round.policy, round.now) {
        return step;
    }
    match round.record.phase {
        Phase::Initializing => provisioning::initializing(round, spec),
        Phase::Repairing => repairing::repairing(round, spec),
        _ => running::running(round, spec),
    }
}

/// Whether what was wanted last is what runs, and is to be kept running.
fn keeps_alive(record: &Record, spec: &Spec) -> bool {
    record.phase != Phase::Initializing
        && record
            .run
            .is_some_and(|run| run.prepared && run.target.is(spec))
}
