//! The last word of every loop, and what changed since when.

use std::collections::BTreeMap;
use std::ops::Bound;

use lifecycle::{IndexerId, Timestamp};
use tokio::sync::watch;

use crate::status::LoopStatus;

/// How many loops that ended are remembered for whoever reads changes.
const ENDED_MAX: usize = 10_000;

/// All statuses, each with the revision at which it last changed.
///
/// A revision is a number that grows with every change, so that a reader can ask
/// for what changed since the last one it has seen.
#[derive(Debug)]
pub(crate) struct StatusLog {
    revision: watch::Sender<u64>,
    statuses: BTreeMap<IndexerId, (u64, LoopStatus)>,
    /// When something became known that the loop, which says the same as before, has not
    /// said itself.
    news: BTreeMap<IndexerId, Timestamp>,
    ended: BTreeMap<IndexerId, u64>,
    changed: BTreeMap<u64, IndexerId>,
    /// Before this revision it is not known any more what ended.
    forgotten: u64,
}

/// What changed since a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// These did, each at its revision, and the reader now stands at the first one.
    Changed(u64, Vec<(u64, IndexerId)>),
    /// That is too long ago: the reader has to look at everything, and then
    /// stands at this revision.
    TooLong(u64),
}

impl Default for StatusLog {
    fn default() -> StatusLog {
        StatusLog {
            revision: watch::Sender::new(0),
            statuses: BTreeMap::new(),
            news: BTreeMap::new(),
            ended: BTreeMap::new(),
            changed: BTreeMap::new(),
            forgotten: 0,
        }
    }
}

impl StatusLog {
    /// Takes in what a loop says.
    pub(crate) fn put(&mut self, mut status: LoopStatus) {
        let is_news = self.is_news(&status);
        match self.statuses.get_mut(&status.id) {
            Some((_, before)) if before.says_the_same_as(&status) => {
                status.since = before.since;
                let id = status.id.clone();
                *before = status;
                if is_news {
                    self.note(&id);
                }
            }
            _ => {
                let id = status.id.clone();
                let revision = self.touch(&id);
                self.news.remove(&id);
                self.statuses.insert(id, (revision, status));
            }
        }
    }

    /// Whether `status` would be told as a change.
    pub(crate) fn is_news(&self, status: &LoopStatus) -> bool {
        self.get(&status.id).is_none_or(|before| {
            !before.says_the_same_as(status) || before.looks_again() != status.looks_again()
        })
    }

    /// Takes note that the record of `id` was changed by a command, at the time `at`.
    pub(crate) fn note_command(&mut self, id: &IndexerId, at: Timestamp) {
        if self.statuses.contains_key(id) {
            self.news.insert(id.clone(), at);
        }
        self.note(id);
    }

    /// Takes note that something else is told of `id`, though its loop may say the same
    /// as before.
    pub(crate) fn note(&mut self, id: &IndexerId) {
        let revision = self.touch(id);
        match self.statuses.get_mut(id) {
            Some((before, _)) => *before = revision,
            // Without a loop it is remembered no longer than what ended.
            None => self.end(id, revision),
        }
    }

    /// Takes note that something else is told of `id`, if it has a loop, though that may
    /// say the same as before.
    pub(crate) fn note_owned(&mut self, id: &IndexerId) {
        if self.statuses.contains_key(id) {
            self.note(id);
        }
    }

    /// Takes note that since `at` something else is to be told of `id`, if it has a loop,
    /// than what the loop says.
    pub(crate) fn note_news(&mut self, id: &IndexerId, at: Timestamp) {
        if self.statuses.contains_key(id) {
            self.note_command(id, at);
        }
    }

    /// When there was news of `id` last that its loop has not said itself.
    pub(crate) fn news_at(&self, id: &IndexerId) -> Option<Timestamp> {
        self.news.get(id).copied()
    }

    /// Takes note that what is told of all that is steady changed, though no loop
    /// says anything else.
    pub(crate) fn note_steady(&mut self) {
        let steady = self.all().filter(|status| status.is_steady());
        let ids: Vec<IndexerId> = steady.map(|status| status.id.clone()).collect();
        ids.iter().for_each(|id| self.note(id));
    }

    /// Takes note that a loop ended.
    pub(crate) fn remove(&mut self, id: &IndexerId) {
        if !self.statuses.contains_key(id) {
            return;
        }
        let revision = self.touch(id);
        self.statuses.remove(id);
        self.news.remove(id);
        self.end(id, revision);
    }

    fn end(&mut self, id: &IndexerId, revision: u64) {
        self.ended.insert(id.clone(), revision);
        if self.ended.len() > ENDED_MAX {
            self.forget_oldest();
        }
    }

    /// What a loop said last.
    pub(crate) fn get(&self, id: &IndexerId) -> Option<&LoopStatus> {
        self.statuses.get(id).map(|(_, status)| status)
    }

    /// What all loops said last, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &LoopStatus> {
        self.statuses.values().map(|(_, status)| status)
    }

    /// Tells when there is a newer revision.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Who changed after `revision`, at most `limit`, the oldest change first.
    pub(crate) fn since(&self, revision: u64, limit: usize) -> Since {
        if revision < self.forgotten {
            return Since::TooLong(*self.revision.borrow());
        }
        let after = (Bound::Excluded(revision), Bound::Unbounded);
        let changes: Vec<_> = self.changed.range(after).take(limit).collect();
        let reached = match changes.last() {
            Some((reached, _)) if changes.len() == limit => **reached,
            _ => *self.revision.borrow(),
        };
        let changes = changes.into_iter().map(|(at, id)| (*at, id.clone()));
        Since::Changed(reached, changes.collect())
    }

    fn touch(&mut self, id: &IndexerId) -> u64 {
        let revision = *self.revision.borrow() + 1;
        let before = self.statuses.get(id).map(|(before, _)| *before);
        for before in before.into_iter().chain(self.ended.remove(id)) {
            self.changed.remove(&before);
        }
        self.changed.insert(revision, id.clone());
        self.revision.send_replace(revision);
        revision
    }

    fn forget_oldest(&mut self) {
        let oldest = self.ended.iter().min_by_key(|(_, revision)| **revision);
        if let Some((id, revision)) = oldest.map(|(id, revision)| (id.clone(), *revision)) {
            self.ended.remove(&id);
            self.changed.remove(&revision);
            self.forgotten = revision;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> IndexerId {
        IndexerId::new("a.near", name).unwrap()
    }

    fn says(name: &str, trouble: Option<&str>, at: u64) -> LoopStatus {
        LoopStatus {
            id: id(name),
            phase: None,
            waiting: None,
            since: Timestamp(at),
            trouble: trouble.map(str::to_owned),
            retry_at: None,
            doing: None,
            panics: 0,
        }
    }

    fn since(log: &StatusLog, revision: u64, limit: usize) -> (u64, Vec<IndexerId>) {
        let Since::Changed(reached, changes) = log.since(revision, limit) else {
            panic!("too long ago");
        };
        assert!(
            changes
                .iter()
                .all(|(at, _)| (revision + 1..=reached).contains(at))
        );
        (reached, changes.into_iter().map(|(_, id)| id).collect())
    }

    #[test]
    fn only_what_is_new_is_a_change() {
        let mut log = StatusLog::default();
        log.put(says("a", None, 1));
        log.put(says("b", None, 2));
        assert_eq!(since(&log, 0, 10), (2, vec![id("a"), id("b")]));
        log.put(says("a", None, 3));
        assert_eq!(since(&log, 2, 10), (2, vec![]));
        assert_eq!(log.get(&id("a")).unwrap().since, Timestamp(1));
        log.put(says("a", Some("broken"), 4));
        assert_eq!(since(&log, 0, 10), (3, vec![id("b"), id("a")]));
    }

    #[test]
    fn who_ended_is_told_too() {
        let mut log = StatusLog::default();
        log.put(says("a", None, 1));
        log.remove(&id("a"));
        log.remove(&id("a"));
        assert_eq!(since(&log, 1, 10), (2, vec![id("a")]));
        assert!(log.get(&id("a")).is_none());
        log.put(says("a", None, 1));
        assert_eq!(since(&log, 0, 10), (3, vec![id("a")]));
    }

    #[test]
    fn what_was_commanded_is_told_though_the_loop_says_nothing_new() {
        let mut log = StatusLog::default();
        log.put(says("a", None, 1));
        log.note(&id("a"));
        log.note(&id("b"));
        assert_eq!(since(&log, 1, 10), (3, vec![id("a"), id("b")]));
        log.put(says("b", None, 1));
        assert_eq!(since(&log, 0, 10), (4, vec![id("a"), id("b")]));
        for number in 0..=ENDED_MAX {
            log.note(&id(&number.to_string()));
        }
        assert!(log.changed.len() <= ENDED_MAX + 2);
    }

    #[test]
    fn the_time_of_news_is_kept_until_the_loop_says_something_else() {
        let mut log = StatusLog::default();
        log.note_news(&id("a"), Timestamp(5));
        assert_eq!(log.news_at(&id("a")), None, "it has no loop");
        log.put(says("a", None, 1));
        log.note_news(&id("a"), Timestamp(7));
        assert_eq!(since(&log, 1, 10), (2, vec![id("a")]));
        log.put(says("a", None, 8));
        assert_eq!(log.news_at(&id("a")), Some(Timestamp(7)));
        log.put(says("a", Some("broken"), 9));
        assert_eq!(log.news_at(&id("a")), None);
        log.note_news(&id("a"), Timestamp(10));
        log.remove(&id("a"));
        assert_eq!(log.news_at(&id("a")), None);
    }

    #[test]
    fn changes_come_in_bounded_parts() {
        let mut log = StatusLog::default();
        for name in ["a", "b", "c"] {
            log.put(says(name, None, 1));
        }
        assert_eq!(since(&log, 0, 2), (2, vec![id("a"), id("b")]));
        assert_eq!(since(&log, 2, 2), (3, vec![id("c")]));
    }

    #[test]
    fn a_reader_that_is_too_late_has_to_look_at_everything() {
        let mut log = StatusLog::default();
        for number in 0..=ENDED_MAX {
            log.put(says(&number.to_string(), None, 1));
            log.remove(&id(&number.to_string()));
        }
        let newest = 2 * (ENDED_MAX as u64 + 1);
        assert_eq!(log.since(0, 10), Since::TooLong(newest));
        assert_eq!(since(&log, newest, 10), (newest, vec![]));
        assert!(log.changed.len() <= ENDED_MAX);
    }
}
