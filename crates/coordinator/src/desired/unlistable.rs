//! A registry that answers, but does not list: those that are known are asked about one
//! by one meanwhile.

use tokio::time::Instant;

use super::{DesiredView, Question};
use crate::knobs::Knobs;

/// For so many of the longest pauses between two polls there is no listing, before those
/// that the last one has are asked about: most failures pass.
const PAUSES: u32 = 4;

/// Whether, and since when, the registry does not list.
#[derive(Debug, Default)]
pub(super) enum Unlistable {
    /// It lists, as far as is known.
    #[default]
    No,
    /// It does not, since then; that may pass.
    Since(Instant),
    /// Until it does, those that are known are asked about one by one.
    Lasts,
}

impl DesiredView {
    /// Takes note that the registry answers at the time `now`, but not with a listing.
    /// Returns of how many it is asked one by one from now on; `None` if that is no news,
    /// or if the last listing stays in force without it for a while.
    pub fn cannot_list(&mut self, now: Instant, knobs: &Knobs) -> Option<usize> {
        let since = match self.unlistable {
            Unlistable::Lasts => return None,
            Unlistable::Since(since) => since,
            Unlistable::No => now,
        };
        self.unlistable = Unlistable::Since(since);
        if !self.listed_once {
            self.unlistable = Unlistable::Lasts;
            return Some(self.recorded.len());
        }
        let pause = knobs.tick.saturating_mul(knobs.registry_pause_ticks.max(1));
        let patience = pause.saturating_mul(PAUSES);
        if now.saturating_duration_since(since) < patience {
            return None;
        }
        self.unlistable = Unlistable::Lasts;
        let listed = self.listed.keys().filter(|id| self.watched.contains(*id));
        let listed: Vec<_> = listed.cloned().collect();
        let count = listed.len();
        for id in listed {
            // Most of them have not changed: none is asked about more often than it has
            // to be.
            self.questions.entry(id).or_insert(Question {
                next_at: now,
                pause: Some(knobs.confirm_pause_max),
                unheard: false,
            });
        }
        Some(count)
    }

    /// Whether those that are known are asked about one by one.
    pub(crate) fn asks_one_by_one(&self) -> bool {
        matches!(self.unlistable, Unlistable::Lasts)
    }

    /// Takes note that there is a listing again: whoever the last one had need not be
    /// asked about.
    pub(super) fn can_list(&mut self) {
        if let Unlistable::Lasts = std::mem::take(&mut self.unlistable) {
            let listed = &self.listed;
            self.questions.retain(|id, _| !listed.contains_key(id));
        }
    }
}
