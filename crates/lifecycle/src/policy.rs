//! The constants of the lifecycle, in one value.

use std::time::Duration;

use crate::Backoff;

/// Durations and limits that [`crate::plan`] and [`crate::absorb`] go by.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Pause between two looks at a provisioning task.
    pub provisioning_poll: Duration,
    /// After this a task that is still pending is overdue: it shows as a repair
    /// and is looked at less often. The original gave up after 610 polls of a
    /// nominal second.
    pub provisioning_timeout: Duration,
    /// After this a task that is still pending counts as dead, and another may
    /// be started.
    pub provisioning_abandon: Duration,
    /// How long a start without an answer blocks its account: the task may run.
    pub provisioning_settle: Duration,
    /// How long an executor may be starting before it is stopped all the same;
    /// stopping one that is starting leaks its worker.
    pub executor_start_grace: Duration,
    /// After this an executor that is still starting counts as unhealthy: its
    /// start hangs.
    pub executor_start_timeout: Duration,
    /// How long an executor may fail before a restart is considered.
    pub failing_grace: Duration,
    /// Retries after failed calls.
    pub retry: Backoff,
    /// Restarts of what is unhealthy. The first delay exceeds the streamer's
    /// health interval of 120 s, so that a verdict is confirmed before it counts.
    pub restart: Backoff,
    /// Tries before a limited repair stays put.
    pub attempts_max: u32,
    /// How long it then stays put; also how long old attempts count.
    pub attempts_window: Duration,
    /// Pause before looking again at something that could not be observed.
    pub recheck: Duration,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            provisioning_poll: Duration::from_secs(1),
            provisioning_timeout: Duration::from_secs(610),
            provisioning_abandon: Duration::from_secs(1800),
            provisioning_settle: Duration::from_secs(120),
            executor_start_grace: Duration::from_secs(120),
            executor_start_timeout: Duration::from_secs(600),
            failing_grace: Duration::from_secs(60),
            retry: Backoff {
                first: Duration::from_secs(1),
                cap: Duration::from_secs(300),
            },
            restart: Backoff {
                first: Duration::from_secs(150),
                cap: Duration::from_secs(300),
            },
            attempts_max: 8,
            attempts_window: Duration::from_secs(6 * 3600),
            recheck: Duration::from_secs(1),
        }
    }
}
