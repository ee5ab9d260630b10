//! View calls: what a `call_function` query gets.

use bytes::Bytes;
use serde::Deserialize;

/// The view that shows every indexer that is not deleted.
pub const LIST_METHOD: &str = "list_all";

/// The view that shows one indexer, deleted or not.
pub const READ_METHOD: &str = "read_indexer_function";

/// The block as of which a replica answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadPoint {
    /// Height of the replica's `final` block.
    pub height: u64,
}

impl ReadPoint {
    /// As of block `height`.
    pub fn at(height: u64) -> ReadPoint {
        ReadPoint { height }
    }
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The JSON that the contract returned. Two `list_all` answers between which
    /// nothing changed share their memory.
    pub result: Bytes,
    /// The block as of which it was read.
    pub block_height: u64,
}

/// An answer that carries an error of the contract's execution (delivered with
/// HTTP status 200).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The contract panicked.
    #[error("wasm execution failed with error: HostError(GuestPanic {{ panic_msg: {message:?} }})")]
    Contract {
        /// What the contract said.
        message: String,
    },
    /// The answer is too large for a view call's gas.
    #[error("wasm execution failed with error: HostError(GasLimitExceeded)")]
    GasLimitExceeded,
    /// The contract has no such method.
    #[error("wasm execution failed with error: MethodResolveError(MethodNotFound)")]
    MethodNotFound,
}

/// Arguments of [`READ_METHOD`].
#[derive(Deserialize)]
pub(crate) struct ReadArgs {
    pub(crate) account_id: String,
    pub(crate) function_name: String,
}

impl ReadArgs {
    pub(crate) fn parse(args: &[u8]) -> Result<ReadArgs, ViewError> {
        serde_json::from_slice(args).map_err(|error| ViewError::Contract {
            message: format!("Failed to deserialize input from JSON.: {error}"),
        })
    }
}
