//! A world for one node: a virtual clock, a queue that can fail, a ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::runner::{
    ExecutionState, ExecutorInfo, GetExecutorRequest, ListExecutorsRequest, StartExecutorRequest,
    StartExecutorResponse, StopExecutorRequest, StopExecutorResponse,
};
use sim_executor::{Config, ExecutorCore};
use sim_node::chain::{Chain, ChainConfig};
use sim_node::{
    EntryId, Env, Event, IndexerKey, Node, QueueEntry, Redis, RedisError, Reply, Time, VecLedger,
    executor_id,
};
use tonic::Status;

/// Queues whose commands fail on demand.
#[derive(Default)]
pub struct Queues {
    pub entries: BTreeMap<String, BTreeMap<EntryId, u64>>,
    pub fail_reads: bool,
    pub fail_removes: bool,
    /// How often a queue was read.
    pub reads: u32,
    sequence: u64,
}

impl Queues {
    fn broken<T>() -> Result<T, RedisError> {
        Err(RedisError::Unavailable("connection refused".to_owned()))
    }
}

impl Redis for Queues {
    fn get_number(&mut self, _: Time, _: &str) -> Result<Option<u64>, RedisError> {
        Ok(None)
    }

    fn set_number(&mut self, _: Time, _: &str, _: u64) -> Result<(), RedisError> {
        Ok(())
    }

    fn queue_push(&mut self, now: Time, key: &str, height: u64) -> Result<EntryId, RedisError> {
        self.sequence += 1;
        let id = EntryId {
            millis: now.as_millis(),
            sequence: self.sequence,
        };
        self.entries
            .entry(key.to_owned())
            .or_default()
            .insert(id, height);
        Ok(id)
    }

    fn queue_len(&mut self, _: Time, key: &str) -> Result<u64, RedisError> {
        Ok(self.entries.get(key).map_or(0, |queue| queue.len() as u64))
    }

    fn queue_read(
        &mut self,
        _: Time,
        key: &str,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Vec<QueueEntry>, RedisError> {
        self.reads += 1;
        if self.fail_reads {
            return Queues::broken();
        }
        let Some(queue) = self.entries.get(key) else {
            return Ok(Vec::new());
        };
        let unread = queue
            .iter()
            .filter(|(id, _)| after.is_none_or(|after| **id > after));
        Ok(unread
            .take(count)
            .map(|(id, height)| QueueEntry {
                id: *id,
                height: *height,
            })
            .collect())
    }

    fn queue_remove(&mut self, _: Time, key: &str, id: EntryId) -> Result<bool, RedisError> {
        if self.fail_removes {
            return Queues::broken();
        }
        Ok(self
            .entries
            .get_mut(key)
            .is_some_and(|queue| queue.remove(&id).is_some()))
    }
}

pub struct World {
    pub core: ExecutorCore,
    pub redis: Queues,
    pub chain: Chain,
    pub ledger: VecLedger,
    pub now: Time,
}

pub const ALICE: &str = "alice.near";
pub const FEED: &str = "feed";

pub fn key() -> IndexerKey {
    IndexerKey::new(ALICE, FEED)
}

pub fn queue_of(key: &IndexerKey) -> String {
    format!("{key}:block_stream")
}

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn start_request(key: &IndexerKey, version: u64) -> StartExecutorRequest {
    StartExecutorRequest {
        redis_stream: queue_of(key),
        account_id: key.account().to_owned(),
        function_name: key.function().to_owned(),
        code: "await context.db.Posts.insert({})".to_owned(),
        schema: "CREATE TABLE posts ()".to_owned(),
        version,
    }
}

impl World {
    pub fn new(config: Config) -> World {
        World {
            core: ExecutorCore::new(config, 100),
            redis: Queues::default(),
            chain: Chain::synthetic(ChainConfig::default(), 1),
            ledger: VecLedger::default(),
            now: Time::SIMULATION_START,
        }
    }

    /// Runs `action` on the node as a driver does: no later than its next event.
    pub fn with<T>(&mut self, action: impl FnOnce(&mut ExecutorCore, &mut Env<'_>) -> T) -> T {
        let mut env = Env {
            now: self.now,
            redis: &mut self.redis,
            chain: &mut self.chain,
            ledger: &mut self.ledger,
        };
        action(&mut self.core, &mut env)
    }

    /// Lets `duration` pass.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.core.next_event().filter(|at| *at <= end) {
            assert!(at >= self.now, "the node plans in the past");
            self.now = at;
            self.with(|core, env| core.advance(env));
        }
        self.now = end;
        self.with(|core, env| core.advance(env));
    }

    pub fn start(&mut self, version: u64) -> Result<StartExecutorResponse, Status> {
        self.start_request(start_request(&key(), version))
    }

    pub fn start_code(&mut self, code: &str) -> Result<StartExecutorResponse, Status> {
        let code = code.to_owned();
        self.start_request(StartExecutorRequest {
            code,
            ..start_request(&key(), 1)
        })
    }

    pub fn start_request(
        &mut self,
        request: StartExecutorRequest,
    ) -> Result<StartExecutorResponse, Status> {
        let reply = self.with(|core, env| core.start_executor(env, request));
        assert_eq!(reply.after, Duration::ZERO, "a start is answered at once");
        reply.result
    }

    pub fn stop(&mut self) -> Reply<StopExecutorResponse> {
        self.stop_key(&key())
    }

    pub fn stop_key(&mut self, key: &IndexerKey) -> Reply<StopExecutorResponse> {
        let executor_id = executor_id(key);
        self.with(|core, env| core.stop_executor(env, StopExecutorRequest { executor_id }))
    }

    pub fn get(&mut self) -> Result<ExecutorInfo, Status> {
        let request = GetExecutorRequest {
            account_id: ALICE.to_owned(),
            function_name: FEED.to_owned(),
        };
        self.with(|core, env| core.get_executor(env, request))
            .result
    }

    pub fn list(&mut self) -> Vec<ExecutorInfo> {
        let reply = self.with(|core, env| core.list_executors(env, ListExecutorsRequest {}));
        reply.result.unwrap().executors
    }

    pub fn state(&mut self) -> ExecutionState {
        self.get().unwrap().health.unwrap().execution_state()
    }

    pub fn push(&mut self, height: u64) {
        self.push_key(&key(), height);
    }

    pub fn push_key(&mut self, key: &IndexerKey, height: u64) -> EntryId {
        let queue = queue_of(key);
        let id = self.redis.queue_push(self.now, &queue, height).unwrap();
        self.core.note_push(&queue, self.now);
        id
    }

    /// Whether the executor of `key` has an owned worker and shows no failure.
    pub fn healthy(&mut self, key: &IndexerKey) -> bool {
        let id = executor_id(key);
        let list = self.list();
        let info = list.iter().find(|info| info.executor_id == id);
        let state = info
            .and_then(|info| info.health)
            .map(|health| health.execution_state());
        let fine = matches!(
            state,
            Some(ExecutionState::Running | ExecutionState::Waiting)
        );
        fine && self
            .core
            .workers()
            .any(|worker| worker.owned && worker.key == key)
    }

    pub fn queue_len(&mut self) -> u64 {
        self.redis.queue_len(self.now, &queue_of(&key())).unwrap()
    }

    /// Heights in the order of their execution.
    pub fn executed(&self) -> Vec<u64> {
        self.events(|event| match event {
            Event::BlockExecuted { height, .. } => Some(*height),
            _ => None,
        })
    }

    pub fn events<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.ledger
            .events
            .iter()
            .filter_map(|(_, event)| pick(event))
            .collect()
    }

    /// When, since the start of the world, the first event happened that `pick` takes.
    pub fn time_of(&self, pick: impl Fn(&Event) -> bool) -> Option<Duration> {
        let found = self.ledger.events.iter().find(|(_, event)| pick(event));
        found.map(|(at, _)| at.since(Time::SIMULATION_START))
    }

    pub fn next_event(&self) -> Option<Time> {
        self.core.next_event()
    }

    pub fn living(&self) -> usize {
        self.core.workers().count()
    }
}
