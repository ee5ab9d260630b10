//! What the judges need to know about a run.

use std::time::Duration;

/// Times and counts that tell a slow reaction from a wrong one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long after a change of what is wanted an effect may still be for the
    /// state before it.
    pub observation_delay: Duration,
    /// By how much the registry's answers may be older than the truth.
    pub registry_lag: Duration,
    /// By how much they may be older without any fault.
    pub replica_lag: Duration,
    /// Period of the coordinator's shared polls. How soon it reacts is only judged
    /// if it is not slower than by default.
    pub tick: Duration,
    /// Whether the coordinator polls the services' listings; else it looks at each
    /// indexer by itself.
    pub lists_services: bool,
    /// Whether judging goes on after the first violation.
    pub collects: bool,
    /// Blocks that a worker reads ahead.
    pub prefetch: u64,
    /// Starts of streams and executors per second that the coordinator is granted.
    pub start_budget_per_second: u32,
    /// Calls to nodes per indexer and minute that backoffs allow.
    pub effects_per_indexer_per_minute: u32,
    /// Writes of its record per minute that the pauses of a store that refuses them
    /// allow; four times as many as calls are allowed in any case.
    pub writes_per_indexer_per_minute: u32,
    /// Indexers whose records one read tells of, or more.
    pub records_per_read: usize,
    /// Reads per indexer and minute that the pauses between looks allow; twenty times
    /// as many as calls are allowed in any case.
    pub reads_per_indexer_per_minute: u32,
    /// Calls within ten minutes about an indexer that is broken for good, by what its
    /// pauses allow.
    pub effects_on_broken: u32,
    /// Calls within ten minutes to a node that is broken for good, by what polls and
    /// pauses allow.
    pub calls_to_broken_node: u32,
    /// The coordinator's deadline of a call to a node.
    pub call_deadline: Duration,
    /// How long a look at the services may last, at whose end an effect is decided.
    pub look: Duration,
    /// The pause before a question that was not answered is asked again.
    pub recheck: Duration,
    /// How old a sign of life may be before its sender counts as sick.
    pub heartbeat_limit: Duration,
    /// The coordinator's deadline of a store command.
    pub store_deadline: Duration,
    /// How long a provisioning task of unknown fate blocks its account.
    pub provisioning_settle: Duration,
    /// After this a provisioning task is asked about less and less often.
    pub provisioning_timeout: Duration,
    /// The pause between two questions about a younger one.
    pub provisioning_poll: Duration,
    /// After this a provisioning task counts as dead.
    pub provisioning_abandon: Duration,
    /// How long an executor that is starting must be left alone.
    pub executor_start_grace: Duration,
    /// Tries after which a limited repair stays put.
    pub attempts_max: u32,
    /// How long a stream that was told to stop may still produce.
    pub stop_grace: Duration,
    /// Whether a stream whose task ended by itself is no longer listed.
    pub streams_vanish: bool,
    /// Provisioning tasks that the coordinator has in flight at a time.
    pub provisioning_parallel: usize,
    /// So many absences at once may be held to be an error of the listing.
    pub absences_doubted: usize,
    /// For so long.
    pub absences_held: Duration,
    /// By how much the coordinator lets clocks disagree.
    pub clock_tolerance: Duration,
    /// Heights below the tip that need not be executed yet at the end.
    pub tip_margin: u64,
    /// Without an execution for this long an indexer is not catching up.
    pub idle_at_end: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            observation_delay: Duration::from_secs(15),
            registry_lag: Duration::ZERO,
            replica_lag: Duration::ZERO,
            tick: Duration::from_secs(1),
            lists_services: true,
            collects: false,
            prefetch: 10,
            start_budget_per_second: 50,
            effects_per_indexer_per_minute: 60,
            records_per_read: 100,
            writes_per_indexer_per_minute: 0,
            reads_per_indexer_per_minute: 0,
            effects_on_broken: 150,
            calls_to_broken_node: 5_000,
            call_deadline: Duration::from_secs(5),
            look: Duration::from_secs(15),
            recheck: Duration::from_secs(1),
            heartbeat_limit: Duration::from_secs(180),
            store_deadline: Duration::from_secs(2),
            provisioning_settle: Duration::from_secs(120),
            provisioning_timeout: Duration::from_secs(610),
            provisioning_poll: Duration::from_secs(1),
            provisioning_abandon: Duration::from_secs(1800),
            executor_start_grace: Duration::from_secs(120),
            attempts_max: 8,
            stop_grace: Duration::from_secs(5),
            streams_vanish: false,
            provisioning_parallel: 16,
            absences_doubted: 5,
            absences_held: Duration::from_secs(10),
            clock_tolerance: Duration::from_secs(60),
            tip_margin: 60,
            idle_at_end: Duration::from_secs(300),
        }
    }
}
