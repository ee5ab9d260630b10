//! S4 of deletions: what was carried out is not undone.

use std::collections::BTreeMap;

use lifecycle::Phase;
use sim_node::Time;

use super::desire::Registered;
use super::finding::Finding;
use super::record::Persisted;
use super::truth::Truth;
use crate::history::Event;

/// S4 of deletions. Verifies that whoever has removed the record of a deleted indexer
/// does not begin the indexer anew unless it was registered again: the removal had a
/// proof, and whatever says otherwise is older than that. Says nothing of a coordinator
/// that came after the removal, nor of lost or tampered records. What still runs may be
/// deleted once more.
#[derive(Default)]
pub(super) struct Gone {
    removed: BTreeMap<usize, Time>,
}

impl Gone {
    /// Takes note of coordinators that come and go.
    pub fn life(&mut self, event: &Event) {
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
        if indexer.relaxed {
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
                let deleted = indexer.desire.current().registered == Registered::Deleted
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
