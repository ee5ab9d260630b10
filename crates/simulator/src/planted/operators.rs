//! Bugs about what operators ask for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use lifecycle::{Observed, Phase, Policy, Reason, Record, Seen, Step, Timestamp, Wait};
use serde_json::Value;

use super::bug::Bug;
use super::pace::wait_for;
use super::{Planted, idle_bug, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    idle_bug(
        "newcomer-switched-off",
        "A new indexer begins as if an operator had disabled it",
        "Controller pattern: the zero of a type is taken for what is wanted",
        || Arc::new(NewcomerSwitchedOff),
    ),
    unsafe_bug(
        "switch-acknowledged-not-written",
        "Switching an indexer off is acknowledged and not written down",
        "The original's known defect: success without effect in some states",
        || Arc::new(NotWritten("enabled")),
    ),
    unsafe_bug(
        "hold-acknowledged-not-written",
        "A hold is acknowledged and not written down",
        "Controller pattern: acknowledged before it is durable",
        || Arc::new(NotWritten("hold")),
    ),
    unsafe_bug(
        "hold-ignored",
        "What is held is treated like everything else",
        "Controller pattern: one code path forgets the guard",
        || Arc::new(HoldIgnored),
    ),
    idle_bug(
        "held-task-unwatched",
        "The end of a held indexer's task is not noted, and its account waits",
        "Controller pattern: head-of-line blocking",
        || Arc::new(HeldTaskUnwatched),
    ),
    unsafe_bug(
        "suspension-stops-the-stream-only",
        "A suspended indexer's executor goes on with what is queued",
        "The original's history: only the stream was looked at",
        || Arc::new(StopsTheStreamOnly),
    ),
    unsafe_bug(
        "suspended-in-name-only",
        "A record says Suspended at once; what runs is stopped within a minute",
        "Controller pattern: the state is written before its effect",
        || Arc::new(SuspendedInNameOnly),
    ),
    idle_bug(
        "suspended-never-looked-at",
        "What comes up again for a suspended indexer stays",
        "The original's known defect: no drift repair",
        || Arc::new(SuspendedNeverLookedAt),
    ),
    unsafe_bug(
        "switch-unseen-in-repair",
        "While something is being repaired the switch is not looked at",
        "The original's known defect: commands have no effect in some states",
        || Arc::new(SwitchUnseenInRepair),
    ),
    unsafe_bug(
        "switched-on-from-the-start",
        "An indexer that is switched on again begins a new run",
        "Controller pattern: a pause is taken for an end",
        || Arc::new(SwitchedOnFromTheStart),
    ),
    unsafe_bug(
        "hold-dropped-by-the-next-write",
        "A record is written without the fields that its writer does not know",
        "Controller pattern: round trip through an older type",
        || Arc::new(HoldDropped),
    ),
    unsafe_bug(
        "retry-acknowledged-not-done",
        "A retry is acknowledged, and past failures are not forgotten",
        "The original has no such command; staff changed states by hand",
        || Arc::new(RetryNotDone),
    ),
];

struct NewcomerSwitchedOff;

#[async_trait]
impl Bug for NewcomerSwitchedOff {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        if let (None, Some(mut next)) = (expected, read(new))
            && let Some(enabled) = next.get_mut("enabled")
        {
            *enabled = Value::Bool(false);
            let text = next.to_string();
            return to
                .compare_and_set(key, expected, Some(text.as_bytes()), list)
                .await;
        }
        to.compare_and_set(key, expected, new, list).await
    }
}

fn read(raw: Option<&[u8]>) -> Option<Value> {
    serde_json::from_slice(raw?).ok()
}

/// The field of a record, wherever it stands.
fn field<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    let own = record.get("coordinator").and_then(|own| own.get(name));
    own.or_else(|| record.get(name))
        .filter(|value| !value.is_null())
}

/// Writes that change this field, and nothing that the loops decide, are lost.
struct NotWritten(&'static str);

#[async_trait]
impl Bug for NotWritten {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        if let (Some(old), Some(new)) = (read(expected), read(new))
            && field(&old, self.0) != field(&new, self.0)
        {
            return Ok(CasOutcome::Applied);
        }
        to.compare_and_set(key, expected, new, list).await
    }
}

struct HoldIgnored;

impl Bug for HoldIgnored {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Some(record) = &mut seen.record {
            record.hold = None;
        }
    }
}

struct HeldTaskUnwatched;

impl Bug for HeldTaskUnwatched {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match &seen.record {
            Some(record) if record.hold.is_some() => wait_for(None),
            _ => step,
        }
    }
}

struct StopsTheStreamOnly;

impl Bug for StopsTheStreamOnly {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        let off = |record: &Record| {
            matches!(record.phase, Phase::Suspending | Phase::Suspended) && !record.enabled
        };
        if seen.record.as_ref().is_some_and(off) {
            seen.executor = Seen::Absent;
        }
    }
}

struct SuspendedInNameOnly;

impl Bug for SuspendedInNameOnly {
    fn look(&self, seen: &mut Observed, now: Timestamp) {
        let early = now.0 % 60_000 < 50_000;
        let phase = seen.record.as_ref().map(|record| record.phase);
        if phase == Some(Phase::Suspending) || (early && phase == Some(Phase::Suspended)) {
            seen.stream = Seen::Absent;
            seen.executor = Seen::Absent;
        }
    }

    fn decide(&self, _seen: &Observed, step: Step, _policy: &Policy, now: Timestamp) -> Step {
        match step {
            Step::Wait(wait) if wait.reason == Reason::Suspended => Step::Wait(Wait {
                until: Some(now + Duration::from_secs(3)),
                ..wait
            }),
            step => step,
        }
    }
}

struct SuspendedNeverLookedAt;

impl Bug for SuspendedNeverLookedAt {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if seen
            .record
            .as_ref()
            .is_some_and(|it| it.phase == Phase::Suspended)
        {
            seen.stream = Seen::Absent;
            seen.executor = Seen::Absent;
        }
    }
}

struct SwitchUnseenInRepair;

impl Bug for SwitchUnseenInRepair {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Some(record) = &mut seen.record
            && matches!(record.phase, Phase::Repairing)
        {
            record.enabled = true;
        }
    }

    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let repairs = seen
            .record
            .as_ref()
            .is_some_and(|it| it.phase == Phase::Repairing);
        match step {
            // What is written would otherwise undo the switch as well.
            Step::Commit(_) if repairs => wait_for(None),
            step => step,
        }
    }
}

struct SwitchedOnFromTheStart;

impl Bug for SwitchedOnFromTheStart {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let off = seen
            .record
            .as_ref()
            .is_some_and(|it| it.phase == Phase::Suspended);
        match step {
            Step::Commit(next) if off && next.phase == Phase::Running => {
                Step::Commit(Box::new(Record { run: None, ..*next }))
            }
            step => step,
        }
    }
}

struct HoldDropped;

#[async_trait]
impl Bug for HoldDropped {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let (old, next) = (read(expected), read(new));
        if let (Some(old), Some(mut next)) = (old, next)
            && field(&old, "hold").is_some()
        {
            if let Some(own) = next.get_mut("coordinator").and_then(Value::as_object_mut) {
                own.remove("hold");
            }
            let text = next.to_string();
            return to
                .compare_and_set(key, expected, Some(text.as_bytes()), list)
                .await;
        }
        to.compare_and_set(key, expected, new, list).await
    }
}

struct RetryNotDone;

#[async_trait]
impl Bug for RetryNotDone {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let attempts = |record: &Value| {
            let attempts = field(record, "repair").and_then(|repair| repair.get("attempts"));
            attempts.and_then(Value::as_u64)
        };
        let forgotten = |left: u64| left <= 1;
        if let (Some(old), Some(next)) = (read(expected), read(new))
            && attempts(&old).is_some_and(|attempts| attempts >= 3)
            && attempts(&next).is_none_or(forgotten)
        {
            return Ok(CasOutcome::Applied);
        }
        to.compare_and_set(key, expected, new, list).await
    }

    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let repair = seen.record.as_ref().and_then(|it| it.repair.as_ref());
        match &step {
            // The loop itself would turn for ever over what it cannot write.
            Step::Commit(next) if repair.is_some() && next.repair.is_none() => wait_for(None),
            _ => step,
        }
    }
}
