//! What goes wrong: steps of the scenario, and random faults.

use std::time::Duration;

use sim_executor::{ExecutorCore, PoisonedBlock, StartFault};
use sim_node::{Env, IndexerKey, Time};
use sim_provisioner::Stage as ProvisioningStage;

use super::life::Life;
use super::stage::Stage;
use super::timeline::{Doing, Family};
use crate::history::{AdminCommand, Method, NodeName, NodeState};
use crate::scenario::{
    self, Action, CallFault, DurationRange, RegistryFault, Selector, StoreFault, StoreFaultKind,
};
use crate::world::{CallFaultRule, CrashAt, RegistryRule, Scope, StoreRule};

impl Stage {
    /// Lets something happen.
    pub(super) fn perform(&mut self, doing: Doing) {
        match doing {
            Doing::Register(nth) => {
                self.disturbed_at = self.now();
                if let Some(key) = self.scenario.indexers.get(nth).map(|one| one.key.clone()) {
                    self.register(&key);
                }
            }
            Doing::Step(action) => self.act(&action),
            Doing::Misfortune(family) if !self.quiet => self.befall(family),
            Doing::Operation(operation) if !self.quiet => self.operate(operation),
            Doing::Misfortune(_) | Doing::Operation(_) => {}
            Doing::Restart(node) => self.restart(node),
            Doing::Resume(node) => self.resume(node),
            Doing::Mend(from, to, mark) => {
                let mut world = self.world.enter();
                world.links.mend(from, to, mark);
                world.queues_changed();
            }
            Doing::Unclog(from, to, mark) => self.world.enter().links.unclog(from, to, mark),
            Doing::Unmix(from, to, mark) => self.world.enter().links.unmix(from, to, mark),
            Doing::SpeedUp(node, mark) => self.world.enter().speed_up(node, mark),
            Doing::PutRight(node, by, healings) => self.put_right(node, by, healings),
            Doing::RunRight(node, healings) => self.run_right(node, healings),
            Doing::Swizzled(node, kind, span) if !self.quiet => self.swizzled(node, kind, span),
            Doing::Swizzled(..) => {}
            Doing::StoreWritable => self.world.enter().store.set_read_only(false),
            Doing::StoreMemory => self.world.enter().store.set_out_of_memory(false),
            Doing::FetchesWork => self.world.enter().executor.set_fetch_outage(false),
            Doing::RatesOn => self.switch_rates(true),
            Doing::RatesOff => self.switch_rates(false),
            Doing::Later(later) => self.catch_up(later),
            Doing::QuietBegins => {
                self.quiet = true;
                self.quiet_since = self.now();
                self.heal();
            }
            Doing::Swept(kind, key) => self.sweep_at_timer(kind, &key),
            Doing::QuietEnds => {
                self.quiet = false;
                self.judge_quiet_period();
                let faults = &self.scenario.faults;
                let stop = faults.stop.unwrap_or(self.scenario.run.duration);
                let elapsed = self.world.enter().elapsed();
                if (faults.start..stop).contains(&elapsed) {
                    self.switch_rates(true);
                }
            }
        }
    }

    fn switch_rates(&mut self, on: bool) {
        let faults = self.scenario.faults.clone();
        let on = on && !self.quiet;
        let mut swarm = sim_node::Rng::new(self.seed, "swarm of calls");
        let mut kept = |_: &str| on && !(swarm.chance(0.5) && faults.swarm);
        let (calls, store, registry) = (kept("calls"), kept("store"), kept("registry"));
        let lists = kept("lists");
        let mut world = self.world.enter();
        world.armed.call_rates = calls.then_some(faults.calls);
        world.armed.store_rates = store.then_some(faults.store_calls);
        world.armed.registry_rates = registry.then_some(faults.registry_calls);
        world.armed.lists.rates = lists.then_some(faults.lists);
    }

    /// A step of the scenario.
    fn act(&mut self, action: &Action) {
        match action {
            Action::Register(change) | Action::Reregister(change) => self.change(change, false),
            Action::Update(change) => self.change(change, true),
            Action::Delete(target) => self.delete(&target.indexer),
            Action::Enable(target) => self.command(&target.indexer, AdminCommand::Enable),
            Action::Disable(target) => self.command(&target.indexer, AdminCommand::Disable),
            Action::Hold(target) => self.command(&target.indexer, AdminCommand::Hold),
            Action::Release(target) => self.command(&target.indexer, AdminCommand::Release),
            Action::Retry(target) => self.command(&target.indexer, AdminCommand::Retry),
            Action::Kill(on) => self.kill(on.node, None),
            Action::Restart(on) => self.restart(on.node),
            Action::Pause(pause) => self.pause(pause.node, pause.r#for),
            Action::Resume(on) => self.resume(on.node),
            Action::Crash(crash) => self.kill(crash.node, Some(crash.down)),
            Action::CrashCoordinatorAtEffect(crash) => {
                let mut world = self.world.enter();
                let effect = world.counters.effects + crash.k;
                let (before, down) = (crash.before, crash.down);
                world.control.crashes.push(CrashAt {
                    effect,
                    before,
                    down,
                });
            }
            Action::Partition(cut) => self.partition(cut.from, cut.to, cut.both_ways, cut.r#for),
            Action::Clog(clog) => self.clog(clog.from, clog.to, clog.latency, clog.r#for),
            Action::Reorder(_)
            | Action::LoseNodes(_)
            | Action::Swizzle(_)
            | Action::SlowNode(_)
            | Action::ClockSkew(_)
            | Action::ClockJump(_)
            | Action::ClockDrift(_) => self.act_widely(action),
            Action::CallFault(fault) => self.arm_call(fault),
            Action::StoreFault(fault) => self.store_fault(fault),
            Action::RegistryFault(fault) => self.arm_registry(fault),
            Action::CorruptRecord(text) | Action::SetRecord(text) => {
                for key in self.select(&text.indexer, true) {
                    self.world.enter().tamper(&key, &text.value);
                }
            }
            other => self.act_on_tasks(other),
        }
    }

    /// Steps about stream tasks, workers and provisioning tasks.
    fn act_on_tasks(&mut self, action: &Action) {
        match action {
            Action::PanicTask(target) => self.each(&target.indexer, |stage, key| {
                stage.on_stream(key, "panics", |node, env, key| node.panic_task(env, key));
            }),
            Action::KillTask(target) => self.each(&target.indexer, |stage, key| {
                stage.on_stream(key, "dies", |node, env, key| node.kill_task(env, key));
            }),
            Action::CrashWorker(target) => self.each(&target.indexer, |stage, key| {
                stage.on_worker(key, "crashes", |node, env, key| node.crash_worker(env, key));
            }),
            Action::VanishWorker(target) => self.each(&target.indexer, |stage, key| {
                stage.on_worker(key, "vanishes", |node, env, key| {
                    node.vanish_worker(env, key)
                });
            }),
            Action::Poison(poison) => {
                let block = poison
                    .height
                    .map_or(PoisonedBlock::Next, PoisonedBlock::Height);
                self.each(&poison.indexer, |stage, key| {
                    stage.plant(Some(key), "a block is poisoned", |world, key| {
                        world.executor.poison(key, block);
                    });
                });
            }
            Action::FetchOutage(lasting) => {
                let end = self.now() + lasting.r#for;
                let mut world = self.world.enter();
                world.fault("blocks cannot be fetched");
                world.executor.set_fetch_outage(true);
                drop(world);
                self.timeline.add(end, Doing::FetchesWork);
            }
            Action::SlowStart(slow) => {
                self.plant_starts(slow.indexer.as_ref(), slow.times, StartFault::Slow(slow.by))
            }
            Action::HangStart(next) => {
                self.plant_starts(next.indexer.as_ref(), next.times, StartFault::Hang);
            }
            Action::FailStart(next) => {
                self.plant_starts(next.indexer.as_ref(), next.times, StartFault::Fail);
            }
            Action::FailStop(next) => {
                self.plant_for(&next.indexer, next.times, "a stop fails", |world, key| {
                    world.executor.fail_next_stop(key);
                })
            }
            Action::FailNext(next) => {
                let stage = next.stage.as_deref().and_then(ProvisioningStage::by_name);
                let times = next.times;
                self.plant_for(&next.indexer, 1, "provisioning fails", |world, key| {
                    world.provisioner.fail_at(key, stage, times);
                });
            }
            Action::HangNext(next) => {
                self.plant_for(
                    &next.indexer,
                    next.times,
                    "provisioning hangs",
                    |world, key| {
                        world.provisioner.hang_next(key);
                    },
                );
            }
            Action::SlowNext(slow) => {
                let by = slow.by;
                self.plant_for(&slow.indexer, 1, "provisioning is slow", |world, key| {
                    world.provisioner.slow_next(key, by);
                });
            }
            other => self.act_on_control_plane(other),
        }
    }

    /// A random fault.
    fn befall(&mut self, family: Family) {
        let faults = self.scenario.faults.clone();
        let down = self.draw(faults.down);
        let long = Duration::from_secs(self.choices.between(20, 90));
        let any = Some(Selector::Random);
        match family {
            Family::Kill(node) => self.kill(node, Some(down)),
            Family::Pause(node) => self.pause(node, Some(down)),
            Family::Partition => {
                let (from, to) = self.random_link();
                let (both_ways, span) = (self.choices.chance(0.5), self.draw(faults.partition_for));
                self.partition(from, to, both_ways, Some(span));
            }
            Family::Clog => {
                let (from, to) = self.random_link();
                let span = self.draw(faults.clog_for);
                self.clog(from, to, faults.clog_latency, Some(span));
            }
            Family::PanicTask => self.act_on_tasks(&Action::PanicTask(random_target())),
            Family::KillTask => self.act_on_tasks(&Action::KillTask(random_target())),
            Family::CrashWorker => self.act_on_tasks(&Action::CrashWorker(random_target())),
            Family::VanishWorker => self.act_on_tasks(&Action::VanishWorker(random_target())),
            Family::Poison => {
                let poison = scenario::Poison {
                    indexer: Selector::Random,
                    height: None,
                };
                self.act_on_tasks(&Action::Poison(poison));
            }
            Family::SlowStart => self.plant_starts(any.as_ref(), 1, StartFault::Slow(long)),
            Family::HangStart => self.plant_starts(any.as_ref(), 1, StartFault::Hang),
            Family::FailStart => self.plant_starts(any.as_ref(), 1, StartFault::Fail),
            Family::FailStop => self.plant_for(&any, 1, "a stop fails", |world, key| {
                world.executor.fail_next_stop(key);
            }),
            Family::FailNext => self.plant_for(&any, 1, "provisioning fails", |world, key| {
                world.provisioner.fail_at(key, None, 1);
            }),
            Family::HangNext => self.plant_for(&any, 1, "provisioning hangs", |world, key| {
                world.provisioner.hang_next(key);
            }),
            Family::SlowNext => self.plant_for(&any, 1, "provisioning is slow", |world, key| {
                world.provisioner.slow_next(key, long);
            }),
            Family::Quota | Family::SecondCoordinator | Family::Downgrade => {
                self.befall_control_plane(family);
            }
            wide => self.befall_widely(wide, &faults),
        }
    }

    pub(super) fn draw(&mut self, range: DurationRange) -> Duration {
        self.choices.duration(range.low, range.high)
    }

    pub(super) fn random_link(&mut self) -> (NodeName, NodeName) {
        let links: Vec<(NodeName, NodeName)> = NodeName::ALL
            .into_iter()
            .flat_map(|from| NodeName::ALL.into_iter().map(move |to| (from, to)))
            .filter(|(from, to)| from.talks_to(*to))
            .collect();
        let coordinator = (NodeName::Coordinator, NodeName::Store);
        self.choices.pick(&links).copied().unwrap_or(coordinator)
    }

    pub(super) fn kill(&mut self, node: NodeName, down: Option<Duration>) {
        if self.world.enter().condition(node).state == NodeState::Down {
            return;
        }
        self.world.enter().fault(format!("{node} is killed"));
        if node == NodeName::Coordinator {
            if let Some(life) = self.life.take() {
                life.kill(&self.world);
            }
        } else {
            self.world.enter().kill(node);
        }
        if let Some(down) = down {
            let at = self.now() + down;
            self.timeline.add(at, Doing::Restart(node));
        }
    }

    fn restart(&mut self, node: NodeName) {
        if node == NodeName::Coordinator {
            if self.life.is_none() {
                self.life = Some(Life::start(
                    &self.world,
                    &self.knobs,
                    self.planted,
                    self.logic,
                ));
            }
        } else {
            self.world.enter().restart(node);
        }
    }

    pub(super) fn pause(&mut self, node: NodeName, span: Option<Duration>) {
        if !self.world.enter().pause(node) {
            return;
        }
        self.world.enter().fault(format!("{node} is frozen"));
        if node == NodeName::Coordinator
            && let Some(life) = &self.life
        {
            life.pause();
        }
        if let Some(span) = span {
            let at = self.now() + span;
            self.timeline.add(at, Doing::Resume(node));
        }
    }

    fn resume(&mut self, node: NodeName) {
        if self.world.enter().resume(node)
            && node == NodeName::Coordinator
            && let Some(life) = &self.life
        {
            life.resume();
        }
    }

    pub(super) fn partition(
        &mut self,
        from: NodeName,
        to: NodeName,
        both_ways: bool,
        span: Option<Duration>,
    ) {
        let arrow = if both_ways { "<->" } else { "->" };
        self.world
            .enter()
            .fault(format!("the link {from} {arrow} {to} is cut"));
        self.cut(from, to, span);
        if both_ways {
            self.cut(to, from, span);
        }
    }

    fn cut(&mut self, from: NodeName, to: NodeName, span: Option<Duration>) {
        let mark = self.world.enter().links.cut(from, to);
        if let Some(span) = span {
            let at = self.now() + span;
            self.timeline.add(at, Doing::Mend(from, to, mark));
        }
    }

    pub(super) fn clog(
        &mut self,
        from: NodeName,
        to: NodeName,
        latency: DurationRange,
        span: Option<Duration>,
    ) {
        self.world
            .enter()
            .fault(format!("the link {from} <-> {to} is slow"));
        for (from, to) in [(from, to), (to, from)] {
            let mark = self.world.enter().links.clog(from, to, latency);
            if let Some(span) = span {
                let at = self.now() + span;
                self.timeline.add(at, Doing::Unclog(from, to, mark));
            }
        }
    }

    pub(super) fn scope(
        &mut self,
        times: Option<u64>,
        span: Option<Duration>,
        probability: f64,
        key: Option<IndexerKey>,
    ) -> Scope {
        let until: Option<Time> = span.map(|span| self.now() + span);
        let times = if times.is_none() && until.is_none() {
            Some(1)
        } else {
            times
        };
        Scope {
            times,
            until,
            key,
            probability,
        }
    }

    /// The indexers a fault is confined to; one `None` for a fault of all.
    pub(super) fn confined(&mut self, selector: Option<&Selector>) -> Vec<Option<IndexerKey>> {
        match selector {
            Some(selector) => self.select(selector, true).into_iter().map(Some).collect(),
            None => vec![None],
        }
    }

    fn arm_call(&mut self, fault: &CallFault) {
        let method = Method::ALL
            .into_iter()
            .find(|method| method.name() == format!("{:?}", fault.method));
        for key in self.confined(fault.indexer.as_ref()) {
            let scope = self.scope(fault.times, fault.r#for, fault.probability, key);
            let rule = CallFaultRule {
                method,
                outcome: fault.outcome,
                scope,
            };
            self.world.enter().armed.arm_call(rule);
        }
    }

    fn arm_registry(&mut self, fault: &RegistryFault) {
        for key in self.confined(fault.indexer.as_ref()) {
            // A listing names no indexer: confinement says what it is about.
            let about = key.clone();
            let scope = self.scope(fault.times, fault.r#for, fault.probability, None);
            let lag = fault.lag.unwrap_or_default();
            let rule = RegistryRule {
                kind: fault.kind,
                lag,
                about,
                scope,
            };
            self.world.enter().armed.arm_registry(rule);
        }
    }

    fn store_fault(&mut self, fault: &StoreFault) {
        let end = fault.r#for.map(|span| self.now() + span);
        let window = fault.window.unwrap_or_default();
        match fault.kind {
            StoreFaultKind::ReadOnly => {
                let mut world = self.world.enter();
                world.fault("the store is read-only");
                world.store.set_read_only(true);
                world.note_write(false);
                drop(world);
                end.into_iter()
                    .for_each(|at| self.timeline.add(at, Doing::StoreWritable));
            }
            StoreFaultKind::Oom => {
                let mut world = self.world.enter();
                world.fault("the store is out of memory");
                world.store.set_out_of_memory(true);
                world.note_write(false);
                drop(world);
                end.into_iter()
                    .for_each(|at| self.timeline.add(at, Doing::StoreMemory));
            }
            StoreFaultKind::LoseTail | StoreFaultKind::Failover => {
                if fault.kind == StoreFaultKind::Failover {
                    self.befalls("failover");
                }
                self.world.enter().lose_tail(window);
            }
            StoreFaultKind::Empty => self.world.enter().lose_everything(),
            StoreFaultKind::Conflict
            | StoreFaultKind::Rival
            | StoreFaultKind::ErrorBefore
            | StoreFaultKind::ErrorAfter => {
                for key in self.confined(fault.indexer.as_ref()) {
                    let scope = self.scope(fault.times, fault.r#for, fault.probability, key);
                    self.world.enter().armed.arm_store(StoreRule {
                        kind: fault.kind,
                        scope,
                    });
                }
            }
        }
    }

    fn each(&mut self, selector: &Selector, mut act: impl FnMut(&mut Stage, IndexerKey)) {
        for key in self.select(selector, true) {
            act(self, key);
        }
    }

    fn on_stream(
        &mut self,
        key: IndexerKey,
        what: &str,
        act: impl FnOnce(
            &mut sim_block_streamer::BlockStreamer,
            &mut sim_node::Env<'_>,
            &IndexerKey,
        ) -> bool,
    ) {
        let mut world = self.world.enter();
        if world.is_up(NodeName::BlockStreamer)
            && world.with_streamer(|node, env| act(node, env, &key))
        {
            world.fault(format!("{key}: its stream task {what}"));
        }
    }

    fn on_worker(
        &mut self,
        key: IndexerKey,
        what: &str,
        act: impl FnOnce(&mut ExecutorCore, &mut Env<'_>, &IndexerKey) -> bool,
    ) {
        let mut world = self.world.enter();
        if world.is_up(NodeName::Runner) && world.with_executor(|node, env| act(node, env, &key)) {
            world.fault(format!("{key}: its worker {what}"));
        }
    }

    fn plant(
        &mut self,
        key: Option<IndexerKey>,
        what: &str,
        act: impl FnOnce(&mut crate::world::World, Option<IndexerKey>),
    ) {
        let mut world = self.world.enter();
        let about = key
            .as_ref()
            .map_or("whoever comes next".into(), ToString::to_string);
        world.fault(format!("{about}: {what}"));
        act(&mut world, key);
    }

    fn plant_for(
        &mut self,
        selector: &Option<Selector>,
        times: u64,
        what: &str,
        act: impl Fn(&mut crate::world::World, Option<IndexerKey>),
    ) {
        for key in self.confined(selector.as_ref()) {
            for _ in 0..times.min(1000) {
                self.plant(key.clone(), what, &act);
            }
        }
    }

    fn plant_starts(&mut self, selector: Option<&Selector>, times: u64, fault: StartFault) {
        let what = format!("an executor's start meets {fault:?}");
        self.plant_for(&selector.cloned(), times, &what, |world, key| {
            world.executor.fault_next_start(key, fault);
        });
    }
}

fn random_target() -> scenario::Target {
    scenario::Target {
        indexer: Selector::Random,
    }
}
