//! Courses of events, written by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sim_node::{
    EntryId, Event as Node, IndexerKey, TaskKind, TaskResult, TaskStopReason, Time,
    WorkerStopReason,
};

use super::super::{Limits, Oracles};
use crate::history::{AdminCommand, AnswerKind, CallId, Change, Event, Method};

/// What a start or another call carries.
#[derive(Clone, Copy, Default)]
pub(super) struct With {
    pub version: Option<u64>,
    pub height: Option<u64>,
}

/// A run under the eyes of the judges.
pub(super) struct Play {
    pub oracles: Oracles,
    pub key: IndexerKey,
    pub now: Time,
    pub incarnation: u32,
    next: u64,
    entries: u64,
    records: BTreeMap<IndexerKey, Bytes>,
}

impl Play {
    /// A coordinator that runs, and nothing else.
    pub fn new() -> Play {
        Play::within(Limits::default())
    }

    /// The same under other limits.
    pub fn within(limits: Limits) -> Play {
        let mut play = Play {
            oracles: Oracles::new(limits),
            key: IndexerKey::new("a.near", "one"),
            now: Time::SIMULATION_START,
            incarnation: 0,
            next: 1,
            entries: 0,
            records: BTreeMap::new(),
        };
        play.coordinator_starts();
        play
    }

    /// An indexer of this version runs from `start`, everything done by the book.
    pub fn running(version: u64, start: u64) -> Play {
        let mut play = Play::new();
        play.registered(version, Some(start), true);
        play.provisioned();
        play.begin(version, start);
        play
    }

    /// Time passes.
    pub fn wait(&mut self, seconds: u64) -> &mut Play {
        self.now = self.now + Duration::from_secs(seconds);
        self
    }

    fn tick(&mut self) {
        self.now = self.now + Duration::from_millis(10);
    }

    pub fn see(&mut self, event: Event) -> &mut Play {
        self.oracles.observe(self.now, &event);
        self
    }

    pub fn node(&mut self, event: Node) -> &mut Play {
        self.see(Event::Node(event))
    }

    /// The id of the violated property, if one was.
    pub fn verdict(&mut self) -> Option<String> {
        self.tick();
        self.see(Event::Fault {
            text: "nothing".to_owned(),
        });
        self.oracles
            .violation()
            .map(|violation| violation.oracle.clone())
    }

    /// Panics unless everything was right so far.
    #[track_caller]
    pub fn is_right(&mut self) -> &mut Play {
        assert_eq!(self.verdict(), None, "{:#?}", self.oracles.violation());
        self
    }

    /// Panics unless `oracle` was violated, with evidence.
    #[track_caller]
    pub fn violates(&mut self, oracle: &str) {
        assert_eq!(
            self.verdict().as_deref(),
            Some(oracle),
            "{:#?}",
            self.oracles.violation()
        );
        assert!(
            self.oracles
                .violation()
                .is_some_and(|found| !found.evidence.is_empty())
        );
    }

    pub fn coordinator_starts(&mut self) {
        self.incarnation += 1;
        let incarnation = self.incarnation;
        self.see(Event::CoordinatorStarted { incarnation });
    }

    pub fn registered(&mut self, version: u64, start: Option<u64>, new_life: bool) {
        let change = Change::Registered {
            version,
            content: version,
            start,
            new_life,
            supported: true,
        };
        self.registry(change);
        self.listing();
    }

    pub fn registry(&mut self, change: Change) {
        let key = self.key.clone();
        self.see(Event::Registry {
            key,
            height: 0,
            change,
        });
    }

    /// Deleted, and the coordinator hears of it.
    pub fn deleted(&mut self) {
        self.registry(Change::Deleted { height: 9_000 });
        self.listing();
        let key = self.key.clone();
        self.call(Method::RegistryRead, Some(&key), With::default());
    }

    /// The coordinator hears the truth from the registry.
    pub fn listing(&mut self) {
        self.call(Method::RegistryListAll, None, With::default());
    }

    pub fn sent(&mut self, method: Method, key: Option<&IndexerKey>) -> (CallId, Time) {
        self.tick();
        let call = self.next;
        self.next += 1;
        let (key, by) = (key.cloned(), self.incarnation);
        self.see(Event::CallSent {
            call,
            method,
            key,
            by,
        });
        (call, self.now)
    }

    pub fn applied(
        &mut self,
        (call, sent_at): (CallId, Time),
        method: Method,
        key: Option<&IndexerKey>,
        with: With,
    ) {
        let (key, by) = (key.cloned(), self.incarnation);
        let With { version, height } = with;
        let answer = AnswerKind::Ok;
        self.see(Event::CallApplied {
            call,
            method,
            key,
            by,
            sent_at,
            version,
            height,
            answer,
        });
    }

    /// A call without any trouble.
    pub fn call(&mut self, method: Method, key: Option<&IndexerKey>, with: With) {
        let sent = self.sent(method, key);
        self.tick();
        self.applied(sent, method, key, with);
        self.tick();
        self.see(Event::CallAnswered {
            call: sent.0,
            method,
            answer: AnswerKind::Ok,
        });
    }

    /// A call about the indexer, and what it brings about.
    pub fn effect(&mut self, method: Method, with: With, effects: &[Node]) {
        let sent = self.sent(method, Some(&self.key.clone()));
        self.arrives(sent, method, with, effects);
    }

    /// A call that was sent arrives.
    pub fn arrives(&mut self, sent: (CallId, Time), method: Method, with: With, effects: &[Node]) {
        self.tick();
        for effect in effects {
            self.node(effect.clone());
        }
        let key = self.key.clone();
        self.applied(sent, method, Some(&key), with);
        self.see(Event::CallAnswered {
            call: sent.0,
            method,
            answer: AnswerKind::Ok,
        });
    }

    pub fn write(&mut self, after: Option<&str>) {
        self.tick();
        self.lands(after);
    }

    /// A compare-and-set that was sent arrives and wins.
    pub fn lands_late(&mut self, sent: (CallId, Time), after: Option<&str>) {
        self.tick();
        let key = self.key.clone();
        let method = Method::StoreCompareAndSet;
        self.applied(sent, method, Some(&key), With::default());
        self.lands(after);
    }

    fn lands(&mut self, after: Option<&str>) {
        let key = self.key.clone();
        let after = after.map(|text| Bytes::copy_from_slice(text.as_bytes()));
        let before = match &after {
            Some(bytes) => self.records.insert(key.clone(), bytes.clone()),
            None => self.records.remove(&key),
        };
        self.see(Event::RecordWritten { key, before, after });
    }

    /// The store restarts with nothing.
    pub fn forgotten(&mut self) {
        self.see(Event::StoreLost { span_micros: None });
        for (key, before) in std::mem::take(&mut self.records) {
            let (before, after) = (Some(before), None);
            self.see(Event::RecordWritten { key, before, after });
        }
    }

    /// A record in `phase`, with a run as (version, start, prepared).
    pub fn record(&mut self, phase: &str, run: Option<(u64, u64, bool)>) {
        self.record_with(phase, true, run, "");
    }

    pub fn record_with(
        &mut self,
        phase: &str,
        enabled: bool,
        run: Option<(u64, u64, bool)>,
        more: &str,
    ) {
        let run = run.map_or(String::new(), |(version, start, prepared)| {
            format!(
                r#","run":{{"target":{{"version":{version},"hash":null}},"start":{start},
                "prepared":{prepared}}}"#
            )
        });
        let text = format!(
            r#"{{"account_id":"a.near","function_name":"one","block_stream_synced_at":null,
            "enabled":{enabled},"lifecycle_state":"{phase}","coordinator":{{"format":1,
            "revision":1,"provisioned":true{run}{more}}}}}"#
        );
        self.write(Some(&text));
    }

    /// A newcomer's first data layer task, `t1`, begins, and its record says so as `task` does.
    pub fn provisioning(&mut self, task: &str) {
        self.registered(100, Some(50), true);
        self.record("Initializing", None);
        let begun = self.task_started("t1");
        self.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        self.record_with("Initializing", true, None, task);
    }

    /// The start of the run's stream is noted.
    pub fn noted(&mut self, version: u64, start: u64) {
        let text = format!(
            r#"{{"account_id":"a.near","function_name":"one","block_stream_synced_at":{version},
            "enabled":true,"lifecycle_state":"Running","coordinator":{{"format":1,"revision":1,
            "provisioned":true,"run":{{"target":{{"version":{version},"hash":null}},
            "start":{start},"prepared":true}}}}}}"#
        );
        self.write(Some(&text));
    }

    pub fn admin(&mut self, command: AdminCommand) {
        let key = self.key.clone();
        let by = self.incarnation;
        self.see(Event::AdminSent { key, command, by });
    }

    pub fn acknowledged(&mut self, command: AdminCommand) {
        let key = self.key.clone();
        self.see(Event::AdminAnswered {
            key,
            command,
            by: self.incarnation,
            error: None,
        });
    }

    pub fn task_started(&self, task: &str) -> Node {
        Node::TaskStarted {
            key: self.key.clone(),
            task: task.to_owned(),
            kind: TaskKind::Provision,
        }
    }

    pub fn task_ended(&mut self, task: &str) {
        let (key, kind) = (self.key.clone(), TaskKind::Provision);
        let (task, result) = (task.to_owned(), TaskResult::Complete);
        self.node(Node::TaskEnded {
            key,
            task,
            kind,
            result,
        });
    }

    /// The data layer of the indexer is there.
    pub fn provisioned(&mut self) {
        self.record("Initializing", None);
        let begun = self.task_started("t1");
        self.effect(Method::StartProvisioningTask, With::default(), &[begun]);
        self.record_with(
            "Initializing",
            true,
            None,
            r#","task":{"id":"t1","since":1}"#,
        );
        self.task_ended("t1");
        self.record("Running", None);
    }

    /// A run is decided, prepared and started.
    pub fn begin(&mut self, version: u64, start: u64) {
        self.record("Running", Some((version, start, false)));
        self.clear();
        self.record("Running", Some((version, start, true)));
        self.start_executor(version, 1_000 + version);
        self.start_stream(version, start, 2_000 + version);
    }

    pub fn clear(&mut self) {
        let sent = self.sent(Method::StoreDelete, Some(&self.key.clone()));
        self.tick();
        let key = self.key.clone();
        self.see(Event::DataCleared { key: key.clone() });
        self.applied(sent, Method::StoreDelete, Some(&key), With::default());
        self.see(Event::CallAnswered {
            call: sent.0,
            method: Method::StoreDelete,
            answer: AnswerKind::Ok,
        });
    }

    pub fn executor_listed(&self, version: u64) -> [Node; 2] {
        let key = self.key.clone();
        [
            Node::ExecutorListed {
                key: key.clone(),
                version,
            },
            Node::ExecutorState { key, state: 6 },
        ]
    }

    pub fn start_executor(&mut self, version: u64, worker: u64) {
        let listed = self.executor_listed(version);
        let with = With {
            version: Some(version),
            height: None,
        };
        self.effect(Method::StartExecutor, with, &listed);
        self.tick();
        self.worker_started(version, worker);
        let key = self.key.clone();
        self.node(Node::ExecutorState { key, state: 1 });
    }

    pub fn worker_started(&mut self, version: u64, worker: u64) {
        let key = self.key.clone();
        self.node(Node::WorkerStarted {
            key,
            worker,
            version,
        });
    }

    pub fn worker_orphaned(&mut self, worker: u64) {
        let key = self.key.clone();
        self.node(Node::WorkerOrphaned { key, worker });
    }

    pub fn stop_executor(&mut self, version: u64, worker: u64) {
        let sent = self.sent(Method::StopExecutor, Some(&self.key.clone()));
        self.tick();
        self.applied(
            sent,
            Method::StopExecutor,
            Some(&self.key.clone()),
            With::default(),
        );
        self.tick();
        let key = self.key.clone();
        let reason = WorkerStopReason::Terminated;
        self.node(Node::WorkerEnded {
            key: key.clone(),
            worker,
            reason,
        });
        self.node(Node::ExecutorUnlisted { key, version });
    }

    pub fn stream_started(&self, version: u64, start_height: u64, task: u64) -> Node {
        Node::StreamStarted {
            key: self.key.clone(),
            task,
            version,
            start_height,
        }
    }

    pub fn start_stream(&mut self, version: u64, height: u64, task: u64) {
        let started = self.stream_started(version, height, task);
        let with = With {
            version: Some(version),
            height: Some(height),
        };
        self.effect(Method::StartStream, with, &[started]);
    }

    pub fn stop_stream(&mut self, task: u64) {
        self.effect(Method::StopStream, With::default(), &[]);
        self.tick();
        self.stream_ended(task, TaskStopReason::Cancelled);
    }

    pub fn stream_ended(&mut self, task: u64, reason: TaskStopReason) {
        let key = self.key.clone();
        self.node(Node::StreamEnded { key, task, reason });
    }

    pub fn cursor(&mut self, task: u64, height: u64) {
        let key = self.key.clone();
        self.node(Node::CursorSet { key, task, height });
    }

    /// A block is published; returns its entry.
    pub fn publish(&mut self, version: u64, task: u64, height: u64) -> EntryId {
        self.tick();
        self.cursor(task, height);
        self.entries += 1;
        let entry = EntryId {
            millis: self.now.as_millis(),
            sequence: self.entries,
        };
        let key = self.key.clone();
        self.node(Node::BlockPublished {
            key,
            task,
            version,
            height,
            entry,
        });
        entry
    }

    pub fn execute(&mut self, version: u64, worker: u64, height: u64, entry: EntryId) {
        self.tick();
        let key = self.key.clone();
        self.node(Node::BlockExecuted {
            key,
            worker,
            version,
            height,
            entry,
        });
    }

    /// A block is published and executed by the stream and worker of a version
    /// that [`Play::begin`] started.
    pub fn block(&mut self, version: u64, height: u64) {
        let entry = self.publish(version, 2_000 + version, height);
        self.execute(version, 1_000 + version, height, entry);
    }

    /// Stops what [`Play::begin`] started.
    pub fn stop(&mut self, version: u64) {
        self.stop_stream(2_000 + version);
        self.stop_executor(version, 1_000 + version);
    }
}
