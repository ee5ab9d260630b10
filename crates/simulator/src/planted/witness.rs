//! Runs in which planted bugs were caught: what is known of each, so that it can be
//! shown again at once.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// The kept file. `cargo sim planted -o toml` makes it.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/planted/witnesses.toml");

/// A run in which a bug was caught.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catch {
    /// The property that was violated first.
    pub by: String,
    /// The scenario's file, from the root of the project.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Virtual milliseconds from the start of that run until it was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_millis: Option<u64>,
}

/// What is known of one bug.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// Runs until it was first caught, that one included.
    pub runs: u64,
    /// CPU time of those runs, in milliseconds.
    pub cpu_millis: u64,
    /// One run for each property that caught it; the first catch first.
    pub caught: Vec<Catch>,
}

impl Witness {
    /// Whether the property `by` ever caught it.
    pub fn is_caught_by(&self, by: &str) -> bool {
        self.caught.iter().any(|catch| catch.by == by)
    }
}

/// What is known, by the names of bugs.
pub type Witnesses = BTreeMap<String, Witness>;

/// What the kept file says.
///
/// # Errors
/// It cannot be read; says why.
pub fn kept() -> Result<Witnesses, String> {
    let text = std::fs::read_to_string(KEPT).map_err(|error| format!("{KEPT}: {error}"))?;
    toml::from_str(&text).map_err(|error| format!("{KEPT}: {error}"))
}

/// The text of a file that says the same.
pub fn write(witnesses: &Witnesses) -> String {
    let mut text = String::from(
        "# Runs in which the planted bugs are caught, and by which property.\n\
         # Made by: cargo sim planted -o toml > FILE, and then put in the place of this one.\n",
    );
    for (name, witness) in witnesses {
        let Witness {
            runs,
            cpu_millis,
            caught,
        } = witness;
        // A String takes whatever is written to it.
        let _ = writeln!(
            text,
            "\n[{name}]\nruns = {runs}\ncpu_millis = {cpu_millis}\ncaught = ["
        );
        for catch in caught {
            let Catch {
                by, scenario, seed, ..
            } = catch;
            let at = catch.at_millis.map(|at| format!(", at_millis = {at}"));
            let at = at.unwrap_or_default();
            let _ = writeln!(
                text,
                "  {{ by = \"{by}\", scenario = \"{scenario}\", seed = {seed}{at} }},"
            );
        }
        text.push_str("]\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planted::{corpus, find};

    #[test]
    fn the_kept_file_knows_the_corpus_and_nothing_else() {
        let kept = kept().expect("it can be read");
        for bug in corpus() {
            assert!(
                kept.contains_key(bug.name),
                "nothing is kept of {}",
                bug.name
            );
        }
        for (name, witness) in &kept {
            assert!(find(name).is_some(), "{name} is no planted bug");
            for catch in &witness.caught {
                let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
                let path = std::path::Path::new(path).join(&catch.scenario);
                assert!(path.is_file(), "{name}: there is no {}", catch.scenario);
            }
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let kept = kept().expect("it can be read");
        assert_eq!(toml::from_str::<Witnesses>(&write(&kept)), Ok(kept));
    }
}
