//! Queues and cursors that the store does not show.

use lifecycle::{Cause, Observed, Progress, Reason, Service, Wait};

use super::Reconciler;
use crate::sentence::sentence;
use crate::shared::lock;
use crate::store::{StoreError, StoredHeight, keys};

impl Reconciler {
    /// What is known of queue and cursor, of which a refusal is remembered and told.
    pub(super) fn note_refusal(&mut self, read: Result<Progress, StoreError>) -> Progress {
        let (progress, refused) = match read {
            Ok(progress) => (progress, None),
            Err(StoreError::Rejected(why)) => (Progress::Refused, Some(sentence(&why))),
            Err(StoreError::Unavailable(_) | StoreError::Indefinite(_)) => {
                (Progress::Unknown, None)
            }
        };
        lock(&self.shared.health).set_queue(&self.id, refused.as_deref());
        self.refused = refused;
        progress
    }

    /// The store did not raise the height of deletions, as `error` says: if that is because
    /// of what stands there, people are told.
    pub(super) async fn note_height(&self, error: &StoreError) {
        if !matches!(error, StoreError::Rejected(_)) {
            return;
        }
        if let Ok(StoredHeight::Unreadable(why)) = self.shared.records.high_water().await {
            lock(&self.shared.health).set_unreadable(keys::REGISTRY_HEIGHT, &why);
        }
    }

    /// What the store said, if all that is waited for is queue and cursor, and it
    /// refuses to show them.
    pub(crate) fn why_refused(&self, wait: &Wait, seen: &Observed) -> Option<String> {
        let why = self.refused.as_ref()?;
        let waits_for_it = match wait.reason {
            Reason::Unseen(service) => service == Service::Store,
            Reason::Retry { cause, .. } | Reason::GaveUp { cause, .. } => {
                cause == Cause::DataNotCleared
            }
            _ => false,
        };
        (waits_for_it && seen.progress == Progress::Refused)
            .then(|| format!("the store does not show how far it has come: {why}"))
    }
}
