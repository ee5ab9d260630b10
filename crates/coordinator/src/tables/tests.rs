//! Which look counts.

use tokio::time::Instant;

use super::*;
use crate::testing::id;

/// A resource in some condition, with something that does not belong to it.
#[derive(Clone, Debug, PartialEq)]
struct View(u32, &'static str);

impl Condition for View {
    fn same_condition(&self, later: &View) -> bool {
        self.0 == later.0
    }
}

struct Looks {
    table: Table<View>,
    start: Instant,
}

impl Looks {
    fn new() -> Looks {
        Looks {
            table: Table::default(),
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
