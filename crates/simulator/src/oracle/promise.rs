//! What an operator may rely on of something that is set or not: a switch, a hold.

/// Commands that set and unset one thing, and what was promised by answering them. One
/// that was answered by an error may still be on its way; it must not undo what was
/// acknowledged after that.
#[derive(Clone, Debug, Default)]
pub(super) struct Promise {
    /// The commands under way: whether each sets it.
    pending: Vec<bool>,
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
    pub fn sent(&mut self, sets: bool) {
        self.contested |= self.pending.iter().any(|other| *other != sets);
        self.pending.push(sets);
        self.given = self.given.filter(|given| *given == sets);
    }

    /// A command was answered; true if it is sure now how things stand.
    pub fn answered(&mut self, sets: bool, carried_out: bool) -> bool {
        if let Some(place) = self.pending.iter().position(|other| *other == sets) {
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

    /// Nobody lives any more who could carry out, or answer, what is under way. It may have
    /// been carried out.
    pub fn abandon(&mut self) {
        self.pending.clear();
        self.contested = false;
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
        promise.sent(true);
        assert_eq!(promise.given(), None);
        assert!(promise.answered(true, true));
        assert_eq!(promise.given(), Some(true));
        promise.sent(true);
        assert_eq!(
            promise.given(),
            Some(true),
            "a repetition takes nothing back"
        );
        promise.sent(false);
        assert_eq!(promise.given(), None);
        assert!(!promise.answered(true, true));
        assert!(!promise.answered(false, true));
        assert!(promise.is_idle());
    }

    #[test]
    fn a_command_that_failed_may_be_carried_out_until_another_is_acknowledged() {
        let mut promise = Promise::default();
        promise.sent(true);
        assert!(promise.answered(true, true));
        promise.sent(false);
        assert!(!promise.answered(false, false));
        assert_eq!(promise.given(), None);
        promise.sent(true);
        assert!(promise.answered(true, true));
        assert_eq!(promise.given(), Some(true));
    }

    #[test]
    fn a_loss_while_a_command_is_under_way_leaves_nothing_sure() {
        let mut promise = Promise::default();
        promise.sent(true);
        promise.doubt();
        assert!(!promise.answered(true, true));
        assert_eq!(promise.given(), None);
        promise.sent(true);
        assert!(promise.answered(true, true));
        promise.doubt();
        assert_eq!(promise.given(), None);
    }
}
