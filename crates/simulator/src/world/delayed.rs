//! Work that happens at a later time by itself: requests under way whose sender
//! is gone, repeated deliveries.

use std::collections::BTreeMap;

use sim_node::Time;

use super::World;

pub(super) type Work = Box<dyn FnOnce(&mut World) + Send>;

/// Pieces of work by time, first come, first served within one instant.
#[derive(Default)]
pub(super) struct Delayed {
    work: BTreeMap<(Time, u64), Work>,
    added: u64,
}

impl Delayed {
    pub(super) fn add(&mut self, at: Time, work: Work) {
        self.work.insert((at, self.added), work);
        self.added += 1;
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.work.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<Work> {
        self.work.pop_first().map(|(_, work)| work)
    }
}
