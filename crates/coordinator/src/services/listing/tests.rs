//! What of an answer is news.

use super::*;
use crate::testing::id;

/// A name, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
struct Said(&'static str, u32);

impl Entry for Said {
    type View = u32;

    fn name(&self) -> (&str, &str) {
        (self.0, "f")
    }

    fn view(&self) -> u32 {
        self.1
    }
}

fn take(listing: &mut Listing<Said>, answer: &[Said]) -> News {
    listing.take("service", answer.to_vec()).unwrap()
}

fn listed(listing: &Listing<Said>) -> Vec<(String, u32)> {
    let all = listing.all().into_iter();
    all.map(|(id, view)| (id.to_string(), view)).collect()
}

#[test]
fn the_same_answer_is_no_news() {
    let mut listing = Listing::default();
    assert_eq!(take(&mut listing, &[]), News::Anything, "the first answer");
    assert_eq!(take(&mut listing, &[]), News::At(vec![]));
    let answer = [Said("a", 1), Said("b", 2)];
    assert_eq!(take(&mut listing, &answer), News::Anything);
    assert_eq!(take(&mut listing, &answer), News::At(vec![]));
    assert_eq!(listed(&listing), [("a/f".into(), 1), ("b/f".into(), 2)]);
}

#[test]
fn only_entries_that_say_something_else_are_news() {
    let mut listing = Listing::default();
    take(&mut listing, &[Said("a", 1), Said("", 2), Said("b", 3)]);
    let news = take(&mut listing, &[Said("a", 1), Said("", 9), Said("b", 4)]);
    assert_eq!(news, News::At(vec![1, 2]));
    assert_eq!(
        listing.at(&[1, 2]),
        [(id("b/f"), 4)],
        "the other has no name"
    );
    assert_eq!(listing.of(&id("b/f")), Some(4));
    assert_eq!(listing.of(&id("c/f")), None);
    assert_eq!(listed(&listing), [("a/f".into(), 1), ("b/f".into(), 4)]);
}

#[test]
fn other_names_or_another_order_make_everything_news() {
    let mut listing = Listing::default();
    take(&mut listing, &[Said("a", 1), Said("b", 2)]);
    for answer in [
        vec![Said("b", 2), Said("a", 1)],
        vec![Said("b", 2)],
        vec![Said("c", 2)],
        vec![Said("c", 2), Said("a", 1)],
    ] {
        assert_eq!(take(&mut listing, &answer), News::Anything, "{answer:?}");
        assert_eq!(listed(&listing).len(), answer.len());
    }
}

#[test]
fn of_an_indexer_that_is_listed_twice_the_later_entry_counts() {
    let mut listing = Listing::default();
    take(&mut listing, &[Said("a", 1), Said("a", 2)]);
    // That the first one changes must not bring it before the second.
    assert_eq!(
        take(&mut listing, &[Said("a", 3), Said("a", 2)]),
        News::Anything
    );
    assert_eq!(listed(&listing), [("a/f".into(), 2)]);
    assert_eq!(listing.of(&id("a/f")), Some(2));
}
