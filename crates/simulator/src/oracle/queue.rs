//! The queue and the cursor of one indexer, as the nodes fill and empty them.

use std::collections::{BTreeSet, VecDeque};

use sim_node::{EntryId, Time};

use crate::history::Incarnation;

/// Executed entries are forgotten once the queue has held so many.
const KEPT: usize = 192;

/// The most entries that are remembered at all.
const KEPT_MAX: usize = 100_000;

/// An entry of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    pub entry: EntryId,
    pub height: u64,
    pub version: u64,
    pub task: u64,
    pub executed: bool,
    /// Published by a task that the coordinator is not to blame for.
    pub excused: bool,
}

/// What the data plane left in the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<Published>,
    /// The cursor; `None` if it was cleared or never set.
    pub cursor: Option<u64>,
    /// The cursor when the last stream was stopped or ended; not while one runs.
    pub floor: Option<u64>,
    /// The same, from before the stream that runs.
    pub last_floor: Option<u64>,
    /// Someone else than the current run's stream wrote, or a stream may go on from what
    /// the store has lost.
    pub muddled: bool,
    /// The store lost data, or forgot it too late, and no stream of the current run has
    /// told of its cursor since.
    pub rolled_back: bool,
    /// Heights that went missing through no fault of the coordinator.
    pub lost: BTreeSet<u64>,
    /// What the last clearing removed unexecuted, until it is known to be timely.
    pub swept: Vec<u64>,
    pub cleared_at: Option<Time>,
    /// By which life of a coordinator, if that is known.
    pub cleared_by: Option<Incarnation>,
    /// The highest height that was published before the silent part of a run.
    pub top: u64,
    /// The height that a stream published twice where it went over from the index to the
    /// chain itself, as streamers do.
    pub handover: Option<u64>,
    /// When a stream wrote the cursor last.
    pub moved_at: Option<Time>,
    /// When a block was executed last.
    pub executed_at: Option<Time>,
    /// The height at which user code fails, if it does.
    pub failing_at: Option<u64>,
}

impl Queue {
    /// An entry is added, in the silent part of a run or before.
    pub fn publish(&mut self, published: Published, silent: bool) {
        if !silent {
            self.top = self.top.max(published.height);
        }
        let again =
            |last: &Published| (last.task, last.height) == (published.task, published.height);
        if self.entries.back().is_some_and(again) {
            self.handover = Some(published.height);
        }
        if self
            .entries
            .back()
            .is_some_and(|last| last.entry >= published.entry)
        {
            // The server's numbering went back with its data.
            self.entries.clear();
        }
        while self.entries.len() >= KEPT_MAX
            || (self.entries.len() >= KEPT && self.entries.front().is_some_and(|e| e.executed))
        {
            self.entries.pop_front();
        }
        self.entries.push_back(published);
    }

    /// Marks an entry as executed and returns it as it was before.
    pub fn execute(&mut self, now: Time, entry: EntryId) -> Option<Published> {
        self.executed_at = Some(now);
        self.failing_at = None;
        let place = self
            .entries
            .binary_search_by_key(&entry, |published| published.entry)
            .ok()?;
        let published = self.entries.get_mut(place)?;
        let before = *published;
        published.executed = true;
        Some(before)
    }

    /// The lowest height that is queued and not executed. What a stream published
    /// again that nobody meant to start does not count.
    pub fn lowest_waiting(&self) -> Option<u64> {
        let meant = |entry: &&Published| !entry.executed && !entry.excused;
        let waiting = self.entries.iter().filter(meant);
        waiting.map(|entry| entry.height).min()
    }

    /// The lowest height that is queued and not executed, whoever published it.
    pub fn lowest_of_all(&self) -> Option<u64> {
        let waiting = self.entries.iter().filter(|entry| !entry.executed);
        waiting.map(|entry| entry.height).min()
    }

    /// Whether a block is queued and not executed, whoever published it.
    pub fn is_waiting(&self, height: u64) -> bool {
        let mut waiting = self.entries.iter().filter(|entry| !entry.executed);
        waiting.any(|entry| entry.height == height)
    }

    /// Queue and cursor were deleted.
    pub fn clear(&mut self, now: Time) {
        let waiting = self.entries.iter().filter(|entry| !entry.executed);
        self.swept = waiting.map(|entry| entry.height).collect();
        self.entries.clear();
        self.cursor = None;
        self.floor = None;
        self.failing_at = None;
        self.muddled = false;
        self.rolled_back = false;
        self.cleared_at = Some(now);
        self.cleared_by = None;
    }

    /// Whether queue and cursor may not be what they are taken for.
    pub fn is_unclear(&self) -> bool {
        self.muddled || self.rolled_back
    }

    /// A stream begins; `unsure` if it may go on from what the store has lost since.
    pub fn stream_started(&mut self, unsure: bool) {
        self.last_floor = self.floor.take();
        self.muddled |= self.rolled_back && unsure;
    }

    /// A stream is about to end: whoever goes on may go on from here.
    pub fn freeze_floor(&mut self) {
        self.floor = self.floor.or(self.cursor);
    }

    /// The last clearing was not the coordinator's will at that time.
    pub fn excuse_clearing(&mut self) {
        self.lost.extend(self.swept.drain(..));
        self.rolled_back = true;
    }

    /// The store forgot what was written after `since`.
    pub fn lose(&mut self, since: Time) {
        let waiting = self.entries.iter_mut().filter(|entry| !entry.executed);
        for entry in waiting.filter(|entry| entry.entry.millis >= since.as_millis()) {
            self.lost.insert(entry.height);
            entry.executed = true;
        }
        self.rolled_back = true;
    }

    /// A new registration life begins.
    pub fn forgive(&mut self) {
        self.lost.clear();
    }
}
