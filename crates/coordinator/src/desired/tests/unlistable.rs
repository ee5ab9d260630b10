//! A registry that answers, and lists no more.

use super::*;

const NAMES: [&str; 6] = [
    "a.near/1", "a.near/2", "a.near/3", "a.near/4", "a.near/5", "a.near/6",
];

/// A view that has listed all, of whom the last is not watched, until it is asked about
/// the others one by one.
fn unlistable() -> Registry {
    let mut registry = Registry::new(0);
    NAMES[..5].iter().for_each(|name| registry.watch(name));
    registry.lists(100, &NAMES.map(|name| (name, 1)));
    let cannot_list = |registry: &mut Registry| {
        let Registry { view, knobs, now } = registry;
        view.cannot_list(*now, knobs)
    };
    assert_eq!(cannot_list(&mut registry), None);
    registry.pass(31);
    assert_eq!(cannot_list(&mut registry), None, "it may pass");
    assert_eq!(registry.due(), []);
    registry.pass(1);
    assert_eq!(cannot_list(&mut registry), Some(5));
    assert_eq!(cannot_list(&mut registry), None, "it is told once");
    registry
}

#[test]
fn who_has_not_changed_is_asked_about_again_after_the_longest_pause() {
    let mut registry = unlistable();
    assert_eq!(
        registry.due(),
        NAMES[..5].iter().map(|name| id(name)).collect::<Vec<_>>()
    );
    for name in &NAMES[..5] {
        registry.answers(110, name, Desired::Present(spec(1)));
    }
    registry.pass(59);
    assert_eq!(registry.due(), []);
    registry.pass(1);
    assert_eq!(registry.due().len(), 5);
}

#[test]
fn who_comes_to_be_watched_is_asked_about_too() {
    let mut registry = unlistable();
    registry.watch(NAMES[5]);
    assert_eq!(registry.due().len(), 6);
}

#[test]
fn a_listing_ends_the_questions_and_begins_those_about_whom_it_lacks() {
    let mut registry = unlistable();
    registry.lists(120, &[(NAMES[5], 1)]);
    assert_eq!(registry.due(), [], "it is suspicious");
    registry.pass(10);
    assert_eq!(registry.due().len(), 5);

    let mut registry = unlistable();
    registry.deletes(110, NAMES[0], 1, 105);
    registry.lists(120, &[]);
    registry.pass(10);
    assert_eq!(registry.due().len(), 4, "one is known to be deleted");

    let mut registry = unlistable();
    registry.same(120);
    assert_eq!(registry.due(), []);
    // It begins anew.
    assert_eq!(
        registry.view.cannot_list(registry.now, &registry.knobs),
        None
    );
}

#[test]
fn what_was_told_of_one_is_not_undone_by_an_older_listing() {
    let mut registry = unlistable();
    registry.answers(130, NAMES[0], Desired::Present(spec(125)));
    registry.deletes(130, NAMES[1], 1, 120);
    registry.lists(110, &NAMES.map(|name| (name, 1)));
    assert_eq!(registry.desired(NAMES[0]), Desired::Present(spec(125)));
    assert!(matches!(
        registry.desired(NAMES[1]),
        Desired::Deleted { .. }
    ));
}
