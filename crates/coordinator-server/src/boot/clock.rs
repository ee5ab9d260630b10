//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use coordinator::Clock;
use lifecycle::Timestamp;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is as good as one that stands at it.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The time by the system's clock, in milliseconds since 1970.
pub fn now() -> u64 {
    SystemClock.now().0
}
