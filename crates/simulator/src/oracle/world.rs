//! What really exists of one indexer at the nodes, unreachable things included.

use std::time::Duration;

use sim_node::{EntryId, Event, TaskStopReason, Time, WorkerStopReason};

use crate::history::Incarnation;

/// Wire number of the streamer's STALLED.
const STREAM_WAITING: i32 = 3;
const STREAM_STALLED: i32 = 4;
/// Code that fails for no longer may just retry a block.
const PASSING_FAILURE: Duration = Duration::from_secs(5);

const EXECUTOR_RUNNING: i32 = 1;
const EXECUTOR_FAILING: i32 = 2;
const EXECUTOR_STALLED: i32 = 5;
const EXECUTOR_IDLE: i32 = 6;

/// A stream task that runs.
#[derive(Clone, Debug)]
pub(super) struct StreamTask {
    pub task: u64,
    pub version: u64,
    pub since: Time,
    /// A stop was applied; it ends shortly.
    pub stopped_at: Option<Time>,
    /// Who had sent the stop.
    pub stopped_by: Option<Incarnation>,
    /// No call reaches it since then.
    pub orphaned_at: Option<Time>,
    /// The network or the node made it, not the coordinator's decision.
    pub excused: bool,
}

/// The stream that the streamer lists; its task may be dead.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListedStream {
    pub version: u64,
    state: i32,
}

impl ListedStream {
    fn is_stalled(self) -> bool {
        self.state == STREAM_STALLED
    }
}

/// The executor that the runner lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListedExecutor {
    pub version: u64,
    pub since: Time,
    state: i32,
    state_since: Time,
    pub excused: bool,
}

/// A start of an executor whose worker is not there yet.
#[derive(Clone, Copy, Debug)]
struct PendingStart {
    version: u64,
    /// Its entry was removed meanwhile; the value says whether that is excused.
    abandoned: Option<bool>,
}

/// A worker that runs.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    pub worker: u64,
    pub version: u64,
    pub orphan: bool,
    pub excused: bool,
    /// The last entry it executed, the task that published it, and its height.
    pub last: Option<(EntryId, u64, u64)>,
}

/// Everything of one indexer.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub streams: Vec<StreamTask>,
    pub listed_stream: Option<ListedStream>,
    pub executor: Option<ListedExecutor>,
    pub workers: Vec<Worker>,
    /// The listed executor's worker ended, and its state does not show it.
    pub vanished: bool,
    /// The version of the executor that was listed last, and until when.
    pub unlisted: Option<(u64, Time)>,
    /// When its code last began to fail.
    fell_ill_at: Option<Time>,
    /// When the executor that was starting last was no longer so.
    pub began_at: Option<Time>,
    /// When the listed stream was last stalled or dead, or there was none.
    pub stream_sick_at: Option<Time>,
    /// When the listed executor last failed or was dead, or there was none.
    pub executor_sick_at: Option<Time>,
    /// Streams whose task ended by itself are no longer listed.
    pub streams_vanish: bool,
    starts: Vec<PendingStart>,
    pub stream_starts: u64,
    pub worker_starts: u64,
    pub store_losses: u64,
}

impl World {
    /// Takes note of what happened; data-plane events and data layer tasks are
    /// no business of this.
    pub fn observe(&mut self, now: Time, event: &Event) {
        self.note_health(now);
        self.change(now, event);
        self.note_health(now);
    }

    fn note_health(&mut self, now: Time) {
        if self.stream_is_sick() {
            self.stream_sick_at = Some(now);
        }
        if self.executor_is_sick() {
            self.executor_sick_at = Some(now);
        }
    }

    fn change(&mut self, now: Time, event: &Event) {
        match event {
            Event::StreamStarted { task, version, .. } => self.stream_started(now, *task, *version),
            Event::StreamEnded { task, reason, .. } => {
                self.streams.retain(|stream| stream.task != *task);
                let owned = self.owned_stream().is_none();
                if *reason == TaskStopReason::NodeDied || (self.streams_vanish && owned) {
                    self.listed_stream = None;
                }
            }
            Event::StreamOrphaned { task, .. } => {
                for stream in self
                    .streams
                    .iter_mut()
                    .filter(|stream| stream.task == *task)
                {
                    stream.orphaned_at = Some(now);
                }
            }
            Event::StreamHealth { state, .. } => {
                if let Some(listed) = &mut self.listed_stream {
                    listed.state = *state;
                }
            }
            Event::ExecutorListed { version, .. } => {
                let version = *version;
                self.starts.push(PendingStart {
                    version,
                    abandoned: None,
                });
                self.executor = Some(ListedExecutor {
                    version,
                    since: now,
                    state: EXECUTOR_IDLE,
                    state_since: now,
                    excused: false,
                });
            }
            Event::ExecutorUnlisted { .. } => {
                self.unlisted = self.executor.map(|executor| (executor.version, now));
                self.executor = None;
                self.vanished = false;
            }
            Event::ExecutorState { state, .. } => self.executor_state(now, *state),
            Event::WorkerStarted {
                worker, version, ..
            } => {
                self.worker_starts += 1;
                let listed = self
                    .executor
                    .filter(|executor| executor.version == *version);
                self.workers.push(Worker {
                    worker: *worker,
                    version: *version,
                    orphan: false,
                    excused: listed.is_some_and(|executor| executor.excused),
                    last: None,
                });
            }
            Event::WorkerEnded { worker, reason, .. } => {
                let owned = self
                    .workers
                    .iter()
                    .any(|w| w.worker == *worker && !w.orphan);
                self.vanished |= owned && *reason == WorkerStopReason::Crashed;
                self.workers.retain(|living| living.worker != *worker);
            }
            Event::WorkerOrphaned { worker, .. } => self.worker_orphaned(*worker),
            _ => {}
        }
    }

    fn stream_started(&mut self, now: Time, task: u64, version: u64) {
        self.stream_starts += 1;
        self.listed_stream = Some(ListedStream { version, state: 0 });
        self.streams.push(StreamTask {
            task,
            version,
            since: now,
            stopped_at: None,
            stopped_by: None,
            orphaned_at: None,
            excused: false,
        });
    }

    fn executor_state(&mut self, now: Time, state: i32) {
        if let Some(executor) = &mut self.executor {
            if executor.state != state {
                executor.state_since = now;
                if executor.state == EXECUTOR_IDLE {
                    self.began_at = Some(now);
                }
                if state == EXECUTOR_FAILING {
                    self.fell_ill_at = Some(now);
                }
            }
            executor.state = state;
        }
        self.vanished &= state != EXECUTOR_STALLED;
        if matches!(state, EXECUTOR_RUNNING | EXECUTOR_STALLED) {
            self.starts.retain(|start| start.abandoned.is_some());
        }
    }

    fn worker_orphaned(&mut self, worker: u64) {
        let Some(orphan) = self
            .workers
            .iter_mut()
            .find(|living| living.worker == worker)
        else {
            return;
        };
        let version = orphan.version;
        orphan.orphan = true;
        let start = self
            .starts
            .iter()
            .position(|start| start.version == version && start.abandoned.is_some());
        let excused =
            start.is_some_and(|start| self.starts.remove(start).abandoned.unwrap_or(false));
        orphan.excused = excused;
    }

    /// A StartStream took effect; `untimely` if nobody meant it any more.
    pub fn stream_start_applied(&mut self, now: Time, untimely: bool) {
        if untimely {
            let of_now = |at: Option<Time>| at == Some(now);
            for stream in &mut self.streams {
                stream.excused |= stream.since == now || of_now(stream.orphaned_at);
            }
        }
    }

    /// A StartExecutor took effect.
    pub fn executor_start_applied(&mut self, now: Time, untimely: bool) {
        if let Some(executor) = &mut self.executor
            && executor.since == now
        {
            executor.excused = untimely;
        }
    }

    /// A StopStream took effect: the entry is gone, the task ends soon. The life that sent
    /// it, if it still waits for it, is `by`.
    pub fn stream_stop_applied(&mut self, now: Time, by: Option<Incarnation>) {
        self.listed_stream = None;
        for stream in &mut self.streams {
            if stream.orphaned_at.is_none() && stream.stopped_at.is_none() {
                (stream.stopped_at, stream.stopped_by) = (Some(now), by);
            }
        }
    }

    /// A StopExecutor took effect; `excused` says whether the coordinator is to
    /// blame for what a start under way makes of it.
    pub fn executor_stop_applied(&mut self, excused: bool) {
        if self.executor.is_none() {
            for start in self
                .starts
                .iter_mut()
                .filter(|start| start.abandoned.is_none())
            {
                start.abandoned = Some(excused);
            }
        }
    }

    /// The streamer's process is gone.
    pub fn streamer_died(&mut self) {
        self.listed_stream = None;
    }

    /// The runner's process is gone.
    pub fn runner_died(&mut self) {
        self.starts.clear();
    }

    /// For how long the listed executor has been starting.
    pub fn starting_for(&self, now: Time) -> Option<Duration> {
        self.executor
            .filter(|executor| executor.state == EXECUTOR_IDLE)
            .map(|executor| now.since(executor.since))
    }

    /// Streams that count: neither excused nor about to end.
    pub fn counted_streams(&self, now: Time, grace: Duration) -> impl Iterator<Item = &StreamTask> {
        self.streams.iter().filter(move |stream| {
            !stream.excused && stream.stopped_at.is_none_or(|at| now.since(at) > grace)
        })
    }

    /// Workers that count.
    pub fn counted_workers(&self) -> impl Iterator<Item = &Worker> {
        self.workers.iter().filter(|worker| !worker.excused)
    }

    /// Whether the coordinator is not to blame for what a task does. What nobody
    /// knows counts as that.
    pub fn is_excused_stream(&self, task: u64) -> bool {
        self.streams
            .iter()
            .find(|stream| stream.task == task)
            .is_none_or(|stream| stream.excused)
    }

    /// The same, of a task that was told to stop as well.
    pub fn is_excused_or_ending(&self, task: u64) -> bool {
        let mut streams = self.streams.iter();
        let ends = streams.any(|stream| stream.task == task && stream.stopped_at.is_some());
        ends || self.is_excused_stream(task)
    }

    /// When a task was told to stop that has not ended yet, and who hears of its end.
    pub fn stopped(&self, task: u64) -> Option<(Time, Option<Incarnation>)> {
        let mut streams = self.streams.iter();
        let stream = streams.find(|stream| stream.task == task)?;
        stream.stopped_at.map(|at| (at, stream.stopped_by))
    }

    /// Whether a stream of this version is listed that says that it waits.
    pub fn is_listed_as_waiting(&self, version: u64) -> bool {
        self.listed_stream
            .is_some_and(|listed| listed.version == version && listed.state == STREAM_WAITING)
    }

    /// The task that a call reaches.
    pub fn owned_stream(&self) -> Option<&StreamTask> {
        self.streams
            .iter()
            .find(|stream| stream.orphaned_at.is_none() && stream.stopped_at.is_none())
    }

    /// Whether the listed stream is stalled or dead.
    pub fn stream_is_sick(&self) -> bool {
        self.listed_stream.is_some_and(ListedStream::is_stalled) || self.owned_stream().is_none()
    }

    /// Whether the services themselves report something as unwell, which the
    /// coordinator is still going to react to. A failure that passes is none.
    pub fn is_reported_sick(&self, now: Time) -> bool {
        let sick = |executor: ListedExecutor| match executor.state {
            EXECUTOR_STALLED => true,
            EXECUTOR_FAILING => now.since(executor.state_since) > PASSING_FAILURE,
            _ => false,
        };
        self.executor.is_some_and(sick) || self.listed_stream.is_some_and(ListedStream::is_stalled)
    }

    /// Whether its code began to fail at that time or later, or so shortly before that
    /// it might have passed.
    pub fn fell_ill_since(&self, at: Time) -> bool {
        (self.fell_ill_at).is_some_and(|ill| ill + PASSING_FAILURE >= at)
    }

    /// Whether the listed executor says that it does not go on.
    pub fn executor_is_stalled(&self) -> bool {
        self.executor
            .is_some_and(|executor| executor.state == EXECUTOR_STALLED)
    }

    /// Whether the listed executor says that its code fails, and goes on.
    pub fn executor_is_failing(&self) -> bool {
        self.executor
            .is_some_and(|executor| executor.state == EXECUTOR_FAILING)
    }

    /// Whether the listed executor fails or is dead.
    pub fn executor_is_sick(&self) -> bool {
        let sick = |state| matches!(state, EXECUTOR_FAILING | EXECUTOR_STALLED);
        self.executor.is_some_and(|executor| sick(executor.state))
            || !self.workers.iter().any(|worker| !worker.orphan)
    }
}
