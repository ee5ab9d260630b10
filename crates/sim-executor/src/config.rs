//! Timings and switches of the fake executor service.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim_node::human_duration;

/// The shortest interval at which anything repeats; keeps time moving.
const SHORTEST: Duration = Duration::from_micros(100);
/// No worker prefetches more than this many blocks.
const LARGEST_PREFETCH: usize = 10_000;

/// How the fake executor service behaves. The defaults are the real one's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From a start's answer until its worker thread is spawned (or the start
    /// has failed): the time the database credentials take.
    #[serde(with = "human_duration")]
    pub start_delay: Duration,
    /// From the spawning of a worker thread until its first read.
    #[serde(with = "human_duration")]
    pub thread_boot: Duration,
    /// How long it takes to terminate a worker thread; it may work until the end.
    #[serde(with = "human_duration")]
    pub stop_delay: Duration,
    /// How long user code runs over a block. At least 100 us.
    #[serde(with = "human_duration")]
    pub execution_time: Duration,
    /// The grid on which an idle worker looks for entries and for fetched
    /// blocks. At least 100 us.
    #[serde(with = "human_duration")]
    pub poll_interval: Duration,
    /// From a failed read of the queue to the next one. At least 100 us.
    #[serde(with = "human_duration")]
    pub redis_retry: Duration,
    /// From a failed block to its next attempt. At least 100 us.
    #[serde(with = "human_duration")]
    pub failure_retry: Duration,
    /// How many blocks a worker holds at most; 1 to 10,000.
    pub prefetch: usize,
    /// Whether the driver calls [`note_push`](crate::ExecutorCore::note_push) for
    /// every entry added to a queue. Idle workers then sleep until told instead
    /// of reading every `poll_interval`; what they do and when stays the same.
    pub announced_pushes: bool,
    /// User code that contains one of these texts fails on every block.
    pub failing: Vec<String>,
    /// User code that contains one of these texts fails on its first attempt at
    /// each block it fetched. Takes precedence over `failing`.
    pub failing_once: Vec<String>,
    /// The unpleasant habits of the real service.
    pub quirks: Quirks,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            start_delay: Duration::from_millis(50),
            thread_boot: Duration::from_millis(20),
            stop_delay: Duration::from_millis(20),
            execution_time: Duration::from_millis(5),
            poll_interval: Duration::from_millis(100),
            redis_retry: Duration::from_millis(500),
            failure_retry: Duration::from_secs(10),
            prefetch: 10,
            announced_pushes: true,
            failing: vec!["throw".to_owned()],
            failing_once: vec!["throw_once".to_owned()],
            quirks: Quirks::default(),
        }
    }
}

impl Config {
    /// The same configuration with every value inside the range its field names.
    pub(crate) fn clamped(mut self) -> Config {
        self.execution_time = self.execution_time.max(SHORTEST);
        self.poll_interval = self.poll_interval.max(SHORTEST);
        self.redis_retry = self.redis_retry.max(SHORTEST);
        self.failure_retry = self.failure_retry.max(SHORTEST);
        self.prefetch = self.prefetch.clamp(1, LARGEST_PREFETCH);
        self
    }
}

/// The unpleasant habits of the real executor service; all on by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// Stopping an executor whose start is pending removes the entry, but the
    /// start goes on and spawns a worker that no call can reach.
    pub stop_during_start_leaks_worker: bool,
    /// A block whose fetch failed stays failed for the life of its worker, even
    /// once the source is back. Off: every attempt fetches again.
    pub failed_fetch_is_final: bool,
    /// A start that failed leaves its entry behind, STALLED. Off: the entry goes.
    pub failed_start_stays_listed: bool,
    /// A crashed worker leaves its entry behind, STALLED. Off: the entry goes.
    pub crashed_worker_stays_listed: bool,
    /// A worker that exits without an error leaves its last state behind for
    /// good. Off: it shows STALLED.
    pub silent_exit_freezes_state: bool,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            stop_during_start_leaks_worker: true,
            failed_fetch_is_final: true,
            failed_start_stays_listed: true,
            crashed_worker_stays_listed: true,
            silent_exit_freezes_state: true,
        }
    }
}
