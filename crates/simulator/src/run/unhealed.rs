//! What is not as wanted when the time for healing is over, in one violation or,
//! with the original's logic, in one for each indexer.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::report::Violation;
use crate::world::World;

/// L3 if some indexers are stuck, otherwise L1.
pub(super) fn together(
    world: &World,
    bound: Duration,
    stuck: &[String],
    pending: &[String],
) -> Violation {
    let bound = humantime::format_duration(bound);
    let (oracle, sentence) = match stuck.first() {
        Some(first) => ("L3", format!("{first}, {bound} after all was healed")),
        None => (
            "L1",
            format!("the world did not converge within {bound} after it was healed"),
        ),
    };
    Violation {
        oracle: oracle.to_owned(),
        sentence,
        at: world.now.to_string(),
        evidence: stuck.iter().chain(pending).cloned().collect(),
    }
}

/// One violation for each indexer: L3 if it is stuck, otherwise L1, with all that
/// is wrong with it and the call that it waits for, if there is one.
pub(super) fn apart(
    world: &World,
    bound: Duration,
    stuck: &[String],
    pending: &[String],
) -> Vec<Violation> {
    let bound = humantime::format_duration(bound);
    let mut problems: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let oracles = &world.history.oracles;
    let waits = oracles.unanswered(world.now);
    for line in stuck.iter().chain(pending).chain(&waits) {
        let (whose, what) = line.split_once(": ").unwrap_or(("*", line));
        problems.entry(whose).or_default().push(what);
    }
    // What holds up everybody belongs to everybody's story.
    let common = problems.remove("*").unwrap_or_default();
    if problems.is_empty() {
        problems.insert("*", Vec::new());
    }
    let violation = |(whose, what): (&str, Vec<&str>)| {
        let what = [what, common.clone()].concat();
        let is_stuck = stuck
            .iter()
            .any(|line| line.split_once(": ").is_some_and(|(name, _)| name == whose));
        let what = what.join("; ");
        Violation {
            oracle: if is_stuck { "L3" } else { "L1" }.to_owned(),
            sentence: format!("{whose}: {what}; {bound} after all was healed"),
            at: world.now.to_string(),
            evidence: oracles.evidence_about(whose),
        }
    };
    problems.into_iter().map(violation).collect()
}
