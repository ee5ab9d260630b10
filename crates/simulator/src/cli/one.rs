//! One run, and all about it.

use std::sync::Arc;
use std::time::Duration;

use super::args::{Pace, Run};
use super::exit::Exit;
use super::given::Given;
use super::out::{green, red};
use super::outcome::{Job, Outcome};
use super::table::{self, Tone, numbers, words};
use super::{Context, built_in, failure, figures};
use crate::planted;
use crate::report::{BlockTally, RunReport};

/// Heights of one indexer that are shown.
const SHOWN: usize = 12;

/// Runs one scenario with one seed.
pub fn run(arguments: &Run, context: &mut Context) -> Exit {
    let given = Given {
        name: arguments
            .scenario
            .clone()
            .unwrap_or_else(|| built_in::CRASHES.to_owned()),
        blocks: arguments.blocks.clone(),
        registry: arguments.registry.clone(),
        sets: arguments.set.clone(),
        planted: arguments.planted.clone(),
        coordinator: arguments.coordinator,
        ..Given::default()
    };
    let wanted = Wanted {
        seed: arguments.seed,
        trace: arguments.trace,
        json: arguments.json,
        limit: arguments.limit,
    };
    play(given, &wanted, context)
}

/// How a scenario is to be run once.
pub struct Wanted {
    /// The seed.
    pub seed: u64,
    /// Whether everything that happens is printed.
    pub trace: bool,
    /// Whether the report is printed as JSON.
    pub json: bool,
    /// Real time after which the run is given up.
    pub limit: Duration,
}

/// Runs `given` once and shows what came of it.
pub fn play(given: Given, wanted: &Wanted, context: &mut Context) -> Exit {
    let planted = match given.planted.as_deref().map(marked).transpose() {
        Ok(planted) => planted,
        Err(message) => {
            context.out.error(&message);
            return Exit::Usage;
        }
    };
    let has_data = match given.load_for(wanted.seed) {
        Ok(scenario) => scenario.data.blocks.is_some() || scenario.data.registry.is_some(),
        Err(found) => {
            context.out.diagnostics(&found);
            return Exit::Usage;
        }
    };
    let pool = match context.pool(&Pace {
        jobs: None,
        limit: wanted.limit,
    }) {
        Ok(pool) => pool,
        Err(exit) => return exit,
    };
    let folder = match wanted.trace.then(tempfile::tempdir).transpose() {
        Ok(folder) => folder,
        Err(error) => {
            context
                .out
                .error(&format!("there is no place for the trace: {error}"));
            return Exit::Harness;
        }
    };
    let trace_to = folder.as_ref().map(|folder| folder.path().join("trace"));
    let job = Job {
        given: Arc::new(given),
        place: 0,
        seed: wanted.seed,
        trace_to,
        crash: None,
        sweeping: None,
    };
    let Some(outcome) = pool.run(job) else {
        context.out.talk("interrupted");
        return Exit::Interrupted;
    };
    if let Some(mark) = &planted {
        context.out.talk(mark);
    }
    show(&outcome, has_data, wanted.json, context);
    outcome.exit
}

/// A line that says that what follows is no fault of the product.
pub fn marked(name: &str) -> Result<String, String> {
    let bug = planted::find(name).ok_or_else(|| {
        format!("there is no planted bug `{name}`; `cargo sim planted --list` names them all")
    })?;
    let mark = red("a bug is planted");
    Ok(format!("{mark}: {name}: {}", bug.idea))
}

fn show(outcome: &Outcome, has_data: bool, json: bool, context: &mut Context) {
    let out = &mut context.out;
    if let Some(path) = outcome.job.trace_to.as_ref().filter(|path| path.exists())
        && let Err(error) = out.file(path)
    {
        out.error(&format!("the trace cannot be read: {error}"));
    }
    let text = if outcome.passed() {
        describe(&outcome.report)
    } else {
        failure::describe(outcome, &failure::commit())
    };
    if json {
        match serde_json::to_string(&outcome.report) {
            Ok(line) => out.data(&line),
            Err(error) => out.error(&error.to_string()),
        }
        if !outcome.passed() {
            out.talk(&text);
        }
        return;
    }
    if has_data {
        let for_people = out.data_is_terminal;
        out.data(&blocks(&outcome.report, for_people));
    }
    out.data(&text);
}

/// All about a run that passed.
fn describe(report: &RunReport) -> String {
    let cpu = report.cpu_micros as f64;
    let speed = figures::ratio(report.virtual_micros as f64, cpu);
    let calls = figures::ratio(report.calls as f64 * 1e6, cpu);
    let head = format!(
        "{} {} with seed {}",
        green("passed"),
        report.scenario,
        report.seed
    );
    let rows = [
        ("hash", report.trace_hash.clone()),
        (
            "lasted",
            format!(
                "{} ({speed} x real time)",
                figures::micros(report.virtual_micros)
            ),
        ),
        (
            "calls",
            format!("{} ({calls} per CPU-second)", figures::count(report.calls)),
        ),
        ("effects", figures::count(report.effects)),
        ("faults", figures::count(report.faults)),
        ("events", figures::count(report.events)),
    ];
    let rows = rows.map(|(name, value)| format!("  {name:<8}  {value}"));
    let mut text = format!("{head}\n{}", rows.join("\n"));
    if !report.excused.is_empty() {
        text.push_str("\n  broken for good, and said to be so");
    }
    for sentence in &report.excused {
        text.push_str(&format!("\n    {sentence}"));
    }
    text
}

/// Which blocks matched which indexer, and what became of them.
fn blocks(report: &RunReport, for_people: bool) -> String {
    let columns = [
        words("indexer"),
        numbers("matched blocks"),
        numbers("executed"),
        words("heights"),
        words("all executed"),
    ];
    let (some, none): (Vec<_>, Vec<_>) = report
        .blocks
        .iter()
        .partition(|(_, tally)| tally.matched > 0 || tally.executed > 0);
    let rows: Vec<_> = some
        .into_iter()
        .map(|(name, tally)| row(name, tally))
        .collect();
    let mut text = table::render(&columns, &rows, for_people);
    if !none.is_empty() {
        let names: Vec<&str> = none
            .iter()
            .take(SHOWN)
            .map(|(name, _)| name.as_str())
            .collect();
        let more = if none.len() > SHOWN { ", ..." } else { "" };
        text.push_str(&format!("\nno block matched: {}{more}", names.join(", ")));
    }
    text
}

fn row(name: &str, tally: &BlockTally) -> (Tone, Vec<String>) {
    let all = tally.executed >= tally.matched
        && tally.first_matched.iter().all(|height| {
            tally.first_executed.contains(height)
                || tally.first_executed.last().is_none_or(|last| last < height)
        });
    let heights: Vec<String> = tally
        .first_matched
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    let more = if tally.matched as usize > heights.len() {
        " ..."
    } else {
        ""
    };
    let cells = vec![
        name.to_owned(),
        figures::count(tally.matched),
        figures::count(tally.executed),
        format!("{}{more}", heights.join(" ")),
        if all {
            "yes".to_owned()
        } else {
            "NO".to_owned()
        },
    ];
    (if all { Tone::Plain } else { Tone::Bad }, cells)
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::outcome;
    use super::*;

    fn tally(matched: &[u64], executed: &[u64]) -> BlockTally {
        BlockTally {
            matched: matched.len() as u64,
            executed: executed.len() as u64,
            executions: executed.len() as u64,
            first_matched: matched.to_vec(),
            first_executed: executed.to_vec(),
        }
    }

    #[test]
    fn shows_which_blocks_matched_and_whether_all_were_executed() {
        let mut report = outcome("x.toml", 1, Exit::Passed, "").report;
        for (name, tally) in [
            ("a.near/good", tally(&[7, 9], &[7, 9])),
            ("b.near/lost", tally(&[7, 9], &[7])),
            ("b.near/other", tally(&[7], &[8])),
            ("c.near/none", tally(&[], &[])),
        ] {
            report.blocks.insert(name.to_owned(), tally);
        }
        let text = anstream::adapter::strip_str(&blocks(&report, false)).to_string();
        let expected = [
            " indexer       matched blocks  executed  heights  all executed",
            " a.near/good                2         2  7 9      yes",
            " b.near/lost                2         1  7 9      NO",
            " b.near/other               1         1  7        NO",
            "no block matched: c.near/none",
        ];
        assert_eq!(text, expected.join("\n"));
    }

    #[test]
    fn a_passed_run_shows_its_hash_and_speed() {
        let mut report = outcome("x.toml", 1, Exit::Passed, "").report;
        report.trace_hash = "abc".to_owned();
        report.virtual_micros = 4_200_000_000;
        report.cpu_micros = 200_000;
        report.calls = 100_000;
        let text = describe(&report);
        assert!(text.contains("hash      abc"), "{text}");
        assert!(
            text.contains("lasted    1h 10m (21,000 x real time)"),
            "{text}"
        );
        assert!(
            text.contains("calls     100,000 (500,000 per CPU-second)"),
            "{text}"
        );
    }
}
