//! L3: every phase has a way out.

use std::collections::BTreeMap;

use lifecycle::Phase;
use sim_node::Time;

use super::broken;
use super::silence;
use super::truth::Truth;
use crate::history::RunPhase;

/// L3. Names indexers that are not as wanted when the time for healing is over,
/// whose records stayed in one phase all that time without having given up.
#[derive(Default)]
pub(super) struct DeadEnds {
    healing_since: Option<Time>,
    /// The phase of each record, and since when.
    phases: BTreeMap<usize, (Option<Phase>, Time)>,
}

impl DeadEnds {
    /// The run enters its next part.
    pub fn enter(&mut self, now: Time, phase: RunPhase) {
        if phase == RunPhase::Healing {
            self.healing_since = Some(now);
        }
    }

    /// A record was written.
    pub fn written(&mut self, truth: &Truth, now: Time, number: usize) {
        let phase = truth.at(number).record.phase();
        let entry = self.phases.entry(number).or_insert((phase, now));
        if entry.0 != phase {
            *entry = (phase, now);
        }
    }

    /// One sentence for each.
    pub fn named(&self, truth: &Truth, now: Time) -> Vec<String> {
        let Some(healing) = self.healing_since else {
            return Vec::new();
        };
        let stuck = |number: usize| {
            let known = self.phases.get(&number);
            known.is_none_or(|(_, since)| *since <= healing)
        };
        truth
            .all()
            .filter(|(number, indexer)| {
                stuck(*number)
                    && !truth.core.lacks_a_service()
                    && !broken::is_excused(truth, *number)
                    && !silence::gave_up(truth, indexer)
                    && !silence::is_as_wanted(truth, now, *number)
            })
            .map(|(_, indexer)| match indexer.record.phase() {
                Some(phase) => format!("{}: dead end in phase {phase}", indexer.key),
                None => format!("{}: dead end without a record", indexer.key),
            })
            .collect()
    }
}
