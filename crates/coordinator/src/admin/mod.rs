//! What operators may ask for, independent of how they ask.
//!
//! A mutation is acknowledged when it is durable: it is written on condition
//! that nobody else changed the record, again until that holds. The loop of the
//! indexer then obeys it, whatever the loop is doing, because the loop writes
//! under the same condition.

mod changes;
mod explain;
mod mutate;
mod overview;
mod page;
mod recalled;
mod registration;
mod report;
mod turns;

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod away_tests;
#[cfg(test)]
mod behind_tests;
#[cfg(test)]
mod ending_tests;
#[cfg(test)]
mod operating_tests;
#[cfg(test)]
mod silence_tests;
#[cfg(test)]
mod telling_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod watching_tests;

pub use crate::desired::Behind;
pub use changes::{Change, Changes};
pub use mutate::{HOLD_REASON_LEN_MAX, NAME_LEN_MAX};
pub use overview::Overview;
pub use page::{Filter, PAGE_MAX, Page};
pub use recalled::Recalled;
pub use report::IndexerReport;
pub(crate) use turns::Turns;

use std::sync::Arc;

use lifecycle::IndexerId;
use tokio::time::timeout;

use crate::health::why_unread;
use crate::registry::{RegistryError, ViewAnswer, decode};
use crate::sentence::sentence;
use crate::shadow::ShadowReport;
use crate::shared::{Shared, lock};
use crate::store::{LoadError, StoreError, codec, keys};

/// A command that was not carried out, or of which that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The command makes no sense.
    #[error("{0}")]
    InvalidArgument(String),
    /// There is no such indexer.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be carried out as things are.
    #[error("{0}")]
    FailedPrecondition(String),
    /// It was certainly not carried out, since the record that it is about cannot be
    /// read, and that will not mend itself.
    #[error("{0}")]
    Unreadable(String),
    /// It could not be carried out now, or it is not known whether it was; it
    /// may be repeated.
    #[error("{0}")]
    Unavailable(String),
    /// It was certainly not carried out, since what it needs to know cannot be had
    /// now, or the store takes no writes; it may be repeated.
    #[error("{0}")]
    NotNow(String),
}

/// An indexer and its switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexerSwitch {
    /// Which.
    pub id: IndexerId,
    /// Whether it is meant to run.
    pub enabled: bool,
}

/// All registered indexers with their switches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// By name. An indexer without a record is enabled, as it will be.
    pub indexers: Vec<IndexerSwitch>,
    /// Indexers left out because their record is unreadable; each is logged.
    pub unreadable: usize,
}

/// The operators' commands.
pub struct AdminService {
    shared: Arc<Shared>,
}

impl AdminService {
    /// Commands on what the loops of `shared` work on.
    pub(crate) fn new(shared: Arc<Shared>) -> AdminService {
        AdminService { shared }
    }

    /// One indexer with everything that is known about it. While the store cannot be
    /// read the record is what was last known of it, which the report says.
    ///
    /// # Errors
    /// The name makes no sense, there is no such indexer, nobody says whether there is,
    /// or its record cannot be read from the store and was not since the start.
    pub async fn get(&self, account: &str, function: &str) -> Result<IndexerReport, AdminError> {
        let id = named(account, function)?;
        let shared = &self.shared;
        let stored = match shared.looking(shared.records.look(&id)).await {
            Ok(stored) => Ok(stored),
            Err(LoadError::Corrupt(corrupt)) => Err(corrupt),
            Err(LoadError::Store(error)) if shared.recalls(&id) => {
                return Ok(shared.report_without_store(id, &why_unread(&error)));
            }
            Err(LoadError::Store(error)) => return Err(unavailable(error)),
        };
        let known = !matches!(stored, Ok(None)) || self.shared.concerns(&id);
        let mut report = self.shared.report(id, stored);
        if !known && report.status.is_none() {
            self.shared.expect_word(&report)?;
            return Err(AdminError::NotFound(format!(
                "nothing is known of {}: it is not registered, has no record, and nothing of it \
                 runs",
                report.id
            )));
        }
        let run = report.record.as_ref().and_then(|record| record.run);
        if let Ok(progress) = self.shared.records.progress(&report.id, run).await {
            report.progress = progress;
        }
        Ok(report)
    }

    /// The indexers that this coordinator looks after, those after `after` in the
    /// order of names: at most `limit` that pass `filter`. It looks at a bounded
    /// number, so a page may be short, even empty, and still not be the last. While the
    /// store cannot be read the records are what was last known of them, which each
    /// report says; whose record never was read passes any choice of phases.
    ///
    /// # Errors
    /// The records were not read yet, or cannot be read and none was; or those
    /// without a record are asked for by name of phase, and the registry, which
    /// alone knows of them, has not answered yet.
    pub async fn page(
        &self,
        after: Option<&IndexerId>,
        limit: usize,
        filter: &Filter,
    ) -> Result<Page, AdminError> {
        self.expect_loaded()?;
        if filter.phases.contains(&None) && !self.is_complete() {
            return Err(AdminError::NotNow(
                "which indexers are registered and have no record is not known yet: the registry \
                 has not answered since the start"
                    .to_owned(),
            ));
        }
        page::page(&self.shared, after, limit, filter)
            .await
            .map_err(unavailable)
    }

    /// Refuses to tell of the indexers before it is known which there are.
    ///
    /// # Errors
    /// The records are still being read.
    pub fn expect_loaded(&self) -> Result<(), AdminError> {
        if lock(&self.shared.health).loaded {
            return Ok(());
        }
        Err(AdminError::NotNow(
            "it is not known yet which indexers there are: the records are still being read"
                .to_owned(),
        ))
    }

    /// Whether all indexers are known: the records are read, and the registry has
    /// answered since the start.
    pub fn is_complete(&self) -> bool {
        lock(&self.shared.health).complete
    }

    /// The coordinator as a whole.
    pub fn overview(&self) -> Overview {
        self.shared.overview()
    }

    /// In shadow mode: what this coordinator would do, for at most `limit` indexers
    /// after `after` in the order of names. Empty otherwise.
    pub fn shadow_report(
        &self,
        after: Option<&IndexerId>,
        limit: usize,
        disagreements_only: bool,
    ) -> ShadowReport {
        let doubts = self.shared.doubts();
        let limit = limit.clamp(1, PAGE_MAX);
        let log = lock(&self.shared.shadow_log);
        log.report(after, limit, disagreements_only, &doubts)
    }

    /// Whether the store answers, and the records have been read: for probes.
    ///
    /// # Errors
    /// Why not, for people.
    pub async fn check_store(&self) -> Result<(), String> {
        match self.shared.records.probe().await {
            Err(error) => Err(error.to_string()),
            Ok(_) if !self.overview().loaded => Err("the records are still being read".to_owned()),
            Ok(_) => Ok(()),
        }
    }

    /// Takes note of what was wrong with the store when whoever runs the coordinator
    /// tried it last, if anything was: reads alone do not show that it takes no writes.
    pub fn note_store_problem(&self, problem: Option<&str>) {
        lock(&self.shared.health).store_refusal = problem.map(sentence);
    }

    /// Changes from now on. What there is already is to be had by
    /// [`AdminService::page`]; begin to read changes before that.
    pub fn changes(&self) -> Changes {
        Changes::new(Arc::clone(&self.shared))
    }

    /// All indexers that the registry lists, with their switches.
    ///
    /// # Errors
    /// The registry or the store brought no usable answer.
    pub async fn list(&self) -> Result<Switches, AdminError> {
        let answer = self.listing().await.map_err(|error| {
            AdminError::NotNow(format!("the indexers cannot be listed: {error}"))
        })?;
        let listing = decode::decode_list(&answer.result).map_err(|error| {
            AdminError::NotNow(format!("the registry's listing is unusable: {error}"))
        })?;
        let ids: Vec<IndexerId> = listing.indexers.into_keys().collect();
        let values = self
            .shared
            .records
            .raw_many(&ids)
            .await
            .map_err(unavailable)?;
        let mut switches = Switches::default();
        for (id, value) in ids.into_iter().zip(values) {
            let stored = value
                .map(|raw| codec::decode(&keys::state(&id), &raw))
                .transpose();
            match stored {
                Ok(stored) => {
                    let enabled = stored.is_none_or(|stored| stored.record.enabled);
                    switches.indexers.push(IndexerSwitch { id, enabled });
                }
                Err(corrupt) => {
                    tracing::error!(%corrupt, "an indexer is left out of a list");
                    switches.unreadable += 1;
                }
            }
        }
        Ok(switches)
    }

    async fn listing(&self) -> Result<ViewAnswer, RegistryError> {
        let deadline = self.shared.knobs.list_deadline;
        timeout(deadline, self.shared.registry.view("list_all", b"{}"))
            .await
            .unwrap_or_else(|_| {
                Err(RegistryError::Unavailable(format!(
                    "no answer within {deadline:?}"
                )))
            })
    }
}

/// The indexer of that name.
fn named(account: &str, function: &str) -> Result<IndexerId, AdminError> {
    mutate::checked_name(account, function)
}

fn unavailable(error: StoreError) -> AdminError {
    AdminError::Unavailable(error.to_string())
}
