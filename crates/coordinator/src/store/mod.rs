//! The store: records, and the few commands on the data plane's keys.
//!
//! The seam is a handful of Redis-shaped commands, so that every store keeps the
//! same bytes under the same keys. [`records::RecordStore`] is the only user of
//! that seam.

pub mod codec;
mod fields;
pub mod keys;
mod legacy;
pub mod memory;
pub mod records;

pub use codec::{Corrupt, Stored};
pub use memory::MemoryStore;
pub use records::{Commit, First, LoadError, RecordStore, StoredHeight};

use async_trait::async_trait;
use bytes::Bytes;

/// A command without a usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It certainly did not happen.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// It may have happened.
    #[error("it is not known whether the store carried out a command: {0}")]
    Indefinite(String),
    /// The store refused (read-only replica, out of memory, wrong type).
    #[error("the store refused a command: {0}")]
    Rejected(String),
}

/// How a compare-and-set ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CasOutcome {
    /// The value is now the new one.
    Applied,
    /// The value was another than expected; this one.
    Conflict(Option<Bytes>),
}

/// The commands every store offers. Each is atomic; none is retried inside.
#[async_trait]
pub trait StoreTransport: Send + Sync {
    /// The values of `keys`, in order; `None` for keys that do not exist.
    ///
    /// # Errors
    /// See [`StoreError`]. A read has no effect.
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Sets `key` to `new` (`None` deletes it) if it now is `expected` (`None`:
    /// if it does not exist). In the same step the set `list` comes to name `key`,
    /// or, when the key is deleted, no longer names it. After a conflict the set is
    /// as it was. A value is written even if it is the one that stands there: callers
    /// find out that way whether writes are taken.
    ///
    /// # Errors
    /// See [`StoreError`]; a `list` that is no set is refused, and nothing happens.
    /// After `Indefinite` the caller must read again.
    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError>;

    /// Deletes keys of any type; idempotent.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn delete(&self, keys: &[String]) -> Result<(), StoreError>;

    /// Deletes keys of any type if `guard`, which is none of them, now is `expected`;
    /// idempotent. A request that comes late, or from a coordinator that has been
    /// replaced, does nothing then. The look and the deletion are one step: whatever
    /// is written once the guard has changed is not deleted.
    ///
    /// # Errors
    /// See [`StoreError`]. A store that [keeps data apart](Self::keeps_data_apart)
    /// refuses keys that do not lie where the guard does.
    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError>;

    /// Whether queues and cursors lie in another store than the records: then either
    /// may go back in time without the other, and no step is one for both.
    fn keeps_data_apart(&self) -> bool {
        false
    }

    /// All members of a set, in any order.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError>;

    /// Adds to a set; idempotent.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError>;

    /// Removes from a set; idempotent.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError>;

    /// The block height in the oldest entry of a queue; `None` if it is empty.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError>;
}
