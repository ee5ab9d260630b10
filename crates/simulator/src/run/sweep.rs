//! What a sweep does to a run: changes that are changed back, former lives that
//! go on, waits that end in a fault, and operators who do not give up.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sim_node::{IndexerKey, Time};
use sim_registry::Registration;

use super::stage::Stage;
use super::timeline::Doing;
use crate::history::{AdminCommand, Incarnation};
use crate::scenario::SecondCoordinator;
use crate::sweep::{Kind, Plan};
use crate::world::{Probe, World};

/// The coordinator freezes, and another one is started. The first one thaws after
/// all its deadlines, and goes on for a while.
pub(super) const ZOMBIE: SecondCoordinator = SecondCoordinator {
    frozen: Duration::from_secs(12),
    lives_on: Some(Duration::from_secs(10)),
};
/// How long before a wait ends the coordinator dies, if it dies before.
const BEFORE_WAKING: Duration = Duration::from_millis(1);
/// How long after a wait has ended it dies, if it dies after: the round that
/// begins then lasts longer.
const AFTER_WAKING: Duration = Duration::from_millis(4);
/// An operator repeats a refused command after this.
const AGAIN: Duration = Duration::from_secs(1);
/// An operator who hears nothing repeats the command after this.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often an operator repeats a command.
const MOST_TRIES: u32 = 20;

/// How a run takes part in a sweep.
#[derive(Clone, Debug, Default)]
pub struct Sweeping {
    /// What goes wrong, and where; nothing if not given.
    pub plan: Option<Plan>,
    /// Whether the sites are recorded.
    pub record: bool,
}

impl Sweeping {
    /// What counts the sites in a world.
    pub(super) fn probe(&self) -> Probe {
        Probe::new(self.plan.as_ref(), self.record)
    }

    /// Whether some read is to be answered with old news.
    pub(super) fn needs_old_answers(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.has(Kind::Stale))
    }
}

/// A command that an operator wants to have acknowledged.
#[derive(Clone, Debug)]
struct Order {
    command: AdminCommand,
    /// When it was sent, and to which life.
    sent: Option<(Time, Incarnation)>,
    /// Not sent before this.
    not_before: Time,
    tries: u32,
}

/// Operators and former lives.
#[derive(Default)]
pub(super) struct Sweep {
    /// What is not acknowledged yet; of one indexer one at a time.
    orders: BTreeMap<IndexerKey, VecDeque<Order>>,
    /// The last wait of each indexer that was counted, by its end.
    counted: BTreeMap<IndexerKey, Time>,
}

impl Stage {
    /// Gives an operator's command in a run of a sweep: it is repeated until it is
    /// acknowledged, and the next one about the indexer waits.
    pub(super) fn order(&mut self, key: IndexerKey, commands: &[AdminCommand]) {
        let Some(sweep) = &mut self.sweep else {
            return;
        };
        let queue = sweep.orders.entry(key).or_default();
        queue.extend(commands.iter().map(|command| Order {
            command: *command,
            sent: None,
            not_before: Time(0),
            tries: 0,
        }));
        self.follow_orders();
    }

    /// Hears answers and sends what is to be sent.
    fn follow_orders(&mut self) {
        let Some(sweep) = &mut self.sweep else {
            return;
        };
        let (now, said) = {
            let mut world = self.world.enter();
            (world.now, world.control.said.replace(Vec::new()))
        };
        for said in said.into_iter().flatten() {
            let Some(queue) = sweep.orders.get_mut(&said.key) else {
                continue;
            };
            let is_meant = |order: &&mut Order| {
                order.command == said.command && order.sent.is_some_and(|(_, by)| by == said.by)
            };
            let Some(order) = queue.front_mut().filter(is_meant) else {
                continue;
            };
            if said.acknowledged || order.tries >= MOST_TRIES {
                queue.pop_front();
            } else {
                order.sent = None;
                order.not_before = now + AGAIN;
            }
        }
        sweep.orders.retain(|_, queue| !queue.is_empty());
        let mut due = Vec::new();
        if let Some(life) = &self.life {
            for (key, queue) in &mut sweep.orders {
                let Some(order) = queue.front_mut() else {
                    continue;
                };
                let waits = order
                    .sent
                    .is_some_and(|(at, by)| by == life.incarnation() && now.since(at) < PATIENCE);
                if !waits && now >= order.not_before {
                    order.sent = Some((now, life.incarnation()));
                    order.tries += 1;
                    due.push((key.clone(), order.command));
                }
            }
        }
        let hurry = sweep.orders.values().any(|queue| queue.len() > 1);
        self.world.enter().control.hurry = hurry;
        if let Some(life) = &self.life {
            for (key, command) in due {
                life.command(&self.world, key, command);
            }
        }
    }

    /// Looks after what a sweep has under way; called whenever the stage looks.
    pub(super) fn tend_sweep(&mut self, now: Time, horizon: Duration) {
        self.follow_orders();
        let (Some(sweep), Some(life)) = (&mut self.sweep, &self.life) else {
            return;
        };
        let mut due = Vec::new();
        for status in life.statuses() {
            let until = status.waiting.as_ref().and_then(|wait| wait.until);
            let Some(at) = until.map(|until| Time(until.0.saturating_mul(1000))) else {
                continue;
            };
            let key = IndexerKey::new(status.id.account(), status.id.function());
            if at > now && at <= now + horizon && sweep.counted.get(&key) != Some(&at) {
                sweep.counted.insert(key.clone(), at);
                due.push((key, at));
            }
        }
        for (key, at) in due {
            let planned = self.world.enter().probe_timer(&key);
            if let Some(kind) = planned {
                let at = match kind {
                    Kind::CrashAfter => at + AFTER_WAKING,
                    _ => (at - BEFORE_WAKING).max(now),
                };
                self.timeline.add(at, Doing::Swept(kind, key));
            }
        }
    }

    /// Something that a sweep planned for the end of a wait.
    pub(super) fn sweep_at_timer(&mut self, kind: Kind, key: &IndexerKey) {
        self.world.enter().ask_for(kind, Some(key));
    }

    /// Changes what is wanted of an indexer, and changes it back.
    pub(super) fn change_and_back(&mut self, kind: Kind, key: &IndexerKey) {
        let (is_registered, wanted) = {
            let mut world = self.world.enter();
            world.fault(format!("{key}: {kind}, there and back"));
            let record = (world.registry).record_at(key.account(), key.function(), u64::MAX);
            let wanted = record.map(|record| record.registration.clone());
            (world.is_registered(key), wanted)
        };
        let Some(wanted) = wanted else {
            return self.skip(key, "it was never registered");
        };
        match kind {
            Kind::HiddenSwitch if is_registered => {
                let commands = match self.will_be_enabled(key) {
                    true => [AdminCommand::Disable, AdminCommand::Enable],
                    false => [AdminCommand::Enable, AdminCommand::Disable],
                };
                self.order(key.clone(), &commands);
            }
            Kind::HiddenUpdate if is_registered => {
                let other = Registration {
                    code: format!("{}\n// for a moment", wanted.code),
                    ..wanted.clone()
                };
                self.register_as(key, other);
                self.register_as(key, wanted);
            }
            Kind::HiddenRebirth if is_registered => {
                self.world.enter().unregister(key);
                self.register_as(key, wanted);
            }
            Kind::HiddenRebirth => {
                self.register_as(key, wanted);
                self.world.enter().unregister(key);
            }
            _ => self.skip(key, "it is not registered, there is nothing to change"),
        }
    }

    /// Whether `key` is enabled once everybody has had their way.
    fn will_be_enabled(&self, key: &IndexerKey) -> bool {
        let orders = self.sweep.as_ref().and_then(|sweep| sweep.orders.get(key));
        let mut switches = orders.into_iter().flatten().map(|order| order.command);
        match switches
            .rfind(|command| matches!(command, AdminCommand::Enable | AdminCommand::Disable))
        {
            Some(command) => command == AdminCommand::Enable,
            None => self.world.enter().is_enabled(key),
        }
    }
}

impl World {
    /// Whether the record of `key` says that it is enabled; so it is where there
    /// is none.
    fn is_enabled(&self, key: &IndexerKey) -> bool {
        let value = self.store.peek(&format!("{key}:state"));
        let record = value.and_then(|value| serde_json::from_slice(&value).ok());
        let enabled = |record: serde_json::Value| record.get("enabled")?.as_bool();
        record.and_then(enabled).unwrap_or(true)
    }
}
