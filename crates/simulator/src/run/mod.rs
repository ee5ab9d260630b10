//! One run: a world, a coordinator, a timeline, and a verdict.

mod bound;
mod broken;
mod control_plane;
mod end_state;
pub mod knobs;
mod life;
mod nemesis;
mod panics;
mod second;
mod shadow;
mod stage;
mod sweep;
mod timeline;
mod unhealed;
mod users;
mod waits;
mod wide;

use std::time::Duration;

use coordinator::Knobs;
use madsim::Config;
use madsim::runtime::Runtime;
use sim_node::chain::Chain;

use crate::history::{Event, History, RunPhase, Trace};
use crate::leaks::Leak;
use crate::oracle::{Limits, Oracles};
use crate::planted::{self, Planted};
use crate::report::{Logic, RunReport, SCHEMA_VERSION, Verdict, Violation};
use crate::scenario::{Action, Scenario};
use crate::sweep::Swept;
use crate::world::{CrashAt, Probe, REGISTRY_LAG, World};

pub use panics::Panics;
use stage::Stage;
pub use sweep::Sweeping;

/// How a run is done.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whose logic the coordinator follows.
    pub logic: Logic,
    /// Keep the whole trace as text.
    pub trace: bool,
    /// Crash the coordinator at this effect of the run, besides whatever the
    /// scenario does to it.
    pub crash_at: Option<CrashAt>,
    /// How the run takes part in a sweep, if it does.
    pub sweeping: Option<Sweeping>,
    /// The bug that a coordinator has.
    pub planted: Option<&'static Planted>,
    /// What gets in besides scenario and seed, if anything is planted.
    pub leak: Option<Leak>,
    /// Where panics of product code are noted.
    pub panics: Panics,
}

/// A run that could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder of blocks cannot be read.
    #[error(transparent)]
    Blocks(#[from] sim_node::chain::LakeError),
    /// The registry file cannot be read.
    #[error(transparent)]
    Registry(#[from] sim_registry::LoadError),
    /// A knob has an impossible value.
    #[error("[coordinator] {name}: {problem}")]
    Knob {
        /// Which.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

/// Runs `scenario` with `seed` and judges it; the full trace comes with it if
/// asked for. Call it once per process: some randomness sources of libraries
/// are process-wide, and a second run would see them moved.
///
/// # Errors
/// The scenario's inputs cannot be read.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    options: &Options,
) -> Result<(RunReport, Vec<String>), RunError> {
    let mut knobs = Knobs::default();
    for (name, value) in &scenario.coordinator {
        knobs::set(&mut knobs, name, value.get_ref()).map_err(|problem| RunError::Knob {
            name: name.clone(),
            problem,
        })?;
    }
    let mut scenario = scenario.clone();
    if scenario.data.blocks.is_some() {
        outlast_the_blocks(&mut scenario, &mut knobs);
    }
    let mut chain = match &scenario.data.blocks {
        Some(folder) => Chain::from_lake(folder, scenario.data.interval)?,
        None => Chain::synthetic(scenario.chain.clone(), seed),
    };
    let entries = match &scenario.data.registry {
        Some(file) => sim_registry::load_file(file)?,
        None => Vec::new(),
    };
    let (panics, planted) = (options.panics.clone(), options.planted);
    let before = cpu_micros();
    let runtime = Runtime::with_seed_and_config(seed, Config::default());
    let first = chain.first_height();
    let (trace, crash_at, logic) = (options.trace, options.crash_at, options.logic);
    let (sweeping, leak) = (options.sweeping.clone(), options.leak.clone());
    if sweeping.as_ref().is_some_and(Sweeping::needs_old_answers) {
        let lag = &mut scenario.faults.registry_calls.lag;
        *lag = (*lag).max(REGISTRY_LAG);
    }
    let (mut report, lines) = runtime.block_on(async move {
        let judges = Oracles::new(Limits {
            lists_services: logic.is_ours(),
            collects: !logic.is_ours(),
            ..limits(&scenario, &knobs)
        });
        let history = History::new(Trace::new(trace), judges);
        let _ = chain.first_at_or_after(first);
        let mut world = World::new(&scenario, seed, chain, history);
        world.control.crashes.extend(crash_at);
        world.leak = leak;
        if let Some(sweeping) = &sweeping {
            world.keeps_old_answers |= sweeping.needs_old_answers();
            world.probe = Some(sweeping.probe());
        }
        let mut stage = Stage::new(scenario, seed, knobs, world, entries, panics);
        stage.sweep = sweeping.map(|_| sweep::Sweep::default());
        stage.planted = planted;
        stage.world.peek().planted = planted::data_plane(planted);
        stage.logic = logic;
        stage.play().await;
        stage.conclude()
    });
    report.cpu_micros = cpu_micros().saturating_sub(before);
    Ok((report, lines))
}

/// A folder of blocks ends, and a stream at its end is not ill: nothing may judge
/// it by its progress.
fn outlast_the_blocks(scenario: &mut Scenario, knobs: &mut Knobs) {
    let run = &scenario.run;
    let longer = run.duration + run.silence + Duration::from_secs(24 * 3600);
    let health = &mut scenario.nodes.block_streamer.health_interval;
    *health = (*health).max(longer);
    knobs.heartbeat_limit = knobs.heartbeat_limit.max(longer * 2);
}

fn limits(scenario: &Scenario, knobs: &Knobs) -> Limits {
    let lag = scenario
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::RegistryFault(fault) => fault.lag,
            _ => None,
        })
        .chain([scenario.registry.lag, scenario.faults.registry_calls.lag])
        .max()
        .unwrap_or_default();
    // What is decided on the first of two looks waits for the second.
    let usual = Knobs::default().read_deadline;
    let slow_look = knobs.read_deadline.saturating_sub(usual);
    let late = knobs.freeze.saturating_sub(Knobs::default().freeze);
    let observation_delay =
        knobs.tick * 2 + knobs.list_deadline + knobs.call_deadline + slow_look + late;
    Limits {
        observation_delay,
        registry_lag: lag,
        replica_lag: scenario.registry.lag,
        tick: knobs.tick,
        start_budget_per_second: knobs.starts_per_second,
        provisioning_settle: knobs.policy.provisioning_settle,
        executor_start_grace: knobs.policy.executor_start_grace,
        prefetch: scenario.nodes.executor.prefetch as u64,
        call_deadline: knobs.call_deadline,
        look: Limits::default().look + slow_look,
        recheck: knobs.policy.recheck,
        heartbeat_limit: knobs.heartbeat_limit,
        store_deadline: knobs.store_deadline,
        provisioning_timeout: knobs.policy.provisioning_timeout,
        provisioning_poll: knobs.policy.provisioning_poll,
        provisioning_abandon: knobs.policy.provisioning_abandon,
        attempts_max: knobs.policy.attempts_max,
        streams_vanish: !scenario
            .nodes
            .block_streamer
            .quirks
            .ended_streams_stay_listed,
        provisioning_parallel: knobs.provisioning_parallel,
        absences_doubted: knobs.listing_drop_least,
        absences_held: knobs.listing_hold,
        clock_tolerance: knobs.clock_tolerance,
        records_per_read: knobs
            .read_keys_max
            .max(1)
            .min(Limits::default().records_per_read),
        writes_per_indexer_per_minute: writes_per_minute(knobs),
        reads_per_indexer_per_minute: reads_per_minute(knobs),
        effects_on_broken: effects_on_broken(knobs),
        calls_to_broken_node: calls_to_broken_node(scenario, knobs),
        ..Limits::default()
    }
}

/// What the pauses between tries allow within ten minutes, sixteen calls for each: starts
/// and stops of both halves, what is written of each, and before each stop.
fn effects_on_broken(knobs: &Knobs) -> u32 {
    let policy = &knobs.policy;
    let pause = policy.retry.cap.min(policy.restart.cap) / 2;
    let tries = Duration::from_secs(600).as_secs_f64() / pause.as_secs_f64().max(0.01);
    16 * policy.attempts_max.saturating_add(tries.min(1e6) as u32)
}

/// One write and what it follows, by two coordinators, after each pause that a store which
/// refuses them makes for.
fn writes_per_minute(knobs: &Knobs) -> u32 {
    (4.0 * 60.0 / knobs.store_pause.as_secs_f64().max(0.001)) as u32
}

/// Three reads at each look, by two coordinators, with the shortest pause between two
/// looks; a store that refuses writes is a reason to look again as well.
fn reads_per_minute(knobs: &Knobs) -> u32 {
    let policy = &knobs.policy;
    let pause = policy.provisioning_poll.min(policy.recheck).min(knobs.tick);
    let pause = pause.min(knobs.store_pause);
    (6.0 * 60.0 / pause.as_secs_f64().max(0.001)) as u32
}

/// What polls and pauses allow within ten minutes: three polls at each tick, and of
/// each indexer a look after each pause.
fn calls_to_broken_node(scenario: &Scenario, knobs: &Knobs) -> u32 {
    let times = |pause: Duration| 600.0 / pause.as_secs_f64().max(0.001);
    let looks = times(knobs.policy.recheck.min(knobs.store_pause));
    let each = looks * scenario.indexers.len() as f64 * 2.0;
    (3.0 * times(knobs.tick) + each).min(1e9) as u32 + 100
}

/// CPU time of this thread so far, from the kernel; 0 where it does not say.
pub(crate) fn cpu_micros() -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |nanos| nanos / 1000)
}

/// Puts the parts of a verdict together.
fn judge(violation: Option<&Violation>, pending: &[String]) -> Verdict {
    match violation {
        Some(violation) if violation.oracle == "S14" => Verdict::Panic,
        Some(violation) if violation.oracle.starts_with('L') => Verdict::Liveness,
        Some(_) => Verdict::Safety,
        None if !pending.is_empty() => Verdict::Liveness,
        None => Verdict::Passed,
    }
}

impl Stage {
    /// The report of a run that is over, and its trace.
    fn conclude(mut self) -> (RunReport, Vec<String>) {
        let pending = std::mem::take(&mut self.pending);
        let mut world = self.world.enter();
        world.record(Event::Phase(RunPhase::Over));
        if !pending.is_empty() {
            let dead_ends = world.history.oracles.dead_ends(world.now);
            let found = match self.logic {
                Logic::Ours => vec![unhealed::together(&world, self.bound, &dead_ends, &pending)],
                Logic::Original => unhealed::apart(&world, self.bound, &dead_ends, &pending),
            };
            for violation in found {
                world.history.oracles.add(violation);
            }
        }
        let violation = world.history.oracles.violation().cloned();
        let report = RunReport {
            schema_version: SCHEMA_VERSION,
            scenario: self.scenario.path.display().to_string(),
            seed: self.seed,
            coordinator: self.logic,
            trace_hash: world.history.trace.digest(),
            events: world.history.trace.events(),
            calls: world.counters.coordinator_calls + world.counters.node_calls,
            coordinator_calls: world.counters.coordinator_calls,
            effects: world.counters.effects,
            faults: world.counters.faults,
            virtual_micros: u64::try_from(world.elapsed().as_micros()).unwrap_or(u64::MAX),
            cpu_micros: 0,
            verdict: judge(violation.as_ref(), &pending),
            violation,
            further: world.history.oracles.further().to_vec(),
            pending,
            excused: std::mem::take(&mut self.excused_at_end),
            last_events: world.history.trace.recent(),
            marks: world.history.oracles.marks(),
            blocks: world.history.oracles.tallies(),
            end_state: end_state::end_state(&world),
            swept: world
                .probe
                .take()
                .map_or_else(Swept::default, Probe::finish),
        };
        let lines = world.history.trace.lines().to_vec();
        (report, lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_pauses_of_the_store_allow_more_reads_and_writes() {
        let usual = Knobs::default();
        let hasty = Knobs {
            store_pause: Duration::from_millis(25),
            ..Knobs::default()
        };
        for allowed in [reads_per_minute, writes_per_minute] {
            assert_eq!(allowed(&hasty), allowed(&usual) * 40);
        }
    }

    #[test]
    fn what_a_slow_coordinator_waits_for_is_no_fault_of_it() {
        let text = "property = \"p\"\n[[indexer]]\naccount = \"a.near\"\nfunction = \"f\"\n";
        let scenario = Scenario::parse("limits", text).expect("it is sound");
        let usual = limits(&scenario, &Knobs::default());
        assert_eq!(usual.look, Limits::default().look);
        assert_eq!(usual.recheck, Limits::default().recheck);
        let mut knobs = Knobs::default();
        knobs.read_deadline += Duration::from_secs(40);
        knobs.policy.recheck = Duration::from_secs(41);
        let slow = limits(&scenario, &knobs);
        assert_eq!(slow.look, usual.look + Duration::from_secs(40));
        assert_eq!(slow.recheck, Duration::from_secs(41));
    }
}
