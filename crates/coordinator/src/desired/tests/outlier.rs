//! A first answer whose height is false.

use super::*;

const FALSE: u64 = 800_000_000;
const TRUE: u64 = 130_000_000;

/// What was listed as of the false height.
const LISTED: (&str, u64) = ("a.near/1", 129_000_000);

/// A registry that answered once as of a false height, with persisted `mark`.
fn misled(mark: u64) -> Registry {
    let mut registry = Registry::new(mark);
    registry.watch("a.near/1");
    assert_eq!(registry.lists(FALSE, &[LISTED]), news(&["a.near/1"]));
    registry
}

impl Registry {
    /// Answers every second for so long, `blocks` further each time. Returns the height
    /// that was reached.
    fn goes_on(&mut self, from: u64, seconds: u64, blocks: u64) -> u64 {
        let mut height = from;
        for _ in 0..seconds {
            self.pass(1);
            height += blocks;
            let taken = self.same(height);
            assert!(matches!(taken, Taken::Older { .. }), "{taken:?}");
        }
        height
    }

    fn gives_up(&mut self, stored: u64) -> Option<GivenUp> {
        self.view.give_up(stored, self.now)
    }
}

#[test]
fn a_false_first_height_is_given_up_once_all_others_have_gone_on_for_long() {
    let mut registry = misled(0);
    let reached = registry.goes_on(TRUE, 599, 1);
    assert_eq!(registry.gives_up(0), None, "a moment too early");
    let reached = registry.goes_on(reached, 2, 1);
    assert_eq!(registry.view.outlier(registry.now), Some(FALSE));
    let (told, known) = (FALSE, reached);
    assert_eq!(registry.gives_up(0), Some(GivenUp { told, known }));
    assert_eq!(registry.gives_up(0), None, "once");
    let present = Desired::Present(spec(LISTED.1));
    assert_eq!(
        registry.desired("a.near/1"),
        present,
        "nothing is forgotten"
    );

    // Old answers are old as before, new ones are news, and the false height is absurd.
    let older = registry.same(reached - 1);
    assert!(matches!(older, Taken::Older { .. }), "{older:?}");
    assert_eq!(registry.same(FALSE + 1), Taken::Absurd(FALSE + 1));
    let updated = registry.lists(reached + 1, &[("a.near/1", reached + 1)]);
    assert_eq!(updated, news(&["a.near/1"]));
    assert_eq!(registry.view.behind(registry.now), None);
}

#[test]
fn what_one_was_told_alone_as_of_a_false_height_is_given_up_with_it() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    registry.answers(FALSE, "a.near/1", Desired::Present(spec(5)));
    registry.lists(TRUE, &[("a.near/1", 6)]);
    assert_eq!(registry.desired("a.near/1"), Desired::Present(spec(5)));
    for passed in 1..=601 {
        registry.pass(1);
        registry.same(TRUE + passed);
    }
    assert!(registry.gives_up(0).is_some());
    registry.lists(TRUE + 602, &[("a.near/1", 6)]);
    assert_eq!(registry.desired("a.near/1"), Desired::Present(spec(6)));
}

#[test]
fn what_was_acted_upon_is_never_gone_behind() {
    // Stored before the start, stored since, and found in the store.
    for place in 0..3 {
        let acted = TRUE + 5_000;
        let mut registry = misled(if place == 0 { acted } else { 0 });
        if place == 1 {
            registry.view.acted_upon(acted);
        }
        let stored = if place == 2 { acted } else { 0 };
        let reached = registry.goes_on(TRUE, 2_000, 1);
        assert_eq!(registry.gives_up(stored), None, "{place}");
        let told = registry.view.behind(registry.now).unwrap();
        assert!(told.to_string().contains("a restart mends it"), "{told}");
        registry.goes_on(reached, 3_000, 1);
        assert!(
            registry.gives_up(stored).is_some(),
            "{place}: it is reached"
        );
    }
}

/// Only a height that no chain has reached is to be lowered.
#[test]
fn a_false_height_that_was_acted_upon_is_told_with_what_mends_it() {
    for (acted, is_false) in [(FALSE, true), (TRUE + 4_000, false)] {
        let mut registry = misled(0);
        registry.view.acted_upon(acted);
        registry.goes_on(TRUE, 2_000, 1);
        assert_eq!(registry.gives_up(0), None);
        let told = registry.view.behind(registry.now).unwrap();
        assert!(told.is_beyond_belief());
        let told = told.to_string();
        assert_eq!(
            told.contains("height --lower-to 130002000`"),
            is_false,
            "{told}"
        );
    }
}

#[test]
fn a_node_that_is_merely_behind_is_not_believed() {
    // It stands still, hurries to catch up, or is behind by weeks only.
    for (from, blocks) in [(TRUE, 0), (TRUE, 6), (FALSE - 10_000_000, 1)] {
        let mut registry = misled(0);
        registry.goes_on(from, 3_000, blocks);
        assert_eq!(registry.gives_up(0), None, "{from} {blocks}");
        let told = registry.view.behind(registry.now).unwrap();
        assert!(told.is_beyond_belief(), "it is told");
        assert!(told.to_string().contains("a restart mends it"), "{told}");
        assert!(told.to_string().len() < 290);
    }
}

#[test]
fn what_is_known_of_later_blocks_shows_that_answers_are_old() {
    let mut registry = Registry::new(0);
    registry.lists(FALSE, &[("a.near/1", TRUE + 2_000)]);
    let reached = registry.goes_on(TRUE, 1_000, 1);
    assert_eq!(registry.gives_up(0), None, "it was registered later");
    registry.goes_on(reached, 1_001, 1);
    assert!(registry.gives_up(0).is_some());
}

#[test]
fn a_height_that_another_answer_went_beyond_is_not_given_up() {
    let mut registry = misled(0);
    registry.goes_on(TRUE, 300, 1);
    registry.same(FALSE + 1);
    registry.goes_on(TRUE, 2_000, 1);
    assert_eq!(registry.gives_up(0), None);
}

#[test]
fn a_silence_begins_the_count_anew_and_a_second_replica_that_is_behind_does_not() {
    let mut registry = misled(0);
    let reached = registry.goes_on(TRUE, 500, 1);
    registry.pass(181);
    let reached = registry.goes_on(reached, 500, 1);
    assert_eq!(registry.gives_up(0), None, "nobody knows what was between");
    let mut height = reached;
    for _ in 0..150 {
        height = registry.goes_on(height, 1, 1);
        registry.same(height - 1_000_000);
    }
    assert!(registry.gives_up(0).is_some());
    registry = misled(0);
    registry.goes_on(TRUE, 700, 1);
    registry.pass(181);
    assert_eq!(registry.gives_up(0), None, "it is long ago");
}

#[test]
fn few_answers_take_longer_to_prove_anything() {
    let mut registry = misled(0);
    for asked in 1..=61 {
        registry.same(TRUE + asked);
        assert_eq!(registry.gives_up(0).is_some(), asked == 61, "{asked}");
        registry.pass(60);
    }
}

#[test]
fn that_all_listings_are_old_is_told_when_it_lasts() {
    let mut registry = Registry::new(0);
    registry.lists(1_000, &[]);
    registry.goes_on(900, 59, 1);
    assert_eq!(registry.view.behind(registry.now), None, "replicas lag");
    registry.goes_on(959, 2, 1);
    let told = registry.view.behind(registry.now).unwrap();
    assert_eq!((told.known, told.heard, told.blocks()), (1_000, 961, 39));
    assert!(told.to_string().contains("newer ones are waited for"));
    registry.same(1_001);
    assert_eq!(registry.view.behind(registry.now), None);
}

#[test]
fn what_was_given_up_does_not_come_back_as_the_one_that_goes_on() {
    let mut registry = misled(0);
    registry.goes_on(TRUE, 601, 1);
    assert!(registry.gives_up(0).is_some());
    for second in 1..=1_000 {
        registry.pass(1);
        let high = FALSE + second;
        assert_eq!(registry.same(high), Taken::Absurd(high));
    }
    assert_eq!(registry.view.give_up_low(registry.now), None);
}

/// What somebody else deleted is known only from answers as new as that.
#[test]
fn only_what_another_coordinator_acted_upon_overtakes_what_is_known() {
    let mut registry = Registry::new(TRUE);
    registry.watch("a.near/1");
    let named = id("a.near/1");
    assert!(
        !registry.view.is_overtaken(&named, TRUE),
        "it began with it"
    );
    registry.lists(TRUE + 10, &[LISTED]);
    assert!(!registry.view.is_overtaken(&named, TRUE + 10));
    assert!(registry.view.is_overtaken(&named, TRUE + 11));
    // It has read that height since, and heard no more.
    registry.view.acted_upon(TRUE + 11);
    assert!(registry.view.is_overtaken(&named, TRUE + 11));
    registry.same(TRUE + 11);
    assert!(!registry.view.is_overtaken(&named, TRUE + 11));
    // As new is what it was told of that one alone.
    registry.answers(TRUE + 20, "a.near/1", Desired::Present(spec(LISTED.1)));
    assert!(!registry.view.is_overtaken(&named, TRUE + 20));
    assert!(registry.view.is_overtaken(&id("a.near/2"), TRUE + 20));
    // Its own deletions are known to it, were their height false.
    registry.view.acted_here(FALSE);
    assert!(!registry.view.is_overtaken(&named, FALSE));
    assert!(registry.view.is_overtaken(&named, FALSE + 1));
}
