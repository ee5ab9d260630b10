//! Which look counts.

use tokio::time::Instant;

use super::*;
use crate::testing::id;

/// A resource in some condition, with something that does not belong to it.
#[derive(Clone, Debug, PartialEq)]
struct View(u32, &'static str);

impl Condition for View {
    fn looks_like(&self, later: &View) -> bool {
        self.same_condition(later)
    }

    fn same_condition(&self, later: &View) -> bool {
        self.0 == later.0
    }

    /// Only odd ones grow old.
    fn ages(&self, _: &Knobs) -> [Option<Duration>; 2] {
        let odd = self.0 % 2 == 1;
        [20, 10].map(|seconds| odd.then(|| Duration::from_secs(seconds)))
    }
}

struct Looks {
    table: Table<View>,
    start: Instant,
}

impl Looks {
    fn new() -> Looks {
        Looks {
            table: Table::new(Knobs::default()),
            start: Instant::now(),
        }
    }

    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    fn list(&mut self, asked: u64, answered: u64, views: &[(&str, View)]) -> Vec<IndexerId> {
        let listed = views
            .iter()
            .map(|(name, view)| (id(name), view.clone()))
            .collect();
        let (asked, answered) = (self.at(asked), self.at(answered));
        self.table.list(listed, asked, answered)
    }

    /// A listing that says what `before` said, but for `changes`.
    fn relist(
        &mut self,
        at: u64,
        before: &[(&str, View)],
        changes: &[(&str, View)],
    ) -> Vec<IndexerId> {
        let changed = changes
            .iter()
            .map(|(name, view)| (id(name), view.clone()))
            .collect();
        let of = |asked: &IndexerId| {
            let mut all = changes.iter().chain(before);
            let found = all.find(|(name, _)| id(name) == *asked);
            found.map(|(_, view)| view.clone())
        };
        let at = self.at(at);
        self.table.relist(changed, of, at, at)
    }

    fn aged(&mut self, at: u64) -> Vec<IndexerId> {
        let now = self.at(at);
        self.table.aged(now)
    }

    fn point(&mut self, asked: u64, answered: u64, view: Option<View>) -> u64 {
        let (asked, answered) = (self.at(asked), self.at(answered));
        self.table
            .point(&id("a.near/1"), view, asked, answered)
            .as_secs()
    }

    /// What looks asked for after `after` say at second 100.
    fn known(&self, after: u64) -> String {
        match self
            .table
            .known(&id("a.near/1"), self.at(after), self.at(100))
        {
            Known::Nothing => "nothing".to_owned(),
            Known::Absent => "absent".to_owned(),
            Known::Present(view, age) => format!("{} for {}", view.1, age.as_secs()),
        }
    }
}

const ID: &str = "a.near/1";

#[test]
fn a_look_not_after_the_own_last_action_is_no_evidence() {
    let mut looks = Looks::new();
    assert_eq!(looks.known(0), "nothing");
    looks.list(5, 6, &[]);
    assert_eq!(looks.known(4), "absent");
    assert_eq!(looks.known(5), "nothing", "asked in the same instant");
    looks.list(7, 8, &[(ID, View(1, "x"))]);
    assert_eq!(looks.known(6), "x for 92");
    assert_eq!(looks.known(7), "nothing");
}

#[test]
fn what_appears_disappears_or_changes_is_reported_and_nothing_else() {
    let mut looks = Looks::new();
    assert_eq!(looks.list(1, 1, &[(ID, View(1, "x"))]), [id(ID)]);
    assert!(looks.list(2, 2, &[(ID, View(1, "y"))]).is_empty());
    assert_eq!(looks.list(3, 3, &[(ID, View(2, "y"))]), [id(ID)]);
    assert_eq!(looks.list(4, 4, &[]), [id(ID)]);
    assert!(looks.list(5, 5, &[]).is_empty());
}

#[test]
fn the_age_counts_from_the_first_look_in_the_same_condition() {
    let mut looks = Looks::new();
    looks.list(1, 2, &[(ID, View(1, "x"))]);
    looks.list(50, 51, &[(ID, View(1, "y"))]);
    assert_eq!(looks.known(0), "y for 98");
    assert_eq!(looks.point(60, 62, Some(View(1, "z"))), 60);
    assert_eq!(looks.point(63, 64, Some(View(2, "z"))), 0);
    looks.list(70, 71, &[(ID, View(2, "z"))]);
    assert_eq!(looks.known(0), "z for 36");
}

#[test]
fn a_listing_asked_for_before_a_point_read_does_not_undo_it() {
    let mut looks = Looks::new();
    looks.point(5, 6, Some(View(1, "new")));
    assert!(looks.list(4, 7, &[(ID, View(2, "old"))]).is_empty());
    assert!(looks.list(4, 7, &[]).is_empty());
    assert_eq!(looks.known(0), "new for 94");
    // Nor does a point read asked for before a listing.
    looks.list(10, 11, &[(ID, View(3, "newer"))]);
    looks.point(9, 12, None);
    looks.point(9, 12, Some(View(1, "old")));
    assert_eq!(looks.known(0), "newer for 89");
}

#[test]
fn a_point_read_that_finds_nothing_is_no_news_to_whoever_asked() {
    let mut looks = Looks::new();
    looks.list(1, 1, &[(ID, View(1, "x"))]);
    looks.point(2, 2, None);
    assert_eq!(looks.known(0), "absent");
    assert_eq!(looks.known(1), "nothing", "the listing had it");
    assert!(looks.list(3, 3, &[]).is_empty());
    assert_eq!(looks.known(1), "absent");
}

#[test]
fn a_service_is_down_from_the_first_failure_to_the_next_answer() {
    let mut looks = Looks::new();
    assert_eq!(looks.table.down_since(), None);
    looks.table.failed(Timestamp(7));
    looks.table.failed(Timestamp(9));
    assert_eq!(looks.table.down_since(), Some(Timestamp(7)));
    looks.list(1, 1, &[]);
    assert_eq!(looks.table.down_since(), None);
}

#[test]
fn a_listing_without_changes_is_a_new_look_at_everything() {
    let mut looks = Looks::new();
    let listed = [(ID, View(2, "x"))];
    looks.list(1, 1, &listed);
    assert!(looks.relist(5, &listed, &[]).is_empty());
    assert_eq!(looks.known(4), "x for 99");
    assert_eq!(looks.known(5), "nothing");
    // A point read asked for before it is no news any more.
    looks.point(4, 6, Some(View(4, "old")));
    looks.point(4, 6, None);
    assert_eq!(looks.known(4), "x for 99");
    looks.table.failed(Timestamp(7));
    looks.relist(7, &listed, &[]);
    assert_eq!(looks.table.down_since(), None);
    looks.relist(8, &[], &[]);
    assert_eq!(
        looks.known(7),
        "x for 99",
        "nothing was said to have changed"
    );
}

#[test]
fn absence_too_is_confirmed_by_a_listing_without_changes() {
    let mut looks = Looks::new();
    looks.list(1, 1, &[]);
    looks.relist(5, &[], &[]);
    assert_eq!(looks.known(4), "absent");
}

#[test]
fn changes_of_a_listing_are_taken_in_by_themselves() {
    let mut looks = Looks::new();
    let other = ("a.near/2", View(2, "other"));
    looks.list(1, 1, &[(ID, View(2, "x")), other.clone()]);
    let before = [(ID, View(2, "x")), other];
    assert_eq!(looks.relist(5, &before, &[(ID, View(4, "y"))]), [id(ID)]);
    assert_eq!(looks.known(4), "y for 95");
    // Another view in the same condition keeps the age and wakes nobody.
    assert!(looks.relist(6, &before, &[(ID, View(4, "z"))]).is_empty());
    assert_eq!(looks.known(5), "z for 95");
}

#[test]
fn a_point_read_newer_than_an_unchanged_listing_wins() {
    let mut looks = Looks::new();
    let listed = [(ID, View(2, "x"))];
    looks.list(1, 1, &listed);
    looks.point(6, 6, Some(View(4, "new")));
    assert!(looks.relist(5, &listed, &[]).is_empty());
    assert_eq!(looks.known(5), "new for 94");
    assert_eq!(looks.known(6), "nothing");
    // Until a listing that is newer still says otherwise.
    assert_eq!(looks.relist(7, &listed, &[]), [id(ID)]);
    assert_eq!(looks.known(6), "x for 93");
}

#[test]
fn an_unchanged_listing_brings_back_what_a_point_read_did_not_find() {
    let mut looks = Looks::new();
    let listed = [(ID, View(2, "x"))];
    looks.list(1, 1, &listed);
    looks.point(2, 2, None);
    assert_eq!(looks.relist(3, &listed, &[]), [id(ID)]);
    assert_eq!(looks.known(2), "x for 97");
}

#[test]
fn an_unchanged_listing_takes_away_what_only_a_point_read_found() {
    let mut looks = Looks::new();
    looks.list(1, 1, &[]);
    looks.point(4, 4, Some(View(1, "x")));
    assert!(looks.relist(3, &[], &[]).is_empty());
    assert_eq!(looks.known(3), "x for 96");
    assert_eq!(looks.relist(5, &[], &[]), [id(ID)]);
    assert_eq!(looks.known(4), "absent");
    assert!(looks.aged(1_000).is_empty());
}

#[test]
fn ages_are_noticed_once_each_when_they_are_reached() {
    let mut looks = Looks::new();
    let listed = [(ID, View(1, "x")), ("a.near/2", View(2, "x"))];
    looks.list(1, 1, &listed);
    assert!(looks.aged(10).is_empty());
    assert_eq!(looks.aged(11), [id(ID)]);
    assert!(looks.aged(20).is_empty());
    assert_eq!(looks.aged(25), [id(ID)]);
    assert!(looks.aged(1_000).is_empty());
}

#[test]
fn an_age_counts_from_the_last_change_only() {
    let mut looks = Looks::new();
    let listed = [(ID, View(1, "x"))];
    looks.list(1, 1, &listed);
    looks.relist(9, &listed, &[(ID, View(3, "x"))]);
    assert!(looks.aged(18).is_empty());
    assert_eq!(looks.aged(19), [id(ID)]);
    // One that does not grow old any more, and one that does so again.
    looks.relist(20, &listed, &[(ID, View(2, "x"))]);
    assert!(looks.aged(100).is_empty());
    looks.relist(101, &listed, &[(ID, View(1, "x"))]);
    assert_eq!(looks.aged(500), [id(ID)], "late, but not lost");
    assert!(looks.aged(501).is_empty());
}
