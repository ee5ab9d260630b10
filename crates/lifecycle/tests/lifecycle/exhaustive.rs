//! Every invariant, in every abstract state.

use lifecycle::{
    Action, Desired, ExecutorState, Gate, Phase, Progress, Reason, Record, Rule, Seen, Spec,
    StartBlock, Step, StreamHealth, allows, may_follow,
};

use crate::states::{PHASES_WITH_WORK, each_of_provisioning, each_of_running};
use crate::support::*;

/// Longest chain of commits before an effect or a wait.
const COMMITS_MAX: usize = 8;

/// Follows the commits from this state on, and checks every step on the way.
/// Leaves the world with the last record.
pub fn check(world: &mut World) {
    check_held(world);
    let mut earlier: Vec<Record> = Vec::new();
    loop {
        let step = world.step();
        match &step {
            Step::Commit(next) => {
                check_commit(world, next);
                let before = world.seen.record.take();
                // A loop that has just written its intent goes on to the call.
                let intended = |record: &Record| record.task.as_ref().map(|task| task.id.clone());
                if intended(next) == Some(None) && before.as_ref().and_then(intended).is_none() {
                    world.seen.armed = true;
                }
                earlier.extend(before);
                claim(world, !earlier.contains(next), "I2-no-commit-cycle", &step);
                claim(
                    world,
                    earlier.len() <= COMMITS_MAX,
                    "I2-no-commit-cycle",
                    &step,
                );
                world.seen.record = Some((**next).clone());
            }
            Step::Apply(action) => return check_action(world, action, &step),
            Step::Wait(wait) => {
                let later = wait.until.is_none_or(|until| until > world.now);
                return claim(world, later, "I2: a wait ends in the future", &step);
            }
            Step::Finish { .. } => return check_finish(world, &step),
        }
    }
}

/// The same state under a hold.
fn check_held(world: &World) {
    let Some(record) = &world.seen.record else {
        return;
    };
    let mut held = world.clone();
    held.seen.record = Some(Record {
        hold: Some(hold()),
        ..record.clone()
    });
    let step = held.step();
    let quiet = match &step {
        Step::Wait(wait) => matches!(wait.reason, Reason::Held { .. }),
        Step::Commit(next) => {
            let noted = next.registered > record.registered;
            (record.task.is_some() || noted)
                && **next
                    == Record {
                        task: next
                            .task
                            .clone()
                            .filter(|_| noted && next.task == record.task),
                        provisioned: next.provisioned,
                        registered: next.registered,
                        hold: Some(hold()),
                        ..record.clone()
                    }
        }
        Step::Apply(_) | Step::Finish { .. } => false,
    };
    claim(&held, quiet, "I14-hold", &step);
}

#[track_caller]
fn claim(world: &World, holds: bool, invariant: &str, step: &Step) {
    assert!(
        holds,
        "{invariant}\nstep: {step}\n{step:?}\nin: {:#?}",
        world.seen
    );
}

fn check_commit(world: &World, next: &Record) {
    let step = Step::Commit(Box::new(next.clone()));
    let claim = |holds, invariant| claim(world, holds, invariant, &step);
    let Some(record) = &world.seen.record else {
        claim(
            matches!(world.seen.desired, Desired::Present(_))
                || matches!(world.seen.desired, Desired::Deleted { .. }),
            "I7: a record is only made of evidence",
        );
        return;
    };
    claim(record != next, "I3-commit-changes");
    claim(
        record.id == next.id && record.enabled == next.enabled,
        "I3-commit-changes",
    );
    let told = match &world.seen.desired {
        Desired::Present(spec) | Desired::Unlisted(spec) => Some(spec.version),
        _ => None,
    };
    claim(
        next.registered == record.registered.max(told),
        "I15-registered",
    );
    claim(may_follow(record.phase, next.phase), "I4-transitions");
    claim(next.phase != Phase::Deleted, "I4: Deleted is not persisted");
    if next.phase == Phase::Deleting && !matches!(record.phase, Phase::Deleting | Phase::Deleted) {
        let evident = match world.seen.desired {
            Desired::Deleted { version, at } => {
                next.tombstone == Some(at) && record.known_version() <= Some(version)
            }
            _ => false,
        };
        claim(evident, "I7-tombstone");
    }
    let absent = world.seen.stream == Seen::Absent && world.seen.executor == Seen::Absent;
    if let (Phase::Running, Some(run)) = (next.phase, next.run)
        && record.run.map(|run| (run.target.version, run.start))
            != Some((run.target.version, run.start))
    {
        claim(
            (absent && !run.prepared) || adopts(world, record, next),
            "I10: a run is decided over nothing, or is what the original had begun",
        );
        claim(
            matches!(&world.seen.desired, Desired::Present(spec) if run.target.is(spec)),
            "I10: a run is decided as wanted",
        );
    }
    let newly_prepared =
        next.run.is_some_and(|run| run.prepared) && !record.run.is_some_and(|run| run.prepared);
    claim(
        !newly_prepared || adopts(world, record, next),
        "I10: only clearing prepares a run",
    );
    let intends = next.task.as_ref().is_some_and(|task| task.id.is_none())
        && record.task.as_ref().is_none_or(|task| task.id.is_some());
    if intends {
        claim(
            record.task.is_none() && world.seen.gate == Gate::Open && record.enabled,
            "I11-intent-before-task",
        );
    }
}

fn check_action(world: &World, action: &Action, step: &Step) {
    let claim = |holds, invariant| claim(world, holds, invariant, step);
    let seen = &world.seen;
    let Some(record) = &seen.record else {
        return claim(false, "I5: an effect needs a record");
    };
    claim(allows(record.phase, action), "I5-allowed-effects");
    let (streams, executors) = (seen.services.block_streamer, seen.services.executors);
    match action {
        Action::StopStream(id) => {
            let Seen::Present(stream) = &seen.stream else {
                return claim(false, "I6-evidence");
            };
            claim(stream.id == *id && streams.is_none(), "I6-evidence");
            let sick = stream.health != StreamHealth::Fine;
            claim(may_stop(world, stream.version, sick), "I8-stop-reason");
        }
        Action::StopExecutor(id) => {
            let Seen::Present(executor) = &seen.executor else {
                return claim(false, "I6-evidence");
            };
            claim(executor.id == *id && executors.is_none(), "I6-evidence");
            let young = matches!(executor.state, ExecutorState::Starting(age)
                if age < world.policy.executor_start_grace);
            claim(!young, "I8: an executor that is starting is not stopped");
            let sick = !matches!(executor.state, ExecutorState::Fine);
            claim(may_stop(world, executor.version, sick), "I8-stop-reason");
        }
        Action::StartStream { spec, height } => {
            check_start(world, spec, step);
            claim(
                seen.stream == Seen::Absent && streams.is_none(),
                "I9-no-double-start",
            );
            check_height(world, spec, *height, step);
        }
        Action::StartExecutor(spec) => {
            check_start(world, spec, step);
            claim(
                seen.executor == Seen::Absent && executors.is_none(),
                "I9-no-double-start",
            );
        }
        Action::ClearData => {
            let absent = seen.stream == Seen::Absent && seen.executor == Seen::Absent;
            claim(absent, "I6-evidence");
            let reason = match record.phase {
                Phase::Deleting => record.tombstone.is_some() && record.task.is_none(),
                _ => record.run.is_some_and(|run| {
                    let wanted =
                        matches!(&seen.desired, Desired::Present(spec) if run.target.is(spec));
                    wanted && !run.prepared
                }),
            };
            claim(reason, "I6-evidence");
        }
        Action::StartProvisioning(_) => {
            let intended = record.task.as_ref().is_some_and(|task| task.id.is_none());
            claim(intended && seen.armed, "I11-intent-before-task");
            claim(!record.provisioned, "I11-intent-before-task");
        }
    }
}

/// Whether something of `version` that is seen may be stopped.
fn may_stop(world: &World, version: u64, sick: bool) -> bool {
    let Some(record) = &world.seen.record else {
        return false;
    };
    match record.phase {
        Phase::Suspending | Phase::Suspended => !record.enabled,
        Phase::Deleting => record.tombstone.is_some(),
        Phase::Running | Phase::Repairing => {
            let is_current =
                |spec: &Spec| (record.run).is_some_and(|run| run.target.is(spec) && run.prepared);
            let spec = match &world.seen.desired {
                Desired::Present(spec) => spec,
                // What ran last is kept alive, alone.
                Desired::Unlisted(spec) if is_current(spec) => spec,
                _ => return false,
            };
            let current = is_current(spec);
            let newer_runs = record
                .run
                .is_some_and(|run| run.target.version > spec.version);
            let due = record
                .repair
                .as_ref()
                .is_some_and(|repair| repair.cause.is_restart() && repair.next_at <= world.now);
            let restart = record.phase == Phase::Repairing && sick && due;
            record.enabled && !newer_runs && (version != spec.version || !current || restart)
        }
        Phase::Initializing | Phase::Deleted => false,
    }
}

/// Whether what runs is taken on, of whose beginning only the original knows.
fn adopts(world: &World, record: &Record, next: &Record) -> bool {
    let Some(run) = next.run else { return false };
    let version = run.target.version;
    let begun_by_another = match record.run {
        None => record.inherited,
        Some(known) => known.start.is_none() && known.target.hash.is_none(),
    };
    let streams = matches!(&world.seen.stream, Seen::Present(it) if it.version == version);
    let executes = match &world.seen.executor {
        Seen::Present(executor) => executor.version == version,
        Seen::Absent => true,
        Seen::Unknown => false,
    };
    let kept = next.synced_at == Some(version) && !next.inherited;
    begun_by_another && streams && executes && kept && run.start.is_none()
}

fn check_start(world: &World, spec: &Spec, step: &Step) {
    let seen = &world.seen;
    let Some(record) = &seen.record else {
        return;
    };
    let run_is_ready = record
        .run
        .is_some_and(|run| run.target.is(spec) && run.prepared);
    claim(world, run_is_ready, "I10-run-before-effect", step);
    // What ran last is kept alive.
    let wanted = matches!(
        &seen.desired,
        Desired::Present(wanted) | Desired::Unlisted(wanted) if **wanted == *spec
    );
    claim(
        world,
        wanted && record.enabled,
        "I10: what starts is wanted",
        step,
    );
    claim(
        world,
        !matches!(spec.rule, Rule::Unsupported(_)),
        "I10: what starts can be served",
        step,
    );
    claim(
        world,
        world.now >= seen.start_slot,
        "starts keep to the budget",
        step,
    );
    let foreign = matches!(&seen.stream, Seen::Present(it) if it.version != spec.version)
        || matches!(&seen.executor, Seen::Present(it) if it.version != spec.version);
    claim(world, !foreign, "I9-no-double-start", step);
}

fn check_height(world: &World, spec: &Spec, height: u64, step: &Step) {
    let run = world.seen.record.as_ref().and_then(|record| record.run);
    let start = run.and_then(|run| run.start);
    let right = match (world.seen.progress, start) {
        (Progress::Unknown | Progress::Foreign | Progress::Refused, _) => false,
        (Progress::Known { cursor, .. }, Some(start)) => {
            let noted = world
                .seen
                .record
                .as_ref()
                .and_then(|record| record.synced_at);
            let own = cursor.filter(|_| noted == Some(spec.version));
            height == own.map_or(start, |cursor| cursor.max(start)).max(1)
        }
        (Progress::Known { cursor, .. }, None) => {
            let registered = match spec.start_block {
                StartBlock::Height(height) => height,
                StartBlock::Latest | StartBlock::Continue => spec.version,
            };
            height == cursor.unwrap_or(registered).max(1)
        }
    };
    claim(world, right, "I12-start-height", step);
}

fn check_finish(world: &World, step: &Step) {
    let seen = &world.seen;
    let absent = seen.stream == Seen::Absent && seen.executor == Seen::Absent;
    claim(world, absent, "I6-evidence", step);
    let Some(record) = &seen.record else {
        let evident = matches!(seen.desired, Desired::Deleted { .. });
        return claim(world, evident, "I7-tombstone", step);
    };
    let nothing = Progress::Known {
        cursor: None,
        queue_head: None,
    };
    let empty = seen.progress == nothing && record.run.is_none() && record.task.is_none();
    claim(
        world,
        empty && record.phase == Phase::Deleting,
        "I6-evidence",
        step,
    );
    claim(world, record.tombstone.is_some(), "I7-tombstone", step);
}

/// The table that simulator and tests judge effects by.
#[test]
fn effects_by_phase() {
    let start = Action::StartStream {
        spec: latest(5),
        height: 5,
    };
    let actions = [
        Action::StartProvisioning(latest(5)),
        start,
        Action::StopStream("S".to_owned()),
        Action::StartExecutor(latest(5)),
        Action::StopExecutor("E".to_owned()),
        Action::ClearData,
    ];
    for (phase, expected) in [
        (Phase::Initializing, "x....."),
        (Phase::Running, ".xxxxx"),
        (Phase::Suspending, "..x.x."),
        (Phase::Suspended, "..x.x."),
        (Phase::Repairing, ".xxxx."),
        (Phase::Deleting, "..x.xx"),
        (Phase::Deleted, "......"),
    ] {
        let allowed = actions.iter().map(|action| allows(phase, action));
        let row: String = allowed.map(|is| if is { 'x' } else { '.' }).collect();
        assert_eq!(row, expected, "{phase}");
    }
}

/// Visits the states of `phase` and says how many there are, so that a mistake
/// in their enumeration does not go unseen.
fn visit_running(phase: Phase) {
    let mut count = 0;
    each_of_running(phase, &mut |world| {
        count += 1;
        check(world);
    });
    assert!(count >= 70_000, "only {count} states");
}

#[test]
fn running_states() {
    visit_running(Phase::Running);
}

#[test]
fn suspending_states() {
    visit_running(Phase::Suspending);
}

#[test]
fn suspended_states() {
    visit_running(Phase::Suspended);
}

#[test]
fn repairing_states() {
    visit_running(Phase::Repairing);
}

#[test]
fn deleting_states() {
    visit_running(Phase::Deleting);
}

#[test]
fn provisioning_states() {
    let phases = PHASES_WITH_WORK
        .into_iter()
        .chain([Phase::Initializing, Phase::Deleted]);
    for phase in phases {
        let mut count = 0;
        each_of_provisioning(phase, &mut |world| {
            count += 1;
            check(world);
        });
        assert!(count >= 10_000, "only {count} states of {phase}");
    }
}

#[test]
fn states_without_a_record() {
    for desired in crate::states::desireds() {
        for stream in [
            Seen::Unknown,
            Seen::Absent,
            stream(5, StreamHealth::Stalled),
        ] {
            for executor in [
                Seen::Unknown,
                Seen::Absent,
                executor(5, ExecutorState::Fine),
            ] {
                let world = world().desired(desired.clone());
                check(&mut world.stream_is(stream.clone()).executor_is(executor));
            }
        }
    }
}
