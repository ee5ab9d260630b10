//! What the registry, and the coordinator's own clock, said that was not true.

use sim_node::Time;

/// How the note of a fault ends that made an answer an old one.
const STALE: &str = "meets Stale";

/// How the note of a fault begins that concerns the coordinator's clock.
const CLOCK: &str = "the clock of coordinator ";

/// The same of the clock by which streams are said to be alive.
const HEARTBEATS: &str = "the clock of block_streamer ";

/// How the notes of faults begin that may keep a block streamer from making a sign of
/// life, for which it asks the store. One that was killed takes its streams with it.
const SIGNS_OF_LIFE: [&str; 8] = [
    "block_streamer is frozen",
    "store is ",
    "the machine of block_streamer ",
    "the machine of store ",
    "the link block_streamer <-> store ",
    "the link block_streamer -> store ",
    "the link store <-> block_streamer ",
    "the link store -> block_streamer ",
];

/// When the registry told an untruth last, and the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lies {
    last_at: Option<Time>,
    stale_at: Option<Time>,
    clock_at: Option<Time>,
    heartbeats_at: Option<Time>,
    /// When a sign of life may last have been missed.
    unseen_at: Option<Time>,
}

impl Lies {
    /// Takes note of a fault, if it is one of the registry's answers or of the clock.
    pub fn note(&mut self, now: Time, fault: &str) {
        if fault.starts_with(CLOCK) {
            self.clock_at = Some(now);
        }
        if fault.starts_with(HEARTBEATS) {
            self.heartbeats_at = Some(now);
        }
        if SIGNS_OF_LIFE.iter().any(|one| fault.starts_with(one)) {
            self.unseen_at = Some(now);
        }
        if fault.contains("RegistryListAll") || fault.contains("RegistryRead") {
            self.last_at = Some(now);
            if fault.ends_with(STALE) {
                self.stale_at = Some(now);
            }
        }
    }

    /// Whether it has told no untruth from `at` on.
    pub fn none_since(&self, at: Time) -> bool {
        self.last_at.is_none_or(|lied| lied < at)
    }

    /// Whether the coordinator's clock has ever been wrong. Only healing sets it right,
    /// which is a jump as well: no span of time it measured means anything till then.
    pub fn was_clock_wrong(&self) -> bool {
        self.clock_at.is_some()
    }

    /// Whether the block streamer's clock has ever been wrong: signs of life that are
    /// due by it may still be missing after it was set right.
    pub fn were_heartbeats_wrong(&self) -> bool {
        self.heartbeats_at.is_some()
    }

    /// Whether a sign of life may ever have been missed: the block streamer makes one
    /// only when the store answers it.
    pub fn may_lack_heartbeats(&self) -> bool {
        self.unseen_at.is_some()
    }

    /// Whether it has told old news from `at` on.
    pub fn were_stale_since(&self, at: Time) -> bool {
        self.stale_at.is_some_and(|lied| lied >= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_news_are_told_from_other_lies_and_from_other_faults() {
        let mut lies = Lies::default();
        lies.note(Time(5), "a.near/f: StoreGet meets Stale");
        assert!(lies.none_since(Time(0)));
        lies.note(Time(6), "*: RegistryListAll meets Null");
        assert!(!lies.none_since(Time(6)) && lies.none_since(Time(7)));
        assert!(!lies.were_stale_since(Time(0)));
        lies.note(Time(8), "*: RegistryRead meets Stale");
        assert!(lies.were_stale_since(Time(8)) && !lies.were_stale_since(Time(9)));
    }

    #[test]
    fn only_the_coordinators_own_clock_counts() {
        let mut lies = Lies::default();
        lies.note(Time(5), "the clock of block_streamer jumps by +1s");
        lies.note(Time(5), "a.near/f: StoreGet meets Stale");
        assert!(!lies.was_clock_wrong() && lies.were_heartbeats_wrong());
        lies.note(Time(6), "the clock of coordinator is moved back");
        assert!(lies.was_clock_wrong());
        assert!(lies.none_since(Time(0)), "the registry told no untruth");
    }
}
