//! Nodes that answer, but of what has been.
//!
//! A node that fell behind, or hangs at one block, answers as readily as before. Who
//! asks it alone hears of nothing new for as long as that lasts.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// How many blocks a node may be behind: about a minute of the chain. Replicas differ by
/// a few, and answers overtake each other.
pub(crate) const TOLERATED: u64 = 60;

/// How often in a row a node may be further behind, as one replica of many may be.
const STRIKES: u32 = 3;

/// For how long a node may answer as of the same block: the chain makes one each second.
const STILL_MAX: Duration = Duration::from_secs(60);

/// For how long a node is passed over at first; each further time doubles it.
const PAUSE_FIRST: Duration = Duration::from_secs(60);

/// The longest time for which a node is passed over before it is tried again.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// What an answer says about its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It keeps up, as before.
    InStep,
    /// It keeps up again.
    CaughtUp,
    /// It does not keep up, and others are preferred.
    Late {
        why: Why,
        /// For how long; `None` if that was said before.
        pause: Option<Duration>,
    },
}

/// Why others are preferred to a node that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// That many blocks are known beyond its own.
    Behind(u64),
    /// It has stood at the same block for so long.
    Still(Duration),
    /// What it answered cannot be true.
    Untrue,
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Behind(blocks) => write!(formatter, "it is {blocks} blocks behind"),
            Why::Still(time) => write!(
                formatter,
                "it has been at the same block for {} seconds",
                time.as_secs()
            ),
            Why::Untrue => formatter.write_str("its height cannot be true"),
        }
    }
}

/// How a node gets on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// The highest height of its answers.
    height: u64,
    /// When that height was first heard.
    risen: Option<Instant>,
    /// How many of its answers in a row were too far behind.
    strikes: u32,
    /// How often in a row it was passed over.
    passed: u32,
    until: Option<Instant>,
}

impl Progress {
    /// The highest height of its answers; 0 if there is none that counts.
    pub(crate) fn height(&self) -> u64 {
        self.height
    }

    /// Whether others are preferred.
    pub(crate) fn is_passed_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// It answered as of `height`, while `best` is known from elsewhere.
    pub(crate) fn heard(&mut self, height: u64, best: u64, now: Instant) -> Heard {
        let risen = *self.risen.get_or_insert(now);
        if height > self.height {
            (self.height, self.risen) = (height, Some(now));
        }
        let behind = best.saturating_sub(height);
        let still = now.saturating_duration_since(risen);
        self.strikes = match behind > TOLERATED {
            true => self.strikes.saturating_add(1),
            false => 0,
        };
        let why = if self.strikes >= STRIKES {
            Why::Behind(behind)
        } else if self.risen == Some(risen) && still >= STILL_MAX {
            Why::Still(still)
        } else {
            let caught_up = self.strikes == 0 && std::mem::take(&mut self.passed) > 0;
            if caught_up {
                self.until = None;
            }
            return match caught_up {
                true => Heard::CaughtUp,
                false => Heard::InStep,
            };
        };
        let pause = (!self.is_passed_over(now)).then(|| self.pass_over(now));
        Heard::Late { why, pause }
    }

    /// Its answers as of `height` and beyond cannot be true. Returns for how long it is
    /// passed over, if it gave one.
    pub(crate) fn disbelieve(&mut self, height: u64, now: Instant) -> Option<Duration> {
        if self.height < height {
            return None;
        }
        (self.height, self.risen) = (0, None);
        Some(self.pass_over(now))
    }

    fn pass_over(&mut self, now: Instant) -> Duration {
        let doubled = PAUSE_FIRST.saturating_mul(1 << self.passed.min(10));
        let pause = doubled.min(PAUSE_MAX);
        self.passed = self.passed.saturating_add(1);
        self.until = Some(now + pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn late(why: Why, pause: u64) -> Heard {
        let pause = (pause > 0).then(|| seconds(pause));
        Heard::Late { why, pause }
    }

    #[test]
    fn a_few_blocks_are_no_lag() {
        let (mut node, now) = (Progress::default(), Instant::now());
        for passed in 0..1000 {
            let height = 100 + passed;
            let heard = node.heard(height, height + TOLERATED, now + seconds(passed));
            assert_eq!(heard, Heard::InStep);
        }
    }

    #[test]
    fn one_late_answer_among_good_ones_is_no_reason() {
        let (mut node, now) = (Progress::default(), Instant::now());
        for passed in 0..1000 {
            let height = 1000 + passed;
            let height = if passed % 3 == 0 {
                height
            } else {
                height - 500
            };
            let heard = node.heard(height, 1000 + passed, now + seconds(passed));
            assert_eq!(heard, Heard::InStep, "{passed}");
        }
    }

    #[test]
    fn who_is_behind_is_passed_over_for_longer_and_longer_until_it_is_not() {
        let (mut node, mut now) = (Progress::default(), Instant::now());
        let why = Why::Behind(61);
        assert_eq!(node.heard(100, 161, now), Heard::InStep);
        assert_eq!(node.heard(101, 162, now), Heard::InStep);
        assert!(!node.is_passed_over(now));
        assert_eq!(node.heard(102, 163, now), late(why, 60));
        assert_eq!(node.heard(102, 163, now), late(why, 0));
        for pause in [120, 240, 480, 600, 600] {
            now += seconds(59);
            while node.is_passed_over(now) {
                now += seconds(1);
            }
            assert_eq!(node.heard(102, 163, now), late(why, pause));
        }
        assert_eq!(node.heard(103, 163, now), Heard::CaughtUp);
        assert!(!node.is_passed_over(now));
        assert_eq!(node.heard(104, 163, now), Heard::InStep);
    }

    #[test]
    fn who_stands_still_is_passed_over_without_anybody_to_compare_with() {
        let (mut node, now) = (Progress::default(), Instant::now());
        assert_eq!(node.heard(100, 0, now), Heard::InStep);
        assert_eq!(node.heard(101, 0, now + seconds(2)), Heard::InStep);
        assert_eq!(node.heard(101, 0, now + seconds(61)), Heard::InStep);
        let heard = node.heard(101, 0, now + seconds(62));
        assert_eq!(heard, late(Why::Still(seconds(60)), 60));
        assert_eq!(node.heard(102, 0, now + seconds(63)), Heard::CaughtUp);
        // After a long time without a question it is what it answers that counts.
        assert_eq!(node.heard(103, 0, now + seconds(9000)), Heard::InStep);
    }

    #[test]
    fn an_untrue_height_is_forgotten() {
        let (mut node, now) = (Progress::default(), Instant::now());
        node.heard(100, 0, now);
        assert_eq!(node.disbelieve(101, now), None);
        assert!(!node.is_passed_over(now));
        assert_eq!(node.disbelieve(100, now), Some(seconds(60)));
        assert!(node.is_passed_over(now));
        assert_eq!(node.height(), 0);
    }
}
