//! Marks added up over runs, and what that says of each of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::failure;
use super::super::outcome::{Job, Outcome};
use crate::marks::{self, Entry, Family, Kind, Rarity, VIOLATED};

/// How often a mark was reached, and where first.
#[derive(Clone, Debug)]
struct Reached {
    times: u64,
    runs: u64,
    /// In the order in which runs begin, not in which they end.
    first: ((u64, usize), Job),
}

/// What is to be said of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was reached.
    Reached,
    /// It was not, and that was to be expected of so few runs.
    Rare,
    /// It was not, and cannot be.
    Infeasible,
    /// It should have been and was not.
    Missed,
    /// It was, and should not have been.
    Impossible,
    /// A condition that must hold did not.
    Violated,
    /// It is in no catalogue.
    Unknown,
    /// The baseline had it.
    Lost,
}

impl State {
    /// Whether it makes the command fail.
    pub fn is_failure(self) -> bool {
        self >= State::Missed
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            State::Reached => "reached",
            State::Rare => "rare, not reached",
            State::Infeasible => "cannot be",
            State::Missed => "NEVER REACHED",
            State::Impossible => "REACHED, BUT DECLARED IMPOSSIBLE",
            State::Violated => "DID NOT HOLD",
            State::Unknown => "IN NO CATALOGUE",
            State::Lost => "REACHED BEFORE, NOT NOW",
        }
    }
}

/// One mark in the end.
#[derive(Clone, Debug)]
pub struct Line {
    /// The mark.
    pub entry: Entry,
    /// What is to be said of it.
    pub state: State,
    /// How often it was reached.
    pub times: u64,
    /// In how many runs.
    pub runs: u64,
    /// The command that reaches it, first in the order of runs.
    pub command: Option<String>,
}

/// The marks of many runs.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    reached: BTreeMap<String, Reached>,
    runs: u64,
}

impl Tally {
    /// Adds a run; `round` is the how-manieth seed of its scenario it has.
    pub fn add(&mut self, outcome: &Outcome, round: u64) {
        self.runs += 1;
        let order = (round, outcome.job.place);
        for (name, times) in outcome.report.marks.iter().filter(|(_, times)| **times > 0) {
            let reached = self.reached.entry(name.clone()).or_insert_with(|| Reached {
                times: 0,
                runs: 0,
                first: (order, outcome.job.clone()),
            });
            reached.times += times;
            reached.runs += 1;
            if order < reached.first.0 {
                reached.first = (order, outcome.job.clone());
            }
        }
    }

    /// How many runs there were.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Every mark of the catalogue, and whatever else was reached. `seeds` is how many
    /// of each scenario ran; `baseline` what was reached earlier.
    pub fn lines(&self, seeds: u64, baseline: &BTreeSet<String>) -> Vec<Line> {
        let mut lines: Vec<Line> = marks::catalogue()
            .into_iter()
            .map(|entry| self.line(entry, seeds, baseline))
            .collect();
        let known: BTreeSet<&str> = lines.iter().map(|line| line.entry.name.as_str()).collect();
        let strange: Vec<Line> = self
            .reached
            .iter()
            .filter(|(name, _)| !known.contains(name.as_str()))
            .map(|(name, reached)| stranger(name, reached))
            .collect();
        lines.extend(strange);
        lines
    }

    fn line(&self, entry: Entry, seeds: u64, baseline: &BTreeSet<String>) -> Line {
        let reached = self.reached.get(&entry.name);
        let state = match (reached, entry.rarity) {
            (Some(_), Rarity::Infeasible { .. }) => State::Impossible,
            (Some(_), _) => State::Reached,
            (None, _) if baseline.contains(&entry.name) => State::Lost,
            (None, Rarity::Infeasible { .. }) => State::Infeasible,
            (None, Rarity::Rare { seeds: needed, .. }) if seeds < needed => State::Rare,
            (None, _) => State::Missed,
        };
        Line {
            entry,
            state,
            times: reached.map_or(0, |reached| reached.times),
            runs: reached.map_or(0, |reached| reached.runs),
            command: reached.map(|reached| failure::command(&reached.first.1)),
        }
    }
}

/// A line for something that the catalogue does not know.
fn stranger(name: &str, reached: &Reached) -> Line {
    let violated = name.ends_with(VIOLATED);
    let state = match violated {
        true => State::Violated,
        false => State::Unknown,
    };
    Line {
        entry: Entry {
            name: name.to_owned(),
            family: if violated {
                Family::Always
            } else {
                Family::Situations
            },
            kind: if violated {
                Kind::Always
            } else {
                Kind::Sometimes
            },
            sentence: String::new(),
            rarity: Rarity::Expected,
        },
        state,
        times: reached.times,
        runs: reached.runs,
        command: Some(failure::command(&reached.first.1)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::exit::Exit;
    use super::super::super::outcome::tests::outcome;
    use super::*;

    fn ran(name: &str, seed: u64, marks: &[(&str, u64)]) -> Outcome {
        let mut outcome = outcome(name, seed, Exit::Passed, "");
        let marks = marks
            .iter()
            .map(|(mark, times)| ((*mark).to_owned(), *times));
        outcome.report.marks = marks.collect();
        outcome
    }

    fn find<'a>(lines: &'a [Line], name: &str) -> &'a Line {
        lines
            .iter()
            .find(|line| line.entry.name == name)
            .expect("it is listed")
    }

    #[test]
    fn runs_add_up_and_the_first_one_in_order_is_named() {
        let mut tally = Tally::default();
        tally.add(&ran("b.toml", 2, &[("phase Running", 3)]), 1);
        tally.add(
            &ran("a.toml", 1, &[("phase Running", 2), ("phase Deleting", 0)]),
            0,
        );
        let lines = tally.lines(2, &BTreeSet::new());
        let running = find(&lines, "phase Running");
        assert_eq!(
            (running.times, running.runs, running.state),
            (5, 2, State::Reached)
        );
        assert_eq!(
            running.command.as_deref(),
            Some("cargo sim run a.toml --seed 1")
        );
        assert_eq!(find(&lines, "phase Deleting").state, State::Missed);
        assert_eq!(tally.runs(), 2);
    }

    #[test]
    fn what_nobody_knows_and_what_did_not_hold_are_failures() {
        let mut tally = Tally::default();
        let broken = format!("always: time goes forward{VIOLATED}");
        tally.add(&ran("a.toml", 1, &[("no such mark", 1), (&broken, 1)]), 0);
        let lines = tally.lines(1, &BTreeSet::new());
        assert_eq!(find(&lines, "no such mark").state, State::Unknown);
        assert_eq!(find(&lines, &broken).state, State::Violated);
        assert!(State::Unknown.is_failure() && !State::Rare.is_failure());
    }

    #[test]
    fn what_a_baseline_reached_must_be_reached_again() {
        let baseline = BTreeSet::from(["phase Running".to_owned()]);
        let lines = Tally::default().lines(1, &baseline);
        assert_eq!(find(&lines, "phase Running").state, State::Lost);
    }
}
