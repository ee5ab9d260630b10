//! The server's state and the one way to change it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use sim_node::{EntryId, RedisError, Time};

use crate::Config;
use crate::durability::{Undo, UndoLog};
use crate::value::{Queue, Value};
use crate::watch::{LOG_LIMIT, RECORD_SUFFIX, StoreWrite, WriteCause};

/// Announcements kept before duplicates are squeezed out.
const PUSHES_BEFORE_SQUEEZE: usize = 4096;

/// A fixed, fast hash of short keys.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Keys = HashMap<Arc<str>, Value, BuildHasherDefault<KeyHasher>>;

/// Redis in memory, with the faults of a server. See the crate's description.
///
/// Entry ids never repeat and only grow, over all queues, restarts and lost
/// writes; the real server promises that for one queue only.
#[derive(Debug)]
pub struct RedisModel {
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    pub(crate) last_id: EntryId,
    pub(crate) undo: UndoLog,
    used: u64,
    down: bool,
    read_only: bool,
    out_of_memory: bool,
    pushes: Vec<Arc<str>>,
    drains: u64,
    writes: Vec<StoreWrite>,
    missed_writes: u64,
}

impl RedisModel {
    /// An empty server that is up.
    pub fn new(config: Config) -> RedisModel {
        RedisModel {
            config,
            keys: Keys::default(),
            last_id: EntryId::default(),
            undo: UndoLog::default(),
            used: 0,
            down: false,
            read_only: false,
            out_of_memory: false,
            pushes: Vec::new(),
            // Queues begin as announced in period 0, which never was.
            drains: 1,
            writes: Vec::new(),
            missed_writes: 0,
        }
    }

    /// The settings it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether it answers at all; while it is down every command fails with
    /// [`RedisError::Unavailable`] and has no effect. Nothing is forgotten.
    pub fn set_up(&mut self, up: bool) {
        self.down = !up;
    }

    /// Whether it answers at all.
    pub fn is_up(&self) -> bool {
        !self.down
    }

    /// Turns it into a replica that refuses every write, or back.
    pub fn set_read_only(&mut self, read_only: bool) {
        self.read_only = read_only;
    }

    /// Makes it refuse commands that need memory, whatever is really used.
    /// Reads, DEL, SREM and XDEL go on working.
    pub fn set_out_of_memory(&mut self, out_of_memory: bool) {
        self.out_of_memory = out_of_memory;
    }

    /// Rough number of bytes in use.
    pub fn used_memory(&self) -> u64 {
        self.used
    }

    /// The names of all keys that begin with `prefix`, sorted. Works whatever
    /// the condition of the server: it is a look from outside, not a command.
    pub fn keys_with_prefix(&self, prefix: &str) -> Vec<Arc<str>> {
        let mut found: Vec<Arc<str>> = self
            .keys
            .keys()
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect();
        found.sort_unstable();
        found
    }

    /// True if `key` exists, seen from outside.
    pub fn holds(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// The text under `key`, seen from outside; `None` if absent or no string.
    pub fn peek(&self, key: &str) -> Option<bytes::Bytes> {
        self.keys.get(key).and_then(Value::as_string)
    }

    /// Whether [`RedisModel::drain_pushes`] has anything to give.
    pub fn has_pushes(&self) -> bool {
        !self.pushes.is_empty()
    }

    /// Moves the keys of the queues that got an entry since the last drain into
    /// `into` (emptied first), each once, in order of their first push. A queue
    /// into which a rollback put entries back counts as well.
    pub fn drain_pushes(&mut self, into: &mut Vec<Arc<str>>) {
        into.clear();
        std::mem::swap(into, &mut self.pushes);
        self.drains += 1;
    }

    /// Takes the changes of records since the last call, oldest first.
    pub fn drain_writes(&mut self) -> Vec<StoreWrite> {
        std::mem::take(&mut self.writes)
    }

    /// How many changes of records were not kept because nobody drained them.
    pub fn missed_writes(&self) -> u64 {
        self.missed_writes
    }

    pub(crate) fn check_read(&self) -> Result<(), RedisError> {
        if self.down {
            return Err(RedisError::Unavailable("connection refused".to_owned()));
        }
        Ok(())
    }

    /// Whether a write that needs no memory may happen.
    pub(crate) fn check_write(&self) -> Result<(), RedisError> {
        self.check_read()?;
        if self.read_only {
            return Err(RedisError::Refused(
                "READONLY You can't write against a read only replica.".to_owned(),
            ));
        }
        Ok(())
    }

    /// Whether a write that may need memory may happen.
    pub(crate) fn check_grow(&self) -> Result<(), RedisError> {
        self.check_write()?;
        if self.out_of_memory || self.config.max_memory.is_some_and(|max| self.used > max) {
            return Err(RedisError::Refused(
                "OOM command not allowed when used memory > 'maxmemory'.".to_owned(),
            ));
        }
        Ok(())
    }

    /// Puts `after` under `key` (`None` deletes), whatever was there; true if
    /// there was anything. Keeps count, undo log and history.
    pub(crate) fn replace(&mut self, now: Time, key: &str, after: Option<Value>) -> bool {
        let (name, before) = match self.keys.remove_entry(key) {
            Some((name, before)) => (name, Some(before)),
            None => (Arc::from(key), None),
        };
        let existed = before.is_some();
        self.note_write(
            now,
            &name,
            before.as_ref(),
            after.as_ref(),
            WriteCause::Command,
        );
        self.count_memory(0, before.as_ref().map_or(0, |value| value.size(key.len())));
        if let Some(after) = after {
            self.count_memory(after.size(key.len()), 0);
            self.keys.insert(Arc::clone(&name), after);
        }
        if self.undo_kept() {
            self.log_undo(now, name, Undo::Restore(before));
        }
        existed
    }

    /// Puts back what a rollback says was there before.
    pub(crate) fn roll_back_to(&mut self, now: Time, key: &Arc<str>, before: Option<Value>) {
        let lost = self.keys.remove(key);
        self.note_write(
            now,
            key,
            lost.as_ref(),
            before.as_ref(),
            WriteCause::Rollback,
        );
        self.count_memory(0, lost.map_or(0, |value| value.size(key.len())));
        if let Some(value) = before {
            self.count_memory(value.size(key.len()), 0);
            self.keys.insert(Arc::clone(key), value);
        }
    }

    /// Adjusts the memory count by what an edit in place took and freed.
    pub(crate) fn count_memory(&mut self, grown: u64, freed: u64) {
        self.used = (self.used + grown).saturating_sub(freed);
    }

    /// The queue under `key`, made if there is none; `None` on a wrong type.
    pub(crate) fn queue_for_push(&mut self, key: &str) -> Option<(&mut Queue, bool)> {
        let created = !self.keys.contains_key(key);
        if created {
            let name: Arc<str> = Arc::from(key);
            let queue = Value::Queue(Queue::new(Arc::clone(&name)));
            self.used += queue.size(key.len());
            self.keys.insert(name, queue);
        }
        match self.keys.get_mut(key) {
            Some(Value::Queue(queue)) => Some((queue, created)),
            _ => None,
        }
    }

    /// The number of the current drain period; a queue announced in it need not
    /// be announced again.
    pub(crate) fn drain_period(&self) -> u64 {
        self.drains
    }

    /// Notes that the queue `key` got an entry.
    pub(crate) fn announce(&mut self, key: Arc<str>) {
        self.pushes.push(key);
        // Only queues that are deleted and made anew are announced twice.
        if self.pushes.len() > PUSHES_BEFORE_SQUEEZE && self.pushes.len() > 2 * self.keys.len() {
            self.pushes.sort_unstable();
            self.pushes.dedup();
        }
    }

    fn note_write(
        &mut self,
        at: Time,
        key: &Arc<str>,
        before: Option<&Value>,
        after: Option<&Value>,
        cause: WriteCause,
    ) {
        if !key.ends_with(RECORD_SUFFIX) || (before.is_none() && after.is_none()) {
            return;
        }
        if self.writes.len() >= LOG_LIMIT {
            self.missed_writes += 1;
            return;
        }
        let before = before.and_then(Value::as_string);
        let after = after.and_then(Value::as_string);
        self.writes.push(StoreWrite {
            at,
            key: Arc::clone(key),
            before,
            after,
            cause,
        });
    }
}

/// The error of a command on a key of another type.
pub(crate) fn wrong_type() -> RedisError {
    RedisError::Refused(
        "WRONGTYPE Operation against a key holding the wrong kind of value".to_owned(),
    )
}
