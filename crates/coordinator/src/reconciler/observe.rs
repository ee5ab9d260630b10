//! One look at everything that decides what an indexer needs next.

use std::time::Duration;

use lifecycle::{
    Desired, Executor, ExecutorState, Gate, Observed, Phase, Progress, Record, Seen, Services,
    Stream, StreamHealth, TaskSeen, Timestamp, wants_progress,
};
use tokio::time::Instant;

use super::Reconciler;
use crate::services::{ExecutorKind, ExecutorView, StreamView};
use crate::shared::lock;
use crate::store::{StoreError, Stored};
use crate::tables::Known;

#[cfg(test)]
mod tests;

/// How to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// At the shared listings, where they are newer than our own last action.
    Snapshots,
    /// By point reads: there is work.
    Fresh,
}

impl Reconciler {
    /// Looks at everything. Of the start budget it is assumed that it lets the indexer
    /// start: only whoever would start something asks it.
    pub(crate) async fn observe(&mut self, stored: Option<&Stored>, look: Look) -> Observed {
        let shared = &self.shared;
        let record = stored.map(|stored| stored.record.clone());
        let (desired, desired_as_of) = {
            let mut view = lock(&shared.desired);
            let version = record.as_ref().and_then(Record::known_version);
            view.doubt_older(&self.id, version, Instant::now());
            (view.desired(&self.id), view.known_at(&self.id))
        };
        let services = self.services();
        let (stream, executor, task) = futures_util::join!(
            self.stream(record.as_ref(), &desired, look, &services),
            self.executor(record.as_ref(), &desired, look, &services),
            self.task(record.as_ref()),
        );
        let progress = self.progress(record.as_ref(), &desired, &stream).await;
        let progress = self.note_refusal(progress);
        let gate = self.gate(record.as_ref());
        let armed =
            self.armed.is_some() && record.as_ref().map(|record| &record.task) == Some(&self.armed);
        Observed {
            id: self.id.clone(),
            record,
            desired,
            desired_as_of,
            stream,
            executor,
            progress,
            task,
            armed,
            gate,
            start_slot: Timestamp(0),
            services,
            running_since: self.shared.running_since,
        }
    }

    /// Whether the shared listings are newer than our own last action, or cannot
    /// be had anyway.
    pub(super) fn snapshots_serve(&self) -> bool {
        let now = Instant::now();
        let serves = |known: bool, down: bool| known || down;
        let stream = {
            let table = lock(&self.shared.stream_table);
            let known = !matches!(table.known(&self.id, self.fresh_after, now), Known::Nothing);
            serves(known, table.down_since().is_some())
        };
        let table = lock(&self.shared.executor_table);
        let known = !matches!(table.known(&self.id, self.fresh_after, now), Known::Nothing);
        stream && serves(known, table.down_since().is_some())
    }

    fn services(&self) -> Services {
        let executors = lock(&self.shared.executor_table).down_since();
        Services {
            block_streamer: lock(&self.shared.stream_table).down_since(),
            executors,
            provisioner: match self.shared.provisioner.stands_apart() {
                true => lock(&self.shared.health).provisioner_down,
                false => executors,
            },
        }
    }

    async fn stream(
        &self,
        record: Option<&Record>,
        desired: &Desired,
        look: Look,
        services: &Services,
    ) -> Seen<Stream> {
        if !looks_at_runtime(record, desired) {
            return Seen::Unknown;
        }
        let shared = &self.shared;
        let limit = shared.knobs.heartbeat_limit;
        let known = lock(&shared.stream_table).known(&self.id, self.fresh_after, Instant::now());
        match (look, known) {
            (Look::Snapshots, Known::Present(view, age)) => stream_seen(view, age, limit),
            (Look::Snapshots, Known::Absent) => Seen::Absent,
            _ if services.block_streamer.is_some() => Seen::Unknown,
            _ => {
                let asked_at = Instant::now();
                match shared.streamers.get(&self.id).await {
                    Ok(Some(view)) if self.started.stream_is_old_news(view.version, asked_at) => {
                        Seen::Unknown
                    }
                    Ok(view) => {
                        let mut table = lock(&shared.stream_table);
                        let age = table.point(&self.id, view.clone(), asked_at, Instant::now());
                        view.map_or(Seen::Absent, |view| stream_seen(view, age, limit))
                    }
                    Err(_) => Seen::Unknown,
                }
            }
        }
    }

    async fn executor(
        &self,
        record: Option<&Record>,
        desired: &Desired,
        look: Look,
        services: &Services,
    ) -> Seen<Executor> {
        if !looks_at_runtime(record, desired) {
            return Seen::Unknown;
        }
        let shared = &self.shared;
        let known = lock(&shared.executor_table).known(&self.id, self.fresh_after, Instant::now());
        match (look, known) {
            (Look::Snapshots, Known::Present(view, age)) => executor_seen(view, age),
            (Look::Snapshots, Known::Absent) => Seen::Absent,
            _ if services.executors.is_some() => Seen::Unknown,
            _ => {
                let asked_at = Instant::now();
                match shared.executors.get(&self.id).await {
                    Ok(Some(view)) if self.started.executor_is_old_news(view.version, asked_at) => {
                        Seen::Unknown
                    }
                    Ok(view) => {
                        let mut table = lock(&shared.executor_table);
                        let age = table.point(&self.id, view.clone(), asked_at, Instant::now());
                        view.map_or(Seen::Absent, |view| executor_seen(view, age))
                    }
                    Err(_) => Seen::Unknown,
                }
            }
        }
    }

    async fn task(&self, record: Option<&Record>) -> TaskSeen {
        match record
            .and_then(|record| record.task.as_ref())
            .and_then(|task| task.id.as_deref())
        {
            Some(task_id) => self.shared.provisioner.status(task_id).await,
            None => TaskSeen::Unknown,
        }
    }

    async fn progress(
        &self,
        record: Option<&Record>,
        desired: &Desired,
        stream: &Seen<Stream>,
    ) -> Result<Progress, StoreError> {
        let record = record.filter(|record| wants_progress(record, desired));
        let Some(record) = record.filter(|_| *stream == Seen::Absent) else {
            return Ok(Progress::Unknown);
        };
        self.shared.records.progress(&self.id, record.run).await
    }

    fn gate(&self, record: Option<&Record>) -> Gate {
        match record {
            Some(record) if record.phase == Phase::Initializing && record.task.is_none() => {
                lock(&self.shared.gate).look(&self.id)
            }
            _ => Gate::Open,
        }
    }
}

/// While the data layer is created nothing is decided about stream and executor,
/// nor before there is a record of an indexer that is wanted.
fn looks_at_runtime(record: Option<&Record>, desired: &Desired) -> bool {
    match record {
        Some(record) => record.phase != Phase::Initializing,
        None => !matches!(desired, Desired::Present(_)),
    }
}

/// Whether a look at stream or executor failed although the service answers its
/// shared poll: the answer may come at the next try.
pub(super) fn missed_a_look(seen: &Observed) -> bool {
    let services = &seen.services;
    looks_at_runtime(seen.record.as_ref(), &seen.desired)
        && ((seen.stream == Seen::Unknown && services.block_streamer.is_none())
            || (seen.executor == Seen::Unknown && services.executors.is_none()))
}

/// Whether nothing of the indexer exists that this coordinator would have to look
/// after: no record, not registered, and nothing runs.
pub(crate) fn is_nothing(seen: &Observed) -> bool {
    seen.record.is_none()
        && seen.desired == Desired::Missing
        && seen.stream == Seen::Absent
        && seen.executor == Seen::Absent
}

pub(crate) fn stream_seen(view: StreamView, age: Duration, limit: Duration) -> Seen<Stream> {
    let health = if view.stalled {
        StreamHealth::Stalled
    } else if view.heartbeat.is_some() && age >= limit {
        StreamHealth::Frozen
    } else {
        StreamHealth::Fine
    };
    Seen::Present(Stream {
        id: view.id,
        version: view.version,
        health,
    })
}

pub(crate) fn executor_seen(view: ExecutorView, age: Duration) -> Seen<Executor> {
    let state = match view.state {
        ExecutorKind::Starting => ExecutorState::Starting(age),
        ExecutorKind::Fine => ExecutorState::Fine,
        ExecutorKind::Failing => ExecutorState::Failing(age),
        ExecutorKind::Stalled => ExecutorState::Stalled,
    };
    Seen::Present(Executor {
        id: view.id,
        version: view.version,
        state,
    })
}
