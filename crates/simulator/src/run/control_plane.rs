//! Steps and random faults about what the coordinator goes by: listings, quotas,
//! hidden changes, and other programs' records.

use std::time::Duration;

use sim_executor::StartFault;

use super::stage::Stage;
use super::timeline::{Doing, Family, Later};
use crate::history::{AdminCommand, NodeName};
use crate::scenario::{
    Action, Churn, ConfigChange, Defect, Defective, Downgrade, HiddenChange, HiddenKind, Indexer,
    ListFault, Quota, RecordFormat, Resource, SecondCoordinator, Selector,
};
use crate::world::{Distortion, ListRule};

/// A random hidden change is undone within this.
const RANDOM_GAP: Duration = Duration::from_millis(900);

/// Random quotas are lower than this.
const RANDOM_LIMIT: u64 = 6;

/// The share of entries that a partial listing lacks unless given.
const HALF: f64 = 0.5;

impl Stage {
    /// Steps about what the coordinator goes by.
    pub(super) fn act_on_control_plane(&mut self, action: &Action) {
        match action {
            Action::ListFault(fault) => self.arm_listing(fault),
            Action::Quota(quota) => self.set_quota(quota),
            Action::HiddenChange(change) => self.hidden_change(change),
            Action::Churn(churn) => self.churn(churn),
            Action::SecondCoordinator(second) => self.start_second(second),
            Action::Downgrade(downgrade) => self.downgrade(downgrade),
            Action::Broken(broken) => self.break_service(broken),
            _ => {}
        }
    }

    /// What was put off.
    pub(super) fn catch_up(&mut self, later: Later) {
        match later {
            Later::LiftQuota(of, mark) => self.world.enter().quotas.lift(of, mark),
            Later::ThawFormer(incarnation) => self.thaw_former(incarnation),
            Later::EndFormer(incarnation) => self.end_former(incarnation),
            Later::Enable(key) => self.command(&Selector::One(key), AdminCommand::Enable),
            Later::Configure(indexer) => self.configure(&indexer),
            Later::Mend(defect) => self.switch_defect(defect, false),
        }
    }

    /// A random fault of these families.
    pub(super) fn befall_control_plane(&mut self, family: Family) {
        let span = self.draw(self.scenario.faults.down);
        match family {
            Family::Quota => {
                let limit = self.choices.below(RANDOM_LIMIT);
                if let Some(of) = self.choices.pick(&Resource::ALL).copied() {
                    let r#for = Some(span);
                    self.set_quota(&Quota { of, limit, r#for });
                }
            }
            Family::SecondCoordinator => {
                let frozen = self.choices.chance(0.5);
                self.start_second(&SecondCoordinator {
                    frozen: if frozen { span } else { Duration::ZERO },
                    lives_on: Some(span),
                });
            }
            Family::Downgrade => {
                if let Some(format) = self.choices.pick(&RecordFormat::ALL).copied() {
                    self.downgrade(&Downgrade {
                        format,
                        indexer: Selector::All,
                        down: span,
                    });
                }
            }
            _ => {}
        }
    }

    fn arm_listing(&mut self, fault: &ListFault) {
        for missing in self.confined(fault.indexer.as_ref()) {
            let rule = ListRule {
                list: fault.list,
                distortion: Distortion {
                    kind: fault.kind,
                    share: fault.share.unwrap_or(HALF),
                    missing,
                },
                scope: self.scope(fault.times, fault.r#for, fault.probability, None),
            };
            self.world.enter().armed.lists.arm(rule);
        }
    }

    fn set_quota(&mut self, quota: &Quota) {
        let (of, limit) = (quota.of, quota.limit);
        let mark = {
            let mut world = self.world.enter();
            world.fault(format!("no more than {limit} {of:?}"));
            world.quotas.set(of, limit)
        };
        if let Some(span) = quota.r#for {
            let at = self.now() + span;
            let lift = Doing::Later(Later::LiftQuota(of, mark));
            self.timeline.add(at, lift);
        }
    }

    /// A random hidden change.
    pub(super) fn random_hidden_change(&mut self) {
        let gap = self.choices.duration(Duration::ZERO, RANDOM_GAP);
        if let Some(kind) = self.choices.pick(&HiddenKind::ALL).copied() {
            self.hidden_change(&HiddenChange {
                indexer: Selector::Random,
                kind,
                gap,
            });
        }
    }

    fn hidden_change(&mut self, change: &HiddenChange) {
        self.befalls("hidden_change");
        for key in self.select(&change.indexer, true) {
            if !self.world.enter().is_registered(&key) {
                self.skip(&key, "there is nothing to change and change back");
                continue;
            }
            let one = Selector::One(key.clone());
            let Some(before) = self.configured.get(&key).cloned() else {
                continue;
            };
            self.world.enter().counters.faults += 1;
            let back = match change.kind {
                HiddenKind::Switch => {
                    self.command(&one, AdminCommand::Disable);
                    Later::Enable(key)
                }
                HiddenKind::Life => {
                    self.delete(&one);
                    Later::Configure(Box::new(before))
                }
                HiddenKind::Content => {
                    self.change(&an_update(one), true);
                    Later::Configure(Box::new(before))
                }
            };
            if change.gap.is_zero() {
                self.catch_up(back);
            } else {
                let at = self.now() + change.gap;
                self.timeline.add(at, Doing::Later(back));
            }
        }
    }

    /// Registers an indexer just so.
    fn configure(&mut self, indexer: &Indexer) {
        let key = indexer.key.clone();
        self.configured.insert(key.clone(), indexer.clone());
        self.register(&key);
    }

    /// Many updates of the selected indexers.
    pub(super) fn churn(&mut self, churn: &Churn) {
        self.befalls("churn");
        let now = self.now();
        for key in self.select(&churn.indexer, true) {
            self.world.enter().counters.faults += 1;
            for _ in 0..churn.times {
                let after = self.choices.duration(Duration::ZERO, churn.within);
                let update = Action::Update(an_update(Selector::One(key.clone())));
                self.timeline.add(now + after, Doing::Step(update));
            }
        }
    }

    /// Another program runs in the coordinator's place for a while.
    fn downgrade(&mut self, downgrade: &Downgrade) {
        let keys = self.select(&downgrade.indexer, true);
        // Former ones would go on beside the other program, which is another story.
        self.end_formers();
        self.kill(NodeName::Coordinator, Some(downgrade.down));
        let format = downgrade.format;
        let mut world = self.world.enter();
        world.fault(format!("another program leaves records as {format:?}"));
        for key in keys {
            world.translate_record(&key, format);
        }
    }

    fn break_service(&mut self, broken: &Defective) {
        self.switch_defect(broken.defect, true);
        if let Some(span) = broken.r#for {
            let at = self.now() + span;
            let mend = Doing::Later(Later::Mend(broken.defect));
            self.timeline.add(at, mend);
        }
    }

    fn switch_defect(&mut self, defect: Defect, on: bool) {
        let mut world = self.world.enter();
        if on {
            world.fault(format!("a service is broken: {defect:?}"));
        }
        let fault = match defect {
            Defect::TasksHang => return world.provisioner.hang_all(on),
            Defect::StartsFail => StartFault::Fail,
            Defect::StartsHang => StartFault::Hang,
            Defect::StartsRefused => StartFault::Refused,
        };
        world.executor.fault_every_start(on.then_some(fault));
    }
}

/// An update that is a change.
fn an_update(indexer: Selector) -> ConfigChange {
    ConfigChange {
        indexer,
        code: None,
        schema: None,
        rule: None,
        start: None,
    }
}

/// A random burst of updates.
pub(super) fn random_churn() -> Churn {
    Churn {
        indexer: Selector::Random,
        times: 10,
        within: Duration::from_secs(3),
    }
}
