//! A height that one answer told, and that no other ever came near.
//!
//! The first answer of a life is measured by nothing. If its height is one that the chain
//! will not reach for years, every true answer after it is old. It may be given up where
//! no node that is merely behind can be the reason: such a node would have to be behind by
//! months, keep the pace of the chain all the same, and be the only one that answers.

use tokio::time::Instant;

use super::course::Course;

/// How far below it all later answers are, at least: months of blocks.
const GAP_LEAST: u64 = 20_000_000;

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
        course.heard(height, now);
    }

    /// The height that may be given up, and the one that all others have reached; `None`
    /// if there is no such height, or not yet.
    pub(super) fn proven(&self, now: Instant) -> Option<(u64, u64)> {
        let (lone, course) = (self.lone?, self.course?);
        course.lasts(now).then(|| (lone, course.height()))
    }

    /// It was given up.
    pub(super) fn clear(&mut self) {
        *self = Outlier::default();
    }
}
