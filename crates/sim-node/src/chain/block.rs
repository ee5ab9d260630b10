//! What of a block the rules look at.

use std::sync::Arc;

use crate::Time;

/// A block, reduced to what selects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its height; heights of a chain grow, but not always by one.
    pub height: u64,
    /// When it can first be read.
    pub available_at: Time,
    /// The executed receipts of all shards, in order.
    pub outcomes: Vec<Outcome>,
}

/// One executed receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The account the receipt ran on.
    pub receiver: Arc<str>,
    /// The account that sent the receipt.
    pub predecessor: Arc<str>,
    /// Whether it succeeded; an unknown outcome counts as failed.
    pub success: bool,
    /// The methods it called, in order; empty for transfers and the like.
    pub methods: Vec<Arc<str>>,
}
