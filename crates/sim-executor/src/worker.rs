//! A worker thread: reads its indexer's queue ahead, executes the oldest block.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use proto::runner::ExecutionState;
use sim_node::{EntryId, Env, Event, IndexerKey, QueueEntry, Time};

use crate::Config;
use crate::faults::Faults;

/// What user code does to a block, read off its text once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Succeeds,
    FailsOnce,
    Fails,
}

impl Code {
    pub fn of(text: &str, config: &Config) -> Code {
        let holds = |markers: &[String]| markers.iter().any(|marker| text.contains(&**marker));
        if holds(&config.failing_once) {
            Code::FailsOnce
        } else if holds(&config.failing) {
            Code::Fails
        } else {
            Code::Succeeds
        }
    }
}

/// What is fixed about a worker when it is spawned.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub key: IndexerKey,
    pub stream: Arc<str>,
    pub version: u64,
    pub code: Code,
}

/// A block that was read from the queue and is not executed yet.
struct Prefetched {
    entry: QueueEntry,
    fetched: bool,
    tried: bool,
}

/// The half that reads the queue.
#[derive(Clone, Copy)]
enum Producer {
    ReadAt(Time),
    /// Nothing was left at `since`; sleeps until an entry is announced.
    Drained {
        since: Time,
    },
    /// There was no room at `since`; sleeps until there is.
    Full {
        since: Time,
    },
}

/// The half that executes.
#[derive(Clone, Copy)]
enum Consumer {
    /// Looks at the head of the prefetched blocks then.
    LookAt(Time),
    /// Nothing was prefetched at `since`.
    Empty { since: Time },
    /// User code runs over the head until then.
    BusyUntil(Time),
}

/// A living worker thread.
pub(crate) struct Worker {
    pub serial: u64,
    pub assignment: Assignment,
    /// Whether the executor's entry knows it; if not, no call reaches it.
    pub owned: bool,
    prefetched: VecDeque<Prefetched>,
    last_read: Option<EntryId>,
    producer: Producer,
    consumer: Consumer,
}

impl Worker {
    /// A thread that reads and looks for the first time at `ready`.
    pub fn new(serial: u64, assignment: Assignment, owned: bool, ready: Time) -> Worker {
        Worker {
            serial,
            assignment,
            owned,
            prefetched: VecDeque::new(),
            last_read: None,
            producer: Producer::ReadAt(ready),
            consumer: Consumer::LookAt(ready),
        }
    }

    /// How many blocks it holds.
    pub fn prefetched(&self) -> usize {
        self.prefetched.len()
    }

    /// When it next does something by itself.
    pub fn next_event(&self) -> Option<Time> {
        let read = match self.producer {
            Producer::ReadAt(at) => Some(at),
            Producer::Drained { .. } | Producer::Full { .. } => None,
        };
        let execute = match self.consumer {
            Consumer::LookAt(at) | Consumer::BusyUntil(at) => Some(at),
            Consumer::Empty { .. } => None,
        };
        match (read, execute) {
            (Some(read), Some(execute)) => Some(read.min(execute)),
            (read, execute) => read.or(execute),
        }
    }

    /// An entry was added to its queue.
    pub fn announce(&mut self, now: Time, config: &Config) {
        if let Producer::Drained { since } = self.producer {
            self.producer = Producer::ReadAt(on_grid(since, config.poll_interval, now));
        }
    }

    /// Does what is due at `env.now`; returns the state it tells its executor.
    pub fn step(
        &mut self,
        env: &mut Env<'_>,
        config: &Config,
        faults: &mut Faults,
    ) -> Option<ExecutionState> {
        let state = match self.consumer {
            Consumer::LookAt(at) if at <= env.now => self.look(env, config, faults),
            Consumer::BusyUntil(at) if at <= env.now => Some(self.finish(env, config, faults)),
            _ => None,
        };
        if matches!(self.producer, Producer::ReadAt(at) if at <= env.now) {
            self.read(env, config, faults);
        }
        state
    }

    fn read(&mut self, env: &mut Env<'_>, config: &Config, faults: &mut Faults) {
        let now = env.now;
        let room = config.prefetch.saturating_sub(self.prefetched.len());
        if room == 0 {
            self.producer = Producer::Full { since: now };
            return;
        }
        let stream = &self.assignment.stream;
        let Ok(entries) = env.redis.queue_read(now, stream, self.last_read, room) else {
            self.producer = Producer::ReadAt(now + config.redis_retry);
            return;
        };
        for entry in entries.into_iter().take(room) {
            let fetched = !faults.take_fetch(&self.assignment.key, entry.height);
            self.last_read = Some(entry.id);
            self.prefetched.push_back(Prefetched {
                entry,
                fetched,
                tried: false,
            });
        }
        if let (Consumer::Empty { since }, false) = (self.consumer, self.prefetched.is_empty()) {
            self.consumer = Consumer::LookAt(on_grid(since, config.poll_interval, now));
        }
        self.producer = if self.prefetched.len() >= config.prefetch {
            Producer::Full { since: now }
        } else if config.announced_pushes {
            Producer::Drained { since: now }
        } else {
            Producer::ReadAt(now + config.poll_interval)
        };
    }

    /// Takes up the head, if there is one.
    fn look(
        &mut self,
        env: &mut Env<'_>,
        config: &Config,
        faults: &mut Faults,
    ) -> Option<ExecutionState> {
        let Some(head) = self.prefetched.front_mut() else {
            self.consumer = Consumer::Empty { since: env.now };
            return Some(ExecutionState::Waiting);
        };
        if !head.fetched && !config.quirks.failed_fetch_is_final {
            head.fetched = !faults.take_fetch(&self.assignment.key, head.entry.height);
        }
        if head.fetched {
            self.consumer = Consumer::BusyUntil(env.now + config.execution_time);
            None
        } else {
            let height = head.entry.height;
            Some(self.fail(env, config, height))
        }
    }

    /// User code came to its end over the head.
    fn finish(
        &mut self,
        env: &mut Env<'_>,
        config: &Config,
        faults: &mut Faults,
    ) -> ExecutionState {
        let Some(head) = self.prefetched.front_mut() else {
            self.consumer = Consumer::Empty { since: env.now };
            return ExecutionState::Waiting;
        };
        let entry = head.entry;
        let first = !std::mem::replace(&mut head.tried, true);
        let code = self.assignment.code;
        if code == Code::Fails || (code == Code::FailsOnce && first) {
            return self.fail(env, config, entry.height);
        }
        env.record(Event::BlockExecuted {
            key: self.assignment.key.clone(),
            worker: self.serial,
            version: self.assignment.version,
            height: entry.height,
            entry: entry.id,
        });
        if env
            .redis
            .queue_remove(env.now, &self.assignment.stream, entry.id)
            .is_err()
        {
            // The real loop does not tell this failure from one of user code:
            // the block is executed once more.
            self.consumer = Consumer::LookAt(env.now + config.failure_retry);
            return ExecutionState::Failing;
        }
        self.prefetched.pop_front();
        if let Producer::Full { since } = self.producer {
            self.producer = Producer::ReadAt(on_grid(since, config.poll_interval, env.now));
        }
        self.look(env, config, faults)
            .unwrap_or(ExecutionState::Running)
    }

    fn fail(&mut self, env: &mut Env<'_>, config: &Config, height: u64) -> ExecutionState {
        env.record(Event::BlockFailed {
            key: self.assignment.key.clone(),
            worker: self.serial,
            version: self.assignment.version,
            height,
        });
        self.consumer = Consumer::LookAt(env.now + config.failure_retry);
        ExecutionState::Failing
    }
}

/// The first point at or after `now` of the grid that starts one `step` after `since`.
fn on_grid(since: Time, step: Duration, now: Time) -> Time {
    let step = u64::try_from(step.as_micros()).unwrap_or(u64::MAX).max(1);
    let steps = now.0.saturating_sub(since.0).div_ceil(step).max(1);
    Time(since.0.saturating_add(steps.saturating_mul(step)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_starts_one_step_after_its_origin() {
        let at = |now| on_grid(Time(1_000), Duration::from_micros(100), Time(now)).0;
        assert_eq!(at(1_000), 1_100);
        assert_eq!(at(1_001), 1_100);
        assert_eq!(at(1_100), 1_100);
        assert_eq!(at(1_101), 1_200);
        assert_eq!(at(500), 1_100);
    }

    #[test]
    fn markers_decide_what_code_does() {
        let config = Config::default();
        assert_eq!(Code::of("await db.insert()", &config), Code::Succeeds);
        assert_eq!(Code::of("throw new Error()", &config), Code::Fails);
        assert_eq!(Code::of("throw_once", &config), Code::FailsOnce);
        let tame = Config {
            failing: vec![],
            failing_once: vec![],
            ..config
        };
        assert_eq!(Code::of("throw new Error()", &tame), Code::Succeeds);
    }
}
