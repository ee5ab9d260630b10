//! The commands of the control plane: records, sets, queues as a whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use sim_node::{RedisError, Time};

use crate::RedisModel;
use crate::data_plane::queue_at;
use crate::durability::Undo;
use crate::model::wrong_type;
use crate::value::{Value, member_size};

/// How a compare-and-set ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cas {
    /// The value was as expected and has been replaced.
    Applied,
    /// The value was another one, which is given; nothing changed.
    Conflict(Option<Bytes>),
}

impl RedisModel {
    /// GET.
    ///
    /// # Errors
    /// The server is unreachable, or the key is no string.
    pub fn get(&mut self, _now: Time, key: &str) -> Result<Option<Bytes>, RedisError> {
        self.check_read()?;
        string_at(self.keys.get(key))
    }

    /// MGET: a key that is absent or no string gives `None`.
    ///
    /// # Errors
    /// The server is unreachable.
    pub fn get_many(
        &mut self,
        _now: Time,
        keys: &[&str],
    ) -> Result<Vec<Option<Bytes>>, RedisError> {
        self.check_read()?;
        Ok(keys
            .iter()
            .map(|key| self.keys.get(*key).and_then(Value::as_string))
            .collect())
    }

    /// SET: replaces a value of any type.
    ///
    /// # Errors
    /// The server is unreachable or refuses writes.
    pub fn set(&mut self, now: Time, key: &str, value: Bytes) -> Result<(), RedisError> {
        self.check_grow()?;
        self.replace(now, key, Some(Value::Text(value)));
        Ok(())
    }

    /// Replaces the string under `key` by `new` (`None` deletes) if it is
    /// `expected` (`None` = absent), in one indivisible step.
    ///
    /// # Errors
    /// The server is unreachable, refuses writes (a conflict is still answered:
    /// nothing is written then), or the key is no string.
    pub fn compare_and_set(
        &mut self,
        now: Time,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Cas, RedisError> {
        self.compare_and_set_listed(now, key, expected, new, None)
    }

    /// The same, and in that step the set `list` comes to name `key`, or no longer
    /// names it when it is deleted.
    ///
    /// # Errors
    /// As above, or the list is no set.
    pub fn compare_and_set_listed(
        &mut self,
        now: Time,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<Cas, RedisError> {
        self.check_read()?;
        let current = string_at(self.keys.get(key))?;
        if current.as_deref() != expected {
            return Ok(Cas::Conflict(current));
        }
        match (new, list) {
            (Some(_), None) => self.check_grow()?,
            (None, None) => self.check_write()?,
            (Some(_), Some(list)) => {
                self.set_add(now, list, key)?;
            }
            (None, Some(list)) => {
                self.set_remove(now, list, key)?;
            }
        }
        if current.is_some() || new.is_some() {
            let new = new.map(|bytes| Value::Text(Bytes::copy_from_slice(bytes)));
            self.replace(now, key, new);
        }
        Ok(Cas::Applied)
    }

    /// DEL: how many of `keys` existed.
    ///
    /// # Errors
    /// The server is unreachable or refuses writes.
    pub fn delete(&mut self, now: Time, keys: &[&str]) -> Result<u64, RedisError> {
        self.check_write()?;
        let mut deleted = 0;
        for key in keys {
            if self.keys.contains_key(*key) {
                self.replace(now, key, None);
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Deletes `keys` if the string under `guard` is `expected`, in one indivisible
    /// step.
    ///
    /// # Errors
    /// The server is unreachable, refuses writes (a conflict is still answered), or
    /// the guard is no string.
    pub fn delete_if(
        &mut self,
        now: Time,
        guard: &str,
        expected: &[u8],
        keys: &[&str],
    ) -> Result<Cas, RedisError> {
        self.check_read()?;
        let current = string_at(self.keys.get(guard))?;
        if current.as_deref() != Some(expected) {
            return Ok(Cas::Conflict(current));
        }
        self.delete(now, keys).map(|_| Cas::Applied)
    }

    /// SADD of one member: true if it was not there yet.
    ///
    /// # Errors
    /// The server is unreachable or refuses writes, or the key is no set.
    pub fn set_add(&mut self, now: Time, key: &str, member: &str) -> Result<bool, RedisError> {
        self.check_grow()?;
        let member: Arc<str> = Arc::from(member);
        let members = match self.keys.get_mut(key) {
            Some(Value::Set(members)) => members,
            Some(_) => return Err(wrong_type()),
            None => {
                self.replace(now, key, Some(Value::Set(BTreeSet::from([member]))));
                return Ok(true);
            }
        };
        if !members.insert(Arc::clone(&member)) {
            return Ok(false);
        }
        self.count_memory(member_size(&member), 0);
        if self.undo_kept() {
            let name = self.shared_key(key);
            self.log_undo(now, name, Undo::Added(member));
        }
        Ok(true)
    }

    /// SREM of one member: true if it was there. A set that becomes empty is
    /// gone.
    ///
    /// # Errors
    /// The server is unreachable or refuses writes, or the key is no set.
    pub fn set_remove(&mut self, now: Time, key: &str, member: &str) -> Result<bool, RedisError> {
        self.check_write()?;
        let members = match self.keys.get_mut(key) {
            Some(Value::Set(members)) => members,
            Some(_) => return Err(wrong_type()),
            None => return Ok(false),
        };
        if !members.contains(member) {
            return Ok(false);
        }
        if members.len() == 1 {
            self.replace(now, key, None);
            return Ok(true);
        }
        let taken = members.take(member);
        self.count_memory(0, member_size(member));
        if let Some(taken) = taken
            && self.undo_kept()
        {
            let name = self.shared_key(key);
            self.log_undo(now, name, Undo::Dropped(taken));
        }
        Ok(true)
    }

    /// SMEMBERS, sorted (the real server gives no order).
    ///
    /// # Errors
    /// The server is unreachable, or the key is no set.
    pub fn set_members(&mut self, _now: Time, key: &str) -> Result<Vec<Arc<str>>, RedisError> {
        self.check_read()?;
        match self.keys.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Set(members)) => Ok(members.iter().cloned().collect()),
            Some(_) => Err(wrong_type()),
        }
    }

    /// The block height of the oldest entry of a queue; `None` if it is empty
    /// or absent.
    ///
    /// # Errors
    /// The server is unreachable, or the key is no queue.
    pub fn queue_first(&mut self, _now: Time, key: &str) -> Result<Option<u64>, RedisError> {
        self.check_read()?;
        let queue = queue_at(self.keys.get(key))?;
        Ok(queue
            .and_then(|queue| queue.entries.front())
            .map(|entry| entry.height))
    }
}

fn string_at(value: Option<&Value>) -> Result<Option<Bytes>, RedisError> {
    match value {
        None => Ok(None),
        Some(value) => value.as_string().map(Some).ok_or_else(wrong_type),
    }
}

#[cfg(test)]
mod tests {
    use sim_node::Redis;

    use super::*;
    use crate::{Config, WriteCause};

    const NOW: Time = Time::SIMULATION_START;

    fn model() -> RedisModel {
        RedisModel::new(Config::default())
    }

    fn refused<T: std::fmt::Debug>(result: Result<T, RedisError>, word: &str) {
        match result {
            Err(RedisError::Refused(message)) => assert!(message.starts_with(word), "{message}"),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn a_server_that_is_down_does_nothing() {
        let mut store = model();
        store.set(NOW, "a", Bytes::from_static(b"1")).unwrap();
        store.set_up(false);
        assert!(matches!(
            store.get(NOW, "a"),
            Err(RedisError::Unavailable(_))
        ));
        assert!(matches!(
            store.delete(NOW, &["a"]),
            Err(RedisError::Unavailable(_))
        ));
        assert!(matches!(
            store.queue_push(NOW, "q", 1),
            Err(RedisError::Unavailable(_))
        ));
        assert!(matches!(
            store.get_number(NOW, "a"),
            Err(RedisError::Unavailable(_))
        ));
        store.set_up(true);
        assert_eq!(store.get(NOW, "a"), Ok(Some(Bytes::from_static(b"1"))));
        assert!(!store.holds("q"));
    }

    #[test]
    fn a_replica_reads_but_refuses_writes() {
        let mut store = model();
        store.set(NOW, "a", Bytes::from_static(b"1")).unwrap();
        store.set_read_only(true);
        assert_eq!(store.get(NOW, "a"), Ok(Some(Bytes::from_static(b"1"))));
        refused(store.set(NOW, "a", Bytes::new()), "READONLY");
        refused(store.delete(NOW, &["a"]), "READONLY");
        refused(store.set_number(NOW, "n", 1), "READONLY");
        refused(store.queue_push(NOW, "q", 1), "READONLY");
        refused(store.set_add(NOW, "s", "m"), "READONLY");
        refused(
            store.compare_and_set(NOW, "a", Some(b"1"), Some(b"2")),
            "READONLY",
        );
        let conflict = store.compare_and_set(NOW, "a", None, Some(b"2")).unwrap();
        assert_eq!(conflict, Cas::Conflict(Some(Bytes::from_static(b"1"))));
    }

    #[test]
    fn a_full_server_still_reads_and_deletes() {
        let mut store = model();
        store.set(NOW, "a", Bytes::from_static(b"1")).unwrap();
        let id = store.queue_push(NOW, "q", 1).unwrap();
        store.set_out_of_memory(true);
        refused(store.set(NOW, "a", Bytes::new()), "OOM");
        refused(store.queue_push(NOW, "q", 1), "OOM");
        refused(store.set_number(NOW, "n", 1), "OOM");
        assert_eq!(store.queue_remove(NOW, "q", id), Ok(true));
        assert_eq!(
            store.compare_and_set(NOW, "a", Some(b"1"), None),
            Ok(Cas::Applied)
        );
        assert_eq!(store.delete(NOW, &["a", "q"]), Ok(1));
    }

    #[test]
    fn max_memory_refuses_once_it_is_used_up() {
        let mut store = RedisModel::new(Config {
            max_memory: Some(2_000),
            ..Config::default()
        });
        let pushed = (0..1_000)
            .take_while(|h| store.queue_push(NOW, "q", *h).is_ok())
            .count();
        assert!((10..100).contains(&pushed), "{pushed}");
        store.delete(NOW, &["q"]).unwrap();
        assert!(
            store.queue_push(NOW, "q", 1).is_ok(),
            "freed memory can be used again"
        );
    }

    #[test]
    fn records_leave_a_history_and_other_keys_do_not() {
        let mut store = model();
        store
            .set(NOW, "a/f:state", Bytes::from_static(b"1"))
            .unwrap();
        store
            .compare_and_set(NOW, "a/f:state", Some(b"1"), Some(b"2"))
            .unwrap();
        store
            .compare_and_set(NOW, "a/f:state", Some(b"1"), Some(b"3"))
            .unwrap();
        store.delete(NOW, &["a/f:state", "b/f:state"]).unwrap();
        store
            .set_number(NOW, "a/f:last_published_block", 1)
            .unwrap();
        let history: Vec<_> = store.drain_writes();
        let after: Vec<Option<&[u8]>> = history.iter().map(|w| w.after.as_deref()).collect();
        assert_eq!(after, [Some(&b"1"[..]), Some(&b"2"[..]), None]);
        assert!(
            history
                .iter()
                .all(|write| write.cause == WriteCause::Command)
        );
        assert!(store.drain_writes().is_empty());
    }

    #[test]
    fn keys_are_listed_by_prefix_in_order() {
        let mut store = model();
        for key in ["b/f:state", "a/f:state", "a/g:state", "c"] {
            store.set(NOW, key, Bytes::new()).unwrap();
        }
        let found = store.keys_with_prefix("a/");
        assert_eq!(
            found.iter().map(|key| &**key).collect::<Vec<_>>(),
            ["a/f:state", "a/g:state"]
        );
        assert_eq!(store.peek("c"), Some(Bytes::new()));
    }
}
