//! Records, cursors and queues of indexers, over any store.
//!
//! Every call has a deadline, and none is repeated: whoever calls decides, and
//! reads again first.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lifecycle::{IndexerId, Record};
use tokio::time::timeout;

use super::codec::{self, Corrupt, Stored};
use super::{CasOutcome, StoreError, StoreTransport, keys, legacy};
use crate::knobs::Knobs;
use crate::sentence::sentence;

mod confirm;
mod data;
mod height;

pub use height::StoredHeight;

/// What is read when an indexer gets its first record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// The record to begin with; it is not written yet.
    pub record: Record,
    /// The newest registry height that somebody acted upon, if one is stored that can be
    /// read.
    pub acted_upon: Option<u64>,
}

/// What the store holds for the indexers.
///
/// Records are only ever changed by compare-and-set, which in the same step keeps the
/// set that lists them: whoever dies at any moment leaves no record that nobody would
/// find, and no name without a record.
pub struct RecordStore {
    transport: Arc<dyn StoreTransport>,
    deadline: Duration,
    /// The most keys of one read.
    read_keys_max: usize,
    /// Tries to change the registry height against others that change it too.
    height_tries_max: u32,
    /// Whom the store listed when it was last asked, less those removed since.
    listed: Mutex<BTreeSet<IndexerId>>,
    /// How often queues and cursors were cleared in a store of their own.
    clearings: AtomicU64,
}

/// Records by key, each readable or not.
pub type Loaded = Vec<(String, Result<Stored, Corrupt>)>;

/// How a conditional write or removal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit<T = Stored> {
    /// The store now holds this; of a removal: nothing.
    Written(T),
    /// The record had been changed by someone else; nothing happened.
    Conflict,
}

/// Which records there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relisted {
    /// Who is listed, by name.
    pub listed: Vec<IndexerId>,
    /// Who was believed to have a record, and has none: the store went back in time
    /// or lost it.
    pub gone: Vec<IndexerId>,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store answered something that is no record.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

impl fmt::Debug for RecordStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RecordStore")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl RecordStore {
    /// Records in `transport`; each of its calls gets `deadline`.
    pub fn new(transport: Arc<dyn StoreTransport>, deadline: Duration) -> RecordStore {
        let knobs = Knobs {
            store_deadline: deadline,
            ..Knobs::default()
        };
        RecordStore::within(transport, &knobs)
    }

    /// The same with all limits of `knobs`.
    pub fn within(transport: Arc<dyn StoreTransport>, knobs: &Knobs) -> RecordStore {
        RecordStore {
            transport,
            deadline: knobs.store_deadline,
            read_keys_max: knobs.read_keys_max.max(1),
            height_tries_max: knobs.height_tries_max.max(1),
            listed: Mutex::new(BTreeSet::new()),
            clearings: AtomicU64::new(0),
        }
    }

    /// All listed records by key, in the order of keys. Listed keys without a
    /// value are left out; one that holds something else than text is unreadable.
    ///
    /// # Errors
    /// The listing or one of the reads failed; unreadable records are no error.
    pub async fn load_all(&self) -> Result<Loaded, StoreError> {
        Ok(self.load_listed().await?.0)
    }

    /// The same, and unlists keys without a value, which another program may leave
    /// behind, and of which the original's start dies.
    ///
    /// # Errors
    /// The listing or one of the reads failed. A key that cannot be unlisted is no
    /// error: it is nothing to this coordinator, and is tried again at its next
    /// start.
    pub async fn load_and_tidy(&self) -> Result<Loaded, StoreError> {
        let (loaded, empty) = self.load_listed().await?;
        for key in empty {
            match self.unlist_key(&key).await {
                Ok(()) => tracing::info!(key, "a listed record does not exist; it is unlisted"),
                Err(error) => {
                    tracing::warn!(%error, key, "a record that is gone stays listed");
                    break;
                }
            }
        }
        Ok(loaded)
    }

    async fn load_listed(&self) -> Result<(Loaded, Vec<String>), StoreError> {
        let mut members = self
            .reading(
                "listing the records",
                self.transport.set_members(keys::LISTED),
            )
            .await?;
        members.sort_unstable();
        members.dedup();
        let values = self.read_all(&members).await?;
        let (mut loaded, mut empty) = (Vec::new(), Vec::new());
        let mut listed = BTreeSet::new();
        for (key, value) in members.into_iter().zip(values) {
            match value {
                Some(raw) => {
                    listed.extend(keys::indexer_of(&key).ok());
                    let stored = codec::decode(&key, &raw);
                    loaded.push((key, stored));
                }
                // Keys that are no record's are nobody's to tidy up.
                None if keys::indexer_of(&key).is_err() => {}
                None => match self.oddity(&key).await? {
                    Some(why) => loaded.push((key.clone(), Err(Corrupt { key, why }))),
                    None => empty.push(key),
                },
            }
        }
        *self.lock_listed() = listed;
        Ok((loaded, empty))
    }

    /// The first record of an indexer that has none: a new one, or what the
    /// original's first format says, which had a key of its own and no record. It is
    /// `registered` in that version, as far as is known. With it comes what tells whether
    /// that is old: another coordinator may have removed the record meanwhile.
    ///
    /// # Errors
    /// The read failed.
    pub async fn first_record(
        &self,
        id: &IndexerId,
        registered: Option<u64>,
    ) -> Result<First, StoreError> {
        let keys = [keys::first_format(id), keys::REGISTRY_HEIGHT.to_owned()];
        let mut values = self.read_all(&keys).await?;
        let height = StoredHeight::of(values.pop().flatten().as_ref());
        let version = (values.pop().flatten()).and_then(|text| height_in(&keys[0], &text));
        let first = match version {
            Some(version) => {
                tracing::info!(indexer = %id, version, "taken over from the first format");
                legacy::first_format(id, version)
            }
            None => Record::new(id.clone()),
        };
        Ok(First {
            record: Record {
                registered,
                ..first
            },
            acted_upon: height.number(),
        })
    }

    /// Looks which records are listed. Lists again whichever of `recorded` has one and
    /// is not: another program may have taken it off.
    ///
    /// # Errors
    /// The listing failed, or a read, or listing again.
    pub async fn relist(&self, recorded: &[IndexerId]) -> Result<Relisted, StoreError> {
        let mut listed: BTreeSet<IndexerId> = self.listed().await?.into_iter().collect();
        *self.lock_listed() = listed.clone();
        let missing = recorded.iter().filter(|id| !listed.contains(*id));
        let missing: Vec<IndexerId> = missing.cloned().collect();
        let values = self.raw_many(&missing).await?;
        let mut gone = Vec::new();
        for (id, raw) in missing.into_iter().zip(values) {
            let Some(raw) = raw else {
                gone.push(id);
                continue;
            };
            let key = keys::state(&id);
            let written = self.writing("listing a record", self.swap(&key, Some(&raw), Some(&raw)));
            // One that has changed meanwhile was listed by that change.
            written.await?;
            tracing::warn!(indexer = %id, "its record was not listed; it is again");
            self.lock_listed().insert(id.clone());
            listed.insert(id);
        }
        Ok(Relisted {
            listed: listed.into_iter().collect(),
            gone,
        })
    }

    /// The indexers that are listed as having a record, by name.
    ///
    /// # Errors
    /// The listing failed.
    pub async fn listed(&self) -> Result<Vec<IndexerId>, StoreError> {
        let members = self
            .reading(
                "listing the records",
                self.transport.set_members(keys::LISTED),
            )
            .await?;
        let listed: BTreeSet<IndexerId> = members
            .iter()
            .filter_map(|key| keys::indexer_of(key).ok())
            .collect();
        Ok(listed.into_iter().collect())
    }

    /// One record; `None` if there is none.
    ///
    /// # Errors
    /// The read failed, or what it brought is no record.
    pub async fn load(&self, id: &IndexerId) -> Result<Option<Stored>, LoadError> {
        let key = keys::state(id);
        let value = self.read_one(key.clone()).await?;
        Ok(value.map(|raw| codec::decode(&key, &raw)).transpose()?)
    }

    /// The same, and where there seems to be none, makes sure of it: a read of
    /// texts passes over what some other program has put there instead.
    ///
    /// # Errors
    /// One of the reads failed, or what stands there is no record.
    pub async fn look(&self, id: &IndexerId) -> Result<Option<Stored>, LoadError> {
        if let Some(stored) = self.load(id).await? {
            return Ok(Some(stored));
        }
        let key = keys::state(id);
        let Some(why) = self.oddity(&key).await? else {
            return Ok(None);
        };
        // A record may have been written between the two reads.
        match self.load(id).await? {
            None => Err(Corrupt { key, why }.into()),
            stored => Ok(stored),
        }
    }

    /// What is wrong with a key that holds no text; `None` if it does not exist.
    async fn oddity(&self, key: &str) -> Result<Option<String>, StoreError> {
        // A set has members, and of all other kinds none can be had.
        let members = self.transport.set_members(key);
        match self.reading("looking for another kind", members).await {
            Ok(members) if members.is_empty() => Ok(None),
            Ok(_) => Ok(Some("it is a set, and records are texts".to_owned())),
            Err(StoreError::Rejected(why)) => Ok(Some(sentence(&format!(
                "it is no text, as records are: {why}"
            )))),
            Err(error) => Err(error),
        }
    }

    /// The undecoded records of `ids`, in their order.
    ///
    /// # Errors
    /// One of the reads failed.
    pub async fn raw_many(&self, ids: &[IndexerId]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let keys: Vec<String> = ids.iter().map(keys::state).collect();
        self.raw_at(&keys).await
    }

    /// The undecoded records under `keys`, in their order.
    ///
    /// # Errors
    /// One of the reads failed.
    pub(crate) async fn raw_at(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.read_all(keys).await
    }

    /// Replaces `previous` (`None`: no record) by `record`, and lists it.
    ///
    /// # Errors
    /// After `Indefinite` the record may be written, or may yet be: the caller loads
    /// it and commits what is then still needed.
    pub async fn commit(
        &self,
        id: &IndexerId,
        previous: Option<&Stored>,
        record: &Record,
    ) -> Result<Commit, StoreError> {
        if record.id != *id {
            return Err(StoreError::Rejected(format!(
                "a record of {} is not written in place of one of {id}",
                record.id
            )));
        }
        let raw = codec::encode(record, previous)
            .map_err(|corrupt| StoreError::Rejected(corrupt.to_string()))?;
        let key = keys::state(id);
        let expected = previous.map(|previous| previous.raw.as_ref());
        let written = self.writing("writing a record", self.swap(&key, expected, Some(&raw)));
        if let CasOutcome::Conflict(_) = written.await? {
            return Ok(Commit::Conflict);
        }
        let revision = previous.map_or(0, |previous| previous.revision);
        Ok(Commit::Written(Stored {
            record: record.clone(),
            revision: revision.saturating_add(1),
            raw,
        }))
    }

    /// Deletes the record if it still is `previous`, and unlists it.
    ///
    /// # Errors
    /// After `Indefinite` the record may be gone; removing again is harmless, and
    /// a record that is gone already counts as removed.
    pub async fn remove(
        &self,
        id: &IndexerId,
        previous: &Stored,
    ) -> Result<Commit<()>, StoreError> {
        let key = keys::state(id);
        let removed = self.writing(
            "removing a record",
            self.swap(&key, Some(&previous.raw), None),
        );
        if let CasOutcome::Conflict(Some(_)) = removed.await? {
            return Ok(Commit::Conflict);
        }
        self.lock_listed().remove(id);
        Ok(Commit::Written(()))
    }

    /// Takes an indexer without a record off the list, if it was on it when the store
    /// was last asked.
    ///
    /// # Errors
    /// After `Indefinite` it may be done; doing it again is harmless.
    pub async fn unlist(&self, id: &IndexerId) -> Result<(), StoreError> {
        if !self.lock_listed().contains(id) {
            return Ok(());
        }
        self.unlist_key(&keys::state(id)).await?;
        self.lock_listed().remove(id);
        Ok(())
    }

    /// A record that has come to be meanwhile stays listed.
    async fn unlist_key(&self, key: &str) -> Result<(), StoreError> {
        let unlisted = self.writing("unlisting what is gone", self.swap(key, None, None));
        unlisted.await.map(drop)
    }

    /// The one way in which records are written, listed and removed.
    fn swap<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a [u8]>,
        new: Option<&'a [u8]>,
    ) -> impl Future<Output = Result<CasOutcome, StoreError>> + use<'a> {
        let list = Some(keys::LISTED);
        self.transport.compare_and_set(key, expected, new, list)
    }

    async fn read_one(&self, key: String) -> Result<Option<Bytes>, StoreError> {
        let mut values = self.read_all(std::slice::from_ref(&key)).await?;
        Ok(values.pop().flatten())
    }

    async fn read_all(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut values = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(self.read_keys_max) {
            let answer = self
                .reading("reading values", self.transport.get_many(chunk))
                .await?;
            if answer.len() != chunk.len() {
                return Err(StoreError::Unavailable(format!(
                    "it answered {} values for {} keys",
                    answer.len(),
                    chunk.len()
                )));
            }
            values.extend(answer);
        }
        Ok(values)
    }

    /// A read without an answer had no effect.
    async fn reading<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.deadline, call)
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable(self.too_late(what))))
    }

    /// A write without an answer may have had its effect, or may still have it.
    async fn writing<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.deadline, call)
            .await
            .unwrap_or_else(|_| Err(StoreError::Indefinite(self.too_late(what))))
    }

    fn too_late(&self, what: &str) -> String {
        format!("{what} took longer than {:?}", self.deadline)
    }

    fn lock_listed(&self) -> MutexGuard<'_, BTreeSet<IndexerId>> {
        // A set of what is known; a panic while it was held leaves it valid.
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn height_in(key: &str, text: &[u8]) -> Option<u64> {
    let height = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    if height.is_none() {
        tracing::warn!(
            key,
            "a stored block height is no number, and counts as absent"
        );
    }
    height
}
