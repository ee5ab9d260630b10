//! Listings of services that do not tell the truth.

use sim_node::{IndexerKey, Rng, Time};

use super::World;
use super::armed::Scope;
use crate::scenario::{ListFaultKind, ListRates, Listing};

/// The share of entries that random partial listings lack.
const HALF: f64 = 0.5;

/// A listing that differs from the truth.
#[derive(Clone, Debug)]
pub struct Distortion {
    /// How.
    pub kind: ListFaultKind,
    /// The probability of each entry of a partial listing to be missing.
    pub share: f64,
    /// The only entry that a partial listing lacks, instead of a share.
    pub missing: Option<IndexerKey>,
}

/// A fault of listings.
#[derive(Clone, Debug)]
pub struct ListRule {
    /// Of which.
    pub list: Listing,
    /// What they are like.
    pub distortion: Distortion,
    /// How often; its key is not used.
    pub scope: Scope,
}

/// All armed faults of listings, and the rates of random ones while they are on.
#[derive(Clone, Debug, Default)]
pub struct Listings {
    rules: Vec<ListRule>,
    /// Random faults per listing.
    pub rates: Option<ListRates>,
}

impl Listings {
    /// Arms a fault.
    pub fn arm(&mut self, rule: ListRule) {
        self.rules.push(rule);
    }

    /// What becomes of the next listing.
    pub fn next(&mut self, now: Time, list: Listing, rng: &mut Rng) -> Option<Distortion> {
        if !self.rules.is_empty() {
            let hit = self
                .rules
                .iter_mut()
                .filter(|rule| rule.list == list)
                .find_map(|rule| {
                    let covered = rule.scope.covers(now, None, rng);
                    covered.then(|| rule.distortion.clone())
                });
            self.rules.retain(|rule| !rule.scope.is_spent(now));
            if hit.is_some() {
                return hit;
            }
        }
        let rates = self.rates?;
        let mut draw = rng.unit();
        let kinds = [
            (ListFaultKind::Partial, rates.partial),
            (ListFaultKind::Shuffled, rates.shuffled),
            (ListFaultKind::Empty, rates.empty),
        ];
        for (kind, rate) in kinds {
            if draw < rate {
                return Some(Distortion {
                    kind,
                    share: HALF,
                    missing: None,
                });
            }
            draw -= rate;
        }
        None
    }
}

impl World {
    /// Makes `entries`, each about the indexer that `name` says, a listing that
    /// differs from the truth.
    pub fn distort<T>(
        &mut self,
        list: Listing,
        distortion: &Distortion,
        entries: &mut Vec<T>,
        name: impl Fn(&T) -> IndexerKey,
    ) {
        let before = entries.len();
        match distortion.kind {
            ListFaultKind::Empty => entries.clear(),
            ListFaultKind::Partial => {
                let rng = &mut self.rng_faults;
                entries.retain(|entry| match &distortion.missing {
                    Some(missing) => name(entry) != *missing,
                    None => !rng.chance(distortion.share),
                });
            }
            ListFaultKind::Shuffled => {
                for place in (1..entries.len()).rev() {
                    let other = self.rng_faults.below(place as u64 + 1) as usize;
                    entries.swap(place, other);
                }
            }
        }
        let (kind, after) = (distortion.kind, entries.len());
        self.fault(format!(
            "the listing of {list:?} is {kind:?}: {after} of {before}"
        ));
    }
}
