//! Whether the coordinator is fit for work, and if not, why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Longest detail of a check, in bytes.
const DETAIL_LEN_MAX: usize = 500;

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it passes.
    pub ok: bool,
    /// Why, for people.
    pub detail: String,
}

/// All checks together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every check passes, and the coordinator is not about to stop.
    pub ready: bool,
    /// The checks, by name.
    pub checks: Vec<Check>,
}

#[derive(Debug, Default)]
struct State {
    checks: BTreeMap<&'static str, (bool, String)>,
    draining: bool,
}

/// The checks of one process. Clones are handles of the same.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

impl Readiness {
    /// Checks that all fail until [`Readiness::set`] says otherwise.
    pub fn new(names: &[&'static str]) -> Readiness {
        let waiting = |name: &&'static str| (*name, (false, "not checked yet".to_owned()));
        let state = State {
            checks: names.iter().map(waiting).collect(),
            draining: false,
        };
        Readiness(Arc::new(Mutex::new(state)))
    }

    /// Says how the check called `name` ended. `detail` is for people and holds
    /// no secrets; its beginning is kept.
    pub fn set(&self, name: &'static str, ok: bool, detail: impl Into<String>) {
        let mut detail: String = detail.into();
        if detail.len() > DETAIL_LEN_MAX {
            detail.truncate(detail.floor_char_boundary(DETAIL_LEN_MAX));
            detail.push_str("...");
        }
        self.lock().checks.insert(name, (ok, detail));
    }

    /// The process is about to stop: it is not ready, and will not be again.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    /// Whether every check passes and the process is not about to stop.
    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        !state.draining && state.checks.values().all(|(ok, _)| *ok)
    }

    /// All checks; one called `draining` says whether the process is about to
    /// stop.
    pub fn report(&self) -> Report {
        let state = self.lock();
        let mut all = state.checks.clone();
        let draining = state.draining;
        drop(state);
        let detail = if draining { "about to stop" } else { "no" };
        all.insert("draining", (!draining, detail.to_owned()));
        Report {
            ready: all.values().all(|(ok, _)| *ok),
            checks: all
                .into_iter()
                .map(|(name, (ok, detail))| Check { name, ok, detail })
                .collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_checks_must_pass() {
        let readiness = Readiness::new(&["store", "registry"]);
        assert!(!readiness.is_ready());
        readiness.set("store", true, "answers");
        assert!(!readiness.is_ready());
        readiness.clone().set("registry", true, "listed 3 indexers");
        assert!(readiness.is_ready() && readiness.report().ready);
        readiness.set("store", false, "does not answer");
        assert!(!readiness.is_ready() && !readiness.report().ready);
    }

    #[test]
    fn whoever_drains_is_never_ready_again() {
        let readiness = Readiness::new(&[]);
        assert!(readiness.is_ready());
        readiness.drain();
        readiness.set("store", true, "answers");
        let report = readiness.report();
        assert!(!readiness.is_ready() && !report.ready);
        assert_eq!(report.checks[0].name, "draining");
        assert!(!report.checks[0].ok);
    }

    #[test]
    fn details_are_bounded() {
        let readiness = Readiness::new(&[]);
        readiness.set("store", false, "é".repeat(100_000));
        let detail = &readiness.report().checks[1].detail;
        assert!(detail.len() <= DETAIL_LEN_MAX + 3 && detail.ends_with("é..."));
    }
}
