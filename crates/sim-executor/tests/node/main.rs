//! The node in virtual time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
mod properties;
mod worker;
mod world;
