//! What trouble that is over, and another program, may still leave behind.

use std::time::Duration;

use sim_node::{Event as Node, IndexerKey, TaskStopReason};

use super::attention::{acts, polls, settled};
use super::effects::second_task;
use super::play::{Play, With};
use crate::history::{Change, Event, Method, RunPhase};

fn registered(version: u64, content: u64) -> Change {
    Change::Registered {
        version,
        content,
        start: Some(60),
        new_life: false,
        supported: true,
    }
}

#[test]
fn l4_asks_nothing_when_an_entry_leads_back_to_what_it_was_within_one_block() {
    for (deleted, heard, height) in [
        (false, false, 200),
        (true, false, 200),
        (false, true, 200),
        (true, false, 201),
    ] {
        let mut play = settled();
        play.registry(registered(200, 1));
        polls(&mut play, 1);
        acts(&mut play);
        polls(&mut play, 10);
        play.registry(match deleted {
            true => Change::Deleted { height: 200 },
            false => registered(200, 2),
        });
        if heard {
            polls(&mut play, 1);
        }
        play.registry(registered(height, 1));
        polls(&mut play, 10);
        let news = heard || height != 200;
        assert_eq!(play.verdict(), news.then(|| "L4".to_owned()));
    }
}

/// The one whose turn it is cannot note its task, and pauses between its tries.
#[test]
fn l4_lets_a_line_stand_still_while_nothing_can_be_written() {
    for (account, writable) in [("a.near", false), ("b.near", false), ("a.near", true)] {
        let mut play = Play::new();
        play.registered(100, Some(50), true);
        play.record("Initializing", None);
        let own = std::mem::replace(&mut play.key, IndexerKey::new(account, "other"));
        play.registered(100, Some(50), true);
        acts(&mut play);
        play.key = own;
        acts(&mut play);
        polls(&mut play, 400);
        if !writable {
            play.see(Event::StoreWrites { taken: false });
        }
        polls(&mut play, 20);
        play.registered(200, Some(60), false);
        polls(&mut play, 10);
        let excused = account == "a.near" && !writable;
        assert_eq!(play.verdict(), (!excused).then(|| "L4".to_owned()));
    }
}

#[test]
fn s5_knows_of_no_version_that_another_program_left_unmentioned() {
    for (told, newer, blamed) in [
        (None, 200, false),
        (Some(200), 200, true),
        (None, 300, true),
    ] {
        let mut play = Play::running(100, 50);
        play.wait(1).registered(200, Some(60), false);
        play.stop(100);
        play.begin(200, 60);
        play.stop(200);
        let key = play.key.clone();
        let synced = told.map_or("null".to_owned(), |told: u64| told.to_string());
        let text = format!(
            r#"{{"account_id":"a.near","function_name":"one","enabled":true,
                "block_stream_synced_at":{synced},"lifecycle_state":"Running"}}"#
        );
        play.wait(1)
            .see(Event::RecordTranslated { key: key.clone() });
        play.see(Event::RecordWritten {
            key,
            before: None,
            after: Some(text.into()),
        });
        play.see(Event::Fault {
            text: "*: RegistryListAll meets Stale".to_owned(),
        });
        let start = |play: &mut Play, version| {
            let with = With {
                version: Some(version),
                height: None,
            };
            play.wait(1).effect(Method::StartExecutor, with, &[]);
        };
        if newer > 200 {
            play.registered(newer, Some(70), false);
            start(&mut play, newer);
        }
        start(&mut play, 100);
        let found = play.oracles.violation().map(|found| found.oracle.clone());
        assert_eq!(
            found.as_deref() == Some("S5"),
            blamed,
            "{told:?} {newer}: {found:?}"
        );
    }
}

/// A block streamer that could not ask the store made no sign of life, and the
/// coordinator tells so only when the world has long been healed.
#[test]
fn l8_lets_a_sign_of_life_be_missed_that_was_due_in_trouble() {
    for (fault, later, blamed) in [
        ("store is frozen", 100, false),
        ("the link store <-> block_streamer is cut", 100, false),
        ("the link store <-> coordinator is cut", 100, true),
        ("store is frozen", 400, true),
    ] {
        let mut play = Play::running(100, 50);
        let text = fault.to_owned();
        play.see(Event::Fault { text });
        play.wait(5).see(Event::Phase(RunPhase::Healing));
        play.wait(60).see(Event::Phase(RunPhase::Silence));
        play.wait(later);
        play.sent(Method::GetStream, Some(&play.key.clone()));
        assert_eq!(play.verdict(), blamed.then(|| "L8".to_owned()), "{fault}");
    }
}

#[test]
fn who_gave_up_in_a_quiet_period_need_not_rest_at_its_end() {
    let repair = |attempts: u32| {
        format!(
            r#","repair":{{"from":"Running","cause":"ExecutorFailing","detail":"it fails",
                "limited":true,"attempts":{attempts},"first_at":1,"last_at":1,"next_at":1}}"#
        )
    };
    for (gave_up, expected) in [(true, 0), (false, 2)] {
        let mut play = Play::running(100, 50);
        let since = play.wait(1).now;
        if !gave_up {
            play.wait(1);
        }
        let most = play.oracles.truth.limits.attempts_max;
        let run = Some((100, 50, true));
        if gave_up {
            play.wait(1)
                .record_with("Repairing", true, run, &repair(most));
        }
        play.wait(1).record_with("Repairing", true, run, &repair(1));
        let (key, state) = (play.key.clone(), 2);
        play.node(Node::ExecutorState { key, state });
        play.wait(600);
        let left = play.oracles.never_rested(play.now, since);
        assert_eq!(left.len(), expected, "{left:?}");
        // At the end of a run it must.
        assert_eq!(play.oracles.unconverged(play.now).len(), 2);
        let later = play.now + Duration::from_secs(1);
        assert_eq!(play.oracles.never_rested(later, play.now).len(), 2);
    }
}

/// Whoever sent the stop had given it up before it arrived.
#[test]
fn l2_leaves_alone_what_a_stream_writes_whose_stop_came_late() {
    for (late, expected) in [(true, 0), (false, 1)] {
        let mut play = Play::running(100, 50);
        play.wait(1).deleted();
        play.record("Deleting", Some((100, 50, true)));
        let key = play.key.clone();
        let sent = play.sent(Method::StopStream, Some(&key));
        if late {
            play.see(Event::CallFault {
                call: sent.0,
                method: Method::StopStream,
                fault: "late",
            });
            play.wait(12);
        }
        play.arrives(sent, Method::StopStream, With::default(), &[]);
        play.stop_executor(100, 1_100);
        play.clear();
        play.wait(1).cursor(2_100, 60);
        play.stream_ended(2_100, TaskStopReason::Cancelled);
        play.write(None);
        let problems = play.oracles.unconverged(play.now);
        assert_eq!(problems.len(), expected, "{problems:?}");
    }
}

/// The one of two coordinators that goes on has had no time to look, either.
#[test]
fn s17_expects_no_knowledge_of_what_another_began_that_has_just_ended() {
    for (waited, verdict) in [(5, None), (60, Some("S17"))] {
        let (mut play, begun) = second_task(true, waited);
        play.coordinator_starts();
        play.see(Event::CoordinatorEnded {
            incarnation: 1,
            orderly: false,
        });
        play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        assert_eq!(play.verdict().as_deref(), verdict, "{waited}");
    }
}
