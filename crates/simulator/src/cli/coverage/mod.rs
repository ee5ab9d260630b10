//! What many runs reached together, and what none of them did.

pub mod args;
mod render;
mod tally;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use self::args::Coverage;
use self::tally::{Line, State, Tally};
use super::Context;
use super::args::Listing;
use super::exit::Exit;
use super::failure;
use super::given::Given;
use super::outcome::Job;
use super::progress::Progress;
use super::summary::Summary;
use crate::swarm::PROFILES;

/// Runs in all if nobody says how many.
const RUNS: u64 = 2_000;
/// The largest baseline that is read, in bytes.
const BASELINE_MAX: u64 = 64 << 20;

/// What runs.
struct Plan {
    givens: Vec<Arc<Given>>,
    /// Seeds of each; without an end if not given.
    seeds: Option<u64>,
    until: Option<Duration>,
    /// Whether it is judged, not only looked at.
    judged: bool,
}

/// Does what `coverage` says.
pub fn run(arguments: &Coverage, context: &mut Context) -> Exit {
    let baseline = match &arguments.baseline {
        None => BTreeSet::new(),
        Some(path) => match read_baseline(path) {
            Ok(names) => names,
            Err(message) => {
                context.out.error(&message);
                return Exit::Usage;
            }
        },
    };
    let plan = match plan(arguments, context) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    match carry_out(&plan, arguments, context) {
        Ok((tally, rounds, worst)) => {
            conclude(&plan, arguments, &baseline, &tally, rounds, context).max(worst)
        }
        Err(exit) => exit,
    }
}

fn plan(arguments: &Coverage, context: &mut Context) -> Result<Plan, Exit> {
    let mut givens = context.load(&arguments.scenarios)?;
    let judged = arguments.scenarios.is_empty();
    if judged && !arguments.quick {
        let swarms = PROFILES
            .iter()
            .map(|profile| Given::swarm(profile, Vec::new()));
        givens.extend(swarms.map(Arc::new));
    }
    if givens.is_empty() {
        context.out.error("there was nothing to run");
        return Err(Exit::NothingRan);
    }
    let usual = RUNS.div_ceil(givens.len() as u64);
    let seeds = match (arguments.quick, arguments.seeds, arguments.time) {
        (true, ..) => Some(1),
        (_, Some(seeds), _) => Some(seeds),
        (_, None, Some(_)) => None,
        (_, None, None) => Some(usual),
    };
    Ok(Plan {
        givens,
        seeds,
        until: arguments.time,
        judged,
    })
}

/// Runs everything; returns what was reached, how many seeds every scenario had, and
/// the worst exit of a run.
fn carry_out(
    plan: &Plan,
    arguments: &Coverage,
    context: &mut Context,
) -> Result<(Tally, u64, Exit), Exit> {
    let pool = context.pool(&arguments.pace)?;
    let commit = failure::commit();
    let out = &mut context.out;
    let total = plan
        .seeds
        .map(|seeds| seeds.saturating_mul(plan.givens.len() as u64));
    let mut progress = Progress::new(total, plan.seeds, out);
    let mut summary = Summary::new(&plan.givens);
    let mut tally = Tally::default();
    let began = Instant::now();
    let (mut round, mut place) = (0, 0);
    let next = || {
        let late = plan.until.is_some_and(|until| began.elapsed() >= until);
        if late || plan.seeds.is_some_and(|seeds| round >= seeds) {
            return None;
        }
        let given = Arc::clone(plan.givens.get(place)?);
        let job = Job::plain(given, place, arguments.start_seed.wrapping_add(round));
        place += 1;
        if place == plan.givens.len() {
            (round, place) = (round + 1, 0);
        }
        Some(job)
    };
    pool.each(next, |outcome| {
        let nth = outcome.job.seed.wrapping_sub(arguments.start_seed);
        tally.add(&outcome, nth);
        if summary.add(&outcome) {
            out.talk(&failure::describe(&outcome, &commit));
        }
        progress.advance(&outcome, &summary, out);
        ControlFlow::Continue(())
    });
    progress.finish(out);
    if context.stop.is_interrupted() {
        return Err(Exit::Interrupted);
    }
    let out = &mut context.out;
    for kind in summary.kinds() {
        out.talk(&kind);
    }
    if summary.runs() == 0 {
        out.error("there was nothing to run");
        return Err(Exit::NothingRan);
    }
    let rounds = plan
        .seeds
        .unwrap_or(tally.runs() / plan.givens.len() as u64);
    Ok((tally, rounds, summary.exit()))
}

fn conclude(
    plan: &Plan,
    arguments: &Coverage,
    baseline: &BTreeSet<String>,
    tally: &Tally,
    rounds: u64,
    context: &mut Context,
) -> Exit {
    let lines = tally.lines(rounds, baseline);
    let out = &mut context.out;
    match arguments.output {
        Listing::Table => {
            let table = render::table(&lines, arguments.all, out.data_is_terminal);
            out.data(&table);
            out.data(&render::totals(&lines, tally.runs()));
        }
        Listing::Markdown => out.data(render::markdown(&lines, tally.runs()).trim_end()),
        Listing::Json => match render::json(&lines) {
            Ok(text) => out.data(text.trim_end()),
            Err(error) => {
                out.error(&error.to_string());
                return Exit::Harness;
            }
        },
    }
    let is_broken = |line: &Line| matches!(line.state, State::Violated | State::Unknown);
    if lines.iter().any(is_broken) {
        out.error("a mark is in no catalogue, or a condition of the simulator did not hold");
        return Exit::Harness;
    }
    let counts = |line: &&Line| match plan.judged {
        true => line.state.is_failure(),
        // Of a few scenarios nobody can expect everything.
        false => line.state == State::Lost,
    };
    let failed = lines.iter().filter(counts).count();
    if failed == 0 {
        return Exit::Passed;
    }
    out.error(&format!(
        "{failed} marks are not as the catalogue says: write a scenario that reaches them, or \
         say in `marks/rarity.rs` why they are rare or cannot be"
    ));
    Exit::Unreached
}

/// A line of an earlier run, as far as it matters.
#[derive(Deserialize)]
struct Earlier {
    mark: String,
    times: u64,
}

/// The marks that an earlier run reached.
fn read_baseline(path: &Path) -> Result<BTreeSet<String>, String> {
    let cannot =
        |problem: String| format!("cannot read the baseline {}: {problem}", path.display());
    let file = std::fs::File::open(path).map_err(|error| cannot(error.to_string()))?;
    let mut names = BTreeSet::new();
    for line in BufReader::new(file.take(BASELINE_MAX)).lines() {
        let line = line.map_err(|error| cannot(error.to_string()))?;
        let earlier: Earlier =
            serde_json::from_str(&line).map_err(|error| cannot(error.to_string()))?;
        if earlier.times > 0 {
            names.insert(earlier.mark);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_what_was_printed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("before.json");
        let text = render::json(&Tally::default().lines(1, &BTreeSet::new())).expect("it is JSON");
        std::fs::write(&path, &text).expect("a file");
        assert_eq!(read_baseline(&path), Ok(BTreeSet::new()));
        let reached = r#"{"mark":"phase Running","times":3}"#;
        std::fs::write(&path, reached).expect("a file");
        let names = read_baseline(&path).expect("it is sound");
        assert!(names.contains("phase Running"));
        std::fs::write(&path, "nonsense").expect("a file");
        assert!(read_baseline(&path).is_err());
    }
}
