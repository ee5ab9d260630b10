//! Redis in memory.
//!
//! [`RedisModel`] has the commands that the coordinator's store and the fake
//! nodes' data plane use, with the semantics of the real server, and the faults
//! of one: unreachable, read-only replica, out of memory, a crash that loses the
//! last writes, a failover to a replica that lags behind, a restart from nothing.
//!
//! It is a sans-IO state machine like the other fakes: time is an argument, and
//! a command happens wholly or not at all. What a network does to a command
//! (lost answers, delays) is the business of whoever carries it.

mod config;
mod control;
mod data_plane;
mod durability;
mod model;
mod value;
mod watch;

pub mod conformance;
#[cfg(feature = "server")]
pub mod server;

pub use config::Config;
pub use control::Cas;
pub use durability::Rollback;
pub use model::RedisModel;
pub use watch::{StoreWrite, WriteCause};
