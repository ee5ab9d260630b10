//! When two runs fail in the same way.

use super::super::exit::Exit;
use super::super::outcome::Outcome;
use crate::report::Violation;

/// What a smaller run must come to as well: the same kind of verdict by the same
/// oracle. If the original sentence is about an indexer, so must the other be, about
/// whichever. Of a panic, the place in the source must be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    exit: Exit,
    oracle: String,
    names_somebody: bool,
    place: Option<String>,
    /// The sentence without names and numbers, if it must be the same, too.
    kind: Option<String>,
}

impl Finding {
    /// What a failed run found; nothing if it passed.
    pub fn of(outcome: &Outcome, exact: bool) -> Option<Finding> {
        if outcome.passed() {
            return None;
        }
        let violation = outcome.report.violation.as_ref();
        Some(Finding {
            exit: outcome.exit,
            oracle: outcome.oracle().to_owned(),
            names_somebody: violation.and_then(named).is_some(),
            place: violation
                .filter(|_| outcome.exit == Exit::Panic)
                .and_then(place),
            kind: violation.filter(|_| exact).map(Violation::kind),
        })
    }

    /// Whether a run found the same.
    pub fn is_found_by(&self, outcome: &Outcome) -> bool {
        Finding::of(outcome, self.kind.is_some()).as_ref() == Some(self)
    }
}

/// The first indexer that a sentence names.
pub fn named(violation: &Violation) -> Option<String> {
    let ends: &[_] = &[':', ',', '.', ';', '(', ')', '\'', '`', '"'];
    let words = violation.sentence.split_whitespace();
    let mut names = words.map(|word| word.trim_matches(ends));
    let is_name = |word: &&str| {
        let parts: Vec<&str> = word.split('/').collect();
        parts.len() == 2 && parts.iter().all(|part| !part.is_empty())
    };
    names.find(is_name).map(str::to_owned)
}

/// The first place in the source that a panic names, without the column.
fn place(violation: &Violation) -> Option<String> {
    let texts = std::iter::once(&violation.sentence).chain(&violation.evidence);
    let mut words = texts.flat_map(|text| text.split_whitespace());
    let word = words.find(|word| word.contains(".rs:"))?;
    Some(word.split(':').take(2).collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests {
    use super::super::super::outcome::tests::outcome;
    use super::*;

    fn failed(exit: Exit, oracle: &str, sentence: &str) -> Outcome {
        let mut failed = outcome("x.toml", 1, exit, oracle);
        if let Some(violation) = &mut failed.report.violation {
            violation.sentence = sentence.to_owned();
        }
        failed
    }

    #[test]
    fn the_same_oracle_is_the_same_finding() {
        let one = failed(
            Exit::Safety,
            "S4",
            "a.near/x: started though it is not wanted",
        );
        let finding = Finding::of(&one, false).expect("it failed");
        let same = [
            failed(
                Exit::Safety,
                "S4",
                "b.near/y: started though it is not wanted",
            ),
            failed(Exit::Safety, "S4", "b.near/y: resumed, and it was disabled"),
        ];
        let other = [
            failed(Exit::Safety, "S4", "somebody was started"),
            failed(
                Exit::Safety,
                "S5",
                "a.near/x: started though it is not wanted",
            ),
            failed(
                Exit::Liveness,
                "S4",
                "a.near/x: started though it is not wanted",
            ),
            failed(Exit::Passed, "", ""),
        ];
        assert!(same.iter().all(|one| finding.is_found_by(one)));
        assert!(!other.iter().any(|one| finding.is_found_by(one)));
        let exact = Finding::of(&one, true).expect("it failed");
        assert_eq!(same.map(|one| exact.is_found_by(&one)), [true, false]);
        assert_eq!(Finding::of(&failed(Exit::Passed, "", ""), false), None);
    }

    #[test]
    fn panics_are_the_same_at_one_place() {
        let at = |place: &str| failed(Exit::Panic, "S14", &format!("panicked at {place}: oh"));
        let finding = Finding::of(&at("crates/coordinator/src/a.rs:7:3"), false);
        let finding = finding.expect("it failed");
        assert!(finding.is_found_by(&at("crates/coordinator/src/a.rs:7:9")));
        assert!(!finding.is_found_by(&at("crates/coordinator/src/a.rs:8:3")));
    }

    #[test]
    fn the_indexer_of_a_sentence_is_found() {
        let of = |sentence: &str| {
            let failed = failed(Exit::Safety, "S1", sentence);
            named(&failed.report.violation.expect("there is one"))
        };
        assert_eq!(
            of("a.near/feed: two streams").as_deref(),
            Some("a.near/feed")
        );
        assert_eq!(of("`b.near/x`, of all").as_deref(), Some("b.near/x"));
        assert_eq!(of("something / nothing happened, crates/x/y.rs"), None);
    }
}
