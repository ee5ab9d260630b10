//! Looking at scenarios without running them.

use serde::Serialize;

use super::Context;
use super::args::{Check, List};
use super::exit::Exit;
use super::given;
use super::table::{self, Tone, words};
use crate::report::SCHEMA_VERSION;

/// A scenario, for programs.
#[derive(Serialize)]
struct Line<'a> {
    schema_version: u32,
    scenario: &'a str,
    property: &'a str,
    defends: &'a [String],
}

/// Lists the scenarios and the properties they defend.
pub fn list(arguments: &List, context: &mut Context) -> Exit {
    let found = match given::find(&arguments.scenarios) {
        Ok(found) => found,
        Err(message) => {
            context.out.error(&message);
            return Exit::Usage;
        }
    };
    let out = &mut context.out;
    let mut exit = Exit::Passed;
    let mut rows = Vec::new();
    for given in &found {
        let scenario = match given.load() {
            Ok(scenario) => scenario,
            Err(mistakes) => {
                out.diagnostics(&mistakes);
                exit = Exit::Usage;
                continue;
            }
        };
        if arguments.json {
            let line = Line {
                schema_version: SCHEMA_VERSION,
                scenario: &given.name,
                property: &scenario.property,
                defends: &scenario.defends,
            };
            match serde_json::to_string(&line) {
                Ok(line) => out.data(&line),
                Err(error) => out.error(&error.to_string()),
            }
            continue;
        }
        let cells = vec![
            given.name.clone(),
            scenario.defends.join(" "),
            scenario.property,
        ];
        rows.push((Tone::Plain, cells));
    }
    if !arguments.json && !rows.is_empty() {
        let columns = [words("scenario"), words("defends"), words("property")];
        let for_people = false;
        out.data(&table::render(&columns, &rows, for_people));
    }
    if found.is_empty() {
        out.error("there is no scenario");
        return Exit::NothingRan;
    }
    exit
}

/// Checks scenario files without running them.
pub fn check(arguments: &Check, context: &mut Context) -> Exit {
    let givens = match context.load(&arguments.scenarios) {
        Ok(givens) => givens,
        Err(exit) => return exit,
    };
    if givens.is_empty() {
        context.out.error("there is no scenario");
        return Exit::NothingRan;
    }
    context
        .out
        .talk(&format!("{} scenarios are sound", givens.len()));
    Exit::Passed
}
