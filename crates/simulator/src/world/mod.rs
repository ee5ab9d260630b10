//! The simulated world: every node but the coordinator, the network between
//! them, and everything that is wrong with it.
//!
//! The world is lazy: whatever is due is performed, at its own time and in
//! order, before anybody looks. Nothing in it sleeps.

mod armed;
mod clocks;
mod control;
mod delayed;
mod foreign;
mod links;
mod listings;
mod operations;
mod probe;
mod quotas;
mod slow;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sim_block_streamer::BlockStreamer;
use sim_executor::ExecutorCore;
use sim_node::chain::Chain;
use sim_node::{Env, IndexerKey, Node, Redis, RedisError, Rng, Time};
use sim_provisioner::{DataLayer, ProvisionerCore};
use sim_registry::{RegistryModel, Replicas};
use sim_store::RedisModel;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use armed::{Armed, CallFaultRule, RegistryRule, Scope, StoreRule};
pub use clocks::{Clocks, micros};
pub(crate) use control::EffectFate;
pub use control::{CrashAt, Request, Said};
pub use links::Links;
pub use listings::{Distortion, ListRule, Listings};
pub use probe::{DOWN, Probe, Probed, REGISTRY_LAG};
pub use quotas::Quotas;
pub use slow::SlowNodes;

use crate::history::{CallId, Event, History, Incarnation, NodeName, NodeState};
use crate::leaks::Leak;
use crate::planted::Bug;
use crate::scenario::{Action, CallOutcome, Scenario};
use crate::transport::OldAnswers;

use delayed::{Delayed, Work};

/// How a node stands.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// Up, down or paused.
    pub state: NodeState,
    /// Counts the lives of the node: a connection does not outlive one.
    pub life: u64,
}

/// What crossed the network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Calls of the coordinator.
    pub coordinator_calls: u64,
    /// Calls of the coordinator that change the world, as they took effect.
    pub effects: u64,
    /// When the last of them came that neither wrote a record nor listed its key.
    pub moved_at: Time,
    /// Redis commands of the fake nodes.
    pub node_calls: u64,
    /// Faults that were injected: each one once, whoever and however many calls it
    /// befell. A change that is taken back at once is one, and so is a burst of them.
    pub faults: u64,
}

/// Everything but the coordinator.
pub struct World {
    /// The current time; never goes back.
    pub now: Time,
    started: Instant,
    /// What has happened.
    pub history: History,
    /// The chain.
    pub chain: Chain,
    /// The fake block streamer.
    pub streamer: BlockStreamer,
    /// The fake executors, in the runner's process.
    pub executor: ExecutorCore,
    /// The fake provisioner, in the runner's process.
    pub provisioner: ProvisionerCore,
    /// The simulated Redis.
    pub store: RedisModel,
    /// The simulated registry.
    pub registry: RegistryModel,
    /// The RPC nodes before the registry.
    pub replicas: Replicas,
    /// The links between the nodes.
    pub links: Links,
    /// The wall clocks of the nodes.
    pub clocks: Clocks,
    /// The nodes that are slow.
    pub slow: SlowNodes,
    /// Faults waiting for their call.
    pub armed: Armed,
    /// What services take on.
    pub quotas: Quotas,
    /// How much happened.
    pub counters: Counters,
    /// Where the next crash of the coordinator is to happen, and requests to
    /// whoever can crash it.
    pub control: control::Control,
    /// Tells those who wait at a paused node or a cut link to look again.
    pub thawed: Arc<Notify>,
    /// The coordinator's current life; 0 before the first.
    pub incarnation: Incarnation,
    /// A bug of the nodes' commands on queues.
    pub planted: Option<Arc<dyn Bug>>,
    /// Earlier answers to reads, if some read may be answered with them.
    pub old_answers: OldAnswers,
    /// Whether earlier answers are kept.
    pub keeps_old_answers: bool,
    /// What a sweep does to the run, if it is part of one.
    pub probe: Option<Probe>,
    /// What gets into the run besides scenario and seed, if anything was planted.
    pub leak: Option<Leak>,
    pub(crate) rng_faults: Rng,
    /// Whether the store takes writes of records, by the last one and by faults since.
    writes_taken: bool,
    conditions: BTreeMap<NodeName, Condition>,
    delayed: Delayed,
    parked: BTreeMap<NodeName, Vec<Work>>,
    ids: HashMap<String, IndexerKey>,
    next_call: CallId,
    pushes: Vec<Arc<str>>,
}

/// The world as its tasks share it. All of them run on one thread; the lock is
/// never contended.
#[derive(Clone)]
pub struct SharedWorld(Arc<Mutex<World>>);

impl SharedWorld {
    /// Shares `world`.
    pub fn new(world: World) -> SharedWorld {
        SharedWorld(Arc::new(Mutex::new(world)))
    }

    /// The world as it is now, everything due having been performed.
    pub fn enter(&self) -> MutexGuard<'_, World> {
        let mut world = self.peek();
        let now = world.clock();
        world.advance_to(now);
        world
    }

    /// The world as it was last entered: for destructors, which may run outside
    /// of the simulation's time.
    pub fn peek(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store as one of the fake nodes reaches it.
struct Reach<'a> {
    store: &'a mut RedisModel,
    open: bool,
    calls: &'a mut u64,
    planted: Option<&'a dyn Bug>,
}

impl Reach<'_> {
    fn open(&mut self) -> Result<&mut RedisModel, RedisError> {
        *self.calls += 1;
        if self.open {
            Ok(self.store)
        } else {
            Err(RedisError::Unavailable(
                "the store cannot be reached".to_owned(),
            ))
        }
    }
}

impl Redis for Reach<'_> {
    fn get_number(&mut self, now: Time, key: &str) -> Result<Option<u64>, RedisError> {
        self.open()?.get_number(now, key)
    }

    fn set_number(&mut self, now: Time, key: &str, value: u64) -> Result<(), RedisError> {
        self.open()?.set_number(now, key, value)
    }

    fn queue_push(
        &mut self,
        now: Time,
        key: &str,
        height: u64,
    ) -> Result<sim_node::EntryId, RedisError> {
        let planted = self.planted;
        let store = self.open()?;
        match planted {
            Some(bug) => bug.queue_push(store, now, key, height),
            None => store.queue_push(now, key, height),
        }
    }

    fn queue_len(&mut self, now: Time, key: &str) -> Result<u64, RedisError> {
        self.open()?.queue_len(now, key)
    }

    fn queue_read(
        &mut self,
        now: Time,
        key: &str,
        after: Option<sim_node::EntryId>,
        count: usize,
    ) -> Result<Vec<sim_node::QueueEntry>, RedisError> {
        let planted = self.planted;
        let store = self.open()?;
        match planted {
            Some(bug) => bug.queue_read(store, now, key, after, count),
            None => store.queue_read(now, key, after, count),
        }
    }

    fn queue_remove(
        &mut self,
        now: Time,
        key: &str,
        id: sim_node::EntryId,
    ) -> Result<bool, RedisError> {
        self.open()?.queue_remove(now, key, id)
    }
}

impl World {
    /// A healthy world of `scenario`, in which nothing has happened yet. Must be
    /// made inside the simulation: it takes the current time as its start.
    pub fn new(scenario: &Scenario, seed: u64, chain: Chain, history: History) -> World {
        let nodes = &scenario.nodes;
        World {
            now: Time::SIMULATION_START,
            started: Instant::now(),
            history,
            chain,
            streamer: BlockStreamer::new(nodes.block_streamer.clone(), 1),
            executor: ExecutorCore::new(nodes.executor.clone(), 1),
            provisioner: ProvisionerCore::new(
                nodes.provisioner.clone(),
                seed,
                1,
                DataLayer::default(),
            ),
            store: RedisModel::new(scenario.store.clone()),
            registry: RegistryModel::new(scenario.registry.clone()),
            replicas: Replicas::new(&scenario.registry, seed),
            links: Links::new(scenario.net.latency, seed),
            clocks: Clocks::default(),
            slow: SlowNodes::new(nodes.clone(), seed),
            armed: Armed::default(),
            quotas: Quotas::default(),
            counters: Counters::default(),
            control: control::Control::default(),
            thawed: Arc::new(Notify::new()),
            incarnation: 0,
            planted: None,
            old_answers: OldAnswers::default(),
            keeps_old_answers: may_be_stale(scenario),
            probe: None,
            leak: None,
            rng_faults: Rng::new(seed, "faults of calls"),
            writes_taken: true,
            conditions: NodeName::ALL
                .into_iter()
                .map(|node| {
                    (
                        node,
                        Condition {
                            state: NodeState::Up,
                            life: 1,
                        },
                    )
                })
                .collect(),
            delayed: Delayed::default(),
            parked: BTreeMap::new(),
            ids: HashMap::new(),
            next_call: 1,
            pushes: Vec::new(),
        }
    }

    /// Time passed since the start of the run.
    pub fn elapsed(&self) -> Duration {
        self.now.since(Time::SIMULATION_START)
    }

    fn clock(&self) -> Time {
        Time::SIMULATION_START + self.started.elapsed()
    }

    /// Takes note of something that happens now.
    pub fn record(&mut self, event: Event) {
        let now = self.now;
        self.history.push(now, event);
    }

    /// Takes note of a fault that happens now, in words.
    pub fn fault(&mut self, text: impl Into<String>) {
        self.counters.faults += 1;
        self.record(Event::Fault { text: text.into() });
    }

    /// The number of the next call.
    pub fn take_call_id(&mut self) -> CallId {
        let id = self.next_call;
        self.next_call += 1;
        id
    }

    /// The indexer behind a stream's or an executor's id.
    pub fn key_of_id(&self, id: &str) -> Option<IndexerKey> {
        self.ids.get(id).cloned()
    }

    /// Makes the ids of `key` known.
    pub fn learn(&mut self, key: &IndexerKey) {
        self.ids.insert(sim_node::stream_id(key), key.clone());
        self.ids.insert(sim_node::executor_id(key), key.clone());
    }

    /// How `node` stands.
    pub fn condition(&self, node: NodeName) -> Condition {
        let unknown = Condition {
            state: NodeState::Up,
            life: 0,
        };
        self.conditions.get(&node).copied().unwrap_or(unknown)
    }

    pub(crate) fn condition_mut(&mut self, node: NodeName) -> Option<&mut Condition> {
        self.conditions.get_mut(&node)
    }

    /// Whether `node` is up.
    pub fn is_up(&self, node: NodeName) -> bool {
        self.condition(node).state == NodeState::Up
    }

    /// Lets `work` act on the streamer.
    pub fn with_streamer<T>(
        &mut self,
        work: impl FnOnce(&mut BlockStreamer, &mut Env<'_>) -> T,
    ) -> T {
        let open = self.reaches_store(NodeName::BlockStreamer);
        let mut redis = Reach {
            store: &mut self.store,
            open,
            calls: &mut self.counters.node_calls,
            planted: self.planted.as_deref(),
        };
        let mut env = Env {
            now: self.now,
            redis: &mut redis,
            chain: &mut self.chain,
            ledger: &mut self.history,
        };
        let error = self.clocks.error(NodeName::BlockStreamer, self.now);
        self.streamer.set_clock_error(error);
        let result = work(&mut self.streamer, &mut env);
        self.announce_pushes();
        result
    }

    /// Lets `work` act on the executors.
    pub fn with_executor<T>(
        &mut self,
        work: impl FnOnce(&mut ExecutorCore, &mut Env<'_>) -> T,
    ) -> T {
        let open = self.reaches_store(NodeName::Runner);
        let mut redis = Reach {
            store: &mut self.store,
            open,
            calls: &mut self.counters.node_calls,
            planted: self.planted.as_deref(),
        };
        let mut env = Env {
            now: self.now,
            redis: &mut redis,
            chain: &mut self.chain,
            ledger: &mut self.history,
        };
        work(&mut self.executor, &mut env)
    }

    /// Lets `work` act on the provisioner.
    pub fn with_provisioner<T>(
        &mut self,
        work: impl FnOnce(&mut ProvisionerCore, &mut Env<'_>) -> T,
    ) -> T {
        let open = self.reaches_store(NodeName::Runner);
        let mut redis = Reach {
            store: &mut self.store,
            open,
            calls: &mut self.counters.node_calls,
            planted: self.planted.as_deref(),
        };
        let mut env = Env {
            now: self.now,
            redis: &mut redis,
            chain: &mut self.chain,
            ledger: &mut self.history,
        };
        work(&mut self.provisioner, &mut env)
    }

    /// A command without an answer is an error to a node, and ends its task as
    /// one that never arrived: either direction counts.
    fn reaches_store(&self, node: NodeName) -> bool {
        self.is_up(NodeName::Store)
            && !self.links.is_cut(node, NodeName::Store)
            && !self.links.is_cut(NodeName::Store, node)
    }

    fn announce_pushes(&mut self) {
        if !self.store.has_pushes() {
            return;
        }
        let mut pushes = std::mem::take(&mut self.pushes);
        self.store.drain_pushes(&mut pushes);
        for key in pushes.drain(..) {
            self.executor.note_push(&key, self.now);
        }
        self.pushes = pushes;
    }

    /// Performs everything that is due up to `until`, in order.
    pub fn advance_to(&mut self, until: Time) {
        loop {
            let streamer = self.due(NodeName::BlockStreamer, self.streamer.next_event());
            let executor = self.due(NodeName::Runner, self.executor.next_event());
            let provisioner = self.due(NodeName::Runner, self.provisioner.next_event());
            let delayed = self.delayed.next().unwrap_or(Time(u64::MAX));
            let next = streamer.min(executor).min(provisioner).min(delayed);
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            if next == delayed {
                if let Some(work) = self.delayed.pop() {
                    work(self);
                }
            } else if next == streamer {
                self.with_streamer(|node, env| node.advance(env));
            } else if next == executor {
                self.with_executor(|node, env| node.advance(env));
            } else {
                self.with_provisioner(|node, env| node.advance(env));
            }
        }
        self.now = self.now.max(until);
    }

    fn due(&self, node: NodeName, next: Option<Time>) -> Time {
        match next {
            Some(time) if self.is_up(node) => time,
            _ => Time(u64::MAX),
        }
    }

    /// Performs `work` at `at`, whatever becomes of whoever asked for it.
    pub fn later(&mut self, at: Time, work: impl FnOnce(&mut World) + Send + 'static) {
        self.delayed.add(at, Box::new(work));
    }

    /// Keeps `work` until the frozen `node` thaws or dies.
    pub fn park(&mut self, node: NodeName, work: impl FnOnce(&mut World) + Send + 'static) {
        self.parked.entry(node).or_default().push(Box::new(work));
    }

    /// Performs what waited for `node`.
    pub(crate) fn unpark(&mut self, node: NodeName) {
        for work in self.parked.remove(&node).unwrap_or_default() {
            work(self);
        }
    }

    /// Takes note of whether the store carried out a write of a record, or would.
    pub fn note_write(&mut self, taken: bool) {
        if std::mem::replace(&mut self.writes_taken, taken) != taken {
            self.record(Event::StoreWrites { taken });
        }
    }

    /// Tells the history which records the store's last commands changed.
    pub fn note_writes(&mut self) {
        for write in self.store.drain_writes() {
            if let Some(key) = write.key.strip_suffix(":state").and_then(IndexerKey::parse) {
                let (before, after) = (write.before, write.after);
                let event = Event::RecordWritten { key, before, after };
                self.history.push(self.now, event);
            }
        }
    }
}

/// Whether some read of `scenario` may be answered with old news.
fn may_be_stale(scenario: &Scenario) -> bool {
    let by_step = scenario.steps.iter().any(|step| {
        matches!(&step.action, Action::CallFault(fault) if fault.outcome == CallOutcome::Stale)
    });
    by_step || scenario.faults.calls.stale > 0.0
}
