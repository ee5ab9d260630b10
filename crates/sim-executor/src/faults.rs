//! Faults that a driver plants and the node meets later.

use std::time::Duration;

use sim_node::IndexerKey;

/// More planted faults of one kind than this are refused.
const MOST_PLANTED: usize = 1024;

/// What befalls the start of an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFault {
    /// The call itself is answered with INTERNAL and nothing is listed.
    Refused,
    /// The worker is spawned this long after the answer, instead of `start_delay`.
    Slow(Duration),
    /// Nothing follows the answer: the executor stays IDLE.
    Hang,
    /// The start fails after `start_delay`.
    Fail,
}

/// Which fetch of a block fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoisonedBlock {
    /// The next one, whatever its height.
    Next,
    /// The next one of this height.
    Height(u64),
}

/// Faults waiting for their moment. A target of `None` means any indexer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    next_starts: Vec<(Option<IndexerKey>, StartFault)>,
    next_stops: Vec<Option<IndexerKey>>,
    poisons: Vec<(Option<IndexerKey>, PoisonedBlock)>,
    /// Applies to every start that has no fault of its own.
    pub every_start: Option<StartFault>,
    /// Every fetch fails while this is set.
    pub fetch_outage: bool,
}

impl Faults {
    pub fn plant_start(&mut self, target: Option<IndexerKey>, fault: StartFault) -> bool {
        plant(&mut self.next_starts, (target, fault))
    }

    pub fn plant_stop(&mut self, target: Option<IndexerKey>) -> bool {
        plant(&mut self.next_stops, target)
    }

    pub fn plant_poison(&mut self, target: Option<IndexerKey>, block: PoisonedBlock) -> bool {
        plant(&mut self.poisons, (target, block))
    }

    /// The fault that the start of `key`, beginning now, meets.
    pub fn take_start(&mut self, key: &IndexerKey) -> Option<StartFault> {
        let own = take(&mut self.next_starts, |(target, _)| meant(target, key));
        own.map(|(_, fault)| fault).or(self.every_start)
    }

    /// Whether terminating the worker of `key` is rejected.
    pub fn take_stop(&mut self, key: &IndexerKey) -> bool {
        take(&mut self.next_stops, |target| meant(target, key)).is_some()
    }

    /// Whether `key` fails to fetch the block at `height` now.
    pub fn take_fetch(&mut self, key: &IndexerKey, height: u64) -> bool {
        let poisoned = take(&mut self.poisons, |(target, block)| {
            let hit = match block {
                PoisonedBlock::Next => true,
                PoisonedBlock::Height(wanted) => *wanted == height,
            };
            hit && meant(target, key)
        });
        poisoned.is_some() || self.fetch_outage
    }
}

fn meant(target: &Option<IndexerKey>, key: &IndexerKey) -> bool {
    target.as_ref().is_none_or(|target| target == key)
}

fn plant<T>(planted: &mut Vec<T>, fault: T) -> bool {
    let room = planted.len() < MOST_PLANTED;
    if room {
        planted.push(fault);
    }
    room
}

/// Removes the oldest fault that `wanted` accepts.
fn take<T>(planted: &mut Vec<T>, wanted: impl Fn(&T) -> bool) -> Option<T> {
    let found = planted.iter().position(wanted)?;
    Some(planted.remove(found))
}
