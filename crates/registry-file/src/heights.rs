//! Which height it is: a file has no blocks, only a clock.

/// What a file says about the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// A height.
    pub(crate) height: u64,
    /// When the chain was there, in milliseconds since 1970; if absent, when the
    /// registry was first read.
    pub(crate) at: Option<u64>,
    /// Milliseconds from block to block; not zero.
    pub(crate) block_time: u64,
}

/// No chain is higher: the coordinator would not believe it.
pub(crate) use coordinator::HEIGHT_MAX;

/// The height at `now`, where the registry was first read at `began`; both in
/// milliseconds since 1970.
pub(crate) fn height_at(chain: Option<Chain>, began: u64, now: u64) -> u64 {
    let height = match chain {
        Some(chain) => {
            let passed = now.saturating_sub(chain.at.unwrap_or(began));
            let blocks = passed.checked_div(chain.block_time).unwrap_or(0);
            chain.height.saturating_add(blocks)
        }
        None => now / 1000,
    };
    // Zero would look like an answer without a height.
    height.clamp(1, HEIGHT_MAX)
}

/// How many times faster than said a chain may have been for its heights to be believed.
const PACE: u64 = 4;

/// By how much the time of a height may be wrong, in milliseconds: people round.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// What decides which heights are believed; times in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Belief {
    /// When the registry was first read.
    pub(crate) began: u64,
    /// The latest time that it can be.
    pub(crate) latest: u64,
    /// The highest height that was given out for lack of `[chain]`.
    pub(crate) unchained: u64,
    /// While answers are given: no height above this, for they would leap by it.
    pub(crate) most: Option<u64>,
}

impl Belief {
    /// The highest height that the chain can have reached, with a generous margin: one
    /// that is even a little too high shuts out true ones, and makes indexers start
    /// where no block is yet.
    pub(crate) fn bound(&self, chain: Option<Chain>) -> u64 {
        let most = self.most.unwrap_or(HEIGHT_MAX);
        self.reachable(chain).min(most)
    }

    /// Whether more could be believed if no answers were given.
    pub(crate) fn is_held_down(&self, chain: Option<Chain>) -> bool {
        self.bound(chain) < self.reachable(chain)
    }

    fn reachable(&self, chain: Option<Chain>) -> u64 {
        let spare = PACE * DAY / 1000;
        let Some(chain) = chain else {
            return (self.latest / 1000).saturating_add(spare).min(HEIGHT_MAX);
        };
        let passed = self.latest.saturating_sub(chain.at.unwrap_or(self.began));
        let blocks = passed
            .saturating_add(DAY)
            .checked_div(chain.block_time)
            .unwrap_or(0)
            .saturating_mul(PACE);
        let highest = chain.height.saturating_add(blocks);
        // From there on each change counts one up.
        let unchained = match self.unchained {
            0 => 0,
            height => height.saturating_add(spare),
        };
        highest.max(unchained).min(HEIGHT_MAX)
    }
}

/// By how much heights may grow at once. The coordinator believes no answer that is
/// further above the one before, so from then on it would take none.
const JUMP_MAX: u64 = 2_000_000;

/// By how much anything but `[chain]` and time raises them at once. The rest is for the
/// clock, and for one more rise that comes before the coordinator has asked again.
pub(crate) const RISE_MAX: u64 = JUMP_MAX / 2;

/// The heights that were given out so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Whether `[chain]` said what they are.
    pub(crate) chained: bool,
    /// Where they are by now.
    pub(crate) height: u64,
}

impl Course {
    /// Why they cannot go on with `next`, which is what `chain` says.
    pub(crate) fn objection(self, chain: Option<Chain>, next: u64) -> Option<String> {
        let height = self.height;
        let jumps = next.saturating_sub(height) > JUMP_MAX;
        match chain {
            None if self.chained && (jumps || next < height) => Some(format!(
                "[chain] is gone, and without it heights are seconds since 1970: {next} in place \
                 of {height}. Put it back; nothing that has changed counts before"
            )),
            Some(_) if jumps => Some(format!(
                "[chain] would raise the height from {height} to {next} at once, and no answer \
                 of such a height is believed. Nothing that has changed counts before it is \
                 lower; if it is right, restart the coordinator"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_advance_with_the_clock_from_where_the_chain_was() {
        let chain = |at| Chain {
            height: 500,
            at,
            block_time: 2_000,
        };
        assert_eq!(height_at(Some(chain(Some(10_000))), 0, 20_000), 505);
        assert_eq!(height_at(Some(chain(None)), 16_000, 20_000), 502);
        assert_eq!(height_at(Some(chain(Some(99_000))), 0, 20_000), 500);
        assert_eq!(height_at(None, 0, 1_700_000_000_999), 1_700_000_000);
        assert_eq!(height_at(None, 0, 0), 1);
        let high = Chain {
            height: u64::MAX,
            at: None,
            block_time: 0,
        };
        assert_eq!(height_at(Some(high), 0, 7), HEIGHT_MAX);
    }

    #[test]
    fn heights_neither_jump_nor_lose_their_chain() {
        let chain = Some(Chain {
            height: 1,
            at: None,
            block_time: 1,
        });
        let refused = |chained, height, chain, next| {
            let course = Course { chained, height };
            course.objection(chain, next).is_some()
        };
        let far = 100 + JUMP_MAX;
        assert!(!refused(true, 100, chain, far));
        assert!(refused(true, 100, chain, far + 1));
        assert!(refused(false, 100, chain, far + 1));
        // What is lower waits until it has caught up.
        assert!(!refused(true, 100, chain, 1));
        assert!(!refused(true, 100, None, far));
        assert!(refused(true, 100, None, far + 1));
        assert!(refused(true, 100, None, 99));
        assert!(!refused(false, 100, None, far + 1));
        assert!(!refused(false, 100, None, 99));
    }

    #[test]
    fn a_height_is_believed_up_to_four_times_the_pace_and_a_day() {
        let chain = Some(Chain {
            height: 1_000_000,
            at: Some(5 * DAY),
            block_time: 500,
        });
        let bound = |latest, unchained| {
            let belief = Belief {
                began: 0,
                latest,
                unchained,
                most: None,
            };
            belief.bound(chain)
        };
        let of_a_day = 4 * 2 * 86_400;
        assert_eq!(bound(5 * DAY, 0), 1_000_000 + of_a_day);
        assert_eq!(bound(7 * DAY, 0), 1_000_000 + 3 * of_a_day);
        // A clock that stands before that time takes nothing away.
        assert_eq!(bound(0, 0), 1_000_000 + of_a_day);
        assert_eq!(bound(5 * DAY, 1_700_000_000), 1_700_000_000 + 4 * 86_400);
        let belief = Belief {
            latest: 1_700_000_000_000,
            ..Belief::default()
        };
        assert_eq!(belief.bound(None), 1_700_000_000 + 4 * 86_400);
        for height in [0, u64::MAX] {
            let latest = u64::MAX;
            let belief = Belief { latest, ..belief };
            let chain = Chain {
                height,
                at: None,
                block_time: 1,
            };
            assert_eq!(belief.bound(Some(chain)), HEIGHT_MAX);
            assert!(!belief.is_held_down(Some(chain)));
            let most = Some(7);
            let belief = Belief { most, ..belief };
            assert_eq!(belief.bound(Some(chain)), 7);
            assert!(belief.is_held_down(Some(chain)));
            assert_eq!(belief.bound(None), 7);
        }
    }
}
