//! Timings and habits of the fake.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Timings and habits; the defaults are those of the real service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Processing time of a call that waits for nothing.
    #[serde(with = "sim_node::human_duration")]
    pub call_time: Duration,
    /// Time from an accepted StartStream to the task's first look at the chain.
    #[serde(with = "sim_node::human_duration")]
    pub start_delay: Duration,
    /// Time from StopStream to the task's next await point, where it ends.
    /// StopStream answers only then.
    #[serde(with = "sim_node::human_duration")]
    pub stop_delay: Duration,
    /// Time between two Redis commands that belong to one block: the window in
    /// which a crash leaves the first without the second.
    #[serde(with = "sim_node::human_duration")]
    pub command_gap: Duration,
    /// Time between two looks of a stream's health monitor, at least 1 ms. The
    /// first look comes one interval after the start.
    #[serde(with = "sim_node::human_duration")]
    pub health_interval: Duration,
    /// A queue this long (in entries) is full.
    pub queue_limit: u64,
    /// Time until a full queue is looked at again, at least 1 ms.
    #[serde(with = "sim_node::human_duration")]
    pub full_queue_wait: Duration,
    /// Most blocks per second that a stream handles while it catches up, at least 1.
    pub catch_up_rate: u32,
    /// Two StartStream calls no further apart than this both succeed.
    #[serde(with = "sim_node::human_duration")]
    pub race_window: Duration,
    /// The habits.
    pub quirks: Quirks,
}

/// Habits of the real service that a well-behaved one would not have. Those it
/// really has are on by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// Two StartStream calls within [`Config::race_window`] both succeed; the
    /// first task goes on without an owner. Off: the second is ALREADY_EXISTS.
    pub double_start_race: bool,
    /// StopStream forgets the stream at once, while its task goes on for
    /// [`Config::stop_delay`]. Off: the task ends at once as well.
    pub stop_forgets_first: bool,
    /// Stopping a stream whose task panicked answers INTERNAL, though the stream
    /// is gone. Off: the stop succeeds.
    pub panicked_stop_is_internal: bool,
    /// A stream whose task ended by itself stays listed. Off: it disappears.
    pub ended_streams_stay_listed: bool,
    /// A Redis error ends the task. Off: the command is tried again after
    /// [`Config::full_queue_wait`].
    pub redis_error_ends_task: bool,
    /// After the backfill the last backfilled block is processed once more.
    pub handover_twice: bool,
    /// In the live phase the cursor is set before the block is published, so
    /// that a crash between the two loses the block. Off: the other way round.
    pub cursor_before_publish: bool,
    /// Start height 0 kills the health monitor at once (debug builds), which
    /// leaves the health as it was at the start. Off: the height before it wraps
    /// to the largest number (release builds), so that the first look says STALLED.
    pub zero_start_kills_monitor: bool,
    /// The backfill finds every block with a receipt on the rule's accounts,
    /// whatever the outcome, and none in which they are only senders. Off by
    /// default although real: it loses blocks in a way that no caller can mend.
    pub backfill_by_receiver: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            call_time: Duration::from_millis(1),
            start_delay: Duration::from_millis(200),
            stop_delay: Duration::from_millis(50),
            command_gap: Duration::from_millis(1),
            health_interval: Duration::from_secs(120),
            queue_limit: 100,
            full_queue_wait: Duration::from_secs(1),
            catch_up_rate: 100,
            race_window: Duration::from_micros(10),
            quirks: Quirks::default(),
        }
    }
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            double_start_race: true,
            stop_forgets_first: true,
            panicked_stop_is_internal: true,
            ended_streams_stay_listed: true,
            redis_error_ends_task: true,
            handover_twice: true,
            cursor_before_publish: true,
            zero_start_kills_monitor: true,
            backfill_by_receiver: false,
        }
    }
}

/// A value of a [`Config`] that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block streamer: `{field}` {expected}")]
pub struct ConfigError {
    /// The offending field.
    pub field: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

/// Shorter periods would make virtual time stand still.
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);
/// More blocks per second cannot be told apart in microseconds.
const FASTEST: u32 = 1_000_000;

impl Config {
    /// Whether every value is in its range. [`crate::BlockStreamer::new`] clamps
    /// what is not.
    ///
    /// # Errors
    /// Names the first field that is not, and its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let expected = "must be at least 1ms";
        if self.health_interval < SHORTEST_PERIOD {
            return Err(ConfigError {
                field: "health_interval",
                expected,
            });
        }
        if self.full_queue_wait < SHORTEST_PERIOD {
            return Err(ConfigError {
                field: "full_queue_wait",
                expected,
            });
        }
        if !(1..=FASTEST).contains(&self.catch_up_rate) {
            let expected = "must be between 1 and 1,000,000";
            return Err(ConfigError {
                field: "catch_up_rate",
                expected,
            });
        }
        Ok(())
    }

    pub(crate) fn clamped(mut self) -> Config {
        self.health_interval = self.health_interval.max(SHORTEST_PERIOD);
        self.full_queue_wait = self.full_queue_wait.max(SHORTEST_PERIOD);
        self.catch_up_rate = self.catch_up_rate.clamp(1, FASTEST);
        self
    }

    /// Least time from one block to the next of a stream.
    pub(crate) fn pace(&self) -> Duration {
        Duration::from_secs(1) / self.catch_up_rate.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_files_set_single_values_and_unknown_ones_are_refused() {
        let text = "health_interval = \"30s\"\n[quirks]\nhandover_twice = false\n";
        let config: Config = toml::from_str(text).expect("valid");
        let quirks = Quirks {
            handover_twice: false,
            ..Quirks::default()
        };
        let expected = Config {
            health_interval: Duration::from_secs(30),
            quirks,
            ..Config::default()
        };
        assert_eq!(config, expected);
        assert!(toml::from_str::<Config>("helth_interval = \"30s\"").is_err());
        assert!(toml::from_str::<Config>("[quirks]\nnope = true").is_err());
    }

    #[test]
    fn values_that_would_stop_time_are_named() {
        let zero = Duration::ZERO;
        let default = Config::default();
        assert_eq!(default.check(), Ok(()));
        let field = |config: Config| config.check().map_err(|error| error.field);
        let health = Config {
            health_interval: zero,
            ..default.clone()
        };
        assert_eq!(field(health.clone()), Err("health_interval"));
        assert_eq!(health.clamped().check(), Ok(()));
        let wait = Config {
            full_queue_wait: zero,
            ..default.clone()
        };
        assert_eq!(field(wait), Err("full_queue_wait"));
        assert_eq!(
            field(Config {
                catch_up_rate: 0,
                ..default
            }),
            Err("catch_up_rate")
        );
    }
}
