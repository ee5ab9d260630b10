//! Machines that are slow.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Rng;

use super::World;
use crate::history::NodeName;
use crate::scenario::{DurationRange, Nodes};

/// A step of a service's own work takes no longer than this more: what is told to
/// stop must end in time.
const OWN_WORK: Duration = Duration::from_secs(2);

/// The slow nodes.
pub struct SlowNodes {
    slow: BTreeMap<NodeName, (u64, DurationRange)>,
    /// How the nodes behave while nothing is wrong with them.
    usual: Nodes,
    rng: Rng,
    marks: u64,
}

impl SlowNodes {
    /// None is slow.
    pub fn new(usual: Nodes, seed: u64) -> SlowNodes {
        SlowNodes {
            slow: BTreeMap::new(),
            usual,
            rng: Rng::new(seed, "slow nodes"),
            marks: 0,
        }
    }

    /// How much later `node` takes up what it is sent, and how much later its
    /// answer goes out.
    pub fn draw(&mut self, node: NodeName) -> (Duration, Duration) {
        let Some((_, by)) = self.slow.get(&node) else {
            return (Duration::ZERO, Duration::ZERO);
        };
        let all = self.rng.duration(by.low, by.high);
        let before = all.mul_f64(self.rng.unit());
        (before, all.saturating_sub(before))
    }

    /// How much longer each step takes that `node` does by itself, or with the
    /// store.
    fn own(&self, node: NodeName) -> Duration {
        let of = |node: NodeName| {
            self.slow
                .get(&node)
                .map_or(Duration::ZERO, |(_, by)| by.low)
        };
        (of(node) + of(NodeName::Store)).min(OWN_WORK)
    }
}

impl World {
    /// Makes `node` slow; the mark that is returned is needed to end exactly this.
    pub fn slow_down(&mut self, node: NodeName, by: DurationRange) -> u64 {
        self.slow.marks += 1;
        self.slow.slow.insert(node, (self.slow.marks, by));
        self.set_paces();
        self.slow.marks
    }

    /// Ends the slowness of `node`, unless a later one replaced it.
    pub fn speed_up(&mut self, node: NodeName, mark: u64) {
        if self
            .slow
            .slow
            .get(&node)
            .is_some_and(|(set, _)| *set == mark)
        {
            self.slow.slow.remove(&node);
            self.set_paces();
        }
    }

    /// Makes all nodes as fast as they were.
    pub(super) fn speed_all_up(&mut self) {
        if !self.slow.slow.is_empty() {
            self.slow.slow.clear();
            self.set_paces();
        }
    }

    fn set_paces(&mut self) {
        let by = self.slow.own(NodeName::BlockStreamer);
        let mut streamer = self.slow.usual.block_streamer.clone();
        for span in [
            &mut streamer.start_delay,
            &mut streamer.stop_delay,
            &mut streamer.command_gap,
            &mut streamer.full_queue_wait,
        ] {
            *span += by;
        }
        self.streamer.set_config(streamer);

        let by = self.slow.own(NodeName::Runner);
        let mut executor = self.slow.usual.executor.clone();
        for span in [
            &mut executor.start_delay,
            &mut executor.thread_boot,
            &mut executor.stop_delay,
            &mut executor.execution_time,
            &mut executor.redis_retry,
        ] {
            *span += by;
        }
        self.executor.set_config(executor);
        let mut provisioner = self.slow.usual.provisioner.clone();
        provisioner.stage_time += by;
        self.provisioner.set_config(provisioner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_node_takes_up_late_and_answers_late() {
        let mut nodes = SlowNodes::new(Nodes::default(), 1);
        assert_eq!(nodes.draw(NodeName::Runner), Default::default());
        let by = DurationRange::from_millis(100, 300);
        nodes.slow.insert(NodeName::Runner, (1, by));
        for _ in 0..100 {
            let (before, after) = nodes.draw(NodeName::Runner);
            assert!((by.low..=by.high).contains(&(before + after)));
        }
        assert_eq!(nodes.draw(NodeName::Store), Default::default());
    }

    #[test]
    fn a_slow_store_slows_the_services_and_nothing_takes_for_ever() {
        let mut nodes = SlowNodes::new(Nodes::default(), 1);
        let by = DurationRange::from_millis(100, 300);
        nodes.slow.insert(NodeName::Store, (1, by));
        assert_eq!(nodes.own(NodeName::Runner), by.low);
        let by = DurationRange::from_millis(60_000, 60_000);
        nodes.slow.insert(NodeName::Runner, (2, by));
        assert_eq!(nodes.own(NodeName::Runner), OWN_WORK);
        assert_eq!(
            nodes.own(NodeName::BlockStreamer),
            Duration::from_millis(100)
        );
    }
}
