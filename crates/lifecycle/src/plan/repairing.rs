//! The one visible retry state.

use std::sync::Arc;

use super::stopping::{service_down, sooner};
use super::{Round, running};
use crate::{
    Action, Cause, ExecutorState, Observed, Phase, Policy, Reason, Record, Repair, Rule, Seen,
    Service, Spec, Step, StreamHealth, TaskSeen,
};

pub(super) fn repairing(round: &Round<'_>, spec: &Arc<Spec>) -> Step {
    let record = round.record;
    let Some(repair) = &record.repair else {
        return Step::commit(record.with_phase(record.working_phase()));
    };
    if repair.target.is_some_and(|target| !target.is(spec)) {
        return Step::commit(Record {
            repair: None,
            ..record.with_phase(record.working_phase())
        });
    }
    if is_moot(round, spec, repair) {
        let kept = record.repair.clone().filter(|it| it.cause.is_restart());
        return Step::commit(Record {
            repair: kept,
            ..record.with_phase(record.working_phase())
        });
    }
    if repair.cause == Cause::UnsupportedRule {
        return Step::wait(reason(repair, round.policy), None);
    }
    let is_due = round.now >= repair.next_at;
    let wait = if is_due {
        match restart(round, spec, repair) {
            Some(Step::Wait(wait)) => Step::Wait(wait),
            Some(step) => return step,
            // The attempts are kept: only success forgets them.
            None => return Step::commit(record.with_phase(record.working_phase())),
        }
    } else {
        Step::wait(reason(repair, round.policy), Some(repair.next_at))
    };
    let other = running::other_half(round, spec, repair, is_due);
    sooner(other, Some(wait.clone())).unwrap_or(wait)
}

/// Whether there is no point in waiting for the repair's time: what was wrong
/// is over, or something of another version has to be stopped first.
fn is_moot(round: &Round<'_>, spec: &Spec, repair: &Repair) -> bool {
    let Observed {
        stream, executor, ..
    } = round.seen;
    let runs = round.record.working_phase() == Phase::Running;
    let foreign = runs && round.foreign(spec.version);
    match repair.cause {
        Cause::UnsupportedRule => {
            let present = stream.is_present() || executor.is_present();
            !matches!(spec.rule, Rule::Unsupported(_)) || (runs && present)
        }
        Cause::StreamNotStopped => *stream == Seen::Absent,
        Cause::ExecutorNotStopped => *executor == Seen::Absent,
        Cause::DataNotCleared => false,
        Cause::StreamUnhealthy => {
            foreign || stream.is_absent_or(|it| it.health == StreamHealth::Fine)
        }
        Cause::ExecutorUnhealthy | Cause::ExecutorFailing => {
            foreign || executor.is_absent_or(|it| it.state == ExecutorState::Fine)
        }
        Cause::StreamNotStarted => foreign || stream.is_present(),
        Cause::ExecutorNotStarted => foreign || executor.is_present(),
        Cause::ProvisioningTimedOut => {
            let seen = round.seen.task;
            let over = !matches!(seen, TaskSeen::Unknown | TaskSeen::Pending);
            over && round.record.task.is_some()
        }
        Cause::ProvisioningFailed
        | Cause::ProvisioningLost
        | Cause::ProvisioningUncertain
        | Cause::ProvisioningNotStarted => false,
    }
}

/// The operator's view of a repair.
pub(super) fn reason(repair: &Repair, policy: &Policy) -> Reason {
    let (cause, attempts, detail) = (repair.cause, repair.attempts, repair.detail.clone());
    let gave_up = cause == Cause::UnsupportedRule
        || (attempts >= policy.attempts_max && (repair.limited || cause.is_restart()));
    if gave_up {
        Reason::GaveUp {
            cause,
            attempts,
            detail,
        }
    } else {
        Reason::Retry {
            cause,
            attempts,
            detail,
        }
    }
}

/// Stops what is still unhealthy when its time has come; `None` if nothing is.
fn restart(round: &Round<'_>, spec: &Spec, repair: &Repair) -> Option<Step> {
    let services = &round.seen.services;
    match repair.cause {
        Cause::StreamUnhealthy => match &round.seen.stream {
            Seen::Present(stream) if stream.version == spec.version => {
                Some(match services.block_streamer {
                    Some(since) => service_down(Service::BlockStreamer, since),
                    None => Step::Apply(Action::StopStream(stream.id.clone())),
                })
            }
            Seen::Unknown => Some(round.unseen(Service::BlockStreamer)),
            _ => None,
        },
        Cause::ExecutorUnhealthy | Cause::ExecutorFailing => match &round.seen.executor {
            Seen::Present(executor) if executor.version == spec.version => {
                running::sick_executor(executor, round.policy)?;
                Some(match services.executors {
                    Some(since) => service_down(Service::Executors, since),
                    None => Step::Apply(Action::StopExecutor(executor.id.clone())),
                })
            }
            Seen::Unknown => Some(round.unseen(Service::Executors)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether `phase` is one that a failure turns into [`Phase::Repairing`].
pub(crate) fn leads_to_repair(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::Initializing | Phase::Running | Phase::Repairing
    )
}
