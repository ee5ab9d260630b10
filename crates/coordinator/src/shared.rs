//! What all loops of one coordinator share.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lifecycle::{IndexerId, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::admin::Turns;
use crate::budget::StartBudget;
use crate::desired::DesiredView;
use crate::gate::ProvisioningGate;
use crate::health::Health;
use crate::knobs::Knobs;
use crate::planner::{Lifecycle, Planner};
use crate::ports::{Clock, Ports};
use crate::recall::Recall;
use crate::services::{BlockStreamers, ExecutorView, Executors, Provisioner, StreamView};
use crate::shadow::{ShadowLog, read_only};
use crate::status::LoopStatus;
use crate::status_log::StatusLog;
use crate::store::{First, RecordStore};
use crate::tables::Table;

/// How a loop is told that there is news.
#[derive(Debug, Default)]
pub struct Wake {
    /// Something about the indexer changed: look again.
    pub news: Notify,
    /// What is wanted changed: a start in flight may be for the wrong thing.
    pub goal: Notify,
    /// The loop sleeps, and nothing that a service could say by answering again
    /// would be news to it.
    settled: AtomicBool,
    /// How many holds were acknowledged: a round that began before the last of
    /// them must not act on the record that it read.
    holds: AtomicU64,
    /// How many orders to retry were acknowledged: they end the pauses that the loop
    /// alone knows of, too.
    retries: AtomicU64,
}

impl Wake {
    /// Takes note whether the loop sleeps with everything as wanted and seen.
    pub(crate) fn set_settled(&self, settled: bool) {
        self.settled.store(settled, Ordering::Release);
    }

    /// How many holds were acknowledged so far. Read it before the record.
    pub(crate) fn holds(&self) -> u64 {
        self.holds.load(Ordering::Acquire)
    }

    /// How many orders to retry were acknowledged so far.
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Acquire)
    }
}

/// The services, the shared observations and the shared budgets.
pub struct Shared {
    pub(crate) knobs: Knobs,
    /// Nothing may be changed: this coordinator only observes.
    pub(crate) shadow: bool,
    pub(crate) planner: Arc<dyn Planner>,
    pub(crate) clock: Arc<dyn Clock>,
    /// When this coordinator began to run.
    pub(crate) running_since: Timestamp,
    pub(crate) streamers: BlockStreamers,
    pub(crate) executors: Executors,
    pub(crate) provisioner: Provisioner,
    pub(crate) registry: Arc<dyn crate::registry::RegistryTransport>,
    pub(crate) records: RecordStore,
    pub(crate) desired: Mutex<DesiredView>,
    pub(crate) stream_table: Mutex<Table<StreamView>>,
    pub(crate) executor_table: Mutex<Table<ExecutorView>>,
    pub(crate) gate: Mutex<ProvisioningGate>,
    pub(crate) budget: Mutex<StartBudget>,
    /// Told when something may need a loop that has none.
    pub(crate) found: Notify,
    /// One for each loop, also while it is down after a panic.
    wakes: Mutex<BTreeMap<IndexerId, Arc<Wake>>>,
    /// Another number whenever other loops are there than before.
    roll: AtomicU64,
    /// What there was news of that has no loop.
    unowned: Mutex<BTreeSet<IndexerId>>,
    pub(crate) log: Mutex<StatusLog>,
    /// What was last known of the records.
    pub(crate) recall: Mutex<Recall>,
    pub(crate) health: Mutex<Health>,
    pub(crate) shadow_log: Mutex<ShadowLog>,
    pub(crate) turns: Turns,
}

/// Locks even if another thread panicked while it held the lock: everything
/// that is shared stays consistent between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// What the loops share; with `shadow` nothing can be changed.
    pub(crate) fn new(knobs: Knobs, ports: Ports, shadow: bool) -> Shared {
        let ports = if shadow { read_only(ports) } else { ports };
        let (call, read, list) = (
            knobs.call_deadline,
            knobs.read_deadline,
            knobs.list_deadline,
        );
        Shared {
            shadow,
            planner: Arc::new(Lifecycle),
            running_since: ports.clock.now(),
            clock: ports.clock,
            streamers: BlockStreamers::new(ports.block_streamer, call, read, list),
            executors: Executors::new(ports.executors, call, read, list),
            provisioner: Provisioner::new(ports.provisioner, call, read),
            registry: ports.registry,
            records: RecordStore::within(ports.store, &knobs),
            desired: Mutex::new(DesiredView::default()),
            stream_table: Mutex::new(Table::new(knobs.clone())),
            executor_table: Mutex::new(Table::new(knobs.clone())),
            gate: Mutex::new(ProvisioningGate::new(
                knobs.provisioning_parallel,
                knobs.provisioning_in_flight,
                knobs.policy.provisioning_timeout,
            )),
            budget: Mutex::new(StartBudget::new(
                knobs.starts_per_second,
                knobs.start_slot_kept.max(knobs.look_max()),
            )),
            found: Notify::new(),
            wakes: Mutex::new(BTreeMap::new()),
            roll: AtomicU64::new(0),
            unowned: Mutex::new(BTreeSet::new()),
            log: Mutex::default(),
            recall: Mutex::default(),
            health: Mutex::default(),
            shadow_log: Mutex::default(),
            turns: Turns::default(),
            knobs,
        }
    }

    /// The same with other decisions.
    pub(crate) fn planned_by(self, planner: Arc<dyn Planner>) -> Shared {
        Shared { planner, ..self }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The loop of `id` should look again, or there should be one.
    pub(crate) fn wake(&self, id: &IndexerId) {
        let wake = lock(&self.wakes).get(id).map(Arc::clone);
        match wake {
            Some(wake) => wake.news.notify_one(),
            None => {
                lock(&self.unowned).insert(id.clone());
                self.found.notify_one();
            }
        }
    }

    /// What there was news of since the last call, and had no loop then.
    pub(crate) fn take_unowned(&self) -> BTreeSet<IndexerId> {
        std::mem::take(&mut *lock(&self.unowned))
    }

    /// What is wanted of `id` changed.
    pub(crate) fn wake_goal(&self, id: &IndexerId) {
        if let Some(wake) = lock(&self.wakes).get(id) {
            wake.goal.notify_waiters();
        }
        self.wake(id);
    }

    /// Wakes every loop that does not merely watch a healthy indexer. One that is
    /// in the middle of a round looks once more after it.
    pub(crate) fn wake_unsettled(&self) {
        for wake in lock(&self.wakes).values() {
            if !wake.settled.load(Ordering::Acquire) {
                wake.news.notify_one();
            }
        }
    }

    /// Up to `limit` indexers that have a loop, those after `cursor` in the order
    /// of names.
    pub(crate) fn owned_after(&self, cursor: Option<&IndexerId>, limit: usize) -> Vec<IndexerId> {
        let after = cursor.map_or(Bound::Unbounded, Bound::Excluded);
        lock(&self.wakes)
            .range::<IndexerId, _>((after, Bound::Unbounded))
            .take(limit)
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// A number that changes whenever a loop comes or goes. Read it before asking
    /// which loops there are.
    pub(crate) fn roll(&self) -> u64 {
        self.roll.load(Ordering::Acquire)
    }

    /// Whether there is a loop for `id`.
    pub(crate) fn owns(&self, id: &IndexerId) -> bool {
        lock(&self.wakes).contains_key(id)
    }

    /// Whether there is anything of `id` to look after: the registry lists it, or
    /// a service runs something of that name.
    pub(crate) fn concerns(&self, id: &IndexerId) -> bool {
        lock(&self.desired).lists(id)
            || lock(&self.stream_table).has(id)
            || lock(&self.executor_table).has(id)
    }

    pub(crate) fn wake_of(&self, id: &IndexerId) -> Arc<Wake> {
        let mut wakes = lock(&self.wakes);
        let wake = wakes.entry(id.clone()).or_insert_with(|| {
            self.roll.fetch_add(1, Ordering::AcqRel);
            Arc::default()
        });
        Arc::clone(wake)
    }

    pub(crate) fn forget(&self, id: &IndexerId) {
        let mut wakes = lock(&self.wakes);
        if wakes.remove(id).is_some() {
            self.roll.fetch_add(1, Ordering::AcqRel);
        }
        drop(wakes);
        lock(&self.log).remove(id);
        lock(&self.recall).forget(id);
        lock(&self.budget).release(id, self.now());
        lock(&self.health).set_queue(id, None);
    }

    /// Takes note of what stood under the key of the record of `id` at the time `at`, at
    /// least, if it has a loop.
    pub(crate) fn note_record(&self, id: &IndexerId, raw: Option<&Bytes>, at: Instant) {
        if self.owns(id) {
            lock(&self.recall).note(id, raw, at);
        }
    }

    /// The height of a deletion that another coordinator carried out since the registry was last
    /// heard about `id`, whose record would be the `first` one.
    pub(crate) fn newer_deletion(&self, id: &IndexerId, first: &First) -> Option<u64> {
        let overtakes = |height: &u64| lock(&self.desired).is_overtaken(id, *height);
        first.acted_upon.filter(overtakes)
    }

    pub(crate) fn publish(&self, status: LoopStatus) {
        let mut log = lock(&self.log);
        if log.is_news(&status) {
            // Whoever is told of this is told of these as well.
            lock(&self.stream_table).is_told(&status.id);
            lock(&self.executor_table).is_told(&status.id);
        }
        log.put(status);
    }

    /// What every loop is doing, by name.
    pub fn statuses(&self) -> Vec<LoopStatus> {
        lock(&self.log).all().cloned().collect()
    }

    /// A hold of `id` is written: no round that read its record before begins an
    /// effect any more.
    pub(crate) fn note_hold(&self, id: &IndexerId) {
        if let Some(wake) = lock(&self.wakes).get(id) {
            wake.holds.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// An order to retry `id` is carried out as far as the record goes.
    pub(crate) fn note_retry(&self, id: &IndexerId) {
        if let Some(wake) = lock(&self.wakes).get(id) {
            wake.retries.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Lets `id` in if the gate is open, with a task that began at `since`; true if it is
    /// in now.
    pub(crate) fn enter_gate(&self, id: &IndexerId, since: Timestamp) -> bool {
        self.at_gate(id, |gate| gate.try_enter(id, since))
    }

    /// Takes note that `id` holds a task that began at `since`.
    pub(crate) fn hold_gate(&self, id: &IndexerId, since: Timestamp) {
        self.at_gate(id, |gate| gate.hold(id, since));
    }

    /// Takes note that `id` holds no task: those who waited for it may look again.
    pub(crate) fn release_gate(&self, id: &IndexerId) {
        let called = self.at_gate(id, |gate| gate.release(id));
        called.iter().for_each(|id| self.wake(id));
    }

    /// Takes note that `id` goes on without a task: if it was its turn, it is another one's.
    pub(crate) fn decline_gate(&self, id: &IndexerId) {
        let called = lock(&self.gate).decline(id);
        called.iter().for_each(|id| self.wake(id));
    }

    /// Does something at the gate. If `id` went in or out, whoever watches is told for whom
    /// those beside it wait now.
    fn at_gate<T>(&self, id: &IndexerId, act: impl FnOnce(&mut ProvisioningGate) -> T) -> T {
        let mut gate = lock(&self.gate);
        let was_in = gate.holds(id);
        let result = act(&mut gate);
        if gate.holds(id) != was_in {
            let beside = gate.beside(id);
            // Whoever reads the log asks the gate.
            drop(gate);
            let mut log = lock(&self.log);
            beside.iter().for_each(|id| log.note_owned(id));
        }
        result
    }

    /// Gives free places, and those of overdue tasks, to those who wait for one.
    pub(crate) fn call_gate(&self) {
        let called = lock(&self.gate).call_at(self.now());
        called.iter().for_each(|id| self.wake(id));
    }
}
