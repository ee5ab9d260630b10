//! Performing one action. No policy here.

use lifecycle::{Action, Outcome};

use super::Reconciler;
use crate::shared::lock;
use crate::store::{Commit, StoreError, Stored};

impl Reconciler {
    /// Performs `action`; `None` if `stored` turned out to be outdated, and nothing
    /// was done.
    pub(super) async fn perform(&self, stored: &Stored, action: &Action) -> Option<Outcome> {
        let shared = &self.shared;
        Some(match action {
            Action::StartProvisioning(spec) => shared.provisioner.start(&self.id, spec).await,
            Action::StartStream { spec, height } => {
                lock(&shared.budget).consume(&self.id, shared.now());
                self.unless_superseded(shared.streamers.start(&self.id, spec, *height))
                    .await
            }
            Action::StartExecutor(spec) => {
                lock(&shared.budget).consume(&self.id, shared.now());
                self.unless_superseded(shared.executors.start(&self.id, spec))
                    .await
            }
            Action::StopStream(stream_id) => shared.streamers.stop(stream_id).await,
            Action::StopExecutor(executor_id) => shared.executors.stop(executor_id).await,
            Action::ClearData => match shared.records.clear_data(&self.id, stored).await {
                Ok(Commit::Written(())) => Outcome::Done(None),
                Ok(Commit::Conflict) => return None,
                Err(StoreError::Unavailable(detail)) => Outcome::Unavailable(detail),
                Err(StoreError::Indefinite(detail)) => Outcome::Indefinite(detail),
                Err(StoreError::Rejected(detail)) => Outcome::Rejected(detail),
            },
        })
    }

    /// Waits for a start, but no longer than what is started is still wanted.
    async fn unless_superseded(&self, start: impl Future<Output = Outcome>) -> Outcome {
        tokio::select! {
            biased;
            outcome = start => outcome,
            () = self.wake.goal.notified() => {
                Outcome::Indefinite("what is wanted changed before the answer came".to_owned())
            }
        }
    }
}
