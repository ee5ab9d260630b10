//! What the node has to do next, ordered by time.

use std::collections::BTreeSet;

use sim_node::{IndexerKey, Time};

/// Something that falls due. At equal times a start comes before a worker's
/// step, and that before the end of a stop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The pending start of this number is through.
    Start(u64),
    /// The worker of this serial has something to do.
    Worker(u64),
    /// The worker of this indexer's executor has been terminated.
    Stop(IndexerKey),
}

/// A set of due times; each item stands in it at most once per time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda(BTreeSet<(Time, Due)>);

impl Agenda {
    pub fn add(&mut self, at: Time, due: Due) {
        self.0.insert((at, due));
    }

    pub fn remove(&mut self, at: Time, due: Due) {
        self.0.remove(&(at, due));
    }

    pub fn next(&self) -> Option<Time> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes out the first item due at or before `now`.
    pub fn pop(&mut self, now: Time) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, due)| due)
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}
