//! What changes, as it changes.

use std::sync::Arc;

use lifecycle::IndexerId;
use tokio::sync::watch;

use super::report::IndexerReport;
use crate::health::why_unread;
use crate::shared::{Shared, lock};
use crate::status_log::Since;
use crate::store::StoreError;

/// The most indexers of one batch of changes.
const BATCH_MAX: usize = 100;

/// About the most bytes of one batch; a single change may have more. Names alone may have
/// 64 KiB each, and watchers are many.
const BATCH_BYTES: usize = 1 << 20;

/// What a change takes beside what is counted, about.
const CHANGE_BYTES: usize = 1 << 10;

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
                Since::Changed(reached, changed) => {
                    // What is to be read is bounded, and then what was read.
                    let named = fitting(reached, changed, |id| id.as_str().len());
                    let (reached, revisions, ids) = named;
                    let changes = self.shared.changes_of(ids).await?;
                    let changes = revisions.into_iter().zip(changes).collect();
                    let (reached, _, changes) = fitting(reached, changes, |(bytes, _)| *bytes);
                    self.reached = reached;
                    return Ok(changes.into_iter().map(|(_, change)| change).collect());
                }
            }
        }
    }
}

/// As many of `changes`, each with its revision, as fit into a batch, at least one; and
/// which revision is reached with them, where it is `reached` with all.
fn fitting<T>(
    reached: u64,
    changes: Vec<(u64, T)>,
    bytes: impl Fn(&T) -> usize,
) -> (u64, Vec<u64>, Vec<T>) {
    let mut room = BATCH_BYTES;
    let all = changes.len();
    let (mut revisions, mut kept) = (Vec::new(), Vec::new());
    for (revision, change) in changes {
        let size = bytes(&change).saturating_add(CHANGE_BYTES);
        if size > room && !kept.is_empty() {
            break;
        }
        room = room.saturating_sub(size);
        revisions.push(revision);
        kept.push(change);
    }
    let reached = match revisions.last() {
        Some(last) if kept.len() < all => *last,
        _ => reached,
    };
    (reached, revisions, kept)
}

/// About how many bytes a report takes whose record has so many.
fn size(report: &IndexerReport, record: usize) -> usize {
    let status = report.status.as_ref();
    let trouble = status.and_then(|status| status.trouble.as_ref());
    let unreadable = report.unreadable.as_ref().map_or(0, String::len);
    // Its name stands in the explanation too.
    2 * report.id.as_str().len() + record + trouble.map_or(0, String::len) + unreadable
}

impl Shared {
    /// What became of each of `ids`, in their order, with about the bytes it takes.
    async fn changes_of(&self, ids: Vec<IndexerId>) -> Result<Vec<(usize, Change)>, StoreError> {
        let values = match self.looking(self.records.raw_many(&ids)).await {
            Ok(values) => values,
            Err(error) if self.can_tell(&ids) => {
                return Ok(self.changes_without_store(ids, &why_unread(&error)));
            }
            Err(error) => return Err(error),
        };
        let change = |(id, value): (IndexerId, Option<bytes::Bytes>)| {
            let loops = lock(&self.log).get(&id).is_some();
            if value.is_none() && !loops {
                return (id.as_str().len(), Change::Removed(id));
            }
            let record = value.as_ref().map_or(0, bytes::Bytes::len);
            let stored = self.decoded(&id, value);
            let report = self.report(id, stored);
            (size(&report, record), Change::Indexer(Box::new(report)))
        };
        Ok(ids.into_iter().zip(values).map(change).collect())
    }

    /// Whether something can be said of all `ids` without the store: what has no loop
    /// is gone, or has a record that was only just made.
    fn can_tell(&self, ids: &[IndexerId]) -> bool {
        ids.iter().all(|id| self.owns(id))
    }

    fn changes_without_store(&self, ids: Vec<IndexerId>, why: &str) -> Vec<(usize, Change)> {
        let change = |id| {
            // A record names its indexer as well.
            let record = IndexerId::as_str(&id).len();
            let report = self.report_without_store(id, why);
            (size(&report, record), Change::Indexer(Box::new(report)))
        };
        ids.into_iter().map(change).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_in_bytes_and_goes_on_where_it_ended() {
        let large = BATCH_BYTES / 3;
        let changes = || vec![(4, large), (7, large), (9, large), (12, 1)];
        let (reached, revisions, kept) = fitting(20, changes(), |bytes| *bytes);
        assert_eq!((reached, revisions, kept.len()), (7, vec![4, 7], 2));
        let (reached, _, kept) = fitting(20, changes(), |_| 1);
        assert_eq!((reached, kept.len()), (20, 4));
        let (reached, revisions, _) = fitting(20, changes(), |_| usize::MAX);
        assert_eq!((reached, revisions), (4, vec![4]), "one goes in any case");
    }
}
