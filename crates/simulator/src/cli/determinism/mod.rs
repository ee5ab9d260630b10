//! One seed, one run: today, in another process and environment, alone or among
//! many, first in its process or not.

pub mod args;
mod difference;
mod leaks;
mod variation;

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::exit::Exit;
use super::given::Given;
use super::out::{green, red};
use super::outcome::{Job, Outcome};
use super::pool::Pool;
use super::{Context, failure};
use crate::leaks::PlantedLeak;
use crate::report::RunReport;
use difference::Difference;
use variation::Variation;

/// A run of a seed, and how it differs from others of the same seed.
#[derive(Clone, Copy)]
struct Repetition<'a> {
    /// What is planted.
    leak: Option<&'static PlantedLeak>,
    /// What is different about it; nothing if it is the first.
    variation: Option<Variation>,
    /// Where it may be, and where its trace goes.
    folder: &'a Path,
}

impl Repetition<'_> {
    /// Runs it; nothing comes of it if all is to end.
    fn run(self, pool: &Pool, job: Job) -> Option<Outcome> {
        let mut words = Vec::new();
        if let Some(leak) = self.leak {
            words.extend(["--leak".into(), leak.name.into()]);
        }
        let Some(variation) = self.variation else {
            return pool.run_as(job, &words, |_| {});
        };
        words.extend(variation.words(self.folder));
        let trace_to = job
            .trace_to
            .as_ref()
            .map(|path| path.with_extension(format!("{variation:?}")));
        let job = Job { trace_to, ..job };
        pool.run_as(job, &words, |command| {
            variation.change(command, self.folder);
        })
    }
}

/// Runs each seed twice, alone and beside others, and compares every byte.
pub fn run(arguments: &args::Determinism, context: &mut Context) -> Exit {
    if arguments.leaks {
        return leaks::hunt(arguments, context);
    }
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
    let base = Repetition {
        leak: arguments.leak,
        variation: None,
        folder: folder.path(),
    };
    let mut worst = Exit::Passed;
    // Traces are large: only those of one batch lie on the disk.
    for batch in jobs.chunks(pool.jobs() * 2) {
        worst = worst.max(compare_batch(batch, base, &pool, context));
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
                trace_to: Some(folder.join(format!("{place}.first"))),
                ..Job::plain(
                    Arc::clone(given),
                    place,
                    arguments.start_seed.wrapping_add(number),
                )
            });
        }
    }
    jobs
}

fn compare_batch(batch: &[Job], base: Repetition, pool: &Pool, context: &mut Context) -> Exit {
    let mut beside = BTreeMap::new();
    let mut rest = batch.iter();
    pool.each_with(
        |pool, job| base.run(pool, job),
        || rest.next().cloned(),
        |outcome| {
            beside.insert(outcome.job.place, outcome);
            ControlFlow::Continue(())
        },
    );
    let again = Repetition {
        variation: Some(Variation::Everything),
        ..base
    };
    let mut worst = Exit::Passed;
    for job in batch {
        let Some(second) = again.run(&pool.alone(), job.clone()) else {
            return Exit::Interrupted;
        };
        let Some(first) = beside.get(&job.place) else {
            return Exit::Interrupted;
        };
        worst = worst.max(judge(first, &second, base, pool, context));
        for outcome in [first, &second] {
            remove_trace(outcome);
        }
    }
    worst
}

fn remove_trace(outcome: &Outcome) {
    if let Some(path) = &outcome.job.trace_to {
        // A file that cannot be removed goes with its folder.
        let _ = std::fs::remove_file(path);
    }
}

/// Whether a run came to nothing, so that there is nothing to compare.
fn is_broken(outcome: &Outcome) -> bool {
    matches!(outcome.exit, Exit::Harness | Exit::OutOfTime | Exit::Usage)
}

/// Compares two runs of one seed. If they differ: where their traces do, if these do.
fn compare(first: &Outcome, second: &Outcome) -> io::Result<Option<Option<Difference>>> {
    let difference = match (&first.job.trace_to, &second.job.trace_to) {
        (Some(one), Some(other)) => difference::first(one, other)?,
        _ => None,
    };
    let same = difference.is_none() && replayed(&first.report) == replayed(&second.report);
    Ok((!same).then_some(difference))
}

/// Says what comes of comparing two runs of one seed.
fn judge(
    first: &Outcome,
    second: &Outcome,
    base: Repetition,
    pool: &Pool,
    context: &mut Context,
) -> Exit {
    let out = &mut context.out;
    let name = format!("{} with seed {}", first.report.scenario, first.report.seed);
    for outcome in [first, second] {
        if is_broken(outcome) {
            out.data(&failure::describe(outcome, &failure::commit()));
            return outcome.exit;
        }
    }
    let difference = match compare(first, second) {
        Ok(Some(difference)) => difference,
        Ok(None) => {
            out.data(&format!(
                "{}  {}  {name}",
                green("same"),
                first.report.trace_hash
            ));
            return Exit::Passed;
        }
        Err(error) => {
            out.error(&format!("the traces of {name} cannot be compared: {error}"));
            return Exit::Harness;
        }
    };
    let mut lines = vec![
        format!("{} {name}", red("DIFFERENT")),
        format!("  hash of the first run   {}", first.report.trace_hash),
        format!("  hash of the second run  {}", second.report.trace_hash),
    ];
    match difference {
        Some(difference) => lines.extend(difference.lines(["the first run", "the second run"])),
        None => lines.push("  the traces are the same, the reports are not".to_owned()),
    }
    if let Some(variation) = cause(first, base, pool) {
        lines.push(format!("  it differs {}", variation.name()));
    }
    lines.push("  repeat with".to_owned());
    let name = failure::quoted(&first.job.given.name);
    let leak = base.leak.map(|leak| format!(" --leak {}", leak.name));
    lines.push(format!(
        "cargo sim determinism {name} --start-seed {}{}",
        first.report.seed,
        leak.unwrap_or_default()
    ));
    out.data(&lines.join("\n"));
    Exit::Nondeterminism
}

/// The least that has to be different for a run to differ from `first`; nothing is
/// said if the difference does not come again.
fn cause(first: &Outcome, base: Repetition, pool: &Pool) -> Option<Variation> {
    let job = Job {
        trace_to: None,
        ..first.job.clone()
    };
    Variation::ALL.into_iter().find(|variation| {
        let again = Repetition {
            variation: Some(*variation),
            ..base
        };
        let outcome = again.run(pool, job.clone());
        let differs = |other: Outcome| replayed(&other.report) != replayed(&first.report);
        outcome.is_some_and(|outcome| !is_broken(&outcome) && differs(outcome))
    })
}

/// The part of a report that follows from scenario and seed.
fn replayed(report: &RunReport) -> RunReport {
    RunReport {
        cpu_micros: 0,
        ..report.clone()
    }
}
