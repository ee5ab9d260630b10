//! The abstract state space: every combination of what matters to a decision.
//!
//! Two groups keep it small enough to visit whole: what is kept running (stream,
//! executor, run, repair), and what is provisioned (task, gate). Dimensions that
//! cannot meet in one decision are not multiplied.

use lifecycle::{
    Cause, Desired, ExecutorState, Gate, IndexerId, Phase, Progress, Record, Repair, Run, Seen,
    Service, StreamHealth, Target, Task, TaskSeen,
};

use crate::support::*;

/// The version of the run that records know.
pub const OWN: u64 = 10;
/// The version of something that has no business running.
pub const FOREIGN: u64 = 7;

pub const PHASES_WITH_WORK: [Phase; 5] = [
    Phase::Running,
    Phase::Suspending,
    Phase::Suspended,
    Phase::Repairing,
    Phase::Deleting,
];

pub fn desireds() -> Vec<Desired> {
    vec![
        Desired::Unknown,
        Desired::Missing,
        Desired::Unlisted(latest(5)),
        deleted(OWN, 12),
        deleted(3, 4),
        Desired::Present(latest(OWN)),
        Desired::Present(continued(20)),
        Desired::Present(other_content(OWN)),
        Desired::Present(latest(5)),
        Desired::Present(event(21)),
    ]
}

pub fn runs() -> Vec<Option<Run>> {
    let own = run(&latest(OWN), 30);
    vec![
        None,
        Some(own),
        Some(Run {
            prepared: false,
            ..own
        }),
        // As taken over from the original coordinator.
        Some(Run {
            target: Target {
                version: OWN,
                hash: None,
            },
            start: None,
            prepared: true,
        }),
    ]
}

fn streams() -> Vec<Seen<lifecycle::Stream>> {
    vec![
        Seen::Unknown,
        Seen::Absent,
        stream(OWN, StreamHealth::Fine),
        stream(OWN, StreamHealth::Stalled),
        stream(FOREIGN, StreamHealth::Fine),
        stream(FOREIGN, StreamHealth::Frozen),
    ]
}

fn executors() -> Vec<Seen<lifecycle::Executor>> {
    vec![
        Seen::Unknown,
        Seen::Absent,
        executor(OWN, ExecutorState::Starting(secs(1))),
        executor(OWN, ExecutorState::Starting(secs(700))),
        executor(OWN, ExecutorState::Fine),
        executor(OWN, ExecutorState::Failing(secs(1))),
        executor(OWN, ExecutorState::Failing(secs(100))),
        executor(OWN, ExecutorState::Stalled),
        executor(FOREIGN, ExecutorState::Starting(secs(1))),
        executor(FOREIGN, ExecutorState::Fine),
    ]
}

/// Repairs that a record of `phase` can hold; the target is what is wanted, as
/// far as it is known.
pub fn repairs(phase: Phase, desired: &Desired) -> Vec<Option<Repair>> {
    let target = match desired {
        Desired::Present(spec) => Some(Target::of(spec)),
        _ => Some(Target::of(&latest(OWN))),
    };
    let due = |cause| Some(repair(cause, 2, ago(1), target));
    let pending = |cause| Some(repair(cause, 2, NOW + secs(50), target));
    let gave_up = |cause| Some(repair(cause, 8, NOW + secs(9000), target));
    let mut all = vec![None];
    match phase {
        Phase::Repairing => {
            for cause in CAUSES {
                all.extend([due(cause), pending(cause)]);
            }
            all.push(gave_up(Cause::ExecutorFailing));
            let outdated = Some(Target::of(&latest(3)));
            all.push(Some(repair(
                Cause::StreamUnhealthy,
                8,
                NOW + secs(9000),
                outdated,
            )));
        }
        Phase::Running | Phase::Initializing => {
            all.extend([
                due(Cause::StreamUnhealthy),
                pending(Cause::StreamNotStarted),
            ]);
        }
        Phase::Suspending | Phase::Suspended | Phase::Deleting | Phase::Deleted => {
            all.extend([
                pending(Cause::StreamNotStopped),
                pending(Cause::ExecutorNotStopped),
                pending(Cause::DataNotCleared),
            ]);
        }
    }
    all
}

pub const CAUSES: [Cause; 11] = [
    Cause::ProvisioningFailed,
    Cause::ProvisioningTimedOut,
    Cause::UnsupportedRule,
    Cause::StreamNotStarted,
    Cause::StreamNotStopped,
    Cause::StreamUnhealthy,
    Cause::ExecutorNotStarted,
    Cause::ExecutorNotStopped,
    Cause::ExecutorUnhealthy,
    Cause::ExecutorFailing,
    Cause::DataNotCleared,
];

/// What the services let us see and do, besides stream and executor.
fn surroundings() -> Vec<World> {
    let known = Progress::Known {
        cursor: Some(50),
        queue_head: Some(40),
    };
    let mut with_data = world();
    with_data.seen.progress = known;
    let mut of_another_run = world();
    of_another_run.seen.progress = Progress::Foreign;
    let mut refused = world();
    refused.seen.progress = Progress::Refused;
    vec![
        world(),
        of_another_run,
        refused,
        with_data.clone(),
        world().progress_unknown(),
        with_data.clone().down(Service::BlockStreamer),
        with_data.clone().down(Service::Executors),
        with_data.starts_in(5),
    ]
}

/// Visits every state of what is kept running, for records in `phase`.
pub fn each_of_running(phase: Phase, visit: &mut impl FnMut(&mut World)) {
    for mut world in surroundings() {
        for desired in desireds() {
            world.seen.desired = desired.clone();
            for (enabled, repair) in [true, false]
                .into_iter()
                .flat_map(|enabled| {
                    // The switch outweighs whatever is being repaired.
                    let all = repairs(phase, &desired);
                    let count = if enabled { all.len() } else { 4 };
                    all.into_iter()
                        .take(count)
                        .map(move |repair| (enabled, repair))
                })
                .collect::<Vec<_>>()
            {
                let inherited = [(None, true)];
                let own = runs().into_iter().map(|run| (run, false));
                for (run, inherited) in own.chain(inherited) {
                    let record = Record {
                        phase,
                        enabled,
                        provisioned: true,
                        run,
                        inherited,
                        repair: repair.clone(),
                        synced_at: run.map(|run| run.target.version),
                        tombstone: (phase == Phase::Deleting).then_some(11),
                        // It may have been noted before there was a run of it.
                        registered: run.is_none().then_some(OWN),
                        ..Record::new(id())
                    };
                    each_of_present(&mut world, &record, visit);
                }
            }
        }
    }
}

fn each_of_present(world: &mut World, record: &Record, visit: &mut impl FnMut(&mut World)) {
    for stream in streams() {
        world.seen.stream = stream;
        for executor in executors() {
            world.seen.executor = executor;
            world.seen.record = Some(record.clone());
            visit(world);
        }
    }
}

/// A task as the record knows it, and as the provisioner shows it.
pub fn tasks() -> Vec<(Option<Task>, bool, TaskSeen)> {
    let named = |since| {
        Some(Task {
            id: Some("T".to_owned()),
            since,
        })
    };
    let intended = |since| Some(Task { id: None, since });
    vec![
        (None, false, TaskSeen::Unknown),
        (intended(NOW), true, TaskSeen::Unknown),
        (intended(ago(5)), false, TaskSeen::Unknown),
        (intended(ago(500)), false, TaskSeen::Unknown),
        (named(ago(5)), false, TaskSeen::Unknown),
        (named(ago(5000)), false, TaskSeen::Unknown),
        (named(ago(5)), false, TaskSeen::Pending),
        (named(ago(700)), false, TaskSeen::Pending),
        (named(ago(5000)), false, TaskSeen::Pending),
        (named(ago(5)), false, TaskSeen::Complete),
        (named(ago(5)), false, TaskSeen::Failed),
        (named(ago(5)), false, TaskSeen::NotFound),
    ]
}

/// Visits every state of what is provisioned, for records in `phase`.
pub fn each_of_provisioning(phase: Phase, visit: &mut impl FnMut(&mut World)) {
    let gates = [
        Gate::Open,
        Gate::AccountBusy(IndexerId::new("a.near", "g").unwrap()),
        Gate::Full,
    ];
    let present = [
        (Seen::Unknown, Seen::Unknown),
        (Seen::Absent, Seen::Absent),
        (stream(FOREIGN, StreamHealth::Fine), Seen::Absent),
        (Seen::Absent, executor(FOREIGN, ExecutorState::Fine)),
    ];
    for down in [false, true] {
        let mut base = world();
        if down {
            base = base.down(Service::Provisioner);
        }
        for desired in desireds() {
            for gate in &gates {
                let mut world = base.clone().desired(desired.clone()).gate(gate.clone());
                for (task, armed, task_seen) in tasks() {
                    world.seen.armed = armed;
                    world.seen.task = task_seen;
                    for (stream, executor) in &present {
                        world.seen.stream = stream.clone();
                        world.seen.executor = executor.clone();
                        each_of_owned(&mut world, phase, &task, visit);
                    }
                }
            }
        }
    }
}

fn each_of_owned(
    world: &mut World,
    phase: Phase,
    task: &Option<Task>,
    visit: &mut impl FnMut(&mut World),
) {
    for repair in repairs(phase, &world.seen.desired) {
        for (enabled, provisioned, run) in [
            (true, false, None),
            (false, false, None),
            (true, true, Some(run(&latest(OWN), 30))),
            (false, true, Some(run(&latest(OWN), 30))),
        ] {
            world.seen.record = Some(Record {
                phase,
                enabled,
                provisioned,
                run,
                task: task.clone(),
                repair: repair.clone(),
                tombstone: (phase == Phase::Deleting).then_some(11),
                registered: repair.is_none().then_some(OWN),
                ..Record::new(id())
            });
            visit(world);
        }
    }
}
