//! Whom operators hold: nobody releases what is not held.

use std::collections::BTreeSet;

use sim_node::IndexerKey;

use super::super::values::Selector;
use super::super::{Action, Quiet, Scenario, Step};

/// Who may be held, step after step.
pub(super) struct Holds<'a> {
    may_be_held: BTreeSet<&'a IndexerKey>,
    all: Vec<&'a IndexerKey>,
    quiet: &'a [Quiet],
    /// Random operations hold too: anybody may be held at any time.
    unknown: bool,
}

impl<'a> Holds<'a> {
    /// Nobody is held at first.
    pub(super) fn new(scenario: &'a Scenario) -> Holds<'a> {
        Holds {
            may_be_held: BTreeSet::new(),
            all: scenario.indexers.iter().map(|one| &one.key).collect(),
            quiet: &scenario.run.quiet,
            // What a registry file holds is not known here.
            unknown: scenario.workload.hold > 0.0 || scenario.data.registry.is_some(),
        }
    }

    /// Follows a step; the steps must come by time.
    pub(super) fn apply(&mut self, step: &'a Step) -> Result<(), String> {
        // A quiet period releases all holds.
        while let Some((first, rest)) = self.quiet.split_first()
            && first.at <= step.at
        {
            self.quiet = rest;
            self.may_be_held.clear();
        }
        match &step.action {
            Action::Hold(target) => match &target.indexer {
                Selector::One(key) => {
                    self.may_be_held.insert(key);
                }
                Selector::All | Selector::Random => self.may_be_held.extend(&self.all),
            },
            Action::Release(target) if !self.unknown => match &target.indexer {
                Selector::One(key) => {
                    if !self.may_be_held.remove(key) {
                        return Err(format!("`{key}` is not held then"));
                    }
                }
                Selector::All => self.may_be_held.clear(),
                Selector::Random => {}
            },
            _ => {}
        }
        Ok(())
    }
}
