//! That the registry answers, and what it answers is too old.

use std::fmt;

use super::HEIGHT_JUMP_MAX;

/// The registry answers, and nothing is taken in, because all of it is too old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// As of which height everybody is known.
    pub known: u64,
    /// The height that is stored as one that was acted upon.
    pub stored: u64,
    /// The highest height of an answer since one was taken in.
    pub heard: u64,
}

impl Behind {
    /// The height below which nothing is taken in.
    pub fn limit(&self) -> u64 {
        self.known.max(self.stored)
    }

    /// How many blocks there are between that and the best answer.
    pub fn blocks(&self) -> u64 {
        self.limit().saturating_sub(self.heard)
    }

    /// Whether no node is so far behind: one of the two heights is false.
    /// That a stored one was lowered by itself cannot be allowed, since nodes that
    /// are all behind, and a chain that went back, look the same from here.
    pub fn is_beyond_belief(&self) -> bool {
        self.blocks() > HEIGHT_JUMP_MAX
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Behind {
            known,
            stored,
            heard,
        } = self;
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
