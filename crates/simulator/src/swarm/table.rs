//! What varies: one line per key of the scenario language.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::draw::{Draw, number};
use super::plan::Plan;
use super::profile::{Group, Profile};
use super::{Shape, find};
use Draw::{Count, Flag, Number, Range, Time};

/// A key that may be given.
pub(super) struct Key {
    /// Its path in the scenario, with dots.
    pub path: &'static str,
    /// What it is related to.
    pub group: Group,
    /// Its values.
    pub draw: Draw,
}

/// Tables of which one family is made: the same thing, done to others.
const TABLES: &[&str] = &[
    "faults.kill",
    "faults.pause",
    "faults.slow_node",
    "faults.clock_jump",
    "faults.clock_drift",
    "faults.lists",
];

impl Key {
    /// The family that is on or off, of which it is one way.
    pub(super) fn family(&self) -> &'static str {
        let table = self.path.rsplit_once('.').map(|(table, _)| table);
        let table = table.filter(|table| TABLES.contains(table));
        table.unwrap_or(self.path)
    }

    /// Whether it says how many events there are in a minute, of which each is something
    /// to whatever is registered.
    fn is_lively(&self) -> bool {
        let of_calls = self.path.contains("calls.") || self.path.starts_with("faults.lists.");
        let fault = self.path.starts_with("faults.") && !of_calls;
        (fault || LIVELY.contains(&self.path)) && matches!(self.draw, Number(..))
    }
}

/// The families that `profile` allows, each with its keys. A key with two lines is in
/// the first group that the profile has.
pub(super) fn families(profile: &Profile) -> BTreeMap<&'static str, Vec<&'static Key>> {
    let mut families: BTreeMap<_, Vec<&Key>> = BTreeMap::new();
    for key in KEYS
        .iter()
        .filter(|key| profile.groups.contains(&key.group))
    {
        let keys = families.entry(key.family()).or_default();
        if keys.iter().all(|other| other.path != key.path) {
            keys.push(key);
        }
    }
    families
}

const fn key(path: &'static str, group: Group, draw: Draw) -> Key {
    Key { path, group, draw }
}

/// Events per minute: from one in an hour to one in a minute. With half of all
/// families at once, more would leave nothing to judge.
const RARE: Draw = Number(0.02, 1.0);
/// A probability per call.
const CHANCE: Draw = Number(0.000_3, 0.03);
/// Operations per minute.
const BUSY: Draw = Number(0.05, 15.0);
/// From a blip to longer than any run.
const WHILE: Draw = Range((1, 5_000), (50, 86_400_000));

/// Every key but the coordinator's knobs and what comes in lists.
pub(super) const KEYS: &[Key] = &[
    key("faults.kill.coordinator", Group::Crashes, RARE),
    key("faults.kill.block_streamer", Group::Crashes, RARE),
    key("faults.kill.runner", Group::Crashes, RARE),
    key("faults.kill.store", Group::StoreNode, RARE),
    key("faults.kill.registry", Group::RegistryNode, RARE),
    key("faults.pause.coordinator", Group::Freezes, RARE),
    key("faults.pause.block_streamer", Group::Freezes, RARE),
    key("faults.pause.runner", Group::Freezes, RARE),
    key("faults.pause.store", Group::StoreNode, RARE),
    key("faults.pause.registry", Group::RegistryNode, RARE),
    key("faults.down", Group::Crashes, WHILE),
    key("faults.partition", Group::Links, RARE),
    key("faults.partition_for", Group::Links, WHILE),
    key("faults.clog", Group::Links, RARE),
    key("faults.clog_for", Group::Links, WHILE),
    key(
        "faults.clog_latency",
        Group::Links,
        Range((10, 1_000), (100, 30_000)),
    ),
    key("faults.reorder", Group::Links, RARE),
    key("faults.reorder_for", Group::Links, WHILE),
    key(
        "faults.reorder_by",
        Group::Links,
        Range((1, 500), (10, 20_000)),
    ),
    key("faults.slow_node.coordinator", Group::Machines, RARE),
    key("faults.slow_node.block_streamer", Group::Machines, RARE),
    key("faults.slow_node.runner", Group::Machines, RARE),
    key("faults.slow_node.store", Group::Machines, RARE),
    key("faults.slow_node.registry", Group::Machines, RARE),
    key("faults.slow_node_for", Group::Machines, WHILE),
    key(
        "faults.slow_node_by",
        Group::Machines,
        Range((1, 500), (10, 20_000)),
    ),
    key("faults.lose_nodes", Group::Machines, RARE),
    key("faults.swizzle", Group::Machines, Number(0.01, 0.5)),
    key(
        "faults.swizzle_apart",
        Group::Machines,
        Range((10, 5_000), (100, 60_000)),
    ),
    key("faults.clock_jump.coordinator", Group::Clocks, RARE),
    key("faults.clock_jump.block_streamer", Group::Clocks, RARE),
    key(
        "faults.clock_jump_by",
        Group::Clocks,
        Range((10, 60_000), (1_000, 14_400_000)),
    ),
    key("faults.clock_jump_for", Group::Clocks, WHILE),
    key("faults.clock_drift.coordinator", Group::Clocks, RARE),
    key("faults.clock_drift.block_streamer", Group::Clocks, RARE),
    key("faults.clock_drift_for", Group::Clocks, WHILE),
    key("faults.lists.partial", Group::Lists, CHANCE),
    key("faults.lists.shuffled", Group::Lists, CHANCE),
    key("faults.lists.empty", Group::Lists, CHANCE),
    key(
        "faults.control_plane.quota",
        Group::ControlPlane,
        Number(0.01, 0.5),
    ),
    key(
        "faults.control_plane.second_coordinator",
        Group::ControlPlane,
        Number(0.01, 0.5),
    ),
    key(
        "faults.control_plane.downgrade",
        Group::ControlPlane,
        Number(0.01, 0.2),
    ),
    key("faults.control_plane.quota", Group::Tasks, RARE),
    key(
        "faults.control_plane.second_coordinator",
        Group::Freezes,
        RARE,
    ),
    key(
        "faults.control_plane.downgrade",
        Group::Crashes,
        Number(0.01, 0.2),
    ),
    key("net.latency", Group::Latency, Range((1, 5), (1, 200))),
    key("faults.calls.refused", Group::Calls, CHANCE),
    key("faults.calls.error_before", Group::Calls, CHANCE),
    key("faults.calls.error_after", Group::Calls, CHANCE),
    key("faults.calls.answer_lost", Group::Calls, CHANCE),
    key("faults.calls.late", Group::Calls, CHANCE),
    key("faults.calls.duplicate", Group::Calls, CHANCE),
    key("faults.calls.stale", Group::Calls, CHANCE),
    key("faults.calls.hang", Group::Calls, CHANCE),
    key("faults.calls.half_open", Group::Calls, CHANCE),
    key("faults.calls.black_hole", Group::Calls, CHANCE),
    key("faults.store_calls.conflict", Group::StoreCalls, CHANCE),
    key("faults.store_calls.error_before", Group::StoreCalls, CHANCE),
    key("faults.store_calls.error_after", Group::StoreCalls, CHANCE),
    key("faults.store_calls.rival", Group::StoreCalls, CHANCE),
    key("faults.registry_calls.null", Group::RegistryAnswers, CHANCE),
    key(
        "faults.registry_calls.error",
        Group::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.rate_limited",
        Group::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.stale",
        Group::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.lag",
        Group::RegistryAnswers,
        Time(500, 600_000),
    ),
    key(
        "faults.registry_calls.undecodable",
        Group::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.gas_limit",
        Group::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.empty",
        Group::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.drop_entries",
        Group::RegistryAnswers,
        CHANCE,
    ),
    key("faults.tasks.panic_task", Group::Tasks, RARE),
    key("faults.tasks.kill_task", Group::Tasks, RARE),
    key("faults.tasks.crash_worker", Group::Tasks, RARE),
    key("faults.tasks.vanish_worker", Group::Tasks, RARE),
    key("faults.tasks.poison", Group::Tasks, RARE),
    key("faults.tasks.slow_start", Group::Tasks, RARE),
    key("faults.tasks.hang_start", Group::Tasks, RARE),
    key("faults.tasks.fail_start", Group::Tasks, RARE),
    key("faults.tasks.fail_stop", Group::Tasks, RARE),
    key("faults.tasks.fail_next", Group::Layer, RARE),
    key("faults.tasks.hang_next", Group::Layer, RARE),
    key("faults.tasks.slow_next", Group::Layer, RARE),
    key("workload.register", Group::Users, BUSY),
    key("workload.update", Group::Users, BUSY),
    key("workload.delete", Group::Users, Number(0.02, 5.0)),
    key("workload.reregister", Group::Users, BUSY),
    key("workload.hidden_change", Group::Users, Number(0.02, 3.0)),
    key("workload.churn", Group::Users, Number(0.01, 0.5)),
    key("workload.enable", Group::Operators, BUSY),
    key("workload.disable", Group::Operators, BUSY),
    key("workload.hold", Group::Operators, Number(0.02, 5.0)),
    key("workload.release", Group::Operators, BUSY),
    key("workload.retry", Group::Operators, BUSY),
    key("registry.replicas", Group::Topology, Count(1, 7)),
    key("registry.lag", Group::Topology, Time(100, 120_000)),
    key("registry.quirks.load_balanced", Group::Habits, Flag(false)),
    key("registry.quirks.empty_accounts", Group::Habits, Flag(false)),
    key(
        "nodes.provisioner.quirks.unretryable_windows",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.account_conflicts",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.folded_schema_names",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.deprovision_once",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.failed_precondition",
        Group::Habits,
        Flag(true),
    ),
    key(
        "nodes.executor.quirks.stop_during_start_leaks_worker",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.executor.quirks.failed_fetch_is_final",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.executor.quirks.failed_start_stays_listed",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.executor.quirks.crashed_worker_stays_listed",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.executor.quirks.silent_exit_freezes_state",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.double_start_race",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.stop_forgets_first",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.panicked_stop_is_internal",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.ended_streams_stay_listed",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.redis_error_ends_task",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.handover_twice",
        Group::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.cursor_before_publish",
        Group::Habits,
        Flag(false),
    ),
    key("nodes.block_streamer.call_time", Group::Nodes, Time(1, 100)),
    key(
        "nodes.block_streamer.start_delay",
        Group::Nodes,
        Time(1, 10_000),
    ),
    key(
        "nodes.block_streamer.stop_delay",
        Group::Nodes,
        Time(1, 2_000),
    ),
    key(
        "nodes.block_streamer.command_gap",
        Group::Nodes,
        Time(1, 20),
    ),
    key(
        "nodes.block_streamer.queue_limit",
        Group::Nodes,
        Count(10, 1_000),
    ),
    key(
        "nodes.block_streamer.full_queue_wait",
        Group::Nodes,
        Time(50, 5_000),
    ),
    key(
        "nodes.block_streamer.catch_up_rate",
        Group::Nodes,
        Count(20, 1_000),
    ),
    key("nodes.executor.start_delay", Group::Nodes, Time(1, 20_000)),
    key("nodes.executor.thread_boot", Group::Nodes, Time(1, 5_000)),
    key("nodes.executor.stop_delay", Group::Nodes, Time(1, 2_000)),
    key("nodes.executor.execution_time", Group::Nodes, Time(1, 100)),
    key(
        "nodes.executor.poll_interval",
        Group::Nodes,
        Time(10, 1_000),
    ),
    key("nodes.executor.redis_retry", Group::Nodes, Time(50, 5_000)),
    key(
        "nodes.executor.failure_retry",
        Group::Nodes,
        Time(1_000, 30_000),
    ),
    key("nodes.executor.prefetch", Group::Nodes, Count(1, 100)),
    key(
        "nodes.provisioner.stage_time",
        Group::Nodes,
        Time(1, 10_000),
    ),
    key("chain.interval", Group::Chain, Time(500, 6_000)),
    key("chain.skip", Group::Chain, Number(0.001, 0.5)),
    key("chain.accounts", Group::Chain, Count(1, 20)),
    key("chain.touch", Group::Chain, Number(0.01, 0.99)),
    key("chain.failure", Group::Chain, Number(0.001, 0.9)),
];

/// Operations that are something to any registered indexer; the first of them are
/// those of users, whom every profile has.
const LIVELY: &[&str] = &[
    "workload.update",
    "workload.delete",
    "workload.churn",
    "workload.hidden_change",
    "workload.disable",
    "workload.hold",
    "workload.retry",
];

/// So many of them.
const OF_USERS: usize = 4;

/// Fewer events than this are expected of runs in which perhaps nothing happens.
const FEW: f64 = 2.5;

/// An operation for a run in which hardly anything would happen.
pub(super) fn enliven(
    plan: &Plan<'_>,
    shape: &Shape,
    root: &Table,
) -> Option<(&'static str, Value)> {
    let keys = families(plan.profile).into_values().flatten();
    let rates = keys
        .filter(|key| key.is_lively())
        .map(|key| find(root, key.path));
    let rates: f64 = rates.flatten().filter_map(Value::as_float).sum();
    let minutes = shape.stormy() as f64 / 60_000.0;
    if rates * minutes >= FEW {
        return None;
    }
    let mut rng = plan.stream("enliven");
    let path = rng.pick(LIVELY.get(..OF_USERS)?)?;
    let least = (2.0 * FEW / minutes).clamp(0.05, 15.0);
    Some((path, Value::Float(number(&mut rng, least, 15.0))))
}

/// Times of which one must be a multiple of the other for the system to be of any
/// use: what is shorter, how many times, and what is made longer if need be.
pub(super) const RELATIONS: &[(&str, f64, &str)] = &[
    ("net.latency", 6.0, "coordinator.call_deadline"),
    ("net.latency", 6.0, "coordinator.read_deadline"),
    ("net.latency", 6.0, "coordinator.list_deadline"),
    ("net.latency", 6.0, "coordinator.store_deadline"),
    (
        "nodes.block_streamer.call_time",
        6.0,
        "coordinator.call_deadline",
    ),
    (
        "nodes.block_streamer.call_time",
        6.0,
        "coordinator.read_deadline",
    ),
    (
        "nodes.block_streamer.call_time",
        6.0,
        "coordinator.list_deadline",
    ),
    (
        "nodes.block_streamer.stop_delay",
        2.5,
        "coordinator.call_deadline",
    ),
    (
        "nodes.executor.stop_delay",
        2.5,
        "coordinator.call_deadline",
    ),
    (
        "nodes.executor.start_delay",
        2.5,
        "coordinator.executor_start_grace",
    ),
    (
        "nodes.executor.thread_boot",
        2.5,
        "coordinator.executor_start_grace",
    ),
    (
        "coordinator.executor_start_grace",
        1.5,
        "coordinator.executor_start_timeout",
    ),
    (
        "nodes.provisioner.stage_time",
        30.0,
        "coordinator.provisioning_timeout",
    ),
    (
        "nodes.provisioner.stage_time",
        30.0,
        "coordinator.provisioning_settle",
    ),
    (
        "coordinator.provisioning_timeout",
        1.5,
        "coordinator.provisioning_abandon",
    ),
    ("coordinator.retry_first", 1.0, "coordinator.retry_cap"),
    ("coordinator.restart_first", 1.0, "coordinator.restart_cap"),
    ("coordinator.repeat_first", 1.0, "coordinator.repeat_cap"),
    // Else the pauses would be forgotten before they are over.
    ("coordinator.repeat_cap", 2.0, "coordinator.repeat_memory"),
    // A slot must last for the looks before the start.
    ("net.latency", 12.0, "coordinator.start_slot_kept"),
    (
        "nodes.block_streamer.call_time",
        12.0,
        "coordinator.start_slot_kept",
    ),
];
