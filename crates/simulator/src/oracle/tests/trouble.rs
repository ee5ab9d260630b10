//! What trouble that is over, and another program, may still leave behind.

use std::time::Duration;

use sim_node::{Event as Node, IndexerKey, TaskStopReason};

use super::super::Limits;
use super::attention::{acts, disabled, polls, settled};
use super::effects::{another_task, second_task};
use super::ending::{finish, left_by_another_program};
use super::operating::HOLD;
use super::play::{Play, With};
use crate::history::{AdminCommand, AnswerKind, Change, Event, Method, RunPhase};

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
    for (deleted, heard, acted, height) in [
        (false, false, false, 200),
        (true, false, false, 200),
        (false, true, false, 200),
        (false, true, true, 200),
        (true, true, true, 200),
        (true, false, false, 201),
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
        if acted {
            acts(&mut play);
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
    for (account, writable, deleted) in [
        ("a.near", false, false),
        ("b.near", false, false),
        ("a.near", true, false),
        ("a.near", false, true),
    ] {
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
        if deleted {
            play.registry(Change::Deleted { height: 9_000 });
        } else {
            play.registered(200, Some(60), false);
        }
        polls(&mut play, 10);
        let excused = account == "a.near" && !writable && !deleted;
        assert_eq!(play.verdict(), (!excused).then(|| "L4".to_owned()));
    }
}

/// How another program leaves a record.
enum Left {
    /// It tells of this version.
    Telling(Option<u64>),
    /// It is removed, and a key from before records tells which version runs.
    VersionKey,
    /// As it was: the store was not there.
    Untouched,
}

#[test]
fn s5_knows_of_no_version_that_another_program_left_unmentioned() {
    for (left, newer, blamed) in [
        (Left::Telling(None), 200, false),
        (Left::Telling(Some(200)), 200, true),
        (Left::Telling(None), 300, true),
        (Left::VersionKey, 200, true),
        (Left::Untouched, 200, true),
    ] {
        let mut play = Play::running(100, 50);
        play.wait(1).registered(200, Some(60), false);
        play.stop(100);
        play.begin(200, 60);
        play.noted(200, 60);
        play.stop(200);
        let key = play.key.clone();
        let translated = Event::RecordTranslated { key: key.clone() };
        play.wait(1).see(translated);
        let after = match left {
            Left::Telling(told) => {
                let synced = told.map_or("null".to_owned(), |told| told.to_string());
                Some(format!(
                    r#"{{"account_id":"a.near","function_name":"one","enabled":true,
                        "block_stream_synced_at":{synced},"lifecycle_state":"Running"}}"#
                ))
            }
            Left::VersionKey | Left::Untouched => None,
        };
        if !matches!(left, Left::Untouched) {
            play.see(Event::RecordWritten {
                key,
                before: None,
                after: after.map(Into::into),
            });
        }
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
        assert_eq!(found.as_deref() == Some("S5"), blamed, "{newer}: {found:?}");
    }
}

/// A block streamer that could not ask the store made no sign of life, and the
/// coordinator tells so only when the world has long been healed.
#[test]
fn l8_lets_a_sign_of_life_be_missed_that_was_due_in_trouble() {
    for (lived, fault, later, blamed) in [
        (180, "store is frozen", 100, false),
        (180, "the link store <-> block_streamer is cut", 100, false),
        (180, "the link store <-> coordinator is cut", 100, true),
        (180, "block_streamer is killed", 100, true),
        (180, "store is frozen", 400, true),
        // Whoever has lived for a shorter time can miss nothing.
        (0, "store is frozen", 100, true),
    ] {
        let mut play = Play::running(100, 50);
        play.coordinator_starts();
        play.wait(lived);
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
        // Whoever gives up still must be well in all else.
        play.worker_orphaned(1_100);
        play.record_with("Repairing", true, run, &repair(most));
        assert!(!play.oracles.never_rested(play.now, since).is_empty());
        play.record_with("Repairing", true, run, &repair(1));
        // At the end of a run it must.
        assert!(play.oracles.unconverged(play.now).len() >= 2);
        let later = play.now + Duration::from_secs(1);
        assert!(play.oracles.never_rested(later, later).len() >= 2);
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

#[test]
fn s17_lets_a_clock_that_was_put_right_be_followed_by_a_tenth() {
    // A task counts as dead after 1,800 s, as the coordinator counts them.
    for (wrong, waited, verdict) in [
        (true, 1_700, None),
        (true, 1_500, Some("S17")),
        (false, 1_700, Some("S17")),
    ] {
        let mut play = Play::new();
        if wrong {
            play.see(Event::Fault {
                text: "the clock of coordinator is put back".to_owned(),
            });
        }
        play.see(Event::Phase(RunPhase::Healing));
        let begun = another_task(&mut play, true, waited);
        play.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        assert_eq!(play.verdict().as_deref(), verdict, "{wrong} {waited}");
    }
}

/// Whose signs of life could not be written for a while may look alive once more before its
/// standstill shows.
#[test]
fn l8_lets_be_looked_at_what_gave_up_on_a_stream_that_is_dead_and_looks_alive_again() {
    const GAVE_UP: &str = r#","repair":{"from":"Running","cause":"StreamUnhealthy",
        "detail":"","limited":true,"attempts":8,"first_at":0,"last_at":0,
        "next_at":99999999999999}"#;
    for (dead, verdict) in [(true, None), (false, Some("L8"))] {
        let mut play = Play::running(100, 50);
        if dead {
            play.wait(1).stream_ended(2_100, TaskStopReason::RedisError);
        }
        play.record_with("Repairing", true, Some((100, 50, true)), GAVE_UP);
        polls(&mut play, 90);
        play.see(Event::Phase(RunPhase::Silence));
        let key = play.key.clone();
        play.wait(11).sent(Method::GetStream, Some(&key));
        let again = play.verdict();
        assert_eq!(again.as_deref(), verdict, "{:?}", play.oracles.violation());
        // It does not come to rest any more: its standstill is found some minutes later.
        play.wait(120).sent(Method::GetStream, Some(&key));
        assert_eq!(play.verdict(), again);
    }
}

/// A question about a task may be lost, and is asked again after its deadline and a pause.
#[test]
fn l4_and_l5_let_a_lost_question_delay_the_end_of_a_task() {
    let usual = Limits::default();
    let slow = Limits {
        look: Duration::from_secs(55),
        recheck: Duration::from_secs(41),
        ..Limits::default()
    };
    let task = r#","task":{"id":"t1","since":1}"#;
    let cases = [(&usual, 90, true), (&slow, 90, false), (&slow, 130, true)];
    for (limits, seconds, late) in cases {
        for held in [false, true] {
            let mut play = Play::within(limits.clone());
            play.provisioning(task);
            if held {
                play.admin(AdminCommand::Hold);
                play.record_with("Initializing", true, None, &format!("{task}{HOLD}"));
                play.acknowledged(AdminCommand::Hold);
            }
            polls(&mut play, 150);
            play.task_ended("t1");
            polls(&mut play, seconds);
            if held {
                play.admin(AdminCommand::Release);
            } else {
                let method = Method::GetTaskStatus;
                let (call, _) = play.sent(method, None);
                let answer = AnswerKind::Ok;
                play.see(Event::CallAnswered {
                    call,
                    method,
                    answer,
                });
            }
            let oracle = if held { "L5" } else { "L4" };
            let verdict = late.then_some(oracle);
            assert_eq!(play.verdict().as_deref(), verdict, "{seconds} {held}");
        }
    }
}

#[test]
fn p1_knows_a_run_again_by_its_cursor() {
    for (again, verdict) in [(false, None), (true, Some("P1"))] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        for height in (50..=80).filter(|height| *height != 60) {
            play.block(100, height);
        }
        play.wait(1).stop(100);
        left_by_another_program(&mut play, "null");
        if again {
            left_by_another_program(&mut play, "100");
        }
        play.wait(60).registered(150, None, false);
        let start = if again { 80 } else { 150 };
        play.begin(150, start);
        play.noted(150, start);
        for height in start..=300 {
            play.wait(1).block(150, height);
        }
        let found = finish(&mut play, &[100, 150], 300);
        assert_eq!(found.as_deref(), verdict, "{:?}", play.oracles.violation());
    }
}

#[test]
fn p1_asks_nothing_of_a_run_whose_start_was_lost_before_its_first_stream() {
    for (lost, cursor, verdict) in [
        (true, false, None),
        (true, true, None),
        (false, false, Some("P3")),
    ] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        for height in 50..=80 {
            play.block(100, height);
        }
        play.wait(1).stop(100);
        play.registered(150, None, false);
        play.record("Running", Some((150, 80, false)));
        play.clear();
        play.record("Running", Some((150, 80, true)));
        if cursor {
            play.start_stream(150, 80, 2_149);
            play.cursor(2_149, 81);
            play.stream_ended(2_149, TaskStopReason::NodeDied);
        }
        if lost {
            left_by_another_program(&mut play, "null");
        }
        // Noted anew, with the only start that can be known, before a stream begins there.
        play.record("Running", Some((150, 150, true)));
        play.wait(60).begin(150, 150);
        play.noted(150, 150);
        for height in 150..=300 {
            play.wait(1).block(150, height);
        }
        let found = finish(&mut play, &[100, 150], 300);
        assert_eq!(found.as_deref(), verdict, "{:?}", play.oracles.violation());
    }
}

/// A start of an older version that nobody means any more may arrive late, and be listed.
#[test]
fn p1_asks_nothing_of_what_a_late_worker_of_another_version_ate() {
    for (version, excused, verdict) in [
        (100, true, None),
        (100, false, Some("S2")),
        (200, true, Some("P1")),
    ] {
        let mut play = Play::running(200, 50);
        play.noted(200, 50);
        play.worker_started(version, 77);
        let workers = &mut play.oracles.truth.at_mut(0).world.workers;
        let late = workers.iter_mut().find(|one| one.worker == 77);
        late.unwrap().excused = excused;
        for height in 50..=300 {
            if height == 60 {
                let entry = play.publish(200, 2_200, height);
                play.execute(100, 77, height, entry);
            } else {
                play.wait(1).block(200, height);
            }
        }
        let found = finish(&mut play, &[100, 200], 300);
        assert_eq!(found.as_deref(), verdict, "{version} {excused}");
    }
}

/// What is begun anew is held to what it has begun, as any other run.
#[test]
fn p1_objects_to_a_block_that_a_run_left_out_after_it_was_begun_anew() {
    for (left_out, verdict) in [(None, None), (Some(200), Some("P1"))] {
        let mut play = Play::running(100, 50);
        play.noted(100, 50);
        for height in 50..=80 {
            play.block(100, height);
        }
        play.wait(1).stop(100);
        play.registered(150, None, false);
        play.record("Running", Some((150, 80, false)));
        play.clear();
        play.record("Running", Some((150, 80, true)));
        left_by_another_program(&mut play, "null");
        play.wait(60).begin(150, 150);
        play.noted(150, 150);
        for height in (150..=300).filter(|height| Some(*height) != left_out) {
            play.wait(1).block(150, height);
        }
        play.wait(1).registered(400, None, false);
        play.stop(150);
        play.begin(400, 300);
        play.noted(400, 300);
        for height in 300..=500 {
            play.wait(1).block(400, height);
        }
        let found = finish(&mut play, &[100, 150, 400], 500);
        assert_eq!(found.as_deref(), verdict, "{:?}", play.oracles.violation());
    }
}

/// A command that died with its coordinator says nothing of what the next one changes.
#[test]
fn l4_takes_no_command_of_a_life_that_ended_for_one_of_the_next() {
    for done in [true, false] {
        let mut play = settled();
        disabled(&mut play);
        acts(&mut play);
        polls(&mut play, 20);
        let enabled = |play: &mut Play| {
            play.record_with("Repairing", true, Some((100, 50, true)), "");
        };
        play.admin(AdminCommand::Enable);
        if done {
            enabled(&mut play);
        }
        play.see(Event::CoordinatorEnded {
            incarnation: play.incarnation,
            orderly: false,
        });
        play.coordinator_starts();
        polls(&mut play, 40);
        play.admin(AdminCommand::Enable);
        enabled(&mut play);
        play.acknowledged(AdminCommand::Enable);
        polls(&mut play, 10);
        assert_eq!(play.verdict(), (!done).then(|| "L4".to_owned()), "{done}");
    }
}
