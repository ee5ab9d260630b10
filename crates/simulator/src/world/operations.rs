//! What users, operators and misfortune do to the world.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use bytes::Bytes;
use sim_node::{IndexerKey, Time};
use sim_registry::{Registration, StartBlock};
use xxhash_rust::xxh3::Xxh3;

use super::World;
use crate::history::{Change, Event, NodeName, NodeState};

impl World {
    /// The height of the newest block.
    pub fn tip(&self) -> u64 {
        self.chain
            .tip_at(self.now)
            .unwrap_or_else(|| self.chain.first_height())
    }

    /// Registers a version of `key`; true if the contract accepted it.
    pub fn register(&mut self, key: &IndexerKey, registration: Registration) -> bool {
        self.learn(key);
        let height = self.tip();
        let (account, function) = (key.account().to_owned(), key.function().to_owned());
        let before = self.registry.record_at(&account, &function, u64::MAX);
        let new_life = before.is_none_or(|record| record.is_deleted());
        match self
            .registry
            .register(&account, &function, registration, height)
        {
            Ok(_) => {
                self.announce(key, new_life);
                true
            }
            Err(error) => {
                self.record(Event::Fault {
                    text: format!("{key}: not registered: {error}"),
                });
                false
            }
        }
    }

    /// Tells the history what the registry says of `key` now.
    pub fn announce(&mut self, key: &IndexerKey, new_life: bool) {
        let Some(record) = self
            .registry
            .record_at(key.account(), key.function(), u64::MAX)
        else {
            return;
        };
        let version = record.version();
        let mut hasher = Xxh3::new();
        record.registration.hash(&mut hasher);
        let start = match record.registration.start_block {
            StartBlock::Latest => Some(version),
            StartBlock::Height(height) => Some(height),
            StartBlock::Continue => None,
        };
        let supported = !matches!(
            record.registration.rule,
            sim_registry::RegistryRule::Event { .. }
        );
        let content = Hasher::finish(&hasher);
        let change = Change::Registered {
            version,
            content,
            start,
            new_life,
            supported,
        };
        let height = self.registry.last_change();
        self.record(Event::Registry {
            key: key.clone(),
            height,
            change,
        });
    }

    /// Deletes `key` in the registry; true if it was there.
    pub fn unregister(&mut self, key: &IndexerKey) -> bool {
        let height = self.tip();
        match self.registry.remove(key.account(), key.function(), height) {
            Ok(()) => {
                let height = self.registry.last_change();
                let change = Change::Deleted { height };
                self.record(Event::Registry {
                    key: key.clone(),
                    height,
                    change,
                });
                true
            }
            Err(error) => {
                self.record(Event::Fault {
                    text: format!("{key}: not deleted: {error}"),
                });
                false
            }
        }
    }

    /// Whether `key` is registered and not deleted.
    pub fn is_registered(&self, key: &IndexerKey) -> bool {
        self.registry
            .record_at(key.account(), key.function(), u64::MAX)
            .is_some_and(|record| !record.is_deleted())
    }

    /// Ends the process of `node` at once; false if it is dead already. The
    /// coordinator's tasks are not ended here.
    pub fn kill(&mut self, node: NodeName) -> bool {
        if self.condition(node).state == NodeState::Down {
            return false;
        }
        self.set_state(node, NodeState::Down);
        match node {
            NodeName::BlockStreamer => self.with_streamer(|node, env| node.die(env)),
            NodeName::Runner => {
                self.with_executor(|node, env| node.die(env));
                self.with_provisioner(|node, env| node.die(env));
            }
            NodeName::Store => self.store.set_up(false),
            NodeName::Registry | NodeName::Coordinator => {}
        }
        self.unpark(node);
        self.thawed.notify_waiters();
        true
    }

    /// Starts the dead process of `node`; false if it lives. The coordinator's
    /// tasks are not started here.
    pub fn restart(&mut self, node: NodeName) -> bool {
        if self.condition(node).state != NodeState::Down {
            return false;
        }
        if node == NodeName::Store {
            self.store.set_up(true);
        }
        if let Some(condition) = self.condition_mut(node) {
            condition.life += 1;
        }
        self.set_state(node, NodeState::Up);
        if node == NodeName::Store {
            self.queues_changed();
        }
        true
    }

    /// Freezes `node`; false if it is not running.
    pub fn pause(&mut self, node: NodeName) -> bool {
        let running = self.is_up(node);
        if running {
            self.set_state(node, NodeState::Paused);
        }
        running
    }

    /// Thaws `node`; false if it was not frozen.
    pub fn resume(&mut self, node: NodeName) -> bool {
        let frozen = self.condition(node).state == NodeState::Paused;
        if frozen {
            self.set_state(node, NodeState::Up);
            self.unpark(node);
            self.thawed.notify_waiters();
            if node == NodeName::Store {
                self.queues_changed();
            }
        }
        frozen
    }

    fn set_state(&mut self, node: NodeName, state: NodeState) {
        if let Some(condition) = self.condition_mut(node) {
            condition.state = state;
        }
        self.record(Event::NodeState { node, state });
    }

    /// Idle workers do not poll; whoever changes queues behind their back tells.
    pub fn queues_changed(&mut self) {
        let now = self.now;
        self.executor.note_queues_changed(now);
    }

    /// The store forgets the last `window`.
    pub fn lose_tail(&mut self, window: Duration) {
        let now = self.now;
        self.note_writes();
        let rollback = self.store.failover_forgetting(now, window);
        let span = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        self.fault(format!(
            "the store forgets {window:?} ({} writes)",
            rollback.writes
        ));
        self.record(Event::StoreLost {
            span_micros: Some(span),
        });
        self.note_writes();
        self.queues_changed();
    }

    /// The store forgets everything.
    pub fn lose_everything(&mut self) {
        let now = self.now;
        self.note_writes();
        self.store.restart_empty(now);
        self.fault("the store restarts with nothing");
        self.record(Event::StoreLost { span_micros: None });
        self.note_writes();
        self.queues_changed();
    }

    /// Replaces the record of `key` by hand.
    pub fn tamper(&mut self, key: &IndexerKey, value: &str) {
        let now = self.now;
        let name = format!("{key}:state");
        // A store that is down cannot be tampered with; nothing happens then.
        let written = self
            .store
            .set(now, &name, Bytes::copy_from_slice(value.as_bytes()));
        if written.is_ok() {
            self.counters.faults += 1;
            self.record(Event::RecordTampered { key: key.clone() });
            let _ = self.store.set_add(now, "indexer_states", &name);
        }
        self.note_writes();
    }

    /// The indexers that are held according to their records.
    pub fn held(&self) -> Vec<IndexerKey> {
        let is_held = |name: &str| {
            let value = self.store.peek(name)?;
            let record: serde_json::Value = serde_json::from_slice(&value).ok()?;
            let hold = record.pointer("/coordinator/hold")?;
            (!hold.is_null()).then_some(())
        };
        self.store
            .keys_with_prefix("")
            .into_iter()
            .filter(|name| is_held(name).is_some())
            .filter_map(|name| IndexerKey::parse(name.strip_suffix(":state")?))
            .collect()
    }

    /// Ends every fault: all nodes but the coordinator run, all links are whole,
    /// nothing is armed.
    pub fn heal(&mut self) {
        self.links.heal();
        self.clocks.heal();
        self.speed_all_up();
        self.armed.heal();
        self.quotas.heal();
        self.control.crashes.clear();
        self.store.set_read_only(false);
        self.store.set_out_of_memory(false);
        self.executor.clear_planted();
        self.provisioner.clear_planted();
        for node in NodeName::ALL {
            if node != NodeName::Coordinator {
                self.resume(node);
                self.restart(node);
            }
        }
        self.queues_changed();
        self.thawed.notify_waiters();
    }

    /// A point in time this long after the start of the run.
    pub fn at(elapsed: Duration) -> Time {
        Time::SIMULATION_START + elapsed
    }
}
