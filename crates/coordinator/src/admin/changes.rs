//! What changes, as it changes.

use std::sync::Arc;

use lifecycle::IndexerId;
use tokio::sync::watch;

use super::report::IndexerReport;
use crate::shared::{Shared, lock};
use crate::status_log::Since;
use crate::store::StoreError;

/// The most indexers of one batch of changes.
const BATCH_MAX: usize = 100;

/// One change.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is now like this.
    Indexer(Box<IndexerReport>),
    /// Nothing is known of it any more.
    Removed(IndexerId),
    /// Too much happened since the last batch: look at everything again.
    Lost,
}

/// A reader of changes. Of several changes of one indexer between two batches
/// only the last state is told, so a slow reader costs nothing.
pub struct Changes {
    shared: Arc<Shared>,
    reached: u64,
    news: watch::Receiver<u64>,
}

impl Changes {
    /// Changes from now on.
    pub(crate) fn new(shared: Arc<Shared>) -> Changes {
        let news = lock(&shared.log).subscribe();
        let reached = *news.borrow();
        Changes {
            shared,
            reached,
            news,
        }
    }

    /// Waits until there are changes, and returns the oldest of them. It may be
    /// dropped and called again; nothing is lost.
    ///
    /// # Errors
    /// The records of those that changed cannot be read; the next call tries again.
    pub async fn next(&mut self) -> Result<Vec<Change>, StoreError> {
        loop {
            let since = lock(&self.shared.log).since(self.reached, BATCH_MAX);
            match since {
                Since::TooLong(reached) => {
                    self.reached = reached;
                    return Ok(vec![Change::Lost]);
                }
                Since::Changed(reached, ids) if ids.is_empty() => {
                    self.reached = reached;
                    // The log lives as long as the shared state that we hold.
                    if self.news.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                Since::Changed(reached, ids) => {
                    let changes = self.shared.changes_of(ids).await?;
                    self.reached = reached;
                    return Ok(changes);
                }
            }
        }
    }
}

impl Shared {
    async fn changes_of(&self, ids: Vec<IndexerId>) -> Result<Vec<Change>, StoreError> {
        let values = self.records.raw_many(&ids).await?;
        let change = |(id, value): (IndexerId, Option<bytes::Bytes>)| {
            let loops = lock(&self.log).get(&id).is_some();
            if value.is_none() && !loops {
                return Change::Removed(id);
            }
            let stored = self.decoded(&id, value);
            Change::Indexer(Box::new(self.report(id, stored)))
        };
        Ok(ids.into_iter().zip(values).map(change).collect())
    }
}
