//! What a hunt came to, for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::args::PlantedOutput;
use super::super::figures;
use super::super::out::Out;
use super::super::table::{self, Tone, numbers, words};
use super::hunt::Caught;
use crate::oracle::catalogue::PROPERTIES;
use crate::planted::document::only_by;
use crate::planted::witness::{self, Catch, Witnesses};
use crate::report::SCHEMA_VERSION;

/// One bug, for programs.
#[derive(Serialize)]
struct Line<'a> {
    schema_version: u32,
    bug: &'a str,
    harms: &'a str,
    idea: &'a str,
    source: &'a str,
    /// Runs until the first catch, or all if there was none.
    runs: u64,
    cpu_millis: u64,
    /// Runs that came to no verdict.
    broken: u64,
    caught: &'a [Catch],
}

/// Shows `results`.
pub fn show(results: &[Caught], output: PlantedOutput, out: &mut Out) {
    match output {
        PlantedOutput::Json => results.iter().for_each(|result| show_line(result, out)),
        PlantedOutput::Toml => out.data(witness::write(&witnesses(results)).trim_end()),
        // Markdown is made of what is kept, not of a hunt.
        PlantedOutput::Table | PlantedOutput::Markdown => {
            let for_people = out.data_is_terminal;
            out.data(&bugs(results, for_people));
            out.data(&properties(&witnesses(results), for_people));
            out.data(&summary(results));
        }
    }
}

fn witnesses(results: &[Caught]) -> Witnesses {
    let entry = |result: &Caught| (result.bug.name.to_owned(), result.witness.clone());
    results.iter().map(entry).collect()
}

fn show_line(result: &Caught, out: &mut Out) {
    let line = Line {
        schema_version: SCHEMA_VERSION,
        bug: result.bug.name,
        harms: result.bug.wants.name(),
        idea: result.bug.idea,
        source: result.bug.source,
        runs: result.witness.runs,
        cpu_millis: result.witness.cpu_millis,
        broken: result.broken,
        caught: &result.witness.caught,
    };
    match serde_json::to_string(&line) {
        Ok(line) => out.data(&line),
        Err(error) => out.error(&error.to_string()),
    }
}

fn bugs(results: &[Caught], for_people: bool) -> String {
    let columns = [
        words("bug"),
        words("harms"),
        words("caught by"),
        numbers("runs"),
        numbers("CPU ms"),
        words("in"),
        numbers("seed"),
        numbers("noticed after"),
        words("also by"),
    ];
    let rows: Vec<_> = results
        .iter()
        .map(|result| {
            let witness = &result.witness;
            let first = witness.caught.first();
            let text = |what: fn(&Catch) -> String| first.map(what).unwrap_or_default();
            let by = first.map_or("nobody", |catch| &catch.by);
            let others: Vec<&str> = witness
                .caught
                .iter()
                .skip(1)
                .map(|it| it.by.as_str())
                .collect();
            let cells = vec![
                result.bug.name.to_owned(),
                result.bug.wants.name().to_owned(),
                by.to_owned(),
                witness.runs.to_string(),
                witness.cpu_millis.to_string(),
                text(|catch| catch.scenario.clone()),
                text(|catch| catch.seed.to_string()),
                text(|catch| catch.at_millis.map_or_else(String::new, figures::millis)),
                others.join(" "),
            ];
            let tone = if result.is_caught() {
                Tone::Plain
            } else {
                Tone::Bad
            };
            (tone, cells)
        })
        .collect();
    table::render(&columns, &rows, for_people)
}

fn properties(witnesses: &Witnesses, for_people: bool) -> String {
    let columns = [words("property"), numbers("catches"), words("alone")];
    let mut catches: BTreeMap<&str, u64> = BTreeMap::new();
    for catch in witnesses.values().flat_map(|witness| &witness.caught) {
        *catches.entry(&catch.by).or_default() += 1;
    }
    let rows: Vec<_> = PROPERTIES
        .iter()
        .map(|property| {
            let oracle = property.id;
            let count = catches.get(oracle).copied().unwrap_or(0);
            let alone = only_by(oracle, witnesses).join(" ");
            (
                Tone::Plain,
                vec![oracle.to_owned(), figures::count(count), alone],
            )
        })
        .collect();
    table::render(&columns, &rows, for_people)
}

fn summary(results: &[Caught]) -> String {
    let caught: Vec<&Caught> = results.iter().filter(|result| result.is_caught()).collect();
    let mut runs: Vec<u64> = caught.iter().map(|result| result.witness.runs).collect();
    runs.sort_unstable();
    let median = runs.get(runs.len() / 2).copied().unwrap_or(0);
    let share = caught.len() as f64 * 100.0 / results.len().max(1) as f64;
    let broken: u64 = results.iter().map(|result| result.broken).sum();
    let cpu: u64 = results.iter().map(|result| result.witness.cpu_millis).sum();
    let missed: Vec<&str> = results
        .iter()
        .filter(|result| !result.is_caught())
        .map(|result| result.bug.name)
        .collect();
    let mut text = format!(
        "{} of {} caught ({share:.1} %), half of them within {median} runs; {} of CPU until the \
         first catches",
        caught.len(),
        results.len(),
        figures::micros(cpu.saturating_mul(1000)),
    );
    if broken > 0 {
        text.push_str(&format!("; {broken} runs came to no verdict"));
    }
    if !missed.is_empty() {
        text.push_str(&format!("\nmissed: {}", missed.join(", ")));
    }
    text
}
