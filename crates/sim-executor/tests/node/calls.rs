//! What the calls answer, and when.

use crate::world::{ALICE, FEED, World, key, ms, start_request};
use proto::runner::{
    ExecutionState, GetExecutorRequest, StartExecutorRequest, StopExecutorRequest,
};
use sim_executor::{Config, Quirks, StartFault};
use sim_node::{Event, IndexerKey, WorkerStopReason, executor_id};
use tonic::Code;

fn world() -> World {
    World::new(Config::default())
}

fn code<T: std::fmt::Debug>(result: Result<T, tonic::Status>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn blank_arguments_are_invalid() {
    let good = || start_request(&key(), 1);
    let blank = " \t\n".to_owned();
    let bad = [
        StartExecutorRequest {
            redis_stream: String::new(),
            ..good()
        },
        StartExecutorRequest {
            account_id: blank.clone(),
            ..good()
        },
        StartExecutorRequest {
            function_name: blank.clone(),
            ..good()
        },
        StartExecutorRequest {
            code: blank.clone(),
            ..good()
        },
        StartExecutorRequest {
            schema: blank.clone(),
            ..good()
        },
    ];
    let mut world = world();
    for request in bad {
        assert_eq!(
            code(world.start_request(request.clone())),
            Code::InvalidArgument,
            "{request:?}"
        );
    }
    let request = StopExecutorRequest { executor_id: blank };
    let stopped = world.with(|core, env| core.stop_executor(env, request));
    assert_eq!(code(stopped.result), Code::InvalidArgument);
    assert!(world.list().is_empty() && world.ledger.events.is_empty());
}

#[test]
fn the_id_follows_from_the_name_alone() {
    let mut world = world();
    let first = world.start(1).unwrap().executor_id;
    assert_eq!(first, executor_id(&key()));
    world.stop();
    world.pass(ms(100));
    assert_eq!(world.start(2).unwrap().executor_id, first);
}

#[test]
fn a_second_start_already_exists_whatever_its_version() {
    let mut world = world();
    world.start(1).unwrap();
    for version in [1, 2] {
        assert_eq!(code(world.start(version)), Code::AlreadyExists);
    }
    world.pass(ms(500));
    assert_eq!(code(world.start(3)), Code::AlreadyExists);
    let info = world.get().unwrap();
    assert_eq!(
        (info.version, &*info.account_id, &*info.function_name),
        (1, ALICE, FEED)
    );
    assert_eq!(world.core.next_serial(), 101);
}

#[test]
fn start_is_answered_before_anything_runs() {
    let mut world = world();
    world.start(1).unwrap();
    assert_eq!((world.state(), world.living()), (ExecutionState::Idle, 0));
    world.pass(ms(49));
    assert_eq!((world.state(), world.living()), (ExecutionState::Idle, 0));
    world.pass(ms(1));
    assert_eq!(
        (world.state(), world.living()),
        (ExecutionState::Running, 1)
    );
    world.pass(ms(20));
    assert_eq!(world.state(), ExecutionState::Waiting);
}

#[test]
fn unknown_executors_are_not_found() {
    let mut world = world();
    assert_eq!(code(world.stop().result), Code::NotFound);
    assert_eq!(code(world.get()), Code::NotFound);
    world.start(1).unwrap();
    let other = GetExecutorRequest {
        account_id: ALICE.to_owned(),
        function_name: "other".to_owned(),
    };
    assert_eq!(
        code(world.with(|core, env| core.get_executor(env, other)).result),
        Code::NotFound
    );
}

#[test]
fn get_compares_account_and_function_apart() {
    let mut world = world();
    world
        .start_request(start_request(&IndexerKey::new(ALICE, "a/b"), 1))
        .unwrap();
    let moved = GetExecutorRequest {
        account_id: format!("{ALICE}/a"),
        function_name: "b".to_owned(),
    };
    assert_eq!(
        code(world.with(|core, env| core.get_executor(env, moved)).result),
        Code::NotFound
    );
}

#[test]
fn list_shows_every_entry_with_version_and_state() {
    let mut world = world();
    world.start(7).unwrap();
    world
        .start_request(start_request(&IndexerKey::new("bob.near", "x"), 8))
        .unwrap();
    world.pass(ms(200));
    let list = world.list();
    let seen: Vec<_> = list
        .iter()
        .map(|info| {
            (
                &*info.account_id,
                info.version,
                info.health.unwrap().execution_state(),
            )
        })
        .collect();
    let waiting = ExecutionState::Waiting;
    assert_eq!(seen, [(ALICE, 7, waiting), ("bob.near", 8, waiting)]);
    assert_eq!(list[0].executor_id, executor_id(&key()));
}

#[test]
fn stop_waits_for_the_worker_before_it_forgets_the_entry() {
    let mut world = world();
    world.start(1).unwrap();
    world.pass(ms(200));
    let reply = world.stop();
    assert_eq!(reply.after, ms(20));
    assert_eq!(reply.result.unwrap().executor_id, executor_id(&key()));
    // Until the worker has ended, the entry stands.
    assert_eq!(world.state(), ExecutionState::Stopped);
    assert_eq!(code(world.start(2)), Code::AlreadyExists);
    world.pass(ms(19));
    assert_eq!(
        (world.state(), world.living()),
        (ExecutionState::Stopped, 1)
    );
    world.pass(ms(1));
    assert_eq!((code(world.get()), world.living()), (Code::NotFound, 0));
    world.start(2).unwrap();
    let ended = world.events(|event| match event {
        Event::WorkerEnded { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(ended, [WorkerStopReason::Terminated]);
}

#[test]
fn a_second_stop_during_the_first_is_answered_with_it() {
    let mut world = world();
    world.start(1).unwrap();
    world.pass(ms(200));
    world.stop();
    world.pass(ms(15));
    let second = world.stop();
    assert_eq!(second.after, ms(5));
    assert!(second.result.is_ok());
    world.pass(ms(5));
    assert_eq!(code(world.stop().result), Code::NotFound);
}

#[test]
fn a_rejected_termination_is_internal_and_keeps_the_entry() {
    let mut world = world();
    world.start(1).unwrap();
    world.pass(ms(200));
    assert!(world.core.fail_next_stop(Some(key())));
    assert_eq!(code(world.stop().result), Code::Internal);
    world.pass(ms(20));
    assert_eq!(
        (world.state(), world.living()),
        (ExecutionState::Waiting, 1)
    );
    world.push(5);
    world.pass(ms(500));
    assert_eq!(world.executed(), [5]);
    assert!(world.stop().result.is_ok());
    world.pass(ms(20));
    assert_eq!(world.living(), 0);
}

#[test]
fn stop_during_start_leaves_a_worker_that_no_call_reaches() {
    let mut world = world();
    world.start(1).unwrap();
    world.pass(ms(10));
    let reply = world.stop();
    assert_eq!((reply.after, reply.result.is_ok()), (ms(0), true));
    assert_eq!(code(world.get()), Code::NotFound);
    world.push(5);
    world.pass(ms(500));
    assert!(world.list().is_empty());
    assert_eq!(code(world.stop().result), Code::NotFound);
    let worker = world.core.workers().next().unwrap();
    assert_eq!((worker.key.clone(), worker.owned), (key(), false));
    // It consumes the queue all the same.
    assert_eq!((world.executed(), world.queue_len()), (vec![5], 0));
    let orphans = world.events(|event| match event {
        Event::WorkerOrphaned { worker, .. } => Some(*worker),
        _ => None,
    });
    assert_eq!(orphans, [100]);
}

#[test]
fn stop_during_start_cancels_it_without_the_quirk() {
    let quirks = Quirks {
        stop_during_start_leaks_worker: false,
        ..Quirks::default()
    };
    let mut world = World::new(Config {
        quirks,
        ..Config::default()
    });
    world.start(1).unwrap();
    world.stop();
    world.pass(ms(500));
    assert_eq!(world.living(), 0);
}

#[test]
fn a_leaked_worker_and_its_successor_may_both_execute_a_block() {
    let mut world = world();
    world.start(1).unwrap();
    world.stop();
    world.start(2).unwrap();
    world.push(5);
    world.pass(ms(500));
    let mut versions = world.events(|event| match event {
        Event::BlockExecuted {
            version, height: 5, ..
        } => Some(*version),
        _ => None,
    });
    versions.sort_unstable();
    assert_eq!(versions, [1, 2]);
    // Stopping reaches the owned one alone.
    world.stop();
    world.pass(ms(20));
    let left: Vec<_> = world.core.workers().map(|worker| worker.version).collect();
    assert_eq!(left, [1]);
}

#[test]
fn a_failed_start_shows_stalled_and_blocks_the_next() {
    let mut world = world();
    assert!(world.core.fault_next_start(Some(key()), StartFault::Fail));
    world.start(1).unwrap();
    world.pass(ms(49));
    assert_eq!(world.state(), ExecutionState::Idle);
    world.pass(ms(1));
    assert_eq!(
        (world.state(), world.living()),
        (ExecutionState::Stalled, 0)
    );
    assert_eq!(code(world.start(2)), Code::AlreadyExists);
    // There is no worker to wait for.
    assert_eq!(world.stop().after, ms(0));
    world.start(2).unwrap();
    world.pass(ms(500));
    assert_eq!(world.state(), ExecutionState::Waiting);
}

#[test]
fn a_failed_start_that_was_stopped_leaves_nothing() {
    let mut world = world();
    world.core.fault_next_start(None, StartFault::Fail);
    world.start(1).unwrap();
    world.stop();
    world.start(2).unwrap();
    world.pass(ms(500));
    assert_eq!(
        (world.state(), world.living()),
        (ExecutionState::Waiting, 1)
    );
}

#[test]
fn a_failed_start_goes_without_the_quirk() {
    let quirks = Quirks {
        failed_start_stays_listed: false,
        ..Quirks::default()
    };
    let mut world = World::new(Config {
        quirks,
        ..Config::default()
    });
    world.core.fault_next_start(None, StartFault::Fail);
    world.start(1).unwrap();
    world.pass(ms(50));
    assert_eq!(code(world.get()), Code::NotFound);
}

#[test]
fn a_slow_start_stays_idle_and_a_hanging_one_for_ever() {
    let mut world = world();
    world
        .core
        .fault_next_start(Some(key()), StartFault::Slow(ms(60_000)));
    world.start(1).unwrap();
    world.pass(ms(59_999));
    assert_eq!(world.state(), ExecutionState::Idle);
    world.pass(ms(1));
    assert_eq!(world.state(), ExecutionState::Running);
    world.stop();
    world.pass(ms(100));
    world.core.fault_every_start(Some(StartFault::Hang));
    world.start(2).unwrap();
    assert_eq!(world.next_event(), None);
    world.core.fault_every_start(None);
    world.pass(ms(86_400_000));
    assert_eq!((world.state(), world.living()), (ExecutionState::Idle, 0));
}

#[test]
fn a_start_fault_meets_its_target_alone() {
    let mut world = world();
    world
        .core
        .fault_next_start(Some(IndexerKey::new("bob.near", "x")), StartFault::Refused);
    world.start(1).unwrap();
    let bob = start_request(&IndexerKey::new("bob.near", "x"), 1);
    assert_eq!(code(world.start_request(bob.clone())), Code::Internal);
    assert_eq!(world.list().len(), 1);
    world.start_request(bob).unwrap();
}

#[test]
fn a_crash_leaves_a_stalled_entry() {
    let mut world = world();
    assert!(!world.with(|core, env| core.crash_worker(env, &key())));
    world.start(1).unwrap();
    world.pass(ms(200));
    assert!(world.with(|core, env| core.crash_worker(env, &key())));
    world.push(5);
    world.pass(ms(60_000));
    assert_eq!(
        (world.state(), world.living()),
        (ExecutionState::Stalled, 0)
    );
    assert_eq!((world.executed(), world.next_event()), (vec![], None));
    assert_eq!(code(world.start(2)), Code::AlreadyExists);
    assert!(!world.with(|core, env| core.crash_worker(env, &key())));
    assert_eq!(world.stop().after, ms(0));
    assert_eq!(code(world.get()), Code::NotFound);
}

#[test]
fn a_crash_takes_the_entry_without_the_quirk() {
    let quirks = Quirks {
        crashed_worker_stays_listed: false,
        ..Quirks::default()
    };
    let mut world = World::new(Config {
        quirks,
        ..Config::default()
    });
    world.start(1).unwrap();
    world.pass(ms(200));
    world.stop();
    world.with(|core, env| core.crash_worker(env, &key()));
    assert_eq!(code(world.get()), Code::NotFound);
    world.start(2).unwrap();
    world.pass(ms(200));
    assert_eq!(world.state(), ExecutionState::Waiting);
}

#[test]
fn a_silent_exit_freezes_the_state() {
    let mut world = world();
    world.start(1).unwrap();
    world.pass(ms(200));
    assert!(world.with(|core, env| core.vanish_worker(env, &key())));
    world.push(5);
    world.pass(ms(60_000));
    assert_eq!(
        (world.state(), world.living()),
        (ExecutionState::Waiting, 0)
    );
    assert!(world.executed().is_empty());
    assert_eq!(world.stop().after, ms(0));
}

#[test]
fn a_silent_exit_shows_without_the_quirk() {
    let quirks = Quirks {
        silent_exit_freezes_state: false,
        ..Quirks::default()
    };
    let mut world = World::new(Config {
        quirks,
        ..Config::default()
    });
    world.start(1).unwrap();
    world.pass(ms(200));
    world.with(|core, env| core.vanish_worker(env, &key()));
    assert_eq!(world.state(), ExecutionState::Stalled);
}

#[test]
fn a_dead_process_forgets_everything_and_numbers_go_on() {
    let mut world = world();
    world.start(1).unwrap();
    world.stop();
    world.pass(ms(100));
    world.start(2).unwrap();
    world.pass(ms(100));
    world
        .start_request(start_request(&IndexerKey::new("bob.near", "x"), 1))
        .unwrap();
    assert_eq!(world.living(), 2);
    world.with(|core, env| core.die(env));
    let died = world.events(|event| match event {
        Event::WorkerEnded {
            worker,
            reason: WorkerStopReason::NodeDied,
            ..
        } => Some(*worker),
        _ => None,
    });
    assert_eq!(died, [100, 101]);
    assert_eq!(
        (world.living(), world.list().len(), world.next_event()),
        (0, 0, None)
    );
    world.start(3).unwrap();
    world.pass(ms(100));
    assert_eq!(world.core.workers().next().unwrap().serial, 102);
}

#[test]
fn a_configuration_reads_names_and_refuses_unknown_ones() {
    let text = "start_delay = \"2s\"\nprefetch = 3\n[quirks]\nfailed_fetch_is_final = false\n";
    let config: Config = toml::from_str(text).unwrap();
    assert_eq!((config.start_delay, config.prefetch), (ms(2000), 3));
    assert!(!config.quirks.failed_fetch_is_final && config.quirks.crashed_worker_stays_listed);
    assert_eq!(
        toml::from_str::<Config>(&toml::to_string(&config).unwrap()).unwrap(),
        config
    );
    assert!(toml::from_str::<Config>("start_dely = \"2s\"").is_err());
    assert!(toml::from_str::<Config>("start_delay = 2").is_err());
}

#[test]
fn what_was_planted_can_be_taken_back() {
    let mut world = world();
    world.core.fault_next_start(None, StartFault::Fail);
    world.core.fault_every_start(Some(StartFault::Hang));
    world.core.clear_planted();
    world.start(1).unwrap();
    world.pass(ms(500));
    assert_eq!(world.state(), ExecutionState::Waiting);
}
