//! What is going to happen in a run, in order of time.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::{IndexerKey, Rng, Time};

use crate::history::{Incarnation, NodeName};
use crate::scenario::{Action, Defect, Indexer, Registered, Resource, Scenario, SwizzleKind};
use crate::sweep::Kind;
use crate::world::World;

/// Something that is going to happen.
#[derive(Clone, Debug)]
pub enum Doing {
    /// Indexer number `n` of the scenario is registered.
    Register(usize),
    /// A step of the scenario.
    Step(Action),
    /// A random fault of this family.
    Misfortune(Family),
    /// A random operation of users or operators.
    Operation(Operation),
    /// A dead node starts again.
    Restart(NodeName),
    /// A frozen node thaws.
    Resume(NodeName),
    /// A cut link is whole again.
    Mend(NodeName, NodeName, u64),
    /// A slow link is fast again.
    Unclog(NodeName, NodeName, u64),
    /// Messages on a link keep their order again.
    Unmix(NodeName, NodeName, u64),
    /// A slow node is as fast as it was.
    SpeedUp(NodeName, u64),
    /// A clock is moved by so many microseconds, unless all have been put right
    /// more often than this.
    PutRight(NodeName, i64, u64),
    /// A clock runs at the right rate, unless all have been put right more often
    /// than this.
    RunRight(NodeName, u64),
    /// A node's turn in a swizzle, and how long it lasts.
    Swizzled(NodeName, SwizzleKind, Duration),
    /// The store takes writes again.
    StoreWritable,
    /// The store has memory again.
    StoreMemory,
    /// Blocks can be fetched again.
    FetchesWork,
    /// Random faults of calls begin.
    RatesOn,
    /// Random faults of calls end.
    RatesOff,
    /// A quiet period begins.
    QuietBegins,
    /// A quiet period ends.
    QuietEnds,
    /// Something that an earlier step put off.
    Later(Later),
    /// A wait of this indexer's loop ends, for which a sweep has plans.
    Swept(Kind, IndexerKey),
}

/// What a step about the control plane puts off.
#[derive(Clone, Debug)]
pub enum Later {
    /// This quota is lifted.
    LiftQuota(Resource, u64),
    /// A former coordinator goes on.
    ThawFormer(Incarnation),
    /// A former coordinator ends.
    EndFormer(Incarnation),
    /// An indexer that was disabled is enabled again.
    Enable(IndexerKey),
    /// An indexer is registered just so.
    Configure(Box<Indexer>),
    /// A service that was broken works again.
    Mend(Defect),
}

/// A family of random faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Kill(NodeName),
    Pause(NodeName),
    Partition,
    Clog,
    PanicTask,
    KillTask,
    CrashWorker,
    VanishWorker,
    Poison,
    SlowStart,
    HangStart,
    FailStart,
    FailStop,
    FailNext,
    HangNext,
    SlowNext,
    SlowNode(NodeName),
    ClockJump(NodeName),
    ClockDrift(NodeName),
    Reorder,
    LoseNodes,
    Swizzle,
    Quota,
    SecondCoordinator,
    Downgrade,
}

/// A random operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Register,
    Update,
    Delete,
    Reregister,
    Enable,
    Disable,
    Hold,
    Release,
    Retry,
    HiddenChange,
    Churn,
}

/// Events by time; those of one instant in the order in which they were added.
#[derive(Default)]
pub struct Timeline {
    events: BTreeMap<(Time, u64), Doing>,
    added: u64,
}

impl Timeline {
    /// Adds something.
    pub fn add(&mut self, at: Time, doing: Doing) {
        self.events.insert((at, self.added), doing);
        self.added += 1;
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Time> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    /// Takes what is due at `now`.
    pub fn pop_due(&mut self, now: Time) -> Option<Doing> {
        let at = self.next_at()?;
        (at <= now)
            .then(|| self.events.pop_first().map(|(_, doing)| doing))
            .flatten()
    }

    /// Drops everything that has not happened.
    pub fn clear(&mut self) {
        self.events.clear();
    }

    /// Everything that follows from `scenario` and `seed`.
    pub fn plan(scenario: &Scenario, seed: u64) -> Timeline {
        let mut timeline = Timeline::default();
        // What happens when a quiet period ends comes after it.
        for quiet in &scenario.run.quiet {
            timeline.add(World::at(quiet.at), Doing::QuietBegins);
            timeline.add(World::at(quiet.at + quiet.r#for), Doing::QuietEnds);
        }
        for (nth, indexer) in scenario.indexers.iter().enumerate() {
            if let Registered::At(after) = indexer.registered {
                timeline.add(World::at(after), Doing::Register(nth));
            }
        }
        for step in &scenario.steps {
            timeline.add(World::at(step.at), Doing::Step(step.action.clone()));
        }
        timeline.plan_misfortunes(scenario, seed);
        timeline.plan_operations(scenario, seed);
        timeline
    }

    fn plan_misfortunes(&mut self, scenario: &Scenario, seed: u64) {
        let faults = &scenario.faults;
        let end = faults
            .stop
            .unwrap_or(scenario.run.duration)
            .min(scenario.run.duration);
        if faults.start >= end {
            return;
        }
        let mut swarm = Rng::new(seed, "swarm");
        for (family, per_minute) in families(scenario) {
            // In a swarm each family is off in half of the runs; drawing for
            // every family keeps the others' draws where they are.
            let off = swarm.chance(0.5) && faults.swarm;
            if !off {
                let label = format!("{family:?}");
                self.scatter(seed, &label, per_minute, faults.start, end, || {
                    Doing::Misfortune(family)
                });
            }
        }
        self.add(World::at(faults.start), Doing::RatesOn);
        self.add(World::at(end), Doing::RatesOff);
    }

    fn plan_operations(&mut self, scenario: &Scenario, seed: u64) {
        let workload = &scenario.workload;
        let end = workload
            .stop
            .unwrap_or(scenario.run.duration)
            .min(scenario.run.duration);
        let rates = [
            (Operation::Register, workload.register),
            (Operation::Update, workload.update),
            (Operation::Delete, workload.delete),
            (Operation::Reregister, workload.reregister),
            (Operation::Enable, workload.enable),
            (Operation::Disable, workload.disable),
            (Operation::Hold, workload.hold),
            (Operation::Release, workload.release),
            (Operation::Retry, workload.retry),
            (Operation::HiddenChange, workload.hidden_change),
            (Operation::Churn, workload.churn),
        ];
        for (operation, per_minute) in rates {
            let label = format!("{operation:?}");
            self.scatter(seed, &label, per_minute, workload.start, end, || {
                Doing::Operation(operation)
            });
        }
    }

    /// Adds events at random times, `per_minute` on average.
    fn scatter(
        &mut self,
        seed: u64,
        label: &str,
        per_minute: f64,
        start: Duration,
        end: Duration,
        doing: impl Fn() -> Doing,
    ) {
        if per_minute <= 0.0 {
            return;
        }
        let mut rng = Rng::new(seed, label);
        let mut at = start.as_secs_f64();
        loop {
            // The gaps of a Poisson process; `1 - unit` is never zero.
            at += -(1.0 - rng.unit()).ln() * 60.0 / per_minute;
            if at >= end.as_secs_f64() {
                return;
            }
            self.add(World::at(Duration::from_micros((at * 1e6) as u64)), doing());
        }
    }
}

fn families(scenario: &Scenario) -> Vec<(Family, f64)> {
    let faults = &scenario.faults;
    let tasks = &faults.tasks;
    let control = &faults.control_plane;
    let mut families = Vec::new();
    for node in NodeName::ALL {
        families.push((Family::Kill(node), faults.kill.of(node)));
        families.push((Family::Pause(node), faults.pause.of(node)));
    }
    families.extend([
        (Family::Partition, faults.partition),
        (Family::Clog, faults.clog),
        (Family::PanicTask, tasks.panic_task),
        (Family::KillTask, tasks.kill_task),
        (Family::CrashWorker, tasks.crash_worker),
        (Family::VanishWorker, tasks.vanish_worker),
        (Family::Poison, tasks.poison),
        (Family::SlowStart, tasks.slow_start),
        (Family::HangStart, tasks.hang_start),
        (Family::FailStart, tasks.fail_start),
        (Family::FailStop, tasks.fail_stop),
        (Family::FailNext, tasks.fail_next),
        (Family::HangNext, tasks.hang_next),
        (Family::SlowNext, tasks.slow_next),
        (Family::Reorder, faults.reorder),
        (Family::LoseNodes, faults.lose_nodes),
        (Family::Swizzle, faults.swizzle),
        (Family::Quota, control.quota),
        (Family::SecondCoordinator, control.second_coordinator),
        (Family::Downgrade, control.downgrade),
    ]);
    for node in NodeName::ALL {
        families.push((Family::SlowNode(node), faults.slow_node.of(node)));
    }
    for (node, rate) in faults.clock_jump.each() {
        families.push((Family::ClockJump(node), rate));
    }
    for (node, rate) in faults.clock_drift.each() {
        families.push((Family::ClockDrift(node), rate));
    }
    families
}
