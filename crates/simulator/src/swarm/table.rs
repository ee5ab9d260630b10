//! What varies: one line per key of the scenario language.

use super::draw::Draw;
use super::profile::Family;
use Draw::{Count, Flag, Number, Range, Time};

/// A key that is given in half of the runs in which its family is on.
pub(super) struct Key {
    /// Its path in the scenario, with dots.
    pub path: &'static str,
    /// What it varies with.
    pub family: Family,
    /// Its values.
    pub draw: Draw,
}

const fn key(path: &'static str, family: Family, draw: Draw) -> Key {
    Key { path, family, draw }
}

/// Events per minute: from one in an hour to one in half a minute.
const RARE: Draw = Number(0.02, 2.0);
/// A probability per call.
const CHANCE: Draw = Number(0.000_5, 0.06);
/// Operations per minute.
const BUSY: Draw = Number(0.05, 15.0);
/// From a blip to longer than any run.
const WHILE: Draw = Range((1, 5_000), (50, 86_400_000));

/// Every key but the coordinator's knobs and what comes in lists.
pub(super) const KEYS: &[Key] = &[
    key("faults.kill.coordinator", Family::Crashes, RARE),
    key("faults.kill.block_streamer", Family::Crashes, RARE),
    key("faults.kill.runner", Family::Crashes, RARE),
    key("faults.kill.store", Family::StoreNode, RARE),
    key("faults.kill.registry", Family::RegistryNode, RARE),
    key("faults.pause.coordinator", Family::Freezes, RARE),
    key("faults.pause.block_streamer", Family::Freezes, RARE),
    key("faults.pause.runner", Family::Freezes, RARE),
    key("faults.pause.store", Family::StoreNode, RARE),
    key("faults.pause.registry", Family::RegistryNode, RARE),
    key("faults.control_plane.quota", Family::Tasks, RARE),
    key(
        "faults.control_plane.second_coordinator",
        Family::Freezes,
        RARE,
    ),
    key(
        "faults.control_plane.downgrade",
        Family::Crashes,
        Number(0.01, 0.2),
    ),
    key("faults.down", Family::Crashes, WHILE),
    key("faults.partition", Family::Links, RARE),
    key("faults.partition_for", Family::Links, WHILE),
    key("faults.clog", Family::Links, RARE),
    key("faults.clog_for", Family::Links, WHILE),
    key(
        "faults.clog_latency",
        Family::Links,
        Range((10, 1_000), (100, 30_000)),
    ),
    key("faults.reorder", Family::Links, RARE),
    key("faults.reorder_for", Family::Links, WHILE),
    key(
        "faults.reorder_by",
        Family::Links,
        Range((1, 500), (10, 20_000)),
    ),
    key("faults.slow_node.coordinator", Family::Machines, RARE),
    key("faults.slow_node.block_streamer", Family::Machines, RARE),
    key("faults.slow_node.runner", Family::Machines, RARE),
    key("faults.slow_node.store", Family::Machines, RARE),
    key("faults.slow_node.registry", Family::Machines, RARE),
    key("faults.slow_node_for", Family::Machines, WHILE),
    key(
        "faults.slow_node_by",
        Family::Machines,
        Range((1, 500), (10, 20_000)),
    ),
    key("faults.lose_nodes", Family::Machines, RARE),
    key("faults.swizzle", Family::Machines, Number(0.01, 0.5)),
    key(
        "faults.swizzle_apart",
        Family::Machines,
        Range((10, 5_000), (100, 60_000)),
    ),
    key("faults.clock_jump.coordinator", Family::Clocks, RARE),
    key("faults.clock_jump.block_streamer", Family::Clocks, RARE),
    key(
        "faults.clock_jump_by",
        Family::Clocks,
        Range((10, 60_000), (1_000, 14_400_000)),
    ),
    key("faults.clock_jump_for", Family::Clocks, WHILE),
    key("faults.clock_drift.coordinator", Family::Clocks, RARE),
    key("faults.clock_drift.block_streamer", Family::Clocks, RARE),
    key("faults.clock_drift_for", Family::Clocks, WHILE),
    key("faults.lists.partial", Family::Lists, CHANCE),
    key("faults.lists.shuffled", Family::Lists, CHANCE),
    key("faults.lists.empty", Family::Lists, CHANCE),
    key(
        "faults.control_plane.quota",
        Family::ControlPlane,
        Number(0.01, 0.5),
    ),
    key(
        "faults.control_plane.second_coordinator",
        Family::ControlPlane,
        Number(0.01, 0.5),
    ),
    key(
        "faults.control_plane.downgrade",
        Family::ControlPlane,
        Number(0.01, 0.2),
    ),
    key("net.latency", Family::Latency, Range((1, 5), (1, 200))),
    key("faults.calls.refused", Family::Calls, CHANCE),
    key("faults.calls.error_before", Family::Calls, CHANCE),
    key("faults.calls.error_after", Family::Calls, CHANCE),
    key("faults.calls.answer_lost", Family::Calls, CHANCE),
    key("faults.calls.late", Family::Calls, CHANCE),
    key("faults.calls.duplicate", Family::Calls, CHANCE),
    key("faults.calls.stale", Family::Calls, CHANCE),
    key("faults.calls.hang", Family::Calls, CHANCE),
    key("faults.calls.half_open", Family::Calls, CHANCE),
    key("faults.calls.black_hole", Family::Calls, CHANCE),
    key("faults.store_calls.conflict", Family::StoreCalls, CHANCE),
    key(
        "faults.store_calls.error_before",
        Family::StoreCalls,
        CHANCE,
    ),
    key("faults.store_calls.error_after", Family::StoreCalls, CHANCE),
    key("faults.store_calls.rival", Family::StoreCalls, CHANCE),
    key(
        "faults.registry_calls.null",
        Family::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.error",
        Family::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.rate_limited",
        Family::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.stale",
        Family::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.lag",
        Family::RegistryAnswers,
        Time(500, 600_000),
    ),
    key(
        "faults.registry_calls.undecodable",
        Family::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.gas_limit",
        Family::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.empty",
        Family::RegistryAnswers,
        CHANCE,
    ),
    key(
        "faults.registry_calls.drop_entries",
        Family::RegistryAnswers,
        CHANCE,
    ),
    key("faults.tasks.panic_task", Family::Tasks, RARE),
    key("faults.tasks.kill_task", Family::Tasks, RARE),
    key("faults.tasks.crash_worker", Family::Tasks, RARE),
    key("faults.tasks.vanish_worker", Family::Tasks, RARE),
    key("faults.tasks.poison", Family::Tasks, RARE),
    key("faults.tasks.slow_start", Family::Tasks, RARE),
    key("faults.tasks.hang_start", Family::Tasks, RARE),
    key("faults.tasks.fail_start", Family::Tasks, RARE),
    key("faults.tasks.fail_stop", Family::Tasks, RARE),
    key("faults.tasks.fail_next", Family::Layer, RARE),
    key("faults.tasks.hang_next", Family::Layer, RARE),
    key("faults.tasks.slow_next", Family::Layer, RARE),
    key("workload.register", Family::Users, BUSY),
    key("workload.update", Family::Users, BUSY),
    key("workload.delete", Family::Users, Number(0.02, 5.0)),
    key("workload.reregister", Family::Users, BUSY),
    key("workload.hidden_change", Family::Users, Number(0.02, 3.0)),
    key("workload.churn", Family::Users, Number(0.01, 0.5)),
    key("workload.enable", Family::Operators, BUSY),
    key("workload.disable", Family::Operators, BUSY),
    key("workload.hold", Family::Operators, Number(0.02, 5.0)),
    key("workload.release", Family::Operators, BUSY),
    key("workload.retry", Family::Operators, BUSY),
    key("registry.replicas", Family::Topology, Count(1, 7)),
    key("registry.lag", Family::Topology, Time(100, 120_000)),
    key("registry.quirks.load_balanced", Family::Habits, Flag(false)),
    key(
        "registry.quirks.empty_accounts",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.unretryable_windows",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.account_conflicts",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.folded_schema_names",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.deprovision_once",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.provisioner.quirks.failed_precondition",
        Family::Habits,
        Flag(true),
    ),
    key(
        "nodes.executor.quirks.stop_during_start_leaks_worker",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.executor.quirks.failed_fetch_is_final",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.executor.quirks.failed_start_stays_listed",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.executor.quirks.crashed_worker_stays_listed",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.executor.quirks.silent_exit_freezes_state",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.double_start_race",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.stop_forgets_first",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.panicked_stop_is_internal",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.ended_streams_stay_listed",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.redis_error_ends_task",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.handover_twice",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.quirks.cursor_before_publish",
        Family::Habits,
        Flag(false),
    ),
    key(
        "nodes.block_streamer.call_time",
        Family::Nodes,
        Time(1, 100),
    ),
    key(
        "nodes.block_streamer.start_delay",
        Family::Nodes,
        Time(1, 10_000),
    ),
    key(
        "nodes.block_streamer.stop_delay",
        Family::Nodes,
        Time(1, 2_000),
    ),
    key(
        "nodes.block_streamer.command_gap",
        Family::Nodes,
        Time(1, 20),
    ),
    key(
        "nodes.block_streamer.queue_limit",
        Family::Nodes,
        Count(10, 1_000),
    ),
    key(
        "nodes.block_streamer.full_queue_wait",
        Family::Nodes,
        Time(50, 5_000),
    ),
    key(
        "nodes.block_streamer.catch_up_rate",
        Family::Nodes,
        Count(20, 1_000),
    ),
    key("nodes.executor.start_delay", Family::Nodes, Time(1, 20_000)),
    key("nodes.executor.thread_boot", Family::Nodes, Time(1, 5_000)),
    key("nodes.executor.stop_delay", Family::Nodes, Time(1, 2_000)),
    key("nodes.executor.execution_time", Family::Nodes, Time(1, 100)),
    key(
        "nodes.executor.poll_interval",
        Family::Nodes,
        Time(10, 1_000),
    ),
    key("nodes.executor.redis_retry", Family::Nodes, Time(50, 5_000)),
    key(
        "nodes.executor.failure_retry",
        Family::Nodes,
        Time(1_000, 30_000),
    ),
    key("nodes.executor.prefetch", Family::Nodes, Count(1, 100)),
    key(
        "nodes.provisioner.stage_time",
        Family::Nodes,
        Time(1, 10_000),
    ),
    key("chain.interval", Family::Chain, Time(500, 6_000)),
    key("chain.skip", Family::Chain, Number(0.001, 0.5)),
    key("chain.accounts", Family::Chain, Count(1, 20)),
    key("chain.touch", Family::Chain, Number(0.01, 0.99)),
    key("chain.failure", Family::Chain, Number(0.001, 0.9)),
];

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
];
