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

/// The same, group by group with seeds per scenario, a reason and a date, of what is
/// rare.
const RARE: &[(&[&str], u64, &str, &str)] = &[
    (
        INSTANTS,
        5,
        "a call that is seldom made in that phase must meet the end of somebody",
        FIRST,
    ),
    (
        CHANCES,
        5,
        "few scenarios do it, and where they do it chance decides when",
        FIRST,
    ),
    (SWARMS, 5, "only swarms do it", FIRST),
    (
        UNSEEN,
        1_000,
        "possible by the rules, and a matter of milliseconds that no run has met so far",
        FIRST,
    ),
];

/// When the catalogue was first held against runs.
const FIRST: &str = "2026-11-22";

const INSTANTS: &[&str] = &[
    "Suspending x StopExecutor unreachable",
    "Deleting x StoreDelete unanswered",
    "GetTaskStatus cut short by a crash, not done",
    "GetTaskStatus cut short by a crash, done",
    "RegistryRead broken off",
    "no record x StoreCompareAndSet unanswered",
    "Deleting x StoreDelete broken off",
    "StartProvisioningTask cut short by a crash, not done",
    "RegistryListAll broken off",
    "RegistryRead cut short by a crash, done",
    "StoreCompareAndSet broken off",
    "StoreDelete unreachable",
    "StoreDelete broken off",
    "StoreDelete unanswered",
    "StoreSetMembers broken off",
    "StoreSetMembers cut short by a crash, not done",
    "StoreSetMembers cut short by a crash, done",
    "StoreQueueHead unreachable",
    "Suspending x StopStream unreachable",
    "Deleting x StopStream unreachable",
    "Suspending x StopStream broken off",
    "Repairing x StopStream broken off",
    "Deleting x StopStream broken off",
    "Running x StopStream cut short by a crash, not done",
    "Suspending x StopStream cut short by a crash, not done",
    "Deleting x StopStream cut short by a crash, not done",
    "Running x StopStream cut short by a crash, done",
    "Suspending x StopStream cut short by a crash, done",
    "Deleting x StopStream cut short by a crash, done",
    "Deleting x GetStream broken off",
    "Suspending x GetStream cut short by a crash, not done",
    "Deleting x GetStream cut short by a crash, not done",
    "Suspending x GetStream cut short by a crash, done",
    "Repairing x GetStream cut short by a crash, done",
    "Deleting x GetStream cut short by a crash, done",
    "Deleting x StopExecutor unreachable",
    "Repairing x StopExecutor broken off",
    "Deleting x StopExecutor broken off",
    "Running x StopExecutor cut short by a crash, not done",
    "Suspending x StopExecutor cut short by a crash, not done",
    "Deleting x StopExecutor cut short by a crash, not done",
    "Running x StopExecutor cut short by a crash, done",
    "Deleting x StopExecutor cut short by a crash, done",
    "Deleting x GetExecutor unreachable",
    "Repairing x GetExecutor broken off",
    "Deleting x GetExecutor broken off",
    "Suspending x GetExecutor cut short by a crash, not done",
    "Repairing x GetExecutor cut short by a crash, not done",
    "Deleting x GetExecutor cut short by a crash, not done",
    "Suspending x GetExecutor cut short by a crash, done",
    "Repairing x GetExecutor cut short by a crash, done",
    "Deleting x GetExecutor cut short by a crash, done",
    "Initializing x StartProvisioningTask cut short by a crash, not done",
    "Initializing x StoreCompareAndSet unreachable",
    "Suspending x StoreCompareAndSet unreachable",
    "Suspended x StoreCompareAndSet unreachable",
    "Repairing x StoreCompareAndSet unreachable",
    "Deleting x StoreCompareAndSet unreachable",
    "no record x StoreCompareAndSet broken off",
    "Initializing x StoreCompareAndSet broken off",
    "Running x StoreCompareAndSet broken off",
    "Suspending x StoreCompareAndSet broken off",
    "Suspended x StoreCompareAndSet broken off",
    "Repairing x StoreCompareAndSet broken off",
    "Deleting x StoreCompareAndSet broken off",
    "Initializing x StoreCompareAndSet unanswered",
    "Suspending x StoreCompareAndSet unanswered",
    "Suspended x StoreCompareAndSet unanswered",
    "Deleting x StoreCompareAndSet unanswered",
    "no record x StoreCompareAndSet cut short by a crash, not done",
    "Initializing x StoreCompareAndSet cut short by a crash, not done",
    "Suspending x StoreCompareAndSet cut short by a crash, not done",
    "Deleting x StoreCompareAndSet cut short by a crash, not done",
    "no record x StoreCompareAndSet cut short by a crash, done",
    "Initializing x StoreCompareAndSet cut short by a crash, done",
    "Suspending x StoreCompareAndSet cut short by a crash, done",
    "Deleting x StoreCompareAndSet cut short by a crash, done",
    "Running x StoreDelete unreachable",
    "Running x StoreDelete broken off",
    "Running x StoreDelete unanswered",
    "Running x StoreDelete cut short by a crash, not done",
    "Deleting x StoreDelete cut short by a crash, not done",
    "Deleting x StoreDelete cut short by a crash, done",
];

const CHANCES: &[&str] = &[
    "transition Suspending -> Initializing",
    "StartStream fault black_hole",
    "StartExecutor fault hang",
    "StartExecutor fault half_open",
    "StartProvisioningTask fault refused",
    "StartProvisioningTask fault error_after",
    "StartProvisioningTask fault late",
    "StartProvisioningTask fault duplicate",
    "StartProvisioningTask fault hang",
    "StartProvisioningTask fault half_open",
    "StartProvisioningTask fault black_hole",
    "StartProvisioningTask fault crash_before",
    "StartProvisioningTask fault crash_after",
    "GetTaskStatus fault late",
    "GetTaskStatus fault half_open",
    "GetTaskStatus fault black_hole",
    "held while provisioned",
    "held while repairing",
    "unreadable record read again",
    "gave up, mended by an operator",
];

const SWARMS: &[&str] = &["fault broken_for_good"];

const UNSEEN: &[&str] = &[
    "Repairing x StopStream cut short by a crash, not done",
    "Repairing x StopStream cut short by a crash, done",
    "Repairing x StopExecutor cut short by a crash, not done",
    "Repairing x StopExecutor cut short by a crash, done",
    "no record x StoreCompareAndSet unreachable",
    "Deleting x StoreDelete unreachable",
];

/// What is said of the mark with that name.
pub fn of(name: &str) -> Rarity {
    if let Some((_, reason)) = INFEASIBLE.iter().find(|(pattern, _)| fits(pattern, name)) {
        return Rarity::Infeasible { reason };
    }
    let is_about = |names: &[&str]| names.iter().any(|pattern| fits(pattern, name));
    let found = RARE.iter().find(|(names, ..)| is_about(names));
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
    infeasible.chain(RARE.iter().flat_map(|(names, ..)| names.iter().copied()))
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
