//! A store in memory, for tests and trials: nothing survives the process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{CasOutcome, StoreError, StoreTransport};

/// Strings, sets and queues under one name space, as a store keeps them. Each
/// command is atomic and always answers at once.
#[derive(Debug, Default)]
pub struct MemoryStore {
    values: Mutex<BTreeMap<String, Value>>,
}

#[derive(Clone, Debug)]
enum Value {
    Text(Bytes),
    Set(BTreeSet<String>),
    Queue(VecDeque<u64>),
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Sets a key, whatever it was, as some other program would.
    pub fn put(&self, key: &str, value: impl Into<Bytes>) {
        self.lock()
            .insert(key.to_owned(), Value::Text(value.into()));
    }

    /// The value of a key; `None` if it does not exist or holds no text.
    pub fn text(&self, key: &str) -> Option<Bytes> {
        match self.lock().get(key) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// Appends a height to a queue, as a block stream does.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn push(&self, key: &str, height: u64) -> Result<(), StoreError> {
        match self
            .lock()
            .entry(key.to_owned())
            .or_insert_with(|| Value::Queue(VecDeque::new()))
        {
            Value::Queue(queue) => {
                queue.push_back(height);
                Ok(())
            }
            _ => Err(wrong_type(key)),
        }
    }

    /// Whether a key exists.
    pub fn exists(&self, key: &str) -> bool {
        self.lock().contains_key(key)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        // Every command leaves the map whole at each point at which it may panic.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wrong_type(key: &str) -> StoreError {
    StoreError::Rejected(format!("`{key}` holds another kind of value"))
}

/// Lists a key that has a value, or no longer lists one that has none.
fn relist(
    values: &mut BTreeMap<String, Value>,
    list: &str,
    key: &str,
    has_value: bool,
) -> Result<(), StoreError> {
    let members = match values.get_mut(list) {
        None if !has_value => return Ok(()),
        None => {
            let members = BTreeSet::from([key.to_owned()]);
            values.insert(list.to_owned(), Value::Set(members));
            return Ok(());
        }
        Some(Value::Set(members)) => members,
        Some(_) => return Err(wrong_type(list)),
    };
    if has_value {
        members.insert(key.to_owned());
    } else {
        members.remove(key);
    }
    if members.is_empty() {
        values.remove(list);
    }
    Ok(())
}

#[async_trait]
impl StoreTransport for MemoryStore {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        Ok(keys.iter().map(|key| self.text(key)).collect())
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let mut values = self.lock();
        let current = match values.get(key) {
            None => None,
            Some(Value::Text(text)) => Some(text.clone()),
            Some(_) => return Err(wrong_type(key)),
        };
        if current.as_deref() != expected {
            return Ok(CasOutcome::Conflict(current));
        }
        if let Some(list) = list {
            relist(&mut values, list, key, new.is_some())?;
        }
        match new {
            Some(new) => values.insert(key.to_owned(), Value::Text(Bytes::copy_from_slice(new))),
            None => values.remove(key),
        };
        Ok(CasOutcome::Applied)
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let mut values = self.lock();
        for key in keys {
            values.remove(key);
        }
        Ok(())
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        let mut values = self.lock();
        let found = match values.get(guard) {
            None => None,
            Some(Value::Text(text)) => Some(text.clone()),
            Some(_) => return Err(wrong_type(guard)),
        };
        if found.as_deref() != Some(expected) {
            return Ok(CasOutcome::Conflict(found));
        }
        for key in keys {
            values.remove(key);
        }
        Ok(CasOutcome::Applied)
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        match self.lock().get(key) {
            None => Ok(Vec::new()),
            Some(Value::Set(members)) => Ok(members.iter().cloned().collect()),
            Some(_) => Err(wrong_type(key)),
        }
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        match self
            .lock()
            .entry(key.to_owned())
            .or_insert_with(|| Value::Set(BTreeSet::new()))
        {
            Value::Set(members) => {
                members.insert(member.to_owned());
                Ok(())
            }
            _ => Err(wrong_type(key)),
        }
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        let mut values = self.lock();
        let empty = match values.get_mut(key) {
            None => false,
            Some(Value::Set(members)) => {
                members.remove(member);
                members.is_empty()
            }
            Some(_) => return Err(wrong_type(key)),
        };
        if empty {
            values.remove(key);
        }
        Ok(())
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        match self.lock().get(key) {
            None => Ok(None),
            Some(Value::Queue(queue)) => Ok(queue.front().copied()),
            Some(_) => Err(wrong_type(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_value_is_set_only_where_the_expected_one_is() {
        let store = MemoryStore::new();
        let cas = async |expected: Option<&[u8]>, new: Option<&[u8]>| {
            store
                .compare_and_set("k", expected, new, None)
                .await
                .unwrap()
        };
        assert_eq!(
            cas(Some(b"1"), Some(b"2")).await,
            CasOutcome::Conflict(None)
        );
        assert_eq!(cas(None, Some(b"1")).await, CasOutcome::Applied);
        let found = Some(Bytes::from_static(b"1"));
        assert_eq!(cas(None, Some(b"2")).await, CasOutcome::Conflict(found));
        assert_eq!(cas(Some(b"1"), Some(b"2")).await, CasOutcome::Applied);
        assert_eq!(cas(Some(b"2"), None).await, CasOutcome::Applied);
        assert!(!store.exists("k"));
        assert_eq!(cas(None, None).await, CasOutcome::Applied);
    }

    #[tokio::test]
    async fn a_command_on_another_kind_of_value_is_refused_but_a_read_is_empty() {
        let store = MemoryStore::new();
        store.put("text", "1");
        store.push("queue", 1).unwrap();
        store.set_add("set", "a").await.unwrap();
        assert!(store.push("text", 1).is_err());
        assert!(store.set_add("text", "a").await.is_err());
        assert!(store.set_remove("queue", "a").await.is_err());
        assert!(store.set_members("text").await.is_err());
        assert!(store.queue_head("set").await.is_err());
        assert!(
            store
                .compare_and_set("set", None, None, None)
                .await
                .is_err()
        );
        let keys = ["text", "queue", "set", "none"].map(str::to_owned);
        let text = Some(Bytes::from_static(b"1"));
        assert_eq!(
            store.get_many(&keys).await.unwrap(),
            [text, None, None, None]
        );
    }

    #[tokio::test]
    async fn sets_and_queues_vanish_when_they_are_emptied() {
        let store = MemoryStore::new();
        store.set_add("set", "a").await.unwrap();
        store.set_add("set", "a").await.unwrap();
        assert_eq!(store.set_members("set").await.unwrap(), ["a"]);
        store.set_remove("set", "a").await.unwrap();
        store.set_remove("set", "a").await.unwrap();
        assert!(!store.exists("set"));
        store.push("queue", 4).unwrap();
        store.push("queue", 3).unwrap();
        assert_eq!(store.queue_head("queue").await.unwrap(), Some(4));
        store.delete(&["queue".to_owned()]).await.unwrap();
        assert_eq!(store.queue_head("queue").await.unwrap(), None);
    }
}
