//! Points in time, real or virtual.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: microseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// The first instant of every simulated run (2023-11-14T22:13:20Z).
    pub const SIMULATION_START: Time = Time(1_700_000_000_000_000);

    /// Whole seconds since the Unix epoch, as the services put them on the wire.
    pub fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole milliseconds since the Unix epoch.
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// This much later, or earlier if `micros` is negative: what a clock shows that
    /// is wrong by so many microseconds.
    pub fn shifted(self, micros: i64) -> Time {
        Time(self.0.saturating_add_signed(micros))
    }

    /// Time passed since `earlier`; zero if `earlier` lies in the future.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Time(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, duration: Duration) -> Time {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Time(self.0.saturating_sub(micros))
    }
}

impl fmt::Display for Time {
    /// Seconds since [`Time::SIMULATION_START`], the form used in traces.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.saturating_sub(Time::SIMULATION_START.0);
        write!(
            formatter,
            "{}.{:06}",
            micros / 1_000_000,
            micros % 1_000_000
        )
    }
}
