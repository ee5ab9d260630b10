//! A first answer whose height is far too low.

use super::*;

const LOW: u64 = 127_000_000;
const TRUE: u64 = 130_000_000;

/// What was listed as of the low height.
const LISTED: (&str, u64) = ("a.near/1", 126_000_000);

/// A registry that answered once as of a low height.
fn misled() -> Registry {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    assert_eq!(registry.lists(LOW, &[LISTED]), news(&["a.near/1"]));
    registry
}

impl Registry {
    /// Answers every second for so long, `blocks` further each time, and is not believed.
    /// Returns the height that was reached.
    fn is_not_believed(&mut self, from: u64, seconds: u64, blocks: u64) -> u64 {
        let mut height = from;
        for _ in 0..seconds {
            self.pass(1);
            height += blocks;
            assert_eq!(self.same(height), Taken::Absurd(height));
        }
        height
    }

    fn gives_up_low(&mut self) -> Option<GivenUp> {
        self.view.give_up_low(self.now)
    }
}

#[test]
fn a_low_first_height_is_given_up_once_all_others_have_gone_on_for_long() {
    let mut registry = misled();
    let reached = registry.is_not_believed(TRUE, 599, 1);
    assert_eq!(registry.gives_up_low(), None, "a moment too early");
    let reached = registry.is_not_believed(reached, 2, 1);
    let (told, known) = (LOW, reached);
    assert_eq!(registry.gives_up_low(), Some(GivenUp { told, known }));
    assert_eq!(registry.gives_up_low(), None, "once");
    let present = Desired::Present(spec(LISTED.1));
    assert_eq!(registry.desired("a.near/1"), present, "it stays");
    let updated = registry.lists(reached + 1, &[("a.near/1", reached + 1)]);
    assert_eq!(updated, news(&["a.near/1"]));
    let older = registry.same(LOW + 1);
    assert!(matches!(older, Taken::Older { .. }), "{older:?}");
    assert_eq!(registry.view.behind(registry.now), None);
    assert_eq!(registry.same(900_000_000), Taken::Absurd(900_000_000));
}

#[test]
fn a_node_that_is_asked_some_times_at_the_start_and_hangs_is_given_up_too() {
    let mut registry = misled();
    for second in 1..=60 {
        registry.pass(1);
        assert_eq!(registry.same(LOW + second), news(&[]));
    }
    // One answer of three is as old as before.
    for second in 1..=1_000 {
        registry.pass(1);
        match second % 3 {
            0 => assert_eq!(registry.same(LOW + 60), news(&[])),
            _ => assert_eq!(registry.same(TRUE + second), Taken::Absurd(TRUE + second)),
        }
    }
    let known = TRUE + 1_000;
    let told = LOW + 60;
    assert_eq!(registry.gives_up_low(), Some(GivenUp { told, known }));
}

/// However long it goes on.
#[test]
fn a_node_that_tells_false_heights_beside_another_is_not_believed() {
    // The chain moves on; or it halts, and more nodes say so than tell otherwise.
    for (blocks, of_three) in [(1, 1), (1, 2), (0, 2)] {
        let mut registry = misled();
        for second in 1..=10_000 {
            registry.pass(1);
            let high = TRUE + second;
            let taken = match second % 3 < of_three {
                true => registry.same(LOW + second * blocks),
                false => registry.same(high),
            };
            let believed = taken == news(&[]);
            assert!(believed || taken == Taken::Absurd(high), "{taken:?}");
            assert_eq!(registry.gives_up_low(), None, "{blocks} {of_three}");
        }
    }
}

#[test]
fn a_node_that_turns_false_later_is_not_believed_though_it_is_the_only_one() {
    let mut registry = misled();
    for second in 1..=61 {
        registry.pass(1);
        assert_eq!(registry.same(LOW + second), news(&[]));
    }
    registry.is_not_believed(TRUE, 10_000, 1);
    assert_eq!(registry.gives_up_low(), None);
    let told = registry.view.behind(registry.now).unwrap();
    assert!(told.is_ahead() && told.is_beyond_belief());
    let said = told.to_string();
    assert!(said.contains("nobody can tell from here which"), "{said}");
    assert!(said.contains("a restart mends it"), "{said}");
    assert!(said.len() < 290, "{}: {said}", said.len());
    assert_eq!(registry.same(LOW + 62), news(&[]), "true ones are news");
    assert_eq!(registry.view.behind(registry.now), None);
}

#[test]
fn high_answers_that_do_not_move_as_one_chain_prove_nothing() {
    // They stand still, hurry, or contradict each other.
    for (blocks, apart) in [(0, 0), (6, 0), (1, 1_000_000)] {
        let mut registry = misled();
        for second in 1..=3_000 {
            registry.pass(1);
            let height = TRUE + second * blocks + second % 2 * apart;
            assert_eq!(registry.same(height), Taken::Absurd(height));
        }
        assert_eq!(registry.gives_up_low(), None, "{blocks} {apart}");
    }
    // One answer that lies still higher only delays it.
    let mut registry = misled();
    let reached = registry.is_not_believed(TRUE, 500, 1);
    assert_eq!(registry.same(900_000_000), Taken::Absurd(900_000_000));
    let reached = registry.is_not_believed(reached, 500, 1);
    assert_eq!(registry.gives_up_low(), None);
    registry.is_not_believed(reached, 200, 1);
    assert!(registry.gives_up_low().is_some());
}

#[test]
fn a_height_that_no_chain_has_reached_proves_nothing() {
    let mut registry = misled();
    registry.is_not_believed(HEIGHT_MAX, 3_000, 1);
    assert_eq!(registry.gives_up_low(), None);
    assert_eq!(registry.view.behind(registry.now), None);
}

#[test]
fn a_silence_begins_the_count_anew() {
    let mut registry = misled();
    let reached = registry.is_not_believed(TRUE, 500, 1);
    registry.pass(181);
    let reached = registry.is_not_believed(reached, 500, 1);
    assert_eq!(registry.gives_up_low(), None);
    registry.is_not_believed(reached, 101, 1);
    assert!(registry.gives_up_low().is_some());
}

#[test]
fn until_then_it_is_told_which_of_them_is_likely_false() {
    let mut registry = misled();
    registry.is_not_believed(TRUE, 59, 1);
    assert_eq!(registry.view.behind(registry.now), None, "it may pass");
    registry.is_not_believed(TRUE + 59, 2, 1);
    let told = registry.view.behind(registry.now).unwrap();
    assert!(told.is_ahead() && told.is_beyond_belief());
    assert_eq!((told.known, told.heard), (LOW, TRUE + 61));
    let said = told.to_string();
    assert!(said.contains("that one is likely false"), "{said}");
    assert!(said.len() < 290, "{}: {said}", said.len());
}

#[test]
fn of_old_and_of_far_too_new_answers_those_are_told_that_last() {
    let mut registry = misled();
    let older = registry.same(LOW - 5);
    assert!(matches!(older, Taken::Older { .. }), "{older:?}");
    let reached = registry.is_not_believed(TRUE, 61, 1);
    assert!(registry.view.behind(registry.now).unwrap().is_ahead());
    assert_eq!(registry.same(reached + 1), Taken::Absurd(reached + 1));
    for _ in 0..62 {
        registry.pass(1);
        registry.same(LOW - 5);
    }
    let told = registry.view.behind(registry.now).unwrap();
    assert!(!told.is_ahead(), "{told:?}");
}

#[test]
fn a_low_node_that_hangs_takes_nothing_back_of_what_another_one_says() {
    for hangs in [true, false] {
        let mut registry = misled();
        registry.is_not_believed(TRUE, 5, 1);
        for second in 1..=70 {
            registry.pass(1);
            let rise = if hangs { 0 } else { second };
            assert_eq!(registry.same(LOW + rise), news(&[]));
        }
        let told = registry.view.behind(registry.now);
        assert_eq!(told.is_some_and(|behind| behind.is_ahead()), hangs);
    }
}
