//! Properties over arbitrary records and observations, and over random lives.

use lifecycle::{
    Action, Cause, Desired, ExecutorState, Gate, IndexerId, Outcome, Phase, Progress, Record,
    Repair, Run, Seen, Service, Step, StreamHealth, Target, Task, TaskSeen, Timestamp, may_follow,
};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use crate::exhaustive::check;
use crate::states::CAUSES;
use crate::support::*;

fn any_desired() -> impl Strategy<Value = Desired> {
    let version = 1..8_u64;
    prop_oneof![
        Just(Desired::Unknown),
        Just(Desired::Missing),
        Just(Desired::Unlisted(latest(5))),
        (1..8_u64, 1..8_u64).prop_map(|(version, at)| deleted(version, at)),
        (version, 0..5_u8, 0..20_u64).prop_map(|(version, kind, start)| {
            Desired::Present(match kind {
                0 => latest(version),
                1 => other_content(version),
                2 => continued(version),
                3 => height(version, start),
                _ => event(version),
            })
        }),
    ]
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (0..20_000_u64).prop_map(ago),
        (0..20_000_u64).prop_map(|seconds| NOW + secs(seconds)),
        any::<u64>().prop_map(Timestamp),
    ]
}

fn any_target() -> impl Strategy<Value = Target> {
    (1..8_u64, 0..3_u8).prop_map(|(version, kind)| match kind {
        0 => Target::of(&latest(version)),
        1 => Target::of(&other_content(version)),
        _ => Target {
            version,
            hash: None,
        },
    })
}

fn any_run() -> impl Strategy<Value = Run> {
    (any_target(), of(0..20_u64), any::<bool>()).prop_map(|(target, start, prepared)| Run {
        target,
        start,
        prepared,
    })
}

fn any_repair() -> impl Strategy<Value = Repair> {
    let times = (any_time(), any_time(), any_time(), of(any_time()));
    let cause = select(&CAUSES[..]);
    let attempts = prop_oneof![1..12_u32, Just(u32::MAX)];
    (cause, attempts, any::<bool>(), times, of(any_target())).prop_map(
        |(cause, attempts, limited, (first_at, last_at, next_at, other_at), target)| Repair {
            limited,
            other_at,
            first_at,
            last_at,
            ..repair(cause, attempts, next_at, target)
        },
    )
}

fn any_record() -> impl Strategy<Value = Record> {
    let task = (of("[a-z]{1,3}"), any_time()).prop_map(|(id, since)| Task { id, since });
    let phase = select(&Phase::ALL[..]);
    let heights = (of(1..8_u64), of(1..8_u64), of(1..8_u64));
    let flags = (any::<bool>(), any::<bool>());
    let parts = (of(any_run()), of(task), of(any_repair()));
    (phase, flags, heights, parts).prop_map(
        |(
            phase,
            (enabled, provisioned),
            (synced_at, tombstone, registered),
            (run, task, repair),
        )| Record {
            enabled,
            phase,
            synced_at,
            provisioned,
            run,
            task,
            repair,
            tombstone,
            registered,
            ..Record::new(id())
        },
    )
}

fn any_stream() -> impl Strategy<Value = Seen<lifecycle::Stream>> {
    let health = select(
        &[
            StreamHealth::Fine,
            StreamHealth::Stalled,
            StreamHealth::Frozen,
        ][..],
    );
    prop_oneof![
        Just(Seen::Unknown),
        Just(Seen::Absent),
        (1..8_u64, health).prop_map(|(version, health)| stream(version, health)),
    ]
}

fn any_executor() -> impl Strategy<Value = Seen<lifecycle::Executor>> {
    let state = (0..4_u8, 0..1000_u64).prop_map(|(kind, age)| match kind {
        0 => ExecutorState::Starting(secs(age)),
        1 => ExecutorState::Fine,
        2 => ExecutorState::Failing(secs(age)),
        _ => ExecutorState::Stalled,
    });
    prop_oneof![
        Just(Seen::Unknown),
        Just(Seen::Absent),
        (1..8_u64, state).prop_map(|(version, state)| executor(version, state)),
    ]
}

fn any_progress() -> impl Strategy<Value = Progress> {
    prop_oneof![
        1 => Just(Progress::Unknown),
        1 => Just(Progress::Foreign),
        1 => Just(Progress::Refused),
        4 => (of(0..20_u64), of(0..20_u64))
            .prop_map(|(cursor, queue_head)| Progress::Known { cursor, queue_head }),
    ]
}

fn any_surroundings() -> impl Strategy<Value = World> {
    let gates = [
        Gate::Open,
        Gate::Full,
        Gate::AccountBusy(IndexerId::new("a.near", "g").unwrap()),
    ];
    let tasks = [
        TaskSeen::Unknown,
        TaskSeen::Pending,
        TaskSeen::Complete,
        TaskSeen::Failed,
        TaskSeen::NotFound,
    ];
    let services = [
        None,
        None,
        Some(Service::BlockStreamer),
        Some(Service::Executors),
        Some(Service::Provisioner),
    ];
    (
        any_desired(),
        (any_stream(), any_executor(), any_progress()),
        (select(gates.to_vec()), select(tasks.to_vec())),
        select(services.to_vec()),
        prop_oneof![3 => Just(0), 1 => 1..9_u64],
    )
        .prop_map(
            |(desired, (stream, executor, progress), (gate, task), down, slot)| {
                let mut world = world()
                    .desired(desired)
                    .stream_is(stream)
                    .executor_is(executor)
                    .gate(gate)
                    .task(task)
                    .starts_in(slot);
                world.seen.progress = progress;
                match down {
                    Some(service) => world.down(service),
                    None => world,
                }
            },
        )
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        of("[a-z]{1,3}").prop_map(Outcome::Done),
        Just(Outcome::AlreadyExists),
        ".{0,400}".prop_map(Outcome::Rejected),
        Just(unreachable()),
        Just(unanswered()),
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    let stream = Action::StartStream {
        spec: latest(5),
        height: 5,
    };
    select(vec![
        Action::StartProvisioning(latest(5)),
        stream,
        Action::StopStream("S".to_owned()),
        Action::StartExecutor(latest(5)),
        Action::StopExecutor("E".to_owned()),
        Action::ClearData,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(5),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_observation_keeps_the_invariants(
        mut world in any_surroundings(),
        record in of(any_record()),
        armed: bool,
    ) {
        world.seen.record = record;
        world.seen.armed = armed;
        check(&mut world);
    }

    #[test]
    fn planning_twice_is_planning_once(mut world in any_surroundings(), record in any_record()) {
        world.seen.record = Some(record);
        prop_assert_eq!(world.step(), world.step());
    }

    #[test]
    fn any_outcome_can_be_absorbed(
        record in any_record(),
        action in any_action(),
        outcome in any_outcome(),
        world in any_surroundings(),
    ) {
        let mut world = world;
        world.seen.record = Some(record.clone());
        let done = matches!(outcome, Outcome::Done(_));
        let next = world.absorbs(&action, outcome).seen.record.unwrap();
        prop_assert_eq!(&next.id, &record.id);
        prop_assert_eq!(next.enabled, record.enabled);
        prop_assert_eq!(next.tombstone, record.tombstone);
        prop_assert_eq!(next.registered, record.registered);
        prop_assert!(may_follow(record.phase, next.phase) && next.phase != Phase::Deleted
            || next.phase == record.phase);
        prop_assert!(!done || next.phase == record.phase, "only failure changes the phase");
        if next.repair.is_none() && record.repair.is_some() {
            prop_assert_eq!((action.name(), done), ("ClearData", true));
        } else if let Some(repair) = next.repair.filter(|it| record.repair.as_ref() != Some(it)) {
            prop_assert!(repair.next_at > NOW && repair.attempts > 0);
            prop_assert!(repair.detail.len() <= 300);
        }
        if next.run != record.run {
            prop_assert_eq!(action.name(), "ClearData");
        }
        if next.task != record.task || next.provisioned != record.provisioned {
            prop_assert_eq!(action.name(), "StartProvisioning");
        }
    }
}

/// One thing that happens in a random life.
#[derive(Clone, Debug)]
enum Event {
    /// The world now looks so; a step is taken in it.
    Look(Box<World>, Outcome, u64),
    /// An operator turns the switch.
    Switch(bool),
    /// The process dies.
    Crash,
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (any_surroundings(), any_outcome(), 0..1000_u64)
            .prop_map(|(world, outcome, pause)| Event::Look(Box::new(world), outcome, pause)),
        1 => any::<bool>().prop_map(Event::Switch),
        1 => Just(Event::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(5),
        ..ProptestConfig::default()
    })]

    /// Whatever is seen, in whatever order: every step of every life keeps the
    /// invariants, and a provisioning start is never repeated for one intent.
    #[test]
    fn every_life_keeps_the_invariants(events in proptest::collection::vec(any_event(), 1..60)) {
        let mut world = world();
        for event in events {
            match event {
                Event::Switch(enabled) => if let Some(record) = &mut world.seen.record {
                    record.enabled = enabled;
                },
                Event::Crash => world.seen.armed = false,
                Event::Look(look, outcome, pause) => {
                    let now = world.now + secs(pause);
                    let (record, armed) = (world.seen.record.take(), world.seen.armed);
                    world = *look;
                    world.now = now;
                    world.seen.record = record;
                    world.seen.armed = armed;
                    check(&mut world);
                    match world.step() {
                        Step::Apply(action) => world = world.absorbs(&action, outcome),
                        Step::Finish { .. } => world.seen.record = None,
                        Step::Commit(_) | Step::Wait(_) => {}
                    }
                    if let Some(record) = &world.seen.record {
                        consistent(record)?;
                    }
                }
            }
        }
    }
}

/// What holds of every record that a life can lead to.
fn consistent(record: &Record) -> Result<(), TestCaseError> {
    let repair = record.repair.as_ref();
    prop_assert_eq!(
        record.phase == Phase::Repairing && repair.is_none(),
        false,
        "a repair says why"
    );
    if let Some(repair) = repair {
        prop_assert!(repair.first_at <= repair.last_at && repair.last_at < repair.next_at);
        let provisioning = matches!(
            repair.cause,
            Cause::ProvisioningFailed
                | Cause::ProvisioningTimedOut
                | Cause::ProvisioningLost
                | Cause::ProvisioningUncertain
                | Cause::ProvisioningNotStarted
        );
        if record.phase == Phase::Repairing && provisioning {
            prop_assert_eq!(repair.from, Phase::Initializing);
            prop_assert!(!record.provisioned);
        }
    }
    prop_assert!(
        record.provisioned || record.run.is_none(),
        "first the data layer"
    );
    prop_assert!(
        !(record.provisioned && record.task.is_some()),
        "no task is left behind"
    );
    prop_assert!(record.tombstone.is_none() || record.phase == Phase::Deleting);
    Ok(())
}
