//! Crashes and failovers that forget acknowledged writes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sim_node::{EntryId, QueueEntry, Time};

use crate::RedisModel;
use crate::value::{Queue, Value, entry_size, member_size};

/// How to take back one write.
#[derive(Clone, Debug)]
pub(crate) enum Undo {
    /// The key held this.
    Restore(Option<Value>),
    /// The key held this number, before and after being written.
    Number(u64),
    /// This entry was added to a queue, which was made for it if `created`.
    Pushed { id: EntryId, created: bool },
    /// This entry was removed from a queue.
    Removed(QueueEntry),
    /// This member was added to a set.
    Added(Arc<str>),
    /// This member was removed from a set.
    Dropped(Arc<str>),
}

/// Writes of the last `undo_window`, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct UndoLog(VecDeque<(Time, Arc<str>, Undo)>);

/// What a rollback did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// How many writes were taken back.
    pub writes: usize,
    /// False if the undo log does not reach back as far as was asked for.
    pub complete: bool,
}

impl RedisModel {
    /// The server crashed at `crashed` and comes back now with a snapshot that
    /// lacks everything written in the last `tail` before the crash. It is up
    /// and writable afterwards.
    pub fn restart_losing_tail(&mut self, now: Time, crashed: Time, tail: Duration) -> Rollback {
        self.set_up(true);
        self.set_read_only(false);
        self.undo_since(now, crashed - tail, tail)
    }

    /// A replica that lags by `lag` takes over at `now`: everything written in
    /// the last `lag` is gone. It is up and writable afterwards.
    pub fn failover_forgetting(&mut self, now: Time, lag: Duration) -> Rollback {
        self.set_up(true);
        self.set_read_only(false);
        self.undo_since(now, now - lag, lag)
    }

    /// The server comes back with nothing at all. It is up and writable
    /// afterwards. Entry ids go on growing.
    pub fn restart_empty(&mut self, now: Time) {
        self.set_up(true);
        self.set_read_only(false);
        for key in self.keys_with_prefix("") {
            self.roll_back_to(now, &key, None);
        }
        self.undo = UndoLog::default();
    }

    pub(crate) fn undo_kept(&self) -> bool {
        !self.config.undo_window.is_zero()
    }

    /// Remembers how to take a write back, and forgets those that are too old.
    pub(crate) fn log_undo(&mut self, now: Time, key: Arc<str>, undo: Undo) {
        let horizon = now - self.config.undo_window;
        while self.undo.0.front().is_some_and(|(at, ..)| *at < horizon) {
            self.undo.0.pop_front();
        }
        self.undo.0.push_back((now, key, undo));
    }

    /// The shared form of `key` for the undo log; `key` exists, as it was just
    /// written.
    pub(crate) fn shared_key(&self, key: &str) -> Arc<str> {
        self.keys
            .get_key_value(key)
            .map_or_else(|| Arc::from(key), |(name, _)| Arc::clone(name))
    }

    fn undo_since(&mut self, now: Time, since: Time, asked: Duration) -> Rollback {
        let mut writes = 0;
        while self.undo.0.back().is_some_and(|(at, ..)| *at > since) {
            if let Some((_, key, undo)) = self.undo.0.pop_back() {
                self.take_back(now, &key, undo);
                writes += 1;
            }
        }
        Rollback {
            writes,
            complete: asked <= self.config.undo_window,
        }
    }

    fn take_back(&mut self, now: Time, key: &Arc<str>, undo: Undo) {
        match undo {
            Undo::Restore(before) => {
                let refilled =
                    matches!(&before, Some(Value::Queue(queue)) if !queue.entries.is_empty());
                self.roll_back_to(now, key, before);
                if refilled {
                    self.announce(Arc::clone(key));
                }
            }
            Undo::Number(before) => {
                if let Some(Value::Number(number)) = self.keys.get_mut(key) {
                    *number = before;
                }
            }
            Undo::Pushed { id, created } => {
                self.edit_queue(key, |queue| queue.remove(id).is_some(), 0, entry_size());
                if created {
                    self.roll_back_to(now, key, None);
                }
            }
            Undo::Removed(entry) => {
                let back = |queue: &mut Queue| {
                    queue.reinsert(entry);
                    true
                };
                self.edit_queue(key, back, entry_size(), 0);
                self.announce(Arc::clone(key));
            }
            Undo::Added(member) => {
                if let Some(Value::Set(members)) = self.keys.get_mut(key) {
                    members.remove(&member);
                    self.count_memory(0, member_size(&member));
                }
            }
            Undo::Dropped(member) => {
                if let Some(Value::Set(members)) = self.keys.get_mut(key) {
                    let size = member_size(&member);
                    members.insert(member);
                    self.count_memory(size, 0);
                }
            }
        }
    }

    fn edit_queue(
        &mut self,
        key: &str,
        edit: impl FnOnce(&mut Queue) -> bool,
        grown: u64,
        freed: u64,
    ) {
        if let Some(Value::Queue(queue)) = self.keys.get_mut(key)
            && edit(queue)
        {
            self.count_memory(grown, freed);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use sim_node::Redis;

    use super::*;
    use crate::{Config, WriteCause};

    fn at(seconds: u64) -> Time {
        Time::SIMULATION_START + Duration::from_secs(seconds)
    }

    fn model(window: u64) -> RedisModel {
        RedisModel::new(Config {
            undo_window: Duration::from_secs(window),
            ..Config::default()
        })
    }

    #[test]
    fn a_crash_forgets_the_tail_only() {
        let mut store = model(60);
        store.set_number(at(1), "a", 1).unwrap();
        store.queue_push(at(2), "q", 10).unwrap();
        store.set_number(at(11), "a", 2).unwrap();
        store.queue_push(at(12), "q", 11).unwrap();
        store.set_up(false);
        let rollback = store.restart_losing_tail(at(30), at(15), Duration::from_secs(5));
        assert_eq!(
            rollback,
            Rollback {
                writes: 2,
                complete: true
            }
        );
        assert_eq!(store.get_number(at(30), "a"), Ok(Some(1)));
        let heights: Vec<u64> = store
            .queue_read(at(30), "q", None, 9)
            .unwrap()
            .iter()
            .map(|e| e.height)
            .collect();
        assert_eq!(heights, [10]);
    }

    #[test]
    fn a_failover_forgets_the_last_writes() {
        let mut store = model(60);
        store
            .set(at(1), "a:state", Bytes::from_static(b"one"))
            .unwrap();
        store
            .set(at(9), "a:state", Bytes::from_static(b"two"))
            .unwrap();
        store.failover_forgetting(at(10), Duration::from_secs(2));
        assert_eq!(
            store.get(at(10), "a:state"),
            Ok(Some(Bytes::from_static(b"one")))
        );
        let last = store.drain_writes().pop().unwrap();
        assert_eq!(last.cause, WriteCause::Rollback);
        assert_eq!(last.before.as_deref(), Some(&b"two"[..]));
        assert_eq!(last.after.as_deref(), Some(&b"one"[..]));
    }

    #[test]
    fn a_rollback_brings_removed_entries_and_deleted_queues_back() {
        let mut store = model(60);
        let first = store.queue_push(at(1), "q", 10).unwrap();
        store.queue_push(at(1), "q", 11).unwrap();
        store.queue_remove(at(5), "q", first).unwrap();
        store.delete(at(6), &["q"]).unwrap();
        let mut pushes = Vec::new();
        store.drain_pushes(&mut pushes);
        store.failover_forgetting(at(7), Duration::from_secs(3));
        assert_eq!(store.queue_len(at(7), "q"), Ok(2));
        store.drain_pushes(&mut pushes);
        assert_eq!(
            pushes.first().map(|key| &**key),
            Some("q"),
            "consumers must look again"
        );
    }

    #[test]
    fn without_an_undo_window_nothing_is_forgotten_and_that_is_said() {
        let mut store = model(0);
        store.set_number(at(1), "a", 1).unwrap();
        let rollback = store.failover_forgetting(at(1), Duration::from_secs(5));
        assert_eq!(
            rollback,
            Rollback {
                writes: 0,
                complete: false
            }
        );
        assert_eq!(store.get_number(at(1), "a"), Ok(Some(1)));
    }

    #[test]
    fn the_log_forgets_what_is_older_than_the_window() {
        let mut store = model(10);
        for second in 0..100 {
            store.set_number(at(second), "a", second).unwrap();
        }
        assert!(store.undo.0.len() <= 12);
        let rollback = store.failover_forgetting(at(99), Duration::from_secs(50));
        assert!(!rollback.complete);
        assert_eq!(store.get_number(at(99), "a"), Ok(Some(88)));
    }

    #[test]
    fn a_restart_from_nothing_forgets_all_but_ids_go_on() {
        let mut store = model(0);
        let before = store.queue_push(at(1), "q", 10).unwrap();
        store
            .set(at(1), "a:state", Bytes::from_static(b"one"))
            .unwrap();
        store.restart_empty(at(1));
        assert!(store.keys_with_prefix("").is_empty());
        assert_eq!(store.used_memory(), 0);
        let after = store.queue_push(at(1), "q", 10).unwrap();
        assert!(after > before, "an id is never used twice");
        assert_eq!(
            store.drain_writes().last().map(|write| write.after.clone()),
            Some(None)
        );
    }

    #[derive(Clone, Debug)]
    enum Command {
        SetNumber(u8, u64),
        SetText(u8, u8),
        Push(u8, u64),
        RemoveFirst(u8),
        Delete(u8),
        Add(u8, u8),
        Drop(u8, u8),
    }

    fn command() -> impl Strategy<Value = Command> {
        prop_oneof![
            (0..4u8, 0..9u64).prop_map(|(key, value)| Command::SetNumber(key, value)),
            (0..4u8, 0..9u8).prop_map(|(key, value)| Command::SetText(key, value)),
            (0..4u8, 0..9u64).prop_map(|(key, value)| Command::Push(key, value)),
            (0..4u8).prop_map(Command::RemoveFirst),
            (0..4u8).prop_map(Command::Delete),
            (0..4u8, 0..3u8).prop_map(|(key, member)| Command::Add(key, member)),
            (0..4u8, 0..3u8).prop_map(|(key, member)| Command::Drop(key, member)),
        ]
    }

    /// Runs a command; a refusal for the wrong type is as good as success here.
    fn run(store: &mut RedisModel, now: Time, command: &Command) {
        let key = |number: &u8| format!("k{number}");
        match command {
            Command::SetNumber(k, value) => drop(store.set_number(now, &key(k), *value)),
            Command::SetText(k, value) => {
                drop(store.set(now, &key(k), Bytes::from(value.to_string())));
            }
            Command::Push(k, height) => drop(store.queue_push(now, &key(k), *height)),
            Command::RemoveFirst(k) => {
                if let Some(first) = store
                    .queue_read(now, &key(k), None, 1)
                    .ok()
                    .and_then(|read| read.first().copied())
                {
                    drop(store.queue_remove(now, &key(k), first.id));
                }
            }
            Command::Delete(k) => drop(store.delete(now, &[&key(k)])),
            Command::Add(k, member) => drop(store.set_add(now, &key(k), &member.to_string())),
            Command::Drop(k, member) => drop(store.set_remove(now, &key(k), &member.to_string())),
        }
    }

    fn contents(store: &RedisModel) -> Vec<(String, String)> {
        let describe = |value: &Value| match value {
            Value::Queue(queue) => format!("{:?}", queue.entries),
            other => format!("{other:?}"),
        };
        store
            .keys_with_prefix("")
            .iter()
            .map(|key| (key.to_string(), describe(&store.keys[key])))
            .collect()
    }

    proptest! {
        /// Undoing the tail gives exactly the contents at that moment.
        #[test]
        fn a_rollback_is_exact(
            before in prop::collection::vec(command(), 0..40),
            after in prop::collection::vec(command(), 0..40),
        ) {
            let mut store = model(1000);
            for command in &before {
                run(&mut store, at(1), command);
            }
            let expected = (contents(&store), store.used_memory());
            for command in &after {
                run(&mut store, at(20), command);
            }
            store.failover_forgetting(at(20), Duration::from_secs(10));
            prop_assert_eq!((contents(&store), store.used_memory()), expected);
        }

        /// The incremental memory count is the sum over all keys.
        #[test]
        fn memory_is_counted_exactly(commands in prop::collection::vec(command(), 0..80)) {
            let mut store = model(0);
            for command in &commands {
                run(&mut store, at(1), command);
            }
            let sum: u64 = store.keys.iter().map(|(key, value)| value.size(key.len())).sum();
            prop_assert_eq!(store.used_memory(), sum);
        }
    }
}
