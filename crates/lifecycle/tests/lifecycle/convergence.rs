//! Closed loops: from wherever it starts, whatever goes wrong once, an indexer
//! comes to where it is wanted, and stays there.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::{
    Action, Desired, ExecutorState, Phase, Reason, Record, Run, Seen, Spec, StreamHealth, Target,
};

use crate::environment::{End, Environment, Mishap};
use crate::states::{FOREIGN, OWN, PHASES_WITH_WORK, repairs, runs, tasks};
use crate::support::*;

/// Most steps from anywhere to the wanted state. Waiting for a task or for an
/// executor that starts is a step per second.
const STEPS_MAX: usize = 60;

#[track_caller]
fn assert_runs(environment: &mut Environment, spec: &Arc<Spec>, steps_max: usize) {
    let start = environment.clone();
    let end = environment.settle(steps_max);
    let context = || {
        format!(
            "from {:?} {:?} {:?}: {:?}",
            start.record, start.stream, start.executor, environment.ledger
        )
    };
    assert_eq!(end, End::Rests(Reason::Steady), "{}", context());
    let record = environment.record.clone().unwrap();
    assert_eq!(record.phase, Phase::Running, "{}", context());
    assert_eq!(record.synced_at, Some(spec.version), "{}", context());
    let run = record.run.unwrap();
    assert!(
        run.prepared && run.target == Target::of(spec),
        "{}",
        context()
    );
    let stream = environment.stream.unwrap();
    assert_eq!(stream, (spec.version, StreamHealth::Fine), "{}", context());
    assert_eq!(
        environment.executor.unwrap().0,
        spec.version,
        "{}",
        context()
    );
    assert_quiet(environment, End::Rests(Reason::Steady));
}

#[track_caller]
fn assert_suspended(environment: &mut Environment, steps_max: usize) {
    let end = environment.settle(steps_max);
    assert_eq!(end, End::Rests(Reason::Suspended));
    assert_eq!(environment.stream, None);
    assert_eq!(environment.executor, None);
    let record = environment.record.clone().unwrap();
    assert_eq!((record.phase, record.repair), (Phase::Suspended, None));
    assert_quiet(environment, End::Rests(Reason::Suspended));
}

#[track_caller]
fn assert_gone(environment: &mut Environment, steps_max: usize) {
    assert_eq!(environment.settle(steps_max), End::Finished);
    assert_eq!(environment.stream, None);
    assert_eq!(environment.executor, None);
    assert_eq!((environment.cursor, environment.queue_head), (None, None));
}

/// An hour later there is still nothing to do.
#[track_caller]
fn assert_quiet(environment: &mut Environment, end: End) {
    let effects = environment.ledger.len();
    for _ in 0..4 {
        environment.now = environment.now + secs(900);
        assert_eq!(environment.step(), Some(end.clone()));
    }
    assert_eq!(environment.ledger.len(), effects);
}

/// Visits a thinned-out set of all states, as worlds that can be acted on:
/// everything that cannot be seen is absent.
fn each_start(desired: &Desired, mut visit: impl FnMut(Environment)) {
    let streams = [
        Seen::Absent,
        stream(OWN, StreamHealth::Stalled),
        stream(OWN, StreamHealth::Fine),
        stream(FOREIGN, StreamHealth::Fine),
    ];
    let executors = [
        Seen::Absent,
        executor(OWN, ExecutorState::Starting(secs(1))),
        executor(OWN, ExecutorState::Starting(secs(700))),
        executor(OWN, ExecutorState::Failing(secs(100))),
        executor(OWN, ExecutorState::Fine),
        executor(FOREIGN, ExecutorState::Stalled),
    ];
    let phases = PHASES_WITH_WORK
        .into_iter()
        .chain([Phase::Initializing, Phase::Deleted]);
    for phase in phases {
        for record in records(phase, desired) {
            for stream in &streams {
                for executor in &executors {
                    let mut world = world()
                        .desired(desired.clone())
                        .stream_is(stream.clone())
                        .executor_is(executor.clone())
                        .progress(Some(50), Some(40));
                    world.seen.record = Some(record.clone());
                    visit(Environment::of(&world));
                }
            }
        }
    }
}

fn records(phase: Phase, desired: &Desired) -> Vec<Record> {
    let mut records = Vec::new();
    for run in runs() {
        for repair in repairs(phase, desired) {
            records.push(Record {
                phase,
                run,
                repair,
                provisioned: phase != Phase::Initializing,
                tombstone: (phase == Phase::Deleting).then_some(OWN),
                ..Record::new(id())
            });
        }
    }
    records
}

#[test]
fn from_everywhere_to_running() {
    for spec in [
        latest(OWN),
        other_content(OWN),
        continued(20),
        height(20, 3),
    ] {
        let desired = Desired::Present(Arc::clone(&spec));
        each_start(&desired, |mut environment| {
            assert_runs(&mut environment, &spec, STEPS_MAX);
        });
    }
}

#[test]
fn from_everywhere_to_suspended() {
    for desired in [
        Desired::Present(latest(OWN)),
        Desired::Present(latest(20)),
        Desired::Unknown,
        Desired::Missing,
        deleted(3, 4),
    ] {
        each_start(&desired, |mut environment| {
            let record = environment.record.as_mut().unwrap();
            record.enabled = false;
            let ends = matches!(record.phase, Phase::Deleting | Phase::Deleted);
            // A stale tombstone is news to an indexer that knows of no run.
            let dies = record.run.is_none() && matches!(desired, Desired::Deleted { .. });
            if !ends && !dies {
                assert_suspended(&mut environment, STEPS_MAX);
            }
        });
    }
}

#[test]
fn from_everywhere_to_gone() {
    let desired = deleted(20, 25);
    each_start(&desired, |mut environment| {
        assert_gone(&mut environment, 60 + STEPS_MAX);
    });
}

#[test]
fn from_every_task_to_an_end() {
    let spec = latest(OWN);
    for (task, armed, task_seen) in tasks() {
        for phase in PHASES_WITH_WORK.into_iter().chain([Phase::Initializing]) {
            for provisioned in [false, true] {
                let mut world = in_phase(phase).wants(Arc::clone(&spec)).task(task_seen);
                world.seen.armed = armed;
                let mut running = Environment::of(&world.clone().record(|record| {
                    record.task = task.clone();
                    record.provisioned = provisioned && phase != Phase::Initializing;
                    record.tombstone = (phase == Phase::Deleting).then_some(4);
                }));
                let mut suspended = running.clone();
                let mut gone = running.clone();
                assert_runs(&mut running, &spec, STEPS_MAX);
                suspended.record.as_mut().unwrap().enabled = false;
                if phase != Phase::Deleting {
                    assert_suspended(&mut suspended, STEPS_MAX);
                }
                gone.desired = deleted(20, 25);
                assert_gone(&mut gone, STEPS_MAX);
            }
        }
    }
}

/// What happens to an indexer in a life, each from a settled state.
fn stories() -> Vec<(&'static str, Environment, Goal)> {
    let mut settled = Environment::new(Desired::Present(latest(5)));
    assert_runs(&mut settled, &latest(5), STEPS_MAX);
    settled.ledger.clear();
    let change = |change: &dyn Fn(&mut Environment)| {
        let mut environment = settled.clone();
        change(&mut environment);
        // Actions are counted from here on.
        let mut fresh = Environment::new(environment.desired.clone());
        fresh.record = environment.record;
        fresh.stream = environment.stream;
        fresh.executor = environment.executor;
        fresh.cursor = environment.cursor;
        fresh.queue_head = environment.queue_head;
        fresh.tasks = environment.tasks;
        fresh.now = environment.now;
        fresh
    };
    let enabled = |environment: &mut Environment, on: bool| {
        if let Some(record) = &mut environment.record {
            record.enabled = on;
        }
    };
    vec![
        (
            "new",
            Environment::new(Desired::Present(latest(5))),
            Goal::Runs(latest(5)),
        ),
        (
            "updated",
            change(&|it| it.desired = Desired::Present(continued(20))),
            Goal::Runs(continued(20)),
        ),
        (
            "content changed",
            change(&|it| it.desired = Desired::Present(other_content(5))),
            Goal::Runs(other_content(5)),
        ),
        (
            "disabled",
            change(&|it| enabled(it, false)),
            Goal::Suspended,
        ),
        (
            "deleted",
            change(&|it| it.desired = deleted(5, 9)),
            Goal::Gone,
        ),
        (
            "registered again while being deleted",
            change(&|it| {
                it.desired = deleted(5, 9);
                let _ = it.step();
                it.desired = Desired::Present(latest(12));
            }),
            Goal::Runs(latest(12)),
        ),
        (
            "streamer restarted",
            change(&|it| it.stream = None),
            Goal::Runs(latest(5)),
        ),
        (
            "executor stalled",
            change(&|it| {
                it.executor = it
                    .executor
                    .map(|(v, _, at)| (v, ExecutorState::Stalled, at))
            }),
            Goal::Runs(latest(5)),
        ),
        (
            "everything restarted",
            change(&|it| {
                it.stream = None;
                it.executor = None;
            }),
            Goal::Runs(latest(5)),
        ),
    ]
}

#[derive(Clone, Debug)]
enum Goal {
    Runs(Arc<Spec>),
    Suspended,
    Gone,
}

const MISHAPS: [Mishap; 10] = [
    Mishap::HappensUnanswered,
    Mishap::VanishesUnanswered,
    Mishap::HappensLater(Duration::from_millis(20)),
    Mishap::HappensLater(Duration::from_secs(1)),
    Mishap::HappensLater(Duration::from_secs(5)),
    Mishap::HappensLater(Duration::from_secs(100)),
    Mishap::Unavailable,
    Mishap::Rejected,
    Mishap::CrashAfter,
    Mishap::CrashBefore,
];

#[track_caller]
fn assert_goal(environment: &mut Environment, goal: &Goal) {
    match goal {
        Goal::Runs(spec) => assert_runs(environment, spec, 3 * STEPS_MAX),
        Goal::Suspended => assert_suspended(environment, 3 * STEPS_MAX),
        Goal::Gone => assert_gone(environment, 3 * STEPS_MAX),
    }
    assert_no_gap(environment);
}

/// Whatever happens to any one action, the end is the same.
#[test]
fn a_mishap_at_any_action_changes_no_end() {
    for (name, start, goal) in stories() {
        for at in 0..9 {
            for mishap in MISHAPS {
                println!("{name}: {mishap:?} at action {at}");
                let mut environment = start.clone();
                environment.mishap = Some((at, mishap));
                assert_goal(&mut environment, &goal);
            }
        }
    }
}

/// A coordinator that dies after any one step, commits and waits included,
/// comes to the same end.
#[test]
fn a_crash_after_any_step_changes_no_end() {
    for (name, start, goal) in stories() {
        for at in 0..30 {
            println!("{name}: crash after step {at}");
            let mut environment = start.clone();
            environment.crash_at = Some(at);
            assert_goal(&mut environment, &goal);
        }
    }
}

/// Nor does a mishap together with a crash.
#[test]
fn a_mishap_and_a_crash_change_no_end() {
    for (name, start, goal) in stories() {
        for at in 0..6 {
            for crash_at in (0..16).step_by(3) {
                for mishap in MISHAPS {
                    println!("{name}: {mishap:?} at action {at}, crash at {crash_at}");
                    let mut environment = start.clone();
                    environment.mishap = Some((at, mishap));
                    environment.crash_at = Some(crash_at);
                    assert_goal(&mut environment, &goal);
                }
            }
        }
    }
}

/// The streams of one version never leave out a block: each starts no later
/// than where the one before it had come to.
fn assert_no_gap(environment: &Environment) {
    let mut reached: Option<(u64, u64)> = None;
    for action in &environment.ledger {
        let Action::StartStream { spec, height } = action else {
            continue;
        };
        if let Some((version, until)) = reached
            && version == spec.version
        {
            assert!(*height <= until, "a gap: {:?}", environment.ledger);
        }
        reached = Some((spec.version, height + 10));
    }
}

/// A start of an old version that arrives after the new run was prepared moves
/// the cursor; the new run is not led astray.
#[test]
fn a_late_start_of_an_old_version_loses_no_block() {
    let spec = height(20, 3);
    let own = run(&spec, 3);
    let mut environment = Environment::new(Desired::Present(Arc::clone(&spec)));
    environment.record = Some(Record {
        phase: Phase::Running,
        provisioned: true,
        run: Some(own),
        ..Record::new(id())
    });
    environment.stream = Some((FOREIGN, StreamHealth::Fine));
    environment.cursor = Some(110);
    assert_runs(&mut environment, &spec, STEPS_MAX);
    let heights: Vec<_> = environment
        .ledger
        .iter()
        .filter_map(|action| match action {
            Action::StartStream { height, .. } => Some(*height),
            _ => None,
        })
        .collect();
    assert_eq!(heights, [3]);
    assert_eq!(environment.record.unwrap().run, Some(Run { ..own }));
}
