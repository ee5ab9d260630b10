//! Identities as the real services derive them.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::Rng;

/// `account/function`, the name every service derives its ids from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexerKey(Arc<str>);

impl IndexerKey {
    /// The key of `function` of `account`.
    pub fn new(account: &str, function: &str) -> IndexerKey {
        IndexerKey(format!("{account}/{function}").into())
    }

    /// Splits `account/function` at the first slash (account ids hold none).
    pub fn parse(text: &str) -> Option<IndexerKey> {
        text.contains('/').then(|| IndexerKey(text.into()))
    }

    /// `account/function`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account that owns the indexer.
    pub fn account(&self) -> &str {
        self.0.split_once('/').map_or("", |(account, _)| account)
    }

    /// The indexer's function name; may itself hold slashes.
    pub fn function(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, function)| function)
    }
}

impl fmt::Display for IndexerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for IndexerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for IndexerKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for IndexerKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<IndexerKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        IndexerKey::parse(&text).ok_or_else(|| de::Error::custom("no slash in an indexer's name"))
    }
}

/// The block streamer's id of a stream: SipHash-1-3 with zero keys over the
/// name, in decimal. It depends on neither version, rule nor start height.
pub fn stream_id(key: &IndexerKey) -> String {
    let mut hasher = DefaultHasher::new();
    key.as_str().hash(&mut hasher);
    hasher.finish().to_string()
}

/// The runner's id of an executor: hex SHA-256 over the name.
pub fn executor_id(key: &IndexerKey) -> String {
    let digest = Sha256::digest(key.as_str().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A version 4 UUID drawn from a seeded stream.
pub fn uuid_from(rng: &mut Rng) -> String {
    let high = (rng.bits() & 0xffff_ffff_ffff_0fff) | 0x4000;
    let low = (rng.bits() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_real_services() {
        let test = IndexerKey::new("morgs.near", "test");
        let feed = IndexerKey::new("dataplatform.near", "social_feed");
        assert_eq!(stream_id(&test), "16210176318434468568");
        assert_eq!(stream_id(&feed), "9198265297366991202");
        assert_eq!(
            executor_id(&test),
            "be21b48c307671c1b3768ed84439f736c1cbbd77f815986354e855d44efd16e6"
        );
        assert_eq!(
            executor_id(&feed),
            "216ecb2a774f3f09400ebcecf8c4e91e83c30dd21b23350c33da69c5164b2c45"
        );
    }

    #[test]
    fn function_names_may_hold_slashes() {
        let key = IndexerKey::new("a.near", "b/c");
        assert_eq!((key.account(), key.function()), ("a.near", "b/c"));
    }

    #[test]
    fn uuids_are_version_four() {
        let uuid = uuid_from(&mut Rng::new(1, "uuid"));
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
