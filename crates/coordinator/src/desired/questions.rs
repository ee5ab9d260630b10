//! When who is not listed is asked about.

use std::time::Duration;

use lifecycle::IndexerId;
use tokio::time::Instant;

use super::DesiredView;
use crate::knobs::Knobs;

/// So many first pauses is the longest between questions that only replicas answered
/// which are behind.
const LAG_PAUSES: u32 = 4;

#[derive(Debug)]
pub(super) struct Question {
    pub(super) next_at: Instant,
    pub(super) pause: Option<Duration>,
    /// The last time nobody answered at all.
    pub(super) unheard: bool,
    /// A tombstone does not settle it.
    pub(super) doubted: bool,
}

impl DesiredView {
    /// Takes note that a question about `id` brought no answer.
    pub fn unanswered(&mut self, id: &IndexerId, now: Instant, knobs: &Knobs) {
        self.put_off(id, now, knobs);
        if let Some(question) = self.questions.get_mut(id) {
            question.unheard = true;
        }
    }

    /// The registry is back: what it did not answer meanwhile waits no longer.
    pub(super) fn ask_again(&mut self, now: Instant) {
        for question in self.questions.values_mut().filter(|one| one.unheard) {
            (question.next_at, question.pause) = (now, None);
            question.unheard = false;
        }
    }

    pub(super) fn ask(&mut self, id: &IndexerId, at: Instant) {
        self.questions.entry(id.clone()).or_insert(Question {
            next_at: at,
            pause: None,
            unheard: false,
            doubted: false,
        });
    }

    pub(super) fn put_off(&mut self, id: &IndexerId, now: Instant, knobs: &Knobs) {
        self.put_off_by(id, now, knobs, knobs.confirm_pause_max);
    }

    /// After an answer from a replica that is behind: another one may know more already.
    /// Where all are asked about, the next turn is soon enough.
    pub(super) fn put_off_for_a_moment(&mut self, id: &IndexerId, now: Instant, knobs: &Knobs) {
        let longest = match self.asks_one_by_one() {
            true => knobs.confirm_pause_max,
            false => knobs.confirm_pause_first * LAG_PAUSES,
        };
        self.put_off_by(id, now, knobs, longest);
    }

    /// The pauses get longer up to the `longest`; those that were longer already stay so
    /// for the next time.
    fn put_off_by(&mut self, id: &IndexerId, now: Instant, knobs: &Knobs, longest: Duration) {
        if let Some(question) = self.questions.get_mut(id) {
            let first = knobs.confirm_pause_first;
            let longest = longest.min(knobs.confirm_pause_max).max(first);
            let pause = question.pause.unwrap_or(first);
            question.next_at = now + pause.min(longest);
            question.pause = Some((pause * 2).min(longest).max(pause));
            question.unheard = false;
        }
    }
}
