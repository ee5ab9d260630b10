//! S12 of what is broken: whoever can do nothing is in no hurry.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Time;

use super::broken;
use super::finding::Finding;
use super::truth::Truth;
use crate::history::{Method, NodeName, RunPhase};

/// Over so long a time it is counted.
const WINDOW: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Default)]
struct Window {
    since: Time,
    calls: u32,
    /// How often its executor said something else, which may be noted each time.
    changes: u32,
}

impl Window {
    /// How many there are in this window, one more counted.
    fn count(&mut self, now: Time) -> u32 {
        if now.since(self.since) >= WINDOW {
            *self = Window {
                since: now,
                ..Window::default()
            };
        }
        self.calls += 1;
        self.calls
    }
}

/// S12 in the silent part of a run in which something is broken for good. Verifies
/// that what is done about an indexer that cannot come to rest, and what is asked of
/// a node that does not answer, stays within what polls and pauses allow. Says
/// nothing of the time before, in which much may be due at once.
#[derive(Default)]
pub(super) struct Storm {
    indexers: BTreeMap<usize, Window>,
    nodes: BTreeMap<NodeName, Window>,
}

impl Storm {
    /// The executor of an indexer changes its state.
    pub fn changed(&mut self, number: usize) {
        let window = self.indexers.entry(number).or_default();
        window.changes = window.changes.saturating_add(1);
    }

    /// The coordinator sends a call.
    pub fn sent(
        &mut self,
        truth: &Truth,
        now: Time,
        number: Option<usize>,
        method: Method,
    ) -> Option<Finding> {
        if truth.phase != RunPhase::Silence || truth.core.is_whole() {
            return None;
        }
        let minutes = WINDOW.as_secs() / 60;
        let server = method.server();
        if truth.core.lacks(server) {
            let count = self.nodes.entry(server).or_default().count(now);
            let limit = truth.limits.calls_to_broken_node;
            if count > limit {
                let sentence = format!(
                    "{count} calls within {minutes} minutes to {server}, which does not answer"
                );
                return Some(Finding {
                    oracle: "S12",
                    indexer: number,
                    sentence,
                });
            }
        }
        let everybody = truth.core.lacks_a_service();
        // A registry that lags for good tells only now of what changed long ago.
        let number = number.filter(|_| !truth.core.lacks(NodeName::Registry));
        let number = number.filter(|number| {
            method.is_effect() && (everybody || broken::is_excused(truth, *number))
        })?;
        let window = self.indexers.entry(number).or_default();
        let count = window.count(now);
        let limit = truth.limits.effects_on_broken;
        if count <= limit.saturating_add(window.changes) {
            return None;
        }
        let key = &truth.at(number).key;
        let sentence = format!(
            "{key}: {count} calls within {minutes} minutes, although it cannot come to rest"
        );
        Finding::about("S12", number, sentence)
    }
}
