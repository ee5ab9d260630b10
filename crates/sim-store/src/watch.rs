//! What observers of the store get to see.

use std::sync::Arc;

use bytes::Bytes;
use sim_node::Time;

/// Keys with this ending hold the coordinator's records; their history is kept.
pub(crate) const RECORD_SUFFIX: &str = ":state";

/// Writes kept until they are drained. More are counted, not kept.
pub(crate) const LOG_LIMIT: usize = 1_000_000;

/// Why a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteCause {
    /// A command did it.
    Command,
    /// A crash or failover forgot acknowledged writes.
    Rollback,
}

/// One change of a key that ends in `:state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreWrite {
    /// When it happened; for a rollback, when the server came back.
    pub at: Time,
    /// The full key.
    pub key: Arc<str>,
    /// The value before; `None` if there was none.
    pub before: Option<Bytes>,
    /// The value after; `None` if it was deleted.
    pub after: Option<Bytes>,
    /// What did it.
    pub cause: WriteCause,
}
