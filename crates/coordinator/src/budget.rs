//! Spreads starts over time, so that a restarted service is not stormed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use lifecycle::{IndexerId, Timestamp};

/// The time in which starts are counted.
const SECOND: Duration = Duration::from_secs(1);

/// Hands out points in time at which something may be started, first come,
/// first served.
#[derive(Debug)]
pub struct StartBudget {
    /// How long an unused slot is kept for its owner.
    kept: Duration,
    interval: Duration,
    next: Timestamp,
    slots: BTreeMap<IndexerId, Timestamp>,
    /// Slots before `next` that were given back.
    free: BTreeSet<Timestamp>,
    /// Starts in any second at the most, late ones included.
    burst: usize,
    /// When the last of them were, oldest first.
    used: VecDeque<Timestamp>,
}

impl StartBudget {
    /// A budget of `per_second` starts, at least one; an unused slot is `kept` for
    /// its owner.
    pub fn new(per_second: u32, kept: Duration) -> StartBudget {
        let interval = Duration::from_secs(1) / per_second.max(1);
        StartBudget {
            kept,
            interval,
            next: Timestamp(0),
            slots: BTreeMap::new(),
            free: BTreeSet::new(),
            burst: per_second.max(1) as usize * 2,
            used: VecDeque::new(),
        }
    }

    /// When `id` may start something. Asking again gives the same answer until
    /// the slot is used or has passed unused. Of many whose slots passed while they
    /// waited for something else not all may start at once.
    pub fn reserve(&mut self, id: &IndexerId, now: Timestamp) -> Timestamp {
        let slot = self.slot(id, now);
        self.free_at(now).map_or(slot, |at| slot.max(at))
    }

    /// When the second is over in which there were as many starts as may be.
    fn free_at(&mut self, now: Timestamp) -> Option<Timestamp> {
        // Times in the future are from before the clock was set back.
        let lately = |used: Timestamp| used <= now && now.since(used) < SECOND;
        while self.used.front().is_some_and(|used| !lately(*used)) {
            self.used.pop_front();
        }
        let first = (self.used.len() >= self.burst).then(|| self.used.front())?;
        first.map(|used| *used + SECOND)
    }

    fn slot(&mut self, id: &IndexerId, now: Timestamp) -> Timestamp {
        if let Some(slot) = self.slots.get(id).copied()
            && now < slot + self.kept
            && slot.since(now) <= self.horizon()
        {
            return slot;
        }
        // After a jump of the clock the reserved future must not last for ever.
        if self.next.since(now) > self.horizon() {
            self.next = now;
            self.free.clear();
        }
        self.free = self.free.split_off(&now);
        let slot = self.free.pop_first().unwrap_or_else(|| {
            let slot = self.next.max(now);
            self.next = slot + self.interval;
            slot
        });
        self.slots.insert(id.clone(), slot);
        slot
    }

    /// Takes note that `id` does not need its slot any more. Somebody else may have it,
    /// unless its time has come already.
    pub fn release(&mut self, id: &IndexerId, now: Timestamp) {
        let slot = self.slots.remove(id);
        // After a jump of the clock some are of a time that is handed out once more.
        if let Some(slot) = slot.filter(|slot| (now..self.next).contains(slot)) {
            self.free.insert(slot);
        }
    }

    /// Takes note that `id` uses its slot at `now`.
    pub fn consume(&mut self, id: &IndexerId, now: Timestamp) {
        self.slots.remove(id);
        while self.used.len() >= self.burst {
            self.used.pop_front();
        }
        self.used.push_back(now);
    }

    fn horizon(&self) -> Duration {
        let taken = self.slots.len().saturating_add(self.free.len());
        let waiting = u32::try_from(taken).unwrap_or(u32::MAX).saturating_add(1);
        self.interval.saturating_mul(waiting) + self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Duration = Duration::from_secs(5);

    fn id(n: usize) -> IndexerId {
        IndexerId::parse(&format!("a.near/{n}")).unwrap()
    }

    #[test]
    fn starts_are_spread_in_order_of_asking() {
        let mut budget = StartBudget::new(10, KEPT);
        let now = Timestamp(1_000);
        let slots: Vec<u64> = (0..4).map(|n| budget.reserve(&id(n), now).0).collect();
        assert_eq!(slots, [1_000, 1_100, 1_200, 1_300]);
        assert_eq!(
            budget.reserve(&id(2), Timestamp(1_150)).0,
            1_200,
            "a slot is kept"
        );
        budget.consume(&id(0), Timestamp(1_000));
        assert_eq!(budget.reserve(&id(0), Timestamp(1_150)).0, 1_400);
    }

    #[test]
    fn a_slot_that_is_given_back_is_the_next_ones() {
        let mut budget = StartBudget::new(10, KEPT);
        let now = Timestamp(1_000);
        for n in 0..5 {
            budget.reserve(&id(n), now);
        }
        for n in [3, 1, 0] {
            budget.release(&id(n), Timestamp(1_050));
        }
        budget.release(&id(9), now);
        let later = Timestamp(1_060);
        let slots: Vec<u64> = (5..8).map(|n| budget.reserve(&id(n), later).0).collect();
        assert_eq!(slots, [1_100, 1_300, 1_500]);
        budget.release(&id(6), later);
        let late = Timestamp(1_350);
        assert_eq!(budget.reserve(&id(8), late).0, 1_600, "its time has passed");
    }

    #[test]
    fn slots_given_back_do_not_make_others_overlap() {
        let mut budget = StartBudget::new(10, Duration::ZERO);
        let now = Timestamp(1_000);
        let last = (0..100).map(|n| budget.reserve(&id(n), now)).last();
        (1..99).for_each(|n| budget.release(&id(n), now));
        let mut slots: Vec<Timestamp> = (100..300).map(|n| budget.reserve(&id(n), now)).collect();
        slots.extend(last);
        slots.sort_unstable();
        let gap = |pair: &[Timestamp]| pair[1].since(pair[0]);
        assert!(
            slots
                .windows(2)
                .all(|pair| gap(pair) >= Duration::from_millis(100))
        );
        assert_eq!(slots.first(), Some(&Timestamp(1_100)));
        assert_eq!(slots.len(), 201);
    }

    #[test]
    fn what_was_given_back_before_the_clock_was_set_back_is_forgotten() {
        let mut budget = StartBudget::new(10, KEPT);
        let before = Timestamp(1_000_000_000);
        (0..4).for_each(|n| _ = budget.reserve(&id(n), before));
        budget.release(&id(3), before);
        let now = Timestamp(5_000);
        assert_eq!(budget.reserve(&id(4), now).0, 5_000);
        budget.release(&id(2), now);
        assert_eq!(budget.reserve(&id(5), now).0, 5_100);
    }

    #[test]
    fn unused_slots_expire_and_an_idle_budget_starts_at_once() {
        let mut budget = StartBudget::new(10, KEPT);
        assert_eq!(budget.reserve(&id(0), Timestamp(1_000)).0, 1_000);
        assert_eq!(budget.reserve(&id(0), Timestamp(9_000)).0, 9_000);
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_block_starts() {
        let mut budget = StartBudget::new(10, KEPT);
        budget.reserve(&id(0), Timestamp(1_000_000_000));
        budget.consume(&id(0), Timestamp(1_000_000_000));
        assert_eq!(budget.reserve(&id(1), Timestamp(5_000)).0, 5_000);
    }

    #[test]
    fn of_those_whose_slots_passed_unused_not_all_start_at_once() {
        let mut budget = StartBudget::new(2, KEPT);
        let mut crowd: Vec<IndexerId> = (0..8).map(id).collect();
        for id in &crowd {
            budget.reserve(id, Timestamp(1_000));
        }
        // Something held them all up until the last slot had passed.
        let mut now = Timestamp(5_000);
        let mut started = Vec::new();
        while !crowd.is_empty() {
            crowd.retain(|id| {
                let waits = budget.reserve(id, now) > now;
                if !waits {
                    budget.consume(id, now);
                    started.push(now);
                }
                waits
            });
            now = now + Duration::from_millis(100);
        }
        let at = |n: u64| Timestamp(n * 1_000);
        assert_eq!(
            started,
            [at(5), at(5), at(5), at(5), at(6), at(6), at(6), at(6)]
        );
    }
}
