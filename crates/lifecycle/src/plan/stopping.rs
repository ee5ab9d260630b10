//! Stopping stream and executor: suspension, and the first part of every change.

use super::{Round, provisioning};
use crate::{
    Action, Cause, Executor, ExecutorState, Phase, Reason, Record, Seen, Service, Step, Stream,
    Timestamp, Wait,
};

pub(super) fn suspending(round: &Round<'_>) -> Step {
    let record = round.record;
    if record.enabled {
        return resume(round);
    }
    stop_all(round).unwrap_or_else(|| {
        Step::commit(Record {
            repair: None,
            ..record.with_phase(Phase::Suspended)
        })
    })
}

pub(super) fn suspended(round: &Round<'_>) -> Step {
    let record = round.record;
    if record.enabled {
        return resume(round);
    }
    match (&round.seen.stream, &round.seen.executor) {
        // A delayed or repeated start can bring back what was stopped; what
        // cannot be seen right now is no news.
        (Seen::Present(_), _) | (_, Seen::Present(_)) => {
            if let Some(step) = stop_all(round) {
                return step;
            }
        }
        (Seen::Absent, Seen::Absent) if record.repair.is_some() => {
            return Step::commit(Record {
                repair: None,
                ..record.clone()
            });
        }
        _ => {}
    }
    provisioning::tend(round).unwrap_or_else(|| Step::wait(Reason::Suspended, None))
}

fn resume(round: &Round<'_>) -> Step {
    let record = round.record;
    Step::commit(Record {
        repair: None,
        ..record.with_phase(record.working_phase())
    })
}

/// The next step towards "neither stream nor executor"; `None` once both are
/// verified absent. Where one of them cannot be stopped now, the other still is.
pub(super) fn stop_all(round: &Round<'_>) -> Option<Step> {
    let stream = match &round.seen.stream {
        Seen::Absent => None,
        Seen::Unknown => Some(unseen_stream(round)),
        Seen::Present(stream) => Some(stop_stream(round, stream)),
    };
    let executor = match &round.seen.executor {
        Seen::Absent => None,
        Seen::Unknown => Some(unseen_executor(round)),
        Seen::Present(executor) => Some(stop_executor(round, executor)),
    };
    sooner(stream, executor)
}

/// The next step towards nothing of another version than `version`; `None` if
/// no such thing is seen.
pub(super) fn stop_foreign(round: &Round<'_>, version: u64) -> Option<Step> {
    let stream = match &round.seen.stream {
        Seen::Present(stream) if stream.version != version => Some(stop_stream(round, stream)),
        _ => None,
    };
    let executor = match &round.seen.executor {
        Seen::Present(executor) if executor.version != version => {
            Some(stop_executor(round, executor))
        }
        _ => None,
    };
    sooner(stream, executor)
}

fn stop_stream(round: &Round<'_>, stream: &Stream) -> Step {
    if let Some(since) = round.seen.services.block_streamer {
        return service_down(Service::BlockStreamer, since);
    }
    round
        .held_back(Cause::is_stop)
        .unwrap_or_else(|| Step::Apply(Action::StopStream(stream.id.clone())))
}

/// Stops an executor, but not while it is starting: that would leak its worker.
fn stop_executor(round: &Round<'_>, executor: &Executor) -> Step {
    if let Some(since) = round.seen.services.executors {
        return service_down(Service::Executors, since);
    }
    if let ExecutorState::Starting(age) = executor.state
        && age < round.policy.executor_start_grace
    {
        let rest = round.policy.executor_start_grace - age;
        let until = round.now + rest.min(round.policy.recheck);
        return Step::wait(Reason::ExecutorStarting, Some(until));
    }
    // A stream that cannot be stopped does not keep the executor alive. Both are
    // put off together once the executor has failed as well.
    round
        .held_back(|cause| cause == Cause::ExecutorNotStopped)
        .unwrap_or_else(|| Step::Apply(Action::StopExecutor(executor.id.clone())))
}

/// The wait for a stream that cannot be seen.
pub(super) fn unseen_stream(round: &Round<'_>) -> Step {
    match round.seen.services.block_streamer {
        Some(since) => service_down(Service::BlockStreamer, since),
        None => round.unseen(Service::BlockStreamer),
    }
}

/// The wait for an executor that cannot be seen.
pub(super) fn unseen_executor(round: &Round<'_>) -> Step {
    match round.seen.services.executors {
        Some(since) => service_down(Service::Executors, since),
        None => round.unseen(Service::Executors),
    }
}

pub(super) fn service_down(service: Service, since: Timestamp) -> Step {
    Step::wait(Reason::ServiceDown { service, since }, None)
}

/// Of two steps the one that does something, the first if both do; two waits
/// become one that ends with the earlier.
pub(super) fn sooner(first: Option<Step>, second: Option<Step>) -> Option<Step> {
    match (first, second) {
        (Some(Step::Wait(first)), Some(Step::Wait(second))) => {
            let until = match (first.until, second.until) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            let reason = first.reason;
            Some(Step::Wait(Wait { reason, until }))
        }
        (Some(Step::Wait(_)), Some(second)) => Some(second),
        (first, second) => first.or(second),
    }
}
