//! A tiny environment that carries out steps: one indexer, services that work,
//! except where a test says otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use lifecycle::{
    Action, Desired, ExecutorState, Gate, Observed, Outcome, Policy, Progress, Reason, Record,
    Seen, Services, Step, StreamHealth, Target, Task, TaskSeen, Timestamp, absorb, plan,
};

use crate::support::*;

/// How one action goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It happens, and no answer comes.
    HappensUnanswered,
    /// It does not happen, and no answer comes.
    VanishesUnanswered,
    /// No answer comes, and it happens so much later.
    HappensLater(Duration),
    /// It does not reach the service.
    Unavailable,
    /// The service refuses.
    Rejected,
    /// It happens, and the coordinator dies before it hears of it.
    CrashAfter,
    /// The coordinator dies before it acts.
    CrashBefore,
}

/// How a run of the loop ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It waits, for so long that nothing more will come of itself.
    Rests(Reason),
    /// The record is gone.
    Finished,
}

/// One indexer's world, carried from step to step.
#[derive(Clone)]
pub struct Environment {
    pub record: Option<Record>,
    pub desired: Desired,
    pub stream: Option<(u64, StreamHealth)>,
    /// Version, state, and when it came to be in that state.
    pub executor: Option<(u64, ExecutorState, Timestamp)>,
    pub cursor: Option<u64>,
    pub queue_head: Option<u64>,
    /// Provisioning tasks: when they end, if ever, and how.
    pub tasks: BTreeMap<String, (Timestamp, TaskSeen)>,
    pub now: Timestamp,
    pub steps: usize,
    /// What goes wrong, at which action (counted from 0).
    pub mishap: Option<(usize, Mishap)>,
    /// After which step the coordinator dies.
    pub crash_at: Option<usize>,
    /// Every action that was carried out.
    pub ledger: Vec<Action>,
    policy: Policy,
    armed: bool,
    actions: usize,
    delayed: Option<(Timestamp, Action)>,
}

/// How long a start of an executor, or a provisioning task, takes.
const WORK: Duration = Duration::from_secs(3);

/// The end of a task that hangs.
const NEVER: Timestamp = Timestamp(u64::MAX);

/// Whether the task has been pending for so long that it does nothing any more.
fn is_dead(world: &World) -> bool {
    let task = world.seen.record.as_ref().and_then(|it| it.task.as_ref());
    task.is_some_and(|task| NOW.since(task.since) >= world.policy.provisioning_abandon)
}

impl Environment {
    pub fn new(desired: Desired) -> Environment {
        Environment {
            record: None,
            desired,
            stream: None,
            executor: None,
            cursor: None,
            queue_head: None,
            tasks: BTreeMap::new(),
            now: NOW,
            steps: 0,
            mishap: None,
            crash_at: None,
            ledger: Vec::new(),
            policy: Policy::default(),
            armed: false,
            actions: 0,
            delayed: None,
        }
    }

    /// The environment in which `world` is what is seen; what is not seen there
    /// does not exist.
    pub fn of(world: &World) -> Environment {
        let seen = &world.seen;
        let mut environment = Environment::new(seen.desired.clone());
        environment.record = seen.record.clone();
        if let Seen::Present(stream) = &seen.stream {
            environment.stream = Some((stream.version, stream.health));
        }
        if let Seen::Present(executor) = &seen.executor {
            let since = match executor.state {
                ExecutorState::Starting(age) | ExecutorState::Failing(age) => age,
                ExecutorState::Fine | ExecutorState::Stalled => Duration::ZERO,
            };
            let since = ago(since.as_secs());
            environment.executor = Some((executor.version, executor.state, since));
        }
        if let Progress::Known { cursor, queue_head } = seen.progress {
            environment.cursor = cursor;
            environment.queue_head = queue_head;
        }
        let id = seen
            .record
            .as_ref()
            .and_then(|it| it.task.as_ref()?.id.clone());
        if let Some(id) = id {
            let end = match seen.task {
                TaskSeen::NotFound => None,
                TaskSeen::Failed => Some((NOW, TaskSeen::Failed)),
                TaskSeen::Pending if is_dead(world) => Some((NEVER, TaskSeen::Failed)),
                TaskSeen::Pending => Some((NOW + WORK, TaskSeen::Complete)),
                TaskSeen::Unknown | TaskSeen::Complete => Some((NOW, TaskSeen::Complete)),
            };
            environment.tasks.extend(end.map(|end| (id, end)));
        }
        environment.armed = seen.armed;
        environment
    }

    fn observe(&self) -> Observed {
        let task = self.record.as_ref().and_then(|it| it.task.as_ref());
        let task = match task {
            Some(Task { id: Some(id), .. }) => {
                self.tasks.get(id).map_or(TaskSeen::NotFound, |(at, end)| {
                    if *at <= self.now {
                        *end
                    } else {
                        TaskSeen::Pending
                    }
                })
            }
            _ => TaskSeen::Unknown,
        };
        let (cursor, queue_head) = (self.cursor, self.queue_head);
        Observed {
            id: id(),
            record: self.record.clone(),
            desired: self.desired.clone(),
            desired_as_of: 1_000,
            stream: self
                .stream
                .map_or(Seen::Absent, |(version, health)| stream(version, health)),
            executor: self.executor_seen(),
            progress: Progress::Known { cursor, queue_head },
            task,
            armed: self.armed,
            gate: Gate::Open,
            start_slot: Timestamp(0),
            services: Services::default(),
            running_since: Timestamp(0),
        }
    }

    fn executor_seen(&self) -> Seen<lifecycle::Executor> {
        let Some((version, state, since)) = self.executor else {
            return Seen::Absent;
        };
        let age = self.now.since(since);
        executor(
            version,
            match state {
                // What has hung for long goes on hanging.
                ExecutorState::Starting(before) if before > WORK => ExecutorState::Starting(age),
                ExecutorState::Starting(_) if age >= WORK => ExecutorState::Fine,
                ExecutorState::Starting(_) => ExecutorState::Starting(age),
                ExecutorState::Failing(_) => ExecutorState::Failing(age),
                state => state,
            },
        )
    }

    /// One step: observe, plan, carry out. `Some` once nothing more comes.
    pub fn step(&mut self) -> Option<End> {
        if self.crash_at == Some(self.steps) {
            self.armed = false;
        }
        self.steps += 1;
        if self.delayed.as_ref().is_some_and(|(at, _)| *at <= self.now) {
            self.deliver();
        }
        let seen = self.observe();
        match plan(&seen, &self.policy, self.now) {
            Step::Commit(next) => {
                let intended = |record: &Record| record.task.as_ref().map(|task| task.id.is_none());
                let before = self.record.as_ref().and_then(intended);
                self.armed |= intended(&next) == Some(true) && before.is_none();
                self.record = Some(*next);
                self.now = self.now + Duration::from_millis(10);
                None
            }
            Step::Apply(action) => {
                self.act(&action);
                None
            }
            Step::Wait(wait) => {
                assert!(wait.until.is_none_or(|until| until > self.now), "{wait:?}");
                let arrives = self.delayed.as_ref().map(|(at, _)| *at);
                match (wait.until, arrives) {
                    // Nothing but what is still under way can bring news.
                    (None, None) => return Some(End::Rests(wait.reason)),
                    (Some(until), None) => self.now = until,
                    (None, Some(at)) => self.now = at,
                    (Some(until), Some(at)) => self.now = until.min(at),
                }
                None
            }
            Step::Finish { .. } => {
                self.record = None;
                if self.delayed.is_none() {
                    return Some(End::Finished);
                }
                self.deliver();
                None
            }
        }
    }

    /// Steps until nothing more comes.
    pub fn settle(&mut self, steps_max: usize) -> End {
        let start = self.clone();
        let last = self.steps + steps_max;
        while self.steps < last {
            if let Some(end) = self.step() {
                return end;
            }
        }
        panic!(
            "not settled after {steps_max} steps, from {:#?}\nnow {:?}\nactions {:?}",
            start.observe(),
            self.record,
            self.ledger
        );
    }

    fn deliver(&mut self) {
        if let Some((_, action)) = self.delayed.take() {
            let _ = self.carry_out(&action);
        }
    }

    fn act(&mut self, action: &Action) {
        let mishap = self.mishap.filter(|(at, _)| *at == self.actions);
        self.actions += 1;
        self.now = self.now + Duration::from_millis(10);
        let outcome = match mishap.map(|(_, mishap)| mishap) {
            None => self.carry_out(action),
            Some(Mishap::HappensUnanswered) => {
                let _ = self.carry_out(action);
                unanswered()
            }
            Some(Mishap::VanishesUnanswered) => unanswered(),
            Some(Mishap::HappensLater(delay)) => {
                self.delayed = Some((self.now + delay, action.clone()));
                unanswered()
            }
            Some(Mishap::Unavailable) => unreachable(),
            Some(Mishap::Rejected) => refused(),
            Some(Mishap::CrashAfter) => {
                let _ = self.carry_out(action);
                self.armed = false;
                return;
            }
            Some(Mishap::CrashBefore) => {
                self.armed = false;
                return;
            }
        };
        if matches!(action, Action::StartProvisioning(_)) {
            self.armed = false;
        }
        let wanted = match &self.desired {
            Desired::Present(spec) => Some(Target::of(spec)),
            _ => None,
        };
        if let Some(record) = &self.record {
            let next = absorb(record, action, &outcome, wanted, &self.policy, self.now);
            self.record = Some(next);
        }
    }

    /// What the services do.
    fn carry_out(&mut self, action: &Action) -> Outcome {
        self.ledger.push(action.clone());
        match action {
            Action::StartProvisioning(_) => {
                let busy = |end: &Timestamp| *end > self.now && *end != NEVER;
                let busy = self.tasks.values().any(|(end, _)| busy(end));
                assert!(!busy, "two tasks at once");
                let id = format!("task-{}", self.tasks.len());
                let end = (self.now + WORK, TaskSeen::Complete);
                self.tasks.insert(id.clone(), end);
                Outcome::Done(Some(id))
            }
            Action::StartStream { spec, height } => {
                if self.stream.is_some() {
                    return Outcome::AlreadyExists;
                }
                self.stream = Some((spec.version, StreamHealth::Fine));
                // It streams and publishes a little at once.
                self.cursor = Some(height + 10);
                self.queue_head = Some(height + 5);
                done()
            }
            Action::StopStream(_) => {
                self.stream = None;
                done()
            }
            Action::StartExecutor(spec) => {
                if self.executor.is_some() {
                    return Outcome::AlreadyExists;
                }
                let state = ExecutorState::Starting(Duration::ZERO);
                self.executor = Some((spec.version, state, self.now));
                done()
            }
            Action::StopExecutor(_) => {
                self.executor = None;
                done()
            }
            Action::ClearData => {
                self.cursor = None;
                self.queue_head = None;
                done()
            }
        }
    }
}
