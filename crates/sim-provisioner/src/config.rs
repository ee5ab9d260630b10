//! Timings and quirks of the node.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim_node::human_duration;

/// Settings of the fake data layer service; the defaults are the real one's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long each stage of a task takes. Stages that have nothing to do are
    /// skipped.
    #[serde(with = "human_duration")]
    pub stage_time: Duration,
    /// Multiplies `stage_time`; between 0 and 100000.
    pub slow: f64,
    /// A user schema that contains this text fails to execute; none does if empty.
    pub failing_schema: String,
    /// The real service's unpleasant habits.
    pub quirks: Quirks,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            stage_time: Duration::from_millis(200),
            slow: 1.0,
            failing_schema: "SYNTAX ERROR".to_owned(),
            quirks: Quirks::default(),
        }
    }
}

impl Config {
    /// How long a stage takes under the slowness in force. Values out of range
    /// count as the nearest in range, nonsense as 1.
    pub(crate) fn stage_time(&self) -> Duration {
        let factor = if self.slow.is_finite() {
            self.slow.clamp(0.0, 100_000.0)
        } else {
            1.0
        };
        Duration::try_from_secs_f64(self.stage_time.as_secs_f64() * factor)
            .unwrap_or(human_duration::LONGEST)
            .min(human_duration::LONGEST)
    }
}

/// Named habits of the real service, each of which can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// A task that ends between certain stages can never be repeated with
    /// success: (a) a database or user without a source, (b) a schema without a
    /// tracked table, (c) a log table without its cron jobs, where the repetition
    /// succeeds and silently leaves the jobs out. Off: every stage makes up for
    /// what is there and what is missing.
    pub unretryable_windows: bool,
    /// Of two tasks that both found that a database (or schema) has to be
    /// created, the later one fails. Off: it goes on with the other's.
    pub account_conflicts: bool,
    /// Schemas are created with their names folded to lower case, and used as
    /// spelled: an upper-case letter in a function name makes every task fail.
    pub folded_schema_names: bool,
    /// Dropping what is not there fails. Off: it succeeds.
    pub deprovision_once: bool,
    /// Answers FAILED_PRECONDITION when asked to provision what is complete, as
    /// the service once did. Off by default.
    pub failed_precondition: bool,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            unretryable_windows: true,
            account_conflicts: true,
            folded_schema_names: true,
            deprovision_once: true,
            failed_precondition: false,
        }
    }
}
