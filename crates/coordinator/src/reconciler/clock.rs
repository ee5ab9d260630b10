//! Records whose times lie in the future, after the clock was set back.

use lifecycle::{Record, Repair, Task, Timestamp};

use crate::knobs::Knobs;

/// The record with its times brought back to `now`; `None` if they are plausible.
/// Without this an indexer would wait until the clock is where it once was.
pub(super) fn set_right(record: &Record, knobs: &Knobs, now: Timestamp) -> Option<Record> {
    let (policy, tolerance) = (&knobs.policy, knobs.clock_tolerance);
    let too_late = |at: Timestamp| at.since(now) > tolerance;
    let repair = record.repair.as_ref();
    let repair_wrong = repair.is_some_and(|repair| {
        too_late(repair.last_at) || repair.next_at.since(now) > policy.attempts_window + tolerance
    });
    let task_wrong = record
        .task
        .as_ref()
        .is_some_and(|task| too_late(task.since));
    if !repair_wrong && !task_wrong {
        return None;
    }
    let repair = repair.map(|repair| {
        let delay = repair.next_at.since(repair.last_at);
        Repair {
            first_at: repair.first_at.min(now),
            last_at: repair.last_at.min(now),
            next_at: repair.next_at.min(now + delay.min(policy.attempts_window)),
            other_at: None,
            ..repair.clone()
        }
    });
    let task = record.task.as_ref().map(|task| Task {
        since: task.since.min(now),
        ..task.clone()
    });
    Some(Record {
        repair,
        task,
        ..record.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::{Cause, IndexerId, Phase};

    const NOW: Timestamp = Timestamp(100_000_000);

    fn record(last_at: u64, next_at: u64, task_since: u64) -> Record {
        Record {
            repair: Some(Repair {
                from: Phase::Running,
                cause: Cause::StreamNotStarted,
                detail: String::new(),
                limited: false,
                attempts: 3,
                first_at: Timestamp(last_at),
                last_at: Timestamp(last_at),
                next_at: Timestamp(next_at),
                target: None,
                other_at: None,
            }),
            task: Some(Task {
                id: None,
                since: Timestamp(task_since),
            }),
            ..Record::new(IndexerId::parse("a.near/f").unwrap())
        }
    }

    fn mended(last_at: u64, next_at: u64, task_since: u64) -> Option<Record> {
        let before = record(last_at, next_at, task_since);
        set_right(&before, &Knobs::default(), NOW)
    }

    #[test]
    fn plausible_times_stay() {
        assert_eq!(mended(NOW.0 - 5, NOW.0 + 4_000, NOW.0 - 9), None);
        assert_eq!(mended(NOW.0 + 30_000, NOW.0 + 40_000, NOW.0 + 59_000), None);
        let six_hours = 6 * 3_600_000;
        assert_eq!(mended(NOW.0, NOW.0 + six_hours, NOW.0), None);
    }

    #[test]
    fn clocks_may_disagree_by_exactly_the_tolerance() {
        let late = NOW.0 + 60_000;
        let longest = late + 6 * 3_600_000;
        assert_eq!(mended(late, longest, late), None);
        assert!(mended(late + 1, longest, late).is_some());
        assert!(mended(late, longest + 1, late).is_some());
        assert!(mended(late, longest, late + 1).is_some());
    }

    #[test]
    fn the_other_half_waits_for_no_time_in_the_future() {
        let later = NOW.0 + 3_600_000;
        let mut before = record(later, later + 4_000, NOW.0);
        if let Some(repair) = &mut before.repair {
            repair.other_at = Some(Timestamp(later + 2_000));
        }
        let after = set_right(&before, &Knobs::default(), NOW).unwrap();
        assert_eq!(after, record(NOW.0, NOW.0 + 4_000, NOW.0));
    }

    #[test]
    fn a_wait_that_began_in_the_future_begins_now() {
        let later = NOW.0 + 5 * 3_600_000;
        let after = mended(later, later + 4_000, later).unwrap();
        assert_eq!(after, record(NOW.0, NOW.0 + 4_000, NOW.0));
        assert_eq!(
            set_right(&after, &Knobs::default(), NOW),
            None,
            "once is enough"
        );
    }

    #[test]
    fn no_wait_lasts_for_ever() {
        let after = mended(NOW.0 - 5, u64::MAX, NOW.0).unwrap();
        assert_eq!(after, record(NOW.0 - 5, NOW.0 + 6 * 3_600_000, NOW.0));
    }
}
