//! What every implementation of a port must do, as suites that any of them can be put through.

pub mod grpc;
#[cfg(feature = "redis-server")]
pub mod redis_server;
pub mod registry;
pub mod store;
pub mod suite;
