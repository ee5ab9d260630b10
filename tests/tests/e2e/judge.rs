//! The simulator's judges over what real processes did.
//!
//! They are fed with the fakes' ledgers, the changes of the records and queues
//! as Redis carried them out, and the test's own journal, in the order of time.
//!
//! What a ledger tells implies the call that brought it about. So the judges of
//! calls are fed as well, as if each had been sent when it took effect:
//!
//! | judged | not judged here, and why |
//! | --- | --- |
//! | S1 S2 S4 S5 S6 S7 S8 S9 S11 S12 S15 S17 | S3: there is one coordinator |
//! | L1 L2 L3 | L4 L5 S16: when the coordinator heard of a change is not seen |
//! | P1 P2 P3 P4 P5 | S10: whom the call named that had an effect is not seen |
//! | | L8: reads are not seen; P6: needs a minute of rest before a restart |
//!
//! A refused call, a read, and the time from sending to effect leave no trace,
//! so that what a judge says about those holds only in the simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sim_node::chain::Rule;
use sim_node::ledger::{self, What};
use sim_node::server::now;
use sim_node::{
    Event as NodeEvent, IndexerKey, TaskResult, TaskStopReason, Time, WorkerStopReason,
};
use simulator::history::{AnswerKind, CallId, Event, Incarnation, Method, NodeName, NodeState};
use simulator::oracle::{Limits, Oracles};
use simulator::report::Violation;

use crate::lab::Lab;

/// The newest heights, whose blocks may still be on their way.
const SETTLING: u64 = 8;

/// Everything that happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// When, and what.
    pub events: Vec<(Time, Event)>,
}

/// What the judges say.
#[derive(Debug)]
pub struct Verdict {
    /// The first property that was violated.
    pub violation: Option<Violation>,
    /// What is not as wanted in the end.
    pub unconverged: Vec<String>,
    /// Who is stuck in the end.
    pub stuck: Vec<String>,
    /// Blocks that were executed in the end, by indexer.
    pub executed: BTreeMap<String, u64>,
}

/// The rules that were registered, by version.
pub type Rules = BTreeMap<IndexerKey, Vec<(u64, Rule)>>;

impl Records {
    /// What happened by now. What happens while it is gathered is left out: it
    /// may be known from one source and not yet from another.
    pub async fn of(lab: &Lab) -> Records {
        let until = now();
        lab.store.is_seen().await;
        let mut events = lab.history();
        for name in ["sim-block-streamer", "sim-executor"] {
            let lines = ledger::read(&lab.ledger(name)).expect("a ledger is readable");
            events.extend(lines.into_iter().filter_map(|line| match line.what {
                What::Happened(event) => Some((line.at, Event::Node(event))),
                What::Started { .. } => None,
            }));
        }
        events.retain(|(at, _)| *at <= until);
        // What comes from one source keeps its order.
        events.sort_by_key(|(at, _)| *at);
        Records { events }
    }

    /// What happened at the nodes.
    pub fn nodes(&self) -> impl Iterator<Item = (Time, &NodeEvent)> {
        self.events.iter().filter_map(|(at, event)| match event {
            Event::Node(event) => Some((*at, event)),
            _ => None,
        })
    }

    /// When something was last changed at the nodes or in the records, apart
    /// from blocks that were published and executed.
    pub fn changed_at(&self) -> Option<Time> {
        let changes = self.events.iter().rev();
        let mut changes = changes.filter(|(_, event)| match event {
            Event::RecordWritten { .. } | Event::DataCleared { .. } => true,
            Event::Node(event) => !matches!(
                event,
                NodeEvent::CursorSet { .. }
                    | NodeEvent::BlockPublished { .. }
                    | NodeEvent::BlockExecuted { .. }
                    | NodeEvent::ExecutorState { .. }
            ),
            _ => false,
        });
        changes.next().map(|(at, _)| *at)
    }

    /// Blocks that went into the queue of an indexer that runs and were executed
    /// by nobody, the newest left out. The judge of losses goes by the cursor and
    /// takes what may still be queued for late; this one does not.
    pub fn unexecuted(&self, lab: &Lab) -> Vec<String> {
        let newest = lab.height().saturating_sub(SETTLING);
        let mut waiting: BTreeSet<(&IndexerKey, u64)> = BTreeSet::new();
        let current = |key: &IndexerKey, version: u64| {
            let known = lab.contract.known.get(key);
            known.is_some_and(|known| known.version == version && !known.is_deleted())
        };
        for (_, event) in &self.events {
            match event {
                Event::Node(NodeEvent::BlockPublished {
                    key,
                    version,
                    height,
                    ..
                }) if current(key, *version) && *height < newest => {
                    waiting.insert((key, *height));
                }
                Event::DataCleared { key } => waiting.retain(|(of, _)| *of != key),
                _ => {}
            }
        }
        for (_, event) in self.nodes() {
            if let NodeEvent::BlockExecuted {
                key,
                version,
                height,
                ..
            } = event
                && current(key, *version)
            {
                waiting.remove(&(key, *height));
            }
        }
        let runs = |key: &IndexerKey| lab.store.record(key).contains("\"Running\"");
        let waiting = waiting.into_iter().filter(|(key, _)| runs(key));
        waiting
            .map(|(key, height)| format!("{key}: {height}"))
            .collect()
    }

    /// Judges everything, as of `now`.
    pub fn judge(&self, lab: &Lab, rules: &Rules, now: Time) -> Verdict {
        let mut teller = Teller::new();
        for (at, event) in &self.events {
            teller.tell(*at, event);
        }
        let mut chain = lab.chain();
        let tip = chain.tip_at(now).unwrap_or_default();
        let mut oracles = teller.oracles;
        oracles.finish(now, &mut chain, rules, tip);
        let tallies = oracles.tallies().into_iter();
        Verdict {
            violation: oracles.violation().cloned(),
            unconverged: oracles.unconverged(now),
            stuck: oracles.dead_ends(now),
            executed: tallies
                .map(|(name, tally)| (name, tally.executed))
                .collect(),
        }
    }
}

/// Limits for processes on a busy machine, with timings of seconds.
fn limits() -> Limits {
    Limits {
        // Registry, store or coordinator may be down or frozen before it acts.
        observation_delay: Duration::from_secs(20),
        // How soon it reacts is the simulator's business.
        tick: Duration::from_secs(60),
        effects_per_indexer_per_minute: 120,
        tip_margin: SETTLING,
        idle_at_end: Duration::from_secs(10),
        ..Limits::default()
    }
}

/// What runs at the nodes, to know what ends with them.
#[derive(Default)]
struct Alive {
    streams: BTreeMap<u64, IndexerKey>,
    workers: BTreeMap<u64, IndexerKey>,
    executors: BTreeMap<IndexerKey, u64>,
    tasks: BTreeMap<String, (IndexerKey, sim_node::TaskKind)>,
    /// Executors whose worker was terminated by a stop that is not over.
    stopping: BTreeSet<IndexerKey>,
}

/// Tells the judges what happened, with what follows from it.
struct Teller {
    oracles: Oracles,
    alive: Alive,
    calls: CallId,
    life: Incarnation,
}

impl Teller {
    fn new() -> Teller {
        Teller {
            oracles: Oracles::new(limits()),
            alive: Alive::default(),
            calls: 0,
            life: 0,
        }
    }

    fn tell(&mut self, at: Time, event: &Event) {
        match event {
            Event::Node(node) => self.node(at, node),
            Event::NodeState {
                node,
                state: NodeState::Down,
            } => {
                for end in self.ends_with(*node) {
                    self.oracles.observe(at, &Event::Node(end));
                }
                self.oracles.observe(at, event);
            }
            Event::CoordinatorStarted { incarnation } => {
                self.life = *incarnation;
                self.oracles.observe(at, event);
            }
            Event::DataCleared { key } => {
                let call = self.sent(at, Method::StoreDelete, key);
                self.oracles.observe(at, event);
                self.applied(at, call, Method::StoreDelete, key, None, None);
            }
            other => self.oracles.observe(at, other),
        }
    }

    fn node(&mut self, at: Time, event: &NodeEvent) {
        let told = Event::Node(event.clone());
        let key = event.key();
        self.alive.note(event);
        match event {
            NodeEvent::StreamStarted {
                version,
                start_height,
                ..
            } => {
                let call = self.sent(at, Method::StartStream, key);
                self.oracles.observe(at, &told);
                let (version, height) = (Some(*version), Some(*start_height));
                self.applied(at, call, Method::StartStream, key, version, height);
            }
            NodeEvent::ExecutorListed { version, .. } => {
                let call = self.sent(at, Method::StartExecutor, key);
                self.oracles.observe(at, &told);
                self.applied(at, call, Method::StartExecutor, key, Some(*version), None);
            }
            NodeEvent::TaskStarted { .. } => {
                let call = self.sent(at, Method::StartProvisioningTask, key);
                self.oracles.observe(at, &told);
                self.applied(at, call, Method::StartProvisioningTask, key, None, None);
            }
            NodeEvent::StreamEnded {
                reason: TaskStopReason::Cancelled,
                ..
            } => {
                let call = self.sent(at, Method::StopStream, key);
                self.applied(at, call, Method::StopStream, key, None, None);
                self.oracles.observe(at, &told);
            }
            NodeEvent::WorkerEnded {
                reason: WorkerStopReason::Terminated,
                ..
            } => {
                // The judges look at a stop when it is sent.
                let call = self.sent(at, Method::StopExecutor, key);
                self.answered(at, call, Method::StopExecutor);
                self.alive.stopping.insert(key.clone());
                self.oracles.observe(at, &told);
            }
            NodeEvent::ExecutorUnlisted { .. } => {
                if !self.alive.stopping.remove(key) {
                    let call = self.sent(at, Method::StopExecutor, key);
                    self.answered(at, call, Method::StopExecutor);
                }
                let call = self.calls;
                self.oracles.observe(at, &told);
                self.applied(at, call, Method::StopExecutor, key, None, None);
            }
            _ => self.oracles.observe(at, &told),
        }
    }

    fn sent(&mut self, at: Time, method: Method, key: &IndexerKey) -> CallId {
        self.calls += 1;
        let sent = Event::CallSent {
            call: self.calls,
            method,
            key: Some(key.clone()),
            by: self.life,
        };
        self.oracles.observe(at, &sent);
        self.calls
    }

    fn applied(
        &mut self,
        at: Time,
        call: CallId,
        method: Method,
        key: &IndexerKey,
        version: Option<u64>,
        height: Option<u64>,
    ) {
        let applied = Event::CallApplied {
            call,
            method,
            key: Some(key.clone()),
            by: self.life,
            sent_at: at,
            version,
            height,
            answer: AnswerKind::Ok,
        };
        self.oracles.observe(at, &applied);
        self.answered(at, call, method);
    }

    fn answered(&mut self, at: Time, call: CallId, method: Method) {
        let answer = AnswerKind::Ok;
        let answered = Event::CallAnswered {
            call,
            method,
            answer,
        };
        self.oracles.observe(at, &answered);
    }

    /// What a node would have told of its end.
    fn ends_with(&mut self, node: NodeName) -> Vec<NodeEvent> {
        let alive = &mut self.alive;
        match node {
            NodeName::BlockStreamer => {
                let reason = TaskStopReason::NodeDied;
                let ended = std::mem::take(&mut alive.streams).into_iter();
                let ended = ended.map(|(task, key)| NodeEvent::StreamEnded { key, task, reason });
                ended.collect()
            }
            NodeName::Runner => {
                alive.stopping.clear();
                let workers = std::mem::take(&mut alive.workers);
                let executors = std::mem::take(&mut alive.executors);
                let tasks = std::mem::take(&mut alive.tasks);
                let reason = WorkerStopReason::NodeDied;
                let workers = workers
                    .into_iter()
                    .map(|(worker, key)| NodeEvent::WorkerEnded {
                        key,
                        worker,
                        reason,
                    });
                let executors = executors
                    .into_iter()
                    .map(|(key, version)| NodeEvent::ExecutorUnlisted { key, version });
                let result = TaskResult::NodeDied;
                let tasks = tasks
                    .into_iter()
                    .map(|(task, (key, kind))| NodeEvent::TaskEnded {
                        key,
                        task,
                        kind,
                        result,
                    });
                workers.chain(executors).chain(tasks).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Alive {
    fn note(&mut self, event: &NodeEvent) {
        let key = event.key().clone();
        match event {
            NodeEvent::StreamStarted { task, .. } => {
                self.streams.insert(*task, key);
            }
            NodeEvent::StreamEnded { task, .. } => {
                self.streams.remove(task);
            }
            NodeEvent::WorkerStarted { worker, .. } => {
                self.workers.insert(*worker, key);
            }
            NodeEvent::WorkerEnded { worker, .. } => {
                self.workers.remove(worker);
            }
            NodeEvent::ExecutorListed { version, .. } => {
                self.executors.insert(key, *version);
            }
            NodeEvent::ExecutorUnlisted { .. } => {
                self.executors.remove(&key);
            }
            NodeEvent::TaskStarted { task, kind, .. } => {
                self.tasks.insert(task.clone(), (key, *kind));
            }
            NodeEvent::TaskEnded { task, .. } => {
                self.tasks.remove(task);
            }
            _ => {}
        }
    }
}
