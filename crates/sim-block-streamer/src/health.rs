//! The health monitor of a stream.

use proto::block_streamer::{Health, ProcessingState};
use sim_node::{Env, Time};

/// What the monitor last said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) state: ProcessingState,
    /// When it last had an answer from Redis; the start before the first look.
    pub(crate) updated_at: Time,
}

impl Verdict {
    /// As a machine tells it whose clock is wrong by so many microseconds.
    pub(crate) fn told_by(self, clock_error: i64) -> Verdict {
        Verdict {
            updated_at: self.updated_at.shifted(clock_error),
            ..self
        }
    }

    pub(crate) fn on_wire(self) -> Health {
        Health {
            processing_state: self.state.into(),
            updated_at_timestamp_secs: self.updated_at.as_secs(),
        }
    }
}

/// Compares the cursor with what it was at the last look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Monitor {
    /// The cursor at the last look, missing included; a missing one counts as
    /// smaller than any.
    previous: Option<u64>,
}

impl Monitor {
    /// The monitor of a stream from `start_height`; `None` if it dies at once.
    pub(crate) fn new(start_height: u64, zero_start_kills: bool) -> Option<Monitor> {
        if start_height == 0 && zero_start_kills {
            return None;
        }
        Some(Monitor {
            previous: Some(start_height.wrapping_sub(1)),
        })
    }

    /// One look; `None` if Redis did not answer, in which case nothing changes.
    pub(crate) fn look(
        &mut self,
        env: &mut Env<'_>,
        cursor_key: &str,
        queue_key: &str,
        queue_limit: u64,
    ) -> Option<Verdict> {
        let cursor = env.redis.get_number(env.now, cursor_key).ok()?;
        let length = env.redis.queue_len(env.now, queue_key).ok()?;
        let state = match cursor.cmp(&self.previous) {
            std::cmp::Ordering::Greater => ProcessingState::Running,
            std::cmp::Ordering::Equal if length >= queue_limit => ProcessingState::Waiting,
            std::cmp::Ordering::Equal | std::cmp::Ordering::Less => ProcessingState::Stalled,
        };
        self.previous = cursor;
        Some(Verdict {
            state,
            updated_at: env.now,
        })
    }
}
