//! What must happen soon, what must not happen without need, and dead ends.

use std::time::Duration;

use bytes::Bytes;
use sim_node::{Event as Node, IndexerKey};

use super::play::{Play, With};
use crate::history::{AdminCommand, AnswerKind, Change, Event, Method, NodeName, NodeState};
use crate::history::{RunPhase, RunPhase::Healing};

fn poll(play: &mut Play) {
    for method in [
        Method::ListStreams,
        Method::ListExecutors,
        Method::RegistryListAll,
    ] {
        play.call(method, None, With::default());
    }
}

/// Time passes with nothing but the shared polls.
pub(super) fn polls(play: &mut Play, seconds: u64) {
    for _ in 0..seconds {
        play.wait(1);
        poll(play);
    }
}

/// A point read about the indexer.
fn looks(play: &mut Play) {
    let key = play.key.clone();
    play.call(Method::GetStream, Some(&key), With::default());
}

/// It writes the indexer's record.
pub(super) fn acts(play: &mut Play) {
    let key = play.key.clone();
    play.call(Method::StoreCompareAndSet, Some(&key), With::default());
}

pub(super) fn disabled(play: &mut Play) {
    play.admin(AdminCommand::Disable);
    play.record_with("Running", false, Some((100, 50, true)), "");
    play.acknowledged(AdminCommand::Disable);
}

fn is_judged(play: &Play, mark: &str) -> bool {
    play.oracles.marks().contains_key(mark)
}

pub(super) fn settled() -> Play {
    let mut play = Play::running(100, 50);
    polls(&mut play, 90);
    play
}

#[test]
fn l4_objects_to_silence_after_an_acknowledged_command() {
    let mut play = settled();
    disabled(&mut play);
    polls(&mut play, 10);
    assert!(is_judged(&play, "judged L4"));
    play.violates("L4");
}

#[test]
fn l4_objects_to_an_update_and_to_a_deletion_that_were_heard_and_ignored() {
    for deleted in [false, true] {
        let mut play = settled();
        if deleted {
            play.registry(Change::Deleted { height: 9_000 });
        } else {
            play.registered(200, Some(60), false);
        }
        polls(&mut play, 10);
        play.violates("L4");
    }
}

#[test]
fn l4_lets_a_deletion_be_doubted_after_a_listing_that_lacked_much() {
    for lacks in [true, false] {
        let mut play = settled();
        play.oracles.truth.limits.absences_held = Duration::from_secs(60);
        if lacks {
            let text = "*: RegistryListAll meets Empty".to_owned();
            play.see(Event::Fault { text });
        }
        polls(&mut play, 40);
        play.registry(Change::Deleted { height: 9_000 });
        polls(&mut play, 8);
        assert_eq!(play.verdict(), (!lacks).then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_is_content_with_a_change_but_not_with_a_look() {
    for acted in [true, false] {
        let mut play = settled();
        disabled(&mut play);
        play.wait(1);
        looks(&mut play);
        if acted {
            acts(&mut play);
        }
        polls(&mut play, 10);
        assert!(is_judged(&play, "judged L4"));
        assert_eq!(play.verdict(), (!acted).then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_wants_a_deletion_asked_about_and_what_was_answered_carried_out() {
    for (asks, acted, verdict) in [
        (false, false, Some("L4")),
        (true, false, Some("L4")),
        (true, true, None),
    ] {
        let mut play = settled();
        let key = play.key.clone();
        play.wait(1).registry(Change::Deleted { height: 9_000 });
        play.wait(1);
        poll(&mut play);
        if asks {
            play.call(Method::RegistryRead, Some(&key), With::default());
        }
        if acted {
            acts(&mut play);
        }
        polls(&mut play, 10);
        assert_eq!(play.verdict().as_deref(), verdict, "{asks}, {acted}");
    }
}

#[test]
fn l4_leaves_time_to_a_registry_that_does_not_tell_of_a_deletion_yet() {
    let mut play = settled();
    let key = play.key.clone();
    play.wait(1).registry(Change::Deleted { height: 9_000 });
    play.wait(1);
    poll(&mut play);
    // The replica that is asked is behind.
    play.sent(Method::RegistryRead, Some(&key));
    polls(&mut play, 10);
    play.is_right();
}

#[test]
fn l4_is_content_with_a_call_after_a_point_read_that_told_the_same() {
    for told in [true, false] {
        let mut play = settled();
        let key = play.key.clone();
        if !told {
            play.call(Method::RegistryRead, Some(&key), With::default());
        }
        play.wait(1);
        play.registry(Change::Registered {
            version: 200,
            content: 200,
            start: Some(60),
            new_life: false,
            supported: true,
        });
        if told {
            play.call(Method::RegistryRead, Some(&key), With::default());
        }
        acts(&mut play);
        polls(&mut play, 10);
        assert_eq!(play.verdict(), (!told).then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_expects_nothing_while_a_spoiled_record_may_tell_of_a_task() {
    for spoiled in [false, true] {
        let mut play = settled();
        let own = play.key.clone();
        play.key = IndexerKey::new("a.near", "two");
        play.see(Event::RecordTampered {
            key: play.key.clone(),
        });
        let text = if spoiled {
            "null"
        } else {
            r#"{"enabled":true}"#
        };
        play.see(Event::RecordWritten {
            key: play.key.clone(),
            before: None,
            after: Some(Bytes::from_static(text.as_bytes())),
        });
        polls(&mut play, 90);
        play.key = own;
        play.registered(200, Some(60), false);
        polls(&mut play, 10);
        assert_eq!(play.verdict(), (!spoiled).then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_expects_nothing_between_two_turns_of_a_queue() {
    for (account, until_turn) in [("a.near", 1), ("a.near", 4), ("a-near", 1), ("b.near", 1)] {
        let mut play = Play::new();
        play.coordinator_starts();
        play.registered(100, Some(50), true);
        play.record("Initializing", None);
        polls(&mut play, 90);
        let own = play.key.clone();
        play.key = IndexerKey::new(account, "other");
        let key = play.key.clone();
        play.see(Event::RecordTampered { key });
        play.record_with(
            "Initializing",
            true,
            None,
            r#","task":{"id":"t","since":1}"#,
        );
        play.key = own.clone();
        polls(&mut play, 90);
        play.registered(200, Some(60), false);
        polls(&mut play, until_turn);
        play.key = IndexerKey::new(account, "other");
        play.record("Running", None);
        play.key = own;
        polls(&mut play, 12 - until_turn);
        // `a.near` and `a-near` share a database.
        let alone = account == "b.near";
        assert_eq!(play.verdict(), alone.then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_counts_from_the_end_of_a_call_under_way() {
    let mut play = settled();
    let key = play.key.clone();
    let sent = play.sent(Method::GetStream, Some(&key));
    disabled(&mut play);
    polls(&mut play, 8);
    assert!(play.oracles.violation().is_none());
    play.see(Event::CallAnswered {
        call: sent.0,
        method: Method::GetStream,
        answer: AnswerKind::Error(4),
    });
    polls(&mut play, 10);
    play.violates("L4");
}

#[test]
fn l4_expects_nothing_in_trouble() {
    let troubles: [fn(&mut Play); 4] = [
        |play| {
            play.see(Event::Fault {
                text: "the link is cut".to_owned(),
            });
        },
        |play| {
            let node = NodeName::Store;
            let state = NodeState::Down;
            play.see(Event::NodeState { node, state });
        },
        |play| {
            let node = NodeName::Coordinator;
            let state = NodeState::Paused;
            play.see(Event::NodeState { node, state });
        },
        // A poll that nobody answers any more.
        |play| {
            play.sent(Method::ListStreams, None);
        },
    ];
    for trouble in troubles {
        let mut play = settled();
        trouble(&mut play);
        disabled(&mut play);
        polls(&mut play, 10);
        assert!(!is_judged(&play, "judged L4"));
        play.is_right();
    }
}

#[test]
fn l5_objects_if_one_of_many_is_forgotten() {
    for forgotten in [false, true] {
        let mut play = settled();
        let own = play.key.clone();
        let keys = ["one", "two", "three"].map(|name| IndexerKey::new("a.near", name));
        for key in &keys {
            play.key = key.clone();
            play.registry(Change::Registered {
                version: 200,
                content: 200,
                start: Some(60),
                new_life: *key != own,
                supported: true,
            });
        }
        play.wait(1);
        poll(&mut play);
        for key in keys.iter().skip(usize::from(forgotten)) {
            play.key = key.clone();
            acts(&mut play);
        }
        polls(&mut play, 10);
        assert!(is_judged(&play, "judged L5"));
        assert_eq!(play.verdict(), forgotten.then(|| "L5".to_owned()));
    }
}

#[test]
fn l5_lets_many_deletions_be_doubted_that_one_listing_tells_of_after_a_silence() {
    for names in [3_usize, 6] {
        let mut play = settled();
        let keys: Vec<IndexerKey> = (0..names)
            .map(|n| IndexerKey::new("a.near", &format!("f{n}")))
            .collect();
        for key in &keys {
            play.key = key.clone();
            play.registered(200, Some(60), true);
            acts(&mut play);
            play.record("Initializing", None);
        }
        polls(&mut play, 90);
        for key in &keys {
            play.key = key.clone();
            play.registry(Change::Deleted { height: 9_000 });
        }
        // The registry answers nobody for a while.
        for _ in 0..60 {
            play.wait(1);
            for method in [Method::ListStreams, Method::ListExecutors] {
                play.call(method, None, With::default());
            }
        }
        polls(&mut play, 10);
        assert_eq!(play.verdict(), (names < 5).then(|| "L5".to_owned()));
    }
}

#[test]
fn s16_objects_to_somebody_left_alone_beside_a_bad_record() {
    for forgotten in [false, true] {
        let mut play = starting_beside_garbage();
        polls(&mut play, 1);
        if !forgotten {
            looks(&mut play);
        }
        polls(&mut play, 12);
        assert!(is_judged(&play, "judged S16"));
        assert_eq!(play.verdict(), forgotten.then(|| "S16".to_owned()));
    }
}

#[test]
fn s16_leaves_time_to_code_that_fails_and_may_go_on() {
    for (state, verdict) in [(2, None), (5, Some("S16"))] {
        let mut play = beside_garbage();
        let key = play.key.clone();
        play.node(Node::ExecutorState { key, state });
        play.wait(20);
        play.coordinator_starts();
        polls(&mut play, 14);
        assert_eq!(play.verdict().as_deref(), verdict);
    }
}

#[test]
fn s16_objects_to_a_start_that_does_not_come_to_an_end() {
    let mut play = starting_beside_garbage();
    play.wait(12);
    play.sent(Method::StoreGet, None);
    play.violates("S16");
}

/// A coordinator starts, one record is bad, and another indexer has work.
fn starting_beside_garbage() -> Play {
    let mut play = beside_garbage();
    ended(&mut play);
    play.registered(200, Some(60), false);
    play.wait(20);
    play.coordinator_starts();
    play
}

/// One record is bad, and another indexer runs.
fn beside_garbage() -> Play {
    let mut play = settled();
    play.key = IndexerKey::new("b.near", "bad");
    play.see(Event::RecordTampered {
        key: play.key.clone(),
    });
    let garbage = Bytes::from_static(b"garbage");
    play.see(Event::RecordWritten {
        key: play.key.clone(),
        before: None,
        after: Some(garbage),
    });
    play.key = IndexerKey::new("a.near", "one");
    play
}

fn ended(play: &mut Play) {
    let incarnation = play.incarnation;
    play.see(Event::CoordinatorEnded {
        incarnation,
        orderly: false,
    });
}

#[test]
fn p6_objects_to_effects_after_the_return_to_a_world_as_wanted() {
    for restless in [false, true] {
        let mut play = settled();
        ended(&mut play);
        play.wait(100);
        play.coordinator_starts();
        polls(&mut play, 5);
        if restless {
            let key = play.key.clone();
            play.sent(Method::StoreCompareAndSet, Some(&key));
        } else {
            polls(&mut play, 60);
            assert!(is_judged(&play, "judged P6"));
        }
        assert_eq!(play.verdict(), restless.then(|| "P6".to_owned()));
    }
}

#[test]
fn p6_lets_a_coordinator_work_that_returns_to_a_changed_world() {
    let mut play = settled();
    ended(&mut play);
    play.registered(200, Some(60), false);
    play.wait(100);
    play.coordinator_starts();
    polls(&mut play, 5);
    play.stop_stream(2_100);
    play.is_right();
    assert!(!is_judged(&play, "judged P6"));
}

#[test]
fn p6_objects_to_a_stop_in_an_outage() {
    for node in [NodeName::Store, NodeName::Registry] {
        let mut play = settled();
        let state = NodeState::Down;
        play.see(Event::NodeState { node, state });
        play.wait(30);
        play.stop_stream(2_100);
        assert!(is_judged(&play, "judged P6 in an outage"));
        play.violates("P6");
    }
}

/// A settled indexer is updated while the store takes writes, or does not.
fn updated(taken: bool) -> Play {
    updated_after(taken, 10)
}

fn updated_after(taken: bool, seconds: u64) -> Play {
    let mut play = settled();
    play.see(Event::StoreWrites { taken });
    play.wait(seconds);
    play.registered(200, Some(60), false);
    play.listing();
    play.wait(1);
    play
}

#[test]
fn p6_objects_to_a_stop_for_what_cannot_be_written_down() {
    let mut play = updated(false);
    play.stop_stream(2_100);
    play.violates("P6");
    let mut play = updated(false);
    play.stop_executor(100, 1_100);
    play.violates("P6");
}

#[test]
fn p6_lets_be_stopped_what_was_written_down_or_can_be_again() {
    let mut play = updated(true);
    play.stop_stream(2_100);
    play.is_right();

    let mut play = updated(false);
    play.see(Event::StoreWrites { taken: true });
    play.stop_stream(2_100);
    play.is_right();

    // It was seen a moment ago that it can be written down.
    let mut play = updated_after(false, 0);
    play.stop_stream(2_100);
    assert_ne!(play.verdict().as_deref(), Some("P6"));

    let mut play = settled();
    play.registered(200, Some(60), false);
    play.listing();
    play.record("Running", Some((200, 60, false)));
    play.see(Event::StoreWrites { taken: false });
    play.stop_stream(2_100);
    assert_ne!(play.verdict().as_deref(), Some("P6"));
}

#[test]
fn l3_names_who_is_stuck_in_one_phase_and_nobody_else() {
    let mut play = settled();
    play.see(Event::Phase(Healing));
    disabled(&mut play);
    play.now = play.now + Duration::from_secs(900);
    assert_eq!(
        play.oracles.dead_ends(play.now),
        ["a.near/one: dead end in phase Running"]
    );
    play.record_with("Suspending", false, Some((100, 50, true)), "");
    assert!(play.oracles.dead_ends(play.now).is_empty());
    let mut healthy = settled();
    healthy.see(Event::Phase(Healing));
    healthy.wait(900);
    assert!(healthy.oracles.dead_ends(healthy.now).is_empty());
    healthy.see(Event::Phase(RunPhase::Silence));
    assert!(is_judged(&healthy, "judged L3"));
}

#[test]
fn l4_waits_for_the_answer_to_a_question_about_a_task() {
    let task = r#","task":{"id":"t1","since":1}"#;
    for asks in [false, true] {
        let mut play = Play::new();
        play.provisioning(task);
        polls(&mut play, 90);
        if asks {
            play.sent(Method::GetTaskStatus, None);
        }
        play.admin(AdminCommand::Disable);
        play.record_with("Initializing", false, None, task);
        play.acknowledged(AdminCommand::Disable);
        polls(&mut play, 10);
        assert_eq!(play.verdict(), (!asks).then(|| "L4".to_owned()));
    }
}

#[test]
fn l5_lets_a_doubt_be_prolonged_by_whoever_is_missed_next() {
    for more in [false, true] {
        let mut play = settled();
        let keys: Vec<IndexerKey> = (0..12)
            .map(|n| IndexerKey::new("a.near", &format!("f{n}")))
            .collect();
        for key in &keys {
            play.key = key.clone();
            play.registered(200, Some(60), true);
            acts(&mut play);
            play.record("Initializing", None);
        }
        polls(&mut play, 90);
        let (first, second) = keys.split_at(6);
        for (keys, seconds) in [(first, 10), (second, 12)] {
            for key in keys.iter().filter(|key| more || first.contains(key)) {
                play.key = key.clone();
                play.registry(Change::Deleted { height: 9_000 });
            }
            polls(&mut play, seconds);
        }
        assert_eq!(play.verdict(), (!more).then(|| "L5".to_owned()));
    }
}
