//! The program as a process: how it starts, what it says, how it ends.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod access;
mod commands;
mod endings;
mod reloads;
mod service;
mod starts;
mod state;
mod traces;
mod writes;
