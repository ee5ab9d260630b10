//! Records into a store, each by compare-and-set.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coordinator::store::{CasOutcome, RecordStore, StoreError, StoreTransport, keys};
use tokio::time::timeout;

use super::lines::{Mistake, Record, State, shortened};

/// The most keys of one read.
const READ_KEYS_MAX: usize = 500;

/// How an import goes about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Whether records of the store that are others than the file's are replaced.
    pub replace: bool,
    /// Whether it only says what it would do.
    pub dry_run: bool,
}

/// How an import ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Records that were written; of a dry run: that would be.
    pub written: usize,
    /// Those among them in whose place another one stood.
    pub replaced: usize,
    /// Records that were there already, byte for byte.
    pub same: usize,
    /// Records that could not be written, by their line. Without
    /// [`Mode::replace`] one of them is enough for nothing to be written.
    pub refused: Vec<Mistake>,
    /// Why it ended before its end, if it did; what was written stays.
    pub broken_off: Option<String>,
    /// The registry's height that the store then has.
    pub registry_height: Option<u64>,
}

impl Imported {
    /// Whether the store now holds everything; of a dry run: whether it would.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty() && self.broken_off.is_none()
    }
}

/// A record that differs from what the store holds.
struct Due<'a> {
    record: &'a Record,
    found: Option<Bytes>,
}

/// Puts `state` into `store`. It can be repeated: what is there already is left
/// alone. The registry's height only ever grows.
///
/// # Errors
/// The store could not be read; nothing was written.
pub async fn import(
    store: Arc<dyn StoreTransport>,
    deadline: Duration,
    state: &State,
    mode: Mode,
) -> Result<Imported, StoreError> {
    let store = Store { store, deadline };
    let mut imported = Imported::default();
    let listed = store.asked(store.store.set_members(keys::LISTED)).await?;
    let listed: BTreeSet<String> = listed.into_iter().collect();
    let mut due = Vec::new();
    for chunk in state.records.chunks(READ_KEYS_MAX) {
        for (record, found) in chunk.iter().zip(store.read(chunk).await?) {
            match &found {
                Some(value) if *value == record.value && listed.contains(&record.key) => {
                    imported.same += 1;
                }
                Some(value) if *value != record.value && !mode.replace => {
                    imported.refused.push(mistake(
                        record,
                        "the store holds another record; `--replace` puts this one in its place",
                    ));
                }
                _ => due.push(Due { record, found }),
            }
        }
    }
    let replaced = |due: &Due<'_>| {
        let found = due.found.as_ref();
        usize::from(found.is_some_and(|found| *found != due.record.value))
    };
    if mode.dry_run {
        imported.written = due.len();
        imported.replaced = due.iter().map(replaced).sum();
        return Ok(imported);
    }
    if !imported.refused.is_empty() {
        return Ok(imported);
    }
    for due in &due {
        match store.put(due).await {
            Ok(()) => {
                imported.written += 1;
                imported.replaced += replaced(due);
            }
            // That one key; the others may be fine.
            Err(Refusal::Record(why)) => imported.refused.push(mistake(due.record, &why)),
            Err(Refusal::Store(why)) => {
                imported.broken_off = Some(why);
                return Ok(imported);
            }
        }
    }
    if let Some(height) = state.registry_height {
        let records = RecordStore::new(Arc::clone(&store.store), deadline);
        match records.raise_high_water(height).await {
            Ok(height) => imported.registry_height = Some(height),
            Err(error) => imported.broken_off = Some(error.to_string()),
        }
    }
    Ok(imported)
}

fn mistake(record: &Record, why: &str) -> Mistake {
    Mistake {
        line: record.line,
        why: format!("`{}`: {why}", shortened(&record.key)),
    }
}

enum Refusal {
    Record(String),
    Store(String),
}

struct Store {
    store: Arc<dyn StoreTransport>,
    deadline: Duration,
}

impl Store {
    async fn asked<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.deadline, call).await.unwrap_or_else(|_| {
            let late = format!("no answer within {:?}", self.deadline);
            Err(StoreError::Indefinite(late))
        })
    }

    async fn read(&self, records: &[Record]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let keys: Vec<String> = records.iter().map(|record| record.key.clone()).collect();
        let values = self.asked(self.store.get_many(&keys)).await?;
        if values.len() != keys.len() {
            let (got, asked) = (values.len(), keys.len());
            let odd = format!("it answered {got} values for {asked} keys");
            return Err(StoreError::Unavailable(odd));
        }
        Ok(values)
    }

    /// Writes the record and lists it, in one step; also one that is there already,
    /// since it may not be listed.
    async fn put(&self, due: &Due<'_>) -> Result<(), Refusal> {
        let (key, value) = (&due.record.key, &due.record.value);
        let (found, list) = (due.found.as_deref(), Some(keys::LISTED));
        let written = self.store.compare_and_set(key, found, Some(value), list);
        match self.asked(written).await {
            Ok(CasOutcome::Applied) => Ok(()),
            Ok(CasOutcome::Conflict(Some(found))) if found == *value => Ok(()),
            Ok(CasOutcome::Conflict(_)) => Err(Refusal::Record(
                "it was changed meanwhile; stop the coordinator that uses this store".to_owned(),
            )),
            // Of one that was there already only the list is written, which no read of
            // the record tells of.
            Err(StoreError::Indefinite(why)) if found == Some(&value[..]) => {
                Err(Refusal::Store(why))
            }
            Err(StoreError::Indefinite(why)) => self.confirm(due.record, why).await,
            Err(StoreError::Rejected(why)) => Err(Refusal::Record(why)),
            Err(error) => Err(Refusal::Store(error.to_string())),
        }
    }

    /// A write without an answer has happened if the store says so now.
    async fn confirm(&self, record: &Record, why: String) -> Result<(), Refusal> {
        match self.read(std::slice::from_ref(record)).await {
            Ok(found) if found.first() == Some(&Some(record.value.clone())) => Ok(()),
            _ => Err(Refusal::Store(why)),
        }
    }
}
