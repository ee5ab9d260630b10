//! What every store of the coordinator must do.
//!
//! The cases go through [`StoreTransport`] alone, and through [`Subject`] for
//! what only the data plane does: it fills queues and writes texts without
//! looking. They promise nothing about faults, since how a store fails is its
//! own affair; they hold for a store that works.
//!
//! ```
//! # use conformance::store::{Subject, run_all};
//! # async fn check(subject: impl Subject + 'static) {
//! let failures = run_all(&subject, "conformance/").await;
//! assert!(failures.is_empty(), "{failures:#?}");
//! # }
//! ```

mod cas;
mod check;
mod concurrent;
mod listing;
mod names;
mod queues;
mod sets;
mod values;
mod wrong_kinds;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use coordinator::store::{StoreError, StoreTransport};

use crate::suite::{self, list, perform};
pub use crate::suite::{Failure, Outcome};

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

/// One thing that must hold. Its place is a prefix of keys, of which none exists.
pub type Case = suite::Case<dyn Subject>;

/// The cases by subject.
const GROUPS: [&[Case]; 8] = [
    values::CASES,
    cas::CASES,
    sets::CASES,
    listing::CASES,
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
pub async fn run_all(subject: &(dyn Subject + 'static), prefix: &str) -> Vec<Failure> {
    let placed = cases().map(|case| (case, format!("{prefix}{}/", case.name)));
    perform(subject, placed).await
}
