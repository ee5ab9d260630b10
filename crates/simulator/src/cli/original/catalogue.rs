//! The defects of the original's logic that are understood, each with its story
//! and with one run that shows it.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::super::given::Given;
use crate::report::{Logic, Violation};

const TEXT: &str = include_str!("defects.toml");

/// One defect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defect {
    /// A short name; also the anchor of its story.
    pub id: String,
    /// Its number among those that were known from production; none if the
    /// simulator found it.
    pub known: Option<u8>,
    /// What is wrong, in one sentence.
    pub title: String,
    /// The properties by which it shows.
    pub oracles: Vec<String>,
    /// What the sentence of a violation must contain, all of it.
    #[serde(default)]
    pub says: Vec<String>,
    /// Of these it must contain one, if there are any.
    #[serde(default)]
    pub any: Vec<String>,
    /// What it must not contain.
    #[serde(default)]
    pub unless: Vec<String>,
    /// How the versions in the sentence follow upon each other, if that matters.
    pub versions: Option<Versions>,
    /// Whether it is about one indexer only or about two, if that matters.
    pub names: Option<Names>,
    /// Parts of the paths of scenarios of which one must be there; all if empty.
    #[serde(default)]
    pub within: Vec<String>,
    /// It shows in every run, whatever is done to the system.
    #[serde(default)]
    pub always: bool,
    /// The scenario that shows it, below the folder of scenarios.
    pub scenario: String,
    /// The seed that goes with it.
    pub seed: u64,
    /// What was done, what the coordinator did, what the world looked like.
    pub story: String,
    /// What it costs whoever depends on it.
    pub cost: String,
    /// What keeps this coordinator from doing the same.
    pub cure: String,
}

/// How two versions in a sentence follow upon each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Versions {
    /// The second is newer.
    Rising,
    /// The second is older.
    Falling,
}

/// How many indexers a sentence names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// One, maybe several times.
    Same,
    /// More than one.
    Different,
}

/// What the project knows about the original's defects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The defects; of several that fit a violation, the first is meant.
    #[serde(rename = "defect")]
    pub defects: Vec<Defect>,
    /// Known defects that no run can show.
    pub unseen: Vec<Unseen>,
}

/// A known defect that no run shows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unseen {
    /// Its number.
    pub known: u8,
    /// What it is, and why no run shows it.
    pub why: String,
}

impl Catalogue {
    /// The project's own.
    ///
    /// # Errors
    /// The catalogue that this program carries has a mistake; says which.
    pub fn own() -> Result<Catalogue, String> {
        toml::from_str(TEXT).map_err(|error| format!("the catalogue of defects: {error}"))
    }

    /// The place of the defect that a violation in a scenario shows.
    pub fn place_of(&self, scenario: &str, violation: &Violation) -> Option<usize> {
        let mut defects = self.defects.iter();
        defects.position(|defect| defect.fits(scenario, violation))
    }
}

impl Defect {
    /// Whether a violation in a scenario shows it.
    pub fn fits(&self, scenario: &str, violation: &Violation) -> bool {
        let sentence = &violation.sentence;
        let says = |text: &String| sentence.contains(text.as_str());
        let in_order = self.versions.is_none_or(|order| {
            let versions = versions(sentence);
            let (Some(first), Some(last)) = (versions.first(), versions.last()) else {
                return false;
            };
            match order {
                Versions::Rising => first < last,
                Versions::Falling => first > last,
            }
        });
        let in_number = self.names.is_none_or(|names| match names {
            Names::Same => names_of(sentence).len() == 1,
            Names::Different => names_of(sentence).len() > 1,
        });
        let mut within = self.within.iter();
        let in_place = self.within.is_empty() || within.any(|part| scenario.contains(part));
        in_place
            && in_number
            && self.oracles.contains(&violation.oracle)
            && self.says.iter().all(says)
            && (self.any.is_empty() || self.any.iter().any(says))
            && !self.unless.iter().any(says)
            && in_order
    }

    /// What to run to see it.
    pub fn given(&self) -> Given {
        Given::of(format!("scenarios/{}", self.scenario)).under(Logic::Original)
    }
}

/// The numbers that follow the word `version`.
fn versions(sentence: &str) -> Vec<u64> {
    let mut after = sentence.split("version ");
    after.next();
    let number = |rest: &str| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    after.filter_map(number).collect()
}

/// The indexers that a sentence names.
fn names_of(sentence: &str) -> BTreeSet<&str> {
    let words = sentence.split_whitespace();
    let names = words.filter(|word| word.contains('/'));
    names.map(|name| name.trim_end_matches(':')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(oracle: &str, sentence: &str) -> Violation {
        Violation {
            oracle: oracle.to_owned(),
            sentence: sentence.to_owned(),
            at: "1s".to_owned(),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn every_known_defect_is_shown_or_accounted_for() {
        let own = Catalogue::own().unwrap();
        let shown = own.defects.iter().filter_map(|defect| defect.known);
        let unseen = own.unseen.iter().map(|unseen| unseen.known);
        let all: BTreeSet<u8> = shown.chain(unseen).collect();
        assert_eq!(all, (1..=20).collect());
    }

    #[test]
    fn entries_are_whole_and_have_names_of_their_own() {
        let own = Catalogue::own().unwrap();
        let mut ids = BTreeSet::new();
        for defect in &own.defects {
            assert!(ids.insert(&defect.id), "{} twice", defect.id);
            assert!(!defect.oracles.is_empty(), "{}", defect.id);
            let tells = !defect.says.is_empty() || !defect.any.is_empty();
            assert!(tells || defect.oracles == ["S5"], "{}", defect.id);
            for text in [&defect.title, &defect.story, &defect.cost, &defect.cure] {
                assert!(
                    text.len() > 20 && !text.contains("  "),
                    "{}: {text}",
                    defect.id
                );
            }
            let known = |oracle: &String| crate::scenario::ORACLES.contains(&oracle.as_str());
            assert!(defect.oracles.iter().all(known), "{}", defect.id);
        }
    }

    #[test]
    fn one_name_is_told_from_two() {
        let one = "a.near/f: its task began while another of a.near/f was running";
        let two = "a.near/f: its task began while another of a.near/g was running";
        assert_eq!((names_of(one).len(), names_of(two).len()), (1, 2));
    }

    #[test]
    fn newer_and_older_versions_are_told_apart() {
        let rising = "block 5 was published for version 7 and executed by version 9";
        let falling = "block 5 was published for version 9 and executed by version 7";
        assert_eq!(versions(rising), [7, 9]);
        let mut defect = Catalogue::own().unwrap().defects.remove(0);
        defect.oracles = vec!["S11".to_owned()];
        defect.says = vec!["executed by".to_owned()];
        (defect.any, defect.unless) = (Vec::new(), Vec::new());
        for (order, fitting) in [(Versions::Rising, rising), (Versions::Falling, falling)] {
            defect.versions = Some(order);
            defect.names = None;
            defect.within.clear();
            for sentence in [rising, falling] {
                let fits = defect.fits("x", &violation("S11", sentence));
                assert_eq!(fits, sentence == fitting, "{sentence}");
            }
        }
        assert!(!defect.fits("x", &violation("S5", falling)));
        assert!(!defect.fits("x", &violation("S11", "it was executed by nobody")));
        defect.within = vec!["store/".to_owned()];
        assert!(!defect.fits("scenarios/network/x.toml", &violation("S11", falling)));
        assert!(defect.fits("scenarios/store/x.toml", &violation("S11", falling)));
    }
}
