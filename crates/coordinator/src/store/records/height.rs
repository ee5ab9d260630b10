//! The registry height that was acted upon: what no restarted coordinator may fall behind.

use std::fmt;

use bytes::Bytes;

use super::RecordStore;
use crate::sentence::sentence;
use crate::store::{CasOutcome, StoreError, keys};

/// The most of a value that is repeated to people, in bytes.
const SHOWN_MAX: usize = 64;

const KEY: &str = keys::REGISTRY_HEIGHT;

/// What stands where the registry height is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredHeight {
    /// Nothing: no deletion was ever carried out.
    Absent,
    /// The newest registry height that was acted upon.
    At(u64),
    /// Something that is no height. Which deletions were carried out is not known then.
    /// What is wrong, for people; bounded.
    Unreadable(String),
}

impl StoredHeight {
    /// The height, if one is stored that can be read.
    pub fn number(&self) -> Option<u64> {
        match self {
            StoredHeight::At(height) => Some(*height),
            StoredHeight::Absent | StoredHeight::Unreadable(_) => None,
        }
    }

    pub(super) fn of(value: Option<&Bytes>) -> StoredHeight {
        let Some(raw) = value else {
            return StoredHeight::Absent;
        };
        // It may be written by hand, with the line's end.
        let number = std::str::from_utf8(raw.trim_ascii()).ok();
        match number.and_then(|text| text.parse().ok()) {
            Some(height) => StoredHeight::At(height),
            None => {
                let shown = String::from_utf8_lossy(raw.get(..SHOWN_MAX).unwrap_or(raw));
                StoredHeight::Unreadable(sentence(&format!("it is no block height: `{shown}`")))
            }
        }
    }
}

impl fmt::Display for StoredHeight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoredHeight::Absent => formatter.write_str("nothing"),
            StoredHeight::At(height) => height.fmt(formatter),
            StoredHeight::Unreadable(why) => formatter.write_str(why),
        }
    }
}

impl RecordStore {
    /// The newest registry height that was acted upon.
    ///
    /// # Errors
    /// The read failed.
    pub async fn high_water(&self) -> Result<StoredHeight, StoreError> {
        let value = self.read_one(KEY.to_owned()).await?;
        if value.is_some() {
            return Ok(StoredHeight::of(value.as_ref()));
        }
        // A read of texts passes over what some other program has put there instead.
        match self.oddity(KEY).await? {
            None => Ok(StoredHeight::Absent),
            // It may have been written between the two reads.
            Some(why) => match self.read_one(KEY.to_owned()).await? {
                None => Ok(StoredHeight::Unreadable(why)),
                value => Ok(StoredHeight::of(value.as_ref())),
            },
        }
    }

    /// Reads what every store holds or lacks, to see whether it answers.
    ///
    /// # Errors
    /// The read failed.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.read_one(KEY.to_owned()).await.map(drop)
    }

    /// Raises the stored registry height to at least `height`, and says what it
    /// then is. It never goes down. What is no height is replaced, and told.
    ///
    /// # Errors
    /// See [`StoreError`]; `Rejected` if something else than a text stands there,
    /// `Unavailable` also if others kept changing it.
    pub async fn raise_high_water(&self, height: u64) -> Result<u64, StoreError> {
        let mut current = self.read_one(KEY.to_owned()).await?;
        for _ in 0..self.height_tries_max {
            let stored = StoredHeight::of(current.as_ref());
            if let Some(stored) = stored.number().filter(|stored| *stored >= height) {
                return Ok(stored);
            }
            match self.set_height(current.as_ref(), height).await? {
                CasOutcome::Applied => {
                    if let StoredHeight::Unreadable(why) = stored {
                        tracing::error!(
                            key = KEY,
                            why,
                            height,
                            "the stored registry height could not be read and was replaced: \
                             deletions that it stood for may be unknown to a restarted coordinator"
                        );
                    }
                    return Ok(height);
                }
                CasOutcome::Conflict(found) => current = found,
            }
        }
        Err(self.contended("raise"))
    }

    /// Lowers the stored registry height to `height`, where it is higher or no height;
    /// 0 removes it, whatever it is. Returns what it was, and what it is now. Answers of
    /// the registry that are older than deletions which were carried out may be believed
    /// then, by coordinators that start after it.
    ///
    /// # Errors
    /// See [`StoreError`]; `Unavailable` also if others kept changing it.
    pub async fn lower_high_water(
        &self,
        height: u64,
    ) -> Result<(StoredHeight, StoredHeight), StoreError> {
        for _ in 0..self.height_tries_max {
            let before = self.high_water().await?;
            match &before {
                StoredHeight::Absent => return Ok((before.clone(), before)),
                StoredHeight::At(at) if *at <= height => return Ok((before.clone(), before)),
                StoredHeight::At(_) | StoredHeight::Unreadable(_) => {}
            }
            let current = self.read_one(KEY.to_owned()).await?;
            match (&current, &before) {
                // It is no text, so there is nothing to compare with.
                (None, StoredHeight::Unreadable(_)) => {
                    let keys = [KEY.to_owned()];
                    let deleted = self.transport.delete(&keys);
                    self.writing("removing the registry height", deleted)
                        .await?;
                }
                // Somebody else was faster.
                (current, before) if StoredHeight::of(current.as_ref()) != *before => continue,
                _ => {}
            }
            if let CasOutcome::Applied = self.set_height(current.as_ref(), height).await? {
                let after = match height {
                    0 => StoredHeight::Absent,
                    height => StoredHeight::At(height),
                };
                return Ok((before, after));
            }
        }
        Err(self.contended("lower"))
    }

    /// Replaces `current` by `height`; 0 removes it.
    async fn set_height(
        &self,
        current: Option<&Bytes>,
        height: u64,
    ) -> Result<CasOutcome, StoreError> {
        let text = height.to_string();
        let new = (height > 0).then_some(text.as_bytes());
        let expected = current.map(Bytes::as_ref);
        let swap = self.transport.compare_and_set(KEY, expected, new, None);
        self.writing("changing the registry height", swap).await
    }

    fn contended(&self, what: &str) -> StoreError {
        let tries = self.height_tries_max;
        StoreError::Unavailable(format!(
            "`{KEY}` changed during each of {tries} tries to {what} it"
        ))
    }
}
