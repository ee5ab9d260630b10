//! S4 of deletions: what was carried out is not undone.

use std::collections::BTreeMap;

use lifecycle::Phase;
use sim_node::Time;

use super::desire::Registered;
use super::finding::Finding;
use super::record::Persisted;
use super::truth::Truth;
use crate::history::{Event, Method};

/// S4 of deletions. Verifies that whoever has removed the record of a deleted indexer
/// does not begin the indexer anew unless it was registered again: the removal had a
/// proof, and whatever says otherwise is older than that. Says nothing of a coordinator
/// that came after the removal, of a write that was sent before it and came late, nor of
/// lost or tampered records. What still runs may be deleted once more.
#[derive(Default)]
pub(super) struct Gone {
    removed: BTreeMap<usize, Time>,
    /// When the write was sent that has arrived last.
    sent_at: Option<Time>,
}

impl Gone {
    /// Takes note of coordinators that come and go, and of writes that arrive.
    pub fn life(&mut self, event: &Event) {
        if let Event::CallApplied {
            method: Method::StoreCompareAndSet,
            sent_at,
            ..
        } = event
        {
            self.sent_at = Some(*sent_at);
        }
        if matches!(
            event,
            Event::CoordinatorStarted { .. }
                | Event::CoordinatorEnded { .. }
                | Event::Former { .. }
        ) {
            self.removed.clear();
        }
    }

    /// A record was written or removed.
    pub fn written(&mut self, truth: &Truth, now: Time, number: usize) -> Option<Finding> {
        let indexer = truth.at(number);
        // Of several coordinators the other need not have heard of it.
        if indexer.relaxed || truth.fencing.is_contested() {
            self.removed.remove(&number);
            return None;
        }
        match &indexer.record {
            Persisted::Nothing if indexer.record_before != Persisted::Nothing => {
                self.removed.insert(number, now);
                None
            }
            Persisted::Known(record) if record.phase != Phase::Deleting => {
                let removed_at = self.removed.remove(&number)?;
                let late = self.sent_at.is_some_and(|sent| sent <= removed_at);
                // A registry that lags may still tell of a life in between.
                let deleted = !late
                    && indexer.desire.lives == 1
                    && indexer.desire.current().registered == Registered::Deleted
                    && indexer.desire.registered_since() < removed_at;
                let sentence = format!(
                    "{}: it is begun anew, although it is deleted and that was carried out at \
                     {removed_at}",
                    indexer.key
                );
                deleted.then(|| Finding::about("S4", number, sentence))?
            }
            _ => None,
        }
    }
}
