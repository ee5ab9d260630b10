//! Answers while the store cannot be read: what was last known, and said to be that.

use std::time::Duration;

use lifecycle::IndexerId;
use tokio::time::{Instant, timeout};

use super::report::IndexerReport;
use crate::shared::{Shared, lock};
use crate::store::{Corrupt, StoreError, Stored, keys};

/// A store that is known to be away is waited for this part of its deadline.
const AWAY_SHARE: u32 = 4;

/// That a report does not go by what the store says now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// Why the store could not be read.
    pub why: String,
    /// For how long the record may have been otherwise. `None` if it was never read since
    /// the start: then it is not known whether there is one.
    pub age: Option<Duration>,
}

impl Shared {
    /// A look into the store for an operator. One that is known to be away gets little
    /// time: enough to see that it is back, and for what the poll of all records at once
    /// is too slow for.
    pub(super) async fn looking<T, E: From<StoreError>>(
        &self,
        look: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let away = lock(&self.health).store_problem.clone();
        let Some(why) = away else {
            return look.await;
        };
        let patience = self.knobs.store_deadline / AWAY_SHARE;
        timeout(patience, look)
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable(why).into()))
    }

    /// What is known of `id` without the store, which could not be read because of
    /// `why`; of the record only that it is not known, if it never was read.
    pub(super) fn report_without_store(&self, id: IndexerId, why: &str) -> IndexerReport {
        let (stored, age) = match self.recalled(&id) {
            Some((stored, age)) => (stored, Some(age)),
            None => (Ok(None), None),
        };
        lock(&self.recall).tell(&id);
        let recalled = Recalled {
            why: why.to_owned(),
            age,
        };
        IndexerReport {
            recalled: Some(recalled),
            ..self.report(id, stored)
        }
    }

    /// Whether the record of `id` was read since the start.
    pub(super) fn recalls(&self, id: &IndexerId) -> bool {
        lock(&self.recall).get(id, Instant::now()).is_some()
    }

    /// Whether anything is known without the store.
    pub(super) fn recalls_anything(&self) -> bool {
        !lock(&self.recall).is_empty()
    }

    fn recalled(&self, id: &IndexerId) -> Option<(Result<Option<Stored>, Corrupt>, Duration)> {
        let known = lock(&self.recall).get(id, Instant::now())?;
        let key = keys::state(id);
        // It may have been readable before.
        let unreadable = lock(&self.health).why_unreadable(&key);
        let stored = match unreadable {
            Some(why) => Err(Corrupt { key, why }),
            None => self.decoded(id, known.raw),
        };
        Some((stored, known.age))
    }
}
