//! Faults of clocks, of whole machines, and of several nodes at a time.

use std::time::Duration;

use super::stage::Stage;
use super::timeline::{Doing, Family};
use crate::history::NodeName;
use crate::scenario::{
    Action, ClockDrift, ClockStep, DurationRange, Faults, LoseNodes, Reorder, SlowNode, Swizzle,
    SwizzleKind,
};
use crate::world::micros;

/// The latency of links that a swizzle makes slow.
const CLOGGED: DurationRange = DurationRange::from_millis(500, 6_000);

/// A clock that drifts at random is at most this many times as fast as it should
/// be, and at least as many times as slow.
const FASTEST: f64 = 2.0;

impl Stage {
    /// Steps about clocks, machines and several nodes.
    pub(super) fn act_widely(&mut self, action: &Action) {
        match action {
            Action::Reorder(reorder) => self.mix(reorder),
            Action::LoseNodes(lose) => self.lose_nodes(lose),
            Action::Swizzle(swizzle) => self.swizzle(swizzle),
            Action::SlowNode(slow) => self.slow_down(slow),
            Action::ClockSkew(step) => self.skew(step),
            Action::ClockJump(step) => self.jump(step),
            Action::ClockDrift(drift) => self.drift(drift),
            _ => {}
        }
    }

    /// Random faults of these kinds.
    pub(super) fn befall_widely(&mut self, family: Family, faults: &Faults) {
        match family {
            Family::SlowNode(node) => {
                let (by, span) = (faults.slow_node_by, self.draw(faults.slow_node_for));
                let r#for = Some(span);
                self.slow_down(&SlowNode { node, by, r#for });
            }
            Family::ClockJump(node) => {
                let step = ClockStep {
                    node,
                    by: self.draw(faults.clock_jump_by),
                    back: self.choices.chance(0.5),
                    r#for: Some(self.draw(faults.clock_jump_for)),
                };
                self.jump(&step);
            }
            Family::ClockDrift(node) => {
                // Even on a scale of ratios: as often too slow as too fast.
                let rate = FASTEST.powf(2.0 * self.choices.unit() - 1.0);
                let r#for = Some(self.draw(faults.clock_drift_for));
                self.drift(&ClockDrift { node, rate, r#for });
            }
            Family::Reorder => {
                let (from, to) = self.random_link();
                let reorder = Reorder {
                    from,
                    to,
                    by: faults.reorder_by,
                    probability: self.choices.unit(),
                    r#for: Some(self.draw(faults.reorder_for)),
                };
                self.mix(&reorder);
            }
            Family::LoseNodes => {
                let nodes = self.some_nodes();
                let down = faults.down;
                self.lose_nodes(&LoseNodes { nodes, down });
            }
            Family::Swizzle => {
                let kind = self.choices.pick(&SwizzleKind::ALL).copied();
                let swizzle = Swizzle {
                    kind: kind.unwrap_or(SwizzleKind::Clog),
                    nodes: Vec::new(),
                    apart: faults.swizzle_apart,
                };
                self.swizzle(&swizzle);
            }
            _ => {}
        }
    }

    fn mix(&mut self, reorder: &Reorder) {
        let Reorder { from, to, .. } = *reorder;
        let text = format!("messages overtake each other between {from} and {to}");
        self.world.enter().fault(text);
        for (from, to) in [(from, to), (to, from)] {
            let mut world = self.world.enter();
            let mark = world.links.mix(from, to, reorder.probability, reorder.by);
            drop(world);
            self.after(reorder.r#for, Doing::Unmix(from, to, mark));
        }
    }

    fn slow_down(&mut self, slow: &SlowNode) {
        let mut world = self.world.enter();
        world.fault(format!("the machine of {} is slow", slow.node));
        let mark = world.slow_down(slow.node, slow.by);
        drop(world);
        self.after(slow.r#for, Doing::SpeedUp(slow.node, mark));
    }

    fn lose_nodes(&mut self, lose: &LoseNodes) {
        self.befalls("lose_nodes");
        for node in &lose.nodes {
            let down = self.draw(lose.down);
            self.kill(*node, Some(down));
        }
    }

    /// Plans who falls when and for how long: one after the other, and back in
    /// another order.
    fn swizzle(&mut self, swizzle: &Swizzle) {
        let mut falling = match swizzle.nodes.as_slice() {
            [] => self.some_nodes(),
            nodes => nodes.to_vec(),
        };
        self.shuffle(&mut falling);
        let mut returning = falling.clone();
        self.shuffle(&mut returning);
        if returning == falling {
            returning.rotate_left(1);
        }
        let mut at = self.now();
        let mut falls = Vec::new();
        for node in falling {
            falls.push((node, at));
            at = at + self.draw(swizzle.apart);
        }
        for node in returning {
            let fall = falls.iter().find(|(other, _)| *other == node);
            if let Some((_, fall)) = fall.copied() {
                let span = at.since(fall);
                let turn = Doing::Swizzled(node, swizzle.kind, span);
                self.timeline.add(fall, turn);
            }
            at = at + self.draw(swizzle.apart);
        }
    }

    /// It is a node's turn.
    pub(super) fn swizzled(&mut self, node: NodeName, kind: SwizzleKind, span: Duration) {
        self.befalls("swizzle");
        let links = NodeName::ALL.into_iter().filter(|to| node.talks_to(*to));
        match kind {
            SwizzleKind::Crash => self.kill(node, Some(span)),
            SwizzleKind::Pause => self.pause(node, Some(span)),
            SwizzleKind::Cut => links.for_each(|to| self.partition(node, to, true, Some(span))),
            SwizzleKind::Clog => links.for_each(|to| self.clog(node, to, CLOGGED, Some(span))),
        }
    }

    /// Two nodes or more.
    fn some_nodes(&mut self) -> Vec<NodeName> {
        let mut nodes = NodeName::ALL.to_vec();
        self.shuffle(&mut nodes);
        let count = self.choices.between(2, nodes.len() as u64);
        nodes.truncate(usize::try_from(count).unwrap_or(2));
        nodes
    }

    fn shuffle(&mut self, nodes: &mut [NodeName]) {
        for place in (1..nodes.len()).rev() {
            let other = self.choices.below(place as u64 + 1);
            nodes.swap(place, usize::try_from(other).unwrap_or(0));
        }
    }

    fn skew(&mut self, step: &ClockStep) {
        let mut world = self.world.enter();
        let (now, before) = (world.now, world.clocks.error(step.node, world.now));
        world.fault(format!(
            "the clock of {} is wrong by {}",
            step.node,
            shown(step)
        ));
        world.clocks.set(step.node, now, signed(step));
        let undo = Doing::PutRight(step.node, before - signed(step), world.clocks.healings());
        drop(world);
        self.after(step.r#for, undo);
    }

    fn jump(&mut self, step: &ClockStep) {
        let mut world = self.world.enter();
        let now = world.now;
        world.fault(format!(
            "the clock of {} jumps by {}",
            step.node,
            shown(step)
        ));
        world.clocks.jump(step.node, now, signed(step));
        let undo = Doing::PutRight(step.node, -signed(step), world.clocks.healings());
        drop(world);
        self.after(step.r#for, undo);
    }

    fn drift(&mut self, drift: &ClockDrift) {
        let mut world = self.world.enter();
        let now = world.now;
        let millionths = (drift.rate * 1e6).round() as i64;
        let (node, rate) = (drift.node, drift.rate);
        world.fault(format!("the clock of {node} runs {rate:.3} times as fast"));
        world.clocks.run_at(node, now, millionths);
        let undo = Doing::RunRight(node, world.clocks.healings());
        drop(world);
        self.after(drift.r#for, undo);
    }

    /// A clock that had been moved is moved back.
    pub(super) fn put_right(&mut self, node: NodeName, by: i64, healings: u64) {
        let mut world = self.world.enter();
        if world.clocks.healings() == healings {
            let now = world.now;
            world.fault(format!("the clock of {node} is moved back"));
            world.clocks.jump(node, now, by);
        }
    }

    /// A clock that had a wrong rate gets the right one.
    pub(super) fn run_right(&mut self, node: NodeName, healings: u64) {
        let mut world = self.world.enter();
        if world.clocks.healings() == healings {
            let now = world.now;
            world.clocks.run_at(node, now, 1_000_000);
        }
    }

    /// Plans `doing` at the end of `span`, if it has one.
    fn after(&mut self, span: Option<Duration>, doing: Doing) {
        if let Some(span) = span {
            let at = self.now() + span;
            self.timeline.add(at, doing);
        }
    }
}

fn signed(step: &ClockStep) -> i64 {
    let by = micros(step.by);
    if step.back { -by } else { by }
}

fn shown(step: &ClockStep) -> String {
    let sign = if step.back { "-" } else { "+" };
    format!("{sign}{}", humantime::format_duration(step.by))
}
