//! What the registry wants of an indexer.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest, Sha256};

/// Which execution outcomes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActionStatus {
    /// All of them.
    Any,
    /// Only successful ones.
    Success,
    /// Only failed ones.
    Fail,
}

/// Which blocks an indexer wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Any action that affects one of the accounts (comma-separated, wildcards).
    ActionAny {
        /// Account patterns.
        affected_account_id: String,
        /// Outcomes that count.
        status: ActionStatus,
    },
    /// Calls of certain functions on one of the accounts.
    ActionFunctionCall {
        /// Account patterns.
        affected_account_id: String,
        /// Outcomes that count.
        status: ActionStatus,
        /// Function patterns.
        function: String,
    },
    /// A kind that no block streamer can serve (`EVENT`); the text names it.
    Unsupported(String),
}

/// Where a run begins, as written in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartBlock {
    /// At the block of the (re-)registration, i.e. at the version.
    Latest,
    /// At this height.
    Height(u64),
    /// Where the previous version stopped.
    Continue,
}

/// A hash over everything of a [`Spec`] that decides what has to run. Two updates
/// in one block share a version; their hashes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub u128);

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ContentHash, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16)
            .map(ContentHash)
            .map_err(|_| D::Error::custom("a content hash is 32 hexadecimal digits"))
    }
}

/// One registered version of an indexer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Height of the block that registered or last updated it.
    pub version: u64,
    /// Hash over rule, start block, code and schema.
    pub hash: ContentHash,
    /// Which blocks it wants.
    pub rule: Rule,
    /// Where it begins.
    pub start_block: StartBlock,
    /// The user's code, verbatim.
    pub code: Arc<str>,
    /// The user's schema, verbatim.
    pub schema: Arc<str>,
}

impl Spec {
    /// A spec whose hash is computed from its content.
    pub fn new(
        version: u64,
        rule: Rule,
        start_block: StartBlock,
        code: Arc<str>,
        schema: Arc<str>,
    ) -> Spec {
        let mut hasher = Sha256::new();
        // Lengths go in front so that no two contents share one byte sequence.
        for part in [format!("{rule:?}|{start_block:?}").as_str(), &code, &schema] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let hash = digest
            .iter()
            .take(16)
            .fold(0, |hash, byte| (hash << 8) | u128::from(*byte));
        Spec {
            version,
            hash: ContentHash(hash),
            rule,
            start_block,
            code,
            schema,
        }
    }
}

/// What the registry says, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// No usable answer yet. Never a reason to stop anything.
    Unknown,
    /// The registry does not list it, or answered `null`; this is no deletion.
    Missing,
    /// The newest listing lacks it, or has it in a form that cannot be read, and
    /// nobody has said what became of it. This was wanted last: what runs of it is
    /// kept alive, but nothing new begins.
    Unlisted(Arc<Spec>),
    /// An explicit tombstone.
    Deleted {
        /// The last registered version.
        version: u64,
        /// Height of the block that deleted it.
        at: u64,
    },
    /// It shall exist in this form.
    Present(Arc<Spec>),
}
