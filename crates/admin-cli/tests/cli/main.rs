//! The command line against a fake coordinator on a real socket.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod away;
mod change;
mod connection;
mod explain;
mod failures;
mod fake;
mod fixtures;
mod harness;
mod help;
mod hostile;
mod read;
mod wait;
mod watch;
