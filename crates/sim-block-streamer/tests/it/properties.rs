//! Whatever is done to it, the ledger tells the truth.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::*;
use proptest::prelude::*;
use proto::block_streamer::{StartStreamRequest, StopStreamRequest};
use sim_block_streamer::Config;
use sim_node::{Event, IndexerKey, Node, stream_id};

#[derive(Clone, Debug)]
enum Act {
    Start {
        function: u8,
        version: u64,
        indexed: bool,
    },
    Stop {
        function: u8,
    },
    Pass {
        millis: u64,
    },
    Jump {
        millis: u64,
    },
    Panic {
        function: u8,
    },
    Kill {
        function: u8,
    },
    Redis {
        up: bool,
    },
    Drain,
    Die,
}

fn act() -> impl Strategy<Value = Act> {
    let function = 0..3_u8;
    prop_oneof![
        4 => (function.clone(), 1..4_u64, any::<bool>())
            .prop_map(|(function, version, indexed)| Act::Start { function, version, indexed }),
        3 => function.clone().prop_map(|function| Act::Stop { function }),
        4 => (0..3_000_u64).prop_map(|millis| Act::Pass { millis }),
        1 => (0..300_000_u64).prop_map(|millis| Act::Jump { millis }),
        1 => function.clone().prop_map(|function| Act::Panic { function }),
        1 => function.prop_map(|function| Act::Kill { function }),
        1 => any::<bool>().prop_map(|up| Act::Redis { up }),
        1 => Just(Act::Drain),
        1 => Just(Act::Die),
    ]
}

fn name(function: u8) -> String {
    format!("f{function}")
}

fn perform(world: &mut World, act: &Act) {
    let key = |function: u8| IndexerKey::new("a.near", &name(function));
    match *act {
        Act::Start {
            function,
            version,
            indexed,
        } => {
            let base = if indexed {
                indexed_request(TIP - 50)
            } else {
                request(TIP - 50)
            };
            let request = StartStreamRequest {
                function_name: name(function),
                version,
                ..base
            };
            let _refused_or_not = world.start(request);
        }
        Act::Stop { function } => {
            let request = StopStreamRequest {
                stream_id: stream_id(&key(function)),
            };
            let _found_or_not = world.with(|streamer, env| streamer.stop_stream(env, request));
        }
        Act::Pass { millis: time } => world.pass(millis(time)),
        Act::Jump { millis: time } => {
            // A driver that comes late.
            world.now = world.now + millis(time);
            world.with(|streamer, env| streamer.advance(env));
        }
        Act::Panic { function } => {
            world.with(|streamer, env| streamer.panic_task(env, &key(function)));
        }
        Act::Kill { function } => {
            world.with(|streamer, env| streamer.kill_task(env, &key(function)));
        }
        Act::Redis { up } => world.redis.set_up(up),
        Act::Drain => {
            world.redis.set_up(true);
            world.empty_queue();
        }
        Act::Die => world.with(|streamer, env| streamer.die(env)),
    }
}

/// The tasks that run according to the ledger, orphans marked. Panics if an
/// event of a task lies outside its life.
fn alive(world: &World) -> BTreeMap<u64, bool> {
    let mut alive = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for event in world.events() {
        match event {
            Event::StreamStarted { task, .. } => {
                assert!(seen.insert(*task), "serial {task} given twice");
                alive.insert(*task, false);
            }
            Event::StreamEnded { task, .. } => {
                assert!(alive.remove(task).is_some(), "{event} without a start");
            }
            Event::StreamOrphaned { task, .. } => {
                assert_eq!(
                    alive.insert(*task, true),
                    Some(false),
                    "{event} while not alive"
                );
            }
            Event::CursorSet { task, .. } | Event::BlockPublished { task, .. } => {
                assert!(alive.contains_key(task), "{event} after its end");
            }
            Event::StreamHealth { .. } => {}
            other => panic!("not a streamer's event: {other}"),
        }
    }
    alive
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_ledger_is_what_runs(acts in prop::collection::vec(act(), 1..60)) {
        let config = Config { stop_delay: millis(700), ..Config::default() };
        let mut world = World::busy(config);
        for act in &acts {
            perform(&mut world, act);
            let told = alive(&world);
            let real: BTreeMap<u64, _> =
                world.streamer.live_tasks().map(|task| (task.task, task)).collect();
            prop_assert_eq!(told.keys().collect::<Vec<_>>(), real.keys().collect::<Vec<_>>());
            for (task, orphaned) in told {
                prop_assert!(!(orphaned && real[&task].listed), "orphan {} is listed", task);
            }
            let listed: BTreeSet<String> =
                world.list().into_iter().map(|stream| stream.stream_id).collect();
            for task in real.values().filter(|task| task.listed) {
                prop_assert!(listed.contains(&stream_id(&task.key)));
            }
            if let Some(next) = world.streamer.next_event() {
                prop_assert!(next > world.now, "due at {} but it is {}", next, world.now);
            }
        }
    }

    #[test]
    fn the_same_acts_give_the_same_ledger(acts in prop::collection::vec(act(), 1..30)) {
        let run = || {
            let mut world = World::busy(Config::default());
            acts.iter().for_each(|act| perform(&mut world, act));
            world.ledger.events
        };
        prop_assert_eq!(run(), run());
    }
}
