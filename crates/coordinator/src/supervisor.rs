//! Owns the loops: starts one for everything that is registered, recorded or
//! seen running; reaps those that ended; starts panicked ones again.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use lifecycle::IndexerId;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::desired::DesiredView;
use crate::polls::strangers;
use crate::reconciler::Reconciler;
use crate::services::Listing;
use crate::shared::{Shared, lock};
use crate::status::LoopStatus;
use crate::store::{StoreError, StoredHeight, keys};
use crate::watch::{panic_text, watch};

#[cfg(test)]
mod tests;

/// The longest pause between two starts of a panicking loop.
const PANIC_PAUSE_MAX: Duration = Duration::from_secs(60);

/// How a loop ended.
struct Ended {
    id: IndexerId,
    panic: Option<String>,
}

struct Loop {
    panics: u32,
    /// Set while the loop is down after a panic.
    restart_at: Option<Instant>,
    task: JoinHandle<()>,
}

/// The supervisor of one coordinator.
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    loops: BTreeMap<IndexerId, Loop>,
    ended_in: mpsc::UnboundedSender<Ended>,
    ended: mpsc::UnboundedReceiver<Ended>,
    /// Cancelled at shutdown, and also when the supervisor is dropped.
    stop: CancellationToken,
    /// Something was left alone because there were too many loops.
    refused: bool,
}

impl Supervisor {
    pub(crate) fn new(shared: Arc<Shared>, shutdown: CancellationToken) -> Supervisor {
        // Bounded by the number of loops: each sends once per life.
        let (ended_in, ended) = mpsc::unbounded_channel();
        Supervisor {
            shared,
            loops: BTreeMap::new(),
            ended_in,
            ended,
            stop: shutdown.child_token(),
            refused: false,
        }
    }

    /// Runs until shutdown, then lets every loop finish its step.
    pub(crate) async fn run(mut self) {
        let stop = self.stop.clone();
        // No loop outlives whoever drops this future instead of shutting down.
        let _guard = stop.clone().drop_guard();
        let records = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            records = self.restore() => records,
        };
        let polls = watch(&self.shared, records, &stop);
        let shared = Arc::clone(&self.shared);
        let tick = shared.knobs.tick;
        let mut next_tick = Instant::now() + tick;
        loop {
            self.reap();
            // Read before: what came with the answer then has its loops below.
            let answered = lock(&shared.health).registry_answered.is_some();
            self.spawn_found();
            lock(&shared.health).complete |= answered;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                // Before what can come in an endless stream.
                () = tokio::time::sleep_until(next_tick) => {
                    next_tick = Instant::now() + tick;
                    self.tick();
                }
                ended = self.ended.recv() => self.note(ended),
                () = shared.found.notified() => {}
            }
        }
        self.drain().await;
        polls.iter().for_each(JoinHandle::abort);
    }

    /// Reads what is persisted: without it nothing may be decided. Returns the
    /// records as read.
    async fn restore(&mut self) -> BTreeMap<IndexerId, Bytes> {
        let mut pause = self.shared.knobs.store_pause;
        loop {
            match self.try_restore().await {
                Ok(records) => return records,
                Err(error) => {
                    let now = self.shared.now();
                    lock(&self.shared.health).set_store_down(now, &error);
                    tracing::warn!(%error, ?pause, "cannot read the records; trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
            }
        }
    }

    async fn try_restore(&mut self) -> Result<BTreeMap<IndexerId, Bytes>, StoreError> {
        let asked_at = Instant::now();
        let mark = self.shared.records.high_water().await?;
        let records = if self.shared.shadow {
            self.shared.records.load_all().await?
        } else {
            self.shared.records.load_and_tidy().await?
        };
        lock(&self.shared.health).set_store_up();
        let began = self.first_look().await;
        if let StoredHeight::Unreadable(why) = &mark {
            lock(&self.shared.health).set_unreadable(keys::REGISTRY_HEIGHT, why);
            tracing::error!(
                why,
                "the stored registry height cannot be read: an answer that is older than a \
                 deletion would be believed; `coordinator state height --lower-to` mends it"
            );
        }
        *lock(&self.shared.desired) = DesiredView::new(mark.number().unwrap_or(0));
        let mut raw = BTreeMap::new();
        for (key, loaded) in records {
            match loaded {
                Ok(stored) => {
                    let id = stored.record.id;
                    if let Some(task) = &stored.record.task {
                        lock(&self.shared.gate).hold(&id, task.since);
                    }
                    lock(&self.shared.desired).recorded(&id);
                    self.ensure_loop(&id, began);
                    self.shared.note_record(&id, Some(&stored.raw), asked_at);
                    raw.insert(id, stored.raw);
                }
                Err(corrupt) => {
                    lock(&self.shared.health).set_unreadable(&key, &corrupt.why);
                    tracing::error!(
                        key, %corrupt,
                        "a record cannot be read; its indexer is left alone, all others go on"
                    );
                }
            }
        }
        lock(&self.shared.health).loaded = true;
        Ok(raw)
    }

    /// Asks both services once, so that the loops of all that runs well need not
    /// ask for themselves. Returns a time before that.
    async fn first_look(&self) -> Instant {
        let now = Instant::now();
        let began = now.checked_sub(Duration::from_millis(1)).unwrap_or(now);
        let shared = &self.shared;
        // A service that hangs is not waited for.
        let patience = shared.knobs.read_deadline;
        let (mut streams, mut executors) = (Listing::default(), Listing::default());
        let _ = futures_util::join!(
            timeout(patience, shared.poll_streams(&mut streams)),
            timeout(patience, shared.poll_executors(&mut executors)),
        );
        began
    }

    /// What is to be done from time to time.
    fn tick(&mut self) {
        self.shared.call_gate();
        if self.refused && self.loops.len() < self.shared.knobs.loops_max {
            self.refused = false;
            for id in strangers(&self.shared) {
                self.ensure_loop(&id, Instant::now());
            }
        }
        let now = Instant::now();
        let due: Vec<(IndexerId, u32)> = self
            .loops
            .iter()
            .filter(|(_, state)| state.restart_at.is_some_and(|at| at <= now))
            .map(|(id, state)| (id.clone(), state.panics))
            .collect();
        for (id, panics) in due {
            self.spawn(&id, panics, now);
        }
    }

    fn spawn_found(&mut self) {
        let found = self.shared.take_unowned();
        // What is registered goes first, should there be too little room for all.
        let (listed, others): (Vec<_>, Vec<_>) = {
            let desired = lock(&self.shared.desired);
            found.into_iter().partition(|id| desired.lists(id))
        };
        for id in listed.iter().chain(&others) {
            self.ensure_loop(id, Instant::now());
        }
    }

    /// Starts a loop for `id` unless there is one. It believes the shared looks
    /// asked for after `since`.
    fn ensure_loop(&mut self, id: &IndexerId, since: Instant) {
        if self.loops.contains_key(id) {
            return;
        }
        if self.loops.len() >= self.shared.knobs.loops_max {
            if !std::mem::replace(&mut self.refused, true) {
                tracing::error!(
                    limit = self.shared.knobs.loops_max,
                    "too many indexers; those beyond the limit are left alone"
                );
            }
            return;
        }
        lock(&self.shared.desired).watch(id, Instant::now());
        self.spawn(id, 0, since);
    }

    fn spawn(&mut self, id: &IndexerId, panics: u32, since: Instant) {
        let reconciler = Reconciler::new(Arc::clone(&self.shared), id.clone(), panics, since);
        let (stop, ended_in, name) = (self.stop.clone(), self.ended_in.clone(), id.clone());
        let task = tokio::spawn(async move {
            let result = AssertUnwindSafe(reconciler.run(stop)).catch_unwind().await;
            let panic = result.err().map(|payload| panic_text(payload.as_ref()));
            // The receiver is gone only when the coordinator is.
            let _ = ended_in.send(Ended { id: name, panic });
        });
        let state = Loop {
            panics,
            restart_at: None,
            task,
        };
        self.loops.insert(id.clone(), state);
    }

    fn reap(&mut self) {
        while let Ok(ended) = self.ended.try_recv() {
            self.note(Some(ended));
        }
    }

    fn note(&mut self, ended: Option<Ended>) {
        let Some(Ended { id, panic }) = ended else {
            return;
        };
        let Some(text) = panic else {
            self.loops.remove(&id);
            lock(&self.shared.desired).forget(&id);
            self.shared.forget(&id);
            // News that came between its last look and now found no loop.
            if self.shared.concerns(&id) {
                self.ensure_loop(&id, Instant::now());
            }
            return;
        };
        let Some(state) = self.loops.get_mut(&id) else {
            return;
        };
        state.panics = state.panics.saturating_add(1);
        lock(&self.shared.health).panics += 1;
        let factor = 1u32
            .checked_shl(state.panics.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let pause = self
            .shared
            .knobs
            .panic_pause
            .saturating_mul(factor)
            .min(PANIC_PAUSE_MAX);
        state.restart_at = Some(Instant::now() + pause);
        let retry_at = Some(self.shared.now() + pause);
        tracing::error!(indexer = %id, panic = text, ?pause,
            "its loop panicked and is started again after a pause; all others go on");
        self.shared.publish(LoopStatus {
            id,
            phase: None,
            waiting: None,
            since: self.shared.now(),
            trouble: Some(format!("its loop panicked: {text}")),
            retry_at,
            doing: None,
            panics: state.panics,
        });
    }

    async fn drain(&mut self) {
        let grace = self.shared.knobs.shutdown_grace;
        let running = self
            .loops
            .values()
            .filter(|state| state.restart_at.is_none())
            .count();
        let all = async {
            for _ in 0..running {
                if self.ended.recv().await.is_none() {
                    return;
                }
            }
        };
        if timeout(grace, all).await.is_err() {
            tracing::warn!(
                ?grace,
                "some loops did not finish their step in time; they are cut off"
            );
            self.loops.values().for_each(|state| state.task.abort());
        }
    }
}
