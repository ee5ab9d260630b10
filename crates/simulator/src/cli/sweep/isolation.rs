//! Isolation (oracle S10): what befalls one indexer changes nothing for another.

use sim_node::IndexerKey;

use crate::oracle::share_a_database;
use crate::report::Violation;
use crate::sweep::{Plan, Swept};

/// The id of the property.
const ORACLE: &str = "S10";

/// Compares what was done to the others with and without a plan that befalls one
/// indexer only. When it is done may differ, and so may what happens to those who share
/// a data layer with it: who waits may meet other wishes meanwhile. A fault of the
/// process befalls everybody.
pub fn judge(plan: &Plan, plain: &Swept, other: &Swept) -> Option<Violation> {
    let hit = only_one(plan)?;
    let empty = Vec::new();
    let names = plain.courses.keys().chain(other.courses.keys());
    for name in names.filter(|name| is_apart(name, hit)) {
        let before = plain.courses.get(name).unwrap_or(&empty);
        let after = other.courses.get(name).unwrap_or(&empty);
        if before != after {
            return Some(Violation {
                oracle: ORACLE.to_owned(),
                sentence: format!("{plan} befalls {hit}, and changes what is done to {name}"),
                at: String::new(),
                evidence: vec![
                    format!("{name} without it: {}", before.join(", ")),
                    format!("{name} with it: {}", after.join(", ")),
                ],
            });
        }
    }
    None
}

/// Whether what befalls `hit` need not even keep the other waiting: they do not share a
/// data layer, in which one is served after the other.
fn is_apart(name: &str, hit: &str) -> bool {
    let both = IndexerKey::parse(name).zip(IndexerKey::parse(hit));
    both.is_none_or(|(one, other)| !share_a_database(one.account(), other.account()))
}

/// The indexer that alone is hit by a plan, if there is one.
fn only_one(plan: &Plan) -> Option<&str> {
    let mut hit = None;
    for point in plan.points() {
        let indexer = point.site.indexer.as_ref()?.as_str();
        if point.kind.is_of_the_process() || hit.is_some_and(|other| other != indexer) {
            return None;
        }
        hit = Some(indexer);
    }
    hit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(courses: &[(&str, &[&str])]) -> Swept {
        let courses = courses.iter().map(|(name, course)| {
            let course = course.iter().map(|call| (*call).to_owned()).collect();
            ((*name).to_owned(), course)
        });
        Swept {
            courses: courses.collect(),
            ..Swept::default()
        }
    }

    fn judged(plan: &str, other: &Swept) -> Option<String> {
        let plain = done(&[
            ("a.near/x", &["StartStream"]),
            ("b.near/x", &["StartStream"]),
        ]);
        let plan = plan.parse().expect("a plan");
        judge(&plan, &plain, other).map(|violation| violation.sentence)
    }

    #[test]
    fn what_is_done_to_the_others_must_not_change() {
        let twice = ["StartStream", "StopStream", "StartStream"];
        let own = done(&[("a.near/x", &twice), ("b.near/x", &["StartStream"])]);
        let theirs = done(&[("a.near/x", &twice), ("b.near/x", &twice)]);
        let nothing = done(&[("a.near/x", &twice)]);
        let new = done(&[
            ("a.near/x", &["StartStream"]),
            ("b.near/x", &["StartStream"]),
            ("c.near/x", &["StopStream"]),
        ]);
        let error = "StartStream@a.near/x#1:error-after";
        assert_eq!(judged(error, &own), None);
        let sentence = |name| {
            Some(format!(
                "StartStream@a.near/x#1:error-after befalls a.near/x, and changes what is done to \
                 {name}"
            ))
        };
        assert_eq!(judged(error, &theirs), sentence("b.near/x"));
        assert_eq!(judged(error, &nothing), sentence("b.near/x"));
        assert_eq!(judged(error, &new), sentence("c.near/x"));
        let shared = done(&[
            ("a.near/x", &["StartStream"]),
            ("a.near/y", &["StartStream"]),
            ("b.near/x", &["StartStream"]),
        ]);
        assert_eq!(judged(error, &shared), None);
    }

    #[test]
    fn what_befalls_more_than_one_is_not_judged() {
        let other = done(&[]);
        for plan in [
            "StartStream@a.near/x#1:crash-after",
            "timer@a.near/x#1:zombie",
            "ListStreams@*#1:error-before",
            "StartStream@a.near/x#1:hang,StartStream@b.near/x#1:hang",
        ] {
            assert_eq!(judged(plan, &other), None, "{plan}");
        }
        assert!(judged("timer@a.near/x#1:hidden-switch", &other).is_some());
    }
}
