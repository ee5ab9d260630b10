//! What the coordinator's loops wait for, as it says itself.

use std::time::Duration;

use sim_node::Time;

use super::stage::Stage;
use crate::scenario::Net;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// The same where there are many loops to look at.
const PAUSE_OF_MANY: Duration = Duration::from_secs(10);
/// More indexers than this are many.
const MANY: usize = 30;

impl Stage {
    /// A fault of this family happens, which no event tells of by itself.
    pub(super) fn befalls(&self, family: &'static str) {
        self.world.enter().history.oracles.befell(family);
    }

    /// Counts the faults that are settings of the whole run.
    pub(super) fn note_settings(&self) {
        if self.scenario.net != Net::default() {
            self.befalls("latency");
        }
        if !self.scenario.chain.halts.is_empty() {
            self.befalls("chain_halts");
        }
    }

    /// Counts what loops wait for, now and then. It changes nothing in the run.
    pub(super) fn note_waits(&mut self, now: Time) {
        let Some(next) = self.next_look_at_waits.filter(|at| *at <= now) else {
            return;
        };
        let many = self.configured.len() > MANY;
        let pause = if many { PAUSE_OF_MANY } else { PAUSE };
        self.next_look_at_waits = Some(next.max(now) + pause);
        let Some(life) = &self.life else {
            return;
        };
        let mut world = self.world.enter();
        for status in life.statuses() {
            if let Some(wait) = &status.waiting {
                world.history.oracles.waits(wait.reason.name());
            }
        }
    }
}
