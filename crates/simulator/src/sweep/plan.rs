//! What is to go wrong in a run, and where.

use std::fmt;
use std::str::FromStr;

use super::kind::Kind;
use super::site::Site;

/// Faults of a plan at the most.
const MOST: usize = 8;

/// One fault at one site. As text: `StartStream@alice.near/feed#1:answer-lost`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Where.
    pub site: Site,
    /// What.
    pub kind: Kind,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.site, self.kind)
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Point, String> {
        let (site, kind) = text
            .rsplit_once(':')
            .ok_or_else(|| format!("`{text}` is no fault at a site; expected SITE:KIND"))?;
        Ok(Point {
            site: site.parse()?,
            kind: Kind::by_name(kind)?,
        })
    }
}

/// Faults at sites, no two at one. As text they stand with commas between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plan(Vec<Point>);

impl Plan {
    /// A plan of these points.
    ///
    /// # Errors
    /// There is none, there are too many, or two are at one site.
    pub fn new(points: Vec<Point>) -> Result<Plan, String> {
        if points.is_empty() || points.len() > MOST {
            return Err(format!("a plan has 1 to {MOST} faults"));
        }
        for (number, point) in points.iter().enumerate() {
            if points
                .iter()
                .skip(number + 1)
                .any(|other| other.site == point.site)
            {
                return Err(format!("{} is named twice", point.site));
            }
        }
        Ok(Plan(points))
    }

    /// Its points, in their order.
    pub fn points(&self) -> &[Point] {
        &self.0
    }

    /// Whether a fault of this kind is among them.
    pub fn has(&self, kind: Kind) -> bool {
        self.0.iter().any(|point| point.kind == kind)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, point) in self.0.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{point}")?;
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Plan, String> {
        let points: Result<Vec<Point>, String> =
            text.split(',').take(MOST + 1).map(str::parse).collect();
        Plan::new(points?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_being_written_down() {
        let text = "StartStream@alice.near/feed#1:answer-lost,\
                    StoreCompareAndSet@alice.near/feed#3:crash-after";
        let plan = Plan::from_str(text).expect("it is a plan");
        assert_eq!(plan.to_string(), text);
        assert_eq!(plan.points().len(), 2);
        assert_eq!(plan.points()[1].kind, Kind::CrashAfter);
        assert!(plan.has(Kind::AnswerLost) && !plan.has(Kind::Hang));
        for kind in Kind::ALL {
            let text = format!("timer@a.near/odd%2cname#7:{kind}");
            assert_eq!(Plan::from_str(&text).map(|plan| plan.to_string()), Ok(text));
        }
    }

    #[test]
    fn what_is_no_plan_is_refused_with_a_reason() {
        let long = ["timer@a/b#1:zombie"; 9].join(",");
        for (text, reason) in [
            ("", "is no fault at a site"),
            ("timer@a/b#1", "is no fault at a site"),
            ("timer@a/b#1:", "is no kind of fault"),
            ("timer@a/b#1:crash", "is no kind of fault"),
            ("timer@a/b#1:zombie,", "is no fault at a site"),
            ("timer@a/b#1:zombie,timer@a/b#1:crash-after", "named twice"),
            (&long, "1 to 8 faults"),
        ] {
            let error = Plan::from_str(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
