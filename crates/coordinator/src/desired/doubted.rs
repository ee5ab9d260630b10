//! A tombstone of an earlier life is no answer: whoever told it is behind.

use lifecycle::IndexerId;
use tokio::time::Instant;

use super::DesiredView;
use crate::knobs::Knobs;

impl DesiredView {
    /// Asks about `id`, whose record knows of `version`, until a listing has it, if there
    /// is a tombstone of an older one. It may have been deleted again before any listing
    /// had it: nothing else would ever tell.
    pub(crate) fn doubt_older(&mut self, id: &IndexerId, version: Option<u64>, now: Instant) {
        let told = self.tombstones.get(id).map(|(told, _)| *told);
        if told.is_none() || told >= version {
            return;
        }
        self.ask(id, now);
        if let Some(question) = self.questions.get_mut(id) {
            question.doubted = true;
        }
    }

    /// Ends the question about `id`, for which there is a tombstone, unless that is in
    /// doubt.
    pub(super) fn settle(&mut self, id: &IndexerId, now: Instant, knobs: &Knobs) {
        match self.questions.get(id) {
            Some(question) if question.doubted => self.put_off(id, now, knobs),
            _ => {
                self.questions.remove(id);
            }
        }
    }
}
