//! What is worth knowing about the coordinator as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lifecycle::{IndexerId, Timestamp};

use crate::desired::Behind;
use crate::registry::decode::Quarantined;
use crate::sentence::sentence;
use crate::store::{StoreError, keys};

/// The most names that are kept of what was set aside; all are counted.
pub(crate) const NAMES_MAX: usize = 1_000;

/// The most records that cannot be read and are counted.
const COUNTED_MAX: usize = 100_000;

/// The longest name that is kept, in bytes.
const NAME_LEN_MAX: usize = 200;

/// That all listings of the registry are too old.
#[derive(Debug)]
pub(crate) struct Late {
    /// Since when.
    pub(crate) since: Timestamp,
    /// How far behind; `None` while it may pass, as replicas lag.
    pub(crate) behind: Option<Behind>,
    /// When it was last logged.
    pub(crate) told: Option<Timestamp>,
}

impl Late {
    /// The first such listing came at the time `since`.
    pub(crate) fn new(since: Timestamp) -> Late {
        Late {
            since,
            behind: None,
            told: None,
        }
    }
}

/// What a listing had to set aside, by name of the indexer or of its whole account, and
/// why.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside(Arc<BTreeMap<String, String>>);

impl Aside {
    fn of(entries: &[Quarantined]) -> Aside {
        // Of a name that was cut off it is not known whose it is.
        let whole = entries.iter().filter(|it| it.name.len() <= NAME_LEN_MAX);
        let named = whole.take(NAMES_MAX);
        let named = named.map(|entry| (entry.name.clone(), entry.why.clone()));
        Aside(Arc::new(named.collect()))
    }

    /// Why the entry of `id` was set aside, if it was.
    pub(crate) fn why(&self, id: &IndexerId) -> Option<&str> {
        let own = || self.0.get(id.as_str());
        own()
            .or_else(|| self.0.get(id.account()))
            .map(String::as_str)
    }
}

/// That the entry of an indexer in the registry was set aside because of `why`.
pub(crate) fn set_aside(why: &str) -> String {
    format!("its entry in the registry cannot be read and is set aside: {why}")
}

/// Facts that no single loop knows.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The records have been read: decisions are being made.
    pub(crate) loaded: bool,
    /// The registry has answered in this life, and all that it lists is looked after.
    pub(crate) complete: bool,
    /// When the registry last gave a usable listing, with all that has changed.
    pub(crate) registry_answered: Option<Timestamp>,
    /// Why the registry gave none the last time, if it did not.
    pub(crate) registry_problem: Option<String>,
    /// That it answers, and that all its listings are too old, if that is so.
    pub(crate) registry_late: Option<Late>,
    /// Entries of the last listing that make no sense: how many, and the first.
    pub(crate) quarantined: (usize, Vec<Quarantined>),
    /// The same first, for those who ask about one.
    pub(crate) aside: Aside,
    /// Records that cannot be read, by key, and why; the first of them.
    pub(crate) unreadable: BTreeMap<String, String>,
    /// The keys of all of them.
    pub(crate) unreadable_keys: BTreeSet<String>,
    /// Since when the store has not answered.
    pub(crate) store_down: Option<Timestamp>,
    /// Why it cannot be read, while it does not answer.
    pub(crate) store_problem: Option<String>,
    /// Why it takes no writes, although it may answer.
    pub(crate) store_refusal: Option<String>,
    /// Why it refuses to show the queues of these; the first of them.
    pub(crate) unshown: BTreeMap<IndexerId, String>,
    /// Since when a provisioner that stands apart has not answered.
    pub(crate) provisioner_down: Option<Timestamp>,
    /// Panics of loops since the start.
    pub(crate) panics: u64,
}

impl Health {
    /// That all listings of the registry are too old, and since when, where that is no
    /// passing lag.
    pub(crate) fn behind(&self) -> Option<(&Behind, Timestamp)> {
        let late = self.registry_late.as_ref()?;
        Some((late.behind.as_ref()?, late.since))
    }

    /// Takes in what a listing had to set aside. Returns those that are kept of it and
    /// that the listing before did not have.
    pub(crate) fn quarantine(&mut self, entries: &[Quarantined]) -> Vec<Quarantined> {
        self.aside = Aside::of(entries);
        let kept = entries.iter().take(NAMES_MAX).map(|entry| Quarantined {
            name: shortened(&entry.name),
            why: entry.why.clone(),
        });
        let kept: Vec<Quarantined> = kept.collect();
        let (_, before) = std::mem::replace(&mut self.quarantined, (entries.len(), kept));
        let before: BTreeSet<(&str, &str)> = before.iter().map(both).collect();
        let news = self.quarantined.1.iter();
        let news = news.filter(|entry| !before.contains(&both(entry)));
        news.cloned().collect()
    }

    /// Takes note that the store did not answer at the time `now`.
    pub(crate) fn set_store_down(&mut self, now: Timestamp, error: &StoreError) {
        self.store_down.get_or_insert(now);
        self.store_problem = Some(why_unread(error));
    }

    /// Takes note that the store answers.
    pub(crate) fn set_store_up(&mut self) {
        self.store_down = None;
        self.store_problem = None;
    }

    /// Takes note whether, and why, the store refused to show the queue of `id`.
    pub(crate) fn set_queue(&mut self, id: &IndexerId, refused: Option<&str>) {
        match refused {
            Some(_) if self.unshown.len() >= NAMES_MAX && !self.unshown.contains_key(id) => {}
            Some(why) => {
                self.unshown.insert(id.clone(), why.to_owned());
            }
            None => {
                self.unshown.remove(id);
            }
        }
    }

    /// What is wrong with the store, if anything is, the worst first.
    pub(crate) fn what_ails_the_store(&self) -> Option<String> {
        let whole = self.store_problem.as_ref().or(self.store_refusal.as_ref());
        whole.cloned().or_else(|| {
            let (id, why) = self.unshown.first_key_value()?;
            Some(match self.unshown.len() - 1 {
                0 => format!("it does not show the queue of {id}: {why}"),
                more => format!("it does not show the queues of {id} and {more} more: {why}"),
            })
        })
    }

    /// Takes note of a record that cannot be read.
    pub(crate) fn set_unreadable(&mut self, key: &str, why: &str) {
        let key = shortened(key);
        if self.unreadable_keys.len() < COUNTED_MAX {
            self.unreadable_keys.insert(key.clone());
        }
        if self.unreadable.len() < NAMES_MAX {
            self.unreadable.insert(key, why.to_owned());
        }
    }

    /// What is wrong with the record under `key`, if it is known to be unreadable.
    pub(crate) fn why_unreadable(&self, key: &str) -> Option<String> {
        if self.unreadable_keys.is_empty() {
            return None;
        }
        let key = shortened(key);
        let why = self.unreadable.get(&key).cloned();
        // Of the many not every one has its reason kept.
        let known = self.unreadable_keys.contains(&key);
        why.or_else(|| known.then(|| "it is no record; the log says more".to_owned()))
    }

    /// Whose records cannot be read.
    pub(crate) fn unreadable_indexers(&self) -> BTreeSet<IndexerId> {
        let ids = self.unreadable_keys.iter();
        ids.filter_map(|key| keys::indexer_of(key).ok()).collect()
    }

    /// Takes note of a record that can be read, or is gone.
    pub(crate) fn set_readable(&mut self, key: &str) {
        if !self.unreadable_keys.is_empty() {
            let key = shortened(key);
            self.unreadable_keys.remove(&key);
            self.unreadable.remove(&key);
        }
    }
}

/// Why the store could not be read, where it is said already that it could not.
pub(crate) fn why_unread(error: &StoreError) -> String {
    match error {
        StoreError::Unavailable(why) => sentence(why),
        StoreError::Indefinite(_) | StoreError::Rejected(_) => sentence(&error.to_string()),
    }
}

fn both(entry: &Quarantined) -> (&str, &str) {
    (&entry.name, &entry.why)
}

/// The beginning of a name, whole characters only.
fn shortened(name: &str) -> String {
    let end = name.floor_char_boundary(NAME_LEN_MAX);
    match name.get(..end) {
        Some(start) if end < name.len() => format!("{start}..."),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_what_is_counted_is_not() {
        let entry = Quarantined {
            name: "é".repeat(40_000),
            why: "odd".to_owned(),
        };
        let mut health = Health::default();
        let news = health.quarantine(&vec![entry.clone(); NAMES_MAX + 5]);
        assert_eq!(news.len(), NAMES_MAX);
        assert_eq!(health.quarantine(&vec![entry.clone(); 7]), [], "no news");
        let other = Quarantined {
            why: "odder".to_owned(),
            ..entry.clone()
        };
        assert_eq!(health.quarantine(&[entry.clone(), other]).len(), 1);
        health.quarantine(&vec![entry; NAMES_MAX + 5]);
        assert_eq!(health.quarantined.0, NAMES_MAX + 5);
        assert_eq!(health.quarantined.1.len(), NAMES_MAX);
        assert!(health.quarantined.1[0].name.len() <= NAME_LEN_MAX + 3);
        for number in 0..NAMES_MAX + 5 {
            health.set_unreadable(&format!("a.near/f{number}:state"), "torn");
        }
        assert_eq!(health.unreadable.len(), NAMES_MAX);
        assert_eq!(health.unreadable_keys.len(), NAMES_MAX + 5);
        let last = format!("a.near/f{}:state", NAMES_MAX + 4);
        assert!(health.why_unreadable(&last).is_some());
    }

    #[test]
    fn a_record_that_was_mended_is_forgotten() {
        let mut health = Health::default();
        assert_eq!(health.why_unreadable("a.near/f:state"), None);
        health.set_unreadable("a.near/f:state", "torn");
        let why = health.why_unreadable("a.near/f:state");
        assert_eq!(why.as_deref(), Some("torn"));
        assert_eq!(health.why_unreadable("a.near/g:state"), None);
        health.set_readable("a.near/f:state");
        assert!(health.unreadable.is_empty() && health.unreadable_keys.is_empty());
    }
}
