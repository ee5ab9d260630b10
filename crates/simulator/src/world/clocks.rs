//! The wall clocks of the nodes, which need not agree.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Time;

use crate::history::NodeName;

/// A rate of this many millionths is the right one.
const RIGHT: i64 = 1_000_000;

/// A clock that is not right.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    /// By how many microseconds, at `since`.
    error: i64,
    /// How fast it runs, in millionths of the right rate.
    rate: i64,
    since: Time,
}

/// All wall clocks. What a node measures by itself, such as a timeout, does not
/// depend on them: monotonic clocks neither jump nor drift enough to matter.
#[derive(Debug, Default)]
pub struct Clocks {
    wrong: BTreeMap<NodeName, Wrong>,
    healings: u64,
}

impl Clocks {
    /// What the clock of `node` shows at `now`.
    pub fn read(&self, node: NodeName, now: Time) -> Time {
        now.shifted(self.error(node, now))
    }

    /// By how many microseconds the clock of `node` is wrong at `now`.
    pub fn error(&self, node: NodeName, now: Time) -> i64 {
        let Some(wrong) = self.wrong.get(&node) else {
            return 0;
        };
        let passed = micros(now.since(wrong.since));
        let gained = i128::from(passed) * i128::from(wrong.rate - RIGHT) / i128::from(RIGHT);
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        wrong.error.saturating_add(gained)
    }

    /// Makes the clock of `node` wrong by just so much.
    pub fn set(&mut self, node: NodeName, now: Time, error: i64) {
        let rate = self.wrong.get(&node).map_or(RIGHT, |wrong| wrong.rate);
        let since = now;
        self.wrong.insert(node, Wrong { error, rate, since });
    }

    /// Moves the clock of `node` by so many microseconds.
    pub fn jump(&mut self, node: NodeName, now: Time, by: i64) {
        let error = self.error(node, now).saturating_add(by);
        self.set(node, now, error);
    }

    /// Lets the clock of `node` run at `rate` millionths of the right rate. What it
    /// is wrong by stays.
    pub fn run_at(&mut self, node: NodeName, now: Time, rate: i64) {
        let (error, since) = (self.error(node, now), now);
        self.wrong.insert(node, Wrong { error, rate, since });
    }

    /// Puts all clocks right.
    pub fn heal(&mut self) {
        self.wrong.clear();
        self.healings += 1;
    }

    /// How often the clocks were put right. Whoever wants to undo something later
    /// must leave it if this has changed.
    pub fn healings(&self) -> u64 {
        self.healings
    }
}

/// A duration as a signed number of microseconds.
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::SIMULATION_START;
    const NODE: NodeName = NodeName::Coordinator;

    fn after(seconds: u64) -> Time {
        START + Duration::from_secs(seconds)
    }

    fn shown(clocks: &Clocks, seconds: u64) -> i64 {
        let shown = clocks.read(NODE, after(seconds));
        i64::try_from(shown.as_secs()).unwrap() - i64::try_from(START.as_secs()).unwrap()
    }

    #[test]
    fn jumps_add_up_and_a_skew_replaces_them() {
        let mut clocks = Clocks::default();
        assert_eq!(shown(&clocks, 10), 10);
        clocks.jump(NODE, after(10), 60_000_000);
        clocks.jump(NODE, after(10), -90_000_000);
        assert_eq!(shown(&clocks, 10), -20);
        clocks.set(NODE, after(20), 5_000_000);
        assert_eq!(shown(&clocks, 20), 25);
        assert_eq!(clocks.read(NodeName::BlockStreamer, after(20)), after(20));
    }

    #[test]
    fn what_a_clock_gains_stays_until_it_is_put_right() {
        let mut clocks = Clocks::default();
        clocks.run_at(NODE, after(0), 1_500_000);
        assert_eq!(shown(&clocks, 100), 150);
        clocks.jump(NODE, after(100), 10_000_000);
        assert_eq!(shown(&clocks, 200), 310);
        clocks.run_at(NODE, after(200), RIGHT);
        assert_eq!(shown(&clocks, 300), 410);
        clocks.heal();
        assert_eq!((shown(&clocks, 300), clocks.healings()), (300, 1));
    }
}
