//! The catalogue of marks: every situation that runs shall reach, known before
//! anything has run.
//!
//! A run counts the marks that it reaches; `cargo sim coverage` adds up many runs
//! and says which marks none of them reached. There are three kinds. Most marks are
//! made from tables (phases, transitions, calls, faults, oracles); those that only a
//! person can think of stand in [`situations`]. What is rare, or cannot be, says so
//! with a reason in `rarity`.

pub mod cells;
pub mod faults;
mod rarity;
pub mod situations;

#[cfg(test)]
mod tests;

use lifecycle::{Cause, Phase, TRANSITIONS};
use serde::{Deserialize, Serialize};

use crate::history::{Method, NodeName};
use crate::scenario::ORACLES;
pub use cells::{Ending, Standing};
pub use rarity::Rarity;

/// What a mark demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It happens in some runs.
    Sometimes,
    /// Something that exists in the product or in the harness is used at all.
    Reachable,
    /// It holds whenever it is looked at, and it is looked at.
    Always,
}

/// What marks are about; in a report they stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Phases of records.
    Phases,
    /// Changes of phase.
    Transitions,
    /// Effects on the world.
    Actions,
    /// Causes of repairs.
    Repairs,
    /// What loops wait for.
    Waits,
    /// How calls ended.
    Answers,
    /// How calls ended, by the phase in which they were sent.
    Cells,
    /// Faults that had a victim.
    Faults,
    /// Faults by the call that they befell.
    Befallen,
    /// Oracles that had something to judge.
    Judged,
    /// Where streams begin, and why then.
    Starts,
    /// Formats of records that were read.
    Formats,
    /// Conditions of nodes.
    Nodes,
    /// Situations that somebody thought of.
    Situations,
    /// Conditions that must hold.
    Always,
}

impl Family {
    /// All of them, in the order of reports.
    pub const ALL: [Family; 15] = [
        Family::Phases,
        Family::Transitions,
        Family::Actions,
        Family::Repairs,
        Family::Waits,
        Family::Answers,
        Family::Cells,
        Family::Faults,
        Family::Befallen,
        Family::Judged,
        Family::Starts,
        Family::Formats,
        Family::Nodes,
        Family::Situations,
        Family::Always,
    ];

    /// The family as a heading.
    pub fn title(self) -> &'static str {
        match self {
            Family::Phases => "phases",
            Family::Transitions => "transitions",
            Family::Actions => "actions",
            Family::Repairs => "causes of repairs",
            Family::Waits => "reasons to wait",
            Family::Answers => "ends of calls",
            Family::Cells => "phase x call x end",
            Family::Faults => "faults",
            Family::Befallen => "call x fault",
            Family::Judged => "oracles with something to judge",
            Family::Starts => "starts of streams",
            Family::Formats => "formats of records",
            Family::Nodes => "conditions of nodes",
            Family::Situations => "situations",
            Family::Always => "conditions",
        }
    }
}

/// Something that a run counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named after what it counts")]
pub enum Mark {
    Phase(Phase),
    Transition(Phase, Phase),
    Action(&'static str),
    Repair(Cause),
    Wait(&'static str),
    Answer(Method, Ending),
    Cell(Standing, Method, Ending),
    Fault(&'static str),
    Befell(Method, &'static str),
    Start(&'static str, &'static str),
    Format(&'static str),
    Node(NodeName, &'static str),
    /// A situation, an oracle or a condition, by its name.
    Named(&'static str),
}

impl Mark {
    /// Its name in reports.
    pub fn name(self) -> String {
        match self {
            Mark::Phase(phase) => format!("phase {phase}"),
            Mark::Transition(from, to) => format!("transition {from} -> {to}"),
            Mark::Action(action) => format!("action {action}"),
            Mark::Repair(cause) => format!("repair {cause:?}"),
            Mark::Wait(reason) => format!("wait {reason}"),
            Mark::Answer(method, ending) => format!("{method:?} {}", ending.words()),
            Mark::Cell(standing, method, ending) => {
                format!("{} x {method:?} {}", standing.name(), ending.words())
            }
            Mark::Fault(family) => format!("fault {family}"),
            Mark::Befell(method, fault) => format!("{method:?} fault {fault}"),
            Mark::Start(block, path) => format!("start at {block} of a {path}"),
            Mark::Format(format) => format!("record {format}"),
            Mark::Node(node, state) => format!("{node} {state}"),
            Mark::Named(name) => name.to_owned(),
        }
    }
}

/// A mark of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name in reports.
    pub name: String,
    /// What it is about.
    pub family: Family,
    /// What it demands.
    pub kind: Kind,
    /// When it counts, in words.
    pub sentence: String,
    /// How often it may be expected.
    pub rarity: Rarity,
}

/// What effects are called, by the call that brings them about.
pub const ACTIONS: [(Method, &str); 6] = [
    (Method::StartProvisioningTask, "StartProvisioning"),
    (Method::StartStream, "StartStream"),
    (Method::StopStream, "StopStream"),
    (Method::StartExecutor, "StartExecutor"),
    (Method::StopExecutor, "StopExecutor"),
    (Method::StoreDelete, "ClearData"),
];

/// Every cause of a repair.
pub const CAUSES: [Cause; 14] = [
    Cause::ProvisioningFailed,
    Cause::ProvisioningTimedOut,
    Cause::ProvisioningLost,
    Cause::ProvisioningUncertain,
    Cause::ProvisioningNotStarted,
    Cause::UnsupportedRule,
    Cause::StreamNotStarted,
    Cause::StreamNotStopped,
    Cause::StreamUnhealthy,
    Cause::ExecutorNotStarted,
    Cause::ExecutorNotStopped,
    Cause::ExecutorUnhealthy,
    Cause::ExecutorFailing,
    Cause::DataNotCleared,
];

/// Every reason to wait, as [`lifecycle::Reason::name`] says it; `Observing` is the
/// shadow's own.
pub const WAITS: [&str; 16] = [
    "Steady",
    "Suspended",
    "Held",
    "RegistryUnknown",
    "NotInRegistry",
    "StaleRegistry",
    "ServiceDown",
    "Unseen",
    "Provisioning",
    "ProvisioningUncertain",
    "AccountBusy",
    "ProvisioningFull",
    "StartBudget",
    "ExecutorStarting",
    "Retry",
    "GaveUp",
];

/// What a registration says of its first block.
pub const START_BLOCKS: [&str; 3] = ["LATEST", "HEIGHT", "CONTINUE"];

/// Why a stream is started.
pub const START_PATHS: [&str; 3] = ["new life", "new version", "resumed version"];

/// The forms of records that were ever written, oldest first.
pub const FORMATS: [(&str, &str); 8] = [
    ("version key", "a stream's version is all there is"),
    ("synced", "it holds the version of the stream only"),
    ("enabled", "it holds that and the operator's switch"),
    ("named", "it holds those and the indexer's names"),
    ("provisioned", "it has a provisioning state and no phase"),
    ("stopping", "its phase has one of the two former names"),
    (
        "original",
        "it is the last form of the original coordinator",
    ),
    ("own", "it is this coordinator's"),
];

/// Conditions of nodes.
pub const CONDITIONS: [&str; 3] = ["up", "down", "paused"];

/// Conditions that are looked at in every run, each with what it says.
pub const ALWAYS: &[(&str, &str)] = &[
    (
        "always: time goes forward",
        "No event is earlier than the one before.",
    ),
    (
        "always: an answer belongs to a call",
        "What is answered was sent, and was not answered before.",
    ),
    (
        "always: an effect was sent",
        "What takes effect was sent before, by whoever is named as its sender.",
    ),
    (
        "always: an effect names somebody",
        "Whatever a service does for a call can be put to an indexer's account.",
    ),
];

/// What the name of a condition ends with where it did not hold.
pub const VIOLATED: &str = " (violated)";

/// All marks, family by family.
pub fn catalogue() -> Vec<Entry> {
    let mut all = Vec::new();
    let mut add = |family, kind, mark: Mark, sentence: String| {
        let name = mark.name();
        let rarity = rarity::of(&name);
        all.push(Entry {
            name,
            family,
            kind,
            sentence,
            rarity,
        });
    };
    use Family as F;
    let reachable = Kind::Reachable;
    for phase in Phase::ALL {
        let words = format!("a record is written in phase {phase}");
        add(F::Phases, reachable, Mark::Phase(phase), words);
    }
    for (from, to) in TRANSITIONS.iter().copied() {
        let words = format!("a record goes from {from} to {to}");
        add(F::Transitions, reachable, Mark::Transition(from, to), words);
    }
    for (method, action) in ACTIONS {
        let words = format!("a call of {method:?} is done");
        add(F::Actions, reachable, Mark::Action(action), words);
    }
    for cause in CAUSES {
        let words = format!("a repair begins because {cause}");
        add(F::Repairs, reachable, Mark::Repair(cause), words);
    }
    for reason in WAITS {
        let words = format!("a loop is seen to wait for the reason {reason}");
        add(F::Waits, reachable, Mark::Wait(reason), words);
    }
    for (method, ending) in cells::answers() {
        let words = format!("a call of {method:?} {}", ending.sentence());
        add(F::Answers, reachable, Mark::Answer(method, ending), words);
    }
    for (standing, method, ending) in cells::cells() {
        let end = ending.sentence();
        let words = format!("{method:?}, sent {}, {end}", standing.sentence());
        add(
            F::Cells,
            reachable,
            Mark::Cell(standing, method, ending),
            words,
        );
    }
    for (family, words) in faults::families() {
        add(F::Faults, reachable, Mark::Fault(family), words.to_owned());
    }
    for (method, fault) in faults::befallen() {
        let words = format!("the fault {fault} befalls a call of {method:?}");
        add(F::Befallen, reachable, Mark::Befell(method, fault), words);
    }
    for id in ORACLES {
        let words = format!("the oracle {id} has something to judge");
        add(
            F::Judged,
            reachable,
            Mark::Named(situations::judged(id)),
            words,
        );
    }
    for block in START_BLOCKS {
        for path in START_PATHS {
            let words = format!("the stream of a {path} that asks for {block} begins");
            add(F::Starts, reachable, Mark::Start(block, path), words);
        }
    }
    for (format, words) in FORMATS {
        let words = format!("a record is taken over of which this is true: {words}");
        add(F::Formats, reachable, Mark::Format(format), words);
    }
    for node in NodeName::ALL {
        for state in CONDITIONS {
            let words = format!("{node} becomes {state}");
            add(F::Nodes, reachable, Mark::Node(node, state), words);
        }
    }
    for (name, words) in situations::SITUATIONS {
        add(
            F::Situations,
            Kind::Sometimes,
            Mark::Named(name),
            (*words).to_owned(),
        );
    }
    for (name, words) in ALWAYS {
        add(
            F::Always,
            Kind::Always,
            Mark::Named(name),
            (*words).to_owned(),
        );
    }
    all
}
