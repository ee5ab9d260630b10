//! S18 and L9: a shadow changes nothing, and agrees with a settled world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sim_node::IndexerKey;

use super::desire::Registered;
use super::finding::Finding;
use super::record::Persisted;
use super::truth::Truth;
use crate::history::{CallId, Event, SHADOW};

/// The most calls under way that are told from the other coordinator's; the
/// oldest are forgotten first.
const CALLS_MAX: usize = 8192;

/// What the shadow says of one indexer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowView {
    /// Which.
    pub key: IndexerKey,
    /// What it would do at once; `None` if nothing.
    pub would: Option<String>,
    /// What was done that it would not have done.
    pub surprises: Vec<String>,
}

/// L9. Verifies that in a settled world the shadow knows every indexer that is
/// registered and has a record, would do nothing about any, and that nothing of
/// what happens surprises it. Surprises of the time before do not count: under
/// faults it may hear less than the coordinator that acts. Nor does what it says of
/// a record with a time in it, while the clocks of the two disagree: whoever was
/// started by another clock waits for another moment.
#[derive(Default)]
pub(super) struct Shadow {
    /// By how much the clocks of the two disagree at worst since the world has settled.
    apart: Duration,
    calls: BTreeSet<CallId>,
    surprises: BTreeMap<IndexerKey, Vec<String>>,
}

/// S18. Verifies that nothing a shadow sends can change the world.
pub(super) fn changes_nothing(event: &Event) -> Option<Finding> {
    let Event::CallSent { method, key, .. } = event else {
        return None;
    };
    let about = key.as_ref().map_or("*", |key| key.as_str());
    method.is_effect().then(|| Finding {
        oracle: "S18",
        indexer: None,
        sentence: format!("{about}: {method:?} is sent by a coordinator in shadow mode"),
    })
}

impl Shadow {
    /// Whether an event is about a call of the shadow, which is nobody else's
    /// business.
    pub fn is_its_own(&mut self, event: &Event) -> bool {
        match event {
            Event::CallSent { call, by, .. } if *by == SHADOW => {
                if self.calls.len() >= CALLS_MAX {
                    self.calls.pop_first();
                }
                self.calls.insert(*call);
                true
            }
            Event::CallApplied { by, .. } => *by == SHADOW,
            Event::CallAnswered { call, .. } => self.calls.remove(call),
            Event::CallFault { call, .. } => self.calls.contains(call),
            _ => false,
        }
    }

    /// The world has settled; this is what the shadow says by then.
    pub fn settled(&mut self, views: Vec<ShadowView>, apart: Duration) {
        self.apart = apart;
        let told = views.into_iter().map(|view| (view.key, view.surprises));
        self.surprises = told.collect();
    }

    /// Judges what the shadow says after the silence.
    pub fn agrees(
        &mut self,
        truth: &Truth,
        views: &[ShadowView],
        apart: Duration,
    ) -> Option<Finding> {
        self.apart = self.apart.max(apart);
        let seen: BTreeSet<&IndexerKey> = views.iter().map(|view| &view.key).collect();
        let overlooked = truth.all().find(|(_, indexer)| {
            let registered = indexer.desire.current().registered;
            matches!(registered, Registered::Present { .. })
                && indexer.record.known().is_some()
                && !seen.contains(&indexer.key)
        });
        let sentence = match overlooked {
            Some((_, indexer)) => Some(format!("{}: the shadow overlooks it", indexer.key)),
            None => views
                .iter()
                .filter(|view| !self.goes_by_another_clock(truth, &view.key))
                .find_map(|view| self.quarrel(view)),
        };
        sentence.map(|sentence| Finding {
            oracle: "L9",
            indexer: None,
            sentence,
        })
    }

    /// Whether what is to be done about `key` depends on a time of which the two have
    /// another idea.
    fn goes_by_another_clock(&self, truth: &Truth, key: &IndexerKey) -> bool {
        let timed = |record: &Persisted| {
            let record = record.known();
            record.is_some_and(|record| record.repair.is_some() || record.task.is_some())
        };
        self.apart > truth.limits.clock_tolerance
            && truth.all().any(|(_, indexer)| {
                indexer.key == *key && (timed(&indexer.record) || timed(&indexer.record_before))
            })
    }

    fn quarrel(&self, view: &ShadowView) -> Option<String> {
        let key = &view.key;
        if let Some(would) = &view.would {
            return Some(format!(
                "{key}: in a settled world the shadow would: {would}"
            ));
        }
        let before = self.surprises.get(key).map_or(&[][..], Vec::as_slice);
        let new = view.surprises.last().filter(|_| view.surprises != before)?;
        Some(format!(
            "{key}: in a settled world the shadow is surprised: {new}"
        ))
    }
}
