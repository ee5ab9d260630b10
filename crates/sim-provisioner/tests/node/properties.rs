//! Whatever happens, the ledger tells the truth, and a healed service converges.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proto::data_layer::TaskStatus;
use sim_node::{Event, TaskResult};
use sim_provisioner::{Completeness, Config, ProvisionerCore, Quirks, Stage};

use crate::world::World;

#[derive(Clone, Debug)]
enum Op {
    Provision(usize),
    Deprovision(usize),
    Pass(u64),
    Crash,
    Fail(usize),
    Hang,
    Slow,
}

const NAMES: [&str; 4] = ["a.near/f", "a.near/g", "b.near/f", "a-near/Up"];

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..NAMES.len()).prop_map(Op::Provision),
        2 => (0..NAMES.len()).prop_map(Op::Deprovision),
        6 => (0u64..5_000).prop_map(Op::Pass),
        1 => Just(Op::Crash),
        1 => (0..Stage::PROVISION.len()).prop_map(Op::Fail),
        1 => Just(Op::Hang),
        1 => Just(Op::Slow),
    ]
}

fn play(world: &mut World, ops: &[Op]) -> Vec<String> {
    let mut tasks = Vec::new();
    for op in ops {
        match op {
            Op::Provision(nth) => tasks.push(world.provision(NAMES[*nth])),
            Op::Deprovision(nth) => tasks.push(world.deprovision(NAMES[*nth])),
            Op::Pass(millis) => world.pass(Duration::from_millis(*millis)),
            Op::Crash => world.crash(),
            Op::Fail(nth) => {
                world.node.fail_at(None, Some(Stage::PROVISION[*nth]), 1);
            }
            Op::Hang => {
                world.node.hang_next(None);
            }
            Op::Slow => {
                world.node.slow_next(None, Duration::from_secs(3));
            }
        }
    }
    tasks
}

proptest! {
    #[test]
    fn the_ledger_is_the_truth(ops in prop::collection::vec(op(), 0..60)) {
        let mut world = World::new();
        let tasks = play(&mut world, &ops);
        let mut alive = BTreeMap::new();
        let mut ends = BTreeMap::new();
        for (_, event) in &world.ledger.events {
            match event {
                Event::TaskStarted { task, key, .. } => {
                    prop_assert!(alive.insert(task.clone(), key.clone()).is_none());
                }
                Event::TaskStage { task, .. } => prop_assert!(alive.contains_key(task)),
                Event::TaskEnded { task, result, .. } => {
                    prop_assert!(alive.remove(task).is_some());
                    ends.insert(task.clone(), *result);
                }
                _ => prop_assert!(false, "not an event of this node: {event}"),
            }
        }
        let real: BTreeMap<_, _> =
            world.node.tasks().map(|task| (task.id.to_owned(), task.key.clone())).collect();
        prop_assert_eq!(&alive, &real);
        for task in &tasks {
            match world.status(task) {
                Ok(TaskStatus::Pending) => prop_assert!(alive.contains_key(task)),
                Ok(TaskStatus::Complete) => {
                    prop_assert_eq!(ends.get(task), Some(&TaskResult::Complete));
                }
                Ok(TaskStatus::Failed) => {
                    prop_assert_eq!(ends.get(task), Some(&TaskResult::Failed));
                }
                Ok(TaskStatus::Unspecified) => prop_assert!(false),
                // Forgotten: it ended before or by a crash.
                Err(code) => {
                    prop_assert_eq!(code, tonic::Code::NotFound);
                    prop_assert!(ends.contains_key(task));
                }
            }
        }
    }

    #[test]
    fn the_same_calls_give_the_same_events(ops in prop::collection::vec(op(), 0..40)) {
        let (mut one, mut two) = (World::new(), World::new());
        prop_assert_eq!(play(&mut one, &ops), play(&mut two, &ops));
        prop_assert_eq!(one.ledger.events, two.ledger.events);
    }

    #[test]
    fn without_quirks_one_retry_always_completes(ops in prop::collection::vec(op(), 0..60)) {
        let quirks = Quirks {
            unretryable_windows: false,
            account_conflicts: false,
            folded_schema_names: false,
            deprovision_once: false,
            failed_precondition: false,
        };
        let mut world = World::with(Config { quirks, ..Config::default() });
        play(&mut world, &ops);
        world.crash();
        let (config, layer) = (world.node.config().clone(), world.node.layer().clone());
        world.node = ProvisionerCore::new(config, 1, world.node.next_serial(), layer);
        for name in NAMES {
            prop_assert_eq!(world.provisioned(name), TaskStatus::Complete);
            prop_assert_eq!(world.completeness(name), Completeness::Complete);
        }
    }
}
