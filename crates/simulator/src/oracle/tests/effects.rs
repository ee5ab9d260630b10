//! What the coordinator does, and whether it may.

use sim_node::IndexerKey;

use super::super::Limits;
use super::play::{Play, With};
use crate::history::{AdminCommand, AnswerKind, Change, Event, Method};

#[test]
fn a_life_by_the_book_is_right() {
    let mut play = Play::running(100, 50);
    play.block(100, 50);
    play.is_right();
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    play.wait(100);
    play.admin(AdminCommand::Disable);
    play.record_with("Running", false, Some((100, 50, true)), "");
    play.acknowledged(AdminCommand::Disable);
    play.record_with("Suspending", false, Some((100, 50, true)), "");
    play.stop(100);
    play.record_with("Suspended", false, Some((100, 50, true)), "");
    play.is_right();
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    play.wait(100).deleted();
    play.record_with(
        "Deleting",
        false,
        Some((100, 50, true)),
        r#","tombstone":9000"#,
    );
    play.clear();
    play.write(None);
    play.is_right();
    assert_eq!(play.oracles.unconverged(play.now), Vec::<String>::new());
    let marks = play.oracles.marks();
    assert_eq!(marks.get("phase Suspended"), Some(&1));
    assert_eq!(marks.get("transition Suspended -> Deleting"), Some(&1));
    assert!(marks.contains_key("StartStream answered ok"));
}

#[test]
fn s4_objects_to_starting_what_is_not_wanted_any_more() {
    let mut play = Play::running(100, 50);
    play.wait(100).deleted();
    play.wait(20);
    let sent = play.sent(Method::StartExecutor, Some(&play.key.clone()));
    let with = With {
        version: Some(100),
        height: None,
    };
    play.arrives(sent, Method::StartExecutor, with, &[]);
    play.violates("S4");
}

#[test]
fn s4_lets_a_late_delivery_and_a_silent_registry_pass() {
    let mut play = Play::running(100, 50);
    play.wait(100);
    let sent = play.sent(Method::StartExecutor, Some(&play.key.clone()));
    play.deleted();
    play.wait(60);
    let with = With {
        version: Some(100),
        height: None,
    };
    play.arrives(sent, Method::StartExecutor, with, &[]);
    play.is_right();

    let mut play = Play::running(100, 50);
    // Nobody answers the coordinator after the update.
    play.wait(100).registry(Change::Registered {
        version: 200,
        content: 2,
        start: Some(200),
        new_life: false,
        supported: true,
    });
    play.wait(600);
    play.effect(Method::StartExecutor, with, &[]);
    play.is_right();
}

#[test]
fn s4_goes_by_what_each_of_several_coordinators_has_heard() {
    for (another, late_hears) in [(false, true), (true, false), (true, true)] {
        let mut play = Play::running(100, 50);
        play.listing();
        let first = play.incarnation;
        if another {
            play.coordinator_starts();
        }
        let second = play.incarnation;
        play.wait(100).registered(200, Some(60), false);
        play.incarnation = first;
        if late_hears {
            play.listing();
        }
        play.wait(100);
        play.incarnation = second;
        play.listing();
        play.incarnation = first;
        let with = With {
            version: Some(100),
            height: None,
        };
        play.effect(Method::StartExecutor, with, &[]);
        let blamed = late_hears.then(|| "S4".to_owned());
        assert_eq!(play.verdict(), blamed, "{another} {late_hears}");
    }
}

#[test]
fn s4_objects_to_starting_what_is_disabled_even_if_the_registry_is_silent() {
    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Disable);
    play.record_with("Running", false, Some((100, 50, true)), "");
    play.acknowledged(AdminCommand::Disable);
    play.wait(30);
    let with = With {
        version: Some(100),
        height: None,
    };
    play.effect(Method::StartExecutor, with, &[]);
    play.violates("S4");
}

#[test]
fn s5_objects_to_an_older_version_after_a_newer_one() {
    let mut play = Play::running(100, 50);
    play.wait(5).registered(200, Some(60), false);
    play.stop(100);
    play.begin(200, 60);
    play.is_right();
    let with = With {
        version: Some(100),
        height: None,
    };
    play.effect(Method::StartExecutor, with, &[]);
    play.violates("S5");
}

#[test]
fn s5_lets_an_older_call_arrive_late() {
    let mut play = Play::running(100, 50);
    let with = With {
        version: Some(100),
        height: None,
    };
    let sent = play.sent(Method::StartExecutor, Some(&play.key.clone()));
    play.wait(5).registered(200, Some(60), false);
    play.stop(100);
    play.begin(200, 60);
    play.arrives(sent, Method::StartExecutor, with, &[]);
    play.is_right();
}

#[test]
fn s6_objects_to_stopping_what_is_healthy_and_wanted() {
    let mut play = Play::running(100, 50);
    play.wait(100).listing();
    play.stop_stream(2_100);
    play.violates("S6");
    let mut play = Play::running(100, 50);
    play.wait(100).listing();
    play.stop_executor(100, 1_100);
    play.violates("S6");
    let mut play = Play::running(100, 50);
    play.wait(100);
    play.clear();
    play.violates("S6");
    // Who asks for it in vain has done nothing.
    let mut play = Play::running(100, 50);
    play.wait(100);
    play.sent(Method::StoreDelete, Some(&play.key.clone()));
    play.is_right();
}

#[test]
fn s6_lets_repairs_stale_reads_and_updates_pass() {
    let repair = r#","repair":{"from":"Running","cause":"StreamUnhealthy","detail":"",
        "limited":true,"attempts":1,"first_at":0,"last_at":0,"next_at":0}"#;
    let mut play = Play::running(100, 50);
    play.wait(100).listing();
    play.record_with("Repairing", true, Some((100, 50, true)), repair);
    play.stop_stream(2_100);
    play.is_right();

    let mut play = Play::running(100, 50);
    play.wait(100).listing();
    let (call, _) = play.sent(Method::GetStream, Some(&play.key.clone()));
    play.see(Event::CallFault {
        call,
        method: Method::GetStream,
        fault: "stale",
    });
    play.stop_stream(2_100);
    play.is_right();

    let mut play = Play::running(100, 50);
    play.wait(100).registered(200, Some(200), false);
    play.stop(100);
    play.is_right();
}

#[test]
fn s7_objects_to_deletion_without_a_tombstone() {
    let mut play = Play::running(100, 50);
    play.wait(100).record("Deleting", Some((100, 50, true)));
    play.violates("S7");
}

#[test]
fn s7_lets_a_deletion_pass_that_a_new_registration_overtakes() {
    let mut play = Play::running(100, 50);
    play.wait(100).deleted();
    play.registered(9_100, Some(9_100), true);
    play.record("Deleting", Some((100, 50, true)));
    play.is_right();
}

#[test]
fn s8_objects_to_transitions_and_effects_that_the_phase_does_not_allow() {
    let mut play = Play::running(100, 50);
    play.record("Initializing", Some((100, 50, true)));
    play.violates("S8");

    let mut play = Play::running(100, 50);
    play.write(Some("no record"));
    play.violates("S8");

    let mut play = Play::new();
    play.registered(100, Some(50), true);
    play.record("Initializing", None);
    play.sent(Method::StartExecutor, Some(&play.key.clone()));
    play.violates("S8");

    let mut play = Play::running(100, 50);
    play.write(None);
    play.violates("S8");
}

#[test]
fn s8_objects_to_running_without_a_data_layer() {
    for (completed, verdict) in [(false, Some("S8")), (true, None)] {
        let mut play = Play::new();
        play.registered(100, Some(50), true);
        play.record("Initializing", None);
        let begun = play.task_started("t1");
        play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        play.record_with(
            "Initializing",
            true,
            None,
            r#","task":{"id":"t1","since":1}"#,
        );
        if completed {
            play.task_ended("t1");
        }
        play.record("Running", None);
        assert_eq!(play.verdict().as_deref(), verdict);
    }
}

#[test]
fn s8_says_nothing_of_what_other_hands_wrote() {
    let mut play = Play::running(100, 50);
    play.now = play.now + std::time::Duration::from_millis(10);
    let key = play.key.clone();
    play.see(Event::RecordTampered { key: key.clone() });
    let after = Some(br#"{"lifecycle_state":"Stopped"}"#.as_slice().into());
    play.see(Event::RecordWritten {
        key,
        before: None,
        after,
    });
    play.is_right();
}

#[test]
fn s9_objects_to_a_command_that_was_acknowledged_and_undone() {
    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Disable);
    play.record_with("Running", false, Some((100, 50, true)), "");
    play.acknowledged(AdminCommand::Disable);
    play.is_right();
    play.record("Running", Some((100, 50, true)));
    play.violates("S9");

    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Disable);
    play.acknowledged(AdminCommand::Disable);
    play.violates("S9");
}

#[test]
fn s9_says_nothing_while_another_command_is_under_way() {
    let mut play = Play::running(100, 50);
    play.admin(AdminCommand::Disable);
    play.record_with("Running", false, Some((100, 50, true)), "");
    play.acknowledged(AdminCommand::Disable);
    play.admin(AdminCommand::Enable);
    play.record("Running", Some((100, 50, true)));
    play.is_right();
}

#[test]
fn s10_objects_to_an_effect_on_somebody_else() {
    let mut play = Play::running(100, 50);
    let sent = play.sent(Method::StartExecutor, Some(&play.key.clone()));
    let other = IndexerKey::new("a.near", "two");
    play.wait(1).node(sim_node::Event::ExecutorListed {
        key: other,
        version: 100,
    });
    let with = With {
        version: Some(100),
        height: None,
    };
    play.applied(sent, Method::StartExecutor, Some(&play.key.clone()), with);
    play.violates("S10");
}

#[test]
fn s10_objects_to_a_start_with_somebody_elses_queue() {
    let mut play = Play::running(100, 50);
    let key = play.key.clone();
    play.see(Event::Misdirected {
        key,
        method: Method::StartExecutor,
        queue: "a.near/two:block_stream".to_owned(),
    });
    play.violates("S10");
}

#[test]
fn s12_objects_to_a_storm_of_calls_and_of_starts() {
    let mut play = Play::running(100, 50);
    for _ in 0..200 {
        play.sent(Method::StartExecutor, Some(&play.key.clone()));
    }
    play.violates("S12");

    let mut play = Play::new();
    for number in 0..200 {
        let key = IndexerKey::new("a.near", &number.to_string());
        let (call, method) = (number, Method::StartStream);
        play.see(Event::CallSent {
            call,
            method,
            key: Some(key),
            by: 1,
        });
    }
    play.violates("S12");
}

#[test]
fn s12_lets_a_steady_trickle_pass() {
    let mut play = Play::running(100, 50);
    for _ in 0..200 {
        play.wait(2);
        play.sent(Method::StartExecutor, Some(&play.key.clone()));
    }
    play.is_right();
}

#[test]
fn s14_objects_to_a_panic() {
    let mut play = Play::new();
    play.see(Event::Panicked {
        message: "index out of bounds".to_owned(),
    });
    play.violates("S14");
}

#[test]
fn s17_objects_to_two_tasks_of_one_account() {
    for (fate_known, waited) in [(true, 60), (false, 60), (true, 130)] {
        let (mut play, begun) = second_task(fate_known, waited);
        play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        play.violates("S17");
    }
}

#[test]
fn s17_lets_a_task_of_unknown_fate_be_repeated_after_a_while() {
    let (mut play, begun) = second_task(false, 130);
    play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
    play.is_right();
    let (mut play, begun) = second_task(true, 1_900);
    play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
    play.is_right();
}

#[test]
fn s17_expects_of_two_coordinators_no_knowledge_of_what_the_other_just_began() {
    for (more, waited, verdict) in [(0, 5, Some("S17")), (1, 5, None), (1, 60, Some("S17"))] {
        let (mut play, begun) = second_task(true, waited);
        for _ in 0..more {
            play.coordinator_starts();
        }
        play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        assert_eq!(play.verdict().as_deref(), verdict, "{more}, {waited}");
    }
}

#[test]
fn s17_believes_no_age_that_a_wrong_clock_told() {
    for node in ["coordinator", "runner"] {
        let (mut play, begun) = second_task(true, 60);
        play.see(Event::Fault {
            text: format!("the clock of {node} jumps by +33m"),
        });
        play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        let blamed = (node == "runner").then(|| "S17".to_owned());
        assert_eq!(play.verdict(), blamed);
    }
}

#[test]
fn s17_excuses_in_the_next_life_a_task_that_the_store_forgot() {
    for forgets in [false, true] {
        let (mut play, begun) = second_task(true, 5);
        if forgets {
            play.see(Event::StoreLost {
                span_micros: Some(60_000_000),
            });
            play.wait(20);
        }
        play.deleted();
        play.registered(200, Some(60), true);
        play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        assert_eq!(play.verdict(), (!forgets).then(|| "S17".to_owned()));
    }
}

pub(super) fn second_task(fate_known: bool, waited: u64) -> (Play, sim_node::Event) {
    let mut play = Play::new();
    let begun = another_task(&mut play, fate_known, waited);
    (play, begun)
}

pub(super) fn another_task(play: &mut Play, fate_known: bool, waited: u64) -> sim_node::Event {
    let id = if fate_known { r#""t1""# } else { "null" };
    let task = format!(r#","task":{{"id":{id},"since":1}}"#);
    play.provisioning(&task);
    play.wait(waited).listing();
    play.task_started("t2")
}

#[test]
fn a_refused_call_is_no_effect() {
    let mut play = Play::running(100, 50);
    play.wait(100).deleted();
    play.wait(20);
    let (call, sent_at) = play.sent(Method::StartStream, Some(&play.key.clone()));
    let key = Some(play.key.clone());
    play.see(Event::CallApplied {
        call,
        method: Method::StartStream,
        key,
        by: 1,
        sent_at,
        version: Some(100),
        height: Some(50),
        answer: AnswerKind::Error(13),
    });
    play.is_right();
}

#[test]
fn s1_and_s2_object_to_asking_for_a_second_even_if_it_is_refused() {
    let starts = [(Method::StartStream, "S1"), (Method::StartExecutor, "S2")];
    for (method, oracle) in starts {
        for (age, verdict) in [(1, None), (60, Some(oracle))] {
            let mut play = Play::running(100, 50);
            play.wait(age);
            let (call, sent_at) = play.sent(method, Some(&play.key.clone()));
            let key = Some(play.key.clone());
            play.see(Event::CallApplied {
                call,
                method,
                key,
                by: 1,
                sent_at,
                version: Some(100),
                height: Some(50),
                answer: AnswerKind::Error(6),
            });
            assert_eq!(play.verdict().as_deref(), verdict, "{age} {method:?}");
        }
    }
}

#[test]
fn a_coordinator_that_was_frozen_may_act_on_what_it_knew() {
    use crate::history::{NodeName, NodeState};
    for (after, verdict) in [(1, None), (60, Some("S4"))] {
        let mut play = Play::running(100, 50);
        play.wait(100).listing();
        let node = NodeName::Coordinator;
        play.see(Event::NodeState {
            node,
            state: NodeState::Paused,
        });
        play.wait(100);
        play.registered(200, Some(60), false);
        play.wait(100).see(Event::NodeState {
            node,
            state: NodeState::Up,
        });
        play.wait(after).listing();
        let with = With {
            version: Some(100),
            height: None,
        };
        play.effect(Method::StartExecutor, with, &[]);
        assert_eq!(play.verdict().as_deref(), verdict, "{after}");
    }
}

#[test]
fn s8_objects_to_a_rule_that_is_refused_for_no_reason() {
    for supported in [true, false] {
        let mut play = Play::new();
        play.coordinator_starts();
        play.registry(Change::Registered {
            version: 100,
            content: 100,
            start: Some(50),
            new_life: true,
            supported,
        });
        play.record("Initializing", None);
        play.record_with(
            "Repairing",
            true,
            None,
            r#","repair":{"from":"Initializing","cause":"UnsupportedRule","detail":"",
            "limited":true,"attempts":1,"first_at":1,"last_at":1,"next_at":1}"#,
        );
        assert_eq!(play.verdict(), supported.then(|| "S8".to_owned()));
    }
}

#[test]
fn s9_objects_to_a_newcomer_that_nobody_switched_off() {
    let mut play = Play::new();
    play.coordinator_starts();
    play.registered(100, Some(50), true);
    play.record_with("Initializing", false, None, "");
    play.violates("S9");
}

#[test]
fn s12_objects_to_polls_without_a_pause() {
    let mut play = Play::running(100, 50);
    for _ in 0..400 {
        play.sent(Method::ListStreams, None);
    }
    play.is_right();
    for _ in 0..400 {
        play.sent(Method::ListStreams, None);
    }
    play.violates("S12");
}

#[test]
fn s12_grants_the_writes_that_short_pauses_of_the_store_allow() {
    for allowed in [0, 1_000] {
        let mut play = Play::within(Limits {
            writes_per_indexer_per_minute: allowed,
            ..Limits::default()
        });
        play.registered(100, Some(50), true);
        for _ in 0..600 {
            play.sent(Method::StoreCompareAndSet, Some(&play.key.clone()));
        }
        assert_eq!(play.verdict(), (allowed == 0).then(|| "S12".to_owned()));
    }
}

#[test]
fn s12_knows_that_a_newcomer_asks_for_the_set_at_each_look() {
    for looks in [false, true] {
        let mut play = Play::running(100, 50);
        for _ in 0..1_000 {
            if looks {
                play.sent(Method::StoreGet, Some(&play.key.clone()));
            }
            play.sent(Method::StoreSetMembers, None);
        }
        assert_eq!(play.verdict(), (!looks).then(|| "S12".to_owned()));
    }
}
