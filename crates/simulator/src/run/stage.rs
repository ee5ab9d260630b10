//! The course of a run: chaos, healing, convergence, silence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use coordinator::Knobs;
use lifecycle::Reason;
use sim_node::chain::Rule;
use sim_node::{IndexerKey, Rng, Time};
use sim_registry::{Entry, StartBlock};

use super::bound;
use super::life::Life;
use super::panics::Panics;
use super::second::Former;
use super::shadow::Shadow;
use super::sweep::{self, Sweep};
use super::timeline::{Doing, Timeline};
use crate::history::{Event, NodeName, RunPhase};
use crate::planted::Planted;
use crate::report::Logic;
use crate::scenario::{Action, Indexer, SLOWEST_TICK, Scenario};
use crate::world::{Request, SharedWorld, World};

/// How often the stage looks at the world when nothing else is to do.
const LOOK: Duration = Duration::from_secs(1);

/// How often an operator looks in a quiet period whether anybody is held.
const RELEASE_EVERY: Duration = Duration::from_secs(60);

/// No effect for this long counts as having settled: longer than the pauses in
/// which the coordinator may still ask the registry what became of an indexer.
const SETTLED: Duration = Duration::from_secs(65);

// And than the time between two polls.
const _: () = assert!(SETTLED.as_secs() > SLOWEST_TICK.as_secs());

/// A run in progress.
pub struct Stage {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
    pub(super) logic: Logic,
    pub(super) knobs: Knobs,
    pub(super) bound: Duration,
    pub(super) world: SharedWorld,
    pub(super) life: Option<Life>,
    /// Coordinators that were replaced and still live.
    pub(super) former: Vec<Former>,
    shadow: Option<Shadow>,
    pub(super) timeline: Timeline,
    pub(super) choices: Rng,
    /// Every indexer as it was last configured.
    pub(super) configured: BTreeMap<IndexerKey, Indexer>,
    /// The rules that were ever registered, by version.
    pub(super) rules: BTreeMap<IndexerKey, Vec<(u64, Rule)>>,
    pub(super) pending: Vec<String>,
    pub(super) excused_at_end: Vec<String>,
    pub(super) quiet: bool,
    /// When the last quiet period began.
    pub(super) quiet_since: Time,
    /// When holds were released last in it.
    released_at: Time,
    /// When something was last registered that had its own time for it.
    pub(super) disturbed_at: Time,
    pub(super) changes: u64,
    /// Whether anybody may be held.
    pub(super) holds: bool,
    /// What a sweep has under way, if the run is part of one.
    pub(super) sweep: Option<Sweep>,
    /// The bug that a coordinator has.
    pub(super) planted: Option<&'static Planted>,
    /// When to look again at what loops wait for; not any more in the silence.
    pub(super) next_look_at_waits: Option<Time>,
    panics: Panics,
}

impl Stage {
    /// A stage on which nothing has happened yet.
    pub fn new(
        scenario: Scenario,
        seed: u64,
        knobs: Knobs,
        mut world: World,
        entries: Vec<Entry>,
        panics: Panics,
    ) -> Stage {
        let bound = bound::convergence(&scenario, &knobs);
        let timeline = Timeline::plan(&scenario, seed);
        let configured = scenario
            .indexers
            .iter()
            .map(|indexer| (indexer.key.clone(), indexer.clone()))
            .collect();
        let rules = restore(&mut world, entries);
        Stage {
            bound,
            timeline,
            configured,
            rules,
            holds: may_hold(&scenario),
            scenario,
            seed,
            logic: Logic::Ours,
            knobs,
            world: SharedWorld::new(world),
            life: None,
            former: Vec::new(),
            shadow: None,
            choices: Rng::new(seed, "choices"),
            pending: Vec::new(),
            excused_at_end: Vec::new(),
            quiet: false,
            quiet_since: Time(0),
            released_at: Time(0),
            disturbed_at: Time(0),
            changes: 0,
            sweep: None,
            planted: None,
            next_look_at_waits: Some(Time(0)),
            panics,
        }
    }

    /// The whole run. It ends early at the first violation.
    pub async fn play(&mut self) {
        self.enter_phase(RunPhase::Chaos);
        self.note_settings();
        self.leave_out_the_restless();
        self.life = Some(Life::start(
            &self.world,
            &self.knobs,
            self.planted,
            self.logic,
        ));
        if self.scenario.run.shadow {
            self.shadow = Some(Shadow::start(&self.world, &self.knobs, self.planted));
        }
        let end = World::at(self.scenario.run.duration);
        if !self.until(end).await {
            return;
        }
        self.timeline.clear();
        self.enter_phase(RunPhase::Healing);
        self.heal();
        self.break_for_good();
        if !self.converge().await {
            return;
        }
        self.enter_phase(RunPhase::Silence);
        self.next_look_at_waits = None;
        if let Some(shadow) = &self.shadow {
            let (views, apart) = (shadow.views(), self.clocks_apart(shadow));
            let mut world = self.world.enter();
            world.history.oracles.shadow_settled(views, apart);
        }
        let end = self.now() + self.scenario.run.silence;
        if !self.until(end).await {
            return;
        }
        if let Some(shadow) = &self.shadow {
            let (views, apart) = (shadow.views(), self.clocks_apart(shadow));
            let mut world = self.world.enter();
            world.history.oracles.shadow_finish(&views, apart);
        }
        if !self.everybody_is_named() {
            return;
        }
        let mut guard = self.world.enter();
        let world = &mut *guard;
        let tip = world.tip();
        world
            .history
            .oracles
            .finish(world.now, &mut world.chain, &self.rules, tip);
    }

    /// Notes what the coordinator says of those that are not as wanted; false if it
    /// holds that somebody is.
    fn everybody_is_named(&mut self) -> bool {
        // Nobody can ask the original.
        if !self.logic.is_ours() {
            return true;
        }
        let excused = self.excused();
        let of_itself = !self.world.enter().history.oracles.lacks_a_service();
        if of_itself {
            let unnamed = excused.iter().filter(|one| !one.named);
            self.pending
                .extend(unnamed.map(|one| format!("not said to be broken: {}", one.sentence)));
        }
        self.excused_at_end = excused.into_iter().map(|one| one.sentence).collect();
        self.pending.is_empty()
    }

    /// Whether the world is as wanted where a quiet period ends that was long enough
    /// for it; if not, what is pending is noted.
    pub(super) fn judge_quiet_period(&mut self) {
        let (now, since) = (self.now(), self.quiet_since);
        if !self.logic.is_ours() || now.since(since) < self.bound || self.disturbed_at > since {
            return;
        }
        let world = self.world.enter();
        let pending = world.history.oracles.never_rested(now, since);
        drop(world);
        self.pending.extend(pending);
    }

    /// By how much the clocks of the coordinator and of `shadow` disagree.
    fn clocks_apart(&self, shadow: &Shadow) -> Duration {
        let time = self.life.as_ref().and_then(Life::time);
        let apart = time.map(|time| time.0.abs_diff(shadow.time().0));
        apart.map_or(Duration::ZERO, Duration::from_millis)
    }

    pub(super) fn now(&self) -> Time {
        self.world.enter().now
    }

    fn enter_phase(&self, phase: RunPhase) {
        self.world.enter().record(Event::Phase(phase));
    }

    /// Lets time pass until `end`; false if a property was violated.
    async fn until(&mut self, end: Time) -> bool {
        let asked = Arc::clone(&self.world.peek().control.asked);
        loop {
            let now = {
                let mut world = self.world.enter();
                for message in self.panics.take() {
                    world.record(Event::Panicked { message });
                }
                let pending = self.logic.is_ours() && !self.pending.is_empty();
                if world.history.oracles.is_decided() || pending {
                    return false;
                }
                world.now
            };
            while let Some(doing) = self.timeline.pop_due(now) {
                self.perform(doing);
            }
            self.carry_out_requests();
            self.release_late(now);
            self.tend_sweep(now, LOOK);
            self.note_waits(now);
            if now >= end {
                return true;
            }
            let next = self
                .timeline
                .next_at()
                .unwrap_or(end)
                .min(now + LOOK)
                .min(end);
            tokio::select! {
                biased;
                () = asked.notified() => {}
                () = tokio::time::sleep(next.since(now)) => {}
            }
        }
    }

    fn carry_out_requests(&mut self) {
        loop {
            let request = self.world.peek().control.requests.pop_front();
            match request {
                Some(Request::CrashCoordinator(down)) => self.crash_coordinator(down),
                Some(Request::Depose) => self.start_second(&sweep::ZOMBIE),
                Some(Request::Change(kind, key)) => self.change_and_back(kind, &key),
                None => return,
            }
        }
    }

    pub(super) fn crash_coordinator(&mut self, down: Duration) {
        if let Some(life) = self.life.take() {
            life.kill(&self.world);
            let at = self.now() + down;
            self.timeline.add(at, Doing::Restart(NodeName::Coordinator));
        }
    }

    /// Ends every fault; whatever was dead or frozen runs again. Holds are released,
    /// which is an operator's duty: of what is held nothing can be expected.
    pub(super) fn heal(&mut self) {
        self.world.enter().heal();
        if self.world.enter().resume(NodeName::Coordinator)
            && let Some(life) = &self.life
        {
            life.resume();
        }
        self.heal_formers();
        if self.life.is_none() {
            self.life = Some(Life::start(
                &self.world,
                &self.knobs,
                self.planted,
                self.logic,
            ));
        }
        self.release_all();
    }

    /// In a quiet period: an order to hold may have been under way when it began.
    fn release_late(&mut self, now: Time) {
        if self.quiet && now.since(self.released_at.max(self.quiet_since)) >= RELEASE_EVERY {
            self.released_at = now;
            self.release_all();
        }
    }

    /// Waits until the world is as wanted and nothing moves any more; false if
    /// that does not come about in time.
    async fn converge(&mut self) -> bool {
        let deadline = self.now() + self.bound;
        let mut still_since = self.now();
        loop {
            let next = self.now() + LOOK;
            if !self.until(next).await {
                return false;
            }
            // A hold may have been under way when the healing began.
            self.release_all();
            self.leave_out_torn_layers();
            let (now, changed_at, mut pending) = {
                let world = self.world.enter();
                (
                    world.now,
                    self.still_since(&world),
                    world.history.oracles.unconverged(world.now),
                )
            };
            pending.extend(self.unsettled_loops());
            still_since = still_since.max(changed_at);
            if !pending.is_empty() {
                still_since = now;
            }
            if now.since(still_since) >= SETTLED {
                return true;
            }
            if now >= deadline {
                pending.extend((pending.is_empty()).then(|| {
                    format!("the coordinator goes on making calls, the last at {changed_at}")
                }));
                self.pending = pending;
                return false;
            }
        }
    }

    /// Since when the coordinator has been at rest. The original never is as to its
    /// states, which it writes whether they change or not: without them it can be
    /// judged as if that were no harm.
    fn still_since(&self, world: &World) -> Time {
        match self.logic {
            Logic::Ours => world.history.oracles.still_since(),
            Logic::Original => world.counters.moved_at,
        }
    }

    /// Loops that still have something before them.
    fn unsettled_loops(&self) -> Vec<String> {
        let Some(life) = &self.life else {
            return vec!["the coordinator does not run".to_owned()];
        };
        let mut world = self.world.enter();
        let oracles = &mut world.history.oracles;
        if oracles.lacks_a_service() {
            return Vec::new();
        }
        life.statuses()
            .iter()
            .filter(|status| {
                let key = IndexerKey::parse(status.id.as_str());
                !key.is_some_and(|key| oracles.is_excused(&key))
            })
            .filter(|status| {
                let reason = status.waiting.as_ref().map(|wait| &wait.reason);
                let rests = matches!(
                    reason,
                    Some(
                        Reason::Steady
                            | Reason::Suspended
                            | Reason::NotInRegistry
                            | Reason::GaveUp { .. }
                    )
                );
                !rests && status.trouble.is_none()
            })
            .map(|status| {
                let next = status.waiting.as_ref().and_then(|wait| wait.until);
                let next = next.map_or(String::new(), |until| {
                    let at = Time(until.0.saturating_mul(1000));
                    format!("; looks again at {at}")
                });
                format!("{}{next}", status.sentence())
            })
            .collect()
    }
}

/// Whether anybody holds anything in `scenario`.
fn may_hold(scenario: &Scenario) -> bool {
    let by_step = |step: &crate::scenario::Step| {
        matches!(step.action, Action::Hold(_) | Action::SetRecord(_))
    };
    scenario.workload.hold > 0.0 || scenario.steps.iter().any(by_step)
}

/// Puts the entries of a registry file into the registry. A start that the
/// chain cannot serve becomes its first block.
fn restore(world: &mut World, entries: Vec<Entry>) -> BTreeMap<IndexerKey, Vec<(u64, Rule)>> {
    let first = world.chain.first_height();
    let last = world.chain.tip_at(Time(u64::MAX)).unwrap_or(first);
    let mut rules: BTreeMap<IndexerKey, Vec<(u64, Rule)>> = BTreeMap::new();
    let mut keys = Vec::new();
    let adapted: Vec<Entry> = entries
        .into_iter()
        .map(|mut entry| {
            let start = &mut entry.record.registration.start_block;
            let served = matches!(start, StartBlock::Height(h) if (first..=last).contains(h));
            if !served {
                *start = StartBlock::Height(first);
            }
            // The runner refuses blank code and schemas, which excerpts may have.
            let registration = &mut entry.record.registration;
            for text in [&mut registration.code, &mut registration.schema] {
                if text.trim().is_empty() {
                    *text = "-- left out of the excerpt".to_owned();
                }
            }
            let key = IndexerKey::new(&entry.account, &entry.function);
            if let Some(rule) = super::users::chain_rule(&entry.record.registration.rule) {
                rules
                    .entry(key.clone())
                    .or_default()
                    .push((entry.record.version(), rule));
            }
            keys.push(key);
            entry
        })
        .collect();
    world.registry.restore(adapted);
    for key in keys {
        world.learn(&key);
        if world.is_registered(&key) {
            world.announce(&key, true);
        }
    }
    rules
}
