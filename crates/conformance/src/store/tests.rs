//! The suite itself: it passes a right store, and notices each wrong one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use bytes::Bytes;
use coordinator::store::{CasOutcome, MemoryStore};

use super::*;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    Down,
    ForgetsExpected,
    TakesEmptyForAbsent,
    ComparesTrimmed,
    ReadsThenWrites,
    ConflictWithoutValue,
    AppliesConflicts,
    LossyTexts,
    CutsLargeTexts,
    CutsLongNames,
    FoldsCase,
    SortsAnswers,
    LeavesOutGaps,
    ReadsOneByOne,
    DeletesOnlyTheFirst,
    DeleteFailsOnAbsent,
    DeletesByPrefix,
    ForgetsRemovals,
    RemoveFailsOnStrangers,
    TrimsMembers,
    NewestIsHead,
    HeadIsPopped,
    HeightsAreFloats,
    AcceptsWrongKinds,
    WrongKindsAreUnavailable,
    HidesOtherPrograms,
    FailsOnNoKeys,
    RefusesTheSame,
    RefusesWhatOnceWas,
    BagsForSets,
    BoundedSets,
    TornTexts,
    IgnoresTheGuard,
    LooksThenDeletes,
    ForgetsTheList,
    ListsAfterwards,
    ListsConflicts,
    ListsTooLate,
    UnlistsAtSight,
}

const FLAWS: [Flaw; 38] = [
    Flaw::ForgetsExpected,
    Flaw::TakesEmptyForAbsent,
    Flaw::ComparesTrimmed,
    Flaw::ReadsThenWrites,
    Flaw::ConflictWithoutValue,
    Flaw::AppliesConflicts,
    Flaw::LossyTexts,
    Flaw::CutsLargeTexts,
    Flaw::CutsLongNames,
    Flaw::FoldsCase,
    Flaw::SortsAnswers,
    Flaw::LeavesOutGaps,
    Flaw::ReadsOneByOne,
    Flaw::DeletesOnlyTheFirst,
    Flaw::DeleteFailsOnAbsent,
    Flaw::DeletesByPrefix,
    Flaw::ForgetsRemovals,
    Flaw::RemoveFailsOnStrangers,
    Flaw::TrimsMembers,
    Flaw::NewestIsHead,
    Flaw::HeadIsPopped,
    Flaw::HeightsAreFloats,
    Flaw::AcceptsWrongKinds,
    Flaw::WrongKindsAreUnavailable,
    Flaw::HidesOtherPrograms,
    Flaw::FailsOnNoKeys,
    Flaw::RefusesTheSame,
    Flaw::RefusesWhatOnceWas,
    Flaw::BagsForSets,
    Flaw::BoundedSets,
    Flaw::TornTexts,
    Flaw::IgnoresTheGuard,
    Flaw::LooksThenDeletes,
    Flaw::ForgetsTheList,
    Flaw::ListsAfterwards,
    Flaw::ListsConflicts,
    Flaw::ListsTooLate,
    Flaw::UnlistsAtSight,
];

fn rejected(why: &str) -> StoreError {
    StoreError::Rejected(why.to_owned())
}

struct Flawed {
    flaw: Flaw,
    inner: MemoryStore,
    heights: Mutex<BTreeMap<String, Vec<u64>>>,
    /// What was ever written under a key, or added to it.
    written: Mutex<BTreeMap<String, Vec<Vec<u8>>>>,
}

impl Flawed {
    fn new(flaw: Flaw) -> Flawed {
        Flawed {
            flaw,
            inner: MemoryStore::new(),
            heights: Mutex::default(),
            written: Mutex::default(),
        }
    }

    /// Remembers a text of `key`; says how often it was there before.
    fn note(&self, key: &str, text: &[u8]) -> usize {
        let mut written = self.written.lock().unwrap();
        let texts = written.entry(key.to_owned()).or_default();
        texts.push(text.to_vec());
        texts.iter().filter(|other| *other == text).count() - 1
    }

    /// What a store with a flaw does about the list after the text is written.
    async fn list_wrongly(
        &self,
        list: &str,
        key: &str,
        has_value: bool,
        answer: &Result<CasOutcome, StoreError>,
    ) -> Result<(), StoreError> {
        let written = *answer == Ok(CasOutcome::Applied);
        match self.flaw {
            Flaw::ListsTooLate if written => {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            }
            Flaw::ListsAfterwards if written => {}
            Flaw::ListsConflicts if matches!(answer, Ok(CasOutcome::Conflict(_))) => {}
            _ => return Ok(()),
        }
        match has_value {
            true => self.inner.set_add(list, key).await,
            false => self.inner.set_remove(list, key).await,
        }
    }

    fn some_keys(&self, keys: &[String]) -> Result<(), StoreError> {
        match keys {
            [] if self.is(Flaw::FailsOnNoKeys) => Err(rejected("no keys")),
            _ => Ok(()),
        }
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn name(&self, key: &str) -> String {
        match self.flaw {
            Flaw::CutsLongNames => key.chars().take(1 << 10).collect(),
            Flaw::FoldsCase => key.to_lowercase(),
            _ => key.to_owned(),
        }
    }

    fn reached(&self) -> Result<(), StoreError> {
        match self.flaw {
            Flaw::Down => Err(StoreError::Unavailable("it is down".to_owned())),
            _ => Ok(()),
        }
    }

    fn text(&self, value: &[u8]) -> Vec<u8> {
        match self.flaw {
            Flaw::LossyTexts => String::from_utf8_lossy(value).into_owned().into_bytes(),
            Flaw::CutsLargeTexts => value.iter().copied().take(512 << 10).collect(),
            _ => value.to_vec(),
        }
    }

    fn answer<T>(&self, answer: Result<T, StoreError>, otherwise: T) -> Result<T, StoreError> {
        match (self.flaw, answer) {
            (Flaw::AcceptsWrongKinds, Err(StoreError::Rejected(_))) => Ok(otherwise),
            (Flaw::WrongKindsAreUnavailable, Err(StoreError::Rejected(why))) => {
                Err(StoreError::Unavailable(why))
            }
            (_, answer) => answer,
        }
    }
}

#[async_trait]
impl StoreTransport for Flawed {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.reached()?;
        self.some_keys(keys)?;
        let mut keys: Vec<String> = keys.iter().map(|key| self.name(key)).collect();
        if self.is(Flaw::SortsAnswers) {
            keys.sort_unstable();
        }
        let mut answer = Vec::new();
        for key in &keys {
            if self.is(Flaw::ReadsOneByOne) {
                // Longer than a writer needs for both of its keys.
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            }
            answer.push(self.inner.text(key));
        }
        if self.is(Flaw::LeavesOutGaps) {
            answer.retain(Option::is_some);
        }
        Ok(answer)
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        self.reached()?;
        let key = &self.name(key);
        let new = new.map(|new| self.text(new));
        let expected = expected.map(|expected| self.text(expected));
        let current = self.inner.text(key);
        let empty = |value: &Option<Bytes>| value.as_ref().is_none_or(Bytes::is_empty);
        let passes = match self.flaw {
            Flaw::ForgetsExpected => true,
            Flaw::TakesEmptyForAbsent => {
                empty(&current) && expected.as_ref().is_none_or(Vec::is_empty)
            }
            Flaw::ComparesTrimmed => match (&current, &expected) {
                (Some(current), Some(expected)) => current.trim_ascii() == expected.trim_ascii(),
                _ => false,
            },
            Flaw::ReadsThenWrites => {
                tokio::task::yield_now().await;
                current.as_deref() == expected.as_deref()
            }
            _ => false,
        };
        let expected = match passes {
            true => self.inner.text(key).map(|current| current.to_vec()),
            false => expected,
        };
        if let Some(new) = &new {
            let before = self.note(key, new);
            if self.is(Flaw::RefusesWhatOnceWas) && before > 0 {
                return Err(rejected("it was there before"));
            }
            if self.is(Flaw::RefusesTheSame) && expected.as_ref() == Some(new) {
                return Err(rejected("nothing changes"));
            }
            if self.is(Flaw::TornTexts)
                && new.len() > 1 << 10
                && current.as_deref() == expected.as_deref()
            {
                self.inner.put(key, new[..1 << 10].to_vec());
                tokio::task::yield_now().await;
                self.inner.put(key, current.clone().unwrap_or_default());
            }
        }
        let at_once = match self.flaw {
            Flaw::ForgetsTheList | Flaw::ListsAfterwards | Flaw::ListsTooLate => None,
            _ => list,
        };
        if let (Flaw::UnlistsAtSight, Some(list), None) = (self.flaw, list, &new) {
            self.inner.set_remove(list, key).await?;
        }
        let answer = self
            .inner
            .compare_and_set(key, expected.as_deref(), new.as_deref(), at_once)
            .await;
        if let Some(list) = list {
            self.list_wrongly(list, key, new.is_some(), &answer).await?;
        }
        if self.is(Flaw::AppliesConflicts)
            && let Ok(CasOutcome::Conflict(_)) = answer
            && let Some(new) = new
        {
            self.inner.put(key, new);
        }
        match (self.flaw, answer) {
            (Flaw::ConflictWithoutValue, Ok(CasOutcome::Conflict(_))) => {
                Ok(CasOutcome::Conflict(None))
            }
            (_, answer) => self.answer(answer, CasOutcome::Applied),
        }
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.reached()?;
        self.some_keys(keys)?;
        let kept = match self.flaw {
            Flaw::DeletesOnlyTheFirst => 1,
            _ => keys.len(),
        };
        for key in keys.iter().take(kept) {
            let key = self.name(key);
            if self.is(Flaw::DeleteFailsOnAbsent) && !self.inner.exists(&key) {
                return Err(rejected("no such key"));
            }
            self.heights.lock().unwrap().remove(&key);
            self.inner.delete(std::slice::from_ref(&key)).await?;
            if self.is(Flaw::DeletesByPrefix) {
                let longer = ["b", ":state"].map(|more| format!("{key}{more}"));
                self.inner.delete(&longer).await?;
            }
        }
        Ok(())
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        let found = self.get_many(&[guard.to_owned()]).await?.pop().flatten();
        if found.as_deref() != Some(expected) && !self.is(Flaw::IgnoresTheGuard) {
            return Ok(CasOutcome::Conflict(found));
        }
        if self.is(Flaw::LooksThenDeletes) {
            tokio::task::yield_now().await;
        }
        self.delete(keys).await.map(|()| CasOutcome::Applied)
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.reached()?;
        let key = &self.name(key);
        let answer = self.inner.set_members(key).await;
        let mut members = self.answer(answer, Vec::new())?;
        match self.flaw {
            Flaw::BoundedSets => members.truncate(256),
            Flaw::BagsForSets => {
                let written = self.written.lock().unwrap();
                let added = written.get(key).map_or(&[][..], Vec::as_slice);
                members = added
                    .iter()
                    .map(|member| String::from_utf8_lossy(member).into_owned())
                    .filter(|member| members.contains(member))
                    .collect();
            }
            _ => {}
        }
        Ok(members)
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.reached()?;
        let member = match self.flaw {
            Flaw::TrimsMembers => member.trim(),
            _ => member,
        };
        let key = &self.name(key);
        self.note(key, member.as_bytes());
        self.answer(self.inner.set_add(key, member).await, ())
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.reached()?;
        let key = &self.name(key);
        match self.flaw {
            Flaw::ForgetsRemovals => return Ok(()),
            Flaw::RemoveFailsOnStrangers => {
                let members = self.inner.set_members(key).await?;
                if !members.contains(&member.to_owned()) {
                    return Err(rejected("no such member"));
                }
            }
            _ => {}
        }
        self.answer(self.inner.set_remove(key, member).await, ())
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.reached()?;
        let key = &self.name(key);
        let head = self.answer(self.inner.queue_head(key).await, None)?;
        let mut heights = self.heights.lock().unwrap();
        let known = heights.entry(key.clone()).or_default();
        match self.flaw {
            Flaw::NewestIsHead => Ok(known.last().copied()),
            Flaw::HeadIsPopped => Ok((!known.is_empty()).then(|| known.remove(0))),
            Flaw::HeightsAreFloats => Ok(head.map(|height| height as f64 as u64)),
            _ => Ok(head),
        }
    }
}

#[async_trait]
impl Subject for Flawed {
    fn store(&self) -> &dyn StoreTransport {
        self
    }

    async fn queue_push(&self, key: &str, height: u64) -> Result<(), StoreError> {
        self.reached()?;
        let key = self.name(key);
        self.inner.push(&key, height)?;
        self.heights
            .lock()
            .unwrap()
            .entry(key)
            .or_default()
            .push(height);
        Ok(())
    }

    async fn set_raw(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.reached()?;
        if self.is(Flaw::ReadsOneByOne) {
            tokio::task::yield_now().await;
        }
        let key = &self.name(key);
        if !(self.is(Flaw::HidesOtherPrograms) && self.inner.exists(key)) {
            self.inner.put(key, self.text(value));
        }
        Ok(())
    }
}

#[tokio::test]
async fn the_store_in_memory_conforms() {
    assert_eq!(run_all(&Flawed::new(Flaw::None), "test/").await, []);
}

#[tokio::test]
async fn every_flaw_is_noticed_and_every_case_notices_one() {
    let mut noticed = BTreeSet::new();
    for flaw in FLAWS {
        let failures = run_all(&Flawed::new(flaw), "test/").await;
        assert!(!failures.is_empty(), "{flaw:?}");
        noticed.extend(failures.into_iter().map(|failure| failure.case));
    }
    let idle: Vec<&str> = cases()
        .map(|case| case.name)
        .filter(|name| !noticed.contains(name))
        .collect();
    assert!(idle.is_empty(), "no flaw breaks {idle:?}");
}

#[tokio::test]
async fn a_store_that_is_down_fails_every_case() {
    let failures = run_all(&Flawed::new(Flaw::Down), "test/").await;
    assert_eq!(failures.len(), cases().count());
}

#[test]
fn cases_have_names_of_their_own() {
    let names: BTreeSet<&str> = cases().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().count());
}
