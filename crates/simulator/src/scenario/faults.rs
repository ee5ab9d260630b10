//! Random faults and random operations.

use std::time::Duration;

use serde::Deserialize;
use sim_node::human_duration;

use super::control_plane::{ControlRates, ListRates};
use super::values::{DurationRange, NodeName, optional_duration};

/// Random faults. Everything is off unless given. A rate is the mean number of
/// events per minute of the part of the run that has faults; a probability is
/// per call.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// When they begin, from the start of the run.
    #[serde(with = "human_duration")]
    pub start: Duration,
    /// When they end; at the end of `run.duration` if not given.
    #[serde(with = "optional_duration")]
    pub stop: Option<Duration>,
    /// Each seed has some of the fault families and their rates scaled at
    /// random instead of all of them always.
    pub swarm: bool,
    /// Crashes per minute and node.
    pub kill: NodeRates,
    /// Freezes per minute and node.
    pub pause: NodeRates,
    /// How long a crashed node is down and a frozen one frozen.
    pub down: DurationRange,
    /// Cut links per minute, over all links.
    pub partition: f64,
    /// How long a link is cut.
    pub partition_for: DurationRange,
    /// Slow links per minute, over all links.
    pub clog: f64,
    /// How long a link is slow.
    pub clog_for: DurationRange,
    /// The latency of a slow link.
    pub clog_latency: DurationRange,
    /// Links on which messages overtake each other, per minute, over all links.
    pub reorder: f64,
    /// For how long they do.
    pub reorder_for: DurationRange,
    /// How long a message is held back that is overtaken.
    pub reorder_by: DurationRange,
    /// Slow machines per minute and node.
    pub slow_node: NodeRates,
    /// How long a machine is slow.
    pub slow_node_for: DurationRange,
    /// How much longer each call takes then.
    pub slow_node_by: DurationRange,
    /// Losses of several nodes at once per minute; each is down as `down` says.
    pub lose_nodes: f64,
    /// Rounds per minute in which nodes fail one by one and come back in another
    /// order.
    pub swizzle: f64,
    /// The time from one to the next.
    pub swizzle_apart: DurationRange,
    /// Clocks that jump, per minute and node, forward or back.
    pub clock_jump: ClockRates,
    /// How far a clock jumps.
    pub clock_jump_by: DurationRange,
    /// How long it is wrong then, before it is put right.
    pub clock_jump_for: DurationRange,
    /// Clocks that begin to run between half and twice as fast as they should, per
    /// minute and node.
    pub clock_drift: ClockRates,
    /// For how long they do.
    pub clock_drift_for: DurationRange,
    /// What becomes of calls.
    pub calls: CallRates,
    /// What becomes of the coordinator's commands to the store.
    pub store_calls: StoreRates,
    /// What the registry answers.
    pub registry_calls: RegistryRates,
    /// What befalls streams, executors and provisioning tasks.
    pub tasks: TaskRates,
    /// What the services list.
    pub lists: ListRates,
    /// What befalls quotas, coordinators and the format of records.
    pub control_plane: ControlRates,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            start: Duration::ZERO,
            stop: None,
            swarm: false,
            kill: NodeRates::default(),
            pause: NodeRates::default(),
            down: DurationRange::from_millis(1_000, 30_000),
            partition: 0.0,
            partition_for: DurationRange::from_millis(1_000, 30_000),
            clog: 0.0,
            clog_for: DurationRange::from_millis(1_000, 30_000),
            clog_latency: DurationRange::from_millis(500, 5_000),
            reorder: 0.0,
            reorder_for: DurationRange::from_millis(1_000, 30_000),
            reorder_by: DurationRange::from_millis(100, 15_000),
            slow_node: NodeRates::default(),
            slow_node_for: DurationRange::from_millis(5_000, 60_000),
            slow_node_by: DurationRange::from_millis(50, 3_000),
            lose_nodes: 0.0,
            swizzle: 0.0,
            swizzle_apart: DurationRange::from_millis(500, 10_000),
            clock_jump: ClockRates::default(),
            clock_jump_by: DurationRange::from_millis(1_000, 3_600_000),
            clock_jump_for: DurationRange::from_millis(10_000, 600_000),
            clock_drift: ClockRates::default(),
            clock_drift_for: DurationRange::from_millis(10_000, 600_000),
            calls: CallRates::default(),
            store_calls: StoreRates::default(),
            registry_calls: RegistryRates::default(),
            tasks: TaskRates::default(),
            lists: ListRates::default(),
            control_plane: ControlRates::default(),
        }
    }
}

/// Events per minute for each node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeRates {
    /// The coordinator.
    pub coordinator: f64,
    /// The block streamer.
    pub block_streamer: f64,
    /// The process of executors and provisioner.
    pub runner: f64,
    /// Redis.
    pub store: f64,
    /// The registry's RPC nodes.
    pub registry: f64,
}

impl NodeRates {
    /// The rate of one node.
    pub fn of(&self, node: NodeName) -> f64 {
        match node {
            NodeName::Coordinator => self.coordinator,
            NodeName::BlockStreamer => self.block_streamer,
            NodeName::Runner => self.runner,
            NodeName::Store => self.store,
            NodeName::Registry => self.registry,
        }
    }
}

/// Events per minute for each node whose clock anybody sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockRates {
    /// The coordinator, which keeps times in its records.
    pub coordinator: f64,
    /// The block streamer, which says when a stream's health was last looked at.
    pub block_streamer: f64,
}

impl ClockRates {
    /// The nodes with their rates.
    pub fn each(&self) -> [(NodeName, f64); 2] {
        [
            (NodeName::Coordinator, self.coordinator),
            (NodeName::BlockStreamer, self.block_streamer),
        ]
    }
}

/// The probability of each outcome of a call; together at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallRates {
    /// See [`super::CallOutcome::Refused`].
    pub refused: f64,
    /// See [`super::CallOutcome::ErrorBefore`].
    pub error_before: f64,
    /// See [`super::CallOutcome::ErrorAfter`].
    pub error_after: f64,
    /// See [`super::CallOutcome::AnswerLost`].
    pub answer_lost: f64,
    /// See [`super::CallOutcome::Late`].
    pub late: f64,
    /// See [`super::CallOutcome::Duplicate`].
    pub duplicate: f64,
    /// See [`super::CallOutcome::Stale`].
    pub stale: f64,
    /// See [`super::CallOutcome::Hang`].
    pub hang: f64,
    /// See [`super::CallOutcome::HalfOpen`].
    pub half_open: f64,
    /// See [`super::CallOutcome::BlackHole`].
    pub black_hole: f64,
}

impl CallRates {
    /// The outcomes with their probabilities, in the order of
    /// [`super::CallOutcome::ALL`].
    pub fn each(&self) -> [(super::CallOutcome, f64); 10] {
        use super::CallOutcome as O;
        [
            (O::Refused, self.refused),
            (O::ErrorBefore, self.error_before),
            (O::ErrorAfter, self.error_after),
            (O::AnswerLost, self.answer_lost),
            (O::Late, self.late),
            (O::Duplicate, self.duplicate),
            (O::Stale, self.stale),
            (O::Hang, self.hang),
            (O::HalfOpen, self.half_open),
            (O::BlackHole, self.black_hole),
        ]
    }
}

/// Probabilities per command of the coordinator to the store; together at most 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreRates {
    /// A compare-and-set loses a race that never was.
    pub conflict: f64,
    /// The command fails without effect.
    pub error_before: f64,
    /// The command fails and has had its effect.
    pub error_after: f64,
    /// A compare-and-set loses a race against a second writer, who changes a field
    /// that the coordinator does not know.
    pub rival: f64,
}

/// Probabilities per read of the registry; together at most 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryRates {
    /// A successful `null`.
    pub null: f64,
    /// An RPC error.
    pub error: f64,
    /// Status 429.
    pub rate_limited: f64,
    /// The truth as of up to `lag` ago.
    pub stale: f64,
    /// How old a stale answer can be.
    #[serde(with = "human_duration")]
    pub lag: Duration,
    /// A listing with an entry that cannot be decoded.
    pub undecodable: f64,
    /// Out of gas.
    pub gas_limit: f64,
    /// An empty listing.
    pub empty: f64,
    /// A listing in which entries are missing.
    pub drop_entries: f64,
}

impl Default for RegistryRates {
    fn default() -> RegistryRates {
        RegistryRates {
            null: 0.0,
            error: 0.0,
            rate_limited: 0.0,
            stale: 0.0,
            lag: Duration::from_secs(30),
            undecodable: 0.0,
            gas_limit: 0.0,
            empty: 0.0,
            drop_entries: 0.0,
        }
    }
}

/// Events per minute, each about an indexer chosen at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskRates {
    /// A stream task panics.
    pub panic_task: f64,
    /// A stream task ends with an error.
    pub kill_task: f64,
    /// A worker dies of an exception.
    pub crash_worker: f64,
    /// A worker exits without an error.
    pub vanish_worker: f64,
    /// The next block of a worker cannot be fetched.
    pub poison: f64,
    /// The next start of an executor is slow.
    pub slow_start: f64,
    /// The next start of an executor never ends.
    pub hang_start: f64,
    /// The next start of an executor fails.
    pub fail_start: f64,
    /// The next stop of an executor is rejected.
    pub fail_stop: f64,
    /// The next provisioning task fails.
    pub fail_next: f64,
    /// The next provisioning task never ends.
    pub hang_next: f64,
    /// The next provisioning task is slow.
    pub slow_next: f64,
}

/// Random operations of users and operators: means per minute, over all indexers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// When they begin, from the start of the run.
    #[serde(with = "human_duration")]
    pub start: Duration,
    /// When they end; at the end of `run.duration` if not given.
    #[serde(with = "optional_duration")]
    pub stop: Option<Duration>,
    /// Registers an indexer that is declared with `registered = "never"`.
    pub register: f64,
    /// Registers a new version of a registered indexer.
    pub update: f64,
    /// Removes a registered indexer.
    pub delete: f64,
    /// Registers a deleted indexer again.
    pub reregister: f64,
    /// Enables an indexer.
    pub enable: f64,
    /// Disables an indexer.
    pub disable: f64,
    /// Holds an indexer. What is still held when the run heals is released then.
    pub hold: f64,
    /// Releases an indexer, held or not.
    pub release: f64,
    /// Orders a retry for an indexer, whether or not anything failed.
    pub retry: f64,
    /// Changes something of an indexer and changes it back within a second.
    pub hidden_change: f64,
    /// Updates an indexer ten times within a few seconds.
    pub churn: f64,
}
