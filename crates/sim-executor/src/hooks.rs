//! What a driver may do to the node and see of it beside its calls.

use proto::runner::ExecutionState;
use sim_node::{Env, IndexerKey, WorkerStopReason};

use crate::entry::Behind;
use crate::faults::{PoisonedBlock, StartFault};
use crate::{Config, ExecutorCore};

/// A living worker thread, as it really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerView<'a> {
    /// Its serial number, unique in a run.
    pub serial: u64,
    /// The indexer whose blocks it executes.
    pub key: &'a IndexerKey,
    /// The queue it consumes.
    pub redis_stream: &'a str,
    /// The version of its code.
    pub version: u64,
    /// Whether a call can reach it.
    pub owned: bool,
    /// How many blocks it has read and not executed.
    pub prefetched: usize,
}

impl ExecutorCore {
    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// All living workers by serial number, those that no call reaches included.
    pub fn workers(&self) -> impl Iterator<Item = WorkerView<'_>> {
        self.crew.iter().map(|worker| WorkerView {
            serial: worker.serial,
            key: &worker.assignment.key,
            redis_stream: &worker.assignment.stream,
            version: worker.assignment.version,
            owned: worker.owned,
            prefetched: worker.prefetched(),
        })
    }

    /// The indexers that have an executor in the map.
    pub fn listed(&self) -> impl Iterator<Item = &IndexerKey> {
        self.entries.keys()
    }

    /// Plants `fault` for the next start of `target` (`None`: of whichever
    /// indexer comes first). False if too many are planted already.
    pub fn fault_next_start(&mut self, target: Option<IndexerKey>, fault: StartFault) -> bool {
        self.faults.plant_start(target, fault)
    }

    /// Lets every start that begins from now on meet `fault`; `None` heals.
    /// A start that hangs does so for the life of the process.
    pub fn fault_every_start(&mut self, fault: Option<StartFault>) {
        self.faults.every_start = fault;
    }

    /// Lets the next termination of a living worker of `target` (`None`: of
    /// whichever comes first) be rejected. False if too many are planted already.
    pub fn fail_next_stop(&mut self, target: Option<IndexerKey>) -> bool {
        self.faults.plant_stop(target)
    }

    /// Lets one fetch of a block for `target` (`None`: for whichever worker comes
    /// first) fail. Blocks that a worker holds already are not fetched again.
    /// False if too many are planted already.
    pub fn poison(&mut self, target: Option<IndexerKey>, block: PoisonedBlock) -> bool {
        self.faults.plant_poison(target, block)
    }

    /// Lets every fetch of a block fail while `on`. Blocks read meanwhile stay
    /// failed afterwards, until their worker is replaced.
    pub fn set_fetch_outage(&mut self, on: bool) {
        self.faults.fetch_outage = on;
    }

    /// Takes back every fault that is planted and has not befallen anything yet,
    /// and every one that lasts.
    pub fn clear_planted(&mut self) {
        self.faults = crate::faults::Faults::default();
    }

    /// Kills the worker of `key`'s executor as an uncaught exception does. False
    /// if the executor has no living worker.
    pub fn crash_worker(&mut self, env: &mut Env<'_>, key: &IndexerKey) -> bool {
        let ended = self.lose_worker(env, key);
        if ended {
            self.fall_over(env, key, self.config.quirks.crashed_worker_stays_listed);
        }
        ended
    }

    /// Lets the worker of `key`'s executor exit without an error, which nobody
    /// listens for. False if the executor has no living worker.
    pub fn vanish_worker(&mut self, env: &mut Env<'_>, key: &IndexerKey) -> bool {
        let ended = self.lose_worker(env, key);
        if ended && !self.config.quirks.silent_exit_freezes_state {
            self.tell(env, key, ExecutionState::Stalled);
        }
        ended
    }

    fn lose_worker(&mut self, env: &mut Env<'_>, key: &IndexerKey) -> bool {
        match self.entries.get(key).map(|entry| entry.behind) {
            Some(Behind::Worker(serial)) => {
                self.crew
                    .end(env, &mut self.agenda, serial, WorkerStopReason::Crashed)
            }
            Some(Behind::Start(_) | Behind::Nothing) | None => false,
        }
    }
}
