//! What was last known of the records: for operators in times in which the store cannot
//! be read, and for the poll of the records, which tells by it that a store has gone back.
//!
//! The loops and the poll tell what they read and what they wrote; it takes part in no
//! decision about an indexer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use lifecycle::IndexerId;
use tokio::time::Instant;

/// The most reads that are remembered; one of a hundred thousand indexers takes two
/// hundred. Beyond that ages are told too high, never too low.
const SPANS_MAX: usize = 512;

/// A record as it was last known, and how long ago that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// What stood under its key; `None` if nothing did.
    pub(crate) raw: Option<Bytes>,
    /// For how long it may have been otherwise.
    pub(crate) age: Duration,
}

/// The records of the indexers that have a loop. What is kept of each shares its memory
/// with what the poll of the records keeps.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    known: BTreeMap<IndexerId, (Option<Bytes>, Instant)>,
    /// Reads of all indexers between two names, which brought nothing else than what is
    /// known; the oldest first.
    spans: VecDeque<Span>,
    /// Of whom a watcher was told what was recalled.
    told: BTreeSet<IndexerId>,
}

#[derive(Debug)]
struct Span {
    /// Begins behind this one, or with the first.
    after: Option<IndexerId>,
    /// Ends with this one, or with the last.
    upto: Option<IndexerId>,
    at: Instant,
}

impl Span {
    fn covers(&self, id: &IndexerId) -> bool {
        self.after.as_ref().is_none_or(|after| after < id)
            && self.upto.as_ref().is_none_or(|upto| id <= upto)
    }

    fn covers_all_of(&self, other: &Span) -> bool {
        // `None` is less than any name, which is right for a beginning only.
        let ends_later = match (&self.upto, &other.upto) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own >= other,
        };
        self.after <= other.after && ends_later
    }
}

impl Recall {
    /// Takes note of what stood under the key of the record of `id` at the time `at`, at
    /// least.
    pub(crate) fn note(&mut self, id: &IndexerId, raw: Option<&Bytes>, at: Instant) {
        match self.known.get_mut(id) {
            // A slow read that was overtaken by a write.
            Some((_, known)) if *known > at => {}
            Some((before, known)) => {
                *known = at;
                if before.as_ref() != raw {
                    *before = raw.cloned();
                }
            }
            None => {
                self.known.insert(id.clone(), (raw.cloned(), at));
            }
        }
    }

    /// Takes note that all records behind `after` up to `upto` were read at the time
    /// `at`. Whatever was not as known is noted by itself.
    pub(crate) fn read(
        &mut self,
        after: Option<&IndexerId>,
        upto: Option<&IndexerId>,
        at: Instant,
    ) {
        let span = Span {
            after: after.cloned(),
            upto: upto.cloned(),
            at,
        };
        self.spans.retain(|old| !span.covers_all_of(old));
        if self.spans.len() >= SPANS_MAX {
            self.spans.pop_front();
        }
        self.spans.push_back(span);
    }

    /// The record of `id` as last known; `None` if it never was read.
    pub(crate) fn get(&self, id: &IndexerId, now: Instant) -> Option<Known> {
        let (raw, at) = self.known.get(id)?;
        let span = self.spans.iter().rev().find(|span| span.covers(id));
        let at = span.map_or(*at, |span| span.at.max(*at));
        Some(Known {
            raw: raw.clone(),
            age: now.saturating_duration_since(at),
        })
    }

    /// What stood under the key of the record of `id`, as somebody knew it by the time
    /// `at`; `None` if nobody did, or if somebody has looked or written since.
    pub(crate) fn noted_by(&self, id: &IndexerId, at: Instant) -> Option<Option<&Bytes>> {
        let (raw, noted) = self.known.get(id)?;
        (*noted <= at).then_some(raw.as_ref())
    }

    /// Whether no record was ever read.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Forgets an indexer whose loop ended.
    pub(crate) fn forget(&mut self, id: &IndexerId) {
        self.known.remove(id);
        self.told.remove(id);
    }

    /// Forgets all that are not to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&IndexerId) -> bool) {
        self.known.retain(|id, _| keep(id));
        self.told.retain(keep);
    }

    /// Takes note that a watcher may have been told of `id` what was recalled.
    pub(crate) fn tell(&mut self, id: &IndexerId) {
        if self.known.contains_key(id) {
            self.told.insert(id.clone());
        }
    }

    /// Of whom watchers were told what was recalled, since this was last asked.
    pub(crate) fn take_told(&mut self) -> BTreeSet<IndexerId> {
        std::mem::take(&mut self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> IndexerId {
        IndexerId::new("a.near", name).unwrap()
    }

    fn after(seconds: u64) -> Instant {
        thread_start() + Duration::from_secs(seconds)
    }

    /// One moment that all times of a test are told by.
    fn thread_start() -> Instant {
        thread_local!(static START: Instant = Instant::now());
        START.with(|start| *start)
    }

    fn known(recall: &Recall, name: &str, now: u64) -> Option<(Option<Bytes>, u64)> {
        let known = recall.get(&id(name), after(now))?;
        Some((known.raw, known.age.as_secs()))
    }

    fn text(text: &'static str) -> Option<Bytes> {
        Some(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn what_was_never_read_is_not_known_whatever_was_read_around_it() {
        let mut recall = Recall::default();
        recall.read(None, None, after(5));
        assert!(recall.is_empty());
        assert_eq!(known(&recall, "a", 9), None);
        recall.note(&id("a"), None, after(6));
        assert_eq!(known(&recall, "a", 9), Some((None, 3)));
    }

    #[test]
    fn the_age_is_that_of_the_last_read() {
        let mut recall = Recall::default();
        for name in ["a", "b", "c"] {
            recall.note(&id(name), text("x").as_ref(), after(1));
        }
        recall.read(None, Some(&id("b")), after(10));
        let ages = |recall: &Recall| {
            ["a", "b", "c"].map(|name| known(recall, name, 20).map(|(_, age)| age))
        };
        assert_eq!(ages(&recall), [Some(10), Some(10), Some(19)]);
        recall.read(Some(&id("b")), None, after(12));
        assert_eq!(ages(&recall), [Some(10), Some(10), Some(8)]);
        // Other bounds, as indexers come and go.
        recall.read(None, Some(&id("a")), after(15));
        assert_eq!(ages(&recall), [Some(5), Some(10), Some(8)]);
        recall.note(&id("b"), text("y").as_ref(), after(18));
        assert_eq!(known(&recall, "b", 20), Some((text("y"), 2)));
        recall.read(None, None, after(19));
        assert_eq!(ages(&recall), [Some(1); 3]);
        assert_eq!(recall.spans.len(), 1);
    }

    #[test]
    fn a_read_that_a_write_overtook_changes_nothing() {
        let mut recall = Recall::default();
        recall.note(&id("a"), text("new").as_ref(), after(7));
        recall.note(&id("a"), text("old").as_ref(), after(6));
        assert_eq!(known(&recall, "a", 7), Some((text("new"), 0)));
        recall.note(&id("a"), None, after(8));
        assert_eq!(known(&recall, "a", 8), Some((None, 0)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut recall = Recall::default();
        for number in 0..3 * SPANS_MAX {
            let bound = id(&format!("{:05}", 3 * SPANS_MAX - number));
            recall.read(Some(&bound), Some(&bound), after(1));
        }
        assert_eq!(recall.spans.len(), SPANS_MAX);
        recall.note(&id("a"), None, after(1));
        recall.note(&id("b"), None, after(1));
        for name in ["a", "b", "stranger"] {
            recall.tell(&id(name));
        }
        recall.forget(&id("a"));
        assert_eq!(recall.take_told(), BTreeSet::from([id("b")]));
        assert!(recall.take_told().is_empty());
        recall.retain(|_| false);
        assert!(recall.is_empty());
    }
}
