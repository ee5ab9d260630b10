//! Bugs about what the registry says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use lifecycle::{Action, Desired, Observed, Phase, Policy, Seen, Step, Timestamp};
use serde_json::{Map, Value};
use sim_registry::LIST_METHOD;
use tokio::time::Instant;

use super::bug::Bug;
use super::{Planted, idle_bug, unsafe_bug};

type Answer = Result<ViewAnswer, RegistryError>;

pub(super) const BUGS: &[Planted] = &[
    unsafe_bug(
        "null-read-as-deletion",
        "A successful null for an indexer is taken for a tombstone",
        "The original's history: live indexers were deprovisioned",
        || Arc::new(NullReadAsDeletion),
    ),
    unsafe_bug(
        "absence-read-as-deletion",
        "What the listing lacks is deleted",
        "The original's registry before it kept tombstones",
        || Arc::new(AbsenceReadAsDeletion),
    ),
    unsafe_bug(
        "versions-compared-for-difference",
        "Any other version is an update, however old the answer is",
        "The original's known defect: streams rolled back by a lagging replica",
        || Arc::new(VersionsComparedForDifference(AnyHeight::default())),
    ),
    unsafe_bug(
        "silence-read-as-nothing-wanted",
        "While the registry does not answer, what runs is stopped",
        "Controller pattern: no answer is taken for an empty one",
        || Arc::new(SilenceReadAsNothingWanted::default()),
    ),
    idle_bug(
        "listing-cached-for-ever",
        "The first listing is answered again and again",
        "Controller pattern: stale read",
        || Arc::new(ListingCachedForEver::default()),
    ),
    idle_bug(
        "lone-change-waits-for-company",
        "A change of one entry is held back until another comes, or half a minute is over",
        "Controller pattern: batching without a limit that people notice",
        || Arc::new(LoneChangeWaits::default()),
    ),
    idle_bug(
        "point-reads-never-answer",
        "Who is gone from the listing cannot be asked for",
        "Controller pattern: the confirmation step fails for good",
        || Arc::new(PointReadsNeverAnswer),
    ),
    unsafe_bug(
        "tombstone-overlooked",
        "The height of the deletion is not read",
        "The original ignores the registry while it deletes",
        || Arc::new(TombstoneOverlooked),
    ),
    unsafe_bug(
        "life-not-noted",
        "The record does not tell as what the indexer is registered, before its first run",
        "A former version of this coordinator: an older tombstone took the record away",
        || Arc::new(LifeNotNoted),
    ),
    unsafe_bug(
        "latest-means-the-tip",
        "LATEST begins at the tip instead of the block of the registration",
        "A common misreading of the registry's start block",
        || Arc::new(LatestMeansTheTip),
    ),
    unsafe_bug(
        "continue-means-latest",
        "CONTINUE begins anew at the version",
        "The original's choice where no cursor is found",
        || Arc::new(ContinueMeansLatest),
    ),
    idle_bug(
        "updates-overlooked",
        "The version is the height of creation, so that no update shows",
        "Controller pattern: missed intermediate state",
        || Arc::new(UpdatesOverlooked),
    ),
];

/// Changes every entry of a listing.
fn in_listing(answer: ViewAnswer, change: impl Fn(&mut Map<String, Value>)) -> ViewAnswer {
    let Ok(Value::Object(mut accounts)) = serde_json::from_slice(&answer.result) else {
        return answer;
    };
    for entry in accounts.values_mut().filter_map(Value::as_object_mut) {
        entry
            .values_mut()
            .filter_map(Value::as_object_mut)
            .for_each(&change);
    }
    match serde_json::to_vec(&Value::Object(accounts)) {
        Ok(bytes) => ViewAnswer {
            result: bytes.into(),
            ..answer
        },
        Err(_) => answer,
    }
}

/// Changes the entries of whatever was answered.
async fn with_entries(
    to: &dyn RegistryTransport,
    method: &str,
    arguments: &[u8],
    change: impl Fn(&mut Map<String, Value>) + Send + Sync,
) -> Answer {
    let answer = to.view(method, arguments).await?;
    if method == LIST_METHOD {
        return Ok(in_listing(answer, change));
    }
    let Ok(Value::Object(mut entry)) = serde_json::from_slice(&answer.result) else {
        return Ok(answer);
    };
    change(&mut entry);
    Ok(ViewAnswer {
        result: Value::Object(entry).to_string().into(),
        ..answer
    })
}

struct NullReadAsDeletion;

#[async_trait]
impl Bug for NullReadAsDeletion {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        let answer = to.view(method, arguments).await?;
        if method == LIST_METHOD || &answer.result[..] != b"null" {
            return Ok(answer);
        }
        let height = answer.block_height;
        let entry = serde_json::json!({
            "code": "", "schema": "", "start_block": "LATEST",
            "rule": {"kind": "ACTION_ANY", "affected_account_id": "x", "status": "ANY"},
            "created_at_block_height": height, "deleted_at_block_height": height,
        });
        Ok(ViewAnswer {
            result: entry.to_string().into(),
            ..answer
        })
    }
}

struct AbsenceReadAsDeletion;

impl Bug for AbsenceReadAsDeletion {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        let run = seen.record.as_ref().and_then(|record| record.run);
        if let (Desired::Missing | Desired::Unlisted(_), Some(run)) = (&seen.desired, run) {
            let version = run.target.version;
            seen.desired = Desired::Deleted {
                version,
                at: version + 1,
            };
        }
    }
}

/// Every answer claims to be at least as new as the one before.
#[derive(Default)]
struct AnyHeight(AtomicU64);

#[async_trait]
impl Bug for AnyHeight {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        let answer = to.view(method, arguments).await?;
        let before = self.0.fetch_max(answer.block_height, Ordering::Relaxed);
        Ok(ViewAnswer {
            block_height: answer.block_height.max(before),
            ..answer
        })
    }
}

struct VersionsComparedForDifference(AnyHeight);

#[async_trait]
impl Bug for VersionsComparedForDifference {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        self.0.view(to, method, arguments).await
    }

    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        if let (Desired::Present(spec), Some(record)) = (&seen.desired, &mut seen.record) {
            record.run = record.run.filter(|run| run.target.version <= spec.version);
            record.registered = record.registered.filter(|known| *known <= spec.version);
        }
    }
}

struct LifeNotNoted;

impl Bug for LifeNotNoted {
    fn look(&self, seen: &mut Observed, _now: Timestamp) {
        let Some(record) = &mut seen.record else {
            return;
        };
        // Whoever is switched off rests, as if that had been noted which is told now.
        record.registered = match (&seen.desired, record.phase) {
            (
                Desired::Present(spec) | Desired::Unlisted(spec),
                Phase::Suspending | Phase::Suspended,
            ) => Some(spec.version),
            _ => None,
        };
    }
}

#[derive(Default)]
struct SilenceReadAsNothingWanted(AtomicBool);

#[async_trait]
impl Bug for SilenceReadAsNothingWanted {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        let answer = to.view(method, arguments).await;
        self.0.store(answer.is_err(), Ordering::Relaxed);
        answer
    }

    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        let runs = seen
            .record
            .as_ref()
            .is_some_and(|it| it.phase == Phase::Running);
        match &seen.stream {
            Seen::Present(stream) if runs && self.0.load(Ordering::Relaxed) => {
                Step::Apply(Action::StopStream(stream.id.clone()))
            }
            _ => step,
        }
    }
}

#[derive(Default)]
struct ListingCachedForEver(Mutex<Option<Bytes>>);

#[async_trait]
impl Bug for ListingCachedForEver {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        let answer = to.view(method, arguments).await?;
        if method != LIST_METHOD {
            return Ok(answer);
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = kept.get_or_insert(answer.result).clone();
        Ok(ViewAnswer { result, ..answer })
    }
}

/// The listing that is told, and since when the true one is another.
#[derive(Default)]
struct LoneChangeWaits(Mutex<(Bytes, Option<Instant>)>);

/// How many entries of two listings are not the same.
fn differing(one: &[u8], other: &[u8]) -> usize {
    let entries = |raw: &[u8]| -> BTreeMap<String, Value> {
        let accounts = serde_json::from_slice::<BTreeMap<String, Map<String, Value>>>(raw);
        let of_account = |(account, entries): (String, Map<String, Value>)| {
            let named = move |(name, entry)| (format!("{account}/{name}"), entry);
            entries.into_iter().map(named)
        };
        accounts
            .unwrap_or_default()
            .into_iter()
            .flat_map(of_account)
            .collect()
    };
    let (one, other) = (entries(one), entries(other));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .count()
}

#[async_trait]
impl Bug for LoneChangeWaits {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        let answer = to.view(method, arguments).await?;
        if method != LIST_METHOD {
            return Ok(answer);
        }
        let now = Instant::now();
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (result, since) = &mut *told;
        let waited = since.get_or_insert(now).elapsed();
        if *result == answer.result {
            *since = None;
        } else if waited >= PATIENCE || differing(result, &answer.result) != 1 {
            *result = answer.result.clone();
            *since = None;
        }
        let result = result.clone();
        Ok(ViewAnswer { result, ..answer })
    }
}

/// How long a change waits for another.
const PATIENCE: Duration = Duration::from_secs(30);

struct PointReadsNeverAnswer;

#[async_trait]
impl Bug for PointReadsNeverAnswer {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        let answer = to.view(method, arguments).await?;
        if method == LIST_METHOD {
            return Ok(answer);
        }
        Err(RegistryError::Unavailable("it was not asked".to_owned()))
    }
}

struct TombstoneOverlooked;

#[async_trait]
impl Bug for TombstoneOverlooked {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        with_entries(to, method, arguments, |entry| {
            entry.remove("deleted_at_block_height");
        })
        .await
    }
}

struct LatestMeansTheTip;

#[async_trait]
impl Bug for LatestMeansTheTip {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        with_entries(to, method, arguments, |entry| {
            let version = ["updated_at_block_height", "created_at_block_height"]
                .iter()
                .find_map(|name| entry.get(*name)?.as_u64());
            let start = entry
                .get_mut("start_block")
                .filter(|start| *start == "LATEST");
            if let (Some(start), Some(version)) = (start, version) {
                // A block later: whatever the tip was when it was heard of.
                *start = serde_json::json!({ "HEIGHT": version + 1 });
            }
        })
        .await
    }
}

struct ContinueMeansLatest;

#[async_trait]
impl Bug for ContinueMeansLatest {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        with_entries(to, method, arguments, |entry| {
            if let Some(start) = entry.get_mut("start_block").filter(|it| *it == "CONTINUE") {
                *start = Value::from("LATEST");
            }
        })
        .await
    }
}

struct UpdatesOverlooked;

#[async_trait]
impl Bug for UpdatesOverlooked {
    async fn view(&self, to: &dyn RegistryTransport, method: &str, arguments: &[u8]) -> Answer {
        with_entries(to, method, arguments, |entry| {
            entry.remove("updated_at_block_height");
        })
        .await
    }
}
