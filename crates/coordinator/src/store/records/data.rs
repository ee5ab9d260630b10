//! Queue and cursor of one indexer: read, and cleared for a new run.
//!
//! Where they lie in the store of the records, one step looks at the record and clears.
//! Where they lie in another one, a value beside them stands for the record. It says
//! that they are being cleared, which a late request no longer finds, and then which
//! run they were cleared for: after their store went back in time that is another one.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::future::try_join;
use lifecycle::{IndexerId, Phase, Progress, Run};

use super::{Commit, RecordStore, height_in};
use crate::store::codec::Stored;
use crate::store::{CasOutcome, StoreError, keys};

impl RecordStore {
    /// Cursor and oldest queued block, as far as they are those of `run`. A cursor
    /// that is no number counts as absent, as it does for the block streamer.
    ///
    /// # Errors
    /// One of the reads failed.
    pub async fn progress(&self, id: &IndexerId, run: Option<Run>) -> Result<Progress, StoreError> {
        let cursor_key = keys::cursor(id);
        let queue_key = keys::queue(id);
        let mut asked = vec![cursor_key.clone()];
        if self.transport.keeps_data_apart() {
            asked.push(keys::data_of(id));
        }
        let (mut values, queue_head) = try_join(
            self.read_all(&asked),
            self.reading("reading a queue", self.transport.queue_head(&queue_key)),
        )
        .await?;
        values.resize(2, None);
        let cleared_for = values.pop().flatten();
        let cursor = values.pop().flatten();
        // Runs taken over from the original were cleared by nobody.
        let own = run.filter(|run| run.prepared && run.start.is_some());
        if let (Some(run), Some(other)) = (own, cleared_for)
            && other != owner(run)
        {
            return Ok(Progress::Foreign);
        }
        Ok(Progress::Known {
            cursor: cursor.and_then(|text| height_in(&cursor_key, &text)),
            queue_head,
        })
    }

    /// Deletes the queue and the cursor, and what the first format may have left,
    /// and nothing else, if the record still is `previous`. Once the record says that
    /// this is done, no late request and no former coordinator can do it again, to
    /// the data of a run that has begun.
    ///
    /// # Errors
    /// See [`StoreError`]; clearing again is harmless while nothing runs.
    pub async fn clear_data(
        &self,
        id: &IndexerId,
        previous: &Stored,
    ) -> Result<Commit<()>, StoreError> {
        if self.transport.keeps_data_apart() {
            return self.clear_apart(id, previous).await;
        }
        let keys = [
            keys::queue(id),
            keys::cursor(id),
            keys::first_format(id),
            keys::data_of(id),
        ];
        let guard = keys::state(id);
        self.delete_if(&guard, &previous.raw, &keys).await
    }

    /// The same where no step is one for the record and for queue and cursor. Each
    /// try has a value of its own, so that what is left of an earlier one fails.
    async fn clear_apart(
        &self,
        id: &IndexerId,
        previous: &Stored,
    ) -> Result<Commit<()>, StoreError> {
        let (guard, fence) = (keys::state(id), keys::data_of(id));
        let mut found = self.read_all(&[fence.clone(), guard.clone()]).await?;
        let record = found.pop().flatten();
        let before = found.pop().flatten();
        if record.as_ref() != Some(&previous.raw) {
            return Ok(Commit::Conflict);
        }
        let number = self.clearings.fetch_add(1, Ordering::Relaxed);
        let mut clearing = format!("clearing {number} for ").into_bytes();
        clearing.extend_from_slice(&previous.raw);
        let done = previous.record.run.map(owner);
        let done = done.filter(|_| previous.record.phase != Phase::Deleting);

        let begun = self.swap_fence(&fence, before.as_deref(), Some(&clearing));
        if begun.await? == Commit::Conflict {
            return Ok(Commit::Conflict);
        }
        let data = [keys::queue(id), keys::cursor(id)];
        if self.delete_if(&fence, &clearing, &data).await? == Commit::Conflict {
            return Ok(Commit::Conflict);
        }
        let first = [keys::first_format(id)];
        if self.delete_if(&guard, &previous.raw, &first).await? == Commit::Conflict {
            return Ok(Commit::Conflict);
        }
        self.swap_fence(&fence, Some(&clearing), done.as_deref())
            .await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<Commit<()>, StoreError> {
        let cleared = self.writing(
            "clearing queue and cursor",
            self.transport.delete_if(guard, expected, keys),
        );
        cleared.await.map(applied)
    }

    pub(super) async fn swap_fence(
        &self,
        fence: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Commit<()>, StoreError> {
        let written = self.writing(
            "noting whose queue and cursor they are",
            self.transport.compare_and_set(fence, expected, new, None),
        );
        written.await.map(applied)
    }
}

pub(super) fn applied(outcome: CasOutcome) -> Commit<()> {
    match outcome {
        CasOutcome::Applied => Commit::Written(()),
        CasOutcome::Conflict(_) => Commit::Conflict,
    }
}

/// What stands for a run. It does not change while the run lasts.
fn owner(run: Run) -> Bytes {
    let (version, start) = (run.target.version, run.start.unwrap_or(0));
    let hash = run.target.hash.map(|hash| hash.to_string());
    let hash = hash.unwrap_or_default();
    Bytes::from(format!("version {version} from {start} of {hash}"))
}
