//! A scenario of the simulator.

use std::collections::BTreeSet;

use simulator::scenario::{Diagnostic, LONGEST, MOST_INDEXERS, MOST_STEPS, ORACLES, Scenario};

use crate::{Verdict, laws};

const NAME: &str = "fuzz.toml";

/// The most mistakes that are drawn: drawing is slow, and each is drawn alike.
const DRAWN_MAX: usize = 5;

/// Reads a scenario. What is read stays within the bounds that the language
/// promises and is read alike again; every mistake has a place in the text and
/// can be shown.
pub fn scenario_file(bytes: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Verdict::Refused;
    };
    let first = Scenario::parse(NAME, text);
    match &first {
        Ok(scenario) => within_bounds(scenario),
        Err(mistakes) => can_be_shown(text, mistakes),
    }
    let second = Scenario::parse(NAME, text);
    assert_eq!(first, second, "it is read in two ways");
    Verdict::of(first.is_ok())
}

fn within_bounds(scenario: &Scenario) {
    assert!(!scenario.property.trim().is_empty(), "nothing is defended");
    for oracle in &scenario.defends {
        assert!(ORACLES.contains(&oracle.as_str()), "{oracle} is no oracle");
    }
    let count = scenario.indexers.len();
    assert!(count <= MOST_INDEXERS, "{count} indexers");
    let names: BTreeSet<_> = scenario.indexers.iter().map(|one| &one.key).collect();
    assert_eq!(names.len(), count, "two indexers have one name");
    let count = scenario.steps.len();
    assert!(count <= MOST_STEPS, "{count} steps");
    let times = scenario.steps.iter().map(|step| step.at);
    assert!(times.is_sorted(), "steps are out of order");
    assert!(
        scenario.steps.iter().all(|step| step.at <= LONGEST),
        "a step comes later than the longest run ends"
    );
}

fn can_be_shown(text: &str, mistakes: &[Diagnostic]) {
    assert!(!mistakes.is_empty(), "it is refused, and nobody says why");
    for mistake in mistakes {
        laws::line_within(mistake.line, text.as_bytes());
        assert!(
            !mistake.message.trim().is_empty(),
            "a mistake without a word"
        );
    }
    for mistake in mistakes.iter().take(DRAWN_MAX) {
        assert!(mistake.to_string().starts_with(NAME), "{mistake}");
        for color in [false, true] {
            assert!(
                !mistake.render(color).is_empty(),
                "{mistake} cannot be drawn"
            );
        }
    }
}
