//! When an entry that is nowhere any more counts as deleted.

use std::collections::BTreeMap;

use crate::entry::{Key, shown};

/// For how many rests a deletion waits at most until all other files rest. A slip of the
/// pen in the file that an entry was moved to is put right by then, and a file that
/// stays wrong or never rests keeps no deletion in another one waiting for ever.
const PATIENCE: u64 = 300;

/// The rest of a folder. An entry that is moved to another file stands in none of them
/// for a moment, or in one that does not count yet; a deletion there and then would
/// be the end of an indexer that nobody wanted to delete. All times are in milliseconds
/// since 1970.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// For how long a folder must have been left alone.
    settle: u64,
    /// When something was last seen to be under way in it.
    stirred: u64,
    /// Since when entries are absent from the file where they stood.
    absent: BTreeMap<Key, u64>,
}

impl Rest {
    pub(crate) fn new(settle: u64) -> Rest {
        Rest {
            settle,
            ..Rest::default()
        }
    }

    /// Something is under way at `now`.
    pub(crate) fn stir(&mut self, now: u64) {
        self.stirred = now;
    }

    /// The time is `now`, and may be earlier than it was: clocks go back a little by
    /// themselves, and nothing is to wait until they have caught up.
    pub(crate) fn not_after(&mut self, now: u64) {
        self.stirred = self.stirred.min(now);
        for since in self.absent.values_mut() {
            *since = now.min(*since);
        }
    }

    /// The time was set to `now`: what was waited for so far says nothing.
    pub(crate) fn begin_anew(&mut self, now: u64) {
        self.stirred = now;
        for since in self.absent.values_mut() {
            *since = now;
        }
    }

    /// Whether an entry that is absent from its file counts as deleted by now.
    pub(crate) fn is_over(&mut self, key: &Key, now: u64) -> bool {
        let since = match self.absent.get(key) {
            Some(since) => *since,
            None => {
                tracing::info!(
                    indexer = shown(key),
                    "an indexer was taken out of its file, which counts once the folder is right \
                     and left alone, unless it comes in another file"
                );
                self.absent.insert(key.clone(), now);
                now
            }
        };
        self.rests(now) || self.patience_is_over(now, since)
    }

    /// Whether any of the absent entries counts as deleted by now.
    pub(crate) fn is_over_for_any(&self, now: u64) -> bool {
        let mut since = self.absent.values();
        since.any(|since| self.rests(now) || self.patience_is_over(now, *since))
    }

    /// Forgets about entries that are not absent any more.
    pub(crate) fn retain(&mut self, is_absent: impl Fn(&Key) -> bool) {
        self.absent.retain(|key, _| is_absent(key));
    }

    fn rests(&self, now: u64) -> bool {
        now.saturating_sub(self.stirred) >= self.settle
    }

    fn patience_is_over(&self, now: u64, since: u64) -> bool {
        now.saturating_sub(since) >= self.settle.saturating_mul(PATIENCE)
    }
}
