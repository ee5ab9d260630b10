//! The shared polls: one call per tick and service, whatever the number of
//! indexers. Each runs by itself, so that a service that hangs delays no other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lifecycle::IndexerId;
use tokio::time::Instant;

use crate::desired::Taken;
use crate::reconciler::{became_frozen, executor_aged};
use crate::registry::decode::Quarantined;
use crate::registry::{RegistryError, ViewAnswer, decode};
use crate::services::{ExecutorView, ServiceError, StreamView};
use crate::shared::{Shared, lock};
use crate::store::records::READ_KEYS_MAX;
use crate::tables::Condition;

/// The most unreadable entries of one listing that are logged one by one.
const LOGGED_MAX: usize = 20;

impl Condition for StreamView {
    /// A heartbeat that moves makes the condition new: its age is the time
    /// without a sign of life.
    fn same_condition(&self, later: &StreamView) -> bool {
        self == later
    }
}

impl Condition for ExecutorView {
    fn same_condition(&self, later: &ExecutorView) -> bool {
        self == later
    }
}

/// The state of one poll from tick to tick.
pub(crate) struct Poll<T> {
    last: T,
    last_look: Instant,
}

impl<T> Poll<T> {
    pub(crate) fn new(first: T) -> Poll<T> {
        Poll {
            last: first,
            last_look: Instant::now(),
        }
    }
}

/// The registry's last answer, to skip decoding what has not changed.
pub(crate) type RegistryPoll = Poll<Option<Bytes>>;

/// The records as last read.
#[derive(Debug, Default)]
pub(crate) struct RecordPoll {
    last: BTreeMap<IndexerId, Bytes>,
    /// The last indexer whose record was read in this turn.
    cursor: Option<IndexerId>,
    failed: bool,
}

impl RecordPoll {
    pub(crate) fn new(last: BTreeMap<IndexerId, Bytes>) -> RecordPoll {
        RecordPoll {
            last,
            ..RecordPoll::default()
        }
    }
}

impl Shared {
    pub(crate) async fn poll_streams(&self, poll: &mut Poll<()>) {
        let asked_at = Instant::now();
        match self.streamers.list().await {
            Ok(listed) => {
                let now = Instant::now();
                let mut table = lock(&self.stream_table);
                let was_down = table.down_since().is_some();
                let mut wake = table.list(without_duplicates(listed), asked_at, now);
                let before = poll.last_look;
                wake.extend(table.entries().filter_map(|(id, entry)| {
                    let age = |at: Instant| at.saturating_duration_since(entry.since);
                    became_frozen(age(before), age(now), &self.knobs).then(|| id.clone())
                }));
                drop(table);
                poll.last_look = now;
                self.after_list(was_down, &wake, "block streamer");
            }
            Err(error) => self.list_failed("block streamer", &error, |now| {
                let mut table = lock(&self.stream_table);
                let first = table.down_since().is_none();
                table.failed(now);
                first
            }),
        }
    }

    pub(crate) async fn poll_executors(&self, poll: &mut Poll<()>) {
        let asked_at = Instant::now();
        match self.executors.list().await {
            Ok(listed) => {
                let now = Instant::now();
                let mut table = lock(&self.executor_table);
                let was_down = table.down_since().is_some();
                let mut wake = table.list(without_duplicates(listed), asked_at, now);
                let before = poll.last_look;
                wake.extend(table.entries().filter_map(|(id, entry)| {
                    let age = |at: Instant| at.saturating_duration_since(entry.since);
                    executor_aged(&entry.view, age(before), age(now), &self.knobs)
                        .then(|| id.clone())
                }));
                drop(table);
                poll.last_look = now;
                self.after_list(was_down, &wake, "executor service");
            }
            Err(error) => self.list_failed("executor service", &error, |now| {
                let mut table = lock(&self.executor_table);
                let first = table.down_since().is_none();
                table.failed(now);
                first
            }),
        }
    }

    fn after_list(&self, was_down: bool, wake: &[IndexerId], service: &'static str) {
        if was_down {
            tracing::info!(service, "answers again");
            self.wake_unsettled();
        }
        wake.iter().for_each(|id| self.wake(id));
    }

    fn list_failed(
        &self,
        service: &'static str,
        error: &ServiceError,
        mark: impl FnOnce(lifecycle::Timestamp) -> bool,
    ) {
        if mark(self.now()) {
            tracing::warn!(service, %error, "does not answer; what needs it waits");
        }
    }

    /// Reads the records that the loops hold, and wakes those whose record changed
    /// under them. Of very many it reads a part at each tick, in turn.
    pub(crate) async fn poll_records(&self, poll: &mut RecordPoll) {
        let ids = self.owned_after(poll.cursor.as_ref(), READ_KEYS_MAX);
        poll.cursor = (ids.len() == READ_KEYS_MAX)
            .then(|| ids.last().cloned())
            .flatten();
        if poll.cursor.is_none() {
            poll.last.retain(|id, _| self.owns(id));
        }
        if ids.is_empty() {
            return;
        }
        let values = match self.records.raw_many(&ids).await {
            Ok(values) => values,
            Err(error) => {
                if !std::mem::replace(&mut poll.failed, true) {
                    tracing::warn!(%error, "the records cannot be read; what needs them waits");
                }
                return;
            }
        };
        if std::mem::take(&mut poll.failed) {
            tracing::info!("the records can be read again");
            self.wake_unsettled();
        }
        for (id, value) in ids.into_iter().zip(values) {
            if poll.last.get(&id) == value.as_ref() {
                continue;
            }
            self.wake(&id);
            match value {
                Some(value) => poll.last.insert(id, value),
                None => poll.last.remove(&id),
            };
        }
    }

    /// Looks which records there are: a store that went back in time may have
    /// brought some back, or may not list some any more.
    pub(crate) async fn rescan_records(&self) {
        let recorded: Vec<IndexerId> = self
            .statuses()
            .into_iter()
            .filter(|status| status.phase.is_some())
            .map(|status| status.id)
            .collect();
        match self.records.relist(&recorded).await {
            Ok(listed) => {
                let lost = listed.iter().filter(|id| !self.owns(id));
                lost.for_each(|id| self.wake(id));
            }
            Err(error) => tracing::warn!(%error, "the records cannot be listed; tried again"),
        }
    }

    /// Asks the registry for everything; true if there was a usable answer.
    pub(crate) async fn poll_registry(&self, poll: &mut RegistryPoll) -> bool {
        let answer = match self.view("list_all", b"{}").await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "no listing; the last good one stays in force");
                return false;
            }
        };
        let taken = if poll.last.as_ref() == Some(&answer.result) {
            lock(&self.desired).take_same(answer.block_height)
        } else {
            match decode::decode_list(&answer.result) {
                Ok(listing) => {
                    let unreadable: BTreeSet<IndexerId> = listing
                        .quarantined
                        .iter()
                        .filter_map(|entry| IndexerId::parse(&entry.name).ok())
                        .collect();
                    log_quarantined(&listing.quarantined);
                    let taken = lock(&self.desired).take_listing(
                        answer.block_height,
                        listing.indexers,
                        &unreadable,
                        Instant::now(),
                        &self.knobs,
                    );
                    if matches!(taken, Taken::News(_)) {
                        poll.last = Some(answer.result);
                    }
                    taken
                }
                Err(error) => {
                    tracing::error!(%error, "a listing cannot be read; the last good one stays");
                    return false;
                }
            }
        };
        self.after_answer(taken)
    }

    fn after_answer(&self, taken: Taken) -> bool {
        match taken {
            Taken::News(changed) => {
                changed.iter().for_each(|id| self.wake_goal(id));
                true
            }
            Taken::Older { height, mark } => {
                tracing::debug!(
                    height,
                    mark,
                    "an answer older than an earlier one was dropped"
                );
                false
            }
            Taken::Absurd(height) => {
                tracing::error!(height, "an answer of an absurd height was dropped");
                false
            }
        }
    }

    /// Asks about indexers that the registry does not list, a limited number at a
    /// time, until none is due.
    pub(crate) async fn confirm_absences(&self) {
        let limit = self.knobs.confirm_parallel.max(1);
        loop {
            // Whoever was asked about is not due again at once, so this ends.
            let due = lock(&self.desired).questions_due(limit, Instant::now());
            futures_util::future::join_all(due.iter().map(|id| self.confirm(id))).await;
            if due.len() < limit {
                return;
            }
        }
    }

    async fn confirm(&self, id: &IndexerId) {
        if let Err(error) = self.ask(id).await {
            tracing::warn!(indexer = %id, %error, "the registry did not say what became of it");
            lock(&self.desired).unanswered(id, Instant::now(), &self.knobs);
        }
    }

    /// Asks the registry about one indexer. The answer is news for its loop too,
    /// whoever asked.
    pub(crate) async fn ask(&self, id: &IndexerId) -> Result<lifecycle::Desired, RegistryError> {
        let (height, wanted) = self.read_one(id).await?;
        let taken = lock(&self.desired).take_answer(
            id,
            height,
            wanted.clone(),
            Instant::now(),
            &self.knobs,
        );
        self.after_answer(taken);
        Ok(wanted)
    }

    /// What the registry says of one indexer, and as of which height.
    async fn read_one(&self, id: &IndexerId) -> Result<(u64, lifecycle::Desired), RegistryError> {
        let arguments = serde_json::json!({
            "account_id": id.account(),
            "function_name": id.function(),
        });
        let answer = self
            .view("read_indexer_function", arguments.to_string().as_bytes())
            .await?;
        let wanted = decode::decode_one(id, &answer.result)
            .map_err(|error| RegistryError::Unavailable(error.to_string()))?;
        Ok((answer.block_height, wanted))
    }

    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let deadline = self.knobs.list_deadline;
        match tokio::time::timeout(deadline, self.registry.view(method, arguments)).await {
            Ok(answer) => answer,
            Err(_) => Err(RegistryError::Unavailable(format!(
                "no answer to {method} in {deadline:?}"
            ))),
        }
    }
}

/// A service may list one name twice; the later entry wins.
fn without_duplicates<V>(listed: Vec<(IndexerId, V)>) -> BTreeMap<IndexerId, V> {
    listed.into_iter().collect()
}

fn log_quarantined(quarantined: &[Quarantined]) {
    for entry in quarantined.iter().take(LOGGED_MAX) {
        tracing::error!(
            indexer = entry.name,
            why = entry.why,
            "a registry entry cannot be read; what runs of it is left alone"
        );
    }
    let more = quarantined.len().saturating_sub(LOGGED_MAX);
    if more > 0 {
        tracing::error!(more, "further registry entries cannot be read");
    }
}

/// Everything that is worth a loop and has none: first what is registered, then
/// what runs without being registered.
pub(crate) fn strangers(shared: &Shared) -> Vec<IndexerId> {
    let mut found: Vec<IndexerId> = lock(&shared.desired).listed().cloned().collect();
    let mut running = BTreeSet::new();
    running.extend(
        lock(&shared.stream_table)
            .entries()
            .map(|(id, _)| id.clone()),
    );
    running.extend(
        lock(&shared.executor_table)
            .entries()
            .map(|(id, _)| id.clone()),
    );
    found.extend(running);
    found.retain(|id| !shared.owns(id));
    found
}
