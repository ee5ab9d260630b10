//! Whether the check notices what it is there for: every known leak is planted in
//! turn, and has to be found.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::Context;
use super::super::exit::Exit;
use super::super::given::Given;
use super::super::outcome::{Job, Outcome};
use super::super::pool::Pool;
use super::super::table::{self, Tone, numbers, words};
use super::super::{built_in, failure};
use super::args::Determinism;
use super::difference::Difference;
use super::variation::Variation;
use super::{Repetition, compare, is_broken};
use crate::leaks::{CORPUS, PlantedLeak};

/// What came of the search for one leak.
enum Found {
    /// The first variation that shows it, and where.
    By(Variation, Option<Difference>),
    /// No variation shows it.
    Nowhere,
    /// The search failed, and why.
    Trouble(String),
}

/// Runs a small scenario with no leak, and then with each; all of them must be
/// found, and without one nothing may be.
pub(super) fn hunt(arguments: &Determinism, context: &mut Context) -> Exit {
    let pool = match context.pool(&arguments.pace) {
        Ok(pool) => pool,
        Err(exit) => return exit,
    };
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            let text = format!("there is no place for traces: {error}");
            context.out.error(&text);
            return Exit::Harness;
        }
    };
    let results = Mutex::new(BTreeMap::new());
    let given = Arc::new(Given::of(built_in::SMALL));
    let mut places = 0..=CORPUS.len();
    let next = || {
        places.next().map(|place| Job {
            trace_to: Some(folder.path().join(format!("{place}.first"))),
            ..Job::plain(Arc::clone(&given), place, arguments.start_seed)
        })
    };
    let work = |pool: &Pool, job: Job| {
        let planted = job.place.checked_sub(1).and_then(|at| CORPUS.get(at));
        let place = job.place;
        let (found, last) = search(pool, job, planted, folder.path())?;
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        results.insert(place, found);
        Some(last)
    };
    pool.each_with(work, next, |_| std::ops::ControlFlow::Continue(()));
    if context.stop.is_interrupted() {
        context.out.talk("interrupted");
        return Exit::Interrupted;
    }
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    show(&results, context)
}

/// The first variation that shows `planted`, and the last run that it took.
fn search(
    pool: &Pool,
    job: Job,
    planted: Option<&'static PlantedLeak>,
    folder: &Path,
) -> Option<(Found, Outcome)> {
    let base = Repetition {
        leak: planted,
        variation: None,
        folder,
    };
    let first = base.run(pool, job.clone())?;
    if is_broken(&first) {
        let text = failure::describe(&first, &failure::commit());
        return Some((Found::Trouble(text), first));
    }
    for variation in Variation::ALL {
        let again = Repetition {
            variation: Some(variation),
            ..base
        };
        let second = again.run(pool, job.clone())?;
        if is_broken(&second) {
            let text = failure::describe(&second, &failure::commit());
            return Some((Found::Trouble(text), second));
        }
        match compare(&first, &second) {
            Ok(None) => {}
            Ok(Some(difference)) => return Some((Found::By(variation, difference), second)),
            Err(error) => return Some((Found::Trouble(error.to_string()), second)),
        }
    }
    Some((Found::Nowhere, first))
}

fn show(results: &BTreeMap<usize, Found>, context: &mut Context) -> Exit {
    let columns = [
        words("leak"),
        words("differs"),
        numbers("event"),
        numbers("at"),
        words("one run"),
        words("the other run"),
    ];
    let mut rows = Vec::new();
    let mut missed = Vec::new();
    for (at, planted) in (1..).zip(CORPUS) {
        let mut cells = vec![planted.name.to_owned()];
        let tone = match results.get(&at) {
            Some(Found::By(variation, difference)) => {
                cells.push(variation.name().to_owned());
                if let Some(difference) = difference {
                    cells.extend([difference.event.to_string(), difference.at().to_owned()]);
                    cells.extend(difference.versions().map(str::to_owned));
                }
                Tone::Plain
            }
            other => {
                cells.push("NOT FOUND".to_owned());
                missed.push(planted.name);
                if let Some(Found::Trouble(text)) = other {
                    context.out.error(text);
                }
                Tone::Bad
            }
        };
        cells.resize(columns.len(), String::new());
        rows.push((tone, cells));
    }
    let out = &mut context.out;
    let table = table::render(&columns, &rows, out.data_is_terminal);
    out.data(&table);
    match results.get(&0) {
        Some(Found::Nowhere) => {}
        Some(Found::By(variation, difference)) => {
            let mut lines = vec![format!(
                "without any leak it differs {}, too",
                variation.name()
            )];
            if let Some(difference) = difference {
                lines.extend(difference.lines(["the first run", "the second run"]));
            }
            out.data(&lines.join("\n"));
            return Exit::Nondeterminism;
        }
        Some(Found::Trouble(text)) => {
            out.error(text);
            return Exit::Harness;
        }
        None => return Exit::Harness,
    }
    if missed.is_empty() {
        let count = CORPUS.len();
        out.data(&format!(
            "{count} leaks, all found; without one nothing differs"
        ));
        return Exit::Passed;
    }
    out.error(&format!("not found: {}", missed.join(", ")));
    Exit::Harness
}
