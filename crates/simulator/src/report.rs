//! What a run comes to.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sweep::Swept;

/// The format of [`RunReport`] as JSON; raised when a field changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No property was violated.
    Passed,
    /// Something happened that must never happen.
    Safety,
    /// Something did not happen that must happen.
    Liveness,
    /// Product code panicked.
    Panic,
    /// The harness itself failed.
    Harness,
}

/// Whose logic the coordinator under test follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(madsim, derive(clap::ValueEnum))]
#[serde(rename_all = "snake_case")]
pub enum Logic {
    /// The product's own.
    #[default]
    Ours,
    /// A model of the coordinator that the product replaces.
    Original,
}

impl Logic {
    /// Whether it is the product's own.
    pub fn is_ours(&self) -> bool {
        *self == Logic::Ours
    }
}

/// A violated property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The property's id, as in the catalogue.
    pub oracle: String,
    /// What happened, in words.
    pub sentence: String,
    /// When: seconds of virtual time since the start of the run.
    pub at: String,
    /// The events that prove it, oldest first.
    pub evidence: Vec<String>,
}

impl Violation {
    /// The moment, from the start of the run; nothing if it is of no single moment.
    pub fn moment(&self) -> Option<Duration> {
        let seconds = self.at.trim_end_matches('s').parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// What it has in common with others of its kind: property and sentence, without
    /// names and numbers.
    pub fn kind(&self) -> String {
        let word = |word: &str| {
            if word.contains('/') {
                return "*".to_owned();
            }
            if word.contains(|letter: char| letter.is_ascii_digit()) {
                return "#".to_owned();
            }
            word.to_owned()
        };
        let mut words: Vec<String> = self.sentence.split_whitespace().map(word).collect();
        words.dedup();
        format!("{} {}", self.oracle, words.join(" "))
    }
}

/// The result of one run. Everything but `cpu_micros` follows from scenario and
/// seed alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The scenario's path as given.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Whose logic the coordinator followed; left out if it is ours.
    #[serde(default, skip_serializing_if = "Logic::is_ours")]
    pub coordinator: Logic,
    /// Hash over (virtual time, node, event) of everything that happened.
    pub trace_hash: String,
    /// How many events there were.
    pub events: u64,
    /// Calls that crossed the simulated network or reached the simulated store,
    /// the fake nodes' own included.
    pub calls: u64,
    /// Calls of the coordinator alone.
    pub coordinator_calls: u64,
    /// Calls of the coordinator that changed the world.
    pub effects: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Virtual time, in microseconds.
    pub virtual_micros: u64,
    /// CPU time of the run, in microseconds. Not part of what is replayed.
    pub cpu_micros: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// The first violation.
    pub violation: Option<Violation>,
    /// Later violations of other kinds; only looked for with the original's logic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Violation>,
    /// What had not converged, one sentence each.
    pub pending: Vec<String>,
    /// Who was not as wanted at the end because something is broken for good, and
    /// what the coordinator says of it, one sentence each.
    #[serde(default)]
    pub excused: Vec<String>,
    /// The last noteworthy events.
    pub last_events: Vec<String>,
    /// How often each interesting situation was reached.
    pub marks: BTreeMap<String, u64>,
    /// Per indexer: blocks that matched, and blocks that were executed.
    pub blocks: BTreeMap<String, BlockTally>,
    /// Per indexer, what the run left behind, without anything that a crash of
    /// the coordinator on the way may change.
    pub end_state: BTreeMap<String, String>,
    /// What a sweep learned from it.
    #[serde(default, skip_serializing_if = "Swept::is_empty")]
    pub swept: Swept,
}

/// What became of the blocks of one indexer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockTally {
    /// Heights that matched its rule and lay at or after its start.
    pub matched: u64,
    /// Different heights executed.
    pub executed: u64,
    /// Executions, repeats included.
    pub executions: u64,
    /// The first heights that matched, for small inputs.
    pub first_matched: Vec<u64>,
    /// The first heights executed.
    pub first_executed: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_has_its_moment() {
        let at = |at: &str| {
            let violation = Violation {
                oracle: "L4".to_owned(),
                sentence: String::new(),
                at: at.to_owned(),
                evidence: Vec::new(),
            };
            violation.moment()
        };
        assert_eq!(at("180.319715"), Some(Duration::from_micros(180_319_715)));
        assert_eq!(at(""), None);
        assert_eq!(at("-1"), None);
    }

    #[test]
    fn violations_of_one_kind_differ_in_names_and_numbers_only() {
        let kind = |sentence: &str| {
            let violation = Violation {
                oracle: "L4".to_owned(),
                sentence: sentence.to_owned(),
                at: "1s".to_owned(),
                evidence: Vec::new(),
            };
            violation.kind()
        };
        assert_eq!(
            kind("a.near/feed: nothing is done about it for 3s 500ms after its change"),
            kind("b.near/feed: nothing is done about it for 4s after its change")
        );
        assert_ne!(kind("a.near/feed: it runs"), kind("a.near/feed: it rests"));
    }
}
