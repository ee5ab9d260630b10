//! The registry: what indexers shall exist.
//!
//! The seam is the contract's view call: a method name, JSON arguments, and the
//! contract's JSON answer with the height it was computed at.

pub mod decode;
mod entry;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use bytes::Bytes;

/// The answer of a view call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewAnswer {
    /// The contract's JSON.
    pub result: Bytes,
    /// The height of the block at which it was computed.
    pub block_height: u64,
}

/// A view call without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The node could not be reached, or answered nonsense.
    #[error("the registry cannot be reached: {0}")]
    Unavailable(String),
    /// The node asks for fewer calls.
    #[error("the registry asks to be called less often")]
    RateLimited,
    /// The contract failed: a panic, or it ran out of gas.
    #[error("the registry contract failed: {0}")]
    Contract(String),
    /// The contract answered with more than is read.
    #[error("the registry's answer is too large: {0}")]
    TooLarge(String),
}

/// View calls on the registry contract. Always a read; answers of different
/// replicas may go back in height.
#[async_trait]
pub trait RegistryTransport: Send + Sync {
    /// Calls `method` (`list_all` or `read_indexer_function`) with JSON `arguments`.
    ///
    /// # Errors
    /// No answer of the contract was obtained.
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError>;

    /// Tells that an answer as of `height` was of no use to whoever asked, who knows of
    /// `known` already: it is older, or so much newer that it cannot be true. A registry
    /// of several replicas may ask another one next time; for others it changes nothing.
    fn unusable(&self, height: u64, known: u64) {
        let _nothing_to_choose_from = (height, known);
    }

    /// Why the last answer does not tell of all that has changed, where it came from what
    /// was known before, for people: a file that cannot be read, for instance.
    fn unheard(&self) -> Option<String> {
        None
    }
}
