//! A world of one streamer, one Redis and one chain on a virtual clock.

use std::time::Duration;

use proto::block_streamer::{
    ActionAnyRule, ActionFunctionCallRule, GetStreamRequest, ListStreamsRequest, ProcessingState,
    StartStreamRequest, StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
    start_stream_request::Rule,
};
use sim_block_streamer::{BlockStreamer, Config, Quirks};
use sim_node::chain::{Chain, ChainConfig};
use sim_node::{Env, Event, IndexerKey, Node, Redis, Reply, Time, VecLedger, stream_id};
use sim_store::RedisModel;
use tonic::Code;

pub const START: Time = Time::SIMULATION_START;
/// The newest block at the start of a run.
pub const TIP: u64 = 100_000_199;
pub const QUEUE: &str = "a.near/feed:block_stream";
pub const CURSOR: &str = "a.near/feed:last_published_block";

pub fn key() -> IndexerKey {
    IndexerKey::new("a.near", "feed")
}

pub fn id() -> String {
    stream_id(&key())
}

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A configuration with the given change of the habits.
pub fn quirks(change: impl FnOnce(&mut Quirks)) -> Config {
    let mut config = Config::default();
    change(&mut config.quirks);
    config
}

/// A chain without gaps in which every block touches both contracts.
pub fn busy_chain() -> ChainConfig {
    ChainConfig {
        skip: 0.0,
        touch: 1.0,
        failure: 0.0,
        accounts: 2,
        ..ChainConfig::default()
    }
}

pub fn any_rule(affected: &str, status: i32) -> Option<Rule> {
    Some(Rule::ActionAnyRule(ActionAnyRule {
        affected_account_id: affected.to_owned(),
        status,
    }))
}

pub fn call_rule(affected: &str, function: &str, status: i32) -> Option<Rule> {
    Some(Rule::ActionFunctionCallRule(ActionFunctionCallRule {
        affected_account_id: affected.to_owned(),
        function_name: function.to_owned(),
        status,
    }))
}

/// A stream over all accounts (hence without backfill) from `height`.
pub fn request(height: u64) -> StartStreamRequest {
    StartStreamRequest {
        start_block_height: height,
        account_id: "a.near".to_owned(),
        function_name: "feed".to_owned(),
        version: 7,
        redis_stream: QUEUE.to_owned(),
        rule: any_rule("*", 3),
    }
}

/// A stream with a backfill from `height`.
pub fn indexed_request(height: u64) -> StartStreamRequest {
    StartStreamRequest {
        rule: any_rule("app0.near", 3),
        ..request(height)
    }
}

pub struct World {
    pub now: Time,
    pub streamer: BlockStreamer,
    pub redis: RedisModel,
    pub chain: Chain,
    pub ledger: VecLedger,
}

impl World {
    pub fn new(config: Config, chain: ChainConfig) -> World {
        World {
            now: START,
            streamer: BlockStreamer::new(config, 0),
            redis: RedisModel::new(sim_store::Config::default()),
            chain: Chain::synthetic(chain, 42),
            ledger: VecLedger::default(),
        }
    }

    pub fn busy(config: Config) -> World {
        World::new(config, busy_chain())
    }

    pub fn with<T>(&mut self, act: impl FnOnce(&mut BlockStreamer, &mut Env<'_>) -> T) -> T {
        let mut env = Env {
            now: self.now,
            redis: &mut self.redis,
            chain: &mut self.chain,
            ledger: &mut self.ledger,
        };
        act(&mut self.streamer, &mut env)
    }

    /// Lets `duration` pass, event by event.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.streamer.next_event().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.with(|streamer, env| streamer.advance(env));
        }
        self.now = end;
    }

    pub fn start(&mut self, request: StartStreamRequest) -> Reply<StartStreamResponse> {
        self.with(|streamer, env| streamer.start_stream(env, request))
    }

    pub fn started(&mut self, request: StartStreamRequest) {
        self.start(request).result.expect("accepted");
    }

    pub fn stop(&mut self) -> Reply<StopStreamResponse> {
        let request = StopStreamRequest { stream_id: id() };
        self.with(|streamer, env| streamer.stop_stream(env, request))
    }

    pub fn stop_code(&mut self) -> Code {
        self.stop()
            .result
            .err()
            .map_or(Code::Ok, |status| status.code())
    }

    pub fn get(&mut self) -> Result<StreamInfo, Code> {
        let request = GetStreamRequest {
            account_id: "a.near".to_owned(),
            function_name: "feed".to_owned(),
        };
        let reply = self.with(|streamer, env| streamer.get_stream(env, request));
        reply.result.map_err(|status| status.code())
    }

    pub fn list(&mut self) -> Vec<StreamInfo> {
        let reply = self.with(|streamer, env| streamer.list_streams(env, ListStreamsRequest {}));
        reply.result.expect("always answers").streams
    }

    /// The health of the stream: state, and seconds since the start of the run
    /// when it was last updated.
    pub fn health(&mut self) -> (ProcessingState, u64) {
        let health = self.get().expect("listed").health.expect("never missing");
        let state = ProcessingState::try_from(health.processing_state).expect("known");
        (state, health.updated_at_timestamp_secs - START.as_secs())
    }

    pub fn cursor(&mut self) -> Option<u64> {
        self.redis.get_number(self.now, CURSOR).expect("up")
    }

    /// The heights in the queue.
    pub fn queue(&mut self) -> Vec<u64> {
        let entries = self
            .redis
            .queue_read(self.now, QUEUE, None, usize::MAX)
            .expect("up");
        entries.iter().map(|entry| entry.height).collect()
    }

    pub fn empty_queue(&mut self) {
        let entries = self
            .redis
            .queue_read(self.now, QUEUE, None, usize::MAX)
            .expect("up");
        for entry in entries {
            self.redis
                .queue_remove(self.now, QUEUE, entry.id)
                .expect("up");
        }
    }

    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.ledger.events.iter().map(|(_, event)| event)
    }

    /// What the data plane of the streams did, in short.
    pub fn moves(&self) -> Vec<(&'static str, u64)> {
        self.events()
            .filter_map(|event| match event {
                Event::CursorSet { height, .. } => Some(("set", *height)),
                Event::BlockPublished { height, .. } => Some(("publish", *height)),
                _ => None,
            })
            .collect()
    }

    /// The heights published so far.
    pub fn published(&self) -> Vec<u64> {
        self.moves()
            .into_iter()
            .filter(|(what, _)| *what == "publish")
            .map(|(_, h)| h)
            .collect()
    }
}
