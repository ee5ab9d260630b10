//! The coordinator's calls under way, and what befell them.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Time;

use crate::history::{CallId, Incarnation, Method};

/// The most calls that are remembered; the oldest are forgotten first.
const CALLS_MAX: usize = 8192;

/// Since when what was wanted may be what a call had in mind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Horizons {
    pub registry: Time,
    pub switch: Time,
}

/// A call that may matter later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub indexer: Option<usize>,
    /// The life that sent it.
    pub by: Incarnation,
    pub method: Method,
    /// The network holds it back beyond its deadline.
    pub late: bool,
    /// How often it took effect.
    pub applied: u32,
    /// The oldest truth about registry and record that may be behind it.
    pub horizons: Horizons,
    /// It was read from a server that told the truth, at this time.
    pub clean_at: Option<Time>,
    /// For how long the executor to stop had been starting when it was sent.
    pub starting_for: Option<Duration>,
}

/// The calls by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls(BTreeMap<CallId, Call>);

impl Calls {
    pub fn add(&mut self, id: CallId, call: Call) {
        if self.0.len() >= CALLS_MAX {
            self.0.pop_first();
        }
        self.0.insert(id, call);
    }

    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.0.get(&id)
    }

    pub fn get_mut(&mut self, id: CallId) -> Option<&mut Call> {
        self.0.get_mut(&id)
    }
}

/// Whether what becomes of a call is asked for later than when it is sent.
pub(super) fn matters_later(method: Method) -> bool {
    matches!(
        method,
        Method::StartStream
            | Method::StopStream
            | Method::StartExecutor
            | Method::StopExecutor
            | Method::StartProvisioningTask
            | Method::StoreCompareAndSet
            | Method::RegistryListAll
            | Method::RegistryRead
    )
}
