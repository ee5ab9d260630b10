//! What need not happen at once after a change.

use std::time::Duration;

use sim_node::Event as Node;

use super::attention::{acts, disabled, polls, settled};
use super::play::{Play, With};
use crate::history::{AdminCommand, Change, Method};
use crate::oracle::Limits;

#[test]
fn l4_leaves_alone_who_is_starting_or_was_a_moment_ago() {
    for (after, judged) in [(0, false), (10, true)] {
        let mut play = settled();
        let key = play.key.clone();
        play.node(Node::ExecutorState {
            key: key.clone(),
            state: 6,
        });
        play.registered(200, Some(60), false);
        polls(&mut play, 20);
        assert!(play.oracles.violation().is_none());
        play.node(Node::ExecutorState { key, state: 1 });
        polls(&mut play, after);
        play.registered(300, Some(60), false);
        polls(&mut play, 10);
        assert_eq!(play.verdict(), judged.then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_asks_nothing_after_a_change_of_mind_that_came_before_anything_was_done() {
    for stops in [false, true] {
        let mut play = settled();
        let key = play.key.clone();
        disabled(&mut play);
        if stops {
            play.call(Method::StopExecutor, Some(&key), With::default());
        }
        play.admin(AdminCommand::Enable);
        play.record_with("Repairing", true, Some((100, 50, true)), "");
        play.acknowledged(AdminCommand::Enable);
        polls(&mut play, 10);
        assert_eq!(play.verdict(), stops.then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_lets_a_deletion_that_was_begun_wait_when_another_is_told_of_it() {
    for begun in [false, true] {
        let mut play = settled();
        play.wait(1).deleted();
        acts(&mut play);
        if begun {
            play.record("Deleting", Some((100, 50, true)));
        }
        play.call(
            Method::RegistryRead,
            Some(&play.key.clone()),
            With::default(),
        );
        polls(&mut play, 10);
        assert_eq!(play.verdict(), (!begun).then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_asks_nothing_of_a_deletion_that_goes_on_when_it_is_registered_and_deleted_again() {
    for begun in [false, true] {
        let mut play = settled();
        play.wait(1).deleted();
        acts(&mut play);
        if begun {
            play.record("Deleting", Some((100, 50, true)));
        }
        let registered = Change::Registered {
            version: 9_100,
            content: 9_100,
            start: Some(9_100),
            new_life: true,
            supported: true,
        };
        play.wait(20).registry(registered);
        polls(&mut play, 1);
        acts(&mut play);
        play.registry(Change::Deleted { height: 9_101 });
        polls(&mut play, 10);
        assert_eq!(play.verdict(), (!begun).then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_does_not_take_an_illness_for_a_change_that_was_overlooked() {
    for changed in [false, true] {
        let mut play = settled();
        let key = play.key.clone();
        play.registry(Change::Registered {
            version: 200,
            content: 200,
            start: Some(60),
            new_life: false,
            supported: true,
        });
        if changed {
            play.stop(100);
            play.begin(200, 60);
        }
        let state = 2;
        play.node(Node::ExecutorState { key, state });
        play.wait(30);
        polls(&mut play, 10);
        let verdict = play.verdict();
        assert_eq!(verdict.as_deref() == Some("L4"), !changed, "{verdict:?}");
    }
}

#[test]
fn l4_asks_nothing_when_an_entry_is_written_again_as_it_is_within_one_block() {
    for content in [200, 201] {
        let mut play = settled();
        let registered = |content| Change::Registered {
            version: 200,
            content,
            start: Some(60),
            new_life: false,
            supported: true,
        };
        play.registry(registered(200));
        polls(&mut play, 1);
        acts(&mut play);
        polls(&mut play, 10);
        assert!(play.oracles.violation().is_none());
        play.registry(registered(content));
        polls(&mut play, 10);
        assert_eq!(play.verdict(), (content != 200).then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_asks_nothing_of_a_life_that_no_listing_has_told_of() {
    for listed in [false, true] {
        let mut play = settled();
        play.wait(1).deleted();
        acts(&mut play);
        play.record("Repairing", Some((100, 50, true)));
        polls(&mut play, 20);
        play.registry(Change::Registered {
            version: 9_100,
            content: 9_100,
            start: Some(9_100),
            new_life: true,
            supported: true,
        });
        if listed {
            polls(&mut play, 1);
            acts(&mut play);
        }
        play.registry(Change::Deleted { height: 9_101 });
        polls(&mut play, 10);
        assert_eq!(play.verdict(), listed.then(|| "L4".to_owned()));
    }
}

#[test]
fn l4_asks_for_a_deletion_however_often_it_is_changed_before_a_listing() {
    let mut play = settled();
    play.wait(1).registry(Change::Deleted { height: 9_000 });
    play.registry(Change::Registered {
        version: 9_001,
        content: 9_001,
        start: Some(9_001),
        new_life: true,
        supported: true,
    });
    play.registry(Change::Deleted { height: 9_002 });
    polls(&mut play, 10);
    assert_eq!(play.verdict().as_deref(), Some("L4"));
}

/// The loop was in the middle of a question to the store whose answer never comes.
#[test]
fn l4_waits_as_long_for_the_store_as_the_coordinator_does() {
    for (deadline, verdict) in [(39, None), (2, Some("L4"))] {
        let mut play = Play::within(Limits {
            store_deadline: Duration::from_secs(deadline),
            ..Limits::default()
        });
        play.registered(100, Some(50), true);
        play.provisioned();
        play.begin(100, 50);
        polls(&mut play, 40);
        play.sent(Method::StoreGet, Some(&play.key.clone()));
        polls(&mut play, 10);
        play.admin(AdminCommand::Disable);
        play.record_with("Running", false, Some((100, 50, true)), "");
        play.acknowledged(AdminCommand::Disable);
        polls(&mut play, 10);
        assert_eq!(play.verdict().as_deref(), verdict, "{deadline}");
    }
}
