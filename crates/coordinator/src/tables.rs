//! What the services were last seen to run, shared by all reconcilers.
//!
//! What a tick costs is proportional to what changed since the tick before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lifecycle::{IndexerId, Timestamp};
use tokio::time::Instant;

use crate::knobs::Knobs;

#[cfg(test)]
mod tests;

/// The last look at one resource.
#[derive(Clone, Debug)]
struct Entry<V> {
    view: V,
    /// When the look was asked for that brought `view`. Listings that said the
    /// same again are newer looks, see [`Table::seen_at`].
    asked_at: Instant,
    /// Since when looks have seen it in the same condition.
    since: Instant,
    /// When its condition will have lasted for as long as matters next.
    due: Option<Instant>,
    /// Where it is in [`Table::alarms`]: never later than `due`.
    alarm: Option<Instant>,
}

/// A view whose condition can be compared from look to look.
pub trait Condition {
    /// Whether both looks show the resource in the same condition; its age is
    /// measured from the first of them.
    fn same_condition(&self, later: &Self) -> bool;

    /// Whether both look the same to people.
    fn looks_like(&self, later: &Self) -> bool;

    /// The ages of this condition that make the resource worth a look.
    fn ages(&self, knobs: &Knobs) -> [Option<Duration>; 2];
}

/// The last looks at all resources of one service: the shared listing, and
/// point reads that are newer.
#[derive(Debug)]
pub struct Table<V> {
    knobs: Knobs,
    entries: BTreeMap<IndexerId, Entry<V>>,
    listed_at: Option<Instant>,
    /// What may be otherwise than in the last listing: there were point reads.
    /// Whatever is not in here is what that listing says.
    pointed: BTreeSet<IndexerId>,
    /// Those whose age will matter, by the time to look at their age.
    alarms: BTreeSet<(Instant, IndexerId)>,
    /// Who looks otherwise to people than they were told last.
    altered: BTreeSet<IndexerId>,
    down_since: Option<Timestamp>,
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
    /// An empty table: there was no look.
    pub fn new(knobs: Knobs) -> Table<V> {
        Table {
            knobs,
            entries: BTreeMap::new(),
            listed_at: None,
            pointed: BTreeSet::new(),
            alarms: BTreeSet::new(),
            altered: BTreeSet::new(),
            down_since: None,
        }
    }

    /// What looks asked for after `after` say of `id`.
    pub fn known(&self, id: &IndexerId, after: Instant, now: Instant) -> Known<V> {
        match self.entries.get(id) {
            Some(entry) if self.seen_at(id, entry) > after => Known::Present(
                entry.view.clone(),
                now.saturating_duration_since(entry.since),
            ),
            None if self.listed_at.is_some_and(|listed| listed > after) => Known::Absent,
            _ => Known::Nothing,
        }
    }

    /// What the newest look says of `id`, however old it is.
    pub fn latest(&self, id: &IndexerId, now: Instant) -> Known<V> {
        match self.entries.get(id) {
            Some(entry) => Known::Present(
                entry.view.clone(),
                now.saturating_duration_since(entry.since),
            ),
            None if self.listed_at.is_some() => Known::Absent,
            None => Known::Nothing,
        }
    }

    /// When the newest look was asked for that said what `entry` says.
    fn seen_at(&self, id: &IndexerId, entry: &Entry<V>) -> Instant {
        match self.listed_at {
            Some(listed_at) if !self.pointed.contains(id) => entry.asked_at.max(listed_at),
            _ => entry.asked_at,
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
        let gone: Vec<IndexerId> = (self.entries.iter())
            .filter(|(id, entry)| !listed.contains_key(*id) && self.seen_at(id, entry) <= asked_at)
            .map(|(id, _)| id.clone())
            .collect();
        gone.iter().for_each(|id| self.remove(id));
        let mut changed = gone;
        for (id, view) in listed {
            if self.put(&id, view, asked_at, now) {
                changed.push(id);
            }
        }
        self.answered(asked_at);
        changed
    }

    /// Takes in a listing that says what the last one said, except for `changes`.
    /// `of` tells what it says of one indexer. Returns the same as
    /// [`Table::list`], in time proportional to the changes.
    pub fn relist(
        &mut self,
        mut changes: Vec<(IndexerId, V)>,
        of: impl Fn(&IndexerId) -> Option<V>,
        asked_at: Instant,
        now: Instant,
    ) -> Vec<IndexerId> {
        let mut changed = Vec::new();
        if !self.pointed.is_empty() {
            for id in self.pointed.clone() {
                let older = |entry: &Entry<V>| self.seen_at(&id, entry) <= asked_at;
                match of(&id) {
                    Some(view) => changes.push((id, view)),
                    None if self.entries.get(&id).is_some_and(older) => {
                        self.remove(&id);
                        changed.push(id);
                    }
                    None => {}
                }
            }
        }
        changes.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (id, view) in changes {
            if self.put(&id, view, asked_at, now) {
                changed.push(id);
            }
        }
        self.answered(asked_at);
        changed
    }

    /// The listing asked for at `asked_at` is taken in.
    fn answered(&mut self, asked_at: Instant) {
        let entries = &self.entries;
        self.pointed.retain(|id| {
            entries
                .get(id)
                .is_some_and(|entry| entry.asked_at > asked_at)
        });
        self.listed_at = Some(asked_at);
        self.down_since = None;
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
                let older = |entry: &Entry<V>| self.seen_at(id, entry) <= asked_at;
                if self.entries.get(id).is_some_and(older) {
                    self.remove(id);
                    self.pointed.insert(id.clone());
                }
                Duration::ZERO
            }
        }
    }

    /// Who came, went, or looks otherwise to people, which they are told now.
    pub fn take_altered(&mut self) -> BTreeSet<IndexerId> {
        std::mem::take(&mut self.altered)
    }

    /// People are told of `id` as it is now.
    pub fn is_told(&mut self, id: &IndexerId) {
        self.altered.remove(id);
    }

    fn remove(&mut self, id: &IndexerId) {
        self.altered.insert(id.clone());
        if let Some(alarm) = self.entries.remove(id).and_then(|entry| entry.alarm) {
            self.alarms.remove(&(alarm, id.clone()));
        }
    }

    /// Takes note of what a look asked for at `asked_at` saw, unless there is a
    /// newer one; returns whether its condition is new.
    fn put(&mut self, id: &IndexerId, view: V, asked_at: Instant, now: Instant) -> bool {
        let known = self.entries.get(id);
        if known.is_some_and(|entry| self.seen_at(id, entry) > asked_at) {
            return false;
        }
        let since = known
            .filter(|entry| entry.view.same_condition(&view))
            .map(|entry| entry.since);
        // One that had grown too old is young again.
        let is_young = |entry: &Entry<V>| since.is_some() || entry.due.is_some_and(|due| due > now);
        if !known.is_some_and(|entry| entry.view.looks_like(&view) && is_young(entry)) {
            self.altered.insert(id.clone());
        }
        let alarm = known.and_then(|entry| entry.alarm);
        let mut entry = Entry {
            due: None,
            since: since.unwrap_or(now),
            view,
            asked_at,
            alarm,
        };
        entry.due = match (since, known) {
            (Some(_), Some(known)) => known.due,
            _ => due_after(&entry, now, &self.knobs),
        };
        // One that rings too early costs less than moving it at every change.
        if let Some(due) = entry.due
            && entry.alarm.is_none_or(|alarm| alarm > due)
        {
            if let Some(alarm) = entry.alarm.replace(due) {
                self.alarms.remove(&(alarm, id.clone()));
            }
            self.alarms.insert((due, id.clone()));
        }
        self.entries.insert(id.clone(), entry);
        // Until a listing says so too. Those that do so tell `answered`.
        self.pointed.insert(id.clone());
        since.is_none()
    }

    /// Whose condition has, since the last call, lasted for so long that it
    /// matters; in the order of names.
    pub fn aged(&mut self, now: Instant) -> Vec<IndexerId> {
        let mut aged = Vec::new();
        while let Some((at, _)) = self.alarms.first()
            && *at <= now
        {
            let Some((_, id)) = self.alarms.pop_first() else {
                break;
            };
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            let ripe = entry.due.is_some_and(|due| due <= now);
            if ripe {
                entry.due = due_after(entry, now, &self.knobs);
            }
            entry.alarm = entry.due;
            if let Some(due) = entry.due {
                self.alarms.insert((due, id.clone()));
            }
            if ripe {
                self.altered.insert(id.clone());
                aged.push(id);
            }
        }
        aged.sort();
        aged
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

    /// Whose resources were seen at the last looks.
    pub fn ids(&self) -> impl Iterator<Item = &IndexerId> {
        self.entries.keys()
    }
}

/// When, after `now`, the age of `entry` will matter next.
fn due_after<V: Condition>(entry: &Entry<V>, now: Instant, knobs: &Knobs) -> Option<Instant> {
    let ages = entry.view.ages(knobs).into_iter().flatten();
    ages.filter_map(|age| entry.since.checked_add(age))
        .filter(|due| *due > now)
        .min()
}
