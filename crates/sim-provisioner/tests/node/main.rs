//! The node's behaviour, on virtual time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod naming;
mod properties;
mod repetition;
mod world;
