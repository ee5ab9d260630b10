//! Answers that move on as a chain does, far away from a height that is in doubt.

use std::time::Duration;

use tokio::time::Instant;

use super::BLOCKS_PER_SECOND_MAX;

/// For how long they have to go on.
const COURSE_LEAST: Duration = Duration::from_secs(600);

/// How often they have to have risen in that time.
const RISES_LEAST: u32 = 60;

/// After such a silence it begins anew: what was answered meanwhile is not known.
const SILENCE_MAX: Duration = Duration::from_secs(180);

/// So many blocks more than the time allows are no haste: answers overtake each other.
const HASTE_SLACK: u64 = 100;

/// The answers of a chain that moves on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    from: u64,
    since: Instant,
    height: u64,
    risen: Instant,
    rises: u32,
}

impl Course {
    pub(super) fn new(height: u64, now: Instant) -> Course {
        Course {
            from: height,
            since: now,
            height,
            risen: now,
            rises: 0,
        }
    }

    /// The height that was reached.
    pub(super) fn height(&self) -> u64 {
        self.height
    }

    /// How often it has risen.
    pub(super) fn rises(&self) -> u32 {
        self.rises
    }

    /// Whether it rises faster than a chain does: that is a node that makes up for what
    /// it has missed, and what it answers is old.
    fn hurries(&self, height: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since).as_secs();
        let made = BLOCKS_PER_SECOND_MAX.saturating_mul(passed);
        height.saturating_sub(self.from) > made.saturating_add(HASTE_SLACK)
    }

    /// There is an answer as of `height`. Returns whether it goes on; else it begins anew
    /// there.
    pub(super) fn heard(&mut self, height: u64, now: Instant) -> bool {
        if height <= self.height {
            // The first, or it may be another replica, which is further behind.
            return true;
        }
        let silent = now.saturating_duration_since(self.risen) > SILENCE_MAX;
        if silent || self.hurries(height, now) {
            *self = Course::new(height, now);
            return false;
        }
        (self.height, self.risen) = (height, now);
        self.rises = self.rises.saturating_add(1);
        true
    }

    /// Whether it has gone on for long, and still does.
    pub(super) fn lasts(&self, now: Instant) -> bool {
        let lasts = self.risen.saturating_duration_since(self.since) >= COURSE_LEAST;
        let goes_on = now.saturating_duration_since(self.risen) <= SILENCE_MAX;
        lasts && goes_on && self.rises >= RISES_LEAST
    }
}
