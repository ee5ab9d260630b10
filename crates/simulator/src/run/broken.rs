//! What stays broken when everything else is healed, and who can be expected to
//! come to rest all the same.

use std::time::Duration;

use lifecycle::Reason;
use sim_executor::{PoisonedBlock, StartFault};
use sim_node::{IndexerKey, Time};

use super::bound;
use super::stage::Stage;
use crate::history::NodeName;
use crate::scenario::{Breakage, Broken, RegistryFaultKind};
use crate::world::{RegistryRule, Scope};

/// So many faults of a kind can be planted at a time, for all indexers together.
const PLANTED_MAX: usize = 1_000;

/// Polls that are further apart miss what passes.
const RARELY: Duration = Duration::from_secs(5);

/// How old a stale registry's answers are.
const STALE: Duration = Duration::from_secs(600);

impl Stage {
    /// Tells the judges of whom nothing can be expected from the beginning: of code
    /// that stumbles over every block, and of what tries in vain for very long.
    pub(super) fn leave_out_the_restless(&self) {
        let scenario = &self.scenario;
        let long = bound::never_rest_together(scenario, &self.knobs.policy);
        let mut world = self.world.enter();
        for indexer in &scenario.indexers {
            let hopeless = long && bound::is_hopeless(scenario, indexer);
            if hopeless || bound::stumbles(scenario, indexer) {
                world.history.oracles.give_up(&indexer.key);
            }
        }
    }

    /// Tells the judges of those whose data layer can never be made, because a task
    /// was cut off where none can be repeated, if they try for very long.
    pub(super) fn leave_out_torn_layers(&self) {
        if bound::may_try_torn_layers_for_long(&self.scenario, &self.knobs.policy) {
            self.world.enter().history.oracles.give_up_failed_layers();
        }
    }

    /// Breaks what is to stay broken.
    pub(super) fn break_for_good(&mut self) {
        let broken = self.scenario.run.broken.clone();
        let mut several = broken.len();
        for one in &broken {
            if let Some(node) = one.node {
                self.break_node(node, one.is);
                self.world.enter().history.oracles.lose(node);
            }
        }
        let chosen: Vec<(IndexerKey, Breakage)> = broken
            .iter()
            .flat_map(|Broken { indexer, is, .. }| {
                let keys = indexer.as_ref().map(|it| self.select(it, true));
                keys.unwrap_or_default().into_iter().map(|key| (key, *is))
            })
            .collect();
        several = several.max(chosen.len()).max(1);
        for (key, is) in chosen {
            self.break_indexer(&key, is, PLANTED_MAX / several);
        }
    }

    fn break_node(&mut self, node: NodeName, is: Breakage) {
        match is {
            Breakage::Down => self.kill(node, None),
            Breakage::Frozen => self.pause(node, None),
            Breakage::CutOff => self.partition(NodeName::Coordinator, node, true, None),
            _ => {
                let scope = Scope {
                    times: None,
                    until: None,
                    key: None,
                    probability: 1.0,
                };
                let mut world = self.world.enter();
                world.fault("the registry is stale for good");
                world.armed.arm_registry(RegistryRule {
                    kind: RegistryFaultKind::Stale,
                    lag: STALE,
                    about: None,
                    scope,
                });
            }
        }
    }

    fn break_indexer(&mut self, key: &IndexerKey, is: Breakage, times: usize) {
        let mut world = self.world.enter();
        world.fault(format!("{key}: {is:?} for good"));
        world.history.oracles.give_up(key);
        let target = || Some(key.clone());
        match is {
            Breakage::NeverProvisioned => {
                world.provisioner.fail_at(target(), None, u64::MAX);
            }
            Breakage::ProvisioningHangs => {
                world.history.oracles.block(key.account());
                for _ in 0..times {
                    world.provisioner.hang_next(target());
                }
            }
            Breakage::BlocksMissing => {
                for _ in 0..times {
                    world.executor.poison(target(), PoisonedBlock::Next);
                }
            }
            _ => {
                let fault = match is {
                    Breakage::StartHangs => StartFault::Hang,
                    _ => StartFault::Fail,
                };
                for _ in 0..times {
                    world.executor.fault_next_start(target(), fault);
                }
            }
        }
    }

    /// What is not as wanted because something is broken, and what the coordinator
    /// says of it: phase, reason, last error, and when it looks again. What it says
    /// nothing of is named as that.
    pub(super) fn excused(&self) -> Vec<Excused> {
        let Some(life) = &self.life else {
            return Vec::new();
        };
        let statuses = life.statuses();
        let mut world = self.world.enter();
        let now = world.now;
        let excused = world.history.oracles.excused(now);
        let oracles = &mut world.history.oracles;
        let asks_rarely = self.knobs.tick > RARELY;
        let word = |(key, problem): (IndexerKey, String)| {
            // Of what nobody could hear nobody needs to know.
            let may_be_unknown = !oracles.is_given_up(&key) || oracles.is_unheard_of(&key);
            let status = statuses
                .iter()
                .find(|status| status.id.as_str() == key.as_str());
            let Some(status) = status else {
                let sentence = format!("{key}: nobody takes care of it ({problem})");
                return Excused {
                    named: may_be_unknown,
                    sentence,
                };
            };
            let rests = status.trouble.is_none()
                && matches!(
                    status.waiting.as_ref().map(|wait| &wait.reason),
                    Some(Reason::Steady | Reason::Suspended)
                );
            let until = status.waiting.as_ref().and_then(|wait| wait.until);
            let next = until.map_or_else(
                || "; looks again when anything changes".to_owned(),
                |until| format!("; looks again at {}", Time(until.0.saturating_mul(1_000))),
            );
            Excused {
                // At rest, but not for ever: something that fails is given some time.
                // Who asks rarely need not have heard of it yet.
                named: may_be_unknown || !rests || until.is_some() || asks_rarely,
                sentence: format!("{}{next} ({problem})", status.sentence()),
            }
        };
        excused.into_iter().map(word).collect()
    }
}

/// One that is not as wanted, and need not be.
pub(super) struct Excused {
    /// Whether the coordinator says that it is not.
    pub named: bool,
    /// What it says, in one sentence.
    pub sentence: String,
}
