//! A height that one answer told, and that no other ever came near.
//!
//! The first answer of a life is measured by nothing. If its height is one that the chain
//! will not reach for years, every true answer after it is old. It may be given up where
//! no node that is merely behind can be the reason: such a node would have to be behind by
//! months, keep the pace of the chain all the same, and be the only one that answers.

use std::time::Duration;

use tokio::time::Instant;

use super::BLOCKS_PER_SECOND_MAX;

/// How far below it all later answers are, at least: months of blocks.
const GAP_LEAST: u64 = 20_000_000;

/// For how long they have to go on.
const COURSE_LEAST: Duration = Duration::from_secs(600);

/// How often they have to have risen in that time.
const RISES_LEAST: u32 = 60;

/// After such a silence it begins anew: what was answered meanwhile is not known.
const SILENCE_MAX: Duration = Duration::from_secs(180);

/// So many blocks more than the time allows are no haste: answers overtake each other.
const HASTE_SLACK: u64 = 100;

/// The answers of a chain that moves on, far below the height that is in doubt.
#[derive(Clone, Copy, Debug)]
struct Course {
    from: u64,
    since: Instant,
    height: u64,
    risen: Instant,
    rises: u32,
}

impl Course {
    fn new(height: u64, now: Instant) -> Course {
        Course {
            from: height,
            since: now,
            height,
            risen: now,
            rises: 0,
        }
    }

    /// Whether it rises faster than a chain does: that is a node that makes up for what
    /// it has missed, and what it answers is old.
    fn hurries(&self, height: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since).as_secs();
        let made = BLOCKS_PER_SECOND_MAX.saturating_mul(passed);
        height.saturating_sub(self.from) > made.saturating_add(HASTE_SLACK)
    }
}

/// Whether the height as of which everybody is known is told by one answer alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outlier {
    /// The first height of this life, as long as no answer has gone beyond it.
    lone: Option<u64>,
    course: Option<Course>,
}

impl Outlier {
    /// The first answer of this life is one as of `height`.
    pub(super) fn begins(&mut self, height: u64) {
        self.lone = Some(height);
    }

    /// There is another answer, as of `height`, whether it is taken in or too old.
    pub(super) fn heard(&mut self, height: u64, now: Instant) {
        let Some(lone) = self.lone else {
            return;
        };
        if height > lone {
            // It moves on, as a chain does: there is no telling which one is true.
            return self.clear();
        }
        if lone - height < GAP_LEAST {
            return;
        }
        let course = self.course.get_or_insert_with(|| Course::new(height, now));
        if height <= course.height {
            // The first, or it may be another replica, which is further behind.
            return;
        }
        let silent = now.saturating_duration_since(course.risen) > SILENCE_MAX;
        if silent || course.hurries(height, now) {
            *course = Course::new(height, now);
            return;
        }
        (course.height, course.risen) = (height, now);
        course.rises = course.rises.saturating_add(1);
    }

    /// The height that may be given up, and the one that all others have reached; `None`
    /// if there is no such height, or not yet.
    pub(super) fn proven(&self, now: Instant) -> Option<(u64, u64)> {
        let (lone, course) = (self.lone?, self.course?);
        let lasts = course.risen.saturating_duration_since(course.since) >= COURSE_LEAST;
        let goes_on = now.saturating_duration_since(course.risen) <= SILENCE_MAX;
        (lasts && goes_on && course.rises >= RISES_LEAST).then_some((lone, course.height))
    }

    /// It was given up.
    pub(super) fn clear(&mut self) {
        *self = Outlier::default();
    }
}
