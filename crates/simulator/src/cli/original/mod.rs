//! The original's logic in all scenarios: which defects it has.

pub mod args;
mod catalogue;
mod found;
mod page;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Context;
use super::exit::Exit;
use super::failure;
use super::given::Given;
use super::outcome::{Job, Outcome};
use super::pool::Pool;
use super::progress::Progress;
use super::summary::Summary;
use super::table::{self, Tone, numbers, words};
use crate::report::Logic;
use args::{Form, Original};
use catalogue::{Catalogue, Defect};
use found::Found;

/// Runs scenarios with the original's logic and says which defects showed.
pub fn command(arguments: &Original, context: &mut Context) -> Exit {
    let catalogue = match Catalogue::own() {
        Ok(catalogue) => catalogue,
        Err(message) => {
            context.out.error(&message);
            return Exit::Harness;
        }
    };
    if arguments.known {
        recorded(arguments, &catalogue, context)
    } else {
        campaign(arguments, &catalogue, context)
    }
}

/// Repeats the run that is named with each defect.
fn recorded(arguments: &Original, catalogue: &Catalogue, context: &mut Context) -> Exit {
    let paths: Vec<_> = catalogue
        .defects
        .iter()
        .map(|defect| defect.given().name.into())
        .collect();
    let ready = context
        .load(&paths)
        .and_then(|givens| Ok((givens, context.pool(&arguments.pace)?)));
    let (givens, pool) = match ready {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    let givens = under(&givens);
    let runs: BTreeSet<(usize, u64)> = catalogue
        .defects
        .iter()
        .filter_map(|defect| {
            let name = defect.given().name;
            let place = givens.iter().position(|given| given.name == name)?;
            Some((place, defect.seed))
        })
        .collect();
    let jobs = runs.into_iter().filter_map(|(place, seed)| {
        let given = givens.get(place)?;
        Some(job(given, place, seed))
    });
    let (found, failed) = run(jobs.collect(), &givens, &pool, catalogue, context);
    if let Some(exit) = failed {
        return exit;
    }
    let missing = missing(catalogue, &found.1);
    show(arguments.output, catalogue, &found.0, context);
    for defect in &missing {
        context.out.error(&format!(
            "{} does not show any more: {}",
            defect.id,
            page::command(defect)
        ));
    }
    if missing.is_empty() {
        Exit::Passed
    } else {
        Exit::Harness
    }
}

/// The defects that their own runs do not show.
fn missing<'a>(catalogue: &'a Catalogue, outcomes: &[Outcome]) -> Vec<&'a Defect> {
    let shows = |defect: &Defect| {
        let name = defect.given().name;
        let mut own = outcomes
            .iter()
            .filter(|outcome| outcome.job.given.name == name && outcome.job.seed == defect.seed);
        own.any(|outcome| {
            found::violations(outcome).any(|violation| {
                let place = catalogue.place_of(&name, violation);
                place
                    .and_then(|place| catalogue.defects.get(place))
                    .is_some_and(|shown| shown.id == defect.id)
            })
        })
    };
    catalogue
        .defects
        .iter()
        .filter(|defect| !shows(defect))
        .collect()
}

/// Runs every scenario with every seed.
fn campaign(arguments: &Original, catalogue: &Catalogue, context: &mut Context) -> Exit {
    let ready = context
        .load(&arguments.scenarios)
        .and_then(|givens| Ok((givens, context.pool(&arguments.pace)?)));
    let (givens, pool) = match ready {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    let givens = under(&givens);
    let jobs = (0..arguments.seeds).flat_map(|round| {
        let seed = arguments.start_seed.wrapping_add(round);
        let jobs = givens.iter().enumerate();
        jobs.map(move |(place, given)| job(given, place, seed))
    });
    let (found, failed) = run(jobs.collect(), &givens, &pool, catalogue, context);
    if let Some(exit) = failed {
        return exit;
    }
    show(arguments.output, catalogue, &found.0, context);
    if arguments.output == Form::Table {
        unproven(&givens, &found.0, context);
    }
    if found.0.runs == 0 {
        return Exit::NothingRan;
    }
    Exit::Passed
}

fn under(givens: &[Arc<Given>]) -> Vec<Arc<Given>> {
    let under = |given: &Arc<Given>| Arc::new(given.under(Logic::Original));
    givens.iter().map(under).collect()
}

fn job(given: &Arc<Given>, place: usize, seed: u64) -> Job {
    Job {
        given: Arc::clone(given),
        place,
        seed,
        trace_to: None,
        crash: None,
        sweeping: None,
    }
}

/// Does all jobs. A run without a verdict is an exit of its own: the simulator
/// could not judge.
fn run(
    jobs: Vec<Job>,
    givens: &[Arc<Given>],
    pool: &Pool,
    catalogue: &Catalogue,
    context: &mut Context,
) -> ((Found, Vec<Outcome>), Option<Exit>) {
    let out = &mut context.out;
    let mut progress = Progress::new(Some(jobs.len() as u64), None, out);
    let mut summary = Summary::new(givens);
    let mut found = Found::default();
    let mut outcomes = Vec::new();
    let mut failed = None;
    let mut jobs = jobs.into_iter();
    pool.each(
        || jobs.next(),
        |outcome| {
            summary.add(&outcome);
            progress.advance(&outcome, &summary, out);
            match outcome.exit {
                Exit::Passed | Exit::Safety | Exit::Liveness => found.add(catalogue, &outcome),
                exit => {
                    out.data(&failure::describe(&outcome, &failure::commit()));
                    failed = failed.max(Some(exit));
                }
            }
            outcomes.push(outcome);
            ControlFlow::Continue(())
        },
    );
    progress.finish(out);
    if context.stop.is_interrupted() {
        failed = Some(Exit::Interrupted);
    }
    ((found, outcomes), failed)
}

fn show(form: Form, catalogue: &Catalogue, found: &Found, context: &mut Context) {
    let out = &mut context.out;
    match form {
        Form::Json => match found.json(catalogue) {
            Ok(lines) => lines.iter().for_each(|line| out.data(line)),
            Err(error) => out.error(&error.to_string()),
        },
        Form::Markdown => {
            let defects: Vec<&Defect> = found.of(catalogue).iter().map(|(it, _)| *it).collect();
            let page = page::render(&defects, &catalogue.unseen);
            out.data(page.trim_end());
        }
        Form::Table => {
            let for_people = out.data_is_terminal;
            out.data(&rows(catalogue, found, for_people));
            let known = found.of(catalogue);
            let known = known.iter().filter(|(it, _)| it.known.is_some()).count();
            out.data(&format!(
                "{} runs showed {} defects: {known} known from production, {} found here, and {} \
                 kinds of violation that no entry accounts for",
                found.runs,
                found.defects.len() + found.strange.len(),
                found.defects.len() - known,
                found.strange.len()
            ));
        }
    }
}

fn rows(catalogue: &Catalogue, found: &Found, for_people: bool) -> String {
    let columns = [
        words("oracle"),
        words("defect"),
        words("known"),
        numbers("runs"),
        words("see it with"),
    ];
    let row = |oracle: &str, what: String, known: String, seen: &found::Seen| {
        let cells = [
            oracle.to_owned(),
            what,
            known,
            seen.runs.to_string(),
            failure::command(&seen.job),
        ];
        (Tone::Plain, cells.to_vec())
    };
    let mut rows: Vec<_> = found
        .of(catalogue)
        .into_iter()
        .map(|(defect, seen)| {
            let known = defect.known.map_or("new".to_owned(), |it| it.to_string());
            row(&seen.violation.oracle, defect.title.clone(), known, seen)
        })
        .collect();
    rows.extend(found.strange.values().map(|seen| {
        let what = seen.violation.sentence.clone();
        let (_, mut cells) = row(&seen.violation.oracle, what, "?".to_owned(), seen);
        cells.truncate(5);
        (Tone::Bad, cells)
    }));
    table::render(&columns, &rows, for_people)
}

/// Says which scenarios claim to be red with the original's logic and showed
/// nothing that not every run shows.
fn unproven(givens: &[Arc<Given>], found: &Found, context: &mut Context) {
    for (place, given) in givens.iter().enumerate() {
        let Ok(scenario) = given.load() else {
            continue;
        };
        if let Some(claim) = scenario.original
            && !found.bears_out(place, &claim)
        {
            context.out.data(&format!(
                "{}: these seeds show nothing beyond what every run shows; it claims: {claim}",
                given.name
            ));
        }
    }
}
