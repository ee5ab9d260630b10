//! What always holds, as values that tests and oracles share.

use crate::{Action, Phase};

/// A property of [`crate::plan`] and [`crate::absorb`] that holds for every input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// A stable name, for reports.
    pub id: &'static str,
    /// The property in words.
    pub text: &'static str,
}

/// All invariants, by id.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        id: "I1-total",
        text: "every observation has a step",
    },
    Invariant {
        id: "I2-no-commit-cycle",
        text: "a chain of commits ends with an effect or a wait",
    },
    Invariant {
        id: "I3-commit-changes",
        text: "a commit changes the record, and never its id or the operator's switch",
    },
    Invariant {
        id: "I4-transitions",
        text: "only listed changes of phase occur",
    },
    Invariant {
        id: "I5-allowed-effects",
        text: "an effect is one that the persisted phase allows",
    },
    Invariant {
        id: "I6-evidence",
        text: "only what was seen is stopped; data is cleared, and a record removed, only where \
               stream and executor are verified absent",
    },
    Invariant {
        id: "I7-tombstone",
        text: "deletion begins with an explicit tombstone that is not older than what runs, or \
               than what the indexer is known to have been registered as",
    },
    Invariant {
        id: "I8-stop-reason",
        text: "what runs as wanted and well is not stopped, unless its run is not known or not \
               prepared",
    },
    Invariant {
        id: "I9-no-double-start",
        text: "a start needs the verified absence of what it starts, and nothing of another \
               version beside it",
    },
    Invariant {
        id: "I10-run-before-effect",
        text: "stream and executor start only for a committed and prepared run of that version",
    },
    Invariant {
        id: "I11-intent-before-task",
        text: "provisioning starts only after its intent was committed, once per intent",
    },
    Invariant {
        id: "I12-start-height",
        text: "a stream never starts before its run's start, nor after its cursor",
    },
    Invariant {
        id: "I13-way-out",
        text: "every phase is left once the world allows it",
    },
    Invariant {
        id: "I14-hold",
        text: "nothing is done for a held indexer; only the end of its task, and as what it is \
               registered, are noted",
    },
    Invariant {
        id: "I15-registered",
        text: "a commit notes the newest version that the indexer is known to be registered as",
    },
];

/// Whether an indexer whose persisted phase is `phase` may carry out `action`.
pub fn allows(phase: Phase, action: &Action) -> bool {
    match phase {
        Phase::Initializing => matches!(action, Action::StartProvisioning(_)),
        Phase::Running => !matches!(action, Action::StartProvisioning(_)),
        Phase::Repairing => matches!(
            action,
            Action::StopStream(_)
                | Action::StopExecutor(_)
                | Action::StartStream { .. }
                | Action::StartExecutor(_)
        ),
        Phase::Suspending | Phase::Suspended => {
            matches!(action, Action::StopStream(_) | Action::StopExecutor(_))
        }
        Phase::Deleting => matches!(
            action,
            Action::StopStream(_) | Action::StopExecutor(_) | Action::ClearData
        ),
        Phase::Deleted => false,
    }
}
