//! The configuration: where values come from, what is said about wrong ones, and
//! that no secret is ever shown.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod anything;
mod documentation;
mod effects;
mod files;
mod messages;
mod precedence;
mod secrets;
mod support;
