//! What of one registration life holds in the next.

use super::play::{Play, With};
use crate::history::{AdminCommand, Change, Event, Method};

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
