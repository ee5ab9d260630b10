//! What stays broken when everything else is healed.

use serde::Deserialize;

use super::values::{NodeName, Selector};

/// An entry of `broken` in `[run]`: a node or an indexer, and what is the matter
/// with it: `{ node = "runner", is = "cut_off" }`,
/// `{ indexer = "alice.near/feed", is = "never_starting" }`. It breaks when the rest
/// is healed at the end of the run, and stays so; quiet periods in mid-run know
/// nothing of it. What does not need it must converge all the same; what does must
/// say what it waits for, and may not be in a hurry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// Which node, for what befalls nodes. Not the coordinator.
    pub node: Option<NodeName>,
    /// Which indexer, for what befalls indexers.
    pub indexer: Option<Selector>,
    /// What is the matter.
    pub is: Breakage,
}

/// What is the matter with something broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breakage {
    /// The process is dead.
    Down,
    /// The process is frozen: connections stay open, nothing is answered.
    Frozen,
    /// No message passes between it and the coordinator.
    CutOff,
    /// The registry answers with what was true ten minutes ago.
    Stale,
    /// The data layer is never created: each task fails.
    NeverProvisioned,
    /// A task for the data layer never ends; its account waits as long as a task is
    /// waited for.
    ProvisioningHangs,
    /// The executor never starts: each start fails after it was acknowledged.
    NeverStarting,
    /// A start of the executor never comes to an end.
    StartHangs,
    /// No block can be fetched for its executor.
    BlocksMissing,
}

impl Breakage {
    /// Whether it befalls nodes; otherwise it befalls indexers.
    pub fn is_of_nodes(self) -> bool {
        matches!(
            self,
            Breakage::Down | Breakage::Frozen | Breakage::CutOff | Breakage::Stale
        )
    }
}
