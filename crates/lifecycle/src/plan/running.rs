//! Running: one run of one version, changed strictly in order.

use std::sync::Arc;

use super::Round;
use super::repairing::reason;
use super::stopping::{
    service_down, sooner, stop_all, stop_foreign, unseen_executor, unseen_stream,
};
use crate::{
    Action, Cause, Executor, ExecutorState, Policy, Progress, Reason, Record, Repair, Rule, Run,
    Seen, Service, Spec, StartBlock, Step, Stream, StreamHealth, Target, Timestamp, Wait,
};

pub(super) fn running(round: &Round<'_>, spec: &Arc<Spec>) -> Step {
    match round.record.run {
        Some(run) if run.target.is(spec) => {
            if run.target.hash.is_none() {
                let run = Run {
                    target: Target::of(spec),
                    ..run
                };
                return Step::commit(Record {
                    run: Some(run),
                    ..round.record.clone()
                });
            }
            if !run.prepared {
                return stop_all(round).unwrap_or(Step::Apply(Action::ClearData));
            }
            converge(round, spec, run)
        }
        run if is_the_originals(round.record, run) => {
            adopt(round, spec).unwrap_or_else(|| replace(round, spec))
        }
        _ => replace(round, spec),
    }
}

/// Whether only the original knows how the run began.
fn is_the_originals(record: &Record, run: Option<Run>) -> bool {
    match run {
        None => record.inherited,
        Some(run) => run.target.hash.is_none() && run.start.is_none(),
    }
}

/// What runs as wanted is taken on as it runs, although the original had not noted
/// it: it died after the start, or never heard of its success. An executor of another
/// version would have executed blocks that the new code has never seen: then all
/// begins anew. If an older version had been noted, that version's cursor may still be
/// there, and its executor may have worked until a moment ago: then only a run is
/// taken on that has its own executor, and that no cursor could lead past its start.
fn adopt(round: &Round<'_>, spec: &Arc<Spec>) -> Option<Step> {
    match (&round.seen.stream, &round.seen.executor) {
        (Seen::Unknown, _) => Some(unseen_stream(round)),
        (Seen::Present(stream), _) if stream.version != spec.version => None,
        (Seen::Present(_), Seen::Unknown) => Some(unseen_executor(round)),
        (Seen::Present(_), Seen::Present(executor)) if executor.version != spec.version => None,
        (Seen::Present(_), executor)
            if round.record.run.is_some() && !is_settled(executor, spec) =>
        {
            None
        }
        (Seen::Present(_), _) => Some(Step::commit(Record {
            run: Some(Run {
                target: Target::of(spec),
                start: None,
                prepared: true,
            }),
            synced_at: Some(spec.version),
            inherited: false,
            ..round.record.clone()
        })),
        (Seen::Absent, _) => None,
    }
}

/// Whether what replaced an older version did so as a whole.
fn is_settled(executor: &Seen<Executor>, spec: &Spec) -> bool {
    executor.is_present() && !matches!(spec.start_block, StartBlock::Height(_))
}

/// Another version, or the first: everything old stops, verified, before the
/// new run is decided; only then are queue and cursor cleared, and only then
/// does anything new start.
fn replace(round: &Round<'_>, spec: &Arc<Spec>) -> Step {
    if let Some(step) = stop_all(round) {
        return step;
    }
    if let Rule::Unsupported(kind) = &spec.rule {
        return round.unsupported(kind, spec);
    }
    let (cursor, queue_head) = match round.seen.progress {
        Progress::Known { cursor, queue_head } => (cursor, queue_head),
        Progress::Foreign => (None, None),
        // Nothing is gone by that may be there, and it is cleared before the start.
        Progress::Refused if spec.start_block != StartBlock::Continue => (None, None),
        Progress::Unknown | Progress::Refused => return round.unseen(Service::Store),
    };
    let start = match spec.start_block {
        StartBlock::Latest => spec.version,
        StartBlock::Height(height) => height,
        StartBlock::Continue => continuation(round.record, cursor, queue_head, spec.version),
    };
    // No chain has a block 0 to stream, and the streamer's health monitor
    // subtracts one from the start.
    let start = start.max(1);
    Step::commit(Record {
        run: Some(Run {
            target: Target::of(spec),
            start: Some(start),
            prepared: false,
        }),
        synced_at: None,
        repair: None,
        inherited: false,
        ..round.record.clone()
    })
}

/// Where a run goes on that takes over from an earlier one: at the oldest block
/// that is queued (the queue is cleared, so that no block published under one
/// version is executed by another's code), else at the cursor itself (it is
/// written before the block is published, so that block may be missing). Never
/// before the earlier run began, and exactly there if queue and cursor may never
/// have been its own.
fn continuation(
    record: &Record,
    cursor: Option<u64>,
    queue_head: Option<u64>,
    version: u64,
) -> u64 {
    let Some(run) = record.run else {
        return version;
    };
    let streamed = run.prepared && record.synced_at == Some(run.target.version);
    let reached = match (queue_head, cursor) {
        (Some(head), Some(cursor)) => Some(head.min(cursor)),
        (head, cursor) => head.or(cursor),
    };
    match (run.start, reached) {
        (Some(start), Some(reached)) if streamed => reached.max(start),
        (Some(start), _) => start,
        (None, Some(reached)) => reached,
        (None, None) => version,
    }
}

/// Where a stream of the current run is started or resumed. The cursor is never
/// skipped: its block may not have been published when the streamer died. Before the
/// first start is noted the cursor counts for nothing: queue and cursor were cleared,
/// and a stream of an earlier run that was slow to end may have written since.
fn resume_height(run: Run, streamed: bool, cursor: Option<u64>, spec: &Spec) -> u64 {
    let own = cursor.filter(|_| streamed || run.start.is_none());
    let height = match (own, run.start) {
        (Some(cursor), start) => cursor.max(start.unwrap_or(0)),
        (None, Some(start)) => start,
        (None, None) => match spec.start_block {
            StartBlock::Height(height) => height,
            StartBlock::Latest | StartBlock::Continue => spec.version,
        },
    };
    height.max(1)
}

/// While one half of a run waits for its repair, the other half is kept alive:
/// a start that is due for it, unless that has failed and waits for a time of its
/// own. A repair that is due (`is_due`) and waits all the same, for its service, may
/// do so for ever: the other half's repair then takes its place, if its own service
/// answers.
pub(super) fn other_half(
    round: &Round<'_>,
    spec: &Arc<Spec>,
    repair: &Repair,
    is_due: bool,
) -> Option<Step> {
    let run = round
        .record
        .run
        .filter(|run| run.target.is(spec) && run.prepared)?;
    let step = match repair.cause {
        Cause::StreamNotStarted | Cause::StreamUnhealthy => executor_step(round, spec),
        Cause::ExecutorNotStarted | Cause::ExecutorUnhealthy | Cause::ExecutorFailing
            if round.record.synced_at == Some(spec.version) =>
        {
            stream_step(round, spec, run)
        }
        _ => None,
    }?;
    match &step {
        Step::Apply(_) => match repair.other_at.filter(|at| round.now < *at) {
            Some(at) => Some(Step::wait(waiting_half(round, repair), Some(at))),
            None => Some(step),
        },
        Step::Wait(wait) if wait.reason == Reason::StartBudget => Some(step),
        Step::Commit(_) if is_due && other_answers(round, repair.cause) => Some(step),
        _ => None,
    }
}

/// Whether the service of the half that `cause` is not about answers.
fn other_answers(round: &Round<'_>, cause: Cause) -> bool {
    let services = &round.seen.services;
    let down = match cause.other_half() {
        Some(Cause::ExecutorNotStarted) => services.executors,
        _ => services.block_streamer,
    };
    down.is_none()
}

/// Why the other half waits: the first half is what an operator has to know of,
/// but one that has given up would hide that something is still tried.
fn waiting_half(round: &Round<'_>, repair: &Repair) -> Reason {
    match (reason(repair, round.policy), repair.cause.other_half()) {
        (Reason::GaveUp { .. }, Some(cause)) => Reason::Retry {
            cause,
            attempts: 1,
            detail: "it is tried again for as long as the other half waits".to_owned(),
        },
        (reason, _) => reason,
    }
}

/// Keeps executor and stream of the current run alive. A sick executor service
/// does not keep a stream that has run before from being restarted, but nothing
/// starts beside something of another version.
fn converge(round: &Round<'_>, spec: &Arc<Spec>, run: Run) -> Step {
    if let Some(step) = stop_foreign(round, spec.version) {
        return step;
    }
    let executor = executor_step(round, spec);
    let streamed_before = round.record.synced_at == Some(spec.version);
    let stream = if executor.is_none() || streamed_before {
        stream_step(round, spec, run)
    } else {
        None
    };
    match sooner(executor, stream).unwrap_or_else(|| settle(round, spec)) {
        Step::Wait(Wait { reason, until }) => {
            let ripe = ripens_at(round);
            let until = until.map_or(ripe, |until| Some(ripe.map_or(until, |at| at.min(until))));
            Step::wait(reason, until)
        }
        step => step,
    }
}

/// When the mere passing of time makes the executor a case for repair.
fn ripens_at(round: &Round<'_>) -> Option<Timestamp> {
    let Seen::Present(executor) = &round.seen.executor else {
        return None;
    };
    let rest = match executor.state {
        ExecutorState::Starting(age) => round.policy.executor_start_timeout.checked_sub(age)?,
        ExecutorState::Failing(age) => round.policy.failing_grace.checked_sub(age)?,
        ExecutorState::Fine | ExecutorState::Stalled => return None,
    };
    Some(round.now + rest)
}

fn executor_step(round: &Round<'_>, spec: &Arc<Spec>) -> Option<Step> {
    match (&round.seen.executor, round.seen.services.executors) {
        (Seen::Unknown, _) => Some(unseen_executor(round)),
        (Seen::Absent, Some(since)) => Some(service_down(Service::Executors, since)),
        (Seen::Absent, None) if round.now < round.seen.start_slot => Some(start_budget(round)),
        (Seen::Absent, None) => Some(Step::Apply(Action::StartExecutor(Arc::clone(spec)))),
        (Seen::Present(executor), _) => sick_executor(executor, round.policy)
            .map(|(cause, detail)| round.failed(round.record, cause, detail, false, spec)),
    }
}

fn stream_step(round: &Round<'_>, spec: &Arc<Spec>, run: Run) -> Option<Step> {
    match (&round.seen.stream, round.seen.services.block_streamer) {
        (Seen::Unknown, _) => Some(unseen_stream(round)),
        (Seen::Absent, Some(since)) => Some(service_down(Service::BlockStreamer, since)),
        (Seen::Absent, None) if round.now < round.seen.start_slot => Some(start_budget(round)),
        (Seen::Absent, None) => Some(match round.seen.progress {
            Progress::Unknown | Progress::Refused => round.unseen(Service::Store),
            Progress::Foreign => Step::commit(Record {
                run: Some(Run {
                    prepared: false,
                    ..run
                }),
                ..round.record.clone()
            }),
            Progress::Known { cursor, .. } => {
                let streamed = round.record.synced_at == Some(spec.version);
                Step::Apply(Action::StartStream {
                    spec: Arc::clone(spec),
                    height: resume_height(run, streamed, cursor, spec),
                })
            }
        }),
        (Seen::Present(stream), _) => sick_stream(stream).map(|(cause, detail)| {
            let detail = format!("{detail}{}", still_to_come(round, run));
            round.failed(round.record, cause, &detail, false, spec)
        }),
    }
}

/// What to say of a stream that does nothing, if its first block may not be there yet. It
/// cannot be told for sure from here: the registry may have been silent for long.
fn still_to_come(round: &Round<'_>, run: Run) -> String {
    let known = round.seen.desired_as_of;
    match run.start.filter(|start| (1..*start).contains(&known)) {
        Some(start) => format!(
            "; it begins at block {start}, and the newest block that the registry told of is \
             {known}: if the chain is not there yet, nothing is wrong, and it goes on by itself"
        ),
        None => String::new(),
    }
}

/// What is wrong with an executor, if it takes a restart.
pub(super) fn sick_executor(executor: &Executor, policy: &Policy) -> Option<(Cause, &'static str)> {
    match executor.state {
        ExecutorState::Stalled => {
            let detail = "its worker died or never started";
            Some((Cause::ExecutorUnhealthy, detail))
        }
        ExecutorState::Starting(age) if age >= policy.executor_start_timeout => {
            Some((Cause::ExecutorUnhealthy, "its start hangs"))
        }
        ExecutorState::Failing(age) if age >= policy.failing_grace => {
            let detail = "the same block fails again and again";
            Some((Cause::ExecutorFailing, detail))
        }
        _ => None,
    }
}

/// What is wrong with a stream, if it takes a restart.
fn sick_stream(stream: &Stream) -> Option<(Cause, &'static str)> {
    match stream.health {
        StreamHealth::Fine => None,
        StreamHealth::Stalled => {
            let detail = "its health monitor reports no progress";
            Some((Cause::StreamUnhealthy, detail))
        }
        StreamHealth::Frozen => {
            let detail = "its health is no longer updated";
            Some((Cause::StreamUnhealthy, detail))
        }
    }
}

/// Everything runs: what is left is to say so.
fn settle(round: &Round<'_>, spec: &Spec) -> Step {
    let record = round.record;
    if record.synced_at != Some(spec.version) {
        return Step::commit(Record {
            synced_at: Some(spec.version),
            ..record.clone()
        });
    }
    if record
        .repair
        .as_ref()
        .is_some_and(|repair| !repair.cause.is_restart())
    {
        return Step::commit(Record {
            repair: None,
            ..record.clone()
        });
    }
    Step::wait(Reason::Steady, None)
}

fn start_budget(round: &Round<'_>) -> Step {
    Step::wait(Reason::StartBudget, Some(round.seen.start_slot))
}
