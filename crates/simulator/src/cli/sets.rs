//! Which of the values set on the command line are to blame for a mistake. A scenario
//! with such values is checked as a text of its own, whose lines nobody has seen.

use crate::scenario::{Diagnostic, Scenario};
use crate::swarm::Override;

/// The most characters of a line that are shown.
const LONGEST_LINE: usize = 80;

/// What is wrong, and the text in which it was found if that is none of the user's.
type Mistakes = (Vec<Diagnostic>, Option<String>);

/// What `parse` makes of all `sets`. Mistakes that the file `name` has without them are
/// shown in the file; all others name the values without which there are none.
pub(super) fn blame(
    name: &str,
    sets: &[Override],
    parse: impl Fn(&[Override]) -> Result<Scenario, Mistakes>,
) -> Result<Scenario, Vec<Diagnostic>> {
    let (found, text) = match parse(sets) {
        Ok(scenario) => return Ok(scenario),
        Err(mistakes) => mistakes,
    };
    let Some(text) = text.filter(|_| !sets.is_empty()) else {
        return Err(found);
    };
    let mistakes = |sets: &[Override]| match parse(sets) {
        Ok(_) => Vec::new(),
        Err((found, _)) => found,
    };
    let plain = mistakes(&[]);
    let without: Vec<Vec<Diagnostic>> = (0..sets.len())
        .map(|left_out| {
            let mut others = sets.to_vec();
            others.remove(left_out);
            mistakes(&others)
        })
        .collect();
    let mut told = Vec::new();
    for mistake in found {
        let same = |other: &&Diagnostic| other.message == mistake.message;
        let own: Vec<Diagnostic> = plain.iter().filter(same).cloned().collect();
        if !own.is_empty() {
            told.extend(own);
            continue;
        }
        let guilty: Vec<&Override> = sets
            .iter()
            .zip(&without)
            .filter(|(_, found)| !found.iter().any(|other| same(&other)))
            .map(|(set, _)| set)
            .collect();
        told.push(of_sets(name, sets, &guilty, &mistake, &text));
    }
    told.dedup();
    Err(told)
}

fn of_sets(
    name: &str,
    sets: &[Override],
    guilty: &[&Override],
    mistake: &Diagnostic,
    text: &str,
) -> Diagnostic {
    let all: Vec<&Override> = sets.iter().collect();
    // Each of several may be enough for it.
    let named = if guilty.is_empty() { &all } else { guilty };
    let named: Vec<String> = named
        .iter()
        .map(|set| format!("--set {}", set.text()))
        .collect();
    let line = mistake
        .line
        .checked_sub(1)
        .and_then(|before| text.lines().nth(before));
    let line = line.map(|line| line.chars().take(LONGEST_LINE).collect::<String>());
    let within = line.map_or(String::new(), |line| format!(" (in `{}`)", line.trim()));
    let message = format!("{}: {}{within}", named.join(" "), mistake.message);
    let mut told = Diagnostic::of_file(name, message);
    told.help = mistake.help.clone();
    told
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::given::Given;

    const FILE: &str = "property = \"p\"\n\n# Many lines.\n\n[run]\nduration = \"5m\"\n\n\
                        [[step]]\nat = \"4m\"\ndo = { kill = { node = \"store\" } }\n";

    fn told(text: &str, sets: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.toml");
        fs::write(&file, text).expect("a file");
        let sets = sets.iter().map(|set| Override::parse(set).expect("a set"));
        let given = Given {
            sets: sets.collect(),
            ..Given::of(file.display().to_string())
        };
        let found = given.load().expect_err("it is wrong");
        let folder = format!("{}/", folder.path().display());
        let lines = found.iter().map(|one| one.to_string().replace(&folder, ""));
        lines.collect()
    }

    #[test]
    fn a_value_that_was_set_is_named_in_place_of_a_line_that_is_not_there() {
        assert_eq!(
            told(FILE, &["net.latency=[\"1ms\",\"2ms\"]", "chain.skip=2"]),
            ["x.toml: error: --set chain.skip=2: `skip` must be between 0 and 1 (in `skip = 2`)"]
        );
        let found = told(FILE, &["run.duration=3m", "chain.skip=0.1"]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("x.toml: error: --set run.duration=3m: "),
            "{found:?}"
        );
        assert!(found[0].contains("(in `at = \"4m\"`)"), "{found:?}");
    }

    #[test]
    fn of_values_that_exclude_one_another_all_are_named() {
        let sets = [
            "coordinator.store_deadline=3s",
            "net.latency=[\"1s\", \"2s\"]",
        ];
        let found = told(FILE, &sets);
        let both = "--set coordinator.store_deadline=3s --set net.latency=[\"1s\", \"2s\"]: ";
        assert!(found.iter().any(|one| one.contains(both)), "{found:?}");
    }

    #[test]
    fn what_is_wrong_with_the_file_is_shown_in_the_file() {
        let text = FILE.replace("5m", "0s");
        let found = told(&text, &["chain.skip=2"]);
        let own = "x.toml:6:12: error: `duration` must be longer than zero";
        assert!(found.iter().any(|one| one == own), "{found:?}");
        let set = "x.toml: error: --set chain.skip=2: `skip` must";
        assert!(found.iter().any(|one| one.starts_with(set)), "{found:?}");
    }
}
