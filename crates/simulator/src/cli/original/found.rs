//! What many runs with the original's logic come to: the defects that showed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::failure;
use super::super::outcome::{Job, Outcome};
use super::catalogue::{Catalogue, Defect};
use crate::report::Violation;

/// One defect as it was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// In how many runs.
    pub runs: u64,
    /// The first run, in the order in which they were begun.
    pub job: Job,
    /// What it violated there.
    pub violation: Violation,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// By the defect's place in the catalogue.
    pub defects: BTreeMap<usize, Seen>,
    /// What no entry of the catalogue accounts for, by kind.
    pub strange: BTreeMap<String, Seen>,
    /// Places of scenarios that showed something which not every run shows.
    pub telling: BTreeSet<usize>,
    /// Places of scenarios, and the numbers of known defects that they showed.
    pub numbers: BTreeSet<(usize, u8)>,
    /// Runs that came to a verdict.
    pub runs: u64,
}

/// A defect as programs read it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    /// Its name in the catalogue; none if it is not there.
    id: Option<&'a str>,
    known: Option<u8>,
    title: Option<&'a str>,
    oracle: &'a str,
    sentence: &'a str,
    runs: u64,
    scenario: &'a str,
    seed: u64,
    command: String,
}

fn keep<K: Ord>(seen: &mut BTreeMap<K, Seen>, key: K, outcome: &Outcome, violation: &Violation) {
    let new = || Seen {
        runs: 0,
        job: outcome.job.clone(),
        violation: violation.clone(),
    };
    let entry = seen.entry(key).or_insert_with(new);
    entry.runs += 1;
    let place = |job: &Job| (job.seed, job.place);
    if place(&outcome.job) < place(&entry.job) {
        *entry = Seen {
            runs: entry.runs,
            ..new()
        };
    }
}

impl Found {
    /// Takes note of a run.
    pub fn add(&mut self, catalogue: &Catalogue, outcome: &Outcome) {
        self.runs += 1;
        let (mut places, mut kinds) = (BTreeSet::new(), BTreeSet::new());
        for violation in violations(outcome) {
            match catalogue.place_of(&outcome.job.given.name, violation) {
                Some(place) => {
                    let defect = catalogue.defects.get(place);
                    if !defect.is_some_and(|it| it.always) {
                        self.telling.insert(outcome.job.place);
                    }
                    let number = defect.and_then(|it| it.known);
                    self.numbers
                        .extend(number.map(|number| (outcome.job.place, number)));
                    if places.insert(place) {
                        keep(&mut self.defects, place, outcome, violation);
                    }
                }
                None => {
                    self.telling.insert(outcome.job.place);
                    let kind = violation.kind();
                    if kinds.insert(kind.clone()) {
                        keep(&mut self.strange, kind, outcome, violation);
                    }
                }
            }
        }
    }

    /// The defects of the catalogue that were seen, in its order.
    pub fn of<'a>(&'a self, catalogue: &'a Catalogue) -> Vec<(&'a Defect, &'a Seen)> {
        let entry =
            |(place, seen): (&usize, &'a Seen)| Some((catalogue.defects.get(*place)?, seen));
        self.defects.iter().filter_map(entry).collect()
    }

    /// Whether the runs of the scenario at `place` bear out that it fails with the
    /// original's logic: they showed something that not every run shows, or one of
    /// the known defects that the claim names.
    pub fn bears_out(&self, place: usize, claim: &str) -> bool {
        let named = claim.rsplit_once("defect").map_or("", |(_, rest)| rest);
        let numbers = named.split(|letter: char| !letter.is_ascii_digit());
        let mut numbers = numbers.filter_map(|number| number.parse().ok());
        self.telling.contains(&place)
            || numbers.any(|number| self.numbers.contains(&(place, number)))
    }

    /// One JSON object a line.
    ///
    /// # Errors
    /// Something cannot be written as JSON.
    pub fn json(&self, catalogue: &Catalogue) -> serde_json::Result<Vec<String>> {
        let known = self.of(catalogue);
        let known = known.into_iter().map(|(defect, seen)| (Some(defect), seen));
        let strange = self.strange.values().map(|seen| (None, seen));
        let line = |(defect, seen): (Option<&Defect>, &Seen)| {
            serde_json::to_string(&Line {
                id: defect.map(|it| it.id.as_str()),
                known: defect.and_then(|it| it.known),
                title: defect.map(|it| it.title.as_str()),
                oracle: &seen.violation.oracle,
                sentence: &seen.violation.sentence,
                runs: seen.runs,
                scenario: &seen.job.given.name,
                seed: seen.job.seed,
                command: failure::command(&seen.job),
            })
        };
        known.chain(strange).map(line).collect()
    }
}

/// All violations of a run.
pub fn violations(outcome: &Outcome) -> impl Iterator<Item = &Violation> {
    let report = &outcome.report;
    report.violation.iter().chain(&report.further)
}

#[cfg(test)]
mod tests {
    use super::super::super::exit::Exit;
    use super::super::super::outcome::tests::outcome;
    use super::*;

    fn run(name: &str, seed: u64, place: usize, sentences: &[(&str, &str)]) -> Outcome {
        let mut outcome = outcome(name, seed, Exit::Safety, "S1");
        outcome.job.place = place;
        let mut all = sentences.iter().map(|(oracle, sentence)| Violation {
            oracle: (*oracle).to_owned(),
            sentence: (*sentence).to_owned(),
            at: "1s".to_owned(),
            evidence: Vec::new(),
        });
        outcome.report.violation = all.next();
        outcome.report.further = all.collect();
        outcome
    }

    #[test]
    fn defects_are_counted_once_a_run_and_named_by_the_first() {
        let catalogue = Catalogue::own().unwrap();
        let always = catalogue.defects.iter().position(|it| it.always).unwrap();
        let routine = &catalogue.defects[always];
        let words = [routine.says.clone(), routine.any.clone()].concat();
        let common = (routine.oracles[0].as_str(), words.join(" "));
        let common = (common.0, common.1.as_str());
        let odd = ("S1", "a.near/f: something that nobody foresaw");
        let mut found = Found::default();
        found.add(&catalogue, &run("b.toml", 1, 1, &[common, common, odd]));
        found.add(&catalogue, &run("a.toml", 1, 0, &[common]));
        found.add(&catalogue, &run("c.toml", 1, 2, &[]));
        assert_eq!(found.runs, 3);
        assert_eq!(found.telling.iter().collect::<Vec<_>>(), [&1]);
        let seen = &found.defects[&always];
        assert_eq!((seen.runs, seen.job.given.name.as_str()), (2, "a.toml"));
        assert_eq!(found.strange.len(), 1);
        let number = routine.known.unwrap();
        assert!(found.bears_out(1, "whatever"));
        assert!(found.bears_out(0, &format!("It writes (defects 1 and {number})")));
        assert!(!found.bears_out(0, "It does (defect 99)"));
        assert!(!found.bears_out(2, &format!("It writes (defect {number})")));
        let lines = found.json(&catalogue).unwrap();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains(&routine.id), "{}", lines[0]);
        assert!(lines[1].contains("\"id\":null"), "{}", lines[1]);
    }
}
