//! What a key can hold.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use sim_node::{EntryId, QueueEntry};

/// Rough cost in bytes of a key besides its name and value.
const KEY_OVERHEAD: u64 = 64;
/// Rough cost in bytes of a queue entry.
const ENTRY_SIZE: u64 = 48;
/// Rough cost in bytes of a set member besides its text.
const MEMBER_OVERHEAD: u64 = 32;

/// A value with its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string that is a decimal number, kept as a number: cursors change with
    /// every block.
    Number(u64),
    /// Any other string.
    Text(Bytes),
    /// A set of strings; never empty.
    Set(BTreeSet<Arc<str>>),
    /// A stream of block heights; may be empty, as a stream stays after its
    /// last entry was removed.
    Queue(Queue),
}

impl Value {
    /// The bytes GET answers; `None` if the value is not a string.
    pub(crate) fn as_string(&self) -> Option<Bytes> {
        match self {
            Value::Number(number) => Some(Bytes::from(number.to_string())),
            Value::Text(text) => Some(text.clone()),
            Value::Set(_) | Value::Queue(_) => None,
        }
    }

    /// Rough memory used under a key of `key_len` bytes.
    pub(crate) fn size(&self, key_len: usize) -> u64 {
        let payload = match self {
            Value::Number(_) => 8,
            Value::Text(text) => text.len() as u64,
            Value::Set(members) => members.iter().map(|member| member_size(member)).sum(),
            Value::Queue(queue) => queue.entries.len() as u64 * ENTRY_SIZE,
        };
        KEY_OVERHEAD + key_len as u64 + payload
    }
}

/// Rough memory used by one member of a set.
pub(crate) fn member_size(member: &str) -> u64 {
    MEMBER_OVERHEAD + member.len() as u64
}

/// Rough memory used by one queue entry.
pub(crate) const fn entry_size() -> u64 {
    ENTRY_SIZE
}

/// A stream of block heights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// The key it stands under, to announce pushes without an allocation.
    pub(crate) key: Arc<str>,
    /// Entries by ascending id.
    pub(crate) entries: VecDeque<QueueEntry>,
    /// The last drain of pushes before which this queue was announced.
    pub(crate) announced: u64,
}

impl Queue {
    /// An empty queue that was never announced.
    pub(crate) fn new(key: Arc<str>) -> Queue {
        Queue {
            key,
            entries: VecDeque::new(),
            announced: 0,
        }
    }

    /// The entries after `after`, at most `count`.
    pub(crate) fn read(&self, after: Option<EntryId>, count: usize) -> Vec<QueueEntry> {
        let from = after.map_or(0, |id| self.entries.partition_point(|entry| entry.id <= id));
        self.entries.range(from..).take(count).copied().collect()
    }

    /// Takes out the entry `id`.
    pub(crate) fn remove(&mut self, id: EntryId) -> Option<QueueEntry> {
        // Consumers remove the oldest entry, nearly always.
        if self.entries.front().is_some_and(|entry| entry.id == id) {
            return self.entries.pop_front();
        }
        let place = self
            .entries
            .binary_search_by_key(&id, |entry| entry.id)
            .ok()?;
        self.entries.remove(place)
    }

    /// Puts an entry back where its id belongs.
    pub(crate) fn reinsert(&mut self, entry: QueueEntry) {
        let place = self.entries.partition_point(|other| other.id < entry.id);
        if self
            .entries
            .get(place)
            .is_none_or(|other| other.id != entry.id)
        {
            self.entries.insert(place, entry);
        }
    }
}
