//! Marks as a table, as lines of JSON, and as a page.

use serde::Serialize;

use super::super::figures;
use super::super::table::{self, Tone, numbers, words};
use super::tally::{Line, State};
use crate::marks::{Family, Kind, Rarity};
use crate::report::SCHEMA_VERSION;

/// A mark, for programs.
#[derive(Serialize)]
struct Record<'a> {
    schema_version: u32,
    mark: &'a str,
    family: Family,
    kind: Kind,
    sentence: &'a str,
    rarity: Rarity,
    state: State,
    times: u64,
    runs: u64,
    command: Option<&'a str>,
}

/// Marks that need attention, or all of them, and how many each family has.
pub fn table(lines: &[Line], all: bool, for_people: bool) -> String {
    let columns = [
        words("mark"),
        words("state"),
        numbers("times"),
        numbers("runs"),
        words("remark"),
    ];
    let shown = |line: &&Line| all || line.state.is_failure();
    let mut rows = Vec::new();
    for line in lines.iter().filter(shown) {
        let tone = match line.state {
            state if state.is_failure() => Tone::Bad,
            State::Reached => Tone::Good,
            _ => Tone::Plain,
        };
        let cells = vec![
            line.entry.name.clone(),
            line.state.words().to_owned(),
            figures::count(line.times),
            figures::count(line.runs),
            remark(line),
        ];
        rows.push((tone, cells));
    }
    let families = families(lines, for_people);
    match rows.is_empty() {
        true => families,
        false => format!(
            "{}\n\n{families}",
            table::render(&columns, &rows, for_people)
        ),
    }
}

/// How to reach it, or why it is not reached.
fn remark(line: &Line) -> String {
    match (&line.command, line.entry.rarity) {
        (Some(command), _) => command.clone(),
        (None, Rarity::Infeasible { reason }) => reason.to_owned(),
        (
            None,
            Rarity::Rare {
                seeds,
                reason,
                since,
            },
        ) => {
            format!("{reason} (takes {seeds} seeds; since {since})")
        }
        (None, Rarity::Expected) => line.entry.sentence.clone(),
    }
}

/// How many marks of a family are in each state.
fn families(lines: &[Line], for_people: bool) -> String {
    let columns = [
        words("family"),
        numbers("marks"),
        numbers("reached"),
        numbers("rare"),
        numbers("cannot be"),
        numbers("amiss"),
    ];
    let mut rows = Vec::new();
    for family in Family::ALL {
        let of = || lines.iter().filter(|line| line.entry.family == family);
        let count = |state: State| of().filter(|line| line.state == state).count() as u64;
        let amiss = of().filter(|line| line.state.is_failure()).count() as u64;
        let cells = vec![
            family.title().to_owned(),
            figures::count(of().count() as u64),
            figures::count(count(State::Reached)),
            figures::count(count(State::Rare)),
            figures::count(count(State::Infeasible)),
            figures::count(amiss),
        ];
        rows.push((if amiss > 0 { Tone::Bad } else { Tone::Plain }, cells));
    }
    table::render(&columns, &rows, for_people)
}

/// One line over everything.
pub fn totals(lines: &[Line], runs: u64) -> String {
    let count = |state: State| {
        let found = lines.iter().filter(|line| line.state == state);
        figures::count(found.count() as u64)
    };
    let amiss = lines.iter().filter(|line| line.state.is_failure()).count();
    format!(
        "{} marks in {} runs: {} reached, {} rare and not reached, {} that cannot be, \
         {amiss} amiss",
        figures::count(lines.len() as u64),
        figures::count(runs),
        count(State::Reached),
        count(State::Rare),
        count(State::Infeasible),
    )
}

/// One object a line.
///
/// # Errors
/// Never: it holds nothing that JSON cannot.
pub fn json(lines: &[Line]) -> serde_json::Result<String> {
    let mut text = String::new();
    for line in lines {
        let record = Record {
            schema_version: SCHEMA_VERSION,
            mark: &line.entry.name,
            family: line.entry.family,
            kind: line.entry.kind,
            sentence: &line.entry.sentence,
            rarity: line.entry.rarity,
            state: line.state,
            times: line.times,
            runs: line.runs,
            command: line.command.as_deref(),
        };
        text.push_str(&serde_json::to_string(&record)?);
        text.push('\n');
    }
    Ok(text)
}

/// A page: a section for each family, a row for each mark.
pub fn markdown(lines: &[Line], runs: u64) -> String {
    let mut page = format!("# Coverage\n\n{}.\n", totals(lines, runs));
    for family in Family::ALL {
        let mut title = family.title().to_owned();
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        page.push_str(&format!(
            "\n## {title}\n\n| mark | state | times | runs | remark |\n|---|---|---:|---:|---|\n"
        ));
        for line in lines.iter().filter(|line| line.entry.family == family) {
            let remark = match &line.command {
                Some(command) => format!("`{command}`"),
                None => remark(line),
            };
            page.push_str(&format!(
                "| {} | {} | {} | {} | {} |\n",
                line.entry.name,
                line.state.words(),
                figures::count(line.times),
                figures::count(line.runs),
                remark.replace('|', "\\|"),
            ));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::tally::Tally;
    use super::*;

    #[test]
    fn what_is_amiss_is_named_with_what_it_would_be() {
        let lines = Tally::default().lines(1, &BTreeSet::new());
        let text = anstream::adapter::strip_str(&table(&lines, false, false)).to_string();
        assert!(text.contains("phase Running"), "{text}");
        assert!(
            text.contains("a record is written in phase Running"),
            "{text}"
        );
        assert!(totals(&lines, 0).contains(" 0 reached"));
    }

    #[test]
    fn every_mark_has_a_row_and_a_line() {
        let lines = Tally::default().lines(1, &BTreeSet::new());
        let json = json(&lines).expect("it can be written");
        assert_eq!(json.lines().count(), lines.len());
        let page = markdown(&lines, 3);
        let rows = page.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, lines.len() + Family::ALL.len());
    }
}
