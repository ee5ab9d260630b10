//! A wall clock that does not jump.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lifecycle::Timestamp;
use tokio::time::Instant;

use crate::ports::Clock;

/// Of the time that passes, this part is used at most to catch up with the other
/// clock: a wait lasts a tenth longer or shorter at worst.
const SLEW: u32 = 10;
/// So small a difference is none: times are told in milliseconds.
const EQUAL: Duration = Duration::from_millis(2);
/// A difference that people should hear of.
const NOTABLE: Duration = Duration::from_secs(10);

/// Follows another clock without ever jumping: between two readings it goes
/// forward by what the runtime's monotonic clock measured, and comes nearer to the
/// other clock by a tenth of that at most. It never goes back.
///
/// Records hold points in time, and deadlines follow from them: how long a data
/// layer task of unknown fate blocks its account, when it counts as dead, when a
/// repair is tried again. A clock that is put forward by an hour would end all of
/// them at once, in the worst case with a second task beside one that runs. What
/// lies between the lives of a process is measured by the other clock alone.
pub struct SteadyClock {
    wall: Arc<dyn Clock>,
    told: Mutex<Told>,
}

/// The last reading.
struct Told {
    /// What was told, since the Unix epoch, finer than it was told.
    time: Duration,
    /// When.
    at: Instant,
    /// Whether the difference was notable then.
    apart: bool,
}

impl SteadyClock {
    /// A clock that shows what `wall` shows now.
    pub fn new(wall: Arc<dyn Clock>) -> SteadyClock {
        let told = Told {
            time: Duration::from_millis(wall.now().0),
            at: Instant::now(),
            apart: false,
        };
        SteadyClock {
            wall,
            told: Mutex::new(told),
        }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let wall = Duration::from_millis(self.wall.now().0);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Instant::now();
        let passed = at.saturating_duration_since(told.at);
        let straight = told.time.saturating_add(passed);
        let apart = straight.abs_diff(wall);
        let step = match apart <= EQUAL {
            true => Duration::ZERO,
            false => apart.min(passed / SLEW),
        };
        told.time = if wall > straight {
            straight.saturating_add(step)
        } else {
            straight.saturating_sub(step)
        };
        told.at = at;
        let notable = apart >= NOTABLE;
        if notable && !told.apart {
            let way = if wall > straight { "forward" } else { "back" };
            tracing::warn!(
                "the machine's clock was set {way} by {} s; waits go on as they were, and times \
                 that are told catch up slowly",
                apart.as_secs()
            );
        }
        if told.apart && !notable {
            tracing::info!("times that are told agree with the machine's clock again");
        }
        told.apart = notable;
        Timestamp(u64::try_from(told.time.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::time::sleep;

    use super::*;

    /// A clock that is moved by hand.
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    const START: u64 = 1_700_000_000_000;
    const HOUR: u64 = 3_600_000;

    struct Pair {
        hand: Arc<Hand>,
        steady: SteadyClock,
    }

    impl Pair {
        fn new() -> Pair {
            let hand = Arc::new(Hand(AtomicU64::new(START)));
            let steady = SteadyClock::new(hand.clone());
            Pair { hand, steady }
        }

        /// Lets time pass in steps of a second, and the hand with it.
        async fn pass(&self, seconds: u64) {
            for _ in 0..seconds {
                sleep(Duration::from_secs(1)).await;
                self.hand.0.fetch_add(1_000, Ordering::Relaxed);
                self.steady.now();
            }
        }

        /// What the steady clock shows, since the start.
        fn shown(&self) -> u64 {
            self.steady.now().0.saturating_sub(START)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn agrees_with_a_clock_that_is_right() {
        let pair = Pair::new();
        pair.pass(100).await;
        assert_eq!(pair.shown(), 100_000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_ahead_is_followed_slowly() {
        let pair = Pair::new();
        pair.hand.0.fetch_add(HOUR, Ordering::Relaxed);
        assert_eq!(pair.shown(), 0);
        pair.pass(100).await;
        assert_eq!(pair.shown(), 110_000);
        pair.pass(36_000).await;
        assert_eq!(pair.shown(), 36_100_000 + HOUR, "it has caught up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_back_never_shows_as_one() {
        let pair = Pair::new();
        pair.pass(1).await;
        pair.hand.0.fetch_sub(HOUR, Ordering::Relaxed);
        assert_eq!(pair.shown(), 1_000);
        pair.pass(100).await;
        assert_eq!(pair.shown(), 91_000);
    }

    #[tokio::test(start_paused = true)]
    async fn there_and_back_leaves_little() {
        let pair = Pair::new();
        pair.hand.0.fetch_add(HOUR, Ordering::Relaxed);
        pair.pass(10).await;
        pair.hand.0.fetch_sub(HOUR, Ordering::Relaxed);
        pair.pass(10).await;
        assert_eq!(pair.shown(), 20_000);
    }

    #[tokio::test(start_paused = true)]
    async fn readings_at_one_instant_are_one() {
        let pair = Pair::new();
        pair.hand.0.fetch_add(HOUR, Ordering::Relaxed);
        assert_eq!(pair.shown(), pair.shown());
    }

    #[tokio::test(start_paused = true)]
    async fn the_ends_of_time_are_no_trouble() {
        let pair = Pair::new();
        for far in [0, u64::MAX] {
            pair.hand.0.store(far, Ordering::Relaxed);
            sleep(Duration::from_secs(10)).await;
            assert!(pair.shown() < HOUR);
        }
    }
}
