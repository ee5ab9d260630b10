//! S10: an effect is on whom it names.

use super::finding::Finding;
use super::truth::Truth;
use crate::history::Method;

/// S10 of queues. Objects to a start that gives a node the queue of another indexer,
/// or one that is nobody's: stream and executor would not meet, or in the wrong place.
pub(super) fn own_queue(
    truth: &Truth,
    number: usize,
    method: Method,
    queue: &str,
) -> Option<Finding> {
    let key = &truth.at(number).key;
    let sentence = format!("{key}: {method:?} names the queue {queue}, which is not its own");
    Finding::about("S10", number, sentence)
}

/// S10. Verifies that what a call brings about belongs to the indexer that the
/// call names. Does not verify that one indexer's troubles leave others alone;
/// liveness of the others shows that.
#[derive(Default)]
pub(super) struct Isolation {
    effects: Vec<(Method, usize)>,
    calls: Vec<(Method, usize)>,
}

impl Isolation {
    /// Something came about that a call of kind `method` brings about.
    pub fn effect(&mut self, method: Method, indexer: usize) {
        self.effects.push((method, indexer));
    }

    /// A call succeeded.
    pub fn call(&mut self, method: Method, indexer: usize) {
        self.calls.push((method, indexer));
    }

    /// Pairs the effects of one instant with its calls.
    pub fn settle(&mut self, truth: &Truth) -> Option<Finding> {
        let mut found = None;
        for (method, indexer) in self.effects.drain(..) {
            if let Some(place) = self
                .calls
                .iter()
                .position(|call| *call == (method, indexer))
            {
                self.calls.swap_remove(place);
                continue;
            }
            let other = self.calls.iter().find(|(kind, _)| *kind == method);
            if let Some((_, other)) = other {
                let (key, other) = (&truth.at(indexer).key, &truth.at(*other).key);
                let sentence = format!("{method:?} for {other} changed {key}");
                found = found.or_else(|| Finding::about("S10", indexer, sentence));
            }
        }
        self.calls.clear();
        found
    }
}
