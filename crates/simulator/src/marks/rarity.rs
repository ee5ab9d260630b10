//! Marks that need patience, and marks that cannot be reached.

use serde::Serialize;

/// How often a mark may be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Rarity {
    /// One seed of every scenario reaches it.
    Expected,
    /// It takes more than that.
    Rare {
        /// Seeds per scenario that it takes.
        seeds: u64,
        /// Why.
        reason: &'static str,
        /// Since when this is said.
        since: &'static str,
    },
    /// Nothing can reach it: if something does, this is wrong.
    Infeasible {
        /// Why.
        reason: &'static str,
    },
}

/// Marks that cannot be, by name; a star in it stands for anything.
const INFEASIBLE: &[(&str, &str)] = &[
    ("phase Deleted", NEVER_PERSISTED),
    ("transition Deleting -> Deleted", NEVER_PERSISTED),
    ("transition Deleted -> Deleting", NEVER_PERSISTED),
    (
        "judged L6",
        "`cargo sim equivalence` compares whole runs; a single run cannot judge it",
    ),
];

const NEVER_PERSISTED: &str =
    "a record is removed instead of being written as Deleted; only the original wrote it";

/// The same, with seeds per scenario, a reason and a date, of what is rare.
const RARE: &[(&str, u64, &str, &str)] = &[
    ("StoreSetAdd broken off", 5, INSTANT, FIRST),
    ("StoreSetAdd unanswered", 5, INSTANT, FIRST),
    ("StoreSetRemove unreachable", 5, INSTANT, FIRST),
    ("Repairing x StartStream unreachable", 5, INSTANT, FIRST),
    ("Suspended x StopStream unreachable", 5, INSTANT, FIRST),
    ("Suspended x StopStream broken off", 5, INSTANT, FIRST),
    (
        "Suspended x StopStream cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Repairing x StartExecutor unreachable", 5, INSTANT, FIRST),
    (
        "Repairing x StartExecutor cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Suspending x StopExecutor unreachable", 5, INSTANT, FIRST),
    ("Suspended x StopExecutor broken off", 5, INSTANT, FIRST),
    (
        "Suspended x StopExecutor cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspended x StopExecutor cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Deleting x StoreDelete unanswered", 5, INSTANT, FIRST),
    (
        "GetTaskStatus cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "GetTaskStatus cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("RegistryRead broken off", 5, INSTANT, FIRST),
    ("StoreSetRemove broken off", 5, INSTANT, FIRST),
    (
        "Repairing x StartStream cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Suspended x StopStream unanswered", 5, INSTANT, FIRST),
    (
        "Repairing x StartExecutor answered error",
        5,
        INSTANT,
        FIRST,
    ),
    ("Repairing x StartExecutor broken off", 5, INSTANT, FIRST),
    (
        "Repairing x StartExecutor cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Suspended x StopExecutor unreachable", 5, INSTANT, FIRST),
    ("Suspended x StopExecutor unanswered", 5, INSTANT, FIRST),
    (
        "no record x StoreCompareAndSet unanswered",
        5,
        INSTANT,
        FIRST,
    ),
    ("Deleting x StoreDelete broken off", 5, INSTANT, FIRST),
    ("StoreSetRemove fault error_before", 5, INSTANT, FIRST),
    (
        "StartProvisioningTask cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    ("RegistryListAll broken off", 5, INSTANT, FIRST),
    ("RegistryRead cut short by a crash, done", 5, INSTANT, FIRST),
    ("StoreCompareAndSet broken off", 5, INSTANT, FIRST),
    ("StoreDelete unreachable", 5, INSTANT, FIRST),
    ("StoreDelete broken off", 5, INSTANT, FIRST),
    ("StoreDelete unanswered", 5, INSTANT, FIRST),
    ("StoreSetMembers broken off", 5, INSTANT, FIRST),
    (
        "StoreSetMembers cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "StoreSetMembers cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "StoreSetAdd cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    ("StoreSetAdd cut short by a crash, done", 5, INSTANT, FIRST),
    ("StoreSetRemove unanswered", 5, INSTANT, FIRST),
    (
        "StoreSetRemove cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "StoreSetRemove cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("StoreQueueHead unreachable", 5, INSTANT, FIRST),
    ("Repairing x StartStream broken off", 5, INSTANT, FIRST),
    ("Repairing x StartStream unanswered", 5, INSTANT, FIRST),
    (
        "Repairing x StartStream cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Suspended x StopStream answered ok", 5, INSTANT, FIRST),
    ("Suspended x StopStream answered error", 5, INSTANT, FIRST),
    ("Repairing x StopStream answered error", 5, INSTANT, FIRST),
    ("Suspending x StopStream unreachable", 5, INSTANT, FIRST),
    ("Repairing x StopStream unreachable", 5, INSTANT, FIRST),
    ("Deleting x StopStream unreachable", 5, INSTANT, FIRST),
    ("Suspending x StopStream broken off", 5, INSTANT, FIRST),
    ("Repairing x StopStream broken off", 5, INSTANT, FIRST),
    ("Deleting x StopStream broken off", 5, INSTANT, FIRST),
    (
        "Running x StopStream cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x StopStream cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspended x StopStream cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StopStream cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Running x StopStream cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x StopStream cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StopStream cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Deleting x GetStream broken off", 5, INSTANT, FIRST),
    (
        "Suspending x GetStream cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x GetStream cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x GetStream cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Repairing x GetStream cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x GetStream cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Suspended x StopExecutor answered error", 5, INSTANT, FIRST),
    ("Deleting x StopExecutor unreachable", 5, INSTANT, FIRST),
    ("Repairing x StopExecutor broken off", 5, INSTANT, FIRST),
    ("Deleting x StopExecutor broken off", 5, INSTANT, FIRST),
    (
        "Running x StopExecutor cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x StopExecutor cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StopExecutor cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Running x StopExecutor cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StopExecutor cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Deleting x GetExecutor unreachable", 5, INSTANT, FIRST),
    ("Repairing x GetExecutor broken off", 5, INSTANT, FIRST),
    ("Deleting x GetExecutor broken off", 5, INSTANT, FIRST),
    (
        "Suspending x GetExecutor cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Repairing x GetExecutor cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x GetExecutor cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x GetExecutor cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Repairing x GetExecutor cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x GetExecutor cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Initializing x StartProvisioningTask cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Initializing x StoreCompareAndSet unreachable",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x StoreCompareAndSet unreachable",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspended x StoreCompareAndSet unreachable",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Repairing x StoreCompareAndSet unreachable",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StoreCompareAndSet unreachable",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "no record x StoreCompareAndSet broken off",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Initializing x StoreCompareAndSet broken off",
        5,
        INSTANT,
        FIRST,
    ),
    ("Running x StoreCompareAndSet broken off", 5, INSTANT, FIRST),
    (
        "Suspending x StoreCompareAndSet broken off",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspended x StoreCompareAndSet broken off",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Repairing x StoreCompareAndSet broken off",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StoreCompareAndSet broken off",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Initializing x StoreCompareAndSet unanswered",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x StoreCompareAndSet unanswered",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspended x StoreCompareAndSet unanswered",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StoreCompareAndSet unanswered",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "no record x StoreCompareAndSet cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Initializing x StoreCompareAndSet cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x StoreCompareAndSet cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StoreCompareAndSet cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "no record x StoreCompareAndSet cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Initializing x StoreCompareAndSet cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Suspending x StoreCompareAndSet cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StoreCompareAndSet cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("Running x StoreDelete unreachable", 5, INSTANT, FIRST),
    ("Running x StoreDelete broken off", 5, INSTANT, FIRST),
    ("Running x StoreDelete unanswered", 5, INSTANT, FIRST),
    (
        "Running x StoreDelete cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StoreDelete cut short by a crash, not done",
        5,
        INSTANT,
        FIRST,
    ),
    (
        "Deleting x StoreDelete cut short by a crash, done",
        5,
        INSTANT,
        FIRST,
    ),
    ("transition Suspending -> Initializing", 5, FEW, FIRST),
    ("StartStream fault black_hole", 5, FEW, FIRST),
    ("StartExecutor fault hang", 5, FEW, FIRST),
    ("StartExecutor fault half_open", 5, FEW, FIRST),
    ("StartProvisioningTask fault refused", 5, FEW, FIRST),
    ("StartProvisioningTask fault error_after", 5, FEW, FIRST),
    ("StartProvisioningTask fault late", 5, FEW, FIRST),
    ("StartProvisioningTask fault duplicate", 5, FEW, FIRST),
    ("StartProvisioningTask fault hang", 5, FEW, FIRST),
    ("StartProvisioningTask fault half_open", 5, FEW, FIRST),
    ("StartProvisioningTask fault black_hole", 5, FEW, FIRST),
    ("StartProvisioningTask fault crash_before", 5, FEW, FIRST),
    ("StartProvisioningTask fault crash_after", 5, FEW, FIRST),
    ("GetTaskStatus fault late", 5, FEW, FIRST),
    ("GetTaskStatus fault half_open", 5, FEW, FIRST),
    ("GetTaskStatus fault black_hole", 5, FEW, FIRST),
    ("StoreSetAdd fault error_after", 5, FEW, FIRST),
    ("StoreSetAdd fault crash_before", 5, FEW, FIRST),
    ("StoreSetAdd fault crash_after", 5, FEW, FIRST),
    ("StoreSetRemove fault crash_before", 5, FEW, FIRST),
    ("StoreSetRemove fault crash_after", 5, FEW, FIRST),
    ("held while provisioned", 5, FEW, FIRST),
    ("held while repairing", 5, FEW, FIRST),
    ("unreadable record read again", 5, FEW, FIRST),
    ("gave up, mended by an operator", 5, FEW, FIRST),
    ("fault broken_for_good", 5, SWARMS, FIRST),
    ("StoreSetAdd unreachable", 1_000, UNSEEN, FIRST),
    ("Repairing x StopStream unanswered", 1_000, UNSEEN, FIRST),
    (
        "Repairing x StopStream cut short by a crash, not done",
        1_000,
        UNSEEN,
        FIRST,
    ),
    (
        "Repairing x StopStream cut short by a crash, done",
        1_000,
        UNSEEN,
        FIRST,
    ),
    (
        "Repairing x StopExecutor answered error",
        1_000,
        UNSEEN,
        FIRST,
    ),
    ("Repairing x StopExecutor unreachable", 1_000, UNSEEN, FIRST),
    ("Repairing x StopExecutor unanswered", 1_000, UNSEEN, FIRST),
    (
        "Repairing x StopExecutor cut short by a crash, not done",
        1_000,
        UNSEEN,
        FIRST,
    ),
    (
        "Repairing x StopExecutor cut short by a crash, done",
        1_000,
        UNSEEN,
        FIRST,
    ),
    (
        "no record x StoreCompareAndSet unreachable",
        1_000,
        UNSEEN,
        FIRST,
    ),
    ("Deleting x StoreDelete unreachable", 1_000, UNSEEN, FIRST),
];

const INSTANT: &str = "a call that is seldom made in that phase must meet the end of somebody";
const FEW: &str = "few scenarios do it, and where they do it chance decides when";
const UNSEEN: &str = "possible by the rules, and seen in none of 400 runs made for it";
const SWARMS: &str = "only swarms do it";
/// When the catalogue was first held against runs.
const FIRST: &str = "2026-11-22";

/// What is said of the mark with that name.
pub fn of(name: &str) -> Rarity {
    if let Some((_, reason)) = INFEASIBLE.iter().find(|(pattern, _)| fits(pattern, name)) {
        return Rarity::Infeasible { reason };
    }
    let found = RARE.iter().find(|(pattern, ..)| fits(pattern, name));
    match found {
        Some((_, seeds, reason, since)) => Rarity::Rare {
            seeds: *seeds,
            reason,
            since,
        },
        None => Rarity::Expected,
    }
}

/// Whether a pattern is about a name; one star stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

/// Every pattern, for the test that each is about something.
#[cfg(test)]
pub fn patterns() -> impl Iterator<Item = &'static str> {
    let infeasible = INFEASIBLE.iter().map(|(pattern, _)| *pattern);
    infeasible.chain(RARE.iter().map(|(pattern, ..)| *pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(fits("a b", "a b") && fits("a * b", "a x y b") && fits("*", "x"));
        assert!(!fits("a b", "a b c") && !fits("ab*ba", "aba"));
    }
}
