//! What operators may ask for, independent of how they ask.
//!
//! A mutation is acknowledged when it is durable: it is written on condition
//! that nobody else changed the record, again until that holds. The loop of the
//! indexer then obeys it, whatever the loop is doing, because the loop writes
//! under the same condition.

#[cfg(feature = "grpc")]
pub mod grpc;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use lifecycle::{Desired, IndexerId, Record};
use near_account_id::AccountIdRef;
use tokio::time::timeout;

use crate::registry::{RegistryError, ViewAnswer, decode};
use crate::shared::Shared;
use crate::store::{Commit, LoadError, StoreError, Stored, codec, keys};

/// Writes tried before a mutation is given up.
const TRIES_MAX: u32 = 10;

/// A command that was not carried out, or of which that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The command makes no sense.
    #[error("{0}")]
    InvalidArgument(String),
    /// There is no such indexer.
    #[error("{0}")]
    NotFound(String),
    /// Something is broken that will not mend itself.
    #[error("{0}")]
    Internal(String),
    /// It could not be carried out now, or it is not known whether it was; it
    /// may be repeated.
    #[error("{0}")]
    Unavailable(String),
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

    /// Lets an indexer run; durable when it returns. `caller` goes to the audit
    /// log.
    ///
    /// # Errors
    /// See [`AdminError`]. After `Unavailable` it may have been carried out.
    pub async fn enable(
        &self,
        caller: &str,
        account: &str,
        function: &str,
    ) -> Result<(), AdminError> {
        self.switch(caller, account, function, true).await
    }

    /// Keeps an indexer from running; durable when it returns. `caller` goes to
    /// the audit log.
    ///
    /// # Errors
    /// See [`AdminError`]. After `Unavailable` it may have been carried out.
    pub async fn disable(
        &self,
        caller: &str,
        account: &str,
        function: &str,
    ) -> Result<(), AdminError> {
        self.switch(caller, account, function, false).await
    }

    /// All indexers that the registry lists, with their switches.
    ///
    /// # Errors
    /// The registry or the store brought no usable answer.
    pub async fn list(&self) -> Result<Switches, AdminError> {
        let answer = self.listing().await.map_err(|error| {
            AdminError::Internal(format!("the indexers cannot be listed: {error}"))
        })?;
        let listing = decode::decode_list(&answer.result).map_err(|error| {
            AdminError::Internal(format!("the registry's listing is unusable: {error}"))
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

    async fn switch(
        &self,
        caller: &str,
        account: &str,
        function: &str,
        enabled: bool,
    ) -> Result<(), AdminError> {
        let result = self.try_switch(account, function, enabled).await;
        let command = if enabled { "enable" } else { "disable" };
        match &result {
            Ok(()) => {
                tracing::info!(target: "audit", caller, command, account, function, "done");
            }
            Err(error) => tracing::info!(
                target: "audit", caller, command, account, function, %error, "not acknowledged"
            ),
        }
        result
    }

    async fn try_switch(
        &self,
        account: &str,
        function: &str,
        enabled: bool,
    ) -> Result<(), AdminError> {
        AccountIdRef::new(account).map_err(|error| {
            AdminError::InvalidArgument(format!("`{account}` is no account id: {error}"))
        })?;
        let id = IndexerId::new(account, function)
            .map_err(|error| AdminError::InvalidArgument(error.to_string()))?;
        self.expect_registered(&id).await?;
        if self.write_switch(&id, enabled).await? {
            // A start in flight may be for something that is not wanted any more.
            self.shared.wake_goal(&id);
        } else {
            self.shared.wake(&id);
        }
        Ok(())
    }

    async fn expect_registered(&self, id: &IndexerId) -> Result<(), AdminError> {
        match self.shared.ask(id).await {
            Ok(Desired::Present(_)) => Ok(()),
            Ok(Desired::Deleted { at, .. }) => Err(AdminError::NotFound(format!(
                "{id} was deleted in block {at}"
            ))),
            Ok(Desired::Missing | Desired::Unknown | Desired::Unlisted(_)) => {
                Err(AdminError::NotFound(format!("{id} is not registered")))
            }
            Err(error) => Err(AdminError::Internal(format!(
                "the registry cannot be asked about {id}: {error}"
            ))),
        }
    }

    /// Changes the switch and nothing else, on whatever the record has become; true
    /// if it may have been the other way before.
    async fn write_switch(&self, id: &IndexerId, enabled: bool) -> Result<bool, AdminError> {
        let records = &self.shared.records;
        let mut last_failure = None;
        for _ in 0..TRIES_MAX {
            let stored = self.load(id).await?;
            if let Some(stored) = &stored
                && stored.record.enabled == enabled
            {
                // Already so, or written by an earlier try whose answer was lost
                // and which then may not have listed the record.
                records.ensure_listed(id).await.map_err(unavailable)?;
                return Ok(last_failure.is_some());
            }
            let record = Record {
                enabled,
                ..stored
                    .as_ref()
                    .map_or_else(|| Record::new(id.clone()), |stored| stored.record.clone())
            };
            match records.commit(id, stored.as_ref(), &record).await {
                Ok(Commit::Written(_)) => return Ok(true),
                Ok(Commit::Conflict) => {}
                Err(error @ StoreError::Indefinite(_)) => last_failure = Some(error),
                Err(error) => return Err(unavailable(error)),
            }
        }
        Err(last_failure.map_or_else(
            || {
                AdminError::Unavailable(format!(
                    "the record of {id} changed during each of {TRIES_MAX} tries"
                ))
            },
            unavailable,
        ))
    }

    async fn load(&self, id: &IndexerId) -> Result<Option<Stored>, AdminError> {
        self.shared
            .records
            .load(id)
            .await
            .map_err(|error| match error {
                LoadError::Store(error) => unavailable(error),
                LoadError::Corrupt(corrupt) => AdminError::Internal(corrupt.to_string()),
            })
    }
}

fn unavailable(error: StoreError) -> AdminError {
    AdminError::Unavailable(error.to_string())
}
