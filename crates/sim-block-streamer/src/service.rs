//! The calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StartStreamRequest,
    StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use sim_node::{Env, Event, IndexerKey, Node, Reply, TaskStopReason, Time, stream_id};
use tonic::Status;

use crate::node::Job;
use crate::stream::Stream;
use crate::{Config, request};

/// A fake block streamer: what lives in one process. Nothing survives it but the
/// keys it wrote to Redis.
///
/// Call [`Node::advance`] before every call and no later than
/// [`Node::next_event`]; the calls do the former by themselves as well.
#[derive(Clone, Debug)]
pub struct BlockStreamer {
    pub(crate) config: Config,
    /// Everything that is listed or runs, by task serial.
    pub(crate) streams: BTreeMap<u64, Stream>,
    /// The service's map: stream id to task serial.
    pub(crate) listed: BTreeMap<Arc<str>, u64>,
    /// When which stream has what to do; mirrors the times in `streams`.
    pub(crate) agenda: BTreeSet<(Time, u64, Job)>,
    pub(crate) next_serial: u64,
    /// By how many microseconds the machine's clock is wrong.
    pub(crate) clock_error: i64,
}

/// A task that runs, seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTask {
    /// The indexer it works for.
    pub key: IndexerKey,
    /// Its serial number.
    pub task: u64,
    /// The version it was started with.
    pub version: u64,
    /// Whether a call can reach it. Tasks without an owner and tasks that are
    /// being stopped cannot be reached.
    pub listed: bool,
}

impl BlockStreamer {
    /// A process that has just started. Its tasks are numbered from
    /// `serial_base`; give a restarted one [`BlockStreamer::next_serial`] of its
    /// predecessor, so that numbers stay unique in a run. Values of `config` out
    /// of range are clamped; [`Config::check`] tells beforehand.
    pub fn new(config: Config, serial_base: u64) -> BlockStreamer {
        BlockStreamer {
            config: config.clamped(),
            streams: BTreeMap::new(),
            listed: BTreeMap::new(),
            agenda: BTreeSet::new(),
            next_serial: serial_base,
            clock_error: 0,
        }
    }

    /// Timings and habits from now on; what has been scheduled stays.
    pub fn set_config(&mut self, config: Config) {
        self.config = config.clamped();
    }

    /// The machine's clock is wrong by so many microseconds from now on. Only what
    /// callers are told is taken from it; durations are not.
    pub fn set_clock_error(&mut self, micros: i64) {
        self.clock_error = micros;
    }

    /// The serial number that the next task will get.
    pub fn next_serial(&self) -> u64 {
        self.next_serial
    }

    /// All running tasks by serial number, unreachable ones included.
    pub fn live_tasks(&self) -> impl Iterator<Item = LiveTask> + '_ {
        self.streams
            .values()
            .filter(|stream| stream.producer.is_some())
            .map(|stream| LiveTask {
                key: stream.identity.key.clone(),
                task: stream.identity.task,
                version: stream.identity.version,
                listed: stream.listed,
            })
    }

    /// StartStream. Success means that a task was spawned, nothing more.
    ///
    /// INVALID_ARGUMENT for a missing rule, a status that is not one, and an
    /// account id that is not one; ALREADY_EXISTS if the indexer has a stream,
    /// whatever its version, rule and condition.
    pub fn start_stream(
        &mut self,
        env: &mut Env<'_>,
        request: StartStreamRequest,
    ) -> Reply<StartStreamResponse> {
        self.advance(env);
        let start = match request::checked(request) {
            Ok(start) => start,
            Err(status) => return self.answer(Err(status)),
        };
        let id: Arc<str> = stream_id(&start.key).into();
        if let Some(&serial) = self.listed.get(&id) {
            if !self.races_with(serial, env.now) {
                return self.answer(Err(Status::already_exists("Block stream already exists")));
            }
            self.orphan(env, serial);
        }
        let task = self.next_serial;
        self.next_serial += 1;
        env.record(Event::StreamStarted {
            key: start.key.clone(),
            task,
            version: start.version,
            start_height: start.start_height,
        });
        let stream = Stream::new(Arc::clone(&id), start, task, &self.config, env.now);
        let stream = Stream {
            verdict: stream.verdict.told_by(self.clock_error),
            ..stream
        };
        self.listed.insert(Arc::clone(&id), task);
        self.schedule(task, Job::Step, stream.next_step);
        self.schedule(task, Job::Look, stream.next_look);
        self.streams.insert(task, stream);
        self.answer(Ok(StartStreamResponse {
            stream_id: id.as_ref().to_owned(),
        }))
    }

    /// StopStream. The stream is forgotten at once; the answer waits for its task.
    ///
    /// NOT_FOUND if there is no such stream; INTERNAL, with the stream gone, if
    /// its task had panicked.
    pub fn stop_stream(
        &mut self,
        env: &mut Env<'_>,
        request: StopStreamRequest,
    ) -> Reply<StopStreamResponse> {
        self.advance(env);
        let Some(serial) = self.listed.get(request.stream_id.as_str()).copied() else {
            let text = format!("Block stream with id {} not found", request.stream_id);
            return self.answer(Err(Status::not_found(text)));
        };
        let ended = self.streams.get(&serial).and_then(|stream| stream.ended);
        self.unlist(serial);
        let stopped = Ok(StopStreamResponse {
            status: "ok".to_owned(),
        });
        match ended {
            Some(TaskStopReason::Panicked) if self.config.quirks.panicked_stop_is_internal => {
                self.answer(Err(Status::internal("Failed to cancel block stream")))
            }
            Some(_) => self.answer(stopped),
            None if self.config.quirks.stop_forgets_first => {
                self.end_at(serial, env.now + self.config.stop_delay);
                Reply {
                    after: self.config.stop_delay,
                    result: stopped,
                }
            }
            None => {
                self.end(env, serial, TaskStopReason::Cancelled);
                self.answer(stopped)
            }
        }
    }

    /// GetStream. NOT_FOUND if the indexer has no stream.
    pub fn get_stream(
        &mut self,
        env: &mut Env<'_>,
        request: GetStreamRequest,
    ) -> Reply<StreamInfo> {
        self.advance(env);
        let key = IndexerKey::new(&request.account_id, &request.function_name);
        let stream = self
            .listed
            .get(stream_id(&key).as_str())
            .and_then(|serial| self.streams.get(serial))
            // The account of a listed stream holds no slash, the asked one may.
            .filter(|stream| stream.identity.key.account() == request.account_id);
        let result = stream.map(Stream::info).ok_or_else(|| {
            Status::not_found(format!(
                "Block stream for account {} and name {} not found",
                request.account_id, request.function_name
            ))
        });
        self.answer(result)
    }

    /// ListStreams: all streams, those included whose task has ended.
    pub fn list_streams(
        &mut self,
        env: &mut Env<'_>,
        _request: ListStreamsRequest,
    ) -> Reply<ListStreamsResponse> {
        self.advance(env);
        let streams = self
            .listed
            .values()
            .filter_map(|serial| self.streams.get(serial))
            .map(Stream::info)
            .collect();
        self.answer(Ok(ListStreamsResponse { streams }))
    }

    fn answer<T>(&self, result: Result<T, Status>) -> Reply<T> {
        Reply {
            after: self.config.call_time,
            result,
        }
    }

    /// Whether a second StartStream falls between check and insert of the first.
    fn races_with(&self, serial: u64, now: Time) -> bool {
        self.config.quirks.double_start_race
            && self.streams.get(&serial).is_some_and(|stream| {
                stream.producer.is_some() && now.since(stream.created) <= self.config.race_window
            })
    }
}
