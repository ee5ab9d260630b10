//! All living worker threads, those without an owner included.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proto::runner::ExecutionState;
use sim_node::{Env, Event, IndexerKey, Time, WorkerStopReason};

use crate::Config;
use crate::agenda::{Agenda, Due};
use crate::faults::Faults;
use crate::worker::{Assignment, Worker};

/// What a worker tells the executor that owns it.
pub(crate) struct Report {
    pub key: IndexerKey,
    pub state: ExecutionState,
}

/// The workers; keeps the agenda in step with what each has to do next.
#[derive(Default)]
pub(crate) struct Crew {
    workers: BTreeMap<u64, Worker>,
    /// Serials by queue key; only looked up, never iterated.
    by_stream: HashMap<Arc<str>, Vec<u64>>,
}

impl Crew {
    pub fn iter(&self) -> impl Iterator<Item = &Worker> {
        self.workers.values()
    }

    pub fn contains(&self, serial: u64) -> bool {
        self.workers.contains_key(&serial)
    }

    /// Spawns a thread that begins to work at `ready`.
    pub fn spawn(
        &mut self,
        env: &mut Env<'_>,
        agenda: &mut Agenda,
        (serial, owned): (u64, bool),
        assignment: Assignment,
        ready: Time,
    ) {
        let (key, version) = (assignment.key.clone(), assignment.version);
        env.record(Event::WorkerStarted {
            key: key.clone(),
            worker: serial,
            version,
        });
        if !owned {
            env.record(Event::WorkerOrphaned {
                key,
                worker: serial,
            });
        }
        self.by_stream
            .entry(assignment.stream.clone())
            .or_default()
            .push(serial);
        self.workers
            .insert(serial, Worker::new(serial, assignment, owned, ready));
        agenda.add(ready, Due::Worker(serial));
    }

    /// Ends a thread for good; false if it does not live.
    pub fn end(
        &mut self,
        env: &mut Env<'_>,
        agenda: &mut Agenda,
        serial: u64,
        reason: WorkerStopReason,
    ) -> bool {
        let Some(worker) = self.workers.remove(&serial) else {
            return false;
        };
        if let Some(at) = worker.next_event() {
            agenda.remove(at, Due::Worker(serial));
        }
        let stream = &worker.assignment.stream;
        if let Some(readers) = self.by_stream.get_mut(stream) {
            readers.retain(|reader| *reader != serial);
            if readers.is_empty() {
                self.by_stream.remove(stream);
            }
        }
        env.record(Event::WorkerEnded {
            key: worker.assignment.key,
            worker: serial,
            reason,
        });
        true
    }

    /// Lets a worker do what is due; returns what it tells its owner.
    pub fn step(
        &mut self,
        env: &mut Env<'_>,
        agenda: &mut Agenda,
        serial: u64,
        config: &Config,
        faults: &mut Faults,
    ) -> Option<Report> {
        let worker = self.workers.get_mut(&serial)?;
        let state = worker.step(env, config, faults);
        if let Some(at) = worker.next_event() {
            agenda.add(at, Due::Worker(serial));
        }
        let state = state.filter(|_| worker.owned)?;
        Some(Report {
            key: worker.assignment.key.clone(),
            state,
        })
    }

    /// Tells every reader of `stream` that an entry was added.
    pub fn announce(&mut self, agenda: &mut Agenda, stream: &str, now: Time, config: &Config) {
        let Some(readers) = self.by_stream.get(stream) else {
            return;
        };
        for serial in readers {
            if let Some(worker) = self.workers.get_mut(serial) {
                announce_to(worker, agenda, now, config);
            }
        }
    }

    /// Tells every worker that there may be entries it has not read.
    pub fn announce_all(&mut self, agenda: &mut Agenda, now: Time, config: &Config) {
        for worker in self.workers.values_mut() {
            announce_to(worker, agenda, now, config);
        }
    }

    /// The whole process dies.
    pub fn die(&mut self, env: &mut Env<'_>) {
        for (serial, worker) in std::mem::take(&mut self.workers) {
            env.record(Event::WorkerEnded {
                key: worker.assignment.key,
                worker: serial,
                reason: WorkerStopReason::NodeDied,
            });
        }
        self.by_stream.clear();
    }
}

fn announce_to(worker: &mut Worker, agenda: &mut Agenda, now: Time, config: &Config) {
    let before = worker.next_event();
    worker.announce(now, config);
    let after = worker.next_event();
    if before == after {
        return;
    }
    if let Some(before) = before {
        agenda.remove(before, Due::Worker(worker.serial));
    }
    if let Some(after) = after {
        agenda.add(after, Due::Worker(worker.serial));
    }
}
