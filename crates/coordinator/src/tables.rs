//! What the services were last seen to run, shared by all reconcilers.

use std::collections::BTreeMap;
use std::time::Duration;

use lifecycle::{IndexerId, Timestamp};
use tokio::time::Instant;

#[cfg(test)]
mod tests;

/// The last look at one resource.
#[derive(Clone, Debug)]
pub struct Entry<V> {
    /// What was seen.
    pub view: V,
    /// When the look was asked for that saw it.
    pub asked_at: Instant,
    /// Since when looks have seen it in the same condition.
    pub since: Instant,
}

/// A view whose condition can be compared from look to look.
pub trait Condition {
    /// Whether both looks show the resource in the same condition; its age is
    /// measured from the first of them.
    fn same_condition(&self, later: &Self) -> bool;
}

/// The last looks at all resources of one service: the shared listing, and
/// point reads that are newer.
#[derive(Debug)]
pub struct Table<V> {
    entries: BTreeMap<IndexerId, Entry<V>>,
    listed_at: Option<Instant>,
    down_since: Option<Timestamp>,
}

impl<V> Default for Table<V> {
    fn default() -> Table<V> {
        Table {
            entries: BTreeMap::new(),
            listed_at: None,
            down_since: None,
        }
    }
}

/// What a table can say about one resource.
#[derive(Clone, Debug)]
pub enum Known<V> {
    /// There was no look since the given time.
    Nothing,
    /// It was not there.
    Absent,
    /// It was there.
    Present(V, Duration),
}

impl<V: Clone + Condition> Table<V> {
    /// What looks asked for after `after` say of `id`.
    pub fn known(&self, id: &IndexerId, after: Instant, now: Instant) -> Known<V> {
        match self.entries.get(id) {
            Some(entry) if entry.asked_at > after => Known::Present(
                entry.view.clone(),
                now.saturating_duration_since(entry.since),
            ),
            None if self.listed_at.is_some_and(|listed| listed > after) => Known::Absent,
            _ => Known::Nothing,
        }
    }

    /// Takes in a listing; returns whose resource appeared, disappeared or
    /// changed its condition.
    pub fn list(
        &mut self,
        listed: BTreeMap<IndexerId, V>,
        asked_at: Instant,
        now: Instant,
    ) -> Vec<IndexerId> {
        self.listed_at = Some(asked_at);
        self.down_since = None;
        let mut changed = Vec::new();
        self.entries.retain(|id, entry| {
            let keep = listed.contains_key(id) || entry.asked_at > asked_at;
            if !keep {
                changed.push(id.clone());
            }
            keep
        });
        for (id, view) in listed {
            if self.put(&id, view, asked_at, now) {
                changed.push(id);
            }
        }
        changed
    }

    /// Takes in a point read; returns how long it has been in this condition.
    pub fn point(
        &mut self,
        id: &IndexerId,
        view: Option<V>,
        asked_at: Instant,
        now: Instant,
    ) -> Duration {
        match view {
            Some(view) => {
                self.put(id, view, asked_at, now);
                let since = self.entries.get(id).map_or(now, |entry| entry.since);
                now.saturating_duration_since(since)
            }
            None => {
                if self
                    .entries
                    .get(id)
                    .is_some_and(|entry| entry.asked_at <= asked_at)
                {
                    self.entries.remove(id);
                }
                Duration::ZERO
            }
        }
    }

    fn put(&mut self, id: &IndexerId, view: V, asked_at: Instant, now: Instant) -> bool {
        match self.entries.get_mut(id) {
            Some(entry) if entry.asked_at > asked_at => false,
            Some(entry) => {
                let same = entry.view.same_condition(&view);
                if !same {
                    entry.since = now;
                }
                entry.view = view;
                entry.asked_at = asked_at;
                !same
            }
            None => {
                self.entries.insert(
                    id.clone(),
                    Entry {
                        view,
                        asked_at,
                        since: now,
                    },
                );
                true
            }
        }
    }

    /// Takes note that a listing failed.
    pub fn failed(&mut self, now: Timestamp) {
        self.down_since.get_or_insert(now);
    }

    /// Since when the service has not answered.
    pub fn down_since(&self) -> Option<Timestamp> {
        self.down_since
    }

    /// Whether `id` was there at the last look.
    pub fn has(&self, id: &IndexerId) -> bool {
        self.entries.contains_key(id)
    }

    /// All resources last seen, with the time in their condition.
    pub fn entries(&self) -> impl Iterator<Item = (&IndexerId, &Entry<V>)> {
        self.entries.iter()
    }
}
