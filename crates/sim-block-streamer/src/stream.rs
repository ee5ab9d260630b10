//! One stream: its task, its monitor, and what is said about it.

use std::sync::Arc;

use proto::block_streamer::{ProcessingState, StreamInfo};
use sim_node::{TaskStopReason, Time};

use crate::Config;
use crate::health::{Monitor, Verdict};
use crate::producer::{Identity, Producer};
use crate::request::Start;

/// A task with its entry in the map, as long as one of the two exists.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) id: Arc<str>,
    pub(crate) identity: Identity,
    pub(crate) created: Time,
    /// The running task; `None` once it has ended.
    pub(crate) producer: Option<Producer>,
    /// Why the task ended.
    pub(crate) ended: Option<TaskStopReason>,
    /// `None` if the monitor has died.
    pub(crate) monitor: Option<Monitor>,
    pub(crate) verdict: Verdict,
    /// Whether the map holds it, so that calls can reach it.
    pub(crate) listed: bool,
    /// When the task goes on; `None` if it never does.
    pub(crate) next_step: Option<Time>,
    /// When the monitor looks next.
    pub(crate) next_look: Option<Time>,
    /// When a cancelled task ends.
    pub(crate) ends_at: Option<Time>,
}

impl Stream {
    pub(crate) fn new(id: Arc<str>, start: Start, task: u64, config: &Config, now: Time) -> Stream {
        let cursor = format!("{}:last_published_block", start.key).into();
        let monitor = Monitor::new(start.start_height, config.quirks.zero_start_kills_monitor);
        Stream {
            id,
            producer: Some(Producer::new(&start.rule, start.start_height)),
            identity: Identity {
                key: start.key,
                task,
                version: start.version,
                queue: start.queue.into(),
                cursor,
            },
            created: now,
            ended: None,
            next_look: monitor.is_some().then(|| now + config.health_interval),
            monitor,
            verdict: Verdict {
                state: ProcessingState::Idle,
                updated_at: now,
            },
            listed: true,
            next_step: Some(now + config.start_delay),
            ends_at: None,
        }
    }

    pub(crate) fn info(&self) -> StreamInfo {
        StreamInfo {
            stream_id: self.id.as_ref().to_owned(),
            account_id: self.identity.key.account().to_owned(),
            function_name: self.identity.key.function().to_owned(),
            version: self.identity.version,
            health: Some(self.verdict.on_wire()),
        }
    }
}
