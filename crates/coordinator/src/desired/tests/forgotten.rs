//! What was deleted to the end, and is told of by answers that are older.

use super::*;

const A: &str = "a.near/1";

/// Told by a question about the one to be deleted in block 15, and removed, while the last
/// listing is as of block 10.
fn forgotten() -> Registry {
    let mut registry = Registry::new(0);
    registry.watch(A);
    registry.lists(10, &[(A, 1), ("b.near/1", 1)]);
    registry.deletes(15, A, 1, 15);
    registry.view.forget(&id(A));
    registry
}

#[test]
fn an_older_listing_brings_nobody_back_and_is_heard_of_all_others() {
    let mut registry = forgotten();
    let listing = registry.lists(14, &[(A, 1), ("b.near/1", 11)]);
    assert_eq!(listing, news(&["b.near/1"]));
    assert!(!registry.view.lists(&id(A)));
    // It is seen by its loop, should something of it still run.
    registry.watch(A);
    let tombstone = Desired::Deleted { version: 1, at: 15 };
    assert_eq!(registry.desired(A), tombstone);
    let present = registry.answers(14, A, Desired::Present(spec(1)));
    assert!(matches!(present, Taken::Older { .. }), "{present:?}");
}

#[test]
fn a_listing_that_is_as_new_is_believed_and_ends_it() {
    let mut registry = forgotten();
    registry.lists(15, &[("b.near/1", 1)]);
    let view = &registry.view;
    assert!(view.told.is_empty() && view.tombstones.is_empty());
    assert_eq!(registry.desired(A), Desired::Missing);
    assert_eq!(registry.lists(16, &[(A, 1)]), news(&[A]));
}

#[test]
fn a_newer_answer_that_it_is_there_is_believed() {
    let mut registry = forgotten();
    let again = registry.answers(17, A, Desired::Present(spec(16)));
    assert_eq!(again, news(&[A]));
    assert_eq!(registry.desired(A), Desired::Present(spec(16)));
    registry.lists(14, &[(A, 1)]);
    assert_eq!(registry.desired(A), Desired::Present(spec(16)));

    // Nobody came to look after it: the next listing tells of it as of any other.
    let mut registry = forgotten();
    registry.answers(17, A, Desired::Present(spec(16)));
    assert_eq!(registry.lists(18, &[(A, 16)]), news(&[A]));
    registry.lists(19, &[]);
    assert!(registry.view.unlisted.is_empty() && registry.view.confirmed.is_empty());
}

#[test]
fn a_height_that_is_given_up_leaves_nothing_of_them() {
    let mut registry = forgotten();
    registry.view.tells_all(u64::MAX);
    assert!(registry.view.told.is_empty() && registry.view.tombstones.is_empty());
}

#[test]
fn so_many_that_there_is_no_room_count_as_told_of_everybody() {
    let mut registry = Registry::new(0);
    registry.lists(10, &[("b.near/1", 1)]);
    let most = FORGOTTEN_MAX as u64;
    let end = |registry: &mut Registry, n: u64| {
        let name = format!("a.near/{n}");
        registry.watch(&name);
        registry.deletes(20 + n, &name, 1, 15);
        registry.view.forget(&id(&name));
    };
    (0..most).for_each(|n| end(&mut registry, n));
    assert_eq!(registry.view.tombstones.len(), FORGOTTEN_MAX);
    assert_eq!(registry.same(11), news(&[]));
    end(&mut registry, most);
    assert!(registry.view.told.is_empty() && registry.view.tombstones.is_empty());
    let listing = registry.lists(19 + most, &[("a.near/7", 1)]);
    assert!(matches!(listing, Taken::Older { .. }), "{listing:?}");
    assert_eq!(registry.same(20 + most), news(&[]));
}

/// Deleted, registered and deleted again before any listing that is believed had it.
#[test]
fn whoever_only_a_question_found_registered_again_is_asked_about_until_a_listing_has_it() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    registry.lists(10, &[("a.near/1", 1)]);
    registry.lists(11, &[]);
    registry.deletes(12, "a.near/1", 1, 12);
    registry.answers(20, "a.near/1", Desired::Present(spec(18)));
    registry.lists(22, &[]);
    assert_eq!(registry.desired("a.near/1"), Desired::Present(spec(18)));
    registry.pass(1);
    assert_eq!(registry.due(), [id("a.near/1")]);
    let deleted = registry.deletes(23, "a.near/1", 18, 21);
    assert_eq!(deleted, news(&["a.near/1"]));
    registry.pass(1_000);
    assert!(registry.due().is_empty(), "that is settled");

    // The same while it stays registered: the listing ends the questions.
    registry.answers(24, "a.near/1", Desired::Present(spec(24)));
    registry.lists(25, &[("a.near/1", 24)]);
    registry.pass(1_000);
    assert!(registry.due().is_empty());
}
