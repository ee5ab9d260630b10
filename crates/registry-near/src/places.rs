//! How many questions are under way at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

/// Places for questions of one kind.
///
/// Who waits for one has less time left for the answer. If that is less than answers
/// take, the node would be loaded in vain, and would be blamed for a time that it never
/// had: so such a question is not put. Who need not wait always asks, so a node that
/// has become quicker is noticed.
#[derive(Debug)]
pub(crate) struct Places {
    free: Semaphore,
    count: usize,
    /// How long the last answer took, or silence lasted, in milliseconds.
    needed: AtomicU64,
}

impl Places {
    pub(crate) fn new(count: usize) -> Places {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Places {
            free: Semaphore::new(count),
            count,
            needed: AtomicU64::new(0),
        }
    }

    /// A place for a question that is to be answered within `total` from now.
    ///
    /// # Errors
    /// None became free while an answer could still come in time.
    pub(crate) async fn take(&self, total: Duration) -> Result<SemaphorePermit<'_>, String> {
        if let Ok(place) = self.free.try_acquire() {
            return Ok(place);
        }
        let begin = Instant::now();
        let Ok(Ok(place)) = timeout(total, self.free.acquire()).await else {
            return Err(format!(
                "no answer in {total:?}: it waited for a place all that time, since {} such \
                 questions were under way",
                self.count
            ));
        };
        let waited = begin.elapsed();
        let needed = Duration::from_millis(self.needed.load(Ordering::Relaxed));
        if total.saturating_sub(waited) < needed {
            return Err(format!(
                "not asked: it waited {} for a place, since {} such questions were under way, \
                 and what is left of {total:?} is less than answers take ({})",
                told(waited),
                self.count,
                told(needed),
            ));
        }
        Ok(place)
    }

    /// An answer came after `time`, not counting the wait for a place.
    pub(crate) fn answered(&self, time: Duration) {
        self.needed.store(millis(time), Ordering::Relaxed);
    }

    /// After `time` there was no answer.
    pub(crate) fn unanswered(&self, time: Duration) {
        self.needed.fetch_max(millis(time), Ordering::Relaxed);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A time as people want to read it.
pub(crate) fn told(time: Duration) -> String {
    let step = if time < Duration::from_secs(1) {
        1
    } else {
        100
    };
    let rounded = millis(time).saturating_add(step / 2) / step * step;
    format!("{:?}", Duration::from_millis(rounded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_without_what_nobody_reads() {
        for (micros, text) in [
            (995_528, "995ms"),
            (8_999_870, "9s"),
            (7_990_000, "8s"),
            (4_590_001, "4.6s"),
            (0, "0ns"),
        ] {
            assert_eq!(told(Duration::from_micros(micros)), text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_is_let_in_only_if_answers_come_in_what_is_left() {
        let (places, second) = (Places::new(1), Duration::from_secs(1));
        for (needed, waits, fine) in [(0, 9, true), (3, 7, true), (3, 8, false), (9, 0, true)] {
            places.answered(second * needed);
            let place = places.take(second * 10).await.unwrap();
            let leaves = async {
                tokio::time::sleep(second * waits).await;
                drop(place);
            };
            let (taken, ()) = tokio::join!(places.take(second * 10), leaves);
            assert_eq!(taken.is_ok(), fine, "{needed} s needed, {waits} s waited");
        }
        places.answered(second * 10);
        assert!(places.take(second).await.is_ok(), "it need not wait");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_no_reason_to_hope_for_more_and_an_answer_is() {
        let (places, second) = (Places::new(1), Duration::from_secs(1));
        let waits = async |time| {
            let place = places.take(second * 10).await.unwrap();
            let leaves = async {
                tokio::time::sleep(time).await;
                drop(place);
            };
            tokio::join!(places.take(second * 10), leaves).0.is_ok()
        };
        assert!(waits(second * 5).await);
        places.unanswered(second * 10);
        places.unanswered(second);
        assert!(!waits(second * 5).await);
        places.answered(second);
        assert!(waits(second * 5).await);
    }
}
