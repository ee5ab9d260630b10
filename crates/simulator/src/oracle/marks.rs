//! Which interesting situations a run reached, and how often.

use std::collections::BTreeMap;

use lifecycle::{Cause, Phase};

use super::record::Persisted;
use crate::history::{AdminCommand, AnswerKind, Change, Event, Method, NodeName, NodeState};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Phase(Phase),
    Transition(Phase, Phase),
    Repair(Cause),
    Answer(Method, i32),
    Fault(Method, &'static str),
    Node(NodeName, &'static str),
    Named(&'static str),
}

impl Mark {
    fn name(self) -> String {
        match self {
            Mark::Phase(phase) => format!("phase {phase}"),
            Mark::Transition(from, to) => format!("transition {from} -> {to}"),
            Mark::Repair(cause) => format!("repair {cause:?}"),
            Mark::Answer(method, 0) => format!("{method:?} answered ok"),
            Mark::Answer(method, code) => format!("{method:?} answered error {code}"),
            Mark::Fault(method, fault) => format!("{method:?} fault {fault}"),
            Mark::Node(node, state) => format!("{node} {state}"),
            Mark::Named(name) => name.to_owned(),
        }
    }
}

/// The marks of a run.
#[derive(Default)]
pub(super) struct Marks(BTreeMap<Mark, u64>);

impl Marks {
    fn hit(&mut self, mark: Mark) {
        *self.0.entry(mark).or_default() += 1;
    }

    /// A situation of that name was reached.
    pub fn named(&mut self, name: &'static str) {
        self.hit(Mark::Named(name));
    }

    /// An event that is neither about blocks nor cursors.
    pub fn observe(&mut self, event: &Event) {
        match event {
            Event::CallAnswered { method, answer, .. } => {
                let code = match answer {
                    AnswerKind::Ok => 0,
                    AnswerKind::Error(code) => *code,
                };
                self.hit(Mark::Answer(*method, code));
            }
            Event::CallFault { method, fault, .. } => self.hit(Mark::Fault(*method, fault)),
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
            Event::RecordTampered { .. } => self.named("record tampered"),
            Event::CoordinatorStarted { .. } => self.named("coordinator started"),
            Event::CoordinatorEnded { orderly: true, .. } => self.named("coordinator stopped"),
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
        if let Some(from) = before.phase().filter(|from| *from != record.phase) {
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
        self.0
            .iter()
            .map(|(mark, count)| (mark.name(), *count))
            .collect()
    }
}
