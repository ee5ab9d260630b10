//! Whatever is done to the node, its ledger tells the truth and no entry is lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proto::runner::StartExecutorRequest;
use sim_executor::{Config, PoisonedBlock, Quirks, StartFault};
use sim_node::{EntryId, Event, IndexerKey};

use crate::world::{World, ms, queue_of, start_request};

#[derive(Clone, Debug)]
enum Step {
    Start {
        indexer: usize,
        code: usize,
    },
    Stop {
        indexer: usize,
    },
    Crash {
        indexer: usize,
    },
    Vanish {
        indexer: usize,
    },
    Push {
        indexer: usize,
        count: u64,
    },
    Pass {
        millis: u64,
    },
    FaultStart {
        indexer: usize,
        fault: StartFault,
    },
    FailStop {
        indexer: usize,
    },
    Poison {
        indexer: usize,
    },
    Redis {
        reads_fail: bool,
        removes_fail: bool,
    },
    Outage {
        on: bool,
    },
    Die,
}

const CODES: [&str; 3] = ["insert()", "throw", "throw_once"];

fn indexer(number: usize) -> IndexerKey {
    IndexerKey::new("alice.near", ["one", "two", "three"][number % 3])
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        Just(StartFault::Refused),
        Just(StartFault::Hang),
        Just(StartFault::Fail),
        (0..20_000_u64).prop_map(|millis| StartFault::Slow(ms(millis))),
    ];
    prop_oneof![
        6 => (0..3_usize, 0..3_usize).prop_map(|(indexer, code)| Step::Start { indexer, code }),
        4 => (0..3_usize).prop_map(|indexer| Step::Stop { indexer }),
        1 => (0..3_usize).prop_map(|indexer| Step::Crash { indexer }),
        1 => (0..3_usize).prop_map(|indexer| Step::Vanish { indexer }),
        8 => (0..3_usize, 1..15_u64).prop_map(|(indexer, count)| Step::Push { indexer, count }),
        8 => prop_oneof![0..30_u64, 0..300_u64, 0..15_000_u64]
            .prop_map(|millis| Step::Pass { millis }),
        1 => (0..3_usize, fault).prop_map(|(indexer, fault)| Step::FaultStart { indexer, fault }),
        1 => (0..3_usize).prop_map(|indexer| Step::FailStop { indexer }),
        1 => (0..3_usize).prop_map(|indexer| Step::Poison { indexer }),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(reads_fail, removes_fail)| Step::Redis { reads_fail, removes_fail }),
        1 => any::<bool>().prop_map(|on| Step::Outage { on }),
        1 => Just(Step::Die),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let switches = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (switches, any::<bool>(), 1..12_usize).prop_map(|(switches, announced_pushes, prefetch)| {
        let quirks = Quirks {
            stop_during_start_leaks_worker: switches.0,
            failed_fetch_is_final: switches.1,
            failed_start_stays_listed: switches.2,
            crashed_worker_stays_listed: switches.3,
            silent_exit_freezes_state: switches.4,
        };
        Config {
            announced_pushes,
            prefetch,
            quirks,
            ..Config::default()
        }
    })
}

/// The world and all that was ever pushed.
struct Run {
    world: World,
    pushed: BTreeMap<EntryId, IndexerKey>,
    height: u64,
    removals_failed: bool,
}

impl Run {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Start {
                indexer: number,
                code,
            } => {
                let code = CODES[code].to_owned();
                let request = StartExecutorRequest {
                    code,
                    ..start_request(&indexer(number), self.height)
                };
                let _refused = self.world.start_request(request);
            }
            Step::Stop { indexer: number } => {
                self.world.stop_key(&indexer(number));
            }
            Step::Crash { indexer: number } => {
                self.world
                    .with(|core, env| core.crash_worker(env, &indexer(number)));
            }
            Step::Vanish { indexer: number } => {
                self.world
                    .with(|core, env| core.vanish_worker(env, &indexer(number)));
            }
            Step::Push {
                indexer: number,
                count,
            } => {
                for _ in 0..count {
                    self.height += 1;
                    let key = indexer(number);
                    let id = self.world.push_key(&key, self.height);
                    self.pushed.insert(id, key);
                }
            }
            Step::Pass { millis } => self.world.pass(ms(millis)),
            Step::FaultStart {
                indexer: number,
                fault,
            } => {
                self.world
                    .core
                    .fault_next_start(Some(indexer(number)), fault);
            }
            Step::FailStop { indexer: number } => {
                self.world.core.fail_next_stop(Some(indexer(number)));
            }
            Step::Poison { indexer: number } => {
                self.world
                    .core
                    .poison(Some(indexer(number)), PoisonedBlock::Next);
            }
            Step::Redis {
                reads_fail,
                removes_fail,
            } => {
                self.world.redis.fail_reads = reads_fail;
                self.world.redis.fail_removes = removes_fail;
                self.removals_failed |= removes_fail;
            }
            Step::Outage { on } => self.world.core.set_fetch_outage(on),
            Step::Die => self.world.with(|core, env| core.die(env)),
        }
    }

    /// The ledger agrees with what the node holds.
    fn check_truth(&self) {
        let mut living = BTreeMap::new();
        let mut listed = BTreeSet::new();
        for (_, event) in &self.world.ledger.events {
            match event {
                Event::WorkerStarted { worker, .. } => {
                    assert_eq!(living.insert(*worker, true), None, "serials are unique");
                }
                Event::WorkerOrphaned { worker, .. } => {
                    assert_eq!(living.insert(*worker, false), Some(true));
                }
                Event::WorkerEnded { worker, .. } => assert!(living.remove(worker).is_some()),
                Event::BlockExecuted { worker, .. } | Event::BlockFailed { worker, .. } => {
                    assert!(living.contains_key(worker), "{event}");
                }
                Event::ExecutorListed { key, .. } => assert!(listed.insert(key.clone())),
                Event::ExecutorUnlisted { key, .. } => assert!(listed.remove(key)),
                _ => {}
            }
        }
        let core = &self.world.core;
        let really: BTreeMap<_, _> = core
            .workers()
            .map(|view| (view.serial, view.owned))
            .collect();
        assert_eq!(living, really);
        assert_eq!(listed, core.listed().cloned().collect());
    }

    /// Entries leave a queue by being executed; a worker does so once.
    fn check_entries(&self) {
        let mut executed = BTreeSet::new();
        for (_, event) in &self.world.ledger.events {
            if let Event::BlockExecuted {
                entry, worker, key, ..
            } = event
            {
                assert_eq!(self.pushed.get(entry), Some(key), "executed as pushed");
                let first = executed.insert((*entry, *worker));
                assert!(first || self.removals_failed, "{event}");
            }
        }
        let executed: BTreeSet<_> = executed.into_iter().map(|(entry, _)| entry).collect();
        for (entry, key) in &self.pushed {
            let queue = self.world.redis.entries.get(&queue_of(key));
            let queued = queue.is_some_and(|queue| queue.contains_key(entry));
            assert!(
                queued || executed.contains(entry),
                "{entry} of {key} is lost"
            );
        }
    }

    /// Faults heal and every indexer gets an executor that works.
    fn heal(&mut self) {
        self.world.redis.fail_reads = false;
        self.world.redis.fail_removes = false;
        self.world.core.set_fetch_outage(false);
        self.world.with(|core, env| core.die(env));
        // Faults that were planted and not met yet may still spoil a start.
        for _ in 0..200 {
            for key in [0, 1, 2].map(indexer) {
                if !self.world.healthy(&key) {
                    self.world.stop_key(&key);
                    self.world.pass(ms(50));
                    let _refused = self.world.start_request(start_request(&key, 1));
                }
            }
            self.world.pass(ms(1_000));
            if self.world.redis.entries.values().all(BTreeMap::is_empty) {
                return;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_tells_the_truth_and_no_entry_is_lost(
        config in config(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let world = World::new(config);
        let mut run = Run { world, pushed: BTreeMap::new(), height: 0, removals_failed: false };
        for step in &steps {
            run.take(step);
            run.check_truth();
            prop_assert!(run.world.next_event().is_none_or(|at| at >= run.world.now));
        }
        run.check_entries();
        run.heal();
        run.check_truth();
        run.check_entries();
        let left: usize = run.world.redis.entries.values().map(BTreeMap::len).sum();
        prop_assert_eq!(left, 0, "a healthy executor leaves nothing behind");
    }

    #[test]
    fn the_same_steps_give_the_same_ledger(
        config in config(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let ledger = || {
            let world = World::new(config.clone());
            let mut run = Run { world, pushed: BTreeMap::new(), height: 0, removals_failed: false };
            steps.iter().for_each(|step| run.take(step));
            run.world.ledger.events
        };
        prop_assert_eq!(ledger(), ledger());
    }
}
