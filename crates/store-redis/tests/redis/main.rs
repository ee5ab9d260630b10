//! The store against a real Redis.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod commands;
mod faults;
mod formats;
mod refusals;
mod rollback;
mod support;
mod tls;
