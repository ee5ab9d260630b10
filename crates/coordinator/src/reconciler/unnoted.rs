//! Keeps the answer to the start of a task until it is written down.

use lifecycle::{Action, Outcome, Record, Target, Task};

use super::Reconciler;
use crate::store::Stored;

/// How a call ended that a record tells of as one that was intended.
pub(super) struct Unnoted {
    pub(super) intent: Task,
    pub(super) action: Action,
    pub(super) outcome: Outcome,
    pub(super) wanted: Option<Target>,
}

impl Reconciler {
    /// The record with the answer that could not be written down when it came: only the
    /// loop that called knows it.
    pub(super) fn note(&mut self, stored: Option<&Stored>) -> Option<Record> {
        let unnoted = self.unnoted.take()?;
        let stored =
            stored.filter(|stored| stored.record.task.as_ref() == Some(&unnoted.intent))?;
        let (shared, record) = (&self.shared, &stored.record);
        let next = shared.planner.absorb(
            record,
            &unnoted.action,
            &unnoted.outcome,
            unnoted.wanted,
            &shared.knobs.policy,
            shared.now(),
        );
        let noted = (next != *record).then_some(next)?;
        self.unnoted = Some(unnoted);
        Some(noted)
    }
}
