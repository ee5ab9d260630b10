//! An entry of the map: one executor, as calls see it.

use std::sync::Arc;

use proto::runner::{ExecutionState, ExecutorInfo, Health};
use sim_node::{Env, Event, IndexerKey, Time};

/// What stands behind an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// The pending start of this number.
    Start(u64),
    /// The worker of this serial. It may have ended by itself since.
    Worker(u64),
    /// Nothing: the start failed.
    Nothing,
}

/// A stop that waits for its worker to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopping {
    pub until: Time,
    pub rejected: bool,
}

/// One executor.
pub(crate) struct Entry {
    pub id: Arc<str>,
    pub account_id: Arc<str>,
    pub function_name: Arc<str>,
    pub version: u64,
    pub behind: Behind,
    /// What was told of its worker last.
    told: ExecutionState,
    stopping: Option<Stopping>,
}

impl Entry {
    /// A new entry, IDLE.
    pub fn new(id: Arc<str>, account: &str, function: &str, version: u64, start: u64) -> Entry {
        Entry {
            id,
            account_id: account.into(),
            function_name: function.into(),
            version,
            behind: Behind::Start(start),
            told: ExecutionState::Idle,
            stopping: None,
        }
    }

    /// The state that calls see.
    pub fn state(&self) -> ExecutionState {
        match self.stopping {
            Some(_) => ExecutionState::Stopped,
            None => self.told,
        }
    }

    pub fn info(&self) -> ExecutorInfo {
        ExecutorInfo {
            executor_id: self.id.to_string(),
            account_id: self.account_id.to_string(),
            function_name: self.function_name.to_string(),
            version: self.version,
            health: Some(Health {
                execution_state: self.state().into(),
            }),
        }
    }

    pub fn stopping(&self) -> Option<Stopping> {
        self.stopping
    }

    /// Takes note of what became of the worker.
    pub fn tell(&mut self, env: &mut Env<'_>, key: &IndexerKey, told: ExecutionState) {
        let before = self.state();
        self.told = told;
        self.record_change(env, key, before);
    }

    /// A stop begins, or (`None`) was rejected.
    pub fn set_stopping(&mut self, env: &mut Env<'_>, key: &IndexerKey, to: Option<Stopping>) {
        let before = self.state();
        self.stopping = to;
        self.record_change(env, key, before);
    }

    fn record_change(&self, env: &mut Env<'_>, key: &IndexerKey, before: ExecutionState) {
        let state = self.state();
        if state != before {
            env.record(Event::ExecutorState {
                key: key.clone(),
                state: state.into(),
            });
        }
    }
}
