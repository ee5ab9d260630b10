//! A world to ask for the next step, built up in one line.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::{
    Action, ActionStatus, Backoff, Cause, Desired, Executor, ExecutorState, Gate, Hold, IndexerId,
    Observed, Outcome, Phase, Policy, Progress, Record, Repair, Rule, Run, Seen, Service, Services,
    Spec, StartBlock, Step, Stream, StreamHealth, Target, Task, TaskSeen, Timestamp, absorb, plan,
};

/// The time in every world that is not told another.
pub const NOW: Timestamp = Timestamp(1_000_000_000);

pub fn id() -> IndexerId {
    IndexerId::new("a.near", "f").unwrap()
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// So many seconds before [`NOW`].
pub fn ago(seconds: u64) -> Timestamp {
    Timestamp(NOW.0 - seconds * 1000)
}

fn spec(version: u64, start: StartBlock, code: &str) -> Arc<Spec> {
    let rule = Rule::ActionAny {
        affected_account_id: "*.near".to_owned(),
        status: ActionStatus::Any,
    };
    Arc::new(Spec::new(version, rule, start, code.into(), "".into()))
}

pub fn latest(version: u64) -> Arc<Spec> {
    spec(version, StartBlock::Latest, "1")
}

pub fn height(version: u64, height: u64) -> Arc<Spec> {
    spec(version, StartBlock::Height(height), "1")
}

pub fn continued(version: u64) -> Arc<Spec> {
    spec(version, StartBlock::Continue, "1")
}

/// Like [`latest`], with other code.
pub fn other_content(version: u64) -> Arc<Spec> {
    spec(version, StartBlock::Latest, "2")
}

pub fn event(version: u64) -> Arc<Spec> {
    let rule = Rule::Unsupported("EVENT".to_owned());
    Arc::new(Spec::new(
        version,
        rule,
        StartBlock::Latest,
        "1".into(),
        "".into(),
    ))
}

/// A hold as an operator asks for it.
pub fn hold() -> Hold {
    Hold {
        by: "olga".to_owned(),
        reason: "looking into it".to_owned(),
        since: ago(60),
    }
}

pub fn deleted(version: u64, at: u64) -> Desired {
    Desired::Deleted { version, at }
}

/// A run as it is once queue and cursor were cleared.
pub fn run(spec: &Spec, start: u64) -> Run {
    Run {
        target: Target::of(spec),
        start: Some(start),
        prepared: true,
    }
}

pub fn stream(version: u64, health: StreamHealth) -> Seen<Stream> {
    let id = "S".to_owned();
    Seen::Present(Stream {
        id,
        version,
        health,
    })
}

pub fn executor(version: u64, state: ExecutorState) -> Seen<Executor> {
    let id = "E".to_owned();
    Seen::Present(Executor { id, version, state })
}

pub fn repair(cause: Cause, attempts: u32, next_at: Timestamp, target: Option<Target>) -> Repair {
    Repair {
        from: Phase::Running,
        cause,
        detail: "broken".to_owned(),
        limited: false,
        attempts,
        first_at: ago(100),
        last_at: ago(100),
        next_at,
        target,
        other_at: None,
    }
}

/// One indexer and everything about it; by default everything is reachable,
/// nothing runs, and the registry wants version 5.
#[derive(Clone, Debug)]
pub struct World {
    pub seen: Observed,
    pub policy: Policy,
    pub now: Timestamp,
}

pub fn world() -> World {
    World {
        seen: Observed {
            id: id(),
            record: None,
            desired: Desired::Present(latest(5)),
            desired_as_of: 1_000,
            stream: Seen::Absent,
            executor: Seen::Absent,
            progress: Progress::Known {
                cursor: None,
                queue_head: None,
            },
            task: TaskSeen::Unknown,
            armed: false,
            gate: Gate::Open,
            start_slot: Timestamp(0),
            services: Services::default(),
            running_since: Timestamp(0),
        },
        policy: Policy::default(),
        now: NOW,
    }
}

/// A world whose record is in `phase`, with a data layer.
pub fn in_phase(phase: Phase) -> World {
    let mut world = world();
    world.seen.record = Some(Record {
        provisioned: phase != Phase::Initializing,
        phase,
        ..Record::new(id())
    });
    world
}

pub fn initializing() -> World {
    in_phase(Phase::Initializing)
}

/// Running version 5 from block 120, wanted so, and nothing is there yet.
pub fn running() -> World {
    in_phase(Phase::Running).has_run(run(&latest(5), 120))
}

/// Suspended from that same run.
pub fn suspended() -> World {
    in_phase(Phase::Suspended)
        .has_run(run(&latest(5), 120))
        .disabled()
}

/// Being suspended from that same run.
pub fn suspending() -> World {
    in_phase(Phase::Suspending)
        .has_run(run(&latest(5), 120))
        .disabled()
}

/// Being deleted from that same run, with a tombstone at 9.
pub fn deleting() -> World {
    in_phase(Phase::Deleting)
        .has_run(run(&latest(5), 120))
        .record(|record| record.tombstone = Some(9))
        .desired(deleted(5, 9))
}

/// Repairing that same run for `cause`, due in `seconds` (negative: since).
pub fn repairing(cause: Cause, seconds: i64) -> World {
    let next_at = Timestamp(NOW.0.saturating_add_signed(seconds * 1000));
    let target = Some(Target::of(&latest(5)));
    running().record(|record| {
        record.phase = Phase::Repairing;
        record.repair = Some(repair(cause, 3, next_at, target));
    })
}

impl World {
    pub fn record(mut self, change: impl FnOnce(&mut Record)) -> World {
        change(self.seen.record.as_mut().unwrap());
        self
    }

    pub fn has_run(self, run: Run) -> World {
        self.record(|record| record.run = Some(run))
    }

    pub fn disabled(self) -> World {
        self.record(|record| record.enabled = false)
    }

    pub fn synced(self, version: u64) -> World {
        self.record(|record| record.synced_at = Some(version))
    }

    pub fn has_task(self, id: Option<&str>, since: Timestamp) -> World {
        let id = id.map(str::to_owned);
        self.record(|record| record.task = Some(Task { id, since }))
    }

    pub fn has_repair(self, cause: Cause, attempts: u32, next_at: Timestamp) -> World {
        let target = Some(Target::of(&latest(5)));
        self.record(|record| record.repair = Some(repair(cause, attempts, next_at, target)))
    }

    pub fn desired(mut self, desired: Desired) -> World {
        self.seen.desired = desired;
        self
    }

    pub fn wants(self, spec: Arc<Spec>) -> World {
        self.desired(Desired::Present(spec))
    }

    pub fn stream(self, version: u64) -> World {
        self.stream_is(stream(version, StreamHealth::Fine))
    }

    pub fn stream_is(mut self, stream: Seen<Stream>) -> World {
        self.seen.stream = stream;
        self
    }

    pub fn executor(self, version: u64) -> World {
        self.executor_is(executor(version, ExecutorState::Fine))
    }

    pub fn executor_is(mut self, executor: Seen<Executor>) -> World {
        self.seen.executor = executor;
        self
    }

    pub fn progress(mut self, cursor: Option<u64>, queue_head: Option<u64>) -> World {
        self.seen.progress = Progress::Known { cursor, queue_head };
        self
    }

    pub fn progress_unknown(mut self) -> World {
        self.seen.progress = Progress::Unknown;
        self
    }

    pub fn task(mut self, task: TaskSeen) -> World {
        self.seen.task = task;
        self
    }

    pub fn armed(mut self) -> World {
        self.seen.armed = true;
        self
    }

    pub fn gate(mut self, gate: Gate) -> World {
        self.seen.gate = gate;
        self
    }

    /// The start budget lets nothing start for so many seconds.
    pub fn starts_in(mut self, seconds: u64) -> World {
        self.seen.start_slot = self.now + secs(seconds);
        self
    }

    pub fn down(mut self, service: Service) -> World {
        let since = Some(ago(10));
        match service {
            Service::BlockStreamer => self.seen.services.block_streamer = since,
            Service::Executors => self.seen.services.executors = since,
            Service::Provisioner => self.seen.services.provisioner = since,
            Service::Registry | Service::Store => panic!("{service} is not watched"),
        }
        self
    }

    pub fn later(mut self, pause: Duration) -> World {
        self.now = self.now + pause;
        self
    }

    pub fn step(&self) -> Step {
        plan(&self.seen, &self.policy, self.now)
    }

    /// The next step, in words.
    pub fn plan(&self) -> String {
        self.step().to_string()
    }

    /// In how many seconds the wait that is the next step ends by itself.
    pub fn wakes_in(&self) -> Option<u64> {
        let step = self.step();
        let Step::Wait(wait) = &step else {
            panic!("not a wait: {step}");
        };
        wait.until.map(|until| until.since(self.now).as_secs())
    }

    /// The record that the next step commits.
    pub fn commits(&self) -> Record {
        let step = self.step();
        let Step::Commit(record) = step else {
            panic!("not a commit: {step}");
        };
        *record
    }

    /// The world after the commit that is the next step.
    pub fn committed(mut self) -> World {
        self.seen.record = Some(self.commits());
        self
    }

    /// The action that is the next step.
    pub fn action(&self) -> Action {
        let step = self.step();
        let Step::Apply(action) = step else {
            panic!("not an action: {step}");
        };
        action
    }

    /// The world after the action that is the next step ended so, nothing else
    /// having changed.
    pub fn ended(self, outcome: Outcome) -> World {
        let action = self.action();
        self.absorbs(&action, outcome)
    }

    /// The world after `action` ended so, nothing else having changed.
    pub fn absorbs(mut self, action: &Action, outcome: Outcome) -> World {
        let wanted = match &self.seen.desired {
            Desired::Present(spec) => Some(Target::of(spec)),
            _ => None,
        };
        let record = self.seen.record.as_ref().unwrap();
        let next = absorb(record, action, &outcome, wanted, &self.policy, self.now);
        self.seen.record = Some(next);
        self.seen.armed = false;
        self
    }

    /// The record, in words.
    pub fn stands(&self) -> String {
        self.seen.record.as_ref().unwrap().to_string()
    }

    pub fn phase(&self) -> Phase {
        self.seen.record.as_ref().unwrap().phase
    }
}

pub fn done() -> Outcome {
    Outcome::Done(None)
}

pub fn refused() -> Outcome {
    Outcome::Rejected("refused".to_owned())
}

pub fn unreachable() -> Outcome {
    Outcome::Unavailable("unreachable".to_owned())
}

pub fn unanswered() -> Outcome {
    Outcome::Indefinite("no answer".to_owned())
}

/// A backoff without jitter would hide nothing here; this is its upper bound.
pub fn nominal(backoff: Backoff, attempts: u32) -> Duration {
    backoff
        .first
        .saturating_mul(1 << attempts.saturating_sub(1).min(20))
        .min(backoff.cap)
}
