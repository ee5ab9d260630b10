//! The Redis commands that the fake nodes use for their data plane.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Time;

/// The id of a stream entry, `milliseconds-sequence`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// Milliseconds since the Unix epoch on the server when the entry was added.
    pub millis: u64,
    /// Tells apart the entries of one millisecond.
    pub sequence: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.millis, self.sequence)
    }
}

/// A text that is no id of a stream entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of an entry is two numbers with a dash between them")]
pub struct NoEntryId;

impl FromStr for EntryId {
    type Err = NoEntryId;

    fn from_str(text: &str) -> Result<EntryId, NoEntryId> {
        let (millis, sequence) = text.split_once('-').ok_or(NoEntryId)?;
        Ok(EntryId {
            millis: millis.parse().map_err(|_| NoEntryId)?,
            sequence: sequence.parse().map_err(|_| NoEntryId)?,
        })
    }
}

impl Serialize for EntryId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EntryId, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// One entry of a block queue: the streamer writes a single field,
/// `block_height`, in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// Where it stands in the stream.
    pub id: EntryId,
    /// The height of the block to execute.
    pub height: u64,
}

/// A command that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// The server cannot be reached, or the connection broke.
    #[error("redis is unreachable: {0}")]
    Unavailable(String),
    /// The server refused the command (read-only replica, out of memory, wrong type).
    #[error("redis refused the command: {0}")]
    Refused(String),
}

/// The Redis commands of the data plane. A call is one command: it happens
/// wholly at `now` or, on an error, may or may not have happened.
pub trait Redis {
    /// GET of a decimal number.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    fn get_number(&mut self, now: Time, key: &str) -> Result<Option<u64>, RedisError>;

    /// SET of a decimal number.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    fn set_number(&mut self, now: Time, key: &str, value: u64) -> Result<(), RedisError>;

    /// XADD `key * block_height <height>`.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    fn queue_push(&mut self, now: Time, key: &str, height: u64) -> Result<EntryId, RedisError>;

    /// XLEN.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    fn queue_len(&mut self, now: Time, key: &str) -> Result<u64, RedisError>;

    /// XREAD COUNT `count` of the entries after `after` (`None` reads from id 0),
    /// without blocking.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    fn queue_read(
        &mut self,
        now: Time,
        key: &str,
        after: Option<EntryId>,
        count: usize,
    ) -> Result<Vec<QueueEntry>, RedisError>;

    /// XDEL; false if the entry was not there.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    fn queue_remove(&mut self, now: Time, key: &str, id: EntryId) -> Result<bool, RedisError>;
}
