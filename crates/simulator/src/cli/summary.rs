//! Many runs in a few lines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::exit::Exit;
use super::failure::{self, Failures};
use super::figures;
use super::given::Given;
use super::outcome::Outcome;
use super::table::{self, Tone, numbers, words};
use crate::report::{SCHEMA_VERSION, Verdict};

/// What the runs of one scenario come to.
#[derive(Clone, Debug, Default)]
struct Row {
    name: String,
    runs: u64,
    failed: u64,
    virtual_micros: u64,
    faults: u64,
    calls: u64,
    effects: u64,
    verdict: Option<String>,
    first_failed: Option<u64>,
}

/// What all runs come to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    rows: Vec<Row>,
    /// How often each situation was reached, and in how many runs.
    marks: BTreeMap<String, (u64, u64)>,
    /// The failed runs.
    pub failures: Failures,
    /// The worst of the runs' exits.
    pub worst: Exit,
}

/// All runs together, for programs.
#[derive(Debug, Serialize)]
struct Total<'a> {
    schema_version: u32,
    kind: &'static str,
    commit: &'a str,
    scenarios: usize,
    runs: u64,
    failed: u64,
    virtual_micros: u64,
    wall_micros: u64,
    faults: u64,
    calls: u64,
    effects: u64,
    exit_code: u8,
    failures: Vec<Failure<'a>>,
}

/// Runs that failed alike, for programs.
#[derive(Debug, Serialize)]
pub struct Failure<'a> {
    scenario: &'a str,
    verdict: Verdict,
    oracle: &'a str,
    runs: u64,
    first_seed: u64,
    command: String,
}

impl Summary {
    /// Nothing has run yet of these scenarios.
    pub fn new(givens: &[std::sync::Arc<Given>]) -> Summary {
        let row = |name: &String| Row {
            name: name.clone(),
            ..Row::default()
        };
        Summary {
            rows: givens.iter().map(|given| row(&given.name)).collect(),
            ..Summary::default()
        }
    }

    /// Adds a run; true if it failed in a new way.
    pub fn add(&mut self, outcome: &Outcome) -> bool {
        let report = &outcome.report;
        if let Some(row) = self.rows.get_mut(outcome.job.place) {
            row.runs += 1;
            row.virtual_micros += report.virtual_micros;
            row.faults += report.faults;
            row.calls += report.calls;
            row.effects += report.effects;
            if !outcome.passed() {
                row.failed += 1;
                row.verdict.get_or_insert_with(|| outcome.verdict());
                row.first_failed.get_or_insert(report.seed);
            }
        }
        for (mark, times) in &report.marks {
            let entry = self.marks.entry(mark.clone()).or_default();
            entry.0 += times;
            entry.1 += u64::from(*times > 0);
        }
        self.worst = self.worst.max(outcome.exit);
        !outcome.passed() && self.failures.add(outcome)
    }

    /// How many runs there were.
    pub fn runs(&self) -> u64 {
        self.rows.iter().map(|row| row.runs).sum()
    }

    /// How many runs of the scenario at that place there were, and how many failed.
    pub fn of(&self, place: usize) -> (u64, u64) {
        self.rows
            .get(place)
            .map_or((0, 0), |row| (row.runs, row.failed))
    }

    /// The exit of a command that ran all this.
    pub fn exit(&self) -> Exit {
        if self.runs() == 0 {
            Exit::NothingRan
        } else {
            self.worst
        }
    }

    fn sum(&self, part: impl Fn(&Row) -> u64) -> u64 {
        self.rows.iter().map(part).sum()
    }

    /// One row per scenario.
    pub fn table(&self, for_people: bool) -> String {
        let columns = [
            words("scenario"),
            numbers("seeds"),
            numbers("virtual time"),
            numbers("faults injected"),
            numbers("effects"),
            words("verdict"),
        ];
        let rows: Vec<_> = self.rows.iter().map(Row::cells).collect();
        table::render(&columns, &rows, for_people)
    }

    /// One row per interesting situation.
    pub fn marks(&self, for_people: bool) -> String {
        let columns = [words("situation"), numbers("times"), numbers("runs")];
        let row = |(mark, (times, runs)): (&String, &(u64, u64))| {
            let tone = if *times == 0 { Tone::Bad } else { Tone::Plain };
            (
                tone,
                vec![mark.clone(), figures::count(*times), figures::count(*runs)],
            )
        };
        let rows: Vec<_> = self.marks.iter().map(row).collect();
        table::render(&columns, &rows, for_people)
    }

    /// One line over everything.
    pub fn totals(&self, wall: Duration) -> String {
        let virtual_time = self.sum(|row| row.virtual_micros);
        let scenarios = self.rows.iter().filter(|row| row.runs > 0).count();
        format!(
            "{} runs of {scenarios} scenarios in {}: {} seeds/s, {} of virtual time ({} x real \
             time), {} calls, {} faults, {} failed",
            figures::count(self.runs()),
            figures::time(wall),
            figures::rate(self.runs(), wall),
            figures::years(virtual_time),
            figures::rate(virtual_time / 1_000_000, wall),
            figures::count(self.sum(|row| row.calls)),
            figures::count(self.sum(|row| row.faults)),
            figures::count(self.failures.count()),
        )
    }

    /// One line per kind of failure.
    pub fn kinds(&self) -> Vec<String> {
        let kinds = self.failures.groups.iter().map(|group| {
            format!(
                "{} x {} in {}, first with seed {}",
                group.count,
                group.first.verdict(),
                group.first.job.given.name,
                group.first.job.seed
            )
        });
        kinds.collect()
    }

    /// The failed runs for programs, those that failed alike together.
    pub fn alike(&self) -> Vec<Failure<'_>> {
        let groups = self.failures.groups.iter();
        let failures = groups.map(|group| Failure {
            scenario: &group.first.job.given.name,
            verdict: group.first.report.verdict,
            oracle: group.first.oracle(),
            runs: group.count,
            first_seed: group.first.job.seed,
            command: failure::command(&group.first.job),
        });
        failures.collect()
    }

    /// Everything as one line of JSON.
    ///
    /// # Errors
    /// Never: it holds nothing that JSON cannot.
    pub fn json(&self, commit: &str, wall: Duration, exit: Exit) -> serde_json::Result<String> {
        serde_json::to_string(&Total {
            schema_version: SCHEMA_VERSION,
            kind: "summary",
            commit,
            scenarios: self.rows.iter().filter(|row| row.runs > 0).count(),
            runs: self.runs(),
            failed: self.failures.count(),
            virtual_micros: self.sum(|row| row.virtual_micros),
            wall_micros: u64::try_from(wall.as_micros()).unwrap_or(u64::MAX),
            faults: self.sum(|row| row.faults),
            calls: self.sum(|row| row.calls),
            effects: self.sum(|row| row.effects),
            exit_code: exit.code(),
            failures: self.alike(),
        })
    }
}

impl Row {
    fn cells(&self) -> (Tone, Vec<String>) {
        let (tone, verdict) = match (&self.verdict, self.first_failed) {
            _ if self.runs == 0 => (Tone::Plain, "not run".to_owned()),
            (Some(verdict), Some(seed)) => (
                Tone::Bad,
                format!("{verdict} ({} failed, first seed {seed})", self.failed),
            ),
            _ => (Tone::Good, "passed".to_owned()),
        };
        let cells = vec![
            self.name.clone(),
            figures::count(self.runs),
            figures::micros(self.virtual_micros),
            figures::count(self.faults),
            figures::count(self.effects),
            verdict,
        ];
        (tone, cells)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::outcome::tests::outcome;
    use super::*;

    fn sample() -> Summary {
        let names = ["a.toml", "b.toml", "c.toml"];
        let mut summary = Summary::new(&names.map(|name| Arc::new(Given::of(name))));
        let runs = [
            (0, 1, Exit::Passed, ""),
            (1, 1, Exit::Passed, ""),
            (0, 2, Exit::Passed, ""),
            (1, 2, Exit::Safety, "S7"),
            (1, 3, Exit::Liveness, "L1"),
        ];
        for (place, seed, exit, oracle) in runs {
            let mut outcome = outcome(names[place], seed, exit, oracle);
            outcome.job.place = place;
            outcome.report.virtual_micros = 3_600_000_000;
            outcome.report.faults = 600;
            outcome.report.effects = 7;
            outcome.report.calls = 9;
            outcome
                .report
                .marks
                .insert("lost answer".to_owned(), seed - 1);
            summary.add(&outcome);
        }
        summary
    }

    #[test]
    fn the_table_has_a_row_for_every_scenario() {
        let table = anstream::adapter::strip_str(&sample().table(false)).to_string();
        let expected = [
            " scenario  seeds  virtual time  faults injected  effects  verdict",
            " a.toml        2         2h 0m            1,200       14  passed",
            " b.toml        3         3h 0m            1,800       21  \
             safety S7 (2 failed, first seed 2)",
            " c.toml        0          0.0s                0        0  not run",
        ];
        assert_eq!(table, expected.join("\n"));
    }

    #[test]
    fn the_totals_add_up() {
        let summary = sample();
        assert_eq!(
            summary.totals(Duration::from_secs(2)),
            "5 runs of 2 scenarios in 2.0s: 2.5 seeds/s, 5h 0m of virtual time (9,000 x real \
             time), 45 calls, 3,000 faults, 2 failed"
        );
        assert_eq!(summary.exit(), Exit::Safety);
        assert_eq!(Summary::new(&[]).exit(), Exit::NothingRan);
        assert_eq!(
            summary.kinds(),
            [
                "1 x safety S7 in b.toml, first with seed 2",
                "1 x liveness L1 in b.toml, first with seed 3",
            ]
        );
    }

    #[test]
    fn marks_are_summed_over_the_runs() {
        let marks = sample().marks(false);
        assert_eq!(
            marks,
            " situation    times  runs\n lost answer      4     3"
        );
    }

    #[test]
    fn programs_get_the_same_numbers() {
        let summary = sample();
        let json = summary.json("c0ffee", Duration::from_secs(2), summary.exit());
        let json: serde_json::Value =
            serde_json::from_str(&json.expect("it can be written")).expect("it is JSON");
        assert_eq!(json["kind"], "summary");
        assert_eq!((&json["runs"], &json["failed"]), (&5.into(), &2.into()));
        assert_eq!(json["exit_code"], 1);
        assert_eq!(
            json["failures"][0]["command"],
            "cargo sim run b.toml --seed 2"
        );
    }
}
