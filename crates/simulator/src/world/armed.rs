//! Faults that wait for a call to befall.

use sim_node::{IndexerKey, Rng, Time};

use crate::history::Method;
use crate::scenario::{
    CallOutcome, CallRates, RegistryFaultKind, RegistryRates, StoreFaultKind, StoreRates,
};
use crate::transport::HandMade;

/// How long, how often and for whom a fault is armed.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Calls left; `None` = no limit.
    pub times: Option<u64>,
    /// Not after this; `None` = until healed.
    pub until: Option<Time>,
    /// Only calls about this indexer.
    pub key: Option<IndexerKey>,
    /// Probability that a matching call is befallen.
    pub probability: f64,
}

impl Scope {
    pub(super) fn covers(&mut self, now: Time, key: Option<&IndexerKey>, rng: &mut Rng) -> bool {
        let open = self.times != Some(0)
            && self.until.is_none_or(|until| now < until)
            && (self.key.is_none() || self.key.as_ref() == key);
        let hit = open && (self.probability >= 1.0 || rng.chance(self.probability));
        if hit && let Some(times) = &mut self.times {
            *times -= 1;
        }
        hit
    }

    pub(super) fn is_spent(&self, now: Time) -> bool {
        self.times == Some(0) || self.until.is_some_and(|until| now >= until)
    }
}

/// A fault of calls to the services.
#[derive(Clone, Debug)]
pub struct CallFaultRule {
    /// Which calls; `None` = all.
    pub method: Option<Method>,
    /// What becomes of them.
    pub outcome: CallOutcome,
    /// How often.
    pub scope: Scope,
}

/// A fault of commands to the store.
#[derive(Clone, Debug)]
pub struct StoreRule {
    /// What happens.
    pub kind: StoreFaultKind,
    /// How often.
    pub scope: Scope,
}

/// A fault of the registry's answers.
#[derive(Clone, Debug)]
pub struct RegistryRule {
    /// What it answers.
    pub kind: RegistryFaultKind,
    /// How old a stale answer is.
    pub lag: std::time::Duration,
    /// Which entry it is about.
    pub about: Option<IndexerKey>,
    /// How often.
    pub scope: Scope,
}

impl RegistryRule {
    /// One answer that is so old.
    pub fn stale(lag: std::time::Duration) -> RegistryRule {
        RegistryRule {
            kind: RegistryFaultKind::Stale,
            lag,
            about: None,
            scope: Scope {
                times: Some(1),
                until: None,
                key: None,
                probability: 1.0,
            },
        }
    }
}

/// All armed faults, and the rates of random ones while they are on.
#[derive(Clone, Debug, Default)]
pub struct Armed {
    calls: Vec<CallFaultRule>,
    store: Vec<StoreRule>,
    registry: Vec<RegistryRule>,
    /// What the next call to a service is answered, without effect.
    by_hand: Option<HandMade>,
    /// Faults of listings.
    pub lists: super::Listings,
    /// Random faults per call to the services.
    pub call_rates: Option<CallRates>,
    /// Random faults per command to the store.
    pub store_rates: Option<StoreRates>,
    /// Random faults per read of the registry.
    pub registry_rates: Option<RegistryRates>,
}

impl Armed {
    /// Arms a fault of calls.
    pub fn arm_call(&mut self, rule: CallFaultRule) {
        self.calls.push(rule);
    }

    /// Arms a fault of store commands.
    pub fn arm_store(&mut self, rule: StoreRule) {
        self.store.push(rule);
    }

    /// Arms a fault of registry reads.
    pub fn arm_registry(&mut self, rule: RegistryRule) {
        self.registry.push(rule);
    }

    /// Lets the next call to a service be answered so. Its effect does not come
    /// about.
    pub fn answer_next(&mut self, answer: HandMade) {
        self.by_hand = Some(answer);
    }

    /// What a call to a service that is sent now will be answered by hand.
    pub(crate) fn take_by_hand(&mut self) -> Option<HandMade> {
        self.by_hand.take()
    }

    /// Disarms everything.
    pub fn heal(&mut self) {
        *self = Armed::default();
    }

    /// What befalls a call to a service.
    pub fn on_call(
        &mut self,
        now: Time,
        method: Method,
        key: Option<&IndexerKey>,
        rng: &mut Rng,
    ) -> Option<CallOutcome> {
        if !self.calls.is_empty() {
            let hit = self
                .calls
                .iter_mut()
                .filter(|rule| rule.method.is_none_or(|named| named == method))
                .filter(|rule| fits(rule.outcome, method))
                .find_map(|rule| rule.scope.covers(now, key, rng).then_some(rule.outcome));
            self.calls.retain(|rule| !rule.scope.is_spent(now));
            if hit.is_some() {
                return hit;
            }
        }
        let rates = self.call_rates.as_ref()?;
        let mut draw = rng.unit();
        for (outcome, rate) in rates.each() {
            if draw < rate {
                return fits(outcome, method).then_some(outcome);
            }
            draw -= rate;
        }
        None
    }

    /// What befalls a command to the store.
    pub fn on_store(
        &mut self,
        now: Time,
        method: Method,
        key: Option<&IndexerKey>,
        rng: &mut Rng,
    ) -> Option<StoreFaultKind> {
        let fits = |kind: StoreFaultKind| {
            let races = matches!(kind, StoreFaultKind::Conflict | StoreFaultKind::Rival);
            !races || method == Method::StoreCompareAndSet
        };
        if !self.store.is_empty() {
            let hit = self
                .store
                .iter_mut()
                .filter(|rule| fits(rule.kind))
                .find_map(|rule| rule.scope.covers(now, key, rng).then_some(rule.kind));
            self.store.retain(|rule| !rule.scope.is_spent(now));
            if hit.is_some() {
                return hit;
            }
        }
        let rates = self.store_rates.as_ref()?;
        let mut draw = rng.unit();
        let kinds = [
            (StoreFaultKind::Conflict, rates.conflict),
            (StoreFaultKind::ErrorBefore, rates.error_before),
            (StoreFaultKind::ErrorAfter, rates.error_after),
            (StoreFaultKind::Rival, rates.rival),
        ];
        for (kind, rate) in kinds {
            if draw < rate {
                return fits(kind).then_some(kind);
            }
            draw -= rate;
        }
        None
    }

    /// What befalls a read of the registry.
    pub fn on_registry(
        &mut self,
        now: Time,
        method: Method,
        key: Option<&IndexerKey>,
        rng: &mut Rng,
    ) -> Option<RegistryRule> {
        if !self.registry.is_empty() {
            let hit = self
                .registry
                .iter_mut()
                .filter(|rule| answers(rule.kind, method))
                .find_map(|rule| rule.scope.covers(now, key, rng).then(|| rule.clone()));
            self.registry.retain(|rule| !rule.scope.is_spent(now));
            if hit.is_some() {
                return hit;
            }
        }
        let rates = self.registry_rates?;
        let mut draw = rng.unit();
        let kinds = [
            (RegistryFaultKind::Null, rates.null),
            (RegistryFaultKind::Error, rates.error),
            (RegistryFaultKind::RateLimited, rates.rate_limited),
            (RegistryFaultKind::Stale, rates.stale),
            (RegistryFaultKind::Undecodable, rates.undecodable),
            (RegistryFaultKind::GasLimit, rates.gas_limit),
            (RegistryFaultKind::Empty, rates.empty),
            (RegistryFaultKind::DropEntries, rates.drop_entries),
        ];
        for (kind, rate) in kinds {
            if draw < rate {
                let scope = Scope {
                    times: None,
                    until: None,
                    key: None,
                    probability: 1.0,
                };
                return answers(kind, method).then_some(RegistryRule {
                    kind,
                    lag: rates.lag,
                    about: None,
                    scope,
                });
            }
            draw -= rate;
        }
        None
    }
}

/// Stale answers exist only for reads.
fn fits(outcome: CallOutcome, method: Method) -> bool {
    outcome != CallOutcome::Stale || !method.is_effect()
}

fn answers(kind: RegistryFaultKind, method: Method) -> bool {
    match kind {
        RegistryFaultKind::Null => method == Method::RegistryRead,
        RegistryFaultKind::Undecodable
        | RegistryFaultKind::GasLimit
        | RegistryFaultKind::Empty
        | RegistryFaultKind::DropEntries => method == Method::RegistryListAll,
        _ => true,
    }
}
