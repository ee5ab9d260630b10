//! Sees the situations that somebody thought of, and how calls end.
//!
//! It looks at each event before the truth knows of it, so that it can say what was
//! the case when it happened. What it cannot see it does not count: it never guesses.

mod asked;
mod moments;

use std::collections::BTreeMap;
use std::time::Duration;

use lifecycle::Phase;
use sim_node::{Event as Node, IndexerKey, Time};

use self::asked::Calls;
use super::desire::Registered;
use super::marks::Marks;
use super::record::{Persisted, Record};
use super::truth::Truth;
use crate::history::{AdminCommand, AnswerKind, Change, Event, Incarnation, NodeName, NodeState};
use crate::marks::{ACTIONS, Mark};

/// What follows a switch within this is a change of mind.
const CHANGE_OF_MIND: Duration = Duration::from_secs(1);

/// What is remembered of one indexer.
#[derive(Debug, Default)]
struct Own {
    /// The last version that was registered, in the life that was then.
    version: Option<u64>,
    life: u32,
    /// Contents that it had in this life, oldest first.
    contents: Vec<u64>,
    /// The versions whose stream began in this life.
    streamed: Vec<u64>,
    disabled_at: Option<Time>,
    /// When the coordinator last changed something other than the record.
    effect_at: Option<Time>,
    /// The last task: its id, the life that learned of it, and how often tasks began.
    task: Option<(String, Incarnation)>,
    tasks: u32,
    gave_up: bool,
    gave_up_at: Option<Time>,
    retried_at: Option<Time>,
    updated_at: Option<Time>,
}

/// Contents that are remembered per indexer.
const CONTENTS_MAX: usize = 64;

/// What it remembers.
#[derive(Debug, Default)]
pub(super) struct Witness {
    calls: Calls,
    own: BTreeMap<usize, Own>,
    down: BTreeMap<NodeName, NodeState>,
    starts: std::collections::VecDeque<Time>,
    frozen: bool,
    changed_while_frozen: bool,
    two_coordinators: bool,
    lives: u32,
    registry_changed_at: Option<Time>,
}

impl Witness {
    /// Looks at an event that is neither about blocks nor cursors.
    pub fn observe(&mut self, truth: &mut Truth, marks: &mut Marks, now: Time, event: &Event) {
        self.calls.observe(truth, marks, now, event);
        match event {
            Event::Node(node) => self.node(truth, marks, node),
            Event::CallApplied {
                method,
                key: Some(key),
                answer: AnswerKind::Ok,
                by,
                ..
            } if method.is_effect() => {
                let number = truth.intern(key);
                if *by != truth.incarnation {
                    marks.named("effect of a dead coordinator");
                }
                let action = ACTIONS.iter().find(|(one, _)| one == method);
                if let Some((_, action)) = action {
                    marks.hit(Mark::Action(action));
                    self.own.entry(number).or_default().effect_at = Some(now);
                }
                if ["StartStream", "StartExecutor"].contains(&action.map_or("", |(_, name)| name)) {
                    self.started(marks, now);
                }
            }
            Event::Registry { key, change, .. } => {
                self.registry_changed_at = Some(now);
                self.changed_while_frozen |= self.frozen;
                self.wish(truth, marks, now, key, change);
            }
            Event::AdminSent { key, command, .. } => self.command(truth, marks, now, key, *command),
            Event::CoordinatorStarted { .. } => self.born(marks),
            Event::CoordinatorEnded { .. } => self.died(truth, marks),
            Event::Former { state, .. } => {
                self.two_coordinators = !matches!(state, crate::history::FormerState::Ended);
            }
            Event::NodeState { node, state } => self.node_state(truth, marks, *node, *state),
            Event::StoreLost { .. } => store_lost(truth, marks),
            Event::Fault { text } => self.fault(marks, now, text),
            Event::Phase(crate::history::RunPhase::Silence) => self.silence(truth, marks),
            _ => {}
        }
    }

    /// Something was started.
    fn started(&mut self, marks: &mut Marks, now: Time) {
        self.starts.push_back(now);
        while self
            .starts
            .front()
            .is_some_and(|at| now.since(*at) > Duration::from_secs(60))
        {
            self.starts.pop_front();
        }
        if self.starts.len() >= 20 {
            marks.named("twenty starts within a minute");
        }
    }

    fn node(&mut self, truth: &mut Truth, marks: &mut Marks, event: &Node) {
        let number = truth.intern(event.key());
        let indexer = truth.at(number);
        let own = self.own.entry(number).or_default();
        match event {
            Node::StreamStarted { version, .. } => {
                if let Registered::Present {
                    version: wanted,
                    start,
                    ..
                } = indexer.desire.current().registered
                    && wanted == *version
                {
                    let block = match start {
                        None => "CONTINUE",
                        Some(height) if height == wanted => "LATEST",
                        Some(_) => "HEIGHT",
                    };
                    let path = match own.streamed.last() {
                        None => "new life",
                        Some(last) if last == version => "resumed version",
                        Some(_) => "new version",
                    };
                    marks.hit(Mark::Start(block, path));
                }
                if own.streamed.last() != Some(version) {
                    own.streamed.push(*version);
                }
            }
            Node::TaskStarted { key, .. } => {
                own.tasks += 1;
                if own.tasks > 1 && own.streamed.is_empty() {
                    marks.named("second task for one indexer");
                }
                let waits = |other: &super::indexer::Indexer| {
                    let record = other.record.known();
                    other.key != *key
                        && other.key.account() == key.account()
                        && record.is_some_and(|record| {
                            record.phase == Phase::Initializing && record.task.is_none()
                        })
                };
                if truth.all().any(|(_, other)| waits(other)) {
                    marks.named("account waits for its other task");
                }
            }
            Node::StreamHealth { .. } | Node::ExecutorState { .. } => {
                let world = &indexer.world;
                let listed = world.listed_stream.is_some() && world.executor.is_some();
                if listed && world.stream_is_sick() && world.executor_is_sick() {
                    marks.named("stream and executor sick together");
                }
            }
            _ => {}
        }
    }

    /// A record was written; the truth knows of it already.
    pub fn written(&mut self, truth: &Truth, marks: &mut Marks, now: Time, number: usize) {
        let indexer = truth.at(number);
        let own = self.own.entry(number).or_default();
        let (before, after) = (&indexer.record_before, &indexer.record);
        if *before == Persisted::Corrupt && after.known().is_some() {
            marks.named("unreadable record read again");
        }
        if indexer.foreign_write {
            return;
        }
        own.effect_at = None;
        let (Some(old), Some(new)) = (before.known(), after.known()) else {
            if *after == Persisted::Nothing {
                own.streamed.clear();
                own.task = None;
                own.tasks = 0;
                own.gave_up = false;
            }
            return;
        };
        marks.hit(Mark::Format(old.format));
        let id = |record: &Record| record.task.as_ref().and_then(|task| task.id.clone());
        if let Some(id) =
            id(new).filter(|id| own.task.as_ref().is_none_or(|(known, _)| known != id))
        {
            own.task = Some((id, truth.incarnation));
        }
        let left = (old.phase, new.phase);
        if left == (Phase::Initializing, Phase::Running)
            && let Some((known, learned)) = &own.task
            && id(old).as_ref() == Some(known)
            && *learned != truth.incarnation
        {
            marks.named("task adopted after a restart");
        }
        let attempts = |record: &Record| record.repair.as_ref().map_or(0, |one| one.attempts);
        if old.phase == Phase::Repairing && new.phase != Phase::Repairing && attempts(old) >= 2 {
            marks.named("repaired at the second try or later");
        }
        let gave_up = new.phase == Phase::Repairing
            && (new.repair.as_ref())
                .is_some_and(|repair| repair.gave_up(truth.limits.attempts_max));
        if gave_up && !own.gave_up {
            marks.named("gave up");
        }
        if own.gave_up && !gave_up {
            let since = own.gave_up_at.unwrap_or(now);
            if own.retried_at.take().is_some_and(|at| at >= since) {
                marks.named("gave up, mended by an operator");
            }
            if own.updated_at.is_some_and(|at| at >= since) {
                marks.named("gave up, mended by an update");
            }
        }
        if gave_up && !own.gave_up {
            own.gave_up_at = Some(now);
        }
        own.gave_up = gave_up;
    }

    /// Somebody registers, updates or deletes.
    fn wish(
        &mut self,
        truth: &mut Truth,
        marks: &mut Marks,
        now: Time,
        key: &IndexerKey,
        change: &Change,
    ) {
        let number = truth.intern(key);
        let indexer = truth.at(number);
        let own = self.own.entry(number).or_default();
        let record = indexer.record.known();
        if self.two_coordinators {
            marks.named("second coordinator beside a change");
        }
        match change {
            Change::Registered {
                version,
                content,
                new_life,
                ..
            } => {
                if *new_life {
                    let deleting = record.is_some_and(|one| one.phase == Phase::Deleting);
                    if deleting {
                        marks.named("registered again while deleting");
                    }
                    let life = own.life + 1;
                    *own = Own {
                        life,
                        ..Own::default()
                    };
                } else {
                    if own.version == Some(*version) {
                        marks.named("two updates in one block");
                    }
                    if own.contents.contains(content) && own.contents.last() != Some(content) {
                        marks.named("update to an older version's content");
                    }
                    own.updated_at = Some(now);
                    moments::updated(marks, indexer);
                }
                own.version = Some(*version);
                if own.contents.len() < CONTENTS_MAX {
                    own.contents.push(*content);
                }
            }
            Change::Deleted { .. } => {
                if own.streamed.is_empty() && indexer.world.stream_starts == 0 {
                    marks.named("deleted before it ever ran");
                }
                let is_down = |node| self.down.get(&node) == Some(&NodeState::Down);
                if is_down(NodeName::BlockStreamer) && is_down(NodeName::Runner) {
                    marks.named("deleted while streamer and runner are down");
                }
                moments::deleted(marks, indexer);
            }
        }
    }

    /// An operator wants something.
    fn command(
        &mut self,
        truth: &mut Truth,
        marks: &mut Marks,
        now: Time,
        key: &IndexerKey,
        command: AdminCommand,
    ) {
        let number = truth.intern(key);
        let own = self.own.entry(number).or_default();
        if self.down.get(&NodeName::Store) == Some(&NodeState::Down) {
            marks.named("command while the store is away");
        }
        match command {
            AdminCommand::Disable => own.disabled_at = Some(now),
            AdminCommand::Enable => {
                let at = own.disabled_at.take();
                if at.is_some_and(|at| now.since(at) <= CHANGE_OF_MIND) {
                    marks.named("switched off and on within a second");
                }
            }
            AdminCommand::Retry => own.retried_at = Some(now),
            AdminCommand::Hold | AdminCommand::Release => {}
        }
        moments::commanded(marks, truth.at(number), command);
    }

    fn born(&mut self, marks: &mut Marks) {
        self.lives += 1;
        self.frozen = false;
        if self.lives >= 10 {
            marks.named("many lives of the coordinator");
        }
        let is_down = |node| self.down.get(&node) == Some(&NodeState::Down);
        if is_down(NodeName::Store) {
            marks.named("coordinator starts without a store");
        }
        if is_down(NodeName::Registry) {
            marks.named("coordinator starts without a registry");
        }
        if is_down(NodeName::BlockStreamer) || is_down(NodeName::Runner) {
            marks.named("coordinator starts without services");
        }
    }

    fn died(&mut self, truth: &Truth, marks: &mut Marks) {
        let others = self.down.iter();
        let is_down = |(node, state): (&NodeName, &NodeState)| {
            *node != NodeName::Coordinator && *state == NodeState::Down
        };
        if others.into_iter().any(is_down) {
            marks.named("coordinator dies while another node is down");
        }
        if truth.all().any(|(_, one)| one.desire.is_command_open()) {
            marks.named("command while the coordinator dies");
        }
        for (number, indexer) in truth.all() {
            let own = self.own.get(&number);
            if own.is_some_and(|own| own.effect_at.is_some()) {
                marks.named("crash between an effect and its record");
            }
            moments::crashed(marks, truth, number, indexer);
        }
    }

    fn node_state(&mut self, truth: &Truth, marks: &mut Marks, node: NodeName, state: NodeState) {
        self.down.insert(node, state);
        match (node, state) {
            (NodeName::Coordinator, NodeState::Paused) => {
                self.frozen = true;
                self.changed_while_frozen = false;
                let in_change = |indexer: &super::indexer::Indexer| {
                    let phase = indexer.record.phase();
                    let rests = [Some(Phase::Running), Some(Phase::Suspended), None];
                    !rests.contains(&phase) || moments::is_changing(indexer)
                };
                if truth.all().any(|(_, indexer)| in_change(indexer)) {
                    marks.named("coordinator frozen during a change");
                }
            }
            (NodeName::Coordinator, _) => {
                let slept = std::mem::take(&mut self.frozen);
                if slept && self.changed_while_frozen {
                    marks.named("coordinator thawed after a change");
                }
            }
            (NodeName::Runner, NodeState::Down) => moments::runner_dies(marks, truth),
            (NodeName::BlockStreamer, NodeState::Down)
                if truth
                    .all()
                    .any(|(_, indexer)| moments::is_changing(indexer)) =>
            {
                marks.named("block streamer dies during a change of version");
            }
            (NodeName::Store, NodeState::Down)
                if truth
                    .all()
                    .any(|(_, indexer)| moments::is_changing(indexer)) =>
            {
                marks.named("store dies during a change of version");
            }
            _ => {}
        }
    }

    fn fault(&mut self, marks: &mut Marks, now: Time, text: &str) {
        let of_listing = text.contains("RegistryListAll meets");
        if of_listing && (text.ends_with("Empty") || text.ends_with("DropEntries")) {
            marks.named("registry listing without many that were there");
        }
        let recent = |at: Time| now.since(at) < Duration::from_secs(60);
        if text.ends_with("meets Stale") && self.registry_changed_at.is_some_and(recent) {
            marks.named("registry older than what runs");
        }
        if text.starts_with("the listing of") && text.contains("Partial") {
            marks.named("partial listing of what runs");
        }
        if text.contains("over the quota") {
            marks.named("start refused by a quota");
        }
        if text.contains("another program leaves records as VersionKey") {
            marks.hit(Mark::Format("version key"));
        }
    }

    fn silence(&self, truth: &Truth, marks: &mut Marks) {
        for (number, indexer) in truth.all() {
            let record = indexer.record.known();
            if record.is_some_and(|record| record.phase == Phase::Suspended) {
                marks.named("silence with a suspended indexer");
            }
            let own = self.own.get(&number);
            if own.is_some_and(|own| own.gave_up) {
                marks.named("silence with something given up");
            }
            if own.is_some_and(|own| own.streamed.len() >= 3) {
                marks.named("silence with several versions behind");
            }
        }
    }
}

fn store_lost(truth: &Truth, marks: &mut Marks) {
    for (_, indexer) in truth.all() {
        if indexer.record.known().is_some() && indexer.world.owned_stream().is_some() {
            marks.named("store lost the record of what runs");
        }
        if indexer.queue.cursor.is_some() {
            marks.named("store lost a cursor");
        }
    }
}
