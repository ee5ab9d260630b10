//! The client against nodes that behave and nodes that do not.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod conformance_suite;
mod failover;
mod lag;
mod misbehaviour;
mod node;
mod patience;
mod requests;
mod tls;
