//! A registry that lags, forgets and contradicts itself.

use std::time::Duration;

use lifecycle::{ActionStatus, Rule, StartBlock};

use tokio::time::Instant;

use super::*;
use crate::testing::id;

mod forgotten;
mod outlier;
mod shallow;
mod unlistable;

fn spec(version: u64) -> Arc<Spec> {
    let rule = Rule::ActionAny {
        affected_account_id: "x".to_owned(),
        status: ActionStatus::Any,
    };
    Arc::new(Spec::new(
        version,
        rule,
        StartBlock::Latest,
        "c".into(),
        "s".into(),
    ))
}

struct Registry {
    view: DesiredView,
    knobs: Knobs,
    now: Instant,
}

impl Registry {
    fn new(mark: u64) -> Registry {
        Registry {
            view: DesiredView::new(mark),
            knobs: Knobs::default(),
            now: Instant::now(),
        }
    }

    fn watch(&mut self, name: &str) {
        self.view.watch(&id(name), self.now);
    }

    fn lists(&mut self, height: u64, entries: &[(&str, u64)]) -> Taken {
        self.lists_and(height, entries, &[])
    }

    fn lists_and(&mut self, height: u64, entries: &[(&str, u64)], unreadable: &[&str]) -> Taken {
        let listing = entries
            .iter()
            .map(|(name, version)| (id(name), spec(*version)))
            .collect();
        let unreadable = unreadable.iter().map(|name| id(name)).collect();
        let taken = self
            .view
            .take_listing(height, listing, &unreadable, self.now, &self.knobs);
        self.forgets_nobody();
        taken
    }

    fn same(&mut self, height: u64) -> Taken {
        let taken = self.view.take_same(height, self.now);
        self.forgets_nobody();
        taken
    }

    fn answers(&mut self, height: u64, name: &str, answer: Desired) -> Taken {
        let taken = self
            .view
            .take_answer(&id(name), height, answer, self.now, &self.knobs);
        self.forgets_nobody();
        taken
    }

    /// Of everybody that is watched there is something that will tell of a change.
    fn forgets_nobody(&self) {
        let view = &self.view;
        let is_settled = |id: &&IndexerId| {
            view.listed.contains_key(*id)
                || view.tombstones.contains_key(*id)
                || view.questions.contains_key(*id)
        };
        let left: Vec<_> = view.watched.iter().filter(|id| !is_settled(id)).collect();
        assert!(left.is_empty(), "nobody asks about {left:?}");
    }

    fn deletes(&mut self, height: u64, name: &str, version: u64, at: u64) -> Taken {
        self.answers(height, name, Desired::Deleted { version, at })
    }

    fn due(&mut self) -> Vec<IndexerId> {
        self.view.questions_due(100, self.now)
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn desired(&self, name: &str) -> Desired {
        self.view.desired(&id(name))
    }
}

fn news(names: &[&str]) -> Taken {
    Taken::News(names.iter().map(|name| id(name)).collect())
}

#[test]
fn only_what_changed_is_news() {
    let mut registry = Registry::new(0);
    let both = news(&["a.near/1", "a.near/2"]);
    assert_eq!(
        registry.lists(10, &[("a.near/1", 1), ("a.near/2", 1)]),
        both
    );
    let again = registry.lists(11, &[("a.near/1", 1), ("a.near/2", 1)]);
    assert_eq!(again, news(&[]));
    let updated = registry.lists(12, &[("a.near/1", 1), ("a.near/2", 12)]);
    assert_eq!(updated, news(&["a.near/2"]));
    let added = registry.lists(13, &[("a.near/1", 1), ("a.near/2", 12), ("a.near/3", 13)]);
    assert_eq!(added, news(&["a.near/3"]));
}

#[test]
fn an_answer_older_than_an_earlier_one_is_dropped() {
    let mut registry = Registry::new(100);
    let older = |height| Taken::Older { height, mark: 100 };
    assert_eq!(registry.lists(99, &[("a.near/1", 1)]), older(99));
    assert_eq!(registry.desired("a.near/1"), Desired::Unknown);
    assert_eq!(registry.lists(100, &[("a.near/1", 1)]), news(&["a.near/1"]));
    assert_eq!(registry.same(99), older(99));
    registry.watch("a.near/2");
    assert_eq!(registry.deletes(99, "a.near/2", 1, 50), older(99));
    assert_eq!(registry.desired("a.near/2"), Desired::Missing);
    assert_eq!(registry.view.dropped_older, 3);
}

#[test]
fn answers_that_overtake_each_other_are_all_heard() {
    let mut registry = Registry::new(0);
    for name in ["a.near/1", "a.near/2", "a.near/3"] {
        registry.watch(name);
    }
    registry.lists(10, &[]);
    let present = |version| Desired::Present(spec(version));
    let newest = registry.answers(20, "a.near/1", present(1));
    assert_eq!(newest, news(&["a.near/1"]));
    let slower = registry.answers(15, "a.near/2", present(1));
    assert_eq!(slower, news(&["a.near/2"]), "it was under way for longer");
    let late = registry.answers(14, "a.near/2", Desired::Missing);
    let older = |height, mark| Taken::Older { height, mark };
    assert_eq!(late, older(14, 15));
    assert_eq!(registry.deletes(9, "a.near/3", 1, 5), older(9, 10));
    let listing = registry.lists(12, &[("a.near/3", 2), ("a.near/4", 1)]);
    assert_eq!(listing, news(&["a.near/3", "a.near/4"]));
    assert_eq!(registry.desired("a.near/2"), present(1));
    assert_eq!(registry.view.height(), 20);
}

#[test]
fn a_slow_listing_does_not_undo_what_was_told_since() {
    let mut registry = Registry::new(0);
    let names = ["a.near/1", "a.near/2", "a.near/3", "a.near/4"];
    names.iter().for_each(|name| registry.watch(name));
    let as_of_10 = [("a.near/1", 1), ("a.near/2", 1), ("a.near/3", 1)];
    registry.lists(10, &as_of_10);
    let present = |version| Desired::Present(spec(version));
    registry.answers(30, "a.near/1", present(25));
    registry.deletes(30, "a.near/2", 1, 25);
    registry.answers(30, "a.near/4", present(25));
    let slow = [("a.near/1", 1), ("a.near/2", 1), ("a.near/3", 20)];
    assert_eq!(registry.lists(20, &slow), news(&["a.near/3"]));
    assert_eq!(registry.desired("a.near/1"), present(25));
    let deleted = Desired::Deleted { version: 1, at: 25 };
    assert_eq!(registry.desired("a.near/2"), deleted);
    assert_eq!(registry.desired("a.near/3"), present(20));
    assert_eq!(registry.desired("a.near/4"), present(25));

    let lacking = registry.lists(21, &[("a.near/3", 20)]);
    assert_eq!(lacking, news(&[]), "told of since, and registered then");
    assert_eq!(registry.desired("a.near/1"), present(25));

    let newer = [("a.near/1", 31), ("a.near/2", 31), ("a.near/3", 20)];
    let all = news(&["a.near/1", "a.near/2"]);
    assert_eq!(registry.lists(31, &newer), all);
    assert_eq!(registry.desired("a.near/2"), present(31));
    assert!(registry.view.told.is_empty());
}

#[test]
fn a_height_beyond_belief_does_not_shut_out_later_answers() {
    let mut registry = Registry::new(0);
    let absurd = registry.lists(u64::MAX, &[("a.near/1", 1)]);
    assert_eq!(
        absurd,
        Taken::Absurd(u64::MAX),
        "not even as a first answer"
    );
    assert_eq!(registry.lists(100, &[("a.near/1", 1)]), news(&["a.near/1"]));
    assert_eq!(registry.same(90_000_000), Taken::Absurd(90_000_000));
    assert_eq!(registry.same(101), news(&[]));
}

#[test]
fn a_chain_goes_on_while_the_registry_is_silent_for_years() {
    let mut registry = Registry::new(0);
    registry.lists(200_000_000, &[("a.near/1", 1)]);
    assert_eq!(registry.same(203_000_000), Taken::Absurd(203_000_000));
    registry.pass(1_000_000);
    assert_eq!(registry.same(203_000_000), news(&[]));
    assert_eq!(registry.same(206_000_000), Taken::Absurd(206_000_000));
}

#[test]
fn a_mark_that_was_stored_years_ago_does_not_shut_out_today() {
    let mut registry = Registry::new(1_000);
    let today = registry.lists(200_000_000, &[("a.near/1", 1)]);
    assert_eq!(today, news(&["a.near/1"]));
}

#[test]
fn a_deletion_in_the_future_is_nonsense_and_is_asked_about_again() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    registry.lists(10, &[]);
    assert_eq!(registry.deletes(11, "a.near/1", 5, 12), Taken::Absurd(12));
    assert_eq!(registry.desired("a.near/1"), Desired::Missing);
    registry.pass(2);
    assert_eq!(registry.due(), [id("a.near/1")]);
    assert_eq!(registry.deletes(12, "a.near/1", 5, 12), news(&["a.near/1"]));
}

#[test]
fn absence_is_no_deletion_and_no_news_but_a_question() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    registry.lists(10, &[("a.near/1", 1)]);
    assert_eq!(registry.lists(11, &[]), news(&[]), "what runs goes on");
    assert_eq!(registry.desired("a.near/1"), Desired::Unlisted(spec(1)));
    assert_eq!(registry.due(), [id("a.near/1")]);
    assert_eq!(
        registry.answers(11, "a.near/1", Desired::Missing),
        news(&[])
    );
    assert_eq!(registry.desired("a.near/1"), Desired::Unlisted(spec(1)));
    registry.pass(10);
    let deleted = registry.deletes(12, "a.near/1", 1, 12);
    assert_eq!(deleted, news(&["a.near/1"]));
    let tombstone = Desired::Deleted { version: 1, at: 12 };
    assert_eq!(registry.desired("a.near/1"), tombstone);
    registry.pass(1_000);
    assert!(registry.due().is_empty(), "that is settled");
    registry.lists(13, &[]);
    assert_eq!(registry.desired("a.near/1"), tombstone);
}

#[test]
fn registering_again_ends_a_tombstone_even_with_the_same_content() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    registry.lists(10, &[("a.near/1", 1)]);
    registry.lists(11, &[]);
    registry.deletes(12, "a.near/1", 1, 12);
    let again = registry.lists(13, &[("a.near/1", 1)]);
    assert_eq!(again, news(&["a.near/1"]));
    assert_eq!(registry.desired("a.near/1"), Desired::Present(spec(1)));
}

#[test]
fn an_answer_that_it_is_there_is_believed_though_the_listing_lacks_it() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    registry.lists(10, &[]);
    let answer = registry.answers(11, "a.near/1", Desired::Present(spec(4)));
    assert_eq!(answer, news(&["a.near/1"]));
    assert_eq!(registry.desired("a.near/1"), Desired::Present(spec(4)));
    let listed = registry.lists(12, &[("a.near/1", 4)]);
    assert_eq!(listed, news(&[]));
}

#[test]
fn unknown_becomes_missing_with_the_first_listing_and_that_is_news() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    assert_eq!(registry.desired("a.near/1"), Desired::Unknown);
    assert!(
        registry.due().is_empty(),
        "nothing is asked before a listing"
    );
    assert_eq!(registry.lists(10, &[]), news(&["a.near/1"]));
    assert_eq!(registry.desired("a.near/1"), Desired::Missing);
    assert_eq!(registry.lists(11, &[]), news(&[]));
}

#[test]
fn an_unreadable_entry_keeps_what_was_known_and_is_nothing_suspicious() {
    let mut registry = Registry::new(0);
    let names: Vec<String> = (0..10).map(|n| format!("a.near/{n}")).collect();
    let entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    names.iter().for_each(|name| registry.watch(name));
    registry.lists(10, &entries);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(registry.lists_and(11, &[], &names), news(&[]));
    assert_eq!(registry.desired("a.near/3"), Desired::Unlisted(spec(1)));
    assert_eq!(registry.view.suspicious, 0);
    // When the entry disappears altogether, it is still asked about.
    registry.lists(12, &[]);
    assert_eq!(registry.due().len(), 10);
    assert_eq!(registry.lists(13, &entries), news(&names), "readable again");
    assert_eq!(registry.desired("a.near/3"), Desired::Present(spec(1)));
}

#[test]
fn what_a_point_read_confirms_is_wanted_whatever_the_listing_lacks() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    registry.lists(10, &[("a.near/1", 1)]);
    registry.lists(11, &[]);
    let confirmed = registry.answers(11, "a.near/1", Desired::Present(spec(1)));
    assert_eq!(confirmed, news(&["a.near/1"]));
    assert_eq!(registry.desired("a.near/1"), Desired::Present(spec(1)));
    registry.deletes(12, "a.near/1", 1, 12);
    assert_eq!(
        registry.desired("a.near/1"),
        Desired::Deleted { version: 1, at: 12 }
    );
}

#[test]
fn a_listing_that_lacks_much_is_not_followed_up_for_a_while() {
    let mut registry = Registry::new(0);
    let names: Vec<String> = (0..10).map(|n| format!("a.near/{n}")).collect();
    let entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    names.iter().for_each(|name| registry.watch(name));
    registry.lists(10, &entries);
    registry.lists(11, &entries[4..]);
    assert_eq!(registry.view.suspicious, 0, "four are too few to wonder");
    assert_eq!(registry.due().len(), 4);
    registry.lists(12, &entries);
    registry.lists(13, &entries[5..]);
    assert_eq!(registry.view.suspicious, 1);
    assert!(registry.due().is_empty());
    registry.pass(9);
    assert!(registry.due().is_empty());
    registry.pass(1);
    assert_eq!(registry.due().len(), 5);
}

#[test]
fn a_node_that_gives_half_now_and_then_holds_back_nobody_for_longer() {
    let mut registry = Registry::new(0);
    let names: Vec<String> = (0..10).map(|n| format!("a.near/{n}")).collect();
    let entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    names.iter().for_each(|name| registry.watch(name));
    registry.lists(10, &entries);
    // The first is missed by all of them from now on, first by a half one.
    let mut held = 0;
    for second in 0..100 {
        let from = if second % 3 == 0 { 6 } else { 1 };
        let (mine, others) = (&entries[from..], registry.due());
        registry.lists(11 + second, mine);
        assert!(
            others.iter().all(|one| *one == id("a.near/0")),
            "{others:?}"
        );
        if others.is_empty() {
            held += 1;
        } else {
            break;
        }
        registry.pass(1);
    }
    assert_eq!(registry.view.suspicious, 4);
    assert_eq!(held, 10, "as long as `listing_hold` says");

    // Whoever was missing before is not held back either.
    registry.lists(200, &entries[1..]);
    registry.watch("b.near/f");
    registry.lists_and(201, &entries[7..], &["a.near/6"]);
    let due = ["a.near/0", "a.near/6", "b.near/f"].map(id);
    assert_eq!(registry.due(), due, "what cannot be read is not missing");
}

#[test]
fn a_doubt_ends_when_all_are_back() {
    let mut registry = Registry::new(0);
    let names: Vec<String> = (0..10).map(|n| format!("a.near/{n}")).collect();
    let entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    names.iter().for_each(|name| registry.watch(name));
    registry.lists(10, &entries);
    registry.lists(11, &[]);
    registry.lists(12, &entries[1..]);
    assert!(registry.due().is_empty(), "one is still missing");
    registry.lists(13, &entries);
    registry.lists(14, &entries[1..]);
    assert_eq!(registry.due(), [id("a.near/0")]);
}

#[test]
fn questions_without_an_answer_are_repeated_less_and_less_often() {
    let mut registry = Registry::new(0);
    registry.watch("a.near/1");
    registry.lists(10, &[]);
    let mut asked = 0;
    for _ in 0..600 {
        for who in registry.due() {
            asked += 1;
            registry
                .view
                .unanswered(&who, registry.now, &registry.knobs);
        }
        assert!(registry.due().is_empty(), "not twice at once");
        registry.pass(1);
    }
    assert!((12..18).contains(&asked), "{asked}");
}

#[test]
fn those_who_wait_longest_are_asked_about_first() {
    let mut registry = Registry::new(0);
    for n in 0..10 {
        registry.watch(&format!("a.near/{n}"));
    }
    registry.lists(10, &[]);
    let mut asked = BTreeSet::new();
    for _ in 0..10 {
        for who in registry.view.questions_due(2, registry.now) {
            registry
                .view
                .unanswered(&who, registry.now, &registry.knobs);
            asked.insert(who);
        }
        registry.pass(1);
    }
    assert_eq!(asked.len(), 10, "nobody is passed over");
}

#[test]
fn what_is_forgotten_leaves_nothing() {
    let mut registry = Registry::new(0);
    for n in 0..100 {
        let name = format!("a.near/{n}");
        registry.watch(&name);
        registry.lists(10 + 4 * n, &[(&name, 1)]);
        registry.lists(11 + 4 * n, &[]);
        registry.deletes(12 + 4 * n, &name, 1, 12);
        registry.view.forget(&id(&name));
        // An answer that was under way, and a listing that nobody watches.
        registry.deletes(13 + 4 * n, &name, 1, 12);
    }
    registry.lists(1_000, &[("b.near/1", 1)]);
    registry.lists(1_001, &[]);
    let view = &registry.view;
    assert!(view.listed.is_empty() && view.watched.is_empty() && view.tombstones.is_empty());
    assert!(view.unlisted.is_empty() && view.questions.is_empty() && view.told.is_empty());
}

#[test]
fn a_persisted_height_that_no_answer_comes_near_is_told() {
    let stored = 9_000_000_000;
    let mut registry = Registry::new(stored);
    let behind = |registry: &Registry| registry.view.behind(registry.now);
    assert_eq!(behind(&registry), None, "nobody has answered");
    registry.lists(120_000_000, &[("a.near/1", 1)]);
    registry.same(119_999_999);
    let told = behind(&registry).unwrap();
    assert_eq!((told.stored, told.heard), (stored, 120_000_000));
    assert!(told.is_beyond_belief());
    let said = told.to_string();
    assert!(said.contains("height --lower-to 120000000`"), "{said}");
    assert!(said.len() < 290, "{}: {said}", said.len());

    // A node that is behind by days may catch up.
    registry.same(stored - HEIGHT_JUMP_MAX);
    let told = behind(&registry).unwrap();
    assert!(!told.is_beyond_belief());
    assert!(told.to_string().contains("newer ones are waited for"));
    registry.same(stored);
    registry.same(stored - 1);
    assert_eq!(behind(&registry), None, "one was new enough");
}

#[test]
fn questions_that_nobody_heard_are_asked_at_once_when_the_registry_is_back() {
    for (silent, heard) in [(true, false), (false, false), (true, true)] {
        let mut registry = Registry::new(0);
        let who = id("a.near/one");
        registry.watch("a.near/one");
        registry.lists(100, &[("a.near/one", 7)]);
        registry.lists(101, &[]);
        for _ in 0..4 {
            registry.pass(60);
            let (now, knobs) = (registry.now, registry.knobs.clone());
            registry.view.unanswered(&who, now, &knobs);
        }
        if heard {
            registry.answers(102, "a.near/one", Desired::Missing);
        }
        if silent {
            registry.view.no_listing();
        }
        assert!(registry.due().is_empty());
        registry.same(103);
        let asked = !registry.due().is_empty();
        assert_eq!(asked, silent && !heard, "{silent} {heard}");
        // Listings that follow each other are no news.
        let (now, knobs) = (registry.now, registry.knobs.clone());
        registry.view.unanswered(&who, now, &knobs);
        registry.same(104);
        assert!(registry.due().is_empty());
    }
}

#[test]
fn pauses_between_questions_begin_anew_when_one_brings_news() {
    for news in [true, false] {
        let mut registry = Registry::new(0);
        registry.watch("a.near/1");
        registry.lists(100, &[]);
        for height in 101..110 {
            registry.pass(60);
            registry.answers(height, "a.near/1", Desired::Present(spec(7)));
        }
        let version = if news { 110 } else { 7 };
        registry.answers(110, "a.near/1", Desired::Present(spec(version)));
        registry.pass(5);
        assert_eq!(!registry.due().is_empty(), news);
    }
}

#[test]
fn whoever_is_asked_about_at_replicas_that_are_behind_is_asked_about_soon_again() {
    for behind in [true, false] {
        let mut registry = Registry::new(0);
        registry.watch("a.near/1");
        registry.lists(100, &[("a.near/1", 7)]);
        registry.lists(200, &[]);
        let mut asked = 0;
        for seconds in 0..120 {
            registry.pass(1);
            if !registry.due().is_empty() {
                asked += 1;
                let height = if behind { 199 } else { 200 + seconds };
                registry.answers(height, "a.near/1", Desired::Present(spec(7)));
            }
        }
        let expected = if behind { 30..=33 } else { 6..=8 };
        assert!(expected.contains(&asked), "{behind}: {asked}");
    }
}

/// Two answers as of one block that differ, and one that is newer than a listing.
#[test]
fn a_listing_that_says_the_same_is_read_anew_after_something_else_was_told() {
    for height in [100, 101] {
        let mut registry = Registry::new(0);
        registry.watch("a.near/1");
        registry.lists(100, &[("a.near/1", 100), ("a.near/2", 1)]);
        assert!(registry.view.is_as_listed());
        registry.answers(height, "a.near/1", Desired::Present(spec(100)));
        assert!(registry.view.is_as_listed(), "that is no other");
        registry.deletes(height, "a.near/1", 50, 99);
        assert!(!registry.view.is_as_listed());
        let again = [("a.near/1", 100), ("a.near/2", 1)];
        registry.lists(100, &again);
        assert_eq!(registry.view.is_as_listed(), height == 100);
        registry.lists(102, &again);
        assert_eq!(registry.desired("a.near/1"), Desired::Present(spec(100)));
        assert!(registry.view.is_as_listed());
        registry.answers(103, "a.near/1", Desired::Present(spec(103)));
        assert!(!registry.view.is_as_listed());
    }
}
