//! The four calls: what they promise, what they refuse, what they forget.

use crate::common::*;
use proto::block_streamer::{GetStreamRequest, StartStreamRequest, StopStreamRequest};
use sim_block_streamer::Config;
use sim_node::{Event, IndexerKey, TaskStopReason};
use tonic::Code;

fn refusal(request: StartStreamRequest) -> (Code, String) {
    let mut world = World::busy(Config::default());
    let status = world.start(request).result.expect_err("refused");
    assert_eq!(world.list(), []);
    assert_eq!(world.events().count(), 0);
    (status.code(), status.message().to_owned())
}

#[test]
fn bad_requests_are_refused_with_the_texts_of_the_real_service() {
    let rule = |rule| StartStreamRequest { rule, ..request(1) };
    let account = |id: &str| StartStreamRequest {
        account_id: id.to_owned(),
        ..request(1)
    };
    let cases = [
        (rule(None), "Rule must be provided"),
        (
            rule(any_rule("*", 0)),
            "Invalid status value for ActionAnyRule",
        ),
        (
            rule(any_rule("*", 4)),
            "Invalid status value for ActionAnyRule",
        ),
        (
            rule(any_rule("*", -1)),
            "Invalid status value for ActionAnyRule",
        ),
        (
            rule(call_rule("*", "x", 9)),
            "Invalid status value for ActionFunctionCallRule",
        ),
        (
            account(""),
            "Invalid account_id value for StartStreamRequest",
        ),
        (
            account("UPPER.near"),
            "Invalid account_id value for StartStreamRequest",
        ),
        (
            account("a/b"),
            "Invalid account_id value for StartStreamRequest",
        ),
        // The rule is looked at first.
        (
            StartStreamRequest {
                rule: None,
                ..account("")
            },
            "Rule must be provided",
        ),
    ];
    for (request, text) in cases {
        let (code, message) = refusal(request);
        assert_eq!(code, Code::InvalidArgument);
        assert!(message.starts_with(text), "{message}");
    }
}

#[test]
fn odd_function_names_patterns_and_queues_are_taken_as_they_come() {
    let mut world = World::busy(Config::default());
    world.started(StartStreamRequest {
        function_name: "a b/ü:".to_owned(),
        redis_stream: "wherever".to_owned(),
        rule: call_rule("", "", 1),
        ..request(TIP)
    });
    let streams = world.list();
    assert_eq!(streams[0].account_id, "a.near");
    assert_eq!(streams[0].function_name, "a b/ü:");
    world.pass(seconds(2));
    assert!(world.redis.holds("a.near/a b/ü::last_published_block"));
}

#[test]
fn the_id_depends_on_the_name_alone() {
    let mut world = World::busy(Config::default());
    let answer = world
        .start(StartStreamRequest {
            account_id: "morgs.near".to_owned(),
            function_name: "test".to_owned(),
            ..request(1)
        })
        .result
        .expect("accepted");
    assert_eq!(answer.stream_id, "16210176318434468568");
}

#[test]
fn a_second_start_is_refused_whatever_its_version_and_arguments() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(seconds(1));
    let second = StartStreamRequest {
        version: 8,
        rule: any_rule("x.near", 1),
        ..request(1)
    };
    let status = world.start(second).result.expect_err("refused");
    assert_eq!(
        (status.code(), status.message()),
        (Code::AlreadyExists, "Block stream already exists")
    );
    assert_eq!(world.get().expect("listed").version, 7);
}

#[test]
fn get_and_list_tell_the_same_and_unknown_streams_are_not_found() {
    let mut world = World::busy(Config::default());
    assert_eq!(world.get(), Err(Code::NotFound));
    assert_eq!(world.stop_code(), Code::NotFound);
    world.started(request(TIP));
    let info = world.get().expect("listed");
    assert_eq!(world.list(), std::slice::from_ref(&info));
    assert_eq!((info.stream_id, info.version), (id(), 7));
    // The same text `a.near/feed`, but another account.
    let other = GetStreamRequest {
        account_id: String::new(),
        function_name: "a.near/feed".into(),
    };
    let reply = world.with(|streamer, env| streamer.get_stream(env, other));
    assert_eq!(reply.result.expect_err("unknown").code(), Code::NotFound);
}

#[test]
fn stop_forgets_the_stream_before_its_task_ends() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(seconds(1));
    let reply = world.stop();
    assert_eq!(reply.after, Config::default().stop_delay);
    assert_eq!(reply.result.expect("stops").status, "ok");
    // Forgotten at once, for every call, while the task still runs.
    assert_eq!(world.get(), Err(Code::NotFound));
    assert_eq!(world.stop_code(), Code::NotFound);
    assert_eq!(world.list(), []);
    assert_eq!(world.streamer.live_tasks().count(), 1);
    world.pass(Config::default().stop_delay);
    assert_eq!(world.streamer.live_tasks().count(), 0);
    let ended = Event::StreamEnded {
        key: key(),
        task: 0,
        reason: TaskStopReason::Cancelled,
    };
    assert_eq!(world.ledger.events.last(), Some(&(world.now, ended)));
}

#[test]
fn a_start_right_after_a_stop_makes_a_second_producer() {
    let config = Config {
        stop_delay: seconds(3),
        ..Config::default()
    };
    let mut world = World::busy(config);
    world.started(request(TIP));
    world.pass(seconds(2));
    world.stop();
    world.started(request(TIP + 2));
    assert_eq!(world.streamer.live_tasks().count(), 2);
    world.pass(seconds(2));
    let producers: Vec<u64> = world
        .events()
        .filter_map(|event| match event {
            Event::BlockPublished { task, height, .. } if *height == TIP + 3 => Some(*task),
            _ => None,
        })
        .collect();
    assert_eq!(producers, [0, 1], "both publish the same block");
    world.pass(seconds(2));
    assert_eq!(
        world
            .streamer
            .live_tasks()
            .map(|task| task.task)
            .collect::<Vec<_>>(),
        [1]
    );
}

#[test]
fn stop_ends_the_task_at_once_without_the_quirk() {
    let mut world = World::busy(quirks(|quirks| quirks.stop_forgets_first = false));
    world.started(request(TIP));
    world.pass(seconds(1));
    world.stop().result.expect("stops");
    assert_eq!(world.streamer.live_tasks().count(), 0);
}

#[test]
fn a_panicked_task_makes_stop_fail_though_the_stream_is_gone() {
    for quirk in [true, false] {
        let mut world = World::busy(quirks(|quirks| quirks.panicked_stop_is_internal = quirk));
        world.started(request(TIP));
        assert!(world.with(|streamer, env| streamer.panic_task(env, &key())));
        assert!(
            !world.with(|streamer, env| streamer.panic_task(env, &key())),
            "only once"
        );
        assert!(world.get().is_ok(), "still listed");
        let expected = if quirk { Code::Internal } else { Code::Ok };
        assert_eq!(world.stop_code(), expected);
        assert_eq!(world.stop_code(), Code::NotFound);
        assert_eq!(world.get(), Err(Code::NotFound));
    }
}

#[test]
fn an_ended_stream_stays_listed_and_blocks_a_new_one() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    assert!(world.with(|streamer, env| streamer.kill_task(env, &key())));
    world.pass(seconds(1));
    assert_eq!(
        world
            .start(request(TIP))
            .result
            .expect_err("refused")
            .code(),
        Code::AlreadyExists
    );
    assert_eq!(world.stop_code(), Code::Ok);
    world.started(request(TIP));

    let mut world = World::busy(quirks(|quirks| quirks.ended_streams_stay_listed = false));
    world.started(request(TIP));
    assert!(world.with(|streamer, env| streamer.kill_task(env, &key())));
    assert_eq!(world.get(), Err(Code::NotFound));
}

#[test]
fn two_starts_at_once_both_succeed_and_leave_an_orphan_that_no_call_stops() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.pass(Config::default().race_window);
    world.started(StartStreamRequest {
        version: 8,
        ..request(TIP)
    });
    assert!(world.events().any(|event| *event
        == Event::StreamOrphaned {
            key: key(),
            task: 0
        }));
    assert_eq!(world.list().len(), 1);
    assert_eq!(world.get().expect("listed").version, 8);
    world.pass(seconds(1));
    assert_eq!(world.stop_code(), Code::Ok);
    world.pass(seconds(5));
    let tasks: Vec<_> = world.streamer.live_tasks().collect();
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].task, tasks[0].listed), (0, false));
    assert!(
        world.published().contains(&(TIP + 5)),
        "it goes on publishing"
    );
    world.with(|streamer, env| streamer.die(env));
    let ended = Event::StreamEnded {
        key: key(),
        task: 0,
        reason: TaskStopReason::NodeDied,
    };
    assert!(world.events().any(|event| *event == ended));
}

#[test]
fn the_race_needs_its_window_and_its_quirk() {
    let mut late = World::busy(Config::default());
    late.started(request(TIP));
    late.pass(Config::default().race_window * 2);
    assert!(late.start(request(TIP)).result.is_err());
    let mut fair = World::busy(quirks(|quirks| quirks.double_start_race = false));
    fair.started(request(TIP));
    assert!(fair.start(request(TIP)).result.is_err());
}

#[test]
fn a_restart_forgets_everything_but_redis_and_serials_go_on() {
    let mut world = World::busy(Config::default());
    world.started(request(TIP));
    world.started(StartStreamRequest {
        function_name: "other".to_owned(),
        ..request(TIP)
    });
    world.pass(seconds(3));
    world.with(|streamer, env| streamer.die(env));
    let died = |event: &&Event| {
        matches!(
            event,
            Event::StreamEnded {
                reason: TaskStopReason::NodeDied,
                ..
            }
        )
    };
    assert_eq!(world.events().filter(died).count(), 2);
    assert_eq!(world.list(), []);
    assert_eq!(world.get(), Err(Code::NotFound));
    assert_eq!(world.cursor(), Some(TIP + 3));
    let before = world.events().count();
    world.pass(seconds(600));
    assert_eq!(world.events().count(), before);
    assert_eq!(world.streamer.next_serial(), 2);
    world.started(request(TIP + 3));
    assert_eq!(world.streamer.live_tasks().next().expect("runs").task, 2);
}

#[test]
fn faults_on_unknown_streams_do_nothing() {
    let mut world = World::busy(Config::default());
    let nobody = IndexerKey::new("x.near", "y");
    assert!(!world.with(|streamer, env| streamer.panic_task(env, &nobody)));
    assert!(!world.with(|streamer, env| streamer.kill_task(env, &nobody)));
    let request = StopStreamRequest {
        stream_id: "no number".to_owned(),
    };
    let reply = world.with(|streamer, env| streamer.stop_stream(env, request));
    let status = reply.result.expect_err("unknown");
    assert_eq!(status.message(), "Block stream with id no number not found");
}
