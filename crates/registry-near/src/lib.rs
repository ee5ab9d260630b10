//! The registry contract, read by view calls over NEAR JSON-RPC.
//!
//! Public RPC nodes fail, lag, limit and change: [`NearRegistry`] asks several of
//! them in order of preference, leaves a node alone for a while after it failed
//! or asked for fewer calls, passes over one that answers of what has been while
//! others are newer, and returns to the preferred one afterwards. It believes
//! nothing that has not exactly the protocol's form: a page of HTML, a
//! cut off or oversized body, an answer to another question or one without a
//! height is an error, and never an empty registry.
//!
//! Keys and query strings of addresses appear in no error and in no log: a node
//! is called by scheme, host and port.

mod answer;
mod belief;
mod body;
mod client;
mod lag;
mod nodes;
mod octets;
mod options;
mod places;
mod registry;
mod request;
mod rpc_error;

pub use options::{ApiKey, Endpoint, Options, OptionsError};
pub use registry::{LISTINGS_MAX, NearRegistry};
