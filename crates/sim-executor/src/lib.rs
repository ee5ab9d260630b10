//! The fake executor service.
//!
//! It answers the runner's gRPC contract and consumes block queues the way the
//! real service does, its unpleasant habits included: a start is answered before
//! anything runs, nothing survives a restart, a stopped start may leave a worker
//! behind that no call reaches, and a state carries no age. What really ran, and
//! on which block, goes to the ledger.
//!
//! [`ExecutorCore`] is a state machine without I/O. With the cargo feature
//! `server` (on by default) [`server`] puts it on a real port.

mod agenda;
mod config;
mod core;
mod crew;
mod entry;
mod faults;
mod hooks;
mod worker;

#[cfg(feature = "server")]
pub mod server;

pub use config::{Config, Quirks};
pub use core::ExecutorCore;
pub use faults::{PoisonedBlock, StartFault};
pub use hooks::WorkerView;
