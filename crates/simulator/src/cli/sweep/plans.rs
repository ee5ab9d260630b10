//! Everything that a sweep can try, numbered.

use std::collections::BTreeMap;
use std::hash::Hasher;

use xxhash_rust::xxh3::Xxh3;

use crate::history::Method;
use crate::sweep::{Kind, LeftOut, Place, Plan, Point, Recorded, Site};

/// All plans of one scenario: every fault alone, or every pair of faults.
#[derive(Clone, Debug, Default)]
pub struct Plans {
    /// Every fault that is tried, by site in the order of the run.
    points: Vec<Point>,
    pairs: bool,
    /// Sites of the run.
    pub sites: u64,
    /// How many plans there are.
    pub count: u64,
    /// How many were left out, by reason.
    pub left_out: BTreeMap<LeftOut, u64>,
}

impl Plans {
    /// The plans for a recorded run, of these kinds of faults.
    pub fn of(recorded: &[Recorded], kinds: &[Kind], pairs: bool) -> Plans {
        let mut plans = Plans {
            pairs,
            sites: recorded.len() as u64,
            ..Plans::default()
        };
        for one in recorded {
            for kind in kinds {
                let fits = match pairs && is_failed_read(&one.site, *kind) {
                    true => Err(LeftOut::Alone),
                    false => kind.fits(one),
                };
                match fits {
                    Ok(()) => plans.points.push(Point {
                        site: one.site.clone(),
                        kind: *kind,
                    }),
                    Err(reason) => *plans.left_out.entry(reason).or_default() += 1,
                }
            }
        }
        let singles = plans.points.len() as u64;
        plans.count = singles;
        if pairs {
            let all = choose_two(singles);
            let same = plans.of_one_site();
            plans.count = all - same;
            plans.left_out.insert(LeftOut::SameSite, same);
        }
        plans
    }

    /// Pairs of faults at one and the same site.
    fn of_one_site(&self) -> u64 {
        let sites = self.points.chunk_by(|one, other| one.site == other.site);
        sites.map(|points| choose_two(points.len() as u64)).sum()
    }

    /// All plans with their numbers, from 0.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Plan)> + '_ {
        let singles = self.points.iter().filter(|_| !self.pairs);
        let singles = singles.map(|point| vec![point.clone()]);
        let firsts = self.points.iter().enumerate().filter(|_| self.pairs);
        let pairs = firsts.flat_map(|(number, first)| {
            let later = self.points.iter().skip(number + 1);
            later
                .filter(|second| second.site != first.site)
                .map(|second| vec![first.clone(), second.clone()])
        });
        let plans = singles
            .chain(pairs)
            .filter_map(|points| Plan::new(points).ok());
        (0..).zip(plans)
    }

    /// Feeds what the plans are made of into a hash: the same numbers mean the
    /// same plans where the hash is the same.
    pub fn feed(&self, hash: &mut Xxh3) {
        hash.write_u8(u8::from(self.pairs));
        for point in &self.points {
            hash.write(point.to_string().as_bytes());
            hash.write_u8(b'\n');
        }
    }
}

/// Whether it is no more than a read without an answer.
fn is_failed_read(site: &Site, kind: Kind) -> bool {
    let reads = |method: Method| !method.is_effect();
    matches!(site.place, Place::Call(method) if reads(method)) && kind != Kind::Stale
}

fn choose_two(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(sites: &[&str]) -> Vec<Recorded> {
        let site = |text: &&str| Recorded {
            site: text.parse().expect("a site"),
            at_micros: 0,
            repeated: false,
            news: true,
        };
        sites.iter().map(site).collect()
    }

    fn texts(plans: &Plans) -> Vec<String> {
        plans.iter().map(|(_, plan)| plan.to_string()).collect()
    }

    const SITES: [&str; 3] = ["GetStream@a/b#1", "StartStream@a/b#1", "timer@a/b#1"];

    #[test]
    fn every_fault_that_can_happen_is_a_plan() {
        let kinds = [Kind::CrashAfter, Kind::Stale];
        let plans = Plans::of(&recorded(&SITES), &kinds, false);
        let expected = [
            "GetStream@a/b#1:stale",
            "StartStream@a/b#1:crash-after",
            "timer@a/b#1:crash-after",
        ];
        assert_eq!(texts(&plans), expected);
        assert_eq!((plans.sites, plans.count), (3, 3));
        let left_out = [
            (LeftOut::NoRead, 1),
            (LeftOut::ChangesNothing, 1),
            (LeftOut::NoMessage, 1),
        ];
        assert_eq!(plans.left_out, BTreeMap::from(left_out));
        let numbers: Vec<u64> = plans.iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [0, 1, 2]);
    }

    #[test]
    fn a_pair_is_two_faults_of_different_sites() {
        let kinds = [Kind::CrashBefore, Kind::CrashAfter, Kind::Hang, Kind::Stale];
        let plans = Plans::of(&recorded(&SITES), &kinds, true);
        let texts = texts(&plans);
        // One of the read, three of the effect, two of the wait: 3 + 2 + 6.
        assert_eq!(texts.len() as u64, plans.count);
        assert_eq!(plans.count, 11);
        assert_eq!(
            texts.first().map(String::as_str),
            Some("GetStream@a/b#1:stale,StartStream@a/b#1:crash-before")
        );
        assert_eq!(plans.left_out.get(&LeftOut::SameSite), Some(&4));
        assert_eq!(plans.left_out.get(&LeftOut::Alone), Some(&3));
        let mut different = texts.clone();
        different.dedup();
        assert_eq!(different.len(), texts.len());
    }

    #[test]
    fn every_plan_and_every_reason_add_up() {
        let sites = recorded(&SITES);
        let plans = Plans::of(&sites, &Kind::ALL, false);
        let left_out: u64 = plans.left_out.values().sum();
        assert_eq!(
            plans.count + left_out,
            (sites.len() * Kind::ALL.len()) as u64
        );
        let none = Plans::of(&[], &Kind::ALL, true);
        assert_eq!((none.count, none.iter().count()), (0, 0));
    }

    #[test]
    fn other_plans_have_another_hash() {
        let hash = |plans: &Plans| {
            let mut hash = Xxh3::new();
            plans.feed(&mut hash);
            hash.digest()
        };
        let sites = recorded(&SITES);
        let all = Plans::of(&sites, &Kind::ALL, false);
        assert_eq!(hash(&all), hash(&Plans::of(&sites, &Kind::ALL, false)));
        assert_ne!(hash(&all), hash(&Plans::of(&sites, &Kind::ALL, true)));
        assert_ne!(hash(&all), hash(&Plans::of(&sites, &[Kind::Hang], false)));
    }
}
