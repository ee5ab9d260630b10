//! What a driver may do to the node and see of it beside its calls.

use std::time::Duration;

use sim_node::{IndexerKey, TaskKind, Time};

use crate::faults::StartFault;
use crate::{Config, DataLayer, ProvisionerCore, Stage};

/// A running task, as it really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskView<'a> {
    /// The handle that its start returned.
    pub id: &'a str,
    /// The indexer whose data layer it creates or drops.
    pub key: &'a IndexerKey,
    /// Which of both.
    pub kind: TaskKind,
    /// The stage it is at.
    pub stage: Option<Stage>,
    /// When that stage is done; `None` if it hangs.
    pub due: Option<Time>,
}

impl ProvisionerCore {
    /// Takes back every fault that is planted and has not befallen anything yet,
    /// and every one that lasts.
    pub fn clear_planted(&mut self) {
        self.faults = crate::faults::Faults::default();
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the database holds.
    pub fn layer(&self) -> &DataLayer {
        &self.layer
    }

    /// What the database holds, to be changed behind the service's back.
    pub fn layer_mut(&mut self) -> &mut DataLayer {
        &mut self.layer
    }

    /// Takes the database out of a process that is no longer needed.
    pub fn into_layer(self) -> DataLayer {
        self.layer
    }

    /// All running tasks in order of their starts.
    pub fn tasks(&self) -> impl Iterator<Item = TaskView<'_>> {
        self.running.values().map(|task| TaskView {
            id: &task.id,
            key: &task.key,
            kind: task.kind,
            stage: task.stage(),
            due: task.due,
        })
    }

    /// Lets `stage` (`None`: whichever comes first) fail the next `times` times it
    /// is tried for `target` (`None`: for whichever indexer comes first). Only
    /// [`Stage::Permissions`] is tried more than once by a task. False if too many
    /// faults are planted already.
    pub fn fail_at(
        &mut self,
        target: Option<IndexerKey>,
        stage: Option<Stage>,
        times: u64,
    ) -> bool {
        self.faults.plant_failure(target, stage, times)
    }

    /// Lets the next task of `target` (`None`: of whichever indexer comes first)
    /// stay PENDING for the life of the process. False if too many faults are
    /// planted already.
    pub fn hang_next(&mut self, target: Option<IndexerKey>) -> bool {
        self.faults.plant_start(target, StartFault::Hang)
    }

    /// Lets the next task of `target` (`None`: of whichever indexer comes first)
    /// begin its first stage `by` later. False if too many faults are planted
    /// already.
    pub fn slow_next(&mut self, target: Option<IndexerKey>, by: Duration) -> bool {
        self.faults.plant_start(target, StartFault::Delay(by))
    }

    /// Lets every task that starts while `on` hang.
    pub fn hang_all(&mut self, on: bool) {
        self.faults.hang_all = on;
    }

    /// Changes how much longer stages take from now on; see [`Config::slow`].
    pub fn set_slow(&mut self, factor: f64) {
        self.config.slow = factor;
    }
}
