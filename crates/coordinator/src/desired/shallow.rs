//! A first height that is far too low, so that no true answer is believed.
//!
//! An answer so far above all others that it cannot be true is dropped: if it was
//! believed, every true one after it would be old. If it is the first of a life that was
//! false, the same rule drops all true ones. It may be given up where the high answers
//! agree with each other, move on at the pace of a chain for as long, and nothing low
//! moves on beside them. A node that tells false heights does not get so far as long as
//! another one is heard; and where answers moved on for longer than at the very start,
//! before there were any others, there is no telling which of them are true.

use std::time::Duration;

use tokio::time::Instant;

use super::DesiredView;
use super::GivenUp;
use super::course::Course;

/// For so long after the first answer others may repeat it, and move on with it: a node
/// is often asked twice in a row.
const BEGINNING: Duration = Duration::from_secs(60);

/// Replicas that keep up differ by less: answers that do not, do not agree.
const AGREED: u64 = 10_000;

/// The low answers of a beginning.
#[derive(Clone, Copy, Debug)]
struct Low {
    since: Instant,
    height: u64,
}

/// Whether all answers but those of the beginning are far above what is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shallow {
    /// The height that was reached at the beginning of this life, as long as no answer
    /// has gone beyond it later.
    low: Option<Low>,
    /// The answers far above.
    high: Option<Course>,
    /// How many answers were heard beside them that were not.
    beside: u32,
}

impl Shallow {
    /// The first answer of this life is one as of `height`.
    pub(super) fn begins(&mut self, height: u64, now: Instant) {
        let low = Some(Low { since: now, height });
        *self = Shallow {
            low,
            ..Shallow::default()
        };
    }

    /// There is another answer that is not far above what is known.
    pub(super) fn heard_low(&mut self, height: u64, now: Instant) {
        let Some(low) = &mut self.low else {
            return;
        };
        if height <= low.height {
            // It may be a node that hangs; one that is asked more often than the others
            // is not outvoted.
            self.beside = self.beside.saturating_add(1);
            return;
        }
        if now.saturating_duration_since(low.since) > BEGINNING {
            // It moves on, as a chain does: there is no telling which one is true.
            *self = Shallow::default();
            return;
        }
        low.height = height;
        self.high = None;
    }

    /// There is an answer far above what is known.
    pub(super) fn heard_high(&mut self, height: u64, now: Instant) {
        if self.low.is_none() {
            return;
        }
        let goes_on = match &mut self.high {
            Some(high) if height.saturating_add(AGREED) >= high.height() => high.heard(height, now),
            high => {
                *high = Some(Course::new(height, now));
                false
            }
        };
        if !goes_on {
            self.beside = 0;
        }
    }

    /// The height that may be given up, and the one that all others have reached; `None`
    /// if there is no such height, or not yet.
    fn proven(&self, now: Instant) -> Option<(u64, u64)> {
        let (low, high) = (self.low?, self.high?);
        let proven = high.lasts(now) && high.rises() > self.beside;
        proven.then(|| (low.height, high.height()))
    }

    /// Whether it may still be given up by itself.
    pub(super) fn is_open(&self) -> bool {
        self.low.is_some()
    }
}

impl DesiredView {
    /// Gives up what the first answers of this life told, where it is beyond doubt that
    /// their height was far too low. What is known stays, until the next answer; nothing
    /// is given up of what was acted upon, since that is below.
    pub fn give_up_low(&mut self, now: Instant) -> Option<GivenUp> {
        let (told, known) = self.shallow.proven(now)?;
        self.shallow = Shallow::default();
        self.ahead = None;
        self.mark = known.max(self.mark);
        self.answered = Some(now);
        Some(GivenUp { told, known })
    }
}
