//! What an operator may rely on of something that is set or not: a switch, a hold.

use crate::history::Incarnation;

/// Commands that set and unset one thing, and what was promised by answering them. One
/// that was answered by an error may still be on its way; it must not undo what was
/// acknowledged after that.
#[derive(Clone, Debug, Default)]
pub(super) struct Promise {
    /// The commands under way: which life of a coordinator has each, and whether it sets it.
    pending: Vec<(Incarnation, bool)>,
    contested: bool,
    given: Option<bool>,
}

impl Promise {
    /// What the last command that was certainly carried out left, if nothing came
    /// after it.
    pub fn given(&self) -> Option<bool> {
        self.given
    }

    /// Whether no command is under way.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// A command is under way.
    pub fn sent(&mut self, by: Incarnation, sets: bool) {
        self.contested |= self.pending.iter().any(|(_, other)| *other != sets);
        self.pending.push((by, sets));
        self.given = self.given.filter(|given| *given == sets);
    }

    /// A command was answered; true if it is sure now how things stand.
    pub fn answered(&mut self, by: Incarnation, sets: bool, carried_out: bool) -> bool {
        if let Some(place) = self.pending.iter().position(|one| *one == (by, sets)) {
            self.pending.remove(place);
        }
        let last = self.pending.is_empty();
        let sure = carried_out && last && !self.contested;
        if sure {
            self.given = Some(sets);
        }
        if last {
            self.contested = false;
        }
        sure
    }

    /// Whoever lived that `life` is dead, and neither carries out nor answers what it had
    /// under way. It may have been carried out.
    pub fn abandon(&mut self, life: Incarnation) {
        self.pending.retain(|(by, _)| *by != life);
        self.contested &= !self.pending.is_empty();
    }

    /// The record it stood in is gone.
    pub fn forget(&mut self) {
        self.given = None;
    }

    /// The record it stands in was changed by other hands, maybe after a command
    /// under way had reached it.
    pub fn doubt(&mut self) {
        self.given = None;
        self.contested |= !self.pending.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lone_acknowledged_command_is_a_promise() {
        let mut promise = Promise::default();
        promise.sent(1, true);
        assert_eq!(promise.given(), None);
        assert!(promise.answered(1, true, true));
        assert_eq!(promise.given(), Some(true));
        promise.sent(1, true);
        assert_eq!(
            promise.given(),
            Some(true),
            "a repetition takes nothing back"
        );
        promise.sent(1, false);
        assert_eq!(promise.given(), None);
        assert!(!promise.answered(1, true, true));
        assert!(!promise.answered(1, false, true));
        assert!(promise.is_idle());
    }

    #[test]
    fn a_command_that_failed_may_be_carried_out_until_another_is_acknowledged() {
        let mut promise = Promise::default();
        promise.sent(1, true);
        assert!(promise.answered(1, true, true));
        promise.sent(1, false);
        assert!(!promise.answered(1, false, false));
        assert_eq!(promise.given(), None);
        promise.sent(1, true);
        assert!(promise.answered(1, true, true));
        assert_eq!(promise.given(), Some(true));
    }

    #[test]
    fn a_loss_while_a_command_is_under_way_leaves_nothing_sure() {
        let mut promise = Promise::default();
        promise.sent(1, true);
        promise.doubt();
        assert!(!promise.answered(1, true, true));
        assert_eq!(promise.given(), None);
        promise.sent(1, true);
        assert!(promise.answered(1, true, true));
        promise.doubt();
        assert_eq!(promise.given(), None);
    }

    #[test]
    fn only_a_dead_coordinators_commands_are_over_with_it() {
        let mut promise = Promise::default();
        promise.sent(1, false);
        promise.sent(2, true);
        promise.abandon(1);
        assert!(!promise.answered(2, true, true), "the two have met");
        promise.sent(1, false);
        assert!(!promise.answered(0, false, false), "nobody has answered it");
        promise.sent(2, true);
        assert!(!promise.answered(2, true, true), "the other is under way");
        promise.abandon(1);
        promise.sent(2, true);
        assert!(promise.answered(2, true, true));
    }
}
