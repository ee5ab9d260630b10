//! What can go wrong with answers, on demand.

use std::collections::BTreeSet;

/// An entry that is valid JSON, but none of the contract's.
pub(crate) const GARBAGE: &str =
    r#"{"code":7,"rule":{"kind":"ACTION_UNHEARD_OF"},"start_block":[]}"#;

#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Shown as garbage.
    pub(crate) undecodable: Names,
    /// Left out of listings.
    pub(crate) unlisted: Names,
    /// Single reads of these answer `null`.
    pub(crate) nulls: Names,
    /// How many more single reads answer `null`.
    pub(crate) null_reads: u64,
    pub(crate) always_null: bool,
    pub(crate) empty_list: bool,
}

/// A set of indexers, mostly empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(BTreeSet<(String, String)>);

impl Names {
    pub(crate) fn set(&mut self, account: &str, function: &str, on: bool) {
        let name = (account.to_owned(), function.to_owned());
        if on {
            self.0.insert(name);
        } else {
            self.0.remove(&name);
        }
    }

    pub(crate) fn has(&self, account: &str, function: &str) -> bool {
        // Without faults, do not even build a name.
        !self.0.is_empty() && self.0.contains(&(account.to_owned(), function.to_owned()))
    }
}
