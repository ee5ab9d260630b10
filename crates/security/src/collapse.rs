//! Messages that could be many: one is written, the rest are counted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lets one message pass per period and counts those in between.
#[derive(Debug)]
pub(crate) struct Collapse {
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    quiet_until: Option<Instant>,
    missed: u64,
}

impl Collapse {
    /// One message per `period`.
    pub(crate) fn new(period: Duration) -> Collapse {
        let state = Mutex::default();
        Collapse { period, state }
    }

    /// Whether a message may be written now, and how many were not since the
    /// last one.
    pub(crate) fn admit(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.quiet_until.is_some_and(|until| now < until) {
            state.missed = state.missed.saturating_add(1);
            return None;
        }
        state.quiet_until = Some(now + self.period);
        Some(std::mem::take(&mut state.missed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_message_per_period_and_none_is_lost_count_of() {
        let collapse = Collapse::new(Duration::from_secs(10));
        assert_eq!(collapse.admit(), Some(0));
        for _ in 0..3 {
            assert_eq!(collapse.admit(), None);
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(collapse.admit(), Some(3));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(collapse.admit(), Some(0));
    }
}
