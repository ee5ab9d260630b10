//! What is expected while something is broken for good.

use std::time::Duration;

use sim_node::{Event as Node, TaskStopReason};

use super::play::{Play, With};
use crate::history::{AdminCommand, Change, Event, Method, NodeName, RunPhase};
use crate::oracle::Limits;

/// The record of one whose stream was started.
const STREAMED: &str = r#"{"account_id":"a.near","function_name":"one",
    "block_stream_synced_at":100,"enabled":true,"lifecycle_state":"Running",
    "coordinator":{"format":1,"revision":9,"provisioned":true,
    "run":{"target":{"version":100,"hash":null},"start":50,"prepared":true}}}"#;

#[test]
fn of_what_is_broken_nothing_is_expected_but_patience() {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    assert!(!play.oracles.unconverged(play.now).is_empty());
    let key = play.key.clone();
    play.oracles.give_up(&key);
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    let excused = play.oracles.excused(play.now);
    let (named, problem) = excused.first().expect("it is not as wanted");
    assert_eq!(*named, key);
    assert_eq!(problem, "its stream has version 100, not 200");

    play.see(Event::Phase(RunPhase::Silence));
    play.sent(Method::StoreCompareAndSet, None);
    for _ in 0..150 {
        play.sent(Method::StoreCompareAndSet, Some(&key));
    }
    play.is_right();
    play.sent(Method::StoreCompareAndSet, Some(&key));
    play.violates("S12");
}

#[test]
fn whoever_waited_for_a_task_that_never_ends_may_go_on_in_the_silence() {
    for account in ["a.near", "b.near"] {
        let mut play = Play::running(100, 50);
        play.oracles.block(account);
        play.see(Event::Phase(RunPhase::Silence));
        play.record("Running", Some((100, 50, true)));
        let blamed = (account != "a.near").then(|| "L1".to_owned());
        assert_eq!(play.verdict(), blamed);
    }
}

#[test]
fn after_a_wrong_clock_of_the_streamer_a_stream_may_still_be_restarted_in_the_silence() {
    for node in ["block_streamer", "runner"] {
        let mut play = Play::running(100, 50);
        play.see(Event::Fault {
            text: format!("the clock of {node} runs 0.5 times as fast"),
        });
        play.see(Event::Phase(RunPhase::Silence));
        play.record("Running", Some((100, 50, true)));
        let blamed = (node == "runner").then(|| "L1".to_owned());
        assert_eq!(play.verdict(), blamed);
    }
}

#[test]
fn a_wrong_clock_of_the_streamer_excuses_no_longer_than_signs_of_life_may_be_missing() {
    let mut play = Play::running(100, 50);
    play.see(Event::Fault {
        text: "the clock of block_streamer jumps by +1s".to_owned(),
    });
    play.see(Event::Phase(RunPhase::Silence));
    play.wait(200);
    play.record("Running", Some((100, 50, true)));
    play.violates("L1");
}

#[test]
fn what_names_nobody_is_not_written_while_nothing_is_broken() {
    let mut play = Play::running(100, 50);
    play.see(Event::Phase(RunPhase::Silence));
    play.is_right();
    play.sent(Method::StoreCompareAndSet, None);
    play.violates("L1");
}

#[test]
fn patience_is_counted_over_ten_minutes() {
    let mut play = Play::running(100, 50);
    let key = play.key.clone();
    play.oracles.give_up(&key);
    play.see(Event::Phase(RunPhase::Silence));
    for _ in 0..10 {
        for _ in 0..50 {
            play.sent(Method::StoreCompareAndSet, Some(&key));
        }
        play.wait(300);
    }
    play.is_right();
}

#[test]
fn what_fails_and_recovers_by_itself_may_be_noted_each_time() {
    for flaps in [false, true] {
        let mut play = Play::running(100, 50);
        let key = play.key.clone();
        play.oracles.give_up(&key);
        play.see(Event::Phase(RunPhase::Silence));
        play.wait(600);
        for second in 0..170 {
            play.wait(2);
            if flaps {
                let (key, state) = (key.clone(), 2 + second % 2);
                play.node(Node::ExecutorState { key, state });
            }
            play.sent(Method::StoreCompareAndSet, Some(&key));
        }
        assert_eq!(play.verdict(), (!flaps).then(|| "S12".to_owned()));
    }
}

#[test]
fn a_node_that_is_gone_is_not_asked_without_end() {
    let mut play = Play::running(100, 50);
    play.oracles.lose(NodeName::BlockStreamer);
    play.oracles.truth.limits.calls_to_broken_node = 300;
    play.see(Event::Phase(RunPhase::Silence));
    for _ in 0..300 {
        play.sent(Method::ListStreams, None);
        play.sent(Method::ListExecutors, None);
    }
    play.is_right();
    play.sent(Method::ListStreams, None);
    play.violates("S12");
}

#[test]
fn without_the_runner_streams_are_kept_alive() {
    let mut play = Play::running(100, 50);
    play.write(Some(STREAMED));
    play.oracles.lose(NodeName::Runner);
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    play.stream_ended(2_100, TaskStopReason::RedisError);
    assert_eq!(play.oracles.unconverged(play.now).len(), 1);
    // As long as its health says that the queue is full nobody can know.
    let key = play.key.clone();
    play.node(Node::StreamHealth { key, state: 3 });
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    let key = play.key.clone();
    play.node(Node::StreamHealth { key, state: 4 });
    let problems = play.oracles.unconverged(play.now);
    assert_eq!(
        problems,
        ["a.near/one: no stream of version 100 runs, which needs no executor"]
    );
    // Without the streamer, too, nobody can do anything about it.
    play.oracles.lose(NodeName::BlockStreamer);
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
}

#[test]
fn without_the_streamer_executors_are_kept_alive() {
    let mut play = Play::running(100, 50);
    play.oracles.lose(NodeName::BlockStreamer);
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    let key = play.key.clone();
    play.node(Node::ExecutorUnlisted { key, version: 100 });
    let problems = play.oracles.unconverged(play.now);
    assert_eq!(
        problems,
        ["a.near/one: no executor of version 100 is listed, which needs no block streamer"]
    );
}

#[test]
fn without_the_registry_only_what_was_heard_of_is_expected() {
    let mut play = Play::running(100, 50);
    play.oracles.lose(NodeName::Registry);
    // As `registered`, but nobody has asked for the listing yet.
    play.wait(1).registry(Change::Registered {
        version: 200,
        content: 200,
        start: Some(60),
        new_life: false,
        supported: true,
    });
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    play.wait(1).listing();
    assert_eq!(play.oracles.unconverged(play.now).len(), 3);
    assert!(!play.oracles.is_unheard_of(&play.key));
    play.wait(1).coordinator_starts();
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    assert!(play.oracles.is_unheard_of(&play.key));
}

#[test]
fn what_a_former_coordinator_heard_is_no_use_to_its_successor() {
    use crate::history::FormerState;
    for teller in [1, 2] {
        let mut play = Play::running(100, 50);
        play.oracles.lose(NodeName::Registry);
        play.coordinator_starts();
        play.wait(1).listing();
        play.wait(1).registry(Change::Registered {
            version: 200,
            content: 200,
            start: Some(60),
            new_life: false,
            supported: true,
        });
        play.incarnation = teller;
        play.wait(1).listing();
        play.see(Event::Former {
            incarnation: 1,
            state: FormerState::Ended,
        });
        assert_eq!(play.oracles.is_unheard_of(&play.key.clone()), teller == 1);
    }
}

#[test]
fn l8_lets_the_registry_be_asked_about_each_while_it_is_away() {
    for away in [false, true] {
        let mut play = Play::running(100, 50);
        if away {
            play.oracles.lose(NodeName::Registry);
        }
        play.see(Event::Phase(RunPhase::Silence));
        play.sent(Method::RegistryRead, Some(&play.key.clone()));
        assert_eq!(play.verdict(), (!away).then(|| "L8".to_owned()));
    }
}

#[test]
fn l1_leaves_alone_who_is_held_by_an_order_that_crossed_its_release() {
    for crossed in [true, false] {
        let mut play = Play::running(100, 50);
        if !crossed {
            play.admin(AdminCommand::Hold);
            play.acknowledged(AdminCommand::Hold);
        }
        play.admin(AdminCommand::Release);
        if crossed {
            play.admin(AdminCommand::Hold);
        }
        play.acknowledged(AdminCommand::Release);
        if crossed {
            play.acknowledged(AdminCommand::Hold);
        }
        let held = r#","hold":{"by":"somebody","reason":"","since":1}"#;
        play.record_with("Running", true, Some((90, 50, true)), held);
        play.wait(1).registered(200, Some(60), false);
        let problems = play.oracles.unconverged(play.now);
        assert_eq!(problems.is_empty(), crossed, "{problems:?}");
    }
}

/// A replica that is behind tells the truth as of a block before the lie.
#[test]
fn who_was_left_out_by_a_lie_is_unheard_of_until_replicas_have_caught_up() {
    for (seconds, unheard) in [(2, true), (20, false)] {
        let mut play = Play::within(Limits {
            replica_lag: Duration::from_secs(10),
            ..Limits::default()
        });
        play.registered(100, Some(50), true);
        play.oracles.lose(NodeName::Registry);
        play.wait(60).see(Event::Fault {
            text: "*: RegistryListAll meets DropEntries".to_owned(),
        });
        play.wait(seconds).listing();
        assert_eq!(play.oracles.is_unheard_of(&play.key.clone()), unheard);
    }
}

#[test]
fn what_is_switched_off_has_to_know_what_it_is_registered_as() {
    for (known, expected) in [(100, 1), (200, 0)] {
        let mut play = Play::running(100, 50);
        play.wait(1).stop(100);
        play.admin(AdminCommand::Disable);
        play.record_with("Suspended", false, Some((100, 50, true)), "");
        play.acknowledged(AdminCommand::Disable);
        assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
        play.wait(60).registered(200, None, false);
        let known = format!(r#","registered":{known}"#);
        play.record_with("Suspended", false, Some((100, 50, true)), &known);
        let problems = play.oracles.unconverged(play.now);
        assert_eq!(problems.len(), expected, "{problems:?}");
    }
}

/// Whoever stopped the stream died with the answer, or had given it up when the stop came:
/// nobody can see that it goes on.
#[test]
fn l2_leaves_alone_what_a_stream_writes_whose_stop_was_heard_of_by_nobody() {
    for (late, died, clears, expected) in [
        (false, true, true, 0),
        (true, false, true, 0),
        (false, false, true, 1),
        (false, true, false, 1),
        (true, false, false, 1),
    ] {
        let mut play = Play::running(100, 50);
        play.wait(1).deleted();
        play.record("Deleting", Some((100, 50, true)));
        let sent = play.sent(Method::StopStream, Some(&play.key.clone()));
        if late {
            play.see(Event::CallFault {
                call: sent.0,
                method: Method::StopStream,
                fault: "late",
            });
            play.wait(12);
        }
        play.arrives(sent, Method::StopStream, With::default(), &[]);
        if died {
            play.wait(1).see(Event::CoordinatorEnded {
                incarnation: 1,
                orderly: false,
            });
            play.coordinator_starts();
        }
        play.stop_executor(100, 1_100);
        if clears {
            play.clear();
        }
        play.wait(1).cursor(2_100, 60);
        play.stream_ended(2_100, TaskStopReason::Cancelled);
        play.write(None);
        let problems = play.oracles.unconverged(play.now);
        assert_eq!(problems.len(), expected, "{problems:?}");
    }
}

/// Old news of many changes, told one after the other.
#[test]
fn each_newer_version_that_is_started_accounts_for_calls() {
    for newer in [true, false] {
        let mut play = Play::running(100, 50);
        let key = play.key.clone();
        for version in 101..=130 {
            play.registry(Change::Registered {
                version,
                content: version,
                start: Some(50),
                new_life: false,
                supported: true,
            });
        }
        // Nothing is granted for them any more.
        for _ in 0..3 {
            play.wait(100)
                .call(Method::GetStream, Some(&key), With::default());
        }
        for version in 101..=130 {
            let with = With {
                version: Some(if newer { version } else { 101 }),
                height: None,
            };
            for _ in 0..3 {
                play.call(Method::StartExecutor, Some(&key), with);
            }
        }
        assert_eq!(play.verdict(), (!newer).then(|| "S12".to_owned()));
    }
}
