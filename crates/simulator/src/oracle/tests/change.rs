//! One of each, and changes in order.

use sim_node::{Event as Node, TaskStopReason};

use super::play::{Play, With};
use crate::history::{AnswerKind, Change, Event, Method};

#[test]
fn s1_objects_to_two_streams_unless_the_network_made_one() {
    for (gap, verdict) in [(0, Some("S1")), (6, None)] {
        let mut play = Play::running(100, 50);
        let sent = play.sent(Method::StartStream, Some(&play.key.clone()));
        play.wait(gap);
        let orphaned = Node::StreamOrphaned {
            key: play.key.clone(),
            task: 2_100,
        };
        let started = play.stream_started(100, 50, 7);
        let with = With {
            version: Some(100),
            height: Some(50),
        };
        play.arrives(sent, Method::StartStream, with, &[orphaned, started]);
        assert_eq!(play.verdict().as_deref(), verdict);
    }
}

#[test]
fn s1_says_nothing_of_a_stream_that_was_just_stopped() {
    let mut play = Play::running(100, 50);
    play.stream_health_is_bad();
    play.effect(Method::StopStream, With::default(), &[]);
    play.start_stream(100, 50, 7);
    play.stream_ended(2_100, TaskStopReason::Cancelled);
    play.is_right();
}

impl Play {
    fn stream_health_is_bad(&mut self) {
        let key = self.key.clone();
        self.node(Node::StreamHealth { key, state: 4 });
    }
}

/// Stops an executor that has been starting for `age` seconds, starts another,
/// and lets the first start come to an end. With a `fault`, the last look before
/// the stop meets it.
fn stopped_while_starting(age: u64, fault: Option<&'static str>) -> Play {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    play.stop(100);
    play.record("Running", Some((200, 60, false)));
    play.clear();
    play.record("Running", Some((200, 60, true)));
    let listed = play.executor_listed(200);
    let with = With {
        version: Some(200),
        height: None,
    };
    play.effect(Method::StartExecutor, with, &listed);
    play.wait(age).registered(300, Some(70), false);
    if let Some(fault) = fault {
        let (call, _) = play.sent(Method::GetExecutor, Some(&play.key.clone()));
        play.see(Event::CallFault {
            call,
            method: Method::GetExecutor,
            fault,
        });
    }
    let unlisted = Node::ExecutorUnlisted {
        key: play.key.clone(),
        version: 200,
    };
    play.effect(Method::StopExecutor, With::default(), &[unlisted]);
    play.begin(300, 70);
    play.wait(1).worker_started(200, 8);
    play.worker_orphaned(8);
    play
}

#[test]
fn s2_objects_to_a_worker_that_an_impatient_stop_leaked() {
    stopped_while_starting(3, None).violates("S2");
    stopped_while_starting(3, Some("hang")).violates("S2");
}

#[test]
fn s2_lets_a_patient_stop_pass() {
    stopped_while_starting(130, None).is_right();
}

#[test]
fn s2_lets_a_stop_pass_that_a_stale_answer_led_to() {
    stopped_while_starting(3, Some("stale")).is_right();
}

#[test]
fn s15_objects_to_a_new_version_without_clearing() {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    play.stop(100);
    play.record("Running", Some((200, 60, true)));
    play.start_executor(200, 9);
    play.violates("S15");
}

#[test]
fn s15_objects_to_a_stream_before_its_executor() {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    play.stop(100);
    play.record("Running", Some((200, 60, false)));
    play.clear();
    play.record("Running", Some((200, 60, true)));
    play.start_stream(200, 60, 9);
    play.violates("S15");
}

#[test]
fn s15_excuses_a_stream_whose_executor_a_late_stop_took_away_meanwhile() {
    for (waited, blamed) in [(1, false), (100, true)] {
        let mut play = Play::running(100, 50);
        play.wait(1).registered(200, Some(60), false);
        play.stop(100);
        play.record("Running", Some((200, 60, false)));
        play.clear();
        play.record("Running", Some((200, 60, true)));
        let late = play.sent(Method::StartExecutor, Some(&play.key.clone()));
        play.wait(100);
        let with = With {
            version: Some(200),
            height: None,
        };
        let listed = play.executor_listed(200);
        play.arrives(late, Method::StartExecutor, with, &listed);
        let key = play.key.clone();
        play.node(Node::ExecutorUnlisted { key, version: 200 });
        play.wait(waited);
        play.start_stream(200, 60, 9);
        assert_eq!(play.verdict(), blamed.then(|| "S15".to_owned()));
    }
}

#[test]
fn s15_objects_to_clearing_while_something_runs() {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    play.stop_executor(100, 1_100);
    play.record("Running", Some((200, 60, false)));
    play.clear();
    play.violates("S15");
}

#[test]
fn s15_lets_an_ordered_change_and_a_late_start_of_the_old_version_pass() {
    let mut play = Play::running(100, 50);
    let late = play.sent(Method::StartStream, Some(&play.key.clone()));
    play.wait(1).registered(200, Some(60), false);
    play.stop(100);
    play.record("Running", Some((200, 60, false)));
    play.clear();
    let started = play.stream_started(100, 50, 6);
    let with = With {
        version: Some(100),
        height: Some(50),
    };
    play.arrives(late, Method::StartStream, with, &[started]);
    play.stop_stream(6);
    play.clear();
    play.record("Running", Some((200, 60, true)));
    play.start_executor(200, 9);
    play.start_stream(200, 60, 9);
    play.is_right();
}

#[test]
fn p3_objects_to_a_run_that_skips_what_its_predecessor_left() {
    for (start, verdict) in [(53, Some("P3")), (51, None), (49, Some("P3"))] {
        let mut play = Play::running(100, 50);
        play.block(100, 50);
        for height in 51..54 {
            play.publish(100, 2_100, height);
        }
        play.wait(1).registered(200, None, false);
        play.stop(100);
        play.record("Running", Some((200, start, false)));
        assert_eq!(play.verdict().as_deref(), verdict, "{start}");
    }
}

#[test]
fn p3_objects_to_another_start_than_the_registry_asks_for() {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    play.stop(100);
    play.record("Running", Some((200, 61, false)));
    play.violates("P3");
}

#[test]
fn p3_does_not_judge_a_version_with_more_contents_than_it_remembers() {
    for (contents, start, verdict) in [
        (5, 3, None),
        (5, 900, Some("P3")),
        (60, 3, None),
        (60, 59, None),
    ] {
        let mut play = Play::running(100, 50);
        for content in 0..contents {
            play.registry(crate::history::Change::Registered {
                version: 200,
                content,
                start: Some(content),
                new_life: false,
                supported: true,
            });
        }
        play.listing();
        play.stop(100);
        play.record("Running", Some((200, start, false)));
        assert_eq!(play.verdict().as_deref(), verdict, "{contents} {start}");
    }
}

#[test]
fn p3_bounds_where_a_stream_goes_on() {
    for (height, verdict) in [(57, None), (58, None), (59, Some("P3")), (50, Some("P3"))] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        for height in 50..58 {
            play.block(100, height);
        }
        play.stream_ended(2_100, TaskStopReason::NodeDied);
        play.start_stream(100, height, 9);
        assert_eq!(play.verdict().as_deref(), verdict, "{height}");
    }
}

#[test]
fn p3_wants_the_start_until_a_first_start_is_noted() {
    for (height, verdict) in [(50, None), (57, Some("P3"))] {
        let mut play = Play::running(100, 50);
        for height in 50..58 {
            play.block(100, height);
        }
        play.stream_ended(2_100, TaskStopReason::NodeDied);
        play.start_stream(100, height, 9);
        assert_eq!(play.verdict().as_deref(), verdict, "{height}");
    }
}

#[test]
fn p3_wants_the_start_where_no_cursor_is_left() {
    for (height, verdict) in [(50, None), (51, Some("P3")), (100, Some("P3"))] {
        let mut play = Play::running(100, 50);
        play.stream_ended(2_100, TaskStopReason::NodeDied);
        play.start_stream(100, height, 9);
        assert_eq!(play.verdict().as_deref(), verdict, "{height}");
    }
}

#[test]
fn what_the_store_lost_is_no_objection() {
    let mut play = Play::running(100, 50);
    for height in 50..58 {
        play.block(100, height);
    }
    play.stream_ended(2_100, TaskStopReason::NodeDied);
    play.see(Event::StoreLost { span_micros: None });
    play.start_stream(100, 50, 9);
    play.is_right();
}

#[test]
fn a_right_executor_that_arrives_late_counts_as_first() {
    let mut play = Play::running(100, 50);
    play.wait(1).registered(200, Some(60), false);
    play.stop(100);
    play.record("Running", Some((200, 60, false)));
    play.clear();
    play.record("Running", Some((200, 60, true)));
    let late = play.sent(Method::StartExecutor, Some(&play.key.clone()));
    let listed = play.executor_listed(200);
    let with = With {
        version: Some(200),
        height: None,
    };
    play.wait(9)
        .arrives(late, Method::StartExecutor, with, &listed);
    play.worker_started(200, 9);
    play.start_stream(200, 60, 9);
    play.is_right();
}

#[test]
fn an_executor_that_came_late_and_went_since_counts_as_first_as_well() {
    for came in [true, false] {
        let mut play = Play::running(100, 50);
        play.wait(1).registered(200, Some(60), false);
        play.stop(100);
        play.record("Running", Some((200, 60, false)));
        play.clear();
        play.record("Running", Some((200, 60, true)));
        let key = play.key.clone();
        let late = play.sent(Method::StartExecutor, Some(&key));
        let with = With {
            version: Some(200),
            height: None,
        };
        play.wait(9);
        if came {
            let listed = play.executor_listed(200);
            play.arrives(late, Method::StartExecutor, with, &listed);
            play.wait(1)
                .node(Node::ExecutorUnlisted { key, version: 200 });
        }
        // Much later, so that it cannot have been there when the stream was asked for.
        play.wait(100).start_stream(200, 60, 9);
        let verdict = play.verdict();
        assert_eq!(verdict.as_deref() == Some("S15"), !came, "{verdict:?}");
    }
}

#[test]
fn p3_knows_that_an_unprepared_run_has_no_queue_of_its_own() {
    for (start, verdict) in [(200, None), (52, Some("P3"))] {
        let mut play = Play::running(100, 50);
        play.publish(100, 2_100, 51);
        play.wait(1).registered(200, Some(200), false);
        play.stop(100);
        play.record("Running", Some((200, 200, false)));
        play.wait(1).registered(300, None, false);
        play.record("Running", Some((300, start, false)));
        assert_eq!(play.verdict().as_deref(), verdict, "{start}");
    }
}

#[test]
fn s4_objects_to_an_indexer_begun_anew_after_its_deletion_was_carried_out() {
    for (between, verdict) in [
        ("nothing", Some("S4")),
        ("registered", None),
        ("another life", None),
        ("deleted once more", None),
        ("sent before", None),
        ("beside another", None),
        ("a second life", None),
    ] {
        let mut play = Play::running(100, 50);
        match between {
            "beside another" => play.coordinator_starts(),
            "a second life" => {
                play.deleted();
                play.registered(150, Some(55), true);
            }
            _ => {}
        }
        play.deleted();
        play.record("Deleting", Some((100, 50, true)));
        play.stop(100);
        let key = play.key.clone();
        let first = play.sent(Method::StoreCompareAndSet, Some(&key));
        play.write(None);
        play.wait(1);
        let sent = match between {
            "sent before" => first,
            _ => play.sent(Method::StoreCompareAndSet, Some(&key)),
        };
        play.applied(
            sent,
            Method::StoreCompareAndSet,
            Some(&key),
            With::default(),
        );
        match between {
            "registered" => play.registered(200, Some(60), true),
            "another life" => play.coordinator_starts(),
            _ => {}
        }
        let phase = match between {
            "deleted once more" => "Deleting",
            _ => "Initializing",
        };
        play.record(phase, None);
        assert_eq!(play.verdict().as_deref(), verdict, "{between}");
    }
}

#[test]
fn s2_excuses_a_late_copy_of_a_start_that_a_stale_answer_led_to() {
    for (misled, verdict) in [(true, None), (false, Some("S2"))] {
        let mut play = Play::running(100, 50);
        play.wait(120);
        let key = play.key.clone();
        let (look, _) = play.sent(Method::GetExecutor, Some(&key));
        if misled {
            play.see(Event::CallFault {
                call: look,
                method: Method::GetExecutor,
                fault: "stale",
            });
        }
        let (call, sent_at) = play.sent(Method::StartExecutor, Some(&key));
        play.wait(40);
        play.see(Event::CallApplied {
            call,
            method: Method::StartExecutor,
            key: Some(key),
            by: play.incarnation,
            sent_at,
            version: Some(100),
            height: None,
            answer: AnswerKind::Error(6),
        });
        assert_eq!(play.verdict().as_deref(), verdict);
    }
}

#[test]
fn s4_knows_that_no_listing_tells_of_a_life_newer_than_itself() {
    for told in [false, true] {
        let mut play = Play::running(100, 50);
        play.wait(100).registry(Change::Deleted { height: 9_000 });
        // It only lacks the indexer, and nobody asks on.
        play.wait(30).listing();
        play.wait(30).registry(Change::Registered {
            version: 9_100,
            content: 9_100,
            start: Some(9_100),
            new_life: true,
            supported: true,
        });
        if told {
            play.listing();
        }
        play.wait(30);
        let with = With {
            version: Some(100),
            height: None,
        };
        play.effect(Method::StartExecutor, with, &[]);
        assert_eq!(play.verdict(), told.then(|| "S4".to_owned()));
    }
}

#[test]
fn s4_does_not_know_which_of_several_coordinators_was_told_of_a_deletion() {
    for another in [false, true] {
        let mut play = Play::running(100, 50);
        play.listing();
        let first = play.incarnation;
        if another {
            play.coordinator_starts();
        }
        play.wait(100).deleted();
        play.incarnation = first;
        play.wait(100);
        let with = With {
            version: Some(100),
            height: None,
        };
        play.effect(Method::StartExecutor, with, &[]);
        assert_eq!(play.verdict(), (!another).then(|| "S4".to_owned()));
    }
}
