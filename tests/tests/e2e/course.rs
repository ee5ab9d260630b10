//! How a run ends: everything is as wanted, nothing moves, and all was well.

use std::time::Duration;

use sim_node::IndexerKey;
use sim_node::server::now;

use crate::judge::{Records, Rules, Verdict};
use crate::lab::Lab;
use crate::wait::until_at;

/// What stays blocked the longest, a provisioning task of unknown fate, takes
/// two minutes; nearly always it takes seconds.
const CONVERGED_WITHIN: Duration = Duration::from_secs(200);
/// A look at everything takes a while.
const LOOK: Duration = Duration::from_millis(500);
/// Nothing was changed for this long: it rests.
pub const AT_REST: Duration = Duration::from_secs(4);

/// Waits until everything is as wanted and nothing moves.
pub async fn converge(lab: &Lab, rules: &Rules) -> Verdict {
    let rest = until_at(LOOK, CONVERGED_WITHIN, async || {
        let (records, now) = (Records::of(lab).await, now());
        let rests = records
            .changed_at()
            .is_none_or(|at| now.since(at) > AT_REST);
        let verdict = records.judge(lab, rules, now);
        (verdict.violation.is_some() || (rests && verdict.unconverged.is_empty()))
            .then_some(verdict)
    });
    match rest.await {
        Some(verdict) => verdict,
        None => {
            let now = now();
            Records::of(lab).await.judge(lab, rules, now)
        }
    }
}

/// Fails with the first violation, or with what is not as wanted.
pub fn check(verdict: &Verdict, repeat: &str) {
    if let Some(violation) = &verdict.violation {
        let evidence = violation.evidence.join("\n");
        panic!(
            "{}: {} (at {})\n{evidence}\n{repeat}",
            violation.oracle, violation.sentence, violation.at
        );
    }
    let problems = verdict.unconverged.join("\n");
    assert!(problems.is_empty(), "{problems}\n{repeat}");
}

/// Keys of indexers that are deleted, read from Redis itself.
pub fn leftovers(lab: &Lab) -> Vec<String> {
    let suffixes = [":state", ":block_stream", ":last_published_block"];
    let known = &lab.contract.known;
    let gone = |key: &String| {
        let prefix = suffixes.iter().find_map(|suffix| key.strip_suffix(suffix));
        let indexer = prefix.and_then(IndexerKey::parse);
        indexer.is_some_and(|indexer| known.get(&indexer).is_none_or(|it| it.is_deleted()))
    };
    lab.store.keys().into_iter().filter(gone).collect()
}

/// Waits until everything is as wanted and nothing moves, whatever was done before.
pub async fn as_wanted(lab: &Lab, rules: &Rules) {
    let rest = until_at(LOOK, CONVERGED_WITHIN, async || {
        let (records, now) = (Records::of(lab).await, now());
        let rests = records
            .changed_at()
            .is_none_or(|at| now.since(at) > AT_REST);
        let verdict = records.judge(lab, rules, now);
        (rests && verdict.unconverged.is_empty()).then_some(())
    });
    if rest.await.is_none() {
        let verdict = Records::of(lab).await.judge(lab, rules, now());
        panic!("never as wanted:\n{}", verdict.unconverged.join("\n"));
    }
}
