//! Bugs about deletions.

use std::sync::Arc;

use lifecycle::{Action, Desired, Observed, Phase, Policy, Record, Seen, Step, Timestamp};

use super::bug::Bug;
use super::{Planted, idle_bug, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    unsafe_bug(
        "deletion-leaves-the-queue",
        "A deletion ends when nothing runs any more; queue and cursor stay",
        "Controller pattern: leak on delete",
        || Arc::new(LeavesTheQueue),
    ),
    idle_bug(
        "re-registration-overlooked",
        "What is registered again while it is deleted stays in deletion",
        "The original's known defect: Deleting ignores the registry",
        || Arc::new(ReRegistrationOverlooked),
    ),
    unsafe_bug(
        "deletion-gives-up",
        "A deletion ends at the first stop that fails",
        "The original's known defect: an orphan for ever",
        || Arc::new(GivesUp),
    ),
    idle_bug(
        "deletion-never-ends",
        "The record of what was deleted is never removed",
        "The original's known defect: the store keeps Deleting",
        || Arc::new(NeverEnds),
    ),
    unsafe_bug(
        "old-proof-is-enough",
        "A deletion that was begun is carried out although it was registered again",
        "Controller pattern: ABA after re-creation",
        || Arc::new(OldProofIsEnough),
    ),
    unsafe_bug(
        "deletion-without-stops",
        "A deletion clears queue and cursor while stream and executor run",
        "Controller pattern: teardown in the wrong order",
        || Arc::new(WithoutStops),
    ),
];

fn deletes(seen: &Observed) -> Option<&Record> {
    seen.record
        .as_ref()
        .filter(|record| record.phase == Phase::Deleting)
}

fn finish(record: &Record) -> Step {
    Step::Finish {
        height: record.tombstone,
    }
}

struct LeavesTheQueue;

impl Bug for LeavesTheQueue {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match (deletes(seen), &step) {
            (Some(record), Step::Apply(Action::ClearData)) => finish(record),
            _ => step,
        }
    }
}

struct ReRegistrationOverlooked;

impl Bug for ReRegistrationOverlooked {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if deletes(seen).is_some() && matches!(seen.desired, Desired::Present(_)) {
            seen.desired = Desired::Missing;
        }
    }
}

struct GivesUp;

impl Bug for GivesUp {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match deletes(seen) {
            Some(record) if record.repair.is_some() => finish(record),
            _ => step,
        }
    }
}

struct NeverEnds;

impl Bug for NeverEnds {
    fn decide(&self, _seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match step {
            Step::Finish { height: Some(_) } => super::pace::wait_for(None),
            step => step,
        }
    }
}

struct OldProofIsEnough;

impl Bug for OldProofIsEnough {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        let at = deletes(seen).and_then(|record| record.tombstone);
        if let (Some(at), Desired::Present(_)) = (at, &seen.desired) {
            seen.desired = Desired::Deleted { version: at, at };
        }
    }
}

struct WithoutStops;

impl Bug for WithoutStops {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if deletes(seen).is_some() {
            seen.stream = Seen::Absent;
            seen.executor = Seen::Absent;
        }
    }
}
