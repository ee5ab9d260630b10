//! What the fake nodes share.
//!
//! A fake node is a *sans-IO* state machine: requests and the passage of time go
//! in, replies and ledger events come out. It never sleeps, spawns, reads a clock
//! or draws randomness of its own, so the same node runs under the simulator's
//! virtual time and, wrapped in a small server, on a real port.
//!
//! Fake nodes know nothing of the coordinator: a wrong conversion on either side
//! of the wire must show.

mod duration;
mod event;
mod ids;
mod node;
mod redis;
mod rng;
mod time;

pub mod chain;
pub mod ledger;
#[cfg(feature = "server")]
pub mod server;

pub use duration::human_duration;
pub use event::{Event, Ledger, TaskKind, TaskResult, TaskStopReason, VecLedger, WorkerStopReason};
pub use ids::{IndexerKey, executor_id, stream_id, uuid_from};
pub use node::{Env, Node, Reply};
pub use redis::{EntryId, NoEntryId, QueueEntry, Redis, RedisError};
pub use rng::Rng;
pub use time::Time;
