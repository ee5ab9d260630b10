//! Judging beyond the first violation, as it is done with the original's logic: what
//! that does wrong in every run would otherwise hide all else.

use std::time::Duration;

use sim_node::Time;

use super::Oracles;
use crate::history::Method;
use crate::report::Violation;

/// The most violations that are kept after the first.
const FURTHER_MAX: usize = 64;

impl Oracles {
    /// Whether nothing that may follow changes the verdict.
    pub fn is_decided(&self) -> bool {
        self.violation.is_some() && !self.truth.limits.collects
    }

    /// The violations after the first, one of each kind, if judging goes on.
    pub fn further(&self) -> &[Violation] {
        &self.further
    }

    /// Keeps a violation that was found from outside.
    pub fn add(&mut self, violation: Violation) {
        if self.violation.is_none() {
            self.kinds.insert(violation.kind());
            self.violation = Some(violation);
        } else if self.truth.limits.collects
            && self.further.len() < FURTHER_MAX
            && self.kinds.insert(violation.kind())
        {
            self.further.push(violation);
        }
    }

    /// One sentence for each call that was sent a minute before `now` or earlier and
    /// that its sender still waits for.
    pub fn unanswered(&self, now: Time) -> Vec<String> {
        let calls = self.fair.unanswered(now - Duration::from_secs(60));
        let sentence = |(about, method): (Option<usize>, Method)| {
            let about = about.map_or("*".to_owned(), |number| {
                self.truth.at(number).key.to_string()
            });
            format!("{about}: {method:?} is never answered")
        };
        calls.into_iter().map(sentence).collect()
    }

    /// The recent events of the indexer with this name, oldest first.
    pub fn evidence_about(&self, name: &str) -> Vec<String> {
        let mut all = self.truth.all();
        let number = all.find(|(_, indexer)| indexer.key.to_string() == name);
        self.evidence.about(number.map(|(number, _)| number))
    }
}
