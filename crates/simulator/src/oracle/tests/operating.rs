//! Holds, releases, retries, and the shadow.

use std::time::Duration;

use sim_node::{Event as Node, IndexerKey};

use super::super::ShadowView;
use super::play::{Play, With};
use crate::history::{AdminCommand, AnswerKind, Event, Method, RunPhase, SHADOW};

pub(super) const HOLD: &str = r#","hold":{"by":"olga","reason":"look","since":1}"#;

const REPAIR: &str = r#","repair":{"from":"Running","cause":"ExecutorUnhealthy",
    "detail":"","limited":false,"attempts":8,"first_at":0,"last_at":0,"next_at":0}"#;

fn record(play: &mut Play, phase: &str, more: &str) {
    play.record_with(phase, true, Some((100, 50, true)), more);
}

fn held() -> Play {
    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Hold);
    record(&mut play, "Running", HOLD);
    play.acknowledged(AdminCommand::Hold);
    play
}

fn released(play: &mut Play) {
    play.admin(AdminCommand::Release);
    record(play, "Running", "");
    play.acknowledged(AdminCommand::Release);
}

fn polls(play: &mut Play, seconds: u64) {
    for _ in 0..seconds {
        play.wait(1);
        for method in [
            Method::ListStreams,
            Method::ListExecutors,
            Method::RegistryListAll,
        ] {
            play.call(method, None, With::default());
        }
    }
}

/// What calls can change the world of an indexer.
const CHANGES: [Method; 6] = [
    Method::StartStream,
    Method::StopStream,
    Method::StartExecutor,
    Method::StopExecutor,
    Method::StartProvisioningTask,
    Method::StoreDelete,
];

#[test]
fn s9_objects_to_whatever_changes_what_is_held() {
    for method in CHANGES {
        let mut play = held();
        play.sent(method, Some(&play.key.clone()));
        play.violates("S9");
    }
}

#[test]
fn s9_lets_what_is_held_be_looked_at_and_noted() {
    let mut play = held();
    for method in [
        Method::GetStream,
        Method::GetExecutor,
        Method::GetTaskStatus,
        Method::StoreCompareAndSet,
    ] {
        play.sent(method, Some(&play.key.clone()));
    }
    record(&mut play, "Running", HOLD);
    play.is_right();
}

#[test]
fn s9_lets_what_was_sent_before_a_hold_arrive_after_it() {
    let mut play = Play::running(100, 50);
    play.stream_ended(2_100, sim_node::TaskStopReason::NodeDied);
    let sent = play.sent(Method::StartStream, Some(&play.key.clone()));
    play.admin(AdminCommand::Hold);
    record(&mut play, "Running", HOLD);
    play.acknowledged(AdminCommand::Hold);
    let started = play.stream_started(100, 50, 2_101);
    let with = With {
        version: Some(100),
        height: Some(50),
    };
    play.arrives(sent, Method::StartStream, with, &[started]);
    play.is_right();
}

#[test]
fn s9_waits_for_the_acknowledgement_and_ends_with_the_release() {
    let mut play = Play::running(100, 50);
    play.stream_ended(2_100, sim_node::TaskStopReason::NodeDied);
    play.admin(AdminCommand::Hold);
    play.sent(Method::StartStream, Some(&play.key.clone()));
    play.is_right();
    let mut play = held();
    play.stream_ended(2_100, sim_node::TaskStopReason::NodeDied);
    play.admin(AdminCommand::Release);
    play.sent(Method::StartStream, Some(&play.key.clone()));
    play.is_right();
}

#[test]
fn s9_holds_across_a_crash_but_not_across_a_failover() {
    for forgets in [false, true] {
        let mut play = held();
        let incarnation = play.incarnation;
        play.see(Event::CoordinatorEnded {
            incarnation,
            orderly: false,
        });
        if forgets {
            play.see(Event::StoreLost {
                span_micros: Some(60_000_000),
            });
        }
        play.coordinator_starts();
        play.wait(30);
        play.stream_ended(2_100, sim_node::TaskStopReason::NodeDied);
        play.sent(Method::StartStream, Some(&play.key.clone()));
        let expected = (!forgets).then(|| "S9".to_owned());
        assert_eq!(play.verdict(), expected);
    }
}

#[test]
fn s9_excuses_a_hold_that_the_store_forgot_before_it_was_acknowledged() {
    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Hold);
    record(&mut play, "Running", HOLD);
    play.see(Event::StoreLost {
        span_micros: Some(60_000_000),
    });
    play.acknowledged(AdminCommand::Hold);
    play.stream_ended(2_100, sim_node::TaskStopReason::NodeDied);
    play.wait(30)
        .sent(Method::StartStream, Some(&IndexerKey::new("a.near", "one")));
    play.is_right();
}

#[test]
fn s9_objects_to_a_hold_that_is_dropped_or_never_stood() {
    let mut play = held();
    record(&mut play, "Running", "");
    play.violates("S9");

    let mut play = held();
    play.deleted();
    play.record_with("Deleting", true, Some((100, 50, true)), HOLD);
    play.is_right();
    play.write(None);
    play.violates("S9");

    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Hold);
    play.acknowledged(AdminCommand::Hold);
    play.violates("S9");
}

#[test]
fn s9_objects_to_a_release_that_changed_nothing() {
    let mut play = held();
    play.admin(AdminCommand::Release);
    play.acknowledged(AdminCommand::Release);
    play.violates("S9");
}

#[test]
fn l4_expects_nothing_of_what_is_held() {
    let mut play = held();
    polls(&mut play, 60);
    play.registered(200, Some(60), false);
    polls(&mut play, 20);
    assert!(!play.oracles.marks().contains_key("judged L4"));
    play.is_right();
}

#[test]
fn l4_objects_to_silence_after_a_release_or_is_content_with_a_change() {
    for looks in [false, true] {
        let mut play = held();
        polls(&mut play, 60);
        play.registered(200, Some(60), false);
        polls(&mut play, 20);
        released(&mut play);
        if looks {
            play.wait(1)
                .sent(Method::StopStream, Some(&IndexerKey::new("a.near", "one")));
        }
        polls(&mut play, 10);
        assert!(play.oracles.marks().contains_key("judged L4"));
        assert_eq!(play.verdict(), (!looks).then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_counts_from_the_release_what_was_heard_of_just_before_it() {
    let mut play = held();
    polls(&mut play, 60);
    play.registered(200, Some(60), false);
    polls(&mut play, 3);
    released(&mut play);
    polls(&mut play, 1);
    assert!(play.oracles.violation().is_none());
    polls(&mut play, 8);
    play.violates("L4");
}

#[test]
fn l4_expects_nothing_of_a_release_of_what_is_as_wanted() {
    let mut play = held();
    polls(&mut play, 60);
    released(&mut play);
    polls(&mut play, 20);
    play.is_right();
}

/// Its executor's worker crashed, and the repair has given up.
fn given_up() -> Play {
    let mut play = Play::running(100, 50);
    let key = play.key.clone();
    play.node(Node::ExecutorUnlisted { key, version: 100 });
    record(&mut play, "Repairing", REPAIR);
    polls(&mut play, 90);
    play
}

#[test]
fn l4_objects_to_silence_after_a_retry() {
    for looks in [false, true] {
        let mut play = given_up();
        play.admin(AdminCommand::Retry);
        record(&mut play, "Running", "");
        play.acknowledged(AdminCommand::Retry);
        if looks {
            let key = play.key.clone();
            play.wait(1).sent(Method::StartExecutor, Some(&key));
        }
        polls(&mut play, 10);
        assert!(play.oracles.marks().contains_key("judged L4"));
        assert_eq!(play.verdict(), (!looks).then(|| "L4".to_owned()));
    }
}

#[test]
fn l5_objects_to_a_held_indexer_that_never_noted_the_end_of_its_task() {
    let task = r#","task":{"id":"t1","since":1}"#;
    let cases = [
        (false, 100, true),
        (true, 100, true),
        (false, 30, true),
        // The store takes no writes.
        (false, 100, false),
    ];
    for (noted, seconds, writable) in cases {
        let mut play = Play::new();
        if !writable {
            play.see(Event::StoreWrites { taken: false });
        }
        play.provisioning(task);
        play.admin(AdminCommand::Hold);
        play.record_with("Initializing", true, None, &format!("{task}{HOLD}"));
        play.acknowledged(AdminCommand::Hold);
        polls(&mut play, 90);
        play.task_ended("t1");
        if noted {
            play.record_with("Initializing", true, None, HOLD);
        }
        polls(&mut play, seconds);
        play.admin(AdminCommand::Release);
        let judged = play.oracles.marks().contains_key("judged L5 of a hold");
        assert_eq!(judged, writable);
        let wrong = !noted && writable && seconds > 60;
        assert_eq!(play.verdict(), wrong.then(|| "L5".to_owned()));
    }
}

#[test]
fn l4_objects_to_a_record_that_speaks_of_a_task_long_after_its_end() {
    let task = r#","task":{"id":"t1","since":1}"#;
    let cases = [
        (false, 100, AnswerKind::Ok, true),
        (false, 100, AnswerKind::Error(5), true),
        (true, 100, AnswerKind::Ok, true),
        (false, 30, AnswerKind::Ok, true),
        // Nobody can say what became of it.
        (false, 100, AnswerKind::Error(14), true),
        // So old that it is asked about less often.
        (false, 700, AnswerKind::Ok, true),
        // The store takes no writes.
        (false, 100, AnswerKind::Ok, false),
    ];
    for (noted, seconds, answer, writable) in cases {
        let mut play = Play::new();
        if !writable {
            play.see(Event::StoreWrites { taken: false });
        }
        play.provisioning(task);
        polls(&mut play, 90.max(seconds));
        play.task_ended("t1");
        if noted {
            play.record("Initializing", None);
        }
        polls(&mut play, seconds.min(100));
        let (call, _) = play.sent(Method::GetTaskStatus, None);
        let method = Method::GetTaskStatus;
        play.see(Event::CallAnswered {
            call,
            method,
            answer: answer.clone(),
        });
        let wrong = !noted && writable && seconds == 100 && answer != AnswerKind::Error(14);
        assert_eq!(play.verdict(), wrong.then(|| "L4".to_owned()), "{seconds}");
        let judged = play.oracles.marks().contains_key("judged L4 of a task");
        assert_eq!(judged, wrong || noted, "{seconds}");
    }
}

#[test]
fn s9_objects_to_a_retry_that_forgot_nothing() {
    let newer = REPAIR
        .replace("\"first_at\":0", "\"first_at\":9")
        .replace("\"attempts\":8", "\"attempts\":1");
    for (after, wrong) in [(REPAIR, true), (newer.as_str(), false), ("", false)] {
        let mut play = given_up();
        play.admin(AdminCommand::Retry);
        record(&mut play, "Repairing", after);
        play.acknowledged(AdminCommand::Retry);
        assert_eq!(play.verdict(), wrong.then(|| "S9".to_owned()));
    }
}

#[test]
fn s9_takes_the_answer_to_one_retry_for_none_to_another() {
    for (crossed, wrong) in [(false, true), (true, false)] {
        let mut play = Play::running(100, 50);
        let key = play.key.clone();
        play.node(Node::ExecutorUnlisted { key, version: 100 });
        if crossed {
            play.admin(AdminCommand::Retry);
        }
        record(&mut play, "Repairing", REPAIR);
        play.admin(AdminCommand::Retry);
        play.acknowledged(AdminCommand::Retry);
        assert_eq!(play.verdict(), wrong.then(|| "S9".to_owned()));
        if crossed {
            record(&mut play, "Running", "");
            play.acknowledged(AdminCommand::Retry);
            record(&mut play, "Repairing", REPAIR);
            // The next one is alone.
            play.admin(AdminCommand::Retry);
            play.acknowledged(AdminCommand::Retry);
            assert_eq!(play.verdict().as_deref(), Some("S9"));
        }
    }
}

#[test]
fn s9_waits_for_no_answer_of_a_coordinator_that_ended() {
    // Of another one it does.
    for of_another in [false, true] {
        let mut play = given_up();
        if of_another {
            play.coordinator_starts();
        }
        play.admin(AdminCommand::Retry);
        let state = crate::history::FormerState::Ended;
        let incarnation = 1;
        play.see(Event::Former { incarnation, state });
        if !of_another {
            play.admin(AdminCommand::Retry);
        }
        play.acknowledged(AdminCommand::Retry);
        assert_eq!(play.verdict().as_deref(), Some("S9"), "{of_another}");
    }
}

#[test]
fn l4_expects_nothing_of_a_retry_of_what_is_held_or_did_not_fail() {
    let mut play = given_up();
    play.admin(AdminCommand::Hold);
    record(&mut play, "Repairing", &format!("{REPAIR}{HOLD}"));
    play.acknowledged(AdminCommand::Hold);
    play.admin(AdminCommand::Retry);
    record(&mut play, "Running", HOLD);
    play.acknowledged(AdminCommand::Retry);
    polls(&mut play, 10);
    play.is_right();
    let mut play = Play::running(100, 50);
    polls(&mut play, 60);
    play.admin(AdminCommand::Retry);
    play.acknowledged(AdminCommand::Retry);
    polls(&mut play, 10);
    play.is_right();
}

#[test]
fn s12_grants_each_retry_its_tries() {
    for retries in [0, 3] {
        let mut play = Play::running(100, 50);
        play.wait(61);
        for _ in 0..retries {
            play.admin(AdminCommand::Retry);
            play.acknowledged(AdminCommand::Retry);
        }
        record(&mut play, "Repairing", REPAIR);
        for _ in 0..130 {
            play.sent(Method::StopStream, Some(&play.key.clone()));
        }
        assert_eq!(play.verdict(), (retries == 0).then(|| "S12".to_owned()));
    }
}

#[test]
fn s12_grants_the_writes_of_orders_that_waited_for_a_frozen_coordinator() {
    for answered in [false, true] {
        let mut play = Play::running(100, 50);
        let key = play.key.clone();
        for _ in 0..300 {
            play.admin(AdminCommand::Release);
        }
        for _ in 0..3 {
            play.wait(100).admin(AdminCommand::Release);
        }
        for _ in 0..900 {
            if answered {
                play.acknowledged(AdminCommand::Release);
            }
            play.sent(Method::StoreCompareAndSet, Some(&key));
        }
        assert_eq!(play.verdict(), (!answered).then(|| "S12".to_owned()));
    }
}

#[test]
fn s12_objects_to_a_loop_that_reads_without_a_pause() {
    let mut play = Play::running(100, 50);
    play.wait(61);
    for _ in 0..1_000 {
        play.sent(Method::GetStream, Some(&play.key.clone()));
    }
    play.is_right();
    for _ in 0..1_000 {
        play.sent(Method::StoreGet, Some(&play.key.clone()));
    }
    play.violates("S12");
}

fn shadow_sends(play: &mut Play, method: Method) {
    let key = Some(play.key.clone());
    for event in [
        Event::CallSent {
            call: 77_777,
            method,
            key: key.clone(),
            by: SHADOW,
        },
        Event::CallApplied {
            call: 77_777,
            method,
            key,
            by: SHADOW,
            sent_at: play.now,
            version: None,
            height: None,
            answer: AnswerKind::Ok,
        },
        Event::CallAnswered {
            call: 77_777,
            method,
            answer: AnswerKind::Ok,
        },
    ] {
        play.see(event);
    }
}

#[test]
fn s18_objects_to_a_shadow_that_would_change_something() {
    for method in CHANGES.into_iter().chain([
        Method::StoreCompareAndSet,
        Method::StoreSetAdd,
        Method::StoreSetRemove,
    ]) {
        let mut play = Play::running(100, 50);
        shadow_sends(&mut play, method);
        play.violates("S18");
    }
}

#[test]
fn what_the_shadow_reads_is_nobody_elses_deed() {
    let mut play = Play::running(100, 50);
    play.see(Event::Phase(crate::history::RunPhase::Silence));
    shadow_sends(&mut play, Method::GetStream);
    play.is_right();
    let mut play = Play::running(100, 50);
    polls(&mut play, 90);
    play.registered(200, Some(60), false);
    play.wait(1);
    shadow_sends(&mut play, Method::GetStream);
    polls(&mut play, 10);
    play.violates("L4");
}

#[test]
fn l9_objects_to_a_shadow_that_would_act_is_surprised_or_overlooks() {
    let view = |would: Option<&str>, surprises: &[&str]| ShadowView {
        key: IndexerKey::new("a.near", "one"),
        would: would.map(str::to_owned),
        surprises: surprises.iter().map(|text| (*text).to_owned()).collect(),
    };
    let cases = [
        (vec![view(None, &["old"])], None),
        (vec![view(Some("start"), &["old"])], Some("would: start")),
        (vec![view(None, &["old", "new"])], Some("surprised: new")),
        (vec![], Some("overlooks")),
    ];
    for (after, expected) in cases {
        let mut play = Play::running(100, 50);
        let (settled, apart) = (vec![view(None, &["old"])], Duration::from_secs(3_600));
        play.oracles.shadow_settled(settled, apart);
        play.oracles.shadow_finish(&after, apart);
        let found = play.oracles.violation();
        assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
        if let (Some(found), Some(words)) = (found, expected) {
            assert_eq!(found.oracle, "L9");
            assert!(found.sentence.contains(words), "{}", found.sentence);
        }
    }
}

#[test]
fn l9_does_not_judge_waits_by_two_clocks() {
    const LATER: &str = r#","repair":{"from":"Running","cause":"ExecutorUnhealthy",
        "detail":"","limited":false,"attempts":8,"first_at":0,"last_at":0,
        "next_at":99999999999999}"#;
    let (long, short) = (Duration::from_secs(61), Duration::from_secs(60));
    for (waits, settled, finished, verdict) in [
        (true, short, short, Some("L9")),
        (true, long, short, None),
        (true, short, long, None),
        (false, long, long, Some("L9")),
    ] {
        let mut play = Play::running(100, 50);
        if waits {
            record(&mut play, "Repairing", LATER);
        }
        let view = |would: Option<&str>| ShadowView {
            key: IndexerKey::new("a.near", "one"),
            would: would.map(str::to_owned),
            surprises: Vec::new(),
        };
        play.oracles.shadow_settled(vec![view(None)], settled);
        play.oracles.shadow_finish(&[view(Some("start"))], finished);
        let found = play.verdict();
        assert_eq!(found.as_deref(), verdict, "{waits} {settled:?}");
    }
}

#[test]
fn l8_lets_be_looked_at_what_gave_up_and_became_well_by_itself() {
    const LATER: &str = r#","repair":{"from":"Running","cause":"ExecutorUnhealthy",
        "detail":"","limited":false,"attempts":8,"first_at":0,"last_at":0,
        "next_at":99999999999999}"#;
    for (state, verdict) in [(3, None), (5, Some("L8"))] {
        let mut play = Play::running(100, 50);
        let key = play.key.clone();
        let sick = |state| Node::ExecutorState {
            key: key.clone(),
            state,
        };
        play.node(sick(5));
        record(&mut play, "Repairing", LATER);
        polls(&mut play, 90);
        play.see(Event::Phase(RunPhase::Silence));
        play.node(sick(state));
        play.sent(Method::GetExecutor, Some(&key));
        assert_eq!(play.verdict().as_deref(), verdict, "{state}");
    }
}
