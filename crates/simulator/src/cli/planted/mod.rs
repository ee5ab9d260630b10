//! Planted bugs: whether the judges notice them.

mod hunt;
mod known;
mod ranking;

use std::sync::Arc;

use super::Context;
use super::args::{Planted as Arguments, PlantedOutput};
use super::exit::Exit;
use super::given::{self, Given};
use super::outcome::Outcome;
use super::table::{self, Tone, words};
use crate::planted::{self, Planted, document, witness};
use hunt::Hunt;
pub use known::path_of;

/// How many of a hundred bugs must be caught.
const ENOUGH: usize = 95;

/// Does what `cargo sim planted` was asked for.
pub fn run(arguments: &Arguments, context: &mut Context) -> Exit {
    let bugs = match chosen(&arguments.names) {
        Ok(bugs) => bugs,
        Err(message) => {
            context.out.error(&message);
            return Exit::Usage;
        }
    };
    if arguments.list {
        context.out.data(&list(&bugs, context.out.data_is_terminal));
        return Exit::Passed;
    }
    if arguments.known {
        return known::run(&bugs, arguments, context);
    }
    if arguments.output == PlantedOutput::Markdown {
        return print_page(context);
    }
    let prepared = grounds(context).and_then(|grounds| {
        let pool = context.pool(&arguments.pace)?;
        Ok((grounds, pool))
    });
    let (grounds, pool) = match prepared {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let hunt = Hunt::new(&bugs, grounds, arguments);
    hunt.go(&pool, &mut context.out);
    if context.stop.is_interrupted() {
        return Exit::Interrupted;
    }
    let results = hunt.results();
    ranking::show(&results, arguments.output, &mut context.out);
    let caught = results.iter().filter(|result| result.is_caught()).count();
    let enough = match arguments.names.is_empty() {
        true => caught * 100 >= results.len() * ENOUGH,
        false => caught == results.len(),
    };
    if enough { Exit::Passed } else { Exit::Safety }
}

/// The bugs of these names; all if there are none.
fn chosen(names: &[String]) -> Result<Vec<&'static Planted>, String> {
    if names.is_empty() {
        return Ok(planted::corpus().collect());
    }
    let find = |name: &String| {
        planted::find(name).ok_or_else(|| {
            format!("there is no planted bug `{name}`; `cargo sim planted --list` names them all")
        })
    };
    names.iter().map(find).collect()
}

fn list(bugs: &[&Planted], for_people: bool) -> String {
    let columns = [
        words("bug"),
        words("harms"),
        words("what it does wrong"),
        words("where the idea comes from"),
    ];
    let rows: Vec<_> = bugs
        .iter()
        .map(|bug| {
            let cells = [bug.name, bug.wants.name(), bug.idea, bug.source];
            (Tone::Plain, cells.map(str::to_owned).to_vec())
        })
        .collect();
    table::render(&columns, &rows, for_people)
}

fn print_page(context: &mut Context) -> Exit {
    match witness::kept() {
        Ok(kept) => {
            context.out.data(document::page(&kept).trim_end());
            Exit::Passed
        }
        Err(message) => {
            context.out.error(&message);
            Exit::Harness
        }
    }
}

/// A scenario to hunt in.
struct Ground {
    name: String,
    /// A shadow watches.
    shadow: bool,
    /// A run that passes is compared with one in which the coordinator crashes.
    defends_equivalence: bool,
}

/// All scenarios, one of each folder in turn, so that each bug soon meets every
/// kind of trouble.
fn grounds(context: &mut Context) -> Result<Vec<Ground>, Exit> {
    let found = context.load(&[])?;
    let mut folders: Vec<(String, Vec<Ground>)> = Vec::new();
    for given in found {
        let Ok(scenario) = given.load() else {
            continue;
        };
        let ground = Ground {
            name: given.name.clone(),
            shadow: scenario.run.shadow,
            defends_equivalence: given.defends_equivalence,
        };
        let folder = given.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        match folders.iter_mut().find(|(name, _)| name == folder) {
            Some((_, grounds)) => grounds.push(ground),
            None => folders.push((folder.to_owned(), vec![ground])),
        }
    }
    let mut turns: Vec<_> = folders.into_iter().map(|(_, it)| it.into_iter()).collect();
    let mut ordered = Vec::new();
    loop {
        let round: Vec<Ground> = turns.iter_mut().filter_map(Iterator::next).collect();
        if round.is_empty() {
            return Ok(ordered);
        }
        ordered.extend(round);
    }
}

/// What to run to see whether `bug` is caught in `scenario`.
/// The scenario with the bug; with a crash after it, if the ends are to be compared.
fn given(bug: &Planted, scenario: &str, defends_equivalence: bool) -> Arc<Given> {
    Arc::new(given::Given {
        planted: Some(bug.name.to_owned()),
        defends_equivalence,
        ..Given::of(scenario)
    })
}

/// The property that noticed something; `None` if none did, or the run came to
/// nothing.
fn caught_by(outcome: &Outcome) -> Option<&str> {
    let judged = matches!(outcome.exit, Exit::Safety | Exit::Liveness | Exit::Panic);
    judged.then(|| outcome.oracle())
}
