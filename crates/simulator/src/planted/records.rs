//! Bugs about records, and how they are read and written.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError, StoreTransport, keys};
use lifecycle::{Observed, Timestamp};
use serde_json::Value;

use super::bug::Bug;
use super::{Planted, idle_bug, unsafe_bug};

type Values = Result<Vec<Option<Bytes>>, StoreError>;
type Swap = Result<CasOutcome, StoreError>;

pub(super) const BUGS: &[Planted] = &[
    unsafe_bug(
        "last-writer-wins",
        "A record is written whatever it has become since it was read",
        "The original's known defect: an acknowledged switch is undone",
        || Arc::new(LastWriterWins),
    ),
    unsafe_bug(
        "conflict-taken-for-success",
        "A compare-and-set that failed counts as done",
        "Controller pattern: lost update",
        || Arc::new(ConflictTakenForSuccess),
    ),
    unsafe_bug(
        "unknown-outcome-taken-for-success",
        "A write whose answer is an error counts as done",
        "Controller pattern: lost acknowledgement",
        || Arc::new(UnknownOutcomeTakenForSuccess),
    ),
    unsafe_bug(
        "writes-believed-unseen",
        "A write that would change nothing counts as done without being tried",
        "Controller pattern: what runs is stopped before its successor can be written down",
        || Arc::new(WritesBelievedUnseen),
    ),
    idle_bug(
        "old-format-unreadable",
        "A record of the original coordinator cannot be read",
        "The original's migration: one old value ends the process at every start",
        || {
            Arc::new(OldFormat {
                reads_as: Some(Bytes::from_static(b"?")),
            })
        },
    ),
    idle_bug(
        "old-format-invisible",
        "A record of the original coordinator counts as none",
        "The original's migration by a set that old databases do not have",
        || Arc::new(OldFormat { reads_as: None }),
    ),
    unsafe_bug(
        "one-bad-record-stops-all",
        "Records are read all or none: an unreadable one keeps everybody waiting",
        "The original's known defect: a crash loop at start-up",
        || Arc::new(OneBadRecordStopsAll),
    ),
    idle_bug(
        "bad-record-tried-again-first",
        "A start begins with six tries to read a record that cannot be read",
        "Controller pattern: head-of-line blocking",
        || Arc::new(BadRecordTriedAgain::default()),
    ),
    idle_bug(
        "record-never-listed",
        "The key of a record is not entered into the set of records",
        "Controller pattern: the index lags behind the data",
        || Arc::new(RecordNeverListed),
    ),
    idle_bug(
        "record-listed-afterwards",
        "The set of records is written after the record, not with it",
        "Controller pattern: crash between two writes that belong together",
        || Arc::new(RecordListedAfterwards),
    ),
    unsafe_bug(
        "stale-records",
        "A record is read from a cache that only own writes refresh",
        "Controller pattern: stale read",
        || Arc::new(StaleRecords::default()),
    ),
    unsafe_bug(
        "failed-read-taken-for-nothing",
        "What cannot be read counts as not there",
        "Controller pattern: an error is taken for an empty answer",
        || Arc::new(FailedReadTakenForNothing),
    ),
    unsafe_bug(
        "life-begins-in-the-middle",
        "A new indexer's first record says Running",
        "The original's migration: every old state becomes Running",
        || Arc::new(LifeBeginsInTheMiddle),
    ),
    unsafe_bug(
        "record-of-another-shape",
        "Now and then what is written is cut off and no record",
        "Controller pattern: a torn write",
        || Arc::new(RecordOfAnotherShape),
    ),
    unsafe_bug(
        "run-not-remembered",
        "What runs is not in the record, and is made up anew after every look",
        "The original keeps no start height",
        || Arc::new(RunNotRemembered),
    ),
    unsafe_bug(
        "takeover-begins-anew",
        "What the original started and did not live to note is stopped, and begun anew",
        "Controller pattern: the record is believed against what runs",
        || Arc::new(TakeoverBeginsAnew),
    ),
];

fn is_record(key: &str) -> bool {
    keys::indexer_of(key).is_ok()
}

struct WritesBelievedUnseen;

#[async_trait]
impl Bug for WritesBelievedUnseen {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Swap {
        if expected.is_some() && expected == new {
            return Ok(CasOutcome::Applied);
        }
        to.compare_and_set(key, expected, new, list).await
    }
}

struct LastWriterWins;

#[async_trait]
impl Bug for LastWriterWins {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Swap {
        match to.compare_and_set(key, expected, new, list).await? {
            CasOutcome::Conflict(current) => {
                to.compare_and_set(key, current.as_deref(), new, list).await
            }
            applied => Ok(applied),
        }
    }
}

struct ConflictTakenForSuccess;

#[async_trait]
impl Bug for ConflictTakenForSuccess {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Swap {
        to.compare_and_set(key, expected, new, list).await?;
        Ok(CasOutcome::Applied)
    }
}

struct UnknownOutcomeTakenForSuccess;

#[async_trait]
impl Bug for UnknownOutcomeTakenForSuccess {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Swap {
        match to.compare_and_set(key, expected, new, list).await {
            Err(_) => Ok(CasOutcome::Applied),
            answer => answer,
        }
    }
}

/// What a record without this coordinator's own part reads as.
struct OldFormat {
    reads_as: Option<Bytes>,
}

#[async_trait]
impl Bug for OldFormat {
    async fn get_many(&self, to: &dyn StoreTransport, keys: &[String]) -> Values {
        let values = to.get_many(keys).await?;
        let is_old = |raw: &Bytes| {
            let value = serde_json::from_slice::<Value>(raw);
            value.is_ok_and(|value| value.is_object() && value.get("coordinator").is_none())
        };
        let pairs = keys.iter().zip(values);
        Ok(pairs
            .map(|(key, value)| match value {
                Some(raw) if is_record(key) && is_old(&raw) => self.reads_as.clone(),
                value => value,
            })
            .collect())
    }
}

/// Whether a record among these values is none.
fn has_bad(keys: &[String], values: &[Option<Bytes>]) -> bool {
    let is_bad = |(key, value): (&String, &Option<Bytes>)| {
        let raw = value.as_ref().filter(|_| is_record(key));
        raw.is_some_and(|raw| serde_json::from_slice::<Value>(raw).is_err())
    };
    keys.iter().zip(values).any(is_bad)
}

#[derive(Default)]
struct BadRecordTriedAgain(AtomicU32);

#[async_trait]
impl Bug for BadRecordTriedAgain {
    async fn get_many(&self, to: &dyn StoreTransport, keys: &[String]) -> Values {
        let values = to.get_many(keys).await?;
        if has_bad(keys, &values) && self.0.fetch_add(1, Ordering::Relaxed) < 6 {
            return Err(StoreError::Unavailable(
                "a record cannot be read".to_owned(),
            ));
        }
        Ok(values)
    }
}

struct OneBadRecordStopsAll;

#[async_trait]
impl Bug for OneBadRecordStopsAll {
    async fn get_many(&self, to: &dyn StoreTransport, keys: &[String]) -> Values {
        let values = to.get_many(keys).await?;
        if has_bad(keys, &values) {
            return Err(StoreError::Rejected("a record cannot be read".to_owned()));
        }
        Ok(values)
    }
}

struct RecordNeverListed;

#[async_trait]
impl Bug for RecordNeverListed {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        _list: Option<&str>,
    ) -> Swap {
        to.compare_and_set(key, expected, new, None).await
    }
}

struct RecordListedAfterwards;

#[async_trait]
impl Bug for RecordListedAfterwards {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Swap {
        let answer = to.compare_and_set(key, expected, new, None).await?;
        if let (CasOutcome::Applied, Some(list)) = (&answer, list) {
            match new {
                Some(_) => to.set_add(list, key).await?,
                None => to.set_remove(list, key).await?,
            }
        }
        Ok(answer)
    }
}

#[derive(Default)]
struct StaleRecords(Mutex<BTreeMap<String, Option<Bytes>>>);

#[async_trait]
impl Bug for StaleRecords {
    async fn get_many(&self, to: &dyn StoreTransport, keys: &[String]) -> Values {
        let values = to.get_many(keys).await?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = keys.iter().zip(values);
        Ok(pairs
            .map(|(key, value)| match is_record(key) {
                true => kept.entry(key.clone()).or_insert(value).clone(),
                false => value,
            })
            .collect())
    }

    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Swap {
        let answer = to.compare_and_set(key, expected, new, list).await;
        if matches!(answer, Ok(CasOutcome::Applied)) {
            let new = new.map(Bytes::copy_from_slice);
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(key.to_owned(), new);
        }
        answer
    }
}

struct FailedReadTakenForNothing;

#[async_trait]
impl Bug for FailedReadTakenForNothing {
    async fn get_many(&self, to: &dyn StoreTransport, keys: &[String]) -> Values {
        match to.get_many(keys).await {
            Err(_) => Ok(vec![None; keys.len()]),
            values => values,
        }
    }
}

/// Changes the lifecycle state of a first record.
struct LifeBeginsInTheMiddle;

#[async_trait]
impl Bug for LifeBeginsInTheMiddle {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Swap {
        let text = new
            .filter(|_| expected.is_none())
            .map(String::from_utf8_lossy);
        match text.filter(|_| is_record(key)) {
            Some(text) => {
                let text = text.replace("\"Initializing\"", "\"Running\"");
                to.compare_and_set(key, expected, Some(text.as_bytes()), list)
                    .await
            }
            None => to.compare_and_set(key, expected, new, list).await,
        }
    }
}

struct RecordOfAnotherShape;

#[async_trait]
impl Bug for RecordOfAnotherShape {
    async fn compare_and_set(
        &self,
        to: &dyn StoreTransport,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Swap {
        let torn = new.filter(|new| is_record(key) && new.len() % 7 == 0);
        match torn.and_then(|new| new.get(..new.len() / 2)) {
            Some(half) => to.compare_and_set(key, expected, Some(half), list).await,
            None => to.compare_and_set(key, expected, new, list).await,
        }
    }
}

struct RunNotRemembered;

impl Bug for RunNotRemembered {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Some(run) = seen.record.as_mut().and_then(|record| record.run.as_mut()) {
            run.start = None;
        }
    }
}

struct TakeoverBeginsAnew;

impl Bug for TakeoverBeginsAnew {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let Some(record) = &mut seen.record {
            record.inherited = false;
        }
    }
}
