//! What every registry of the coordinator must do.
//!
//! The cases read through [`RegistryTransport`] alone, and change what is
//! registered through [`Subject`]. They hold for one replica that works.
//!
//! ```
//! # use conformance::registry::{Subject, run_all};
//! # async fn check(subject: impl Subject + 'static) {
//! let failures = run_all(&subject).await;
//! assert!(failures.is_empty(), "{failures:#?}");
//! # }
//! ```

mod ask;
mod concurrent;
mod deletion;
mod errors;
mod heights;
mod names;
mod presence;
mod sizes;
mod versions;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use coordinator::registry::RegistryTransport;

use crate::suite::{self, list, perform};
pub use crate::suite::{Failure, Outcome};

/// What is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The account that owns it.
    pub account: String,
    /// Its name, of any form.
    pub function: String,
    /// Its code.
    pub code: String,
    /// Its schema.
    pub schema: String,
    /// The accounts whose actions it wants.
    pub affected: String,
    /// The methods it wants to see called; any action if absent.
    pub methods: Option<String>,
    /// The height to begin at; the block of the registration if absent.
    pub start_height: Option<u64>,
}

impl Registration {
    /// A plain one.
    pub fn new(account: &str, function: &str, code: &str) -> Registration {
        Registration {
            account: account.to_owned(),
            function: function.to_owned(),
            code: code.to_owned(),
            schema: "CREATE TABLE t (h numeric)".to_owned(),
            affected: "app0.near".to_owned(),
            methods: None,
            start_height: None,
        }
    }
}

/// A registry under test, and the users' hand on it. A change that has been
/// made is seen by the next read.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The registry.
    fn registry(&self) -> &dyn RegistryTransport;

    /// Registers, or registers again, all of these.
    ///
    /// # Errors
    /// The registry did not do it.
    async fn register(&self, registrations: &[Registration]) -> Result<(), String>;

    /// Deletes an indexer that is registered.
    ///
    /// # Errors
    /// The registry did not do it.
    async fn delete(&self, account: &str, function: &str) -> Result<(), String>;

    /// Returns when the registry's height has grown.
    ///
    /// # Errors
    /// It does not grow.
    async fn next_block(&self) -> Result<(), String>;

    /// Cases that this registry cannot be put through, by name, each with the
    /// reason.
    fn exempt(&self) -> &[(&'static str, &'static str)] {
        &[]
    }
}

/// One thing that must hold. Its place is an account, which owns nothing.
pub type Case = suite::Case<dyn Subject>;

/// The cases by subject; the largest comes last, since it makes every later
/// listing large.
const GROUPS: [&[Case]; 8] = [
    presence::CASES,
    deletion::CASES,
    versions::CASES,
    heights::CASES,
    names::CASES,
    errors::CASES,
    concurrent::CASES,
    sizes::CASES,
];

/// Every case, in the order in which [`run_all`] performs them.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    GROUPS.into_iter().flatten()
}

/// Performs every case that is not exempt, each with an account of its own; an
/// empty answer means that all hold. An exemption of no case is a failure too.
pub async fn run_all(subject: &(dyn Subject + 'static)) -> Vec<Failure> {
    let exempt = subject.exempt();
    let unknown = exempt
        .iter()
        .filter(|(name, _)| cases().all(|case| case.name != *name))
        .map(|(name, _)| Failure {
            case: name,
            what: "is exempt, but there is no such case".to_owned(),
        });
    let mut failures: Vec<Failure> = unknown.collect();
    let placed = cases()
        .enumerate()
        .filter(|(_, case)| exempt.iter().all(|(name, _)| *name != case.name))
        .map(|(number, case)| (case, format!("case{number}.near")));
    failures.extend(perform(subject, placed).await);
    failures
}
