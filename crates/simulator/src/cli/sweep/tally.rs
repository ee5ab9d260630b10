//! What a sweep comes to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::exit::Exit;
use super::super::failure;
use super::super::figures;
use super::super::out::Out;
use super::super::outcome::Outcome;
use super::super::summary::Summary;
use super::super::table::{self, Tone, numbers, words};
use super::json::{self, Row};
use super::plans::Plans;
use crate::sweep::LeftOut;

/// Failures of one kind that are named; more are only counted.
const MOST_ALIKE: u64 = 10;

/// What all plans come to.
pub struct Tally {
    /// The runs.
    pub summary: Summary,
    commit: String,
    /// Plans of which not every site came up, by scenario.
    missed: BTreeMap<usize, u64>,
    /// Whether programs read it.
    json: bool,
}

/// A scenario and what there is to do.
pub struct Share<'a> {
    /// The scenario's name.
    pub name: &'a str,
    /// Its plans.
    pub plans: &'a Plans,
    /// Plans that had passed before.
    pub before: u64,
}

impl Tally {
    /// Nothing has run yet. With `json` the data is for programs.
    pub fn new(summary: Summary, json: bool) -> Tally {
        Tally {
            json,
            summary,
            commit: failure::commit(),
            missed: BTreeMap::new(),
        }
    }

    /// Adds a run, and shows it if it failed: the first one of its kind at length.
    pub fn add(&mut self, outcome: &Outcome, out: &mut Out) {
        let planned = outcome.job.plan().map_or(0, |plan| plan.points().len());
        if outcome.report.swept.reached.len() < planned {
            *self.missed.entry(outcome.job.place).or_default() += 1;
        }
        let is_news = self.summary.add(outcome);
        if outcome.passed() {
            return;
        }
        let text = if is_news {
            failure::describe(outcome, &self.commit)
        } else if self.summary.failures.alike(outcome) <= MOST_ALIKE {
            let command = failure::command(&outcome.job);
            format!("again: {} by\n{command}", outcome.verdict())
        } else {
            String::new()
        };
        if self.json {
            out.json(json::line(outcome));
        }
        match self.json {
            _ if text.is_empty() => {}
            true => out.talk(&text),
            false => out.data(&text),
        }
    }

    /// What it all came to, in one line of JSON or in several for people.
    pub fn conclude(&self, shares: &[Share<'_>], wall: Duration, exit: Exit, out: &mut Out) {
        if self.json {
            let places = shares.iter().enumerate();
            let rows: Vec<Row<'_>> = places
                .map(|(place, share)| self.row(place, share))
                .collect();
            let (runs, commit) = (&self.summary, &self.commit);
            out.json(json::summary(&rows, shares, runs, commit, wall, exit));
            return;
        }
        let for_people = out.data_is_terminal;
        out.data(&self.table(shares, for_people));
        for line in left_out(shares) {
            out.data(&line);
        }
        out.data(&self.totals(shares, wall));
    }

    fn row<'a>(&self, place: usize, share: &Share<'a>) -> Row<'a> {
        let (runs, failed) = self.summary.of(place);
        Row {
            scenario: share.name,
            sites: share.plans.sites,
            plans: share.plans.count,
            runs,
            runs_before: share.before,
            missed: self.missed.get(&place).copied().unwrap_or_default(),
            failed,
        }
    }

    /// One row per scenario.
    fn table(&self, shares: &[Share<'_>], for_people: bool) -> String {
        let columns = [
            words("scenario"),
            numbers("sites"),
            numbers("plans"),
            numbers("run"),
            numbers("run before"),
            numbers("second fault too late"),
            numbers("failed"),
        ];
        let row = |(place, share): (usize, &Share<'_>)| {
            let row = self.row(place, share);
            let tone = match row.failed {
                0 => Tone::Plain,
                _ => Tone::Bad,
            };
            let figures = [
                row.sites,
                row.plans,
                row.runs,
                row.runs_before,
                row.missed,
                row.failed,
            ];
            let cells = std::iter::once(share.name.to_owned());
            (tone, cells.chain(figures.map(figures::count)).collect())
        };
        let rows: Vec<_> = shares.iter().enumerate().map(row).collect();
        table::render(&columns, &rows, for_people)
    }

    /// One line over everything.
    fn totals(&self, shares: &[Share<'_>], wall: Duration) -> String {
        let sum = |part: fn(&Share<'_>) -> u64| figures::count(shares.iter().map(part).sum());
        format!(
            "{} plans at {} sites of {} scenarios, {} run in {}, {} before, {} failed",
            sum(|share| share.plans.count),
            sum(|share| share.plans.sites),
            figures::count(shares.len() as u64),
            figures::count(self.summary.runs()),
            figures::time(wall),
            sum(|share| share.before),
            figures::count(self.summary.failures.count()),
        )
    }
}

/// What is not tried, and why: one line per reason.
pub fn left_out(shares: &[Share<'_>]) -> Vec<String> {
    let mut all: BTreeMap<LeftOut, u64> = BTreeMap::new();
    for share in shares {
        for (reason, count) in &share.plans.left_out {
            *all.entry(*reason).or_default() += count;
        }
    }
    let lines = all.iter().filter(|(_, count)| **count > 0);
    lines
        .map(|(reason, count)| format!("not tried: {} times, {reason}", figures::count(*count)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::exit::Exit;
    use super::super::super::given::Given;
    use super::super::super::out::Color;
    use super::super::super::outcome::tests::outcome;
    use super::*;
    use crate::run::Sweeping;
    use crate::sweep::{Kind, Recorded};

    fn plans() -> Plans {
        let recorded = Recorded {
            site: "StartStream@a.near/x#1".parse().expect("a site"),
            at_micros: 0,
            repeated: false,
            news: false,
        };
        Plans::of(&[recorded], &[Kind::Hang, Kind::Stale], false)
    }

    fn ran(exit: Exit, reached: bool) -> Outcome {
        let mut outcome = outcome("a.toml", 1, exit, "S1");
        let text = "StartStream@a.near/x#1:hang";
        outcome.job.sweeping = Some(Sweeping {
            plan: Some(text.parse().expect("a plan")),
            record: false,
        });
        if reached {
            let site = "StartStream@a.near/x#1".parse().expect("a site");
            outcome.report.swept.reached.push(site);
        }
        outcome
    }

    #[test]
    fn every_scenario_has_a_row_and_all_have_a_line() {
        let plans = plans();
        let share = Share {
            name: "a.toml",
            plans: &plans,
            before: 3,
        };
        let mut tally = Tally::new(Summary::new(&[Arc::new(Given::of("a.toml"))]), false);
        let mut out = Out::new(Color::Never);
        tally.add(&ran(Exit::Passed, true), &mut out);
        tally.add(&ran(Exit::Passed, false), &mut out);
        let table = tally.table(std::slice::from_ref(&share), false);
        let expected = [
            " scenario  sites  plans  run  run before  second fault too late  failed",
            " a.toml        1      1    2           3                      1       0",
        ];
        assert_eq!(table, expected.join("\n"));
        assert_eq!(
            tally.totals(std::slice::from_ref(&share), Duration::from_secs(2)),
            "1 plans at 1 sites of 1 scenarios, 2 run in 2.0s, 3 before, 0 failed"
        );
        assert_eq!(
            left_out(&[share]),
            ["not tried: 1 times, old answers exist for reads alone"]
        );
    }

    #[test]
    fn a_failed_plan_ends_with_the_command_that_repeats_it() {
        let failed = ran(Exit::Safety, true);
        let text = failure::describe(&failed, "c0ffee");
        assert!(text.contains("StartStream@a.near/x#1:hang"), "{text}");
        assert_eq!(
            text.lines().last(),
            Some("cargo sim sweep a.toml --seed 1 --plan 'StartStream@a.near/x#1:hang'")
        );
    }
}
