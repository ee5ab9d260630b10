//! Bugs about repairs and restarts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use coordinator::transport::{BlockStreamerTransport, CallResult};
use coordinator::{Clock, Knobs};
use lifecycle::{
    Action, Backoff, Cause, IndexerId, Observed, Phase, Policy, Reason, Seen, Step, Timestamp, Wait,
};
use proto::block_streamer::{GetStreamRequest, ProcessingState, StreamInfo};

use super::bug::Bug;
use super::pace::wait_for;
use super::{Planted, idle_bug, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    unsafe_bug(
        "just-started-streams-restarted",
        "A stream that is idle because it has just begun counts as stalled",
        "The original's history: restarting just-started streams",
        || Arc::new(TakenForStalled(ProcessingState::Idle)),
    ),
    unsafe_bug(
        "waiting-taken-for-stalled",
        "A stream that waits for its consumer counts as stalled, and is restarted",
        "Controller pattern: a state read as its neighbour in the enumeration",
        || Arc::new(TakenForStalled(ProcessingState::Waiting)),
    ),
    unsafe_bug(
        "restarted-without-a-repair",
        "What looks unhealthy once is stopped on the spot",
        "The original's history: restart loops that exhausted database connections",
        || Arc::new(RestartedOnTheSpot),
    ),
    unsafe_bug(
        "everything-restarted-at-the-start",
        "Every life begins with stopping what it finds running",
        "Controller pattern: a clean slate instead of adoption",
        || Arc::new(CleanSlate::default()),
    ),
    unsafe_bug(
        "retry-storm",
        "A failed call is tried again within a millisecond, for ever",
        "Controller pattern: retry storm",
        || Arc::new(RetryStorm),
    ),
    idle_bug(
        "retry-timer-lost",
        "A repair waits for news only, not for its time",
        "Controller pattern: a timer that is not set again after a restart",
        || Arc::new(RetryTimerLost),
    ),
    idle_bug(
        "given-up-at-the-first-failure",
        "A limited repair stays put after one try",
        "The original's known defect: one transient error ends everything",
        || Arc::new(GivenUpAtOnce),
    ),
    idle_bug(
        "backoff-in-the-wrong-unit",
        "The pauses between two tries begin with an hour and grow to a day",
        "Controller pattern: seconds taken for milliseconds",
        || Arc::new(BackoffInTheWrongUnit),
    ),
    idle_bug(
        "refusals-tried-for-ever",
        "What a node refuses is tried again without end",
        "The original retries what cannot succeed",
        || Arc::new(RefusalsTriedForEver),
    ),
    unsafe_bug(
        "failed-start-taken-for-steady",
        "After a stream could not be started nothing more is done",
        "The original reports a failed start as Running",
        || Arc::new(FailedStartTakenForSteady),
    ),
    unsafe_bug(
        "frozen-judged-by-the-clock",
        "Own and remote clock are compared, and the own one is off",
        "The original compares updated_at with its own clock: clock skew",
        || Arc::new(FrozenByTheClock),
    ),
];

/// Takes one state of a stream's health for STALLED.
struct TakenForStalled(ProcessingState);

impl TakenForStalled {
    fn misread(&self, info: &mut StreamInfo) {
        if let Some(health) = &mut info.health
            && health.processing_state == i32::from(self.0)
        {
            health.processing_state = ProcessingState::Stalled.into();
        }
    }
}

#[async_trait]
impl Bug for TakenForStalled {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.policy.restart.first = Duration::from_secs(1);
    }

    async fn get_stream(
        &self,
        to: &dyn BlockStreamerTransport,
        request: GetStreamRequest,
    ) -> CallResult<StreamInfo> {
        let mut info = to.get_stream(request).await?;
        self.misread(&mut info);
        Ok(info)
    }

    async fn list_streams(
        &self,
        to: &dyn BlockStreamerTransport,
        request: proto::block_streamer::ListStreamsRequest,
    ) -> CallResult<proto::block_streamer::ListStreamsResponse> {
        let mut listed = to.list_streams(request).await?;
        let streams = listed.streams.iter_mut();
        streams.for_each(|stream| self.misread(stream));
        Ok(listed)
    }
}

struct RestartedOnTheSpot;

impl Bug for RestartedOnTheSpot {
    fn knobs(&self, knobs: &mut Knobs) {
        let at_once = Duration::from_millis(1);
        knobs.policy.restart = Backoff {
            first: at_once,
            cap: at_once,
        };
        knobs.policy.attempts_max = u32::MAX;
        knobs.heartbeat_limit = Duration::from_secs(1);
    }
}

#[derive(Default)]
struct CleanSlate(Mutex<BTreeMap<IndexerId, u32>>);

impl Bug for CleanSlate {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let running = seen
            .record
            .as_ref()
            .is_some_and(|it| it.phase == Phase::Running);
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = met.entry(seen.id.clone()).or_default();
        *looks += 1;
        match &seen.stream {
            // Once at the shared listing, and once more before it is done.
            Seen::Present(stream) if running && *looks <= 2 => {
                Step::Apply(Action::StopStream(stream.id.clone()))
            }
            _ => step,
        }
    }
}

struct RetryStorm;

impl Bug for RetryStorm {
    fn knobs(&self, knobs: &mut Knobs) {
        let at_once = Duration::from_millis(1);
        knobs.policy.retry = Backoff {
            first: at_once,
            cap: at_once,
        };
    }
}

struct RetryTimerLost;

impl Bug for RetryTimerLost {
    fn decide(&self, _seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match step {
            Step::Wait(Wait {
                reason: reason @ Reason::Retry { .. },
                ..
            }) => Step::Wait(Wait {
                reason,
                until: None,
            }),
            step => step,
        }
    }
}

struct GivenUpAtOnce;

impl Bug for GivenUpAtOnce {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.policy.attempts_max = 1;
    }
}

struct BackoffInTheWrongUnit;

impl Bug for BackoffInTheWrongUnit {
    fn knobs(&self, knobs: &mut Knobs) {
        let day = Duration::from_secs(24 * 3600);
        knobs.policy.retry = Backoff {
            first: Duration::from_secs(3600),
            cap: day,
        };
        knobs.policy.restart.cap = day;
    }
}

struct RefusalsTriedForEver;

impl Bug for RefusalsTriedForEver {
    fn knobs(&self, knobs: &mut Knobs) {
        knobs.policy.attempts_max = u32::MAX;
    }
}

struct FailedStartTakenForSteady;

impl Bug for FailedStartTakenForSteady {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let repair = seen
            .record
            .as_ref()
            .and_then(|record| record.repair.as_ref());
        let failed = repair.is_some_and(|repair| repair.cause == Cause::StreamNotStarted);
        match step {
            Step::Apply(Action::StartStream { .. }) if failed => wait_for(None),
            step => step,
        }
    }
}

/// Its own clock goes ten minutes fast.
struct FrozenByTheClock;

const OFF: Duration = Duration::from_secs(600);

impl Bug for FrozenByTheClock {
    fn now(&self, to: &dyn Clock) -> Timestamp {
        to.now() + OFF
    }

    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, now: Timestamp) -> Step {
        // Every other ten minutes, what was said on time seems long ago.
        let late = (now.0 / 600_000) % 2 == 1;
        match (&seen.stream, &step) {
            (Seen::Present(stream), Step::Wait(wait)) if late && wait.reason == Reason::Steady => {
                Step::Apply(Action::StopStream(stream.id.clone()))
            }
            _ => step,
        }
    }
}
