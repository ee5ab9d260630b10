//! Which interesting situations a run reached, and how often.

use std::collections::BTreeMap;

use lifecycle::{Phase, TRANSITIONS};

use super::record::Persisted;
use crate::history::{AdminCommand, Change, Event, NodeState};
use crate::marks::{ALWAYS, Mark, VIOLATED, faults};

/// The marks of a run.
#[derive(Default)]
pub(super) struct Marks {
    counts: BTreeMap<Mark, u64>,
    /// Conditions that did not hold, and how often.
    violated: BTreeMap<&'static str, u64>,
}

impl Marks {
    /// A mark was reached.
    pub fn hit(&mut self, mark: Mark) {
        *self.counts.entry(mark).or_default() += 1;
    }

    /// A situation of that name was reached.
    pub fn named(&mut self, name: &'static str) {
        self.hit(Mark::Named(name));
    }

    /// A condition that must hold was looked at. `nth` is its place in [`ALWAYS`].
    pub fn always(&mut self, nth: usize, holds: bool) {
        let Some((name, _)) = ALWAYS.get(nth) else {
            return;
        };
        self.hit(Mark::Named(name));
        if !holds {
            *self.violated.entry(name).or_default() += 1;
        }
    }

    /// An event that is neither about blocks nor cursors.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::CallFault { method, fault, .. } => {
                if let Some(fate) = faults::fate(fault) {
                    self.hit(Mark::Fault(fate));
                    self.hit(Mark::Befell(*method, fate));
                }
            }
            Event::Fault { text } => {
                if let Some(family) = faults::told(text) {
                    self.hit(Mark::Fault(family));
                }
                if let Some((method, fault)) = faults::told_of_call(text) {
                    self.hit(Mark::Befell(method, fault));
                }
            }
            Event::NodeState { node, state } => {
                let state = match state {
                    NodeState::Up => "up",
                    NodeState::Down => "down",
                    NodeState::Paused => "paused",
                };
                self.hit(Mark::Node(*node, state));
            }
            Event::Node(event) => self.node(event),
            Event::StoreLost { span_micros: None } => self.named("store lost everything"),
            Event::StoreLost { .. } => self.named("store lost its tail"),
            Event::DataCleared { .. } => self.named("data cleared"),
            Event::RecordTampered { .. } => {
                self.named("record tampered");
                self.hit(Mark::Fault("corrupt_record"));
            }
            Event::CoordinatorStarted { .. } => self.named("coordinator started"),
            Event::CoordinatorEnded { .. } => self.named("coordinator crashed"),
            Event::AdminAnswered {
                error: None,
                command,
                ..
            } => {
                self.named("command acknowledged");
                match command {
                    AdminCommand::Enable | AdminCommand::Disable => {}
                    AdminCommand::Hold => self.named("hold acknowledged"),
                    AdminCommand::Release => self.named("release acknowledged"),
                    AdminCommand::Retry => self.named("retry acknowledged"),
                }
            }
            Event::AdminAnswered { .. } => self.named("command failed"),
            Event::Registry {
                change: Change::Deleted { .. },
                ..
            } => {
                self.named("registry deletion");
            }
            Event::Registry {
                change:
                    Change::Registered {
                        new_life, start, ..
                    },
                ..
            } => {
                self.named(if *new_life { "registration" } else { "update" });
                if start.is_none() {
                    self.named("registered to continue");
                }
            }
            _ => {}
        }
    }

    fn node(&mut self, event: &sim_node::Event) {
        use sim_node::Event as Node;
        match event {
            Node::StreamOrphaned { .. } => self.named("orphan stream"),
            Node::WorkerOrphaned { .. } => self.named("orphan worker"),
            Node::StreamEnded { reason, .. } => self.named(match reason {
                sim_node::TaskStopReason::Cancelled => "stream cancelled",
                sim_node::TaskStopReason::RedisError => "stream ended by Redis",
                sim_node::TaskStopReason::Panicked => "stream panicked",
                sim_node::TaskStopReason::NodeDied => "stream died with its node",
            }),
            Node::WorkerEnded { reason, .. } => self.named(match reason {
                sim_node::WorkerStopReason::Terminated => "worker terminated",
                sim_node::WorkerStopReason::Crashed => "worker crashed",
                sim_node::WorkerStopReason::NodeDied => "worker died with its node",
            }),
            Node::TaskEnded { result, .. } => self.named(match result {
                sim_node::TaskResult::Complete => "data layer task complete",
                sim_node::TaskResult::Failed => "data layer task failed",
                sim_node::TaskResult::NodeDied => "data layer task died with its node",
            }),
            _ => {}
        }
    }

    /// A record was written.
    pub fn record(&mut self, before: &Persisted, after: &Persisted) {
        let Some(record) = after.known() else {
            if *after == Persisted::Nothing {
                self.named("record removed");
            }
            return;
        };
        self.hit(Mark::Phase(record.phase));
        // What others write, and what must not be, are no transitions.
        let listed = |from: &Phase| TRANSITIONS.contains(&(*from, record.phase));
        if let Some(from) = before.phase().filter(listed) {
            self.hit(Mark::Transition(from, record.phase));
        }
        if let Some(repair) = record
            .repair
            .as_ref()
            .filter(|_| record.phase == Phase::Repairing)
        {
            self.hit(Mark::Repair(repair.cause));
        }
    }

    /// All marks by name.
    pub fn by_name(&self) -> BTreeMap<String, u64> {
        let reached = self.counts.iter();
        let mut all: BTreeMap<String, u64> =
            reached.map(|(mark, count)| (mark.name(), *count)).collect();
        let violated = self.violated.iter();
        all.extend(violated.map(|(name, count)| (format!("{name}{VIOLATED}"), *count)));
        all
    }
}
