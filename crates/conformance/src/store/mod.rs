//! What every store of the coordinator must do.
//!
//! The cases go through [`StoreTransport`] alone, and through [`Subject`] for
//! what only the data plane does: it fills queues and writes texts without
//! looking. They promise nothing about faults, since how a store fails is its
//! own affair; they hold for a store that works.
//!
//! ```
//! # use conformance::store::{Subject, run_all};
//! # async fn check(subject: &dyn Subject) {
//! let failures = run_all(subject, "conformance/").await;
//! assert!(failures.is_empty(), "{failures:#?}");
//! # }
//! ```

mod cas;
mod check;
mod concurrent;
mod names;
mod queues;
mod sets;
mod values;
mod wrong_kinds;

#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use coordinator::store::{StoreError, StoreTransport};

/// A store under test, and the data plane's hand on the same keys.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The store.
    fn store(&self) -> &dyn StoreTransport;

    /// Appends a block height to a queue, as a block stream does.
    ///
    /// # Errors
    /// The store did not do it.
    async fn queue_push(&self, key: &str, height: u64) -> Result<(), StoreError>;

    /// Writes a text, whatever the key held, as some other program would.
    ///
    /// # Errors
    /// The store did not do it.
    async fn set_raw(&self, key: &str, value: &[u8]) -> Result<(), StoreError>;
}

/// Whether a case holds; the error says what was expected and what came.
pub type Outcome = Result<(), String>;

/// A case at work.
pub type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One thing that must hold.
///
/// A case works under keys that begin with the given prefix and expects that
/// none of them exists. It leaves its keys behind.
#[derive(Clone, Copy)]
pub struct Case {
    /// What must hold, as an identifier. Unique.
    pub name: &'static str,
    /// Performs the case.
    pub run: for<'a> fn(&'a dyn Subject, &'a str) -> Running<'a>,
}

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// A case that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The name of the case.
    pub case: &'static str,
    /// What was expected and what came.
    pub what: String,
}

/// Cases by the names of the functions that perform them.
macro_rules! list {
    ($($name:ident),+ $(,)?) => {
        &[$($crate::store::Case {
            name: stringify!($name),
            run: |subject, prefix| Box::pin($name(subject, prefix)),
        }),+]
    };
}
use list;

/// The cases by subject.
const GROUPS: [&[Case]; 7] = [
    values::CASES,
    cas::CASES,
    sets::CASES,
    queues::CASES,
    wrong_kinds::CASES,
    names::CASES,
    concurrent::CASES,
];

/// Every case, in the order in which [`run_all`] performs them.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    GROUPS.into_iter().flatten()
}

/// Performs every case, each under keys of its own that begin with `prefix`; an
/// empty answer means that all hold.
pub async fn run_all(subject: &dyn Subject, prefix: &str) -> Vec<Failure> {
    let mut failures = Vec::new();
    for case in cases() {
        let keys = format!("{prefix}{}/", case.name);
        if let Err(what) = (case.run)(subject, &keys).await {
            failures.push(Failure {
                case: case.name,
                what,
            });
        }
    }
    failures
}
