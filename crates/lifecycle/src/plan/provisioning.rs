//! Creating the data layer: intent, task, polls, one at a time per account.

use std::sync::Arc;

use super::Round;
use super::leads_to_repair;
use super::stopping::service_down;
use crate::absorb::{Context, failed};
use crate::{
    Action, Cause, Gate, Phase, Reason, Record, Rule, Service, Spec, Step, Task, TaskSeen,
    Timestamp, Wait,
};

/// What a look at the task in flight means.
pub(super) enum Verdict {
    /// It is over, and this is the record without it.
    Ended(Box<Record>),
    /// It may still be running.
    InFlight(Step),
    /// It is still running, for longer than expected. A second task beside it
    /// would fail both, so it is kept.
    Overdue(Step),
    /// The task did not succeed.
    Failed(Cause, &'static str),
}

pub(super) fn initializing(round: &Round<'_>, spec: &Arc<Spec>) -> Step {
    let record = round.record;
    if record.provisioned {
        return Step::commit(Record {
            repair: None,
            task: None,
            ..record.with_phase(Phase::Running)
        });
    }
    if let Some(task) = &record.task {
        if task.id.is_none() && round.seen.armed {
            return Step::Apply(Action::StartProvisioning(Arc::clone(spec)));
        }
        return match examine(round, task) {
            Verdict::Ended(next) => Step::commit(Record {
                repair: None,
                ..next.with_phase(Phase::Running)
            }),
            Verdict::InFlight(wait) => wait,
            Verdict::Overdue(wait) if failed_before(round) => slower(round, wait),
            Verdict::Overdue(_) => {
                let detail = "the task is still pending; it is looked at less often";
                round.failed(record, Cause::ProvisioningTimedOut, detail, false, spec)
            }
            Verdict::Failed(cause, detail) => give_up_task(round, spec, cause, detail),
        };
    }
    if let Rule::Unsupported(kind) = &spec.rule {
        return round.unsupported(kind, spec);
    }
    if let Some(since) = round.seen.services.provisioner {
        return service_down(Service::Provisioner, since);
    }
    match &round.seen.gate {
        Gate::AccountBusy(by) => Step::wait(Reason::AccountBusy { by: by.clone() }, None),
        Gate::Full => Step::wait(Reason::ProvisioningFull, None),
        Gate::Open => Step::commit(Record {
            task: Some(Task {
                id: None,
                since: round.now,
            }),
            ..record.clone()
        }),
    }
}

/// Whether tasks for this very wish have failed of late. Their number must not be
/// lost over a task that is merely slow: what never succeeds is limited.
fn failed_before(round: &Round<'_>) -> bool {
    let recent = |since| round.now.since(since) < round.policy.attempts_window;
    let repair = round.record.repair.as_ref();
    repair.is_some_and(|it| it.cause == Cause::ProvisioningFailed && recent(it.last_at))
}

/// The same wait, as long as the pause after the tries that failed.
fn slower(round: &Round<'_>, wait: Step) -> Step {
    let attempts = round.record.repair.as_ref().map_or(1, |it| it.attempts);
    let pause = round.policy.retry.delay(&round.record.id, attempts);
    let until = round.now + pause.max(round.policy.provisioning_poll);
    match wait {
        Step::Wait(Wait { reason, .. }) => Step::wait(reason, Some(until)),
        step => step,
    }
}

/// When a task counts as begun: not before this coordinator ran, since the clock may
/// have been put forward between two lives. If it was put back since, the start of
/// this life lies in the future and says nothing.
fn begun(round: &Round<'_>, task: &Task) -> Timestamp {
    let running_since = round.seen.running_since;
    if running_since > round.now {
        return task.since;
    }
    task.since.max(running_since)
}

/// Judges a task in flight, in whatever phase.
pub(super) fn examine(round: &Round<'_>, task: &Task) -> Verdict {
    let policy = round.policy;
    let begun = begun(round, task);
    let age = round.now.since(begun);
    let done = |provisioned| Record {
        task: None,
        provisioned: round.record.provisioned || provisioned,
        ..round.record.clone()
    };
    if task.id.is_none() {
        if age < policy.provisioning_settle {
            let reason = Reason::ProvisioningUncertain { since: task.since };
            return Verdict::InFlight(Step::wait(reason, Some(begun + policy.provisioning_settle)));
        }
        return Verdict::Failed(
            Cause::ProvisioningUncertain,
            "the answer to the start never came",
        );
    }
    match round.seen.task {
        TaskSeen::Complete => Verdict::Ended(Box::new(done(true))),
        TaskSeen::Failed => Verdict::Failed(Cause::ProvisioningFailed, "the task ended FAILED"),
        TaskSeen::NotFound => Verdict::Failed(
            Cause::ProvisioningLost,
            "the provisioner does not know the task any more",
        ),
        TaskSeen::Pending if age >= policy.provisioning_abandon => Verdict::Failed(
            Cause::ProvisioningTimedOut,
            "the task is pending for so long that it counts as dead",
        ),
        TaskSeen::Pending => {
            let reason = Reason::Provisioning { since: task.since };
            let wait = Step::wait(reason, Some(round.now + policy.provisioning_poll));
            if age < policy.provisioning_timeout {
                Verdict::InFlight(wait)
            } else {
                Verdict::Overdue(wait)
            }
        }
        TaskSeen::Unknown => Verdict::InFlight(match round.seen.services.provisioner {
            Some(since) => service_down(Service::Provisioner, since),
            None => round.unseen(Service::Provisioner),
        }),
    }
}

/// In phases that only wait for a task to be over: a step that forgets it, or
/// the wait for it; `None` if there is no task.
pub(super) fn tend(round: &Round<'_>) -> Option<Step> {
    let task = round.record.task.as_ref()?;
    let forget = || {
        Step::commit(Record {
            task: None,
            ..round.record.clone()
        })
    };
    let begun = begun(round, task);
    let abandon_at = begun + round.policy.provisioning_abandon;
    if round.now >= abandon_at {
        return Some(forget());
    }
    Some(match examine(round, task) {
        Verdict::Ended(next) => Step::Commit(next),
        Verdict::InFlight(Step::Wait(Wait { reason, until })) => {
            let until = until.map_or(abandon_at, |until| until.min(abandon_at));
            Step::wait(reason, Some(until))
        }
        Verdict::InFlight(step) | Verdict::Overdue(step) => step,
        Verdict::Failed(..) => forget(),
    })
}

/// The same for one whose next step depends on what is wanted, which is not known
/// now: success and failure are both kept.
pub(super) fn watch(round: &Round<'_>) -> Option<Step> {
    let record = round.record;
    let task = record.task.as_ref()?;
    if !leads_to_repair(record.phase) {
        return tend(round);
    }
    Some(match examine(round, task) {
        Verdict::Ended(next) => Step::commit(Record {
            repair: None,
            ..next.with_phase(Phase::Running)
        }),
        Verdict::InFlight(wait) | Verdict::Overdue(wait) => wait,
        Verdict::Failed(cause, detail) => {
            // It was wanted what was wanted when a task failed before: anything else
            // ended that repair.
            let earlier = record.repair.as_ref();
            let context = Context {
                wanted: earlier.and_then(|repair| repair.target),
                policy: round.policy,
                now: round.now,
            };
            let without = Record {
                task: None,
                ..record.clone()
            };
            Step::commit(failed(&without, cause, detail, is_limited(cause), context))
        }
    })
}

fn is_limited(cause: Cause) -> bool {
    cause == Cause::ProvisioningFailed
}

fn give_up_task(round: &Round<'_>, spec: &Spec, cause: Cause, detail: &str) -> Step {
    let without = Record {
        task: None,
        ..round.record.clone()
    };
    round.failed(&without, cause, detail, is_limited(cause), spec)
}
