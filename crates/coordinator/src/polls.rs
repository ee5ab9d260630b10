//! The shared polls: one call per tick and service, whatever the number of
//! indexers. Each runs by itself, so that a service that hangs delays no other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use lifecycle::IndexerId;
use proto::block_streamer::StreamInfo;
use proto::runner::ExecutorInfo;
use tokio::time::Instant;

use crate::knobs::Knobs;
use crate::recall::Recall;
use crate::services::{Entry, ExecutorKind, ExecutorView, Listing, News, ServiceError, StreamView};
use crate::shared::{Shared, lock};
use crate::store::keys;
use crate::store::records::Relisted;
use crate::tables::{Condition, Table};

mod registry;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unlistable_tests;

pub(crate) use registry::RegistryPoll;

impl Condition for StreamView {
    /// A heartbeat that moves makes the condition new: its age is the time
    /// without a sign of life.
    fn same_condition(&self, later: &StreamView) -> bool {
        self == later
    }

    /// The heartbeat is not told.
    fn looks_like(&self, later: &StreamView) -> bool {
        let told = |view: &StreamView| (view.version, view.stalled, view.heartbeat.is_some());
        self.id == later.id && told(self) == told(later)
    }

    fn ages(&self, knobs: &Knobs) -> [Option<Duration>; 2] {
        [Some(knobs.heartbeat_limit), None]
    }
}

impl Condition for ExecutorView {
    fn same_condition(&self, later: &ExecutorView) -> bool {
        self == later
    }

    fn looks_like(&self, later: &ExecutorView) -> bool {
        self == later
    }

    fn ages(&self, knobs: &Knobs) -> [Option<Duration>; 2] {
        let policy = &knobs.policy;
        match self.state {
            ExecutorKind::Failing => [Some(policy.failing_grace), None],
            ExecutorKind::Starting => [
                Some(policy.executor_start_grace),
                Some(policy.executor_start_timeout),
            ],
            ExecutorKind::Fine | ExecutorKind::Stalled => [None, None],
        }
    }
}

/// The records as last read.
#[derive(Debug, Default)]
pub(crate) struct RecordPoll {
    last: BTreeMap<IndexerId, Bytes>,
    /// What was read last.
    batch: Batch,
    /// The last indexer whose record was read in this turn.
    cursor: Option<IndexerId>,
    failed: bool,
}

/// What is read in one go, kept as long as it is the same at every tick.
#[derive(Debug, Default)]
struct Batch {
    /// Which loops there were when it was made; `None` if it is not all of them.
    roll: Option<u64>,
    ids: Vec<IndexerId>,
    keys: Vec<String>,
    /// What `RecordPoll::last` says of each.
    values: Vec<Option<Bytes>>,
    /// It begins behind this one, and ends with that one.
    bounds: (Option<IndexerId>, Option<IndexerId>),
    /// It was read since it was made.
    is_read: bool,
}

impl RecordPoll {
    pub(crate) fn new(last: BTreeMap<IndexerId, Bytes>) -> RecordPoll {
        RecordPoll {
            last,
            ..RecordPoll::default()
        }
    }

    /// Makes `batch` what is to be read next.
    fn turn(&mut self, shared: &Shared) {
        let roll = shared.roll();
        if self.batch.roll == Some(roll) {
            return;
        }
        let most = shared.knobs.read_keys_max.max(1);
        let ids = shared.owned_after(self.cursor.as_ref(), most);
        let whole = self.cursor.is_none() && ids.len() < most;
        let after = self.cursor.take();
        self.cursor = (ids.len() == most).then(|| ids.last().cloned()).flatten();
        if self.cursor.is_none() {
            self.last.retain(|id, _| shared.owns(id));
            lock(&shared.recall).retain(|id| shared.owns(id));
        }
        self.batch = Batch {
            roll: whole.then_some(roll),
            keys: ids.iter().map(keys::state).collect(),
            values: ids.iter().map(|id| self.last.get(id).cloned()).collect(),
            bounds: (after, self.cursor.clone()),
            is_read: false,
            ids,
        };
    }

    /// Takes in what was read at the time `asked_at`; returns whose record is another
    /// than its loop or a command knew it to be. A store that goes back between two polls
    /// tells twice the same; and what a loop wrote itself is no news to it, however long
    /// the turn of the poll takes. Where nobody else has looked, it is another than the
    /// poll read before.
    fn take(
        &mut self,
        values: Vec<Option<Bytes>>,
        recall: &Recall,
        asked_at: Instant,
    ) -> Vec<IndexerId> {
        let mut changed = Vec::new();
        let batch = self.batch.ids.iter().zip(&mut self.batch.values);
        for ((id, before), value) in batch.zip(values) {
            let same = same_value(before.as_ref(), value.as_ref());
            let known = recall.noted_by(id, asked_at);
            if known.map_or(!same, |known| !same_value(known, value.as_ref())) {
                changed.push(id.clone());
            } else if same {
                continue;
            }
            before.clone_from(&value);
            match value {
                Some(value) => self.last.insert(id.clone(), value),
                None => self.last.remove(id),
            };
        }
        changed
    }
}

impl Shared {
    pub(crate) async fn poll_streams(&self, last: &mut Listing<StreamInfo>) {
        let asked_at = Instant::now();
        match self.streamers.list(last).await {
            Ok(news) => self.listed(&self.stream_table, last, news, asked_at, "block streamer"),
            Err(error) => self.list_failed(&self.stream_table, "block streamer", &error),
        }
    }

    pub(crate) async fn poll_executors(&self, last: &mut Listing<ExecutorInfo>) {
        let asked_at = Instant::now();
        match self.executors.list(last).await {
            Ok(news) => self.listed(
                &self.executor_table,
                last,
                news,
                asked_at,
                "executor service",
            ),
            Err(error) => self.list_failed(&self.executor_table, "executor service", &error),
        }
    }

    /// Asks a provisioner that stands apart whether it is there.
    pub(crate) async fn poll_provisioner(&self) {
        const SERVICE: &str = "provisioner";
        let answer = self.provisioner.answers().await;
        let now = self.now();
        let mut health = lock(&self.health);
        let was_down = health.provisioner_down.is_some();
        match answer {
            Ok(()) => {
                health.provisioner_down = None;
                drop(health);
                self.after_list(was_down, &[], SERVICE);
            }
            Err(error) => {
                health.provisioner_down.get_or_insert(now);
                drop(health);
                self.note_down(!was_down, SERVICE, &error);
            }
        }
    }

    fn listed<T: Entry<View: Clone + Condition>>(
        &self,
        table: &Mutex<Table<T::View>>,
        listing: &Listing<T>,
        news: News,
        asked_at: Instant,
        service: &'static str,
    ) {
        let now = Instant::now();
        let mut table = lock(table);
        let was_down = table.down_since().is_some();
        let mut wake = match news {
            News::Anything => table.list(listing.all(), asked_at, now),
            News::At(positions) => {
                let changes = listing.at(&positions);
                table.relist(changes, |id| listing.of(id), asked_at, now)
            }
        };
        wake.extend(table.aged(now));
        let altered = table.take_altered();
        drop(table);
        if !altered.is_empty() {
            let mut log = lock(&self.log);
            altered.iter().for_each(|id| log.note_owned(id));
        }
        self.after_list(was_down, &wake, service);
    }

    fn after_list(&self, was_down: bool, wake: &[IndexerId], service: &'static str) {
        if was_down {
            tracing::info!(service, "answers again");
            lock(&self.log).note_steady();
            self.wake_unsettled();
        }
        wake.iter().for_each(|id| self.wake(id));
    }

    fn list_failed<V: Clone + Condition>(
        &self,
        table: &Mutex<Table<V>>,
        service: &'static str,
        error: &ServiceError,
    ) {
        let now = self.now();
        let mut table = lock(table);
        let first = table.down_since().is_none();
        table.failed(now);
        drop(table);
        self.note_down(first, service, error);
    }

    fn note_down(&self, first: bool, service: &'static str, error: &ServiceError) {
        if first {
            tracing::warn!(service, %error, "does not answer; what needs it waits");
            lock(&self.log).note_steady();
        }
    }

    /// Reads the records that the loops hold, and wakes those whose record changed
    /// under them. Of very many it reads a part at each tick, in turn.
    pub(crate) async fn poll_records(&self, poll: &mut RecordPoll) {
        let asked_at = Instant::now();
        poll.turn(self);
        if poll.batch.ids.is_empty() {
            return;
        }
        let values = match self.records.raw_at(&poll.batch.keys).await {
            Ok(values) => values,
            Err(error) => {
                let now = self.now();
                lock(&self.health).set_store_down(now, &error);
                if !std::mem::replace(&mut poll.failed, true) {
                    tracing::warn!(%error, "the records cannot be read; what needs them waits");
                }
                return;
            }
        };
        if std::mem::take(&mut poll.failed) {
            lock(&self.health).set_store_up();
            tracing::info!("the records can be read again");
            self.wake_unsettled();
        }
        let changed = poll.take(values, &lock(&self.recall), asked_at);
        self.note_read(poll, &changed, asked_at);
        changed.iter().for_each(|id| self.wake(id));
    }

    /// Takes note of what was read, for times in which nothing can be, and tells
    /// watchers again what they were told from such notes.
    fn note_read(&self, poll: &mut RecordPoll, changed: &[IndexerId], asked_at: Instant) {
        let batch = &mut poll.batch;
        let mut recall = lock(&self.recall);
        if std::mem::replace(&mut batch.is_read, true) {
            for id in changed {
                recall.note(id, poll.last.get(id), asked_at);
            }
        } else {
            for (id, value) in batch.ids.iter().zip(&batch.values) {
                recall.note(id, value.as_ref(), asked_at);
            }
        }
        let (after, upto) = &batch.bounds;
        recall.read(after.as_ref(), upto.as_ref(), asked_at);
        let told = recall.take_told();
        drop(recall);
        if !told.is_empty() {
            let mut log = lock(&self.log);
            told.iter().for_each(|id| log.note(id));
        }
    }

    /// Looks which records there are: a store that went back in time may have
    /// brought some back, or may not list some any more.
    pub(crate) async fn rescan_records(&self) {
        let listed = if self.shadow {
            let listed = self.records.listed().await;
            listed.map(|listed| Relisted {
                listed,
                ..Relisted::default()
            })
        } else {
            let recorded: Vec<IndexerId> = self
                .statuses()
                .into_iter()
                .filter(|status| status.phase.is_some())
                .map(|status| status.id)
                .collect();
            self.records.relist(&recorded).await
        };
        match listed {
            Ok(Relisted { listed, gone }) => {
                let lost = listed.iter().filter(|id| !self.owns(id));
                lost.chain(&gone).for_each(|id| self.wake(id));
            }
            Err(error) => tracing::warn!(%error, "the records cannot be listed; tried again"),
        }
    }
}

fn same_value(one: Option<&Bytes>, other: Option<&Bytes>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_bytes(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// Whether both hold the same; at once if they are the same memory.
fn same_bytes(one: &Bytes, other: &Bytes) -> bool {
    (one.as_ptr() == other.as_ptr() && one.len() == other.len()) || one == other
}

/// Everything that is worth a loop and has none: first what is registered, then
/// what runs without being registered.
pub(crate) fn strangers(shared: &Shared) -> Vec<IndexerId> {
    let mut found: Vec<IndexerId> = lock(&shared.desired).listed().cloned().collect();
    let mut running = BTreeSet::new();
    running.extend(lock(&shared.stream_table).ids().cloned());
    running.extend(lock(&shared.executor_table).ids().cloned());
    found.extend(running);
    found.retain(|id| !shared.owns(id));
    found
}
