//! What an outcome means for the record.

use crate::plan::leads_to_repair;
use crate::{Action, Cause, Outcome, Phase, Policy, Record, Repair, Run, Target, Task, Timestamp};

/// The longest error text that is persisted, in bytes.
const DETAIL_LEN_MAX: usize = 300;

/// What is noted when queue and cursor were cleared of which no run tells: whether they
/// stay so is only seen at the next look.
pub(crate) const CLEARED: &str = "it was cleared, and is looked at once more";

/// The circumstances of a failure.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// What was wanted when it failed; a change of it ends the repair.
    pub wanted: Option<Target>,
    pub policy: &'a Policy,
    pub now: Timestamp,
}

/// The record after `action`, taken while `wanted` was wanted, ended with
/// `outcome`. An acknowledgement is only believed where nothing can be observed
/// instead.
pub fn absorb(
    record: &Record,
    action: &Action,
    outcome: &Outcome,
    wanted: Option<Target>,
    policy: &Policy,
    now: Timestamp,
) -> Record {
    let context = Context {
        wanted,
        policy,
        now,
    };
    match action {
        Action::StartProvisioning(_) => provisioning_started(record, outcome, context),
        Action::StartStream { spec, .. } => match outcome {
            Outcome::Done(_) => Record {
                synced_at: Some(spec.version),
                ..record.clone()
            },
            other => not_done(record, Cause::StreamNotStarted, other, context),
        },
        Action::StartExecutor(_) => not_done(record, Cause::ExecutorNotStarted, outcome, context),
        Action::StopStream(_) => stopped(record, Cause::StreamNotStopped, outcome, context),
        Action::StopExecutor(_) => stopped(record, Cause::ExecutorNotStopped, outcome, context),
        Action::ClearData => cleared(record, outcome, context),
    }
}

fn provisioning_started(record: &Record, outcome: &Outcome, context: Context<'_>) -> Record {
    match outcome {
        Outcome::Done(id) => {
            let since = record.task.as_ref().map_or(context.now, |task| task.since);
            Record {
                task: Some(Task {
                    id: id.clone(),
                    since,
                }),
                ..record.clone()
            }
        }
        // Older provisioners answer FAILED_PRECONDITION for what exists already.
        Outcome::AlreadyExists => Record {
            task: None,
            provisioned: true,
            ..record.clone()
        },
        Outcome::Indefinite(_) => record.clone(),
        Outcome::Rejected(_) | Outcome::Unavailable(_) => {
            let without = Record {
                task: None,
                ..record.clone()
            };
            not_done(&without, Cause::ProvisioningNotStarted, outcome, context)
        }
    }
}

fn cleared(record: &Record, outcome: &Outcome, context: Context<'_>) -> Record {
    if !matches!(outcome, Outcome::Done(_)) {
        return not_done(record, Cause::DataNotCleared, outcome, context);
    }
    if record.phase != Phase::Deleting {
        let run = record.run.map(|run| Run {
            prepared: true,
            ..run
        });
        return Record {
            run,
            ..record.clone()
        };
    }
    if record.run.is_some() || record.inherited {
        let earlier = record.repair.clone();
        return Record {
            run: None,
            inherited: false,
            repair: earlier.filter(|repair| repair.cause != Cause::DataNotCleared),
            ..record.clone()
        };
    }
    // A stream task that no list shows may write on; clearing after it is not
    // repeated without pause.
    failed(record, Cause::DataNotCleared, CLEARED, false, context)
}

/// A stop that failed. In a repair that is carried out by stopping, the repair
/// itself is kept and only put off.
fn stopped(record: &Record, cause: Cause, outcome: &Outcome, context: Context<'_>) -> Record {
    match (&record.repair, outcome) {
        (_, Outcome::Done(_)) => record.clone(),
        (Some(repair), _) if record.phase == Phase::Repairing => {
            let delay = context
                .policy
                .retry
                .delay(&record.id, repair.attempts.min(4));
            let next_at = context.now + delay;
            Record {
                repair: Some(Repair {
                    next_at,
                    ..repair.clone()
                }),
                ..record.clone()
            }
        }
        _ => not_done(record, cause, outcome, context),
    }
}

fn not_done(record: &Record, cause: Cause, outcome: &Outcome, context: Context<'_>) -> Record {
    let (detail, limited) = match outcome {
        Outcome::Done(_) => return record.clone(),
        Outcome::AlreadyExists => ("it exists already", false),
        Outcome::Rejected(detail) => (detail.as_str(), true),
        Outcome::Unavailable(detail) | Outcome::Indefinite(detail) => (detail.as_str(), false),
    };
    if let Some(repair) = put_off(record, cause, context) {
        return Record {
            repair: Some(repair),
            ..record.clone()
        };
    }
    failed(record, cause, detail, limited, context)
}

/// The repair of one half of a run that goes on although the other half failed to
/// start meanwhile: each has its own time, or they would take turns without pause.
/// The pauses of the other half double, as it waits as long as the first has.
fn put_off(record: &Record, cause: Cause, context: Context<'_>) -> Option<Repair> {
    let Context { policy, now, .. } = context;
    let repair = record.repair.as_ref()?;
    let waits = record.phase == Phase::Repairing && now < repair.next_at;
    if !waits || repair.cause.other_half() != Some(cause) {
        return None;
    }
    let first = policy.retry.delay(&record.id, 1);
    let delay = now.since(repair.last_at).max(first).min(policy.retry.cap);
    Some(Repair {
        other_at: Some(now + delay),
        ..repair.clone()
    })
}

/// The record after something failed: Repairing where the phase knows it, else
/// the same phase with a time before which it is not tried again.
pub(crate) fn failed(
    record: &Record,
    cause: Cause,
    detail: &str,
    limited: bool,
    context: Context<'_>,
) -> Record {
    let Context {
        wanted,
        policy,
        now,
    } = context;
    let from = match record.phase {
        Phase::Repairing => record.working_phase(),
        phase => phase,
    };
    let earlier = record
        .repair
        .as_ref()
        .filter(|repair| now.since(repair.last_at) < policy.attempts_window)
        .filter(|repair| repair.cause == cause || (repair.cause.is_stop() && cause.is_stop()));
    let attempts = earlier.map_or(1, |repair| repair.attempts.saturating_add(1));
    // What a store refuses now (read-only, out of memory) it may accept later.
    let limited = (limited && cause != Cause::DataNotCleared) || cause.is_restart();
    let delay = if cause == Cause::UnsupportedRule || (limited && attempts >= policy.attempts_max) {
        policy.attempts_window
    } else if cause.is_restart() {
        policy.restart.delay(&record.id, attempts)
    } else {
        policy.retry.delay(&record.id, attempts)
    };
    let repair = Repair {
        from,
        cause,
        detail: bounded(detail),
        limited,
        attempts,
        first_at: earlier.map_or(now, |repair| repair.first_at),
        last_at: now,
        next_at: now + delay,
        target: wanted,
        other_at: None,
    };
    let phase = if leads_to_repair(record.phase) {
        Phase::Repairing
    } else {
        record.phase
    };
    Record {
        phase,
        repair: Some(repair),
        ..record.clone()
    }
}

fn bounded(detail: &str) -> String {
    let mut end = detail.len().min(DETAIL_LEN_MAX);
    while !detail.is_char_boundary(end) {
        end -= 1;
    }
    detail.get(..end).unwrap_or_default().to_owned()
}
