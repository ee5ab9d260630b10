//! That the registry answers, and what it answers is too old, or beyond belief.

use std::fmt;
use std::time::Duration;

use lifecycle::IndexerId;
use tokio::time::Instant;

use super::{DesiredView, HEIGHT_JUMP_MAX};

/// For how long all listings are old before that is told, since some always are.
const LATE_TOLD: Duration = Duration::from_secs(60);

/// The registry answers, and nothing is taken in, because all of it is too old, or as of
/// heights far above what is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// As of which height everybody is known.
    pub known: u64,
    /// The height that is stored as one that was acted upon.
    pub stored: u64,
    /// The highest height of an answer since one was taken in; of answers far above what
    /// is known the last one.
    pub heard: u64,
    /// Whether what is known was told at the start only, so that it is given up by itself
    /// if all that is far above goes on.
    pub is_early: bool,
}

impl Behind {
    /// The height below which nothing is taken in.
    pub fn limit(&self) -> u64 {
        self.known.max(self.stored)
    }

    /// How many blocks there are between that and the best answer.
    pub fn blocks(&self) -> u64 {
        self.limit().abs_diff(self.heard)
    }

    /// Whether the answers are not too old, but so new that they are not believed.
    pub fn is_ahead(&self) -> bool {
        self.heard > self.limit()
    }

    /// Whether no node is so far away: one of the two heights is false.
    /// That a stored one was lowered by itself cannot be allowed, since nodes that
    /// are all behind, and a chain that went back, look the same from here.
    pub fn is_beyond_belief(&self) -> bool {
        self.blocks() > HEIGHT_JUMP_MAX
    }
}

impl DesiredView {
    /// Whether what is known of `id` is older than `height`, which another coordinator
    /// has acted upon. What this one did itself, however false its height, is known.
    pub(crate) fn is_overtaken(&self, id: &IndexerId, height: u64) -> bool {
        let told = self.told.get(id).copied().unwrap_or(0);
        told.max(self.listed_at).max(self.acted_here) < height
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Behind {
            known,
            stored,
            heard,
            is_early,
        } = self;
        if self.is_ahead() {
            let likely = match is_early {
                true => {
                    "that one is likely false, and given up by itself when the others have gone \
                     on for ten minutes; a restart mends it, too"
                }
                false => {
                    "one of the two is false, and nobody can tell from here which; if it is the \
                     lower one, a restart mends it"
                }
            };
            return write!(
                formatter,
                "its answers, as of block {heard}, are far above block {known}, as of which it \
                 answered before: {likely}"
            );
        }
        let is_false = |height: &u64| height.saturating_sub(*heard) > HEIGHT_JUMP_MAX;
        if is_false(stored) {
            write!(
                formatter,
                "its answers, as of block {heard} at most, are far below block {stored}, as of \
                 which the store says that one was acted upon: if that height is wrong, or the \
                 registry went back, `coordinator state height --lower-to {heard}` mends it"
            )
        } else if is_false(known) {
            write!(
                formatter,
                "its answers, as of block {heard} at most, are far below block {known}, as of \
                 which it answered before: if that height was false, a restart mends it, should \
                 it not be given up by itself in ten minutes"
            )
        } else if stored >= known {
            write!(
                formatter,
                "its answers, as of block {heard} at most, are older than block {stored}, as of \
                 which one was acted upon; newer ones are waited for"
            )
        } else {
            write!(
                formatter,
                "its answers, as of block {heard} at most, are older than block {known}, as of \
                 which it answered before; newer ones are waited for"
            )
        }
    }
}

impl DesiredView {
    /// That the registry answers, and nothing of it is taken in, because all of it is too
    /// old, since the start, or for longer than replicas lag; or because all of it is so
    /// new that it is not believed.
    pub fn behind(&self, now: Instant) -> Option<Behind> {
        let lasts = |since| now.saturating_duration_since(since) >= LATE_TOLD;
        let ahead = self.ahead.filter(|(since, _)| lasts(*since));
        let late = self.late;
        let late = late.filter(|(since, _)| self.answered.is_none() || lasts(*since));
        let (known, heard) = match (late, ahead) {
            (Some((_, heard)), _) => (self.everybody_at(), heard),
            (None, Some((_, heard))) => (self.mark, heard),
            (None, None) => return None,
        };
        Some(Behind {
            known,
            stored: self.acted,
            heard,
            is_early: self.shallow.is_open(),
        })
    }

    /// Takes note of a listing of a `height` beyond belief.
    pub(super) fn note_ahead(&mut self, height: u64, now: Instant) {
        // The last one tells which of the two it is now.
        let since = self.late.take().map_or(now, |(since, _)| since);
        let (_, heard) = self.ahead.get_or_insert((since, height));
        *heard = height;
    }
}
