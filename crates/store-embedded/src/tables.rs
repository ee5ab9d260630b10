//! The tables of the file, and what each command does to them.
//!
//! Strings, sets and queues share one name space, as in Redis: a key holds one
//! kind of value at a time, and an emptied set or queue is gone.

use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError};
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, StorageError, Table, TableDefinition,
    TableError, WriteTransaction,
};

const TEXTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("texts");
const MEMBERS: TableDefinition<'_, (&str, &str), ()> = TableDefinition::new("members");
const QUEUES: TableDefinition<'_, (&str, u64), u64> = TableDefinition::new("queues");

/// A change that a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    CompareAndSet {
        key: String,
        expected: Option<Bytes>,
        new: Option<Bytes>,
        list: Option<String>,
    },
    Delete(Vec<String>),
    DeleteIf {
        guard: String,
        expected: Bytes,
        keys: Vec<String>,
    },
    SetAdd {
        key: String,
        member: String,
    },
    SetRemove {
        key: String,
        member: String,
    },
    QueuePush {
        key: String,
        height: u64,
    },
    /// Something small that is always a change: shows whether the disk takes it.
    Touch,
}

/// A key that nobody uses, under which the disk is tried.
pub(crate) const PROBE: &str = "coordinator:probe";

/// What came of a change, once its transaction is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is as asked for, and something was changed for it.
    Changed,
    /// It was so already.
    AlreadySo,
    /// The value was another one, which is given.
    Conflict(Option<Bytes>),
    /// The key holds another kind of value.
    WrongKind(String),
}

impl Effect {
    /// The answer to a compare-and-set.
    pub(crate) fn into_cas(self) -> Result<CasOutcome, StoreError> {
        match self {
            Effect::Changed | Effect::AlreadySo => Ok(CasOutcome::Applied),
            Effect::Conflict(current) => Ok(CasOutcome::Conflict(current)),
            Effect::WrongKind(key) => Err(wrong_kind(&key)),
        }
    }

    /// The answer to a command without a condition.
    pub(crate) fn into_done(self) -> Result<(), StoreError> {
        match self {
            Effect::WrongKind(key) => Err(wrong_kind(&key)),
            Effect::Changed | Effect::AlreadySo | Effect::Conflict(_) => Ok(()),
        }
    }
}

pub(crate) fn wrong_kind(key: &str) -> StoreError {
    StoreError::Rejected(format!("`{key}` holds another kind of value"))
}

/// The tables, open in one transaction of the writer.
pub(crate) struct Tables<'txn> {
    texts: Table<'txn, &'static str, &'static [u8]>,
    members: Table<'txn, (&'static str, &'static str), ()>,
    queues: Table<'txn, (&'static str, u64), u64>,
}

impl<'txn> Tables<'txn> {
    /// Opens the tables, which are made if there are none.
    pub(crate) fn open(transaction: &'txn WriteTransaction) -> Result<Tables<'txn>, TableError> {
        Ok(Tables {
            texts: transaction.open_table(TEXTS)?,
            members: transaction.open_table(MEMBERS)?,
            queues: transaction.open_table(QUEUES)?,
        })
    }

    /// Carries out `change` within the transaction.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<Effect, StorageError> {
        match change {
            Change::CompareAndSet {
                key,
                expected,
                new,
                list,
            } => {
                let (expected, new) = (expected.as_deref(), new.as_deref());
                self.compare_and_set(key, expected, new, list.as_deref())
            }
            Change::Delete(keys) => self.delete_all(keys),
            Change::DeleteIf {
                guard,
                expected,
                keys,
            } => {
                let found = self.text(guard)?;
                if found.as_ref() != Some(expected) {
                    return Ok(Effect::Conflict(found));
                }
                self.delete_all(keys)
            }
            Change::SetAdd { key, member } => {
                if self.has_text(key)? || has_queue(&self.queues, key)? {
                    return Ok(Effect::WrongKind(key.clone()));
                }
                let pair = (key.as_str(), member.as_str());
                Ok(effect(self.members.insert(pair, ())?.is_none()))
            }
            Change::SetRemove { key, member } => {
                if self.has_text(key)? || has_queue(&self.queues, key)? {
                    return Ok(Effect::WrongKind(key.clone()));
                }
                let pair = (key.as_str(), member.as_str());
                Ok(effect(self.members.remove(pair)?.is_some()))
            }
            Change::QueuePush { key, height } => {
                if self.has_text(key)? || has_set(&self.members, key)? {
                    return Ok(Effect::WrongKind(key.clone()));
                }
                let last = match queue_range(&self.queues, key)?.next_back() {
                    Some(entry) => entry?.0.value().1,
                    None => 0,
                };
                self.queues
                    .insert((key.as_str(), last.saturating_add(1)), height)?;
                Ok(Effect::Changed)
            }
            Change::Touch => {
                if self.texts.remove(PROBE)?.is_none() {
                    self.texts.insert(PROBE, &[][..])?;
                }
                Ok(Effect::Changed)
            }
        }
    }

    fn compare_and_set(
        &mut self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<Effect, StorageError> {
        if has_set(&self.members, key)? || has_queue(&self.queues, key)? {
            return Ok(Effect::WrongKind(key.to_owned()));
        }
        let current = self.text(key)?;
        if current.as_deref() != expected {
            return Ok(Effect::Conflict(current));
        }
        let mut changed = false;
        if let Some(list) = list {
            if self.has_text(list)? || has_queue(&self.queues, list)? {
                return Ok(Effect::WrongKind(list.to_owned()));
            }
            changed = match new {
                Some(_) => self.members.insert((list, key), ())?.is_none(),
                None => self.members.remove((list, key))?.is_some(),
            };
        }
        match new {
            Some(new) => {
                self.texts.insert(key, new)?;
                changed = true;
            }
            None => changed |= self.texts.remove(key)?.is_some(),
        }
        Ok(effect(changed))
    }

    fn delete_all(&mut self, keys: &[String]) -> Result<Effect, StorageError> {
        let mut changed = false;
        for key in keys {
            changed |= self.delete(key)?;
        }
        Ok(effect(changed))
    }

    fn delete(&mut self, key: &str) -> Result<bool, StorageError> {
        if self.texts.remove(key)?.is_some() {
            return Ok(true);
        }
        let members = set_members(&self.members, key)?;
        for member in &members {
            self.members.remove((key, member.as_str()))?;
        }
        let mut entries = Vec::new();
        for entry in queue_range(&self.queues, key)? {
            entries.push(entry?.0.value().1);
        }
        for entry in &entries {
            self.queues.remove((key, *entry))?;
        }
        Ok(!members.is_empty() || !entries.is_empty())
    }

    fn text(&self, key: &str) -> Result<Option<Bytes>, StorageError> {
        let value = self.texts.get(key)?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn has_text(&self, key: &str) -> Result<bool, StorageError> {
        Ok(self.texts.get(key)?.is_some())
    }
}

fn effect(changed: bool) -> Effect {
    if changed {
        Effect::Changed
    } else {
        Effect::AlreadySo
    }
}

/// The tables as one reader sees them: the last durable state.
pub(crate) struct View {
    texts: ReadOnlyTable<&'static str, &'static [u8]>,
    members: ReadOnlyTable<(&'static str, &'static str), ()>,
    queues: ReadOnlyTable<(&'static str, u64), u64>,
}

impl View {
    pub(crate) fn open(transaction: &ReadTransaction) -> Result<View, TableError> {
        Ok(View {
            texts: transaction.open_table(TEXTS)?,
            members: transaction.open_table(MEMBERS)?,
            queues: transaction.open_table(QUEUES)?,
        })
    }

    pub(crate) fn texts(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StorageError> {
        keys.iter()
            .map(|key| {
                let value = self.texts.get(key.as_str())?;
                Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
            })
            .collect()
    }

    /// `None` if the key holds something else.
    pub(crate) fn members(&self, key: &str) -> Result<Option<Vec<String>>, StorageError> {
        if self.texts.get(key)?.is_some() || has_queue(&self.queues, key)? {
            return Ok(None);
        }
        set_members(&self.members, key).map(Some)
    }

    /// The oldest height; the outer `None` if the key holds something else.
    pub(crate) fn queue_head(&self, key: &str) -> Result<Option<Option<u64>>, StorageError> {
        if self.texts.get(key)?.is_some() || has_set(&self.members, key)? {
            return Ok(None);
        }
        match queue_range(&self.queues, key)?.next() {
            Some(entry) => Ok(Some(Some(entry?.1.value()))),
            None => Ok(Some(None)),
        }
    }
}

fn set_members(
    table: &impl ReadableTable<(&'static str, &'static str), ()>,
    key: &str,
) -> Result<Vec<String>, StorageError> {
    let mut members = Vec::new();
    for entry in table.range((key, "")..)? {
        let (name, ()) = (entry?.0, ());
        let (owner, member) = name.value();
        if owner != key {
            break;
        }
        members.push(member.to_owned());
    }
    Ok(members)
}

fn has_set(
    table: &impl ReadableTable<(&'static str, &'static str), ()>,
    key: &str,
) -> Result<bool, StorageError> {
    match table.range((key, "")..)?.next() {
        Some(entry) => Ok(entry?.0.value().0 == key),
        None => Ok(false),
    }
}

fn has_queue(
    table: &impl ReadableTable<(&'static str, u64), u64>,
    key: &str,
) -> Result<bool, StorageError> {
    queue_range(table, key)?
        .next()
        .transpose()
        .map(|entry| entry.is_some())
}

fn queue_range<'a>(
    table: &'a impl ReadableTable<(&'static str, u64), u64>,
    key: &str,
) -> Result<redb::Range<'a, (&'static str, u64), u64>, StorageError> {
    table.range((key, 0)..=(key, u64::MAX))
}
