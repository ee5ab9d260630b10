//! The name of an indexer.

use std::fmt;
use std::sync::Arc;

/// `account/function`: the identity every service derives its own ids from.
///
/// The account holds no slash; the function may hold anything, slashes included.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexerId {
    full: Arc<str>,
    account_len: usize,
}

/// A text that does not name an indexer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not name an indexer: expected `account/function`")]
pub struct InvalidId(pub String);

impl IndexerId {
    /// The indexer `function` of `account`.
    ///
    /// # Errors
    /// The account is empty or holds a slash.
    pub fn new(account: &str, function: &str) -> Result<IndexerId, InvalidId> {
        let full = format!("{account}/{function}");
        if account.is_empty() || account.contains('/') {
            return Err(InvalidId(full));
        }
        Ok(IndexerId {
            account_len: account.len(),
            full: full.into(),
        })
    }

    /// Splits `account/function` at the first slash.
    ///
    /// # Errors
    /// There is no slash, or nothing before it.
    pub fn parse(text: &str) -> Result<IndexerId, InvalidId> {
        match text.split_once('/') {
            Some((account, function)) => IndexerId::new(account, function),
            None => Err(InvalidId(text.to_owned())),
        }
    }

    /// The account that owns the indexer.
    pub fn account(&self) -> &str {
        self.full.get(..self.account_len).unwrap_or_default()
    }

    /// The function name, verbatim.
    pub fn function(&self) -> &str {
        self.full.get(self.account_len + 1..).unwrap_or_default()
    }

    /// `account/function`.
    pub fn as_str(&self) -> &str {
        &self.full
    }
}

impl fmt::Display for IndexerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.full)
    }
}

impl fmt::Debug for IndexerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.full)
    }
}
