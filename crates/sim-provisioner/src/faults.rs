//! Planted faults.

use std::time::Duration;

use sim_node::IndexerKey;

use crate::Stage;

/// How many faults of a kind can be planted at a time; more are refused.
pub const MAX_PLANTED: usize = 4096;

#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    failures: Vec<Failure>,
    starts: Vec<(Option<IndexerKey>, StartFault)>,
    pub(crate) hang_all: bool,
}

#[derive(Clone, Debug)]
struct Failure {
    target: Option<IndexerKey>,
    stage: Option<Stage>,
    left: u64,
}

/// What befalls a task from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartFault {
    Hang,
    Delay(Duration),
}

impl Faults {
    pub(crate) fn plant_failure(
        &mut self,
        target: Option<IndexerKey>,
        stage: Option<Stage>,
        times: u64,
    ) -> bool {
        let room = self.failures.len() < MAX_PLANTED;
        if room && times > 0 {
            self.failures.push(Failure {
                target,
                stage,
                left: times,
            });
        }
        room
    }

    pub(crate) fn plant_start(&mut self, target: Option<IndexerKey>, fault: StartFault) -> bool {
        let room = self.starts.len() < MAX_PLANTED;
        if room {
            self.starts.push((target, fault));
        }
        room
    }

    /// Whether `stage` of `key` fails this time.
    pub(crate) fn take_failure(&mut self, key: &IndexerKey, stage: Stage) -> bool {
        let hit = self.failures.iter().position(|failure| {
            failure.stage.is_none_or(|planted| planted == stage)
                && failure.target.as_ref().is_none_or(|target| target == key)
        });
        let Some(hit) = hit else { return false };
        if let Some(failure) = self.failures.get_mut(hit) {
            failure.left -= 1;
            if failure.left == 0 {
                self.failures.remove(hit);
            }
        }
        true
    }

    /// What befalls the task of `key` that begins now.
    pub(crate) fn take_start(&mut self, key: &IndexerKey) -> Option<StartFault> {
        if self.hang_all {
            return Some(StartFault::Hang);
        }
        let for_it = |target: &Option<IndexerKey>| target.as_ref().is_none_or(|t| t == key);
        let hit = self.starts.iter().position(|(target, _)| for_it(target))?;
        Some(self.starts.remove(hit).1)
    }
}
