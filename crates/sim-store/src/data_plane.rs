//! The commands of the data plane: millions of them in a run.

use std::sync::Arc;

use sim_node::{EntryId, QueueEntry, Redis, RedisError, Time};

use crate::RedisModel;
use crate::durability::Undo;
use crate::model::wrong_type;
use crate::value::{Queue, Value, entry_size};
use crate::watch::RECORD_SUFFIX;

impl Redis for RedisModel {
    fn get_number(&mut self, _now: Time, key: &str) -> Result<Option<u64>, RedisError> {
        self.check_read()?;
        match self.keys.get(key) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(*number)),
            // The server answers the text; it is the client that cannot use it.
            Some(Value::Text(text)) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Some)
                .ok_or_else(|| RedisError::Refused("the value is not a number".to_owned())),
            Some(_) => Err(wrong_type()),
        }
    }

    fn set_number(&mut self, now: Time, key: &str, value: u64) -> Result<(), RedisError> {
        self.check_grow()?;
        let in_place = match self.keys.get_mut(key) {
            Some(Value::Number(number)) if !key.ends_with(RECORD_SUFFIX) => {
                Some(std::mem::replace(number, value))
            }
            _ => None,
        };
        match in_place {
            Some(before) if self.undo_kept() => {
                let name = self.shared_key(key);
                self.log_undo(now, name, Undo::Number(before));
            }
            Some(_) => {}
            None => {
                self.replace(now, key, Some(Value::Number(value)));
            }
        }
        Ok(())
    }

    fn queue_push(&mut self, now: Time, key: &str, height: u64) -> Result<EntryId, RedisError> {
        self.check_grow()?;
        let millis = now.as_millis();
        let id = if millis > self.last_id.millis {
            EntryId {
                millis,
                sequence: 0,
            }
        } else {
            EntryId {
                millis: self.last_id.millis,
                sequence: self.last_id.sequence + 1,
            }
        };
        let period = self.drain_period();
        let (queue, created) = self.queue_for_push(key).ok_or_else(wrong_type)?;
        queue.entries.push_back(QueueEntry { id, height });
        let announce = queue.announced != period;
        queue.announced = period;
        let name = Arc::clone(&queue.key);
        self.last_id = id;
        self.count_memory(entry_size(), 0);
        if announce {
            self.announce(Arc::clone(&name));
        }
        if self.undo_kept() {
            self.log_undo(now, name, Undo::Pushed { id, created });
        }
        Ok(id)
    }

    fn queue_len(&mut self, _now: Time, key: &str) -> Result<u64, RedisError> {
        self.check_read()?;
        Ok(queue_at(self.keys.get(key))?.map_or(0, |queue| queue.entries.len() as u64))
    }

    fn queue_read(
        &mut self,
        _now: Time,
        key: &str,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Vec<QueueEntry>, RedisError> {
        self.check_read()?;
        Ok(queue_at(self.keys.get(key))?.map_or_else(Vec::new, |queue| queue.read(after, count)))
    }

    fn queue_remove(&mut self, now: Time, key: &str, id: EntryId) -> Result<bool, RedisError> {
        self.check_write()?;
        let queue = match self.keys.get_mut(key) {
            None => return Ok(false),
            Some(Value::Queue(queue)) => queue,
            Some(_) => return Err(wrong_type()),
        };
        let Some(entry) = queue.remove(id) else {
            return Ok(false);
        };
        let name = Arc::clone(&queue.key);
        self.count_memory(0, entry_size());
        if self.undo_kept() {
            self.log_undo(now, name, Undo::Removed(entry));
        }
        Ok(true)
    }
}

/// The queue among `value`; none if there is no value.
pub(crate) fn queue_at(value: Option<&Value>) -> Result<Option<&Queue>, RedisError> {
    match value {
        None => Ok(None),
        Some(Value::Queue(queue)) => Ok(Some(queue)),
        Some(_) => Err(wrong_type()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::Config;

    const NOW: Time = Time::SIMULATION_START;

    fn model() -> RedisModel {
        RedisModel::new(Config::default())
    }

    #[test]
    fn numbers_are_strings_to_everyone_else() {
        let mut store = model();
        store.set_number(NOW, "n", 42).unwrap();
        assert_eq!(store.get(NOW, "n"), Ok(Some(Bytes::from_static(b"42"))));
        store.set(NOW, "n", Bytes::from_static(b"43")).unwrap();
        assert_eq!(store.get_number(NOW, "n"), Ok(Some(43)));
        store.set(NOW, "n", Bytes::from_static(b"garbage")).unwrap();
        assert!(matches!(
            store.get_number(NOW, "n"),
            Err(RedisError::Refused(_))
        ));
        store.set_number(NOW, "n", 1).unwrap();
        assert_eq!(store.get_number(NOW, "n"), Ok(Some(1)));
    }

    #[test]
    fn ids_grow_while_time_stands_still_and_over_deleted_queues() {
        let mut store = model();
        let mut last = store.queue_push(NOW, "q", 1).unwrap();
        for round in 0..10 {
            if round % 3 == 0 {
                store.delete(NOW, &["q"]).unwrap();
            }
            let next = store.queue_push(NOW, "q", 1).unwrap();
            assert!(next > last);
            last = next;
        }
        let later = store
            .queue_push(NOW + Duration::from_millis(1), "q", 1)
            .unwrap();
        assert_eq!(
            later,
            EntryId {
                millis: NOW.as_millis() + 1,
                sequence: 0
            }
        );
    }

    #[test]
    fn reading_starts_after_an_id_and_stops_at_count() {
        let mut store = model();
        let ids: Vec<EntryId> = (0..5)
            .map(|height| store.queue_push(NOW, "q", height).unwrap())
            .collect();
        let mut read = |after, count| -> Vec<u64> {
            let entries = store.queue_read(NOW, "q", after, count).unwrap();
            entries.iter().map(|entry| entry.height).collect()
        };
        assert_eq!(read(None, 2), [0, 1]);
        assert_eq!(read(Some(ids[1]), 2), [2, 3]);
        assert!(read(Some(ids[4]), 2).is_empty());
        assert!(read(None, 0).is_empty());
    }

    #[test]
    fn an_emptied_queue_stays_as_an_empty_stream() {
        let mut store = model();
        let id = store.queue_push(NOW, "q", 1).unwrap();
        assert_eq!(store.queue_remove(NOW, "q", id), Ok(true));
        assert_eq!(store.queue_remove(NOW, "q", id), Ok(false));
        assert_eq!(store.queue_len(NOW, "q"), Ok(0));
        assert!(store.holds("q"));
        assert_eq!(store.queue_remove(NOW, "none", id), Ok(false));
    }

    #[test]
    fn entries_are_removed_from_the_middle() {
        let mut store = model();
        let ids: Vec<EntryId> = (0..3)
            .map(|height| store.queue_push(NOW, "q", height).unwrap())
            .collect();
        assert_eq!(store.queue_remove(NOW, "q", ids[1]), Ok(true));
        let left: Vec<u64> = store
            .queue_read(NOW, "q", None, 9)
            .unwrap()
            .iter()
            .map(|e| e.height)
            .collect();
        assert_eq!(left, [0, 2]);
    }

    #[test]
    fn wrong_types_are_refused() {
        let mut store = model();
        store.set(NOW, "s", Bytes::from_static(b"text")).unwrap();
        store.queue_push(NOW, "q", 1).unwrap();
        assert!(store.queue_push(NOW, "s", 1).is_err());
        assert!(store.queue_len(NOW, "s").is_err());
        assert!(store.queue_read(NOW, "s", None, 1).is_err());
        assert!(store.queue_remove(NOW, "s", EntryId::default()).is_err());
        assert!(store.get_number(NOW, "q").is_err());
        assert_eq!(store.get(NOW, "s"), Ok(Some(Bytes::from_static(b"text"))));
    }

    #[test]
    fn pushes_are_announced_once_per_drain() {
        let mut store = model();
        let mut pushed = Vec::new();
        store.queue_push(NOW, "b", 1).unwrap();
        store.queue_push(NOW, "a", 1).unwrap();
        store.queue_push(NOW, "b", 2).unwrap();
        store.drain_pushes(&mut pushed);
        assert_eq!(
            pushed.iter().map(|key| &**key).collect::<Vec<_>>(),
            ["b", "a"]
        );
        assert!(!store.has_pushes());
        store.queue_push(NOW, "b", 3).unwrap();
        assert!(store.has_pushes());
        store.drain_pushes(&mut pushed);
        assert_eq!(pushed.len(), 1);
    }

    #[test]
    fn announcements_nobody_drains_stay_few() {
        let mut store = model();
        for height in 0..100_000 {
            store.queue_push(NOW, "q", height).unwrap();
            store.delete(NOW, &["q"]).unwrap();
        }
        let mut pushed = Vec::new();
        store.drain_pushes(&mut pushed);
        assert!(pushed.len() < 10_000, "{}", pushed.len());
    }
}
