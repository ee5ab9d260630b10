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

impl Registry {
    /// An attempt to list that took so many seconds and was not answered.
    fn is_silent(&mut self, seconds: u64) -> Option<usize> {
        let asked_at = self.now;
        self.pass(seconds);
        self.view.silent_list(asked_at, self.now, &self.knobs)
    }
}

/// A view that has listed all, and nothing is heard since.
fn silent() -> Registry {
    let mut registry = Registry::new(0);
    NAMES[..5].iter().for_each(|name| registry.watch(name));
    registry.lists(100, &NAMES.map(|name| (name, 1)));
    assert_eq!(registry.is_silent(0), None);
    registry
}

#[test]
fn whether_it_answers_is_asked_about_one_after_the_other_and_less_and_less_often() {
    let mut registry = silent();
    let mut probes = Vec::new();
    for second in 0..7_200 {
        let due = registry.due();
        assert!(due.len() <= 1);
        probes.extend(due.into_iter().map(|id| (second, id)));
        assert_eq!(registry.is_silent(1), None);
    }
    let at: Vec<u64> = probes.iter().map(|(second, _)| *second).collect();
    assert_eq!(at[..6], [32, 96, 224, 480, 992, 1_592]);
    assert_eq!(at.len(), 15, "{at:?}");
    let who: BTreeSet<_> = probes[..5].iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(who.len(), 5, "only who is watched, and each in turn");
    assert_eq!(probes[5].1, probes[0].1);
}

#[test]
fn only_an_answer_before_an_attempt_that_fails_shows_that_it_is_there() {
    let mut registry = silent();
    registry.view.one_was_heard(registry.now);
    assert_eq!(registry.is_silent(31), None, "it may pass");
    assert_eq!(registry.is_silent(10), None, "nobody was heard since");
    let asked_at = registry.now;
    registry.pass(5);
    registry.view.one_was_heard(registry.now);
    let taken = registry
        .view
        .silent_list(asked_at, registry.now, &registry.knobs);
    assert_eq!(taken, None, "it may have come back meanwhile");
    assert_eq!(registry.is_silent(1), Some(5));
    assert_eq!(registry.due().len(), 5);
    assert_eq!(registry.is_silent(1), None, "it is told once");
}

#[test]
fn nothing_heard_for_three_of_the_longest_pauses_ends_the_questions() {
    let mut registry = silent();
    registry.pass(40);
    registry.view.one_was_heard(registry.now);
    assert_eq!(registry.is_silent(1), Some(5));
    registry.pass(100);
    // To say that it cannot list is an answer.
    assert_eq!(
        registry.view.cannot_list(registry.now, &registry.knobs),
        None
    );
    assert_eq!(registry.is_silent(180), None);
    assert_eq!(registry.due().len(), 5);
    assert_eq!(registry.is_silent(1), None);
    assert!(!registry.view.asks_one_by_one());
    assert_eq!(registry.due(), []);
}

#[test]
fn what_was_asked_about_in_vain_is_asked_again_when_the_registry_is_heard() {
    let mut registry = silent();
    registry.lists(101, &NAMES.map(|name| (name, 1))[1..]);
    assert_eq!(registry.is_silent(0), None);
    let who = id(NAMES[0]);
    for _ in 0..8 {
        registry.pass(60);
        let (now, knobs) = (registry.now, registry.knobs.clone());
        registry.view.unanswered(&who, now, &knobs);
    }
    registry.view.one_was_heard(registry.now);
    assert_eq!(registry.is_silent(1), Some(4));
    assert!(registry.due().contains(&who));
}
