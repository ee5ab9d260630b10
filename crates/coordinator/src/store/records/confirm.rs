//! Makes sure that what comes next could be written down.

use lifecycle::IndexerId;

use super::data::applied;
use super::{Commit, RecordStore};
use crate::store::codec::Stored;
use crate::store::{StoreError, keys};

impl RecordStore {
    /// Writes `previous` once more, as it stands, and so finds out that the record still
    /// is that, and that writes are taken: by the store of queues and cursors, too, if
    /// that is another one.
    ///
    /// # Errors
    /// A write was refused or had no answer. Everything is as it was in either case.
    pub async fn confirm(
        &self,
        id: &IndexerId,
        previous: &Stored,
    ) -> Result<Commit<()>, StoreError> {
        if self.transport.keeps_data_apart() && self.confirm_data(id).await? == Commit::Conflict {
            return Ok(Commit::Conflict);
        }
        let (key, raw) = (keys::state(id), previous.raw.as_ref());
        let written = self.writing("writing a record", self.swap(&key, Some(raw), Some(raw)));
        Ok(applied(written.await?))
    }

    /// Where nothing stands for the record yet there is nothing that could be written
    /// and left as it was.
    async fn confirm_data(&self, id: &IndexerId) -> Result<Commit<()>, StoreError> {
        let key = keys::data_of(id);
        match self.read_one(key.clone()).await? {
            Some(value) => self.swap_fence(&key, Some(&value), Some(&value)).await,
            None => Ok(Commit::Written(())),
        }
    }
}
