//! A fake block streamer.
//!
//! [`BlockStreamer`] answers the four calls of `blockstreamer.BlockStreamer` and
//! streams blocks of a [`sim_node::chain::Chain`] into Redis queues as the real
//! service does, its unpleasant habits included. Each habit that can be thought
//! away is a switch in [`Quirks`].
//!
//! It is a state machine without I/O of its own; with the cargo feature `server`
//! the module `server` puts it behind a real port.

mod config;
mod health;
mod node;
mod producer;
mod request;
mod service;
mod stream;

#[cfg(feature = "server")]
pub mod server;

pub use config::{Config, ConfigError, Quirks};
pub use request::rule_from_request;
pub use service::{BlockStreamer, LiveTask};
