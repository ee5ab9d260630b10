//! The scenario language: what a run consists of, written in TOML.
//!
//! A scenario is ten lines or a hundred: everything but the property it defends
//! has a default. Unknown keys are refused; every mistake is reported with its
//! place, all at once. The reference is the documentation of [`Run`], [`Data`],
//! [`Net`], [`Faults`], [`Workload`] and [`Action`]; what the faults mean stands
//! in the [`catalogue`].
//!
//! ```toml
//! property = "A crash of the runner loses no block"
//! defends = ["P1", "S2"]
//!
//! [[indexer]]
//! account = "alice.near"
//! function = "feed"
//!
//! [[step]]
//! at = "30s"
//! do = { crash = { node = "runner", down = "5s" } }
//! ```

mod action;
mod broken;
pub mod catalogue;
mod check;
mod control_plane;
mod diagnostic;
mod faults;
mod load;
mod nearest;
mod schema;
mod tree;
mod values;
mod wide;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use sim_node::IndexerKey;
use sim_node::chain::ChainConfig;
use toml::Spanned;

pub use action::{
    Action, CallFault, Clog, ConfigChange, Crash, CrashAtEffect, FailNext, Lasting, Next, OnNode,
    Partition, Pause, Poison, RecordText, RegistryFault, SlowNext, SlowStart, StoreFault, Target,
};
pub use broken::{Breakage, Broken};
pub use control_plane::{
    Churn, ControlRates, Defect, Defective, Downgrade, HiddenChange, HiddenKind, ListFault,
    ListFaultKind, ListRates, Listing, Quota, RecordFormat, Resource, SecondCoordinator,
};
pub use diagnostic::Diagnostic;
pub use faults::{
    CallRates, ClockRates, Faults, NodeRates, RegistryRates, StoreRates, TaskRates, Workload,
};
pub use load::Knobs;
pub use nearest::nearest_few;
pub use schema::{Data, Net, Quiet, Run};
pub use values::{
    CallOutcome, DurationRange, Method, NodeName, Registered, RegistryFaultKind, RuleSpec,
    RuleStatus, Selector, StartSpec, StoreFaultKind,
};
pub use wide::{ClockDrift, ClockStep, LoseNodes, Reorder, SlowNode, Swizzle, SwizzleKind};

/// The most indexers a scenario may declare, copies counted.
pub const MOST_INDEXERS: usize = 1_000;
/// The most steps, repetitions counted.
pub const MOST_STEPS: usize = 10_000;
/// The longest duration a scenario may name.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// The longest period of the coordinator's polls: a coordinator at rest must have looked
/// once more before it counts as settled.
pub const SLOWEST_TICK: Duration = Duration::from_secs(60);
/// The largest scenario file in bytes.
pub const LARGEST_FILE: u64 = 1 << 20;

/// The oracles a scenario can say it defends.
pub const ORACLES: &[&str] = &[
    "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "S12", "S14", "S15", "S16",
    "S17", "S18", "L1", "L2", "L3", "L4", "L5", "L6", "L8", "L9", "P1", "P2", "P3", "P4", "P5",
    "P6",
];

/// A checked scenario: plain data, with copies of indexers and repetitions of
/// steps written out.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file's name without folder and ending, or what the text was called.
    pub name: String,
    /// The file; what the text was called if it came from no file.
    pub path: PathBuf,
    /// The property it defends, in one sentence.
    pub property: String,
    /// The oracles that stand for the property, from [`ORACLES`].
    pub defends: Vec<String>,
    /// Why it would be red with the original coordinator's logic.
    pub original: Option<String>,
    /// How long it takes.
    pub run: Run,
    /// Overrides of the coordinator's knobs, in the order of the file. Values
    /// are texts (durations), numbers or booleans.
    pub coordinator: Vec<(String, Spanned<toml::Value>)>,
    /// How the fake nodes behave.
    pub nodes: Nodes,
    /// How the store behaves. Its undo window covers every `window` of a step.
    pub store: sim_store::Config,
    /// How the registry and the RPC nodes before it behave.
    pub registry: sim_registry::Config,
    /// The synthetic chain.
    pub chain: ChainConfig,
    /// Real blocks and a real registry, if any.
    pub data: Data,
    /// The links between the nodes.
    pub net: Net,
    /// The indexers, no two of one name.
    pub indexers: Vec<Indexer>,
    /// The steps by ascending time; those of one time in the order of the file.
    pub steps: Vec<Step>,
    /// Random faults.
    pub faults: Faults,
    /// Random operations.
    pub workload: Workload,
}

/// How the fake nodes behave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nodes {
    /// The block streamer.
    pub block_streamer: sim_block_streamer::Config,
    /// The executor service.
    pub executor: sim_executor::Config,
    /// The provisioner.
    pub provisioner: sim_provisioner::Config,
}

/// One indexer.
#[derive(Clone, Debug, PartialEq)]
pub struct Indexer {
    /// Its name.
    pub key: IndexerKey,
    /// When it is registered.
    pub registered: Registered,
    /// The blocks it wants.
    pub rule: RuleSpec,
    /// Where it starts.
    pub start: StartSpec,
    /// Its code.
    pub code: String,
    /// Its schema.
    pub schema: String,
}

/// Something that happens once.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When, from the start of the run.
    pub at: Duration,
    /// What.
    pub action: Action,
    /// The line of the scenario file.
    pub line: usize,
}
