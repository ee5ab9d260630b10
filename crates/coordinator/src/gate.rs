//! Who may provision: one task per account, a bounded number in all.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use lifecycle::{Gate, IndexerId, Timestamp};

#[cfg(test)]
mod tests;

/// So many who wait in one database are told whose turn it is, whenever that changes: to
/// tell thousands would cost more than the task that they wait for.
const TOLD_MAX: usize = 100;

/// Keeps account of the provisioning tasks in flight. It mirrors the records:
/// whoever loads or writes a record tells the gate whether it holds a task.
///
/// A task occupies one of the places until it is overdue. After that it keeps out
/// its own account only, since two tasks of one account destroy each other: what
/// hangs must not delay what would not. Tasks in flight, overdue ones included,
/// are bounded by a multiple of the places.
///
/// Those who wait are called in turn, as many as there are free places, and only
/// those of accounts in which nothing is in flight: a call costs the same however
/// many wait.
#[derive(Debug)]
pub struct ProvisioningGate {
    places: usize,
    in_flight_max: usize,
    /// The age at which a task is overdue.
    overdue: Duration,
    databases: BTreeMap<String, Database>,
    /// The tasks that occupy a place, the oldest first.
    placed: BTreeSet<(Timestamp, IndexerId)>,
    in_flight: usize,
    /// Databases for which somebody waits and in which nothing is in flight.
    ready: BTreeSet<String>,
    /// The database called last; the next in the order of names comes after.
    called: Option<String>,
}

/// What is in flight in one database, and who waits for it.
#[derive(Debug, Default)]
struct Database {
    /// With the time at which each task began.
    holders: BTreeMap<IndexerId, Timestamp>,
    waiting: BTreeSet<IndexerId>,
    /// Who was called last.
    called: Option<IndexerId>,
    /// The same, while it has not said whether it comes.
    expected: Option<IndexerId>,
}

impl ProvisioningGate {
    /// A gate with that many `places`, at least one, each for tasks no older than
    /// `overdue`, and so many times as many tasks in flight.
    pub fn new(places: usize, times: usize, overdue: Duration) -> ProvisioningGate {
        let places = places.max(1);
        ProvisioningGate {
            places,
            in_flight_max: places.saturating_mul(times.max(1)),
            overdue,
            databases: BTreeMap::new(),
            placed: BTreeSet::new(),
            in_flight: 0,
            ready: BTreeSet::new(),
            called: None,
        }
    }

    /// What the gate says to `id`. If it does not let it in, `id` is among
    /// those to be called when there is a place.
    pub fn look(&mut self, id: &IndexerId) -> Gate {
        let answer = self.judge(id);
        let name = database(id);
        if answer == Gate::Open || self.holds(id) {
            self.stop_waiting(id, &name);
        } else {
            let entry = self.databases.entry(name.clone()).or_default();
            entry.waiting.insert(id.clone());
            self.file(name);
        }
        answer
    }

    /// Lets `id` in if the gate is open, with a task that began at `since`; true
    /// if it is in now.
    pub fn try_enter(&mut self, id: &IndexerId, since: Timestamp) -> bool {
        let open = self.judge(id) == Gate::Open;
        if open {
            self.hold(id, since);
        }
        open
    }

    /// Takes note that the record of `id` holds a task that began at `since`,
    /// whatever the limits.
    pub fn hold(&mut self, id: &IndexerId, since: Timestamp) {
        let name = database(id);
        let entry = self.databases.entry(name.clone()).or_default();
        entry.waiting.remove(id);
        entry.expected = None;
        match entry.holders.insert(id.clone(), since) {
            // What is overdue stays so.
            Some(before) if before == since => {}
            before => {
                match before {
                    Some(before) => _ = self.placed.remove(&(before, id.clone())),
                    None => self.in_flight += 1,
                }
                self.placed.insert((since, id.clone()));
            }
        }
        self.file(name);
    }

    /// Takes note that `id` has no task and does not wait for one; returns who
    /// should look again.
    pub fn release(&mut self, id: &IndexerId) -> Vec<IndexerId> {
        let name = database(id);
        self.stop_waiting(id, &name);
        let holders = self
            .databases
            .get_mut(&name)
            .map(|entry| &mut entry.holders);
        let Some(since) = holders.and_then(|holders| holders.remove(id)) else {
            return Vec::new();
        };
        self.placed.remove(&(since, id.clone()));
        self.in_flight -= 1;
        self.file(name);
        self.call()
    }

    /// Takes note that `id` has looked and goes on without a task; returns who should look
    /// in its place, if it was called.
    pub fn decline(&mut self, id: &IndexerId) -> Vec<IndexerId> {
        let entry = self.databases.get_mut(&database(id));
        let expected = entry.and_then(|entry| entry.expected.take_if(|expected| expected == id));
        match expected {
            Some(_) => self.call(),
            None => Vec::new(),
        }
    }

    /// Takes the places of tasks that are overdue at `now`; returns who should
    /// look again. Also to be asked when nothing is overdue: whoever was called
    /// before may not have come.
    pub fn call_at(&mut self, now: Timestamp) -> Vec<IndexerId> {
        while let Some((since, _)) = self.placed.first()
            && *since + self.overdue <= now
        {
            self.placed.pop_first();
        }
        self.call()
    }

    /// Who of those who wait could enter now, at most one for each free place and
    /// one of each account. They go on waiting until they look or enter, and are
    /// called again in turn.
    fn call(&mut self) -> Vec<IndexerId> {
        let number = self.free().min(self.ready.len());
        let mut called = Vec::with_capacity(number);
        for _ in 0..number {
            let Some(name) = after(&self.ready, self.called.as_ref()) else {
                break;
            };
            if let Some(entry) = self.databases.get_mut(&name) {
                entry.called = after(&entry.waiting, entry.called.as_ref());
                entry.expected = entry.called.clone();
                called.extend(entry.called.clone());
            }
            self.called = Some(name);
        }
        called
    }

    /// How many may enter.
    fn free(&self) -> usize {
        let places = self.places.saturating_sub(self.placed.len());
        places.min(self.in_flight_max.saturating_sub(self.in_flight))
    }

    /// What it would say to `id`, which does not wait for that.
    pub(crate) fn judge(&self, id: &IndexerId) -> Gate {
        let entry = self.databases.get(&database(id));
        let mut holders = entry.into_iter().flat_map(|entry| entry.holders.keys());
        match holders.find(|holder| *holder != id) {
            Some(other) => Gate::AccountBusy(other.clone()),
            None if self.free() == 0 && !self.holds(id) => Gate::Full,
            None => Gate::Open,
        }
    }

    /// Those who wait for the database of `id`, the first of them by name.
    pub(crate) fn beside(&self, id: &IndexerId) -> Vec<IndexerId> {
        let entry = self.databases.get(&database(id));
        let waiting = entry.into_iter().flat_map(|entry| &entry.waiting);
        waiting.take(TOLD_MAX).cloned().collect()
    }

    /// Whether a task of `id` is in flight.
    pub(crate) fn holds(&self, id: &IndexerId) -> bool {
        self.databases
            .get(&database(id))
            .is_some_and(|entry| entry.holders.contains_key(id))
    }

    fn stop_waiting(&mut self, id: &IndexerId, name: &str) {
        if let Some(entry) = self.databases.get_mut(name)
            && entry.waiting.remove(id)
        {
            self.file(name.to_owned());
        }
    }

    /// Brings in line what depends on a database that changed.
    fn file(&mut self, name: String) {
        let (idle, wanted) = self.databases.get(&name).map_or((true, false), |entry| {
            (entry.holders.is_empty(), !entry.waiting.is_empty())
        });
        if idle && !wanted {
            self.databases.remove(&name);
        }
        if idle && wanted {
            self.ready.insert(name);
        } else {
            self.ready.remove(&name);
        }
    }
}

/// The first after `last` in the order of `set`, which begins again at its end.
fn after<T: Ord + Clone>(set: &BTreeSet<T>, last: Option<&T>) -> Option<T> {
    let later = |last| set.range((Bound::Excluded(last), Bound::Unbounded)).next();
    last.and_then(later).or_else(|| set.first()).cloned()
}

/// The database that the provisioner keeps an account's schemas in: every
/// character of the account outside `[A-Za-z0-9]` becomes `_`, so that `a-b.near`
/// and `a.b.near` share one, and may not be provisioned at the same time either.
fn database(id: &IndexerId) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    id.account().chars().map(plain).collect()
}
