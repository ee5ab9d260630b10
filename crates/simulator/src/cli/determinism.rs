//! One seed, one run: today, in another process, alone or among many.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::args;
use super::exit::Exit;
use super::given::Given;
use super::out::{green, red};
use super::outcome::{Job, Outcome};
use super::pool::Pool;
use super::{Context, failure};
use crate::report::RunReport;

/// Runs each seed twice, alone and beside others, and compares every byte.
pub fn run(arguments: &args::Determinism, context: &mut Context) -> Exit {
    let givens = match context.load(&arguments.scenarios) {
        Ok(givens) => givens,
        Err(exit) => return exit,
    };
    let pool = match context.pool(&arguments.pace) {
        Ok(pool) => pool,
        Err(exit) => return exit,
    };
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            context
                .out
                .error(&format!("there is no place for traces: {error}"));
            return Exit::Harness;
        }
    };
    let jobs = plan(&givens, arguments, folder.path());
    if jobs.is_empty() {
        context.out.error("there was nothing to run");
        return Exit::NothingRan;
    }
    let mut worst = Exit::Passed;
    // Traces are large: only those of one batch lie on the disk.
    for batch in jobs.chunks(pool.jobs() * 2) {
        worst = worst.max(compare_batch(batch, &pool, context));
        if context.stop.is_interrupted() {
            context.out.talk("interrupted");
            return Exit::Interrupted;
        }
    }
    if worst == Exit::Passed {
        let count = jobs.len();
        context
            .out
            .data(&format!("{count} seeds ran twice, the same both times"));
    }
    worst
}

/// All runs, each with a place for its trace.
fn plan(givens: &[Arc<Given>], arguments: &args::Determinism, folder: &Path) -> Vec<Job> {
    let mut jobs = Vec::new();
    for given in givens {
        for number in 0..arguments.seeds {
            let place = jobs.len();
            jobs.push(Job {
                given: Arc::clone(given),
                place,
                seed: arguments.start_seed.wrapping_add(number),
                trace_to: Some(folder.join(format!("{place}.first"))),
                crash: None,
                sweeping: None,
            });
        }
    }
    jobs
}

fn compare_batch(batch: &[Job], pool: &Pool, context: &mut Context) -> Exit {
    let mut beside = BTreeMap::new();
    let mut rest = batch.iter();
    pool.each(
        || rest.next().cloned(),
        |outcome| {
            beside.insert(outcome.job.place, outcome);
            ControlFlow::Continue(())
        },
    );
    let mut worst = Exit::Passed;
    for job in batch {
        let trace_to = job
            .trace_to
            .as_ref()
            .map(|path| path.with_extension("second"));
        let again = Job {
            trace_to,
            ..job.clone()
        };
        let Some(second) = pool.alone().run(again) else {
            return Exit::Interrupted;
        };
        let Some(first) = beside.get(&job.place) else {
            return Exit::Interrupted;
        };
        worst = worst.max(judge(first, &second, context));
        for path in [&first.job.trace_to, &second.job.trace_to]
            .into_iter()
            .flatten()
        {
            // A file that cannot be removed goes with its folder.
            let _ = std::fs::remove_file(path);
        }
    }
    worst
}

/// Compares two runs of one seed.
fn judge(first: &Outcome, second: &Outcome, context: &mut Context) -> Exit {
    let out = &mut context.out;
    let name = format!("{} with seed {}", first.report.scenario, first.report.seed);
    for outcome in [first, second] {
        if matches!(outcome.exit, Exit::Harness | Exit::OutOfTime | Exit::Usage) {
            out.data(&failure::describe(outcome, &failure::commit()));
            return outcome.exit;
        }
    }
    let difference = match (&first.job.trace_to, &second.job.trace_to) {
        (Some(one), Some(other)) => first_difference(one, other),
        _ => Ok(None),
    };
    let difference = match difference {
        Ok(difference) => difference,
        Err(error) => {
            out.error(&format!("the traces of {name} cannot be compared: {error}"));
            return Exit::Harness;
        }
    };
    if difference.is_none() && replayed(&first.report) == replayed(&second.report) {
        out.data(&format!(
            "{}  {}  {name}",
            green("same"),
            first.report.trace_hash
        ));
        return Exit::Passed;
    }
    let mut lines = vec![
        format!("{} {name}", red("DIFFERENT")),
        format!("  hash beside others  {}", first.report.trace_hash),
        format!("  hash alone          {}", second.report.trace_hash),
    ];
    match difference {
        Some(difference) => lines.extend([
            format!("  first difference in line {}", difference.line),
            format!("    beside others  {}", difference.one),
            format!("    alone          {}", difference.other),
        ]),
        None => lines.push("  the traces are the same, the reports are not".to_owned()),
    }
    lines.push("  repeat with".to_owned());
    let name = failure::quoted(&first.job.given.name);
    lines.push(format!(
        "cargo sim determinism {name} --start-seed {}",
        first.report.seed
    ));
    out.data(&lines.join("\n"));
    Exit::Nondeterminism
}

/// The part of a report that follows from scenario and seed.
fn replayed(report: &RunReport) -> RunReport {
    RunReport {
        cpu_micros: 0,
        ..report.clone()
    }
}

/// Where two texts part.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Difference {
    /// The line, from 1.
    line: u64,
    one: String,
    other: String,
}

/// The first line in which two files differ.
fn first_difference(one: &Path, other: &Path) -> io::Result<Option<Difference>> {
    let mut one = BufReader::with_capacity(1 << 16, File::open(one)?);
    let mut other = BufReader::with_capacity(1 << 16, File::open(other)?);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for line in 1.. {
        left.clear();
        right.clear();
        let ended = one.read_until(b'\n', &mut left)? == 0;
        let both_ended = other.read_until(b'\n', &mut right)? == 0 && ended;
        if left != right {
            let shown = |bytes: &[u8]| match bytes {
                [] => "(the end)".to_owned(),
                bytes => String::from_utf8_lossy(bytes).trim_end().to_owned(),
            };
            return Ok(Some(Difference {
                line,
                one: shown(&left),
                other: shown(&right),
            }));
        }
        if both_ended {
            break;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(one: &str, other: &str) -> Option<Difference> {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = [folder.path().join("one"), folder.path().join("other")];
        std::fs::write(&paths[0], one).expect("a file");
        std::fs::write(&paths[1], other).expect("a file");
        first_difference(&paths[0], &paths[1]).expect("they can be read")
    }

    #[test]
    fn finds_the_first_line_that_differs() {
        assert_eq!(difference("", ""), None);
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let found = difference("a\nb\nc\n", "a\nx\nc\n");
        let expected = Difference {
            line: 2,
            one: "b".to_owned(),
            other: "x".to_owned(),
        };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn a_text_that_ends_early_differs_there() {
        let found = difference("a\n", "a\nb\n").expect("they differ");
        assert_eq!(
            (found.line, &*found.one, &*found.other),
            (2, "(the end)", "b")
        );
        assert!(difference("a\nb\n", "a\n").is_some());
    }
}
