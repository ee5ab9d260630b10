//! Everything that happens in a run, in order: hashed, kept for reports, and
//! handed to the oracles as it happens.

mod event;
mod trace;

use sim_node::{Ledger, Time};

pub use event::{
    AdminCommand, AnswerKind, CallId, Change, Event, FormerState, Incarnation, Method, NodeName,
    NodeState, RunPhase, SHADOW,
};
pub use trace::Trace;

use crate::oracle::Oracles;

/// The record of a run: the trace and the judges that read it.
pub struct History {
    /// The trace and its hash.
    pub trace: Trace,
    /// The judges.
    pub oracles: Oracles,
}

impl History {
    /// An empty history.
    pub fn new(trace: Trace, oracles: Oracles) -> History {
        History { trace, oracles }
    }

    /// Takes note of `event`, which happens at `now`.
    pub fn push(&mut self, now: Time, event: Event) {
        self.trace.push(now, &event);
        self.oracles.observe(now, &event);
    }
}

impl Ledger for History {
    fn record(&mut self, now: Time, event: sim_node::Event) {
        self.push(now, Event::Node(event));
    }
}
