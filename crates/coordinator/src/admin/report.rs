//! Everything that is known about one indexer, for operators.

use bytes::Bytes;
use lifecycle::{Desired, Executor, IndexerId, Phase, Progress, Record, Seen, Stream};
use tokio::time::Instant;

use super::recalled::Recalled;
use crate::desired::Behind;
use crate::health::Aside;
use crate::reconciler::observe::{executor_seen, stream_seen};
use crate::shared::{Shared, lock};
use crate::status::LoopStatus;
use crate::store::{Corrupt, Stored, codec, keys};
use crate::tables::Known;

/// One indexer as the coordinator sees it. Parts may be from different moments.
#[derive(Clone, Debug)]
pub struct IndexerReport {
    /// Which.
    pub id: IndexerId,
    /// Its record, if there is one that can be read.
    pub record: Option<Record>,
    /// What is wrong with its record, if it cannot be read.
    pub unreadable: Option<String>,
    /// What the registry wants, as far as is known.
    pub desired: Desired,
    /// Why its entry in the registry cannot be read, if it was set aside.
    pub set_aside: Option<String>,
    /// The stream as last seen.
    pub stream: Seen<Stream>,
    /// The executor as last seen.
    pub executor: Seen<Executor>,
    /// Cursor and queue; only read where one indexer is asked for.
    pub progress: Progress,
    /// What its loop does, if it has one.
    pub status: Option<LoopStatus>,
    /// Why no answer of the registry is taken in, if it answers, but all that it tells
    /// is too old.
    pub registry_behind: Option<Behind>,
    /// Set if the store could not be read: then the record is what was last known of it.
    pub recalled: Option<Recalled>,
}

impl IndexerReport {
    /// Whether it is not known if there is a record: the store cannot be read, and was
    /// not since the start.
    pub fn is_unread(&self) -> bool {
        (self.recalled.as_ref()).is_some_and(|recalled| recalled.age.is_none())
    }

    /// Whether it runs as it was wanted last, although the registry lists it no more.
    pub(super) fn is_kept(&self) -> bool {
        let Desired::Unlisted(spec) = &self.desired else {
            return false;
        };
        let record = self.record.as_ref();
        let run = record.and_then(|record| record.run);
        run.is_some_and(|run| run.prepared && run.target.is(spec))
    }

    /// A word for programs: what its loop waits for or does. `Idle` without a
    /// loop, `Unreadable` if its record cannot be read.
    pub fn state(&self) -> &'static str {
        if self.unreadable.is_some() {
            return "Unreadable";
        }
        self.status.as_ref().map_or("Idle", LoopStatus::state)
    }

    /// Whether it needs somebody's attention, or a failure is being made good: it
    /// is neither as wanted nor merely on its way there.
    pub fn troubled(&self) -> bool {
        let repairing = self
            .record
            .as_ref()
            .is_some_and(|record| record.phase == Phase::Repairing);
        let states = [
            "Unreadable",
            "Trouble",
            "Held",
            "ServiceDown",
            "Retry",
            "GaveUp",
            "NotInRegistry",
            "StaleRegistry",
            "RegistryUnknown",
            "Unseen",
        ];
        repairing || states.contains(&self.state())
    }
}

impl Shared {
    /// What is under the key of the record of `id`, of which `value` was read. What
    /// is no text reads as nothing.
    pub(crate) fn decoded(
        &self,
        id: &IndexerId,
        value: Option<Bytes>,
    ) -> Result<Option<Stored>, Corrupt> {
        let key = keys::state(id);
        match value {
            Some(raw) => codec::decode(&key, &raw).map(Some),
            None => match lock(&self.health).why_unreadable(&key) {
                Some(why) => Err(Corrupt { key, why }),
                None => Ok(None),
            },
        }
    }

    /// What is known of `id`, whose record was read as `stored`.
    pub(crate) fn report(
        &self,
        id: IndexerId,
        stored: Result<Option<Stored>, Corrupt>,
    ) -> IndexerReport {
        let now = Instant::now();
        let (record, unreadable) = match stored {
            Ok(stored) => (stored.map(|stored| stored.record), None),
            Err(corrupt) => (None, Some(corrupt.why)),
        };
        let limit = self.knobs.heartbeat_limit;
        let stream = match lock(&self.stream_table).latest(&id, now) {
            Known::Present(view, age) => stream_seen(view, age, limit),
            Known::Absent => Seen::Absent,
            Known::Nothing => Seen::Unknown,
        };
        let executor = match lock(&self.executor_table).latest(&id, now) {
            Known::Present(view, age) => executor_seen(view, age),
            Known::Absent => Seen::Absent,
            Known::Nothing => Seen::Unknown,
        };
        let down = self.needed_down();
        let behind = lock(&self.health)
            .behind()
            .map(|(behind, since)| (behind.clone(), since));
        let late = behind.as_ref().map(|(_, since)| *since);
        let (status, news) = {
            let log = lock(&self.log);
            (log.get(&id).cloned(), log.news_at(&id))
        };
        let desired = lock(&self.desired).desired(&id);
        let kept = matches!(desired, Desired::Unlisted(_));
        let set_aside = match desired {
            Desired::Missing | Desired::Unlisted(_) => lock(&self.health).aside.clone(),
            Desired::Unknown | Desired::Present(_) | Desired::Deleted { .. } => Aside::default(),
        };
        let set_aside = set_aside.why(&id).map(str::to_owned);
        let lacks = stream == Seen::Absent || executor == Seen::Absent;
        let is_past = |status: &LoopStatus, record: &Record| {
            status.is_overtaken_by(record, &desired) || (status.is_steady() && lacks)
        };
        let in_line = |status: LoopStatus| match status.is_in_line() {
            true => status.seen_by(lock(&self.gate).judge(&id)),
            false => status,
        };
        let now_told = |status: LoopStatus| {
            in_line(status)
                .beside(down)
                .while_late(late)
                .while_kept(kept, news)
        };
        let status = status.map(|status| match &record {
            Some(record) if is_past(&status, record) => status.at_work().since_news(news),
            Some(record) => now_told(status.since_by(record)),
            None => now_told(status),
        });
        IndexerReport {
            status,
            desired,
            set_aside,
            id,
            record,
            unreadable,
            stream,
            executor,
            progress: Progress::Unknown,
            recalled: None,
            registry_behind: behind.map(|(behind, _)| behind),
        }
    }
}
