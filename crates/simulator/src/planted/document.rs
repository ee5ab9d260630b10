//! The corpus as a page for people: `docs/planted-bugs.md`.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::witness::{Witness, Witnesses};
use super::{Planted, THEMES, corpus};
use crate::cli::figures;
use crate::oracle::catalogue::PROPERTIES;

/// Why a property stays that no planted bug, or none alone, needs.
const JUSTIFIED: &[(&str, &str)] = &[
    (
        "S3",
        "shows only where a second coordinator acts, and such fights break the rates of S12 too",
    ),
    (
        "L2",
        "judged together with L1: what is left behind keeps the world from being as wanted",
    ),
    (
        "S11",
        "what leads to it breaks the order of a change, and S15 notices that first",
    ),
];

/// The page. It says what the corpus and the kept witnesses say.
pub fn page(witnesses: &Witnesses) -> String {
    let mut page = String::from(HEAD);
    summary(&mut page, witnesses);
    for (theme, bugs) in THEMES {
        let _ = write!(
            page,
            "\n### {theme}\n\n| bug | what it does wrong | where the idea comes from | harms | \
             first caught by | runs | after |\n|---|---|---|---|---|---:|---:|\n"
        );
        for bug in bugs {
            row(&mut page, bug, witnesses.get(bug.name));
        }
    }
    matrix(&mut page, witnesses);
    alone(&mut page, witnesses);
    page
}

const HEAD: &str = "# Planted bugs

<!-- Made by: cargo sim planted -o markdown > docs/planted-bugs.md -->

A judge that nothing can displease is worth nothing. This is a corpus of mistakes that a
coordinator could make. Each stands in for the planner or the ports that the coordinator is
given, at run time and in the same build; none is in the product. The judges know nothing of
it.

| command | what it does |
|---|---|
| `cargo sim planted` | hunts every bug through all scenarios, one seed after the other |
| `cargo sim planted NAME --seeds 500` | hunts one for longer |
| `cargo sim planted --known` | shows again every catch of the tables below, in seconds |
| `cargo sim planted --list` | lists the corpus |
| `cargo sim run FILE --planted NAME` | runs one scenario with a bug, and shows what happens |
| `cargo sim planted -o toml` | hunts, and prints what `witnesses.toml` shall hold |
| `cargo sim planted -o markdown` | prints this page |

A run ends at the first violated property, so the tables say who noticed first. A bug that
harms liveness lets nothing wrong happen; something right does not happen. `runs` is how many it
took until the first catch, that one included, and `after` is the virtual time that had passed in
that run when the bug was noticed: both are the same on every machine. `cargo sim planted` shows the
processor time, too, which is not.
";

fn summary(page: &mut String, witnesses: &Witnesses) {
    let total = corpus().count();
    let mut runs: Vec<u64> = corpus()
        .filter_map(|bug| witnesses.get(bug.name))
        .filter(|witness| !witness.caught.is_empty())
        .map(|witness| witness.runs)
        .collect();
    runs.sort_unstable();
    let median = runs.get(runs.len() / 2).copied().unwrap_or(0);
    let idle = corpus()
        .filter(|bug| bug.wants == super::Wants::Liveness)
        .count();
    let _ = write!(
        page,
        "\n{total} bugs, of which {idle} only harm liveness; {} are caught, half of them within \
         {median} runs",
        runs.len()
    );
    let mut moments: Vec<u64> = witnesses
        .values()
        .filter_map(|witness| witness.caught.first()?.at_millis)
        .collect();
    moments.sort_unstable();
    if let Some(median) = moments.get(moments.len() / 2) {
        let median = figures::millis(*median);
        let _ = write!(page, ", and half of them within {median} of virtual time");
    }
    page.push_str(".\n\n## The corpus\n");
}

fn row(page: &mut String, bug: &Planted, witness: Option<&Witness>) {
    let first = witness.and_then(|witness| witness.caught.first());
    let (by, runs) = match (first, witness) {
        (Some(catch), Some(witness)) => (catch.by.as_str(), witness.runs.to_string()),
        _ => ("nobody", String::new()),
    };
    let at = first.and_then(|catch| catch.at_millis);
    let at = at.map_or_else(String::new, figures::millis);
    let _ = writeln!(
        page,
        "| `{}` | {} | {} | {} | {by} | {runs} | {at} |",
        bug.name,
        bug.idea,
        bug.source,
        bug.wants.name()
    );
}

fn matrix(page: &mut String, witnesses: &Witnesses) {
    page.push_str("\n## Who catches what\n\n| bug |");
    let columns: Vec<&str> = PROPERTIES
        .iter()
        .map(|property| property.id)
        .filter(|id| witnesses.values().any(|witness| witness.is_caught_by(id)))
        .collect();
    for oracle in &columns {
        let _ = write!(page, " {oracle} |");
    }
    page.push_str("\n|---|");
    page.push_str(&":-:|".repeat(columns.len()));
    page.push('\n');
    for bug in corpus() {
        let _ = write!(page, "| `{}` |", bug.name);
        for oracle in &columns {
            let caught = witnesses
                .get(bug.name)
                .is_some_and(|witness| witness.is_caught_by(oracle));
            page.push_str(if caught { " x |" } else { " |" });
        }
        page.push('\n');
    }
}

/// The bugs that nobody but `oracle` ever caught.
pub fn only_by<'a>(oracle: &str, witnesses: &'a Witnesses) -> Vec<&'a str> {
    witnesses
        .iter()
        .filter(|(_, witness)| {
            let by: BTreeSet<&str> = witness.caught.iter().map(|it| it.by.as_str()).collect();
            by.len() == 1 && by.contains(oracle)
        })
        .map(|(name, _)| name.as_str())
        .collect()
}

fn alone(page: &mut String, witnesses: &Witnesses) {
    page.push_str(
        "\n## Why each property is needed\n\n| property | says | catches | alone |\n\
         |---|---|---:|---|\n",
    );
    for property in PROPERTIES {
        let (oracle, says) = (property.id, property.name);
        let catches = witnesses
            .values()
            .filter(|it| it.is_caught_by(oracle))
            .count();
        let only = only_by(oracle, witnesses);
        let why = match JUSTIFIED.iter().find(|(name, _)| *name == oracle) {
            Some((_, why)) if only.is_empty() => (*why).to_owned(),
            _ => {
                let names: Vec<String> = only.iter().map(|name| format!("`{name}`")).collect();
                names.join(", ")
            }
        };
        let _ = writeln!(page, "| {oracle} | {says} | {catches} | {why} |");
    }
}

#[cfg(test)]
mod tests {
    use super::super::witness::kept;
    use super::*;

    #[test]
    fn the_page_in_the_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/planted-bugs.md");
        let there = std::fs::read_to_string(path).expect("the page is there");
        let made = page(&kept().expect("it can be read"));
        assert!(
            there == made,
            "docs/planted-bugs.md is not what the code says; make it anew: \
             cargo sim planted -o markdown > docs/planted-bugs.md"
        );
    }

    #[test]
    fn a_row_says_how_soon_a_bug_was_noticed() {
        let bug = corpus().next().expect("there is one");
        let witness = |at_millis| Witness {
            runs: 3,
            cpu_millis: 9,
            caught: vec![super::super::witness::Catch {
                by: "S1".to_owned(),
                scenario: "x.toml".to_owned(),
                seed: 1,
                at_millis,
            }],
        };
        let row_of = |witness: &Witness| {
            let mut text = String::new();
            row(&mut text, bug, Some(witness));
            text
        };
        assert!(row_of(&witness(Some(187_320))).ends_with("| S1 | 3 | 3m 7s |\n"));
        assert!(row_of(&witness(None)).ends_with("| S1 | 3 |  |\n"));
        let all = Witnesses::from([(bug.name.to_owned(), witness(Some(187_320)))]);
        assert!(page(&all).contains("half of them within 3m 7s of virtual time."));
    }

    #[test]
    fn nearly_every_bug_is_caught_and_soon() {
        let kept = kept().expect("it can be read");
        let caught = kept.values().filter(|witness| !witness.caught.is_empty());
        let mut runs: Vec<u64> = caught.map(|witness| witness.runs).collect();
        runs.sort_unstable();
        assert!(runs.len() * 100 >= corpus().count() * 95, "{}", runs.len());
        assert!(runs[runs.len() / 2] <= 50);
    }

    #[test]
    fn every_property_catches_something_alone_or_says_why_it_stays() {
        let kept = kept().expect("it can be read");
        for property in PROPERTIES {
            let oracle = property.id;
            let justified = JUSTIFIED.iter().any(|(name, _)| *name == oracle);
            let alone = !only_by(oracle, &kept).is_empty();
            assert!(alone || justified, "{oracle} catches nothing alone");
        }
        for catch in kept.values().flat_map(|witness| &witness.caught) {
            let known = PROPERTIES.iter().any(|property| property.id == catch.by);
            assert!(known, "{} is no property", catch.by);
        }
    }
}
