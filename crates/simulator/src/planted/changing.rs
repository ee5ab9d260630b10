//! Bugs about changes of version.

use std::sync::Arc;

use lifecycle::{
    Action, Desired, Observed, Phase, Policy, Progress, Record, Run, Seen, Step, Target, Timestamp,
};

use super::bug::Bug;
use super::{Planted, idle_bug, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    unsafe_bug(
        "queue-kept-on-an-update",
        "A new version takes over queue and cursor as they are",
        "The original keeps them for CONTINUE, and never resets the cursor",
        || Arc::new(QueueKept),
    ),
    unsafe_bug(
        "clearing-acknowledged-not-done",
        "Queue and cursor are said to be cleared and are not",
        "Controller pattern: an effect is believed without a look",
        || Arc::new(ClearingNotDone),
    ),
    unsafe_bug(
        "cursor-survives-an-update",
        "Only the queue is cleared",
        "The original never resets the last published block",
        || Arc::new(Survives(":last_published_block")),
    ),
    unsafe_bug(
        "queue-survives-an-update",
        "Only the cursor is cleared",
        "The original keeps the queue on an update to CONTINUE",
        || Arc::new(Survives(":block_stream")),
    ),
    unsafe_bug(
        "stream-before-executor",
        "The new stream is started before the new executor",
        "The original's order of an update",
        || Arc::new(StreamBeforeExecutor),
    ),
    unsafe_bug(
        "continued-at-the-cursor",
        "CONTINUE goes on at the cursor, whatever is still queued",
        "The original continues after the last published block",
        || Arc::new(ContinuedAtTheCursor),
    ),
    unsafe_bug(
        "cleared-while-the-executor-runs",
        "Queue and cursor are cleared as soon as the stream is gone",
        "Controller pattern: teardown in the wrong order",
        || Arc::new(ClearedTooEarly),
    ),
    unsafe_bug(
        "run-begins-at-its-version",
        "A run begins at its version, whatever start block is asked for",
        "The original resumes at the version where there is no cursor",
        || Arc::new(BeginsAtItsVersion),
    ),
    idle_bug(
        "update-of-the-code-only-overlooked",
        "An update leaves stream and executor of the earlier version alone",
        "Controller pattern: what exists counts as right",
        || Arc::new(UpdateOverlooked),
    ),
    unsafe_bug(
        "old-version-beside-the-new",
        "A run is committed before what ran for the last one is gone",
        "The original starts the new stream before it replaces the executor",
        || Arc::new(OldBesideNew),
    ),
];

struct QueueKept;

impl Bug for QueueKept {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let before = seen.record.as_ref().and_then(|record| record.run);
        match step {
            Step::Commit(mut next) => {
                if let (Some(run), Some(_)) = (&mut next.run, before) {
                    run.prepared = true;
                }
                Step::Commit(next)
            }
            step => step,
        }
    }
}

struct ClearingNotDone;

impl Bug for ClearingNotDone {
    fn deleted(&self, _keys: &[String]) -> Vec<String> {
        Vec::new()
    }
}

/// The key with this end is left out of a clearing.
struct Survives(&'static str);

impl Bug for Survives {
    fn deleted(&self, keys: &[String]) -> Vec<String> {
        let rest = keys.iter().filter(|key| !key.ends_with(self.0));
        rest.cloned().collect()
    }
}

struct StreamBeforeExecutor;

impl Bug for StreamBeforeExecutor {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let start = seen
            .record
            .as_ref()
            .and_then(|it| it.run)
            .and_then(|run| run.start);
        match (step, start) {
            (Step::Apply(Action::StartExecutor(spec)), Some(height))
                if seen.stream == Seen::Absent =>
            {
                Step::Apply(Action::StartStream { spec, height })
            }
            (step, _) => step,
        }
    }
}

struct ContinuedAtTheCursor;

impl Bug for ContinuedAtTheCursor {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Progress::Known { queue_head, .. } = &mut seen.progress {
            *queue_head = None;
        }
    }
}

struct ClearedTooEarly;

impl Bug for ClearedTooEarly {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let gone = seen.stream == Seen::Absent;
        let deleting = seen
            .record
            .as_ref()
            .is_some_and(|it| it.phase == Phase::Deleting);
        match step {
            Step::Apply(Action::StopExecutor(_)) if gone && deleting => {
                Step::Apply(Action::ClearData)
            }
            step => step,
        }
    }
}

struct BeginsAtItsVersion;

impl Bug for BeginsAtItsVersion {
    fn decide(&self, _seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match step {
            Step::Commit(mut next) => {
                if let Some(run) = &mut next.run {
                    run.start = Some(run.target.version);
                }
                Step::Commit(next)
            }
            step => step,
        }
    }
}

struct UpdateOverlooked;

impl Bug for UpdateOverlooked {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        let run = seen.record.as_ref().and_then(|record| record.run);
        if let (Desired::Present(spec), Some(run)) = (&mut seen.desired, run)
            && run.prepared
            && spec.version > run.target.version
        {
            let spec = Arc::make_mut(spec);
            spec.version = run.target.version;
            spec.hash = run.target.hash.unwrap_or(spec.hash);
        }
    }
}

struct OldBesideNew;

impl Bug for OldBesideNew {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let Desired::Present(spec) = &seen.desired else {
            return step;
        };
        let old = |record: &Record| record.run.filter(|run| run.target.version < spec.version);
        match (
            &step,
            seen.record.as_ref().and_then(|it| Some((it, old(it)?))),
        ) {
            (Step::Apply(Action::StopExecutor(_)), Some((record, _)))
                if record.phase == Phase::Running && seen.stream == Seen::Absent =>
            {
                Step::Commit(Box::new(Record {
                    run: Some(Run {
                        target: Target::of(spec),
                        start: Some(spec.version),
                        prepared: true,
                    }),
                    ..record.clone()
                }))
            }
            _ => step,
        }
    }
}
