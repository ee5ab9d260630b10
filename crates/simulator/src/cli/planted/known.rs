//! Catches that are known, once more: a check that went missing turns this red.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::super::Context;
use super::super::args::Planted as Arguments;
use super::super::equivalence;
use super::super::exit::Exit;
use super::super::outcome::{Job, Outcome};
use super::super::pool::Pool;
use super::{caught_by, given};
use crate::planted::Planted;
use crate::planted::witness::{self, Catch};

/// Seeds from the kept one on, of which one has to show it: another build may deal
/// another hand.
const TRIES: u64 = 6;

/// Runs every kept catch of `bugs`.
pub fn run(bugs: &[&'static Planted], arguments: &Arguments, context: &mut Context) -> Exit {
    let kept = match witness::kept() {
        Ok(kept) => kept,
        Err(message) => {
            context.out.error(&message);
            return Exit::Harness;
        }
    };
    let mut catches: Vec<(&'static Planted, Catch)> = Vec::new();
    for bug in bugs {
        let caught = kept.get(bug.name).map(|witness| witness.caught.clone());
        catches.extend(
            caught
                .unwrap_or_default()
                .into_iter()
                .map(|catch| (*bug, catch)),
        );
    }
    let pool = match context.pool(&arguments.pace) {
        Ok(pool) => pool,
        Err(exit) => return exit,
    };
    let jobs: Vec<Job> = catches
        .iter()
        .enumerate()
        .map(|(place, (bug, catch))| job(place, bug, catch))
        .collect();
    let total = jobs.len();
    let mut jobs = jobs.into_iter();
    let mut missed = 0;
    let out = &mut context.out;
    pool.each_with(
        |pool, job| {
            let wanted = catches.get(job.place).map_or("", |(_, catch)| &catch.by);
            show_again(pool, job, wanted)
        },
        || jobs.next(),
        |outcome| {
            if let Some((bug, catch)) = catches.get(outcome.job.place)
                && caught_by(&outcome) != Some(&catch.by)
            {
                missed += 1;
                out.talk(&complaint(bug, catch, &outcome));
            }
            ControlFlow::Continue(())
        },
    );
    if context.stop.is_interrupted() {
        return Exit::Interrupted;
    }
    context.out.data(&format!(
        "{} of {total} known catches of {} planted bugs shown again",
        total - missed,
        bugs.len()
    ));
    if missed == 0 {
        Exit::Passed
    } else {
        Exit::Safety
    }
}

/// The file of a kept catch, from wherever it is asked for: kept paths begin at the
/// project's root.
pub fn path_of(catch: &Catch) -> PathBuf {
    let there = PathBuf::from(&catch.scenario);
    match there.is_file() {
        true => there,
        false => Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(there),
    }
}

fn job(place: usize, bug: &Planted, catch: &Catch) -> Job {
    let path = path_of(catch);
    let compared = catch.by == equivalence::ORACLE;
    Job {
        given: given(bug, &path.display().to_string(), compared),
        place,
        seed: catch.seed,
        trace_to: None,
        crash: None,
        sweeping: None,
    }
}

/// Tries seeds until the property `wanted` is violated.
fn show_again(pool: &Pool, job: Job, wanted: &str) -> Option<Outcome> {
    let mut outcome = equivalence::run(pool, job.clone())?;
    for further in 1..TRIES {
        if caught_by(&outcome) == Some(wanted) {
            break;
        }
        let seed = job.seed.wrapping_add(further);
        let job = Job {
            seed,
            ..job.clone()
        };
        outcome = equivalence::run(pool, job)?;
    }
    Some(outcome)
}

fn complaint(bug: &Planted, catch: &Catch, outcome: &Outcome) -> String {
    let Catch {
        by, scenario, seed, ..
    } = catch;
    let name = bug.name;
    format!(
        "missed: {by} no longer notices {name} in {scenario} with seed {seed} (the last of {TRIES} \
         seeds: {}); if {by} still judges what it is to judge, hunt it again and keep what is \
         found: cargo sim planted {name} -o toml",
        outcome.verdict()
    )
}
