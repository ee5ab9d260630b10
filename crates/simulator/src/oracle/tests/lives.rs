//! What of one registration life holds in the next.

use sim_node::Time;

use super::play::{Play, With};
use crate::history::{AdminCommand, AnswerKind, CallId, Change, Event, Method};

/// Deleted, and registered again in version 9,100; the coordinator hears of both, or
/// of the deletion only.
fn registered_again(told: bool) -> Play {
    let mut play = Play::running(100, 50);
    play.wait(100).deleted();
    play.record_with("Deleting", true, Some((100, 50, true)), "");
    play.stop(100);
    play.wait(30).registry(Change::Registered {
        version: 9_100,
        content: 9_100,
        start: Some(9_100),
        new_life: true,
        supported: true,
    });
    if told {
        play.wait(1).listing();
    }
    play.wait(1);
    play
}

#[test]
fn s5_objects_to_a_version_of_an_earlier_life_once_the_new_one_was_begun() {
    for (told, lost) in [(true, false), (false, false), (true, true)] {
        let mut play = registered_again(told);
        play.record("Initializing", None);
        if lost {
            play.forgotten();
        }
        play.record("Running", None);
        play.record("Running", Some((100, 100, true)));
        // Nobody who has just been started knows that it is told old news.
        play.coordinator_starts();
        play.see(Event::Fault {
            text: "*: RegistryListAll meets Stale".to_owned(),
        });
        play.wait(1);
        let with = With {
            version: Some(100),
            height: None,
        };
        play.effect(Method::StartExecutor, with, &[]);
        let found = play.oracles.violation().map(|found| found.oracle.clone());
        let is_s5 = found.as_deref() == Some("S5");
        assert_eq!(is_s5, told && !lost, "{told} {lost}: {found:?}");
    }
}

#[test]
fn s9_objects_to_a_switch_that_is_lost_with_the_record_of_a_life_that_goes_on() {
    // What another program has written does not tell of its life any more.
    for (told, foreign) in [(true, false), (false, false), (true, true)] {
        let mut play = registered_again(told);
        play.record("Initializing", None);
        play.admin(AdminCommand::Disable);
        play.record_with("Initializing", false, None, "");
        play.acknowledged(AdminCommand::Disable);
        play.record_with("Suspending", false, None, "");
        play.record_with("Suspended", false, None, "");
        if foreign {
            let key = play.key.clone();
            let text = r#"{"account_id":"a.near","function_name":"one","enabled":false,
                "block_stream_synced_at":null,"lifecycle_state":"Suspended"}"#;
            play.see(Event::RecordTranslated { key: key.clone() });
            play.see(Event::RecordWritten {
                key,
                before: None,
                after: Some(text.into()),
            });
        }
        play.record_with("Deleting", false, None, r#","tombstone":9000"#);
        play.write(None);
        play.is_right();
        play.record("Initializing", None);
        let lost = told && !foreign;
        assert_eq!(
            play.verdict(),
            lost.then(|| "S9".to_owned()),
            "{told} {foreign}"
        );
    }
}

/// What a coordinator writes that has seen a tombstone.
const DELETING: &str = r#"{"account_id":"a.near","function_name":"one","enabled":true,
    "block_stream_synced_at":100,"lifecycle_state":"Deleting","coordinator":{"format":1,
    "revision":2,"provisioned":true,"tombstone":9000}}"#;

fn life_of(version: u64) -> Change {
    Change::Registered {
        version,
        content: version,
        start: Some(version),
        new_life: true,
        supported: true,
    }
}

#[test]
fn s7_judges_a_deletion_by_what_could_be_known_when_it_was_sent() {
    // Seconds after the new registration, before which the store is frozen.
    for (sent_at, verdict) in [(None, None), (Some(3), None), (Some(100), Some("S7"))] {
        let mut play = Play::running(100, 50);
        play.wait(100).deleted();
        let key = play.key.clone();
        let method = Method::StoreCompareAndSet;
        let mut sent: Option<(CallId, Time)> = None;
        if sent_at.is_none() {
            sent = Some(play.sent(method, Some(&key)));
        }
        play.wait(10).registered(9_100, Some(9_100), true);
        if let Some(seconds) = sent_at {
            play.wait(seconds).listing();
            sent = Some(play.sent(method, Some(&key)));
        }
        play.wait(380).listing();
        let sent = sent.expect("it was sent");
        play.lands_late(sent, Some(DELETING));
        assert_eq!(play.verdict().as_deref(), verdict, "{sent_at:?}");
    }
}

#[test]
fn s7_takes_no_tombstone_for_a_proof_that_came_after_the_write_was_sent() {
    for (later, verdict) in [(false, None), (true, Some("S7"))] {
        let mut play = Play::running(100, 50);
        let (key, method) = (play.key.clone(), Method::StoreCompareAndSet);
        if !later {
            play.wait(100).deleted();
        }
        let sent = play.wait(1).sent(method, Some(&key));
        if later {
            play.wait(1).deleted();
        }
        play.lands_late(sent, Some(DELETING));
        assert_eq!(play.verdict().as_deref(), verdict, "{later}");
    }
}

#[test]
fn s7_lets_a_round_end_that_was_looking_when_the_registry_told_the_truth_again() {
    // Seconds after the first listing that told the truth.
    for (after, verdict) in [(0, None), (10, None), (40, Some("S7"))] {
        let mut play = Play::running(100, 50);
        play.wait(100).deleted();
        play.wait(1).registry(life_of(9_100));
        for _ in 0..27 {
            let (call, at) = play.wait(1).sent(Method::RegistryListAll, None);
            play.see(Event::Fault {
                text: "*: RegistryListAll meets Empty".to_owned(),
            });
            play.applied((call, at), Method::RegistryListAll, None, With::default());
            play.see(Event::CallAnswered {
                call,
                method: Method::RegistryListAll,
                answer: AnswerKind::Ok,
            });
        }
        play.wait(1).listing();
        play.wait(after);
        let sent = play.sent(Method::StoreCompareAndSet, Some(&play.key.clone()));
        play.lands_late(sent, Some(DELETING));
        assert_eq!(play.verdict().as_deref(), verdict, "{after}");
    }
}

#[test]
fn s7_knows_no_round_that_is_older_than_the_coordinator() {
    let mut play = Play::running(100, 50);
    play.wait(100).deleted();
    play.wait(1).registry(life_of(9_100));
    play.wait(60).see(Event::CoordinatorEnded {
        incarnation: 1,
        orderly: false,
    });
    play.coordinator_starts();
    play.wait(1).listing();
    let sent = play.sent(Method::StoreCompareAndSet, Some(&play.key.clone()));
    play.wait(20);
    play.lands_late(sent, Some(DELETING));
    play.violates("S7");
}

/// Old news excuse whoever cannot know better, and nobody else.
#[test]
fn s4_objects_to_a_version_that_a_coordinator_long_knew_to_be_outdated() {
    // (it has read who has a record, and how long before it heard the truth)
    for (loaded, wrong) in [(Some(60), true), (Some(1), false), (None, false)] {
        let mut play = Play::running(100, 50);
        play.wait(60).registered(200, None, false);
        let incarnation = 1;
        play.see(Event::CoordinatorEnded {
            incarnation,
            orderly: false,
        });
        play.coordinator_starts();
        play.see(Event::Fault {
            text: "*: RegistryListAll meets Stale".to_owned(),
        });
        if let Some(seconds) = loaded {
            play.call(Method::StoreSetMembers, None, With::default());
            play.wait(seconds);
        }
        play.listing();
        play.wait(60);
        let with = With {
            version: Some(100),
            height: None,
        };
        play.effect(Method::StartExecutor, with, &[]);
        let found = play.oracles.violation().map(|found| found.oracle.clone());
        assert_eq!(
            found.as_deref() == Some("S4"),
            wrong,
            "{loaded:?}: {found:?}"
        );
    }
}

#[test]
fn s9_objects_to_a_lost_switch_although_an_earlier_command_died_with_its_coordinator() {
    use crate::history::FormerState;
    for (died, former, verdict) in [
        (true, false, Some("S9")),
        (true, true, Some("S9")),
        (false, false, None),
    ] {
        let mut play = Play::running(100, 50);
        play.admin(AdminCommand::Disable);
        if former {
            play.coordinator_starts();
            play.see(Event::Former {
                incarnation: 1,
                state: FormerState::Ended,
            });
        } else if died {
            play.see(Event::CoordinatorEnded {
                incarnation: 1,
                orderly: false,
            });
            play.coordinator_starts();
        }
        play.wait(60).admin(AdminCommand::Disable);
        play.record_with("Running", false, Some((100, 50, true)), "");
        play.acknowledged(AdminCommand::Disable);
        play.record_with("Running", true, Some((100, 50, true)), "");
        assert_eq!(play.verdict().as_deref(), verdict, "{died} {former}");
    }
}
