//! Whether what arrives at a node is still meant.

use std::time::Duration;

use sim_node::Time;

use super::desire::Switch;
use super::truth::Truth;
use crate::history::{CallId, Incarnation};

/// The parts of a call's effect that tell whether it is timely.
pub(super) struct Applied {
    pub call: CallId,
    pub by: Incarnation,
    pub sent_at: Time,
    pub version: Option<u64>,
}

impl Truth {
    /// Whether a start arrives when nobody means it any more: repeated or held
    /// back by the network, sent by an earlier life, or overtaken by a change.
    pub(super) fn is_untimely(&self, now: Time, number: usize, applied: &Applied) -> bool {
        let stray = self.is_stray(now, applied);
        let indexer = self.at(number);
        let current = indexer.desire.current();
        let overtaken = current.switch == Switch::Off
            || indexer.record.known().is_some_and(|record| !record.enabled)
            || applied
                .version
                .is_some_and(|version| !current.names(version));
        stray || overtaken
    }

    pub(super) fn is_late(&self, now: Time, applied: &Applied, deadline: Duration) -> bool {
        let gone = applied.by != self.incarnation && !self.fencing.lives(applied.by);
        gone || self.fencing.was_outdated(applied.call) || now.since(applied.sent_at) > deadline
    }

    /// Whether a call to a node takes effect beyond its sender's deadline, in
    /// another life, or once more, or was sent by somebody outdated.
    pub(super) fn is_stray(&self, now: Time, applied: &Applied) -> bool {
        let call = self.calls.get(applied.call);
        call.is_some_and(|call| call.late || call.applied > 0)
            || self.is_late(now, applied, self.limits.call_deadline)
    }
}
