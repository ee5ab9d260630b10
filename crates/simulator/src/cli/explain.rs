//! Everything that has a name, explained: whatever reports, tables and scenarios call
//! by a name can be asked for by it.

use std::fmt::Write as _;

use super::args::Explain;
use super::equivalence;
use super::exit::{self, Exit};
use super::out::Out;
use super::table::{self, Tone, words};
use crate::marks::{self, Entry, Rarity};
use crate::oracle::catalogue::{PROPERTIES, UNUSED};
use crate::planted::witness::{self, Witnesses};
use crate::planted::{self, Place, Planted};
use crate::scenario::catalogue;
use crate::scenario::nearest_few;
use crate::swarm::{PROFILES, Profile};

/// Names that are suggested in place of an unknown one.
const MOST_GUESSES: usize = 3;

/// Columns of a terminal.
const WIDTH: usize = 100;

/// What stands in a report where an oracle's id stands otherwise.
const FINDINGS: [(&str, &str); 3] = [
    (
        "M1",
        "One seed led to two different runs, alone and beside others. Something besides scenario \
         and seed got in: `cargo sim determinism` looks for it.",
    ),
    (
        "limit",
        "The run had no verdict when the real time that --limit gives to one run was over.",
    ),
    (
        "harness",
        "The worker process that ran it ended without a report: the simulator itself failed, or \
         was killed.",
    ),
];

/// A name, what kind of thing has it, and what is to be said of it.
struct Known {
    kind: &'static str,
    name: String,
    explain: Box<dyn Fn() -> String>,
}

fn known(
    kind: &'static str,
    name: impl Into<String>,
    explain: impl Fn() -> String + 'static,
) -> Known {
    Known {
        kind,
        name: name.into(),
        explain: Box::new(explain),
    }
}

/// Everything that has a name, kind by kind.
fn everything() -> Vec<Known> {
    let mut all = Vec::new();
    for family in catalogue::families() {
        all.push(known("fault", family.name, || family.explained()));
    }
    for property in PROPERTIES {
        all.push(known("oracle", property.id, || property.explained()));
    }
    for (id, why) in UNUSED {
        let text = move || format!("{id}: no oracle has this number. {why}");
        all.push(known("no oracle", *id, text));
    }
    for (name, what) in &FINDINGS {
        all.push(known("finding", *name, move || format!("{name}: {what}")));
    }
    for profile in PROFILES {
        all.push(known("profile", profile.name, || of_profile(profile)));
    }
    for bug in planted::corpus() {
        all.push(known("planted bug", bug.name, || of_bug(bug)));
    }
    for (_, code, meaning) in exit::TABLE {
        let text = move || format!("exit {code}: {meaning}");
        all.push(known("exit code", format!("exit {code}"), text));
    }
    for mark in marks::catalogue() {
        all.push(known("mark", mark.name.clone(), move || of_mark(&mark)));
    }
    all
}

/// Explains what has a name, or lists all names.
pub fn explain(arguments: &Explain, out: &mut Out) -> Exit {
    let all = everything();
    if arguments.name.is_empty() {
        let row = |one: &Known| (Tone::Plain, vec![one.name.clone(), one.kind.to_owned()]);
        let rows: Vec<_> = all.iter().map(row).collect();
        out.data(&table::render(
            &[words("name"), words("is a")],
            &rows,
            false,
        ));
        out.talk("`cargo sim explain NAME` tells more about one");
        return Exit::Passed;
    }
    let name = arguments.name.join(" ");
    let found: Vec<String> = all
        .iter()
        .filter(|one| plain(&one.name) == plain(&name))
        .map(|one| for_a_terminal((one.explain)().trim_end()))
        .collect();
    if !found.is_empty() {
        out.data(&found.join("\n\n"));
        return Exit::Passed;
    }
    let wanted = plain(&name);
    let plain_names: Vec<String> = all.iter().map(|one| plain(&one.name)).collect();
    let near = nearest_few(
        &wanted,
        plain_names.iter().map(String::as_str),
        MOST_GUESSES,
    );
    let near = near.into_iter().filter_map(|near| {
        let one = all.iter().find(|one| plain(&one.name) == near)?;
        Some(format!("`{}`", one.name))
    });
    let near: Vec<String> = near.collect();
    let hint = match near.is_empty() {
        false => format!("did you mean {}?", near.join(" or ")),
        true => "`cargo sim explain` lists all names".to_owned(),
    };
    out.error(&format!("nothing is called `{name}`; {hint}"));
    Exit::Usage
}

/// The same with sentences broken into lines; commands stay whole.
fn for_a_terminal(text: &str) -> String {
    let lines = text
        .lines()
        .flat_map(|line| match line.starts_with("cargo ") {
            false if line.chars().count() > WIDTH => catalogue::wrapped(line, WIDTH),
            _ => vec![line.to_owned()],
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// A name as it is compared: a hyphen is as good as an underscore or a blank, and an
/// arrow, which no shell leaves alone without quotes, as a `to` or nothing.
fn plain(name: &str) -> String {
    let name = name.to_lowercase().replace(['-', '_', '>'], " ");
    let words = name.split_whitespace().filter(|word| *word != "to");
    words.collect::<Vec<_>>().join(" ")
}

fn of_profile(profile: &Profile) -> String {
    let groups: Vec<String> = profile
        .groups
        .iter()
        .map(|group| format!("{group:?}"))
        .collect();
    let mut text = format!("{}: a profile of swarms\n\n{}", profile.name, profile.about);
    if !groups.is_empty() {
        let _ = write!(text, "\n\nmay be on: {}", groups.join(", "));
    }
    let _ = write!(
        text,
        "\n\ncargo sim swarm --profile {} --seeds 20",
        profile.name
    );
    text
}

fn of_mark(mark: &Entry) -> String {
    let rarity = match mark.rarity {
        Rarity::Expected => "One seed of every scenario is expected to reach it.".to_owned(),
        Rarity::Rare {
            seeds,
            reason,
            since,
        } => format!("Rare: {reason} (takes {seeds} seeds of every scenario; since {since})."),
        Rarity::Infeasible { reason } => format!("Nothing can reach it: {reason}."),
    };
    format!(
        "{}: a mark, of the family {}\n\n{}\n{rarity}",
        mark.name,
        mark.family.title(),
        mark.sentence
    )
}

fn of_bug(bug: &Planted) -> String {
    // Without the kept file there is still the bug to explain.
    of_bug_with(bug, &witness::kept().unwrap_or_default())
}

fn of_bug_with(bug: &Planted, witnesses: &Witnesses) -> String {
    let place = match bug.place {
        Place::Coordinator => "the coordinator",
        Place::Shadow | Place::ShadowThatActs => "a coordinator in shadow mode",
        Place::DataPlane => "the nodes that stream and execute",
    };
    let mut text = format!(
        "{}: a planted bug of {place}, which harms {}\n\n{}.\nSource: {}.",
        bug.name,
        bug.wants.name(),
        bug.idea,
        bug.source
    );
    let caught = witnesses.get(bug.name).map(|witness| &witness.caught);
    for catch in caught.into_iter().flatten() {
        // A command of its own compares ends.
        let command = match catch.by == equivalence::ORACLE {
            true => "equivalence",
            false => "run",
        };
        let _ = write!(
            text,
            "\n\ncaught by {}:\ncargo sim {command} {} --seed {} --planted {}",
            catch.by, catch.scenario, catch.seed, bug.name
        );
    }
    if caught.is_none_or(Vec::is_empty) {
        let _ = write!(text, "\n\nnobody has caught it so far");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::ORACLES;

    #[test]
    fn everything_has_words_and_no_kind_has_a_name_twice() {
        let mut names = BTreeSet::new();
        for one in everything() {
            assert!(names.insert((one.kind, plain(&one.name))), "{}", one.name);
            let text = (one.explain)();
            assert!(text.len() > one.name.len() + 10, "{text}");
            assert!(
                text.to_lowercase().starts_with(&one.name.to_lowercase()),
                "{text}"
            );
        }
    }

    #[test]
    fn an_arrow_needs_no_quotes() {
        let mark = marks::catalogue()
            .into_iter()
            .find(|mark| mark.name.contains(" -> "))
            .expect("there are transitions");
        for arrow in [" to ", " ", " - ", " > "] {
            assert_eq!(plain(&mark.name), plain(&mark.name.replace(" -> ", arrow)));
        }
    }

    #[test]
    fn no_number_is_left_out_without_a_reason() {
        let of = |letter: char| {
            let used = ORACLES.iter().chain(UNUSED.iter().map(|(id, _)| id));
            let numbers = used.filter_map(|id| id.strip_prefix(letter)?.parse().ok());
            let mut numbers: Vec<usize> = numbers.collect();
            numbers.sort_unstable();
            numbers
        };
        for letter in ['S', 'L', 'P'] {
            let numbers = of(letter);
            let all: Vec<usize> = (1..=numbers.len()).collect();
            assert_eq!(numbers, all, "{letter}");
        }
    }

    #[test]
    fn a_catch_is_told_with_the_command_that_shows_it() {
        let catch = |by: &str| witness::Catch {
            by: by.to_owned(),
            scenario: "x.toml".to_owned(),
            seed: 7,
            at_millis: None,
        };
        let known = witness::Witness {
            caught: vec![catch("S7"), catch(equivalence::ORACLE)],
            ..witness::Witness::default()
        };
        let bug = planted::corpus().next().expect("there is one");
        let text = of_bug_with(bug, &Witnesses::from([(bug.name.to_owned(), known)]));
        for (by, command) in [("S7", "run"), ("L6", "equivalence")] {
            let line = format!("caught by {by}:\ncargo sim {command} x.toml --seed 7 --planted ");
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn a_bug_that_nobody_caught_says_so() {
        let bug = planted::corpus().next().expect("there is one");
        let text = of_bug_with(bug, &Witnesses::new());
        assert!(text.ends_with("nobody has caught it so far"), "{text}");
    }
}
