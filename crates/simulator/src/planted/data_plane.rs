//! Bugs of the nodes that stream and execute. The coordinator is not to blame for
//! them; they show that the judges of the data plane see what they are to see.

use std::sync::Arc;

use sim_node::{EntryId, QueueEntry, Redis, RedisError, Time};

use super::bug::Bug;
use super::{Place, Planted, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    Planted {
        place: Place::DataPlane,
        ..unsafe_bug(
            "block-published-over-and-over",
            "A stream's client repeats each entry of the queue eight times",
            "Controller pattern: a retry of what is not idempotent",
            || Arc::new(OverAndOver),
        )
    },
    Planted {
        place: Place::DataPlane,
        ..unsafe_bug(
            "queue-read-backwards",
            "A worker takes what it has read from the wrong end",
            "A common mistake: a list used as a stack",
            || Arc::new(Backwards),
        )
    },
];

struct OverAndOver;

impl Bug for OverAndOver {
    fn queue_push(
        &self,
        to: &mut dyn Redis,
        now: Time,
        key: &str,
        height: u64,
    ) -> Result<EntryId, RedisError> {
        let first = to.queue_push(now, key, height)?;
        for _ in 1..8 {
            to.queue_push(now, key, height)?;
        }
        Ok(first)
    }
}

struct Backwards;

impl Bug for Backwards {
    fn queue_read(
        &self,
        to: &mut dyn Redis,
        now: Time,
        key: &str,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Vec<QueueEntry>, RedisError> {
        let mut entries = to.queue_read(now, key, after, count)?;
        entries.reverse();
        Ok(entries)
    }
}
