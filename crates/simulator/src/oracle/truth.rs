//! What is really the case, as far as the events told.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use sim_node::{IndexerKey, Time};

use super::Limits;
use super::broken::Core;
use super::calls::{Call, Calls, Horizons, matters_later};
use super::fencing::Fencing;
use super::indexer::{DataTask, Indexer};
use super::lies::Lies;
use super::queue::Published;
use super::record::Persisted;
use super::silence;
use super::timely::Applied;
use crate::history::{
    AnswerKind, CallId, Event, FormerState, Incarnation, Method, NodeName, NodeState, RunPhase,
};

mod horizon;

/// Wire number of gRPC's INTERNAL.
const INTERNAL: i32 = 13;

/// Everything that is known.
pub(super) struct Truth {
    pub limits: Limits,
    pub core: Core,
    index: HashMap<IndexerKey, usize, BuildHasherDefault<DefaultHasher>>,
    indexers: Vec<Indexer>,
    pub calls: Calls,
    pub tasks: Vec<DataTask>,
    pub incarnation: Incarnation,
    pub fencing: Fencing,
    pub phase: RunPhase,
    pub phase_since: Time,
    /// When all faults ended.
    pub healed_at: Time,
    list_heard: Option<Time>,
    /// What was heard before that, if it was long ago, and until when somebody may go by it.
    list_before: Option<(Time, Time)>,
    pub lies: Lies,
    store_lost_at: Option<Time>,
    paused: Option<(Time, Option<Time>)>,
    misled_until: Time,
    last_sent: (CallId, Option<usize>),
}

impl Truth {
    pub fn new(limits: Limits) -> Truth {
        Truth {
            fencing: Fencing::new(limits.look),
            limits,
            core: Core::default(),
            index: HashMap::default(),
            indexers: Vec::new(),
            calls: Calls::default(),
            tasks: Vec::new(),
            incarnation: 0,
            phase: RunPhase::Chaos,
            phase_since: Time(0),
            healed_at: Time(0),
            list_heard: None,
            list_before: None,
            lies: Lies::default(),
            store_lost_at: None,
            paused: None,
            misled_until: Time(0),
            last_sent: (0, None),
        }
    }

    /// The number of `key`; given out in the order of first mention.
    pub fn intern(&mut self, key: &IndexerKey) -> usize {
        if let Some(number) = self.index.get(key) {
            return *number;
        }
        let number = self.indexers.len();
        self.index.insert(key.clone(), number);
        let mut indexer = Indexer::new(key.clone());
        indexer.world.streams_vanish = self.limits.streams_vanish;
        self.indexers.push(indexer);
        number
    }

    /// The indexer with a number that [`Truth::intern`] gave out.
    pub fn at(&self, number: usize) -> &Indexer {
        &self.indexers[number]
    }

    pub fn at_mut(&mut self, number: usize) -> &mut Indexer {
        &mut self.indexers[number]
    }

    pub fn all(&self) -> impl Iterator<Item = (usize, &Indexer)> {
        self.indexers.iter().enumerate()
    }

    /// Whom a call is about, if it is the last one sent or changes the world.
    pub fn indexer_of(&self, call: CallId) -> Option<usize> {
        match self.last_sent {
            (last, indexer) if last == call => indexer,
            _ => self.calls.get(call).and_then(|call| call.indexer),
        }
    }

    /// Whether no data layer task runs, nor may run, of anybody.
    pub fn is_nothing_provisioned(&self) -> bool {
        let has_task = |indexer: &Indexer| {
            let record = indexer.record.known();
            record.is_some_and(|record| record.task.is_some())
        };
        self.tasks.is_empty() && !self.indexers.iter().any(has_task)
    }

    /// From when the registry's last listing is that the coordinator heard.
    pub fn list_heard(&self) -> Option<Time> {
        self.list_heard
    }

    /// Whether the coordinator may act on an answer that was not true.
    pub fn is_misled(&self, number: usize, now: Time) -> bool {
        now < self.misled_until || now < self.at(number).misled_until
    }

    /// Takes note of an event that is neither about blocks nor cursors.
    pub fn observe(&mut self, now: Time, event: &Event) {
        match event {
            Event::Node(event) => self.node(now, event),
            Event::CallSent {
                call,
                method,
                key,
                by,
            } => {
                self.sent(now, *call, *method, key.as_ref(), *by);
            }
            Event::CallApplied {
                call,
                method,
                key,
                by,
                sent_at,
                version,
                answer,
                ..
            } => {
                let (call, by, sent_at, version) = (*call, *by, *sent_at, *version);
                let applied = Applied {
                    call,
                    by,
                    sent_at,
                    version,
                };
                self.applied(now, *method, key.as_ref(), &applied, answer);
            }
            Event::CallAnswered { call, answer, .. } => self.answered(now, *call, answer),
            Event::CallFault { call, fault, .. } => self.fault(now, *call, fault),
            Event::RecordWritten { key, before, after } => {
                let number = self.intern(key);
                self.written(now, number, before.as_deref(), after.as_deref());
            }
            Event::DataCleared { key } => {
                let number = self.intern(key);
                self.at_mut(number).queue.clear(now);
            }
            Event::QueueCleared { key } => {
                let number = self.intern(key);
                let queue = &mut self.at_mut(number).queue;
                let cursor = queue.cursor;
                queue.clear(now);
                queue.cursor = cursor;
            }
            Event::StoreLost { span_micros } => self.store_lost(now, *span_micros),
            Event::Registry { .. }
            | Event::AdminSent { .. }
            | Event::AdminAnswered { .. }
            | Event::RecordTampered { .. } => self.people(now, event),
            Event::RecordTranslated { key } => {
                let number = self.intern(key);
                self.at_mut(number).translated_at = Some(now);
            }
            Event::CoordinatorStarted { incarnation } => {
                self.incarnation = *incarnation;
                self.core.born(now);
                self.paused = None;
                self.fencing.life(now, event);
            }
            Event::NodeState { node, state } => self.node_state(now, *node, *state),
            Event::Fault { text } => self.lies.note(now, text),
            Event::Phase(phase) => {
                (self.phase, self.phase_since) = (*phase, now);
                if *phase == RunPhase::Healing {
                    self.healed_at = now;
                }
            }
            Event::CoordinatorEnded { incarnation, .. } => {
                self.fencing.life(now, event);
                self.abandon_commands(*incarnation);
            }
            Event::Former { incarnation, state } => {
                self.fencing.life(now, event);
                if *state == FormerState::Ended {
                    self.abandon_commands(*incarnation);
                }
                // What it has in mind is as old as its sleep.
                if let FormerState::Thawed { since } = state {
                    self.paused = Some((*since, Some(now)));
                }
            }
            Event::StoreWrites { .. }
            | Event::Panicked { .. }
            | Event::Misdirected { .. }
            | Event::Remark { .. } => {}
        }
    }

    /// Whoever lived that `life` is dead: what operators had asked of it nobody carries out
    /// any more.
    fn abandon_commands(&mut self, life: Incarnation) {
        let all = self.indexers.iter_mut();
        all.for_each(|indexer| indexer.desire.abandon_commands(life));
    }

    /// What users and operators do.
    fn people(&mut self, now: Time, event: &Event) {
        match event {
            Event::Registry { key, change, .. } => {
                let number = self.intern(key);
                let indexer = self.at_mut(number);
                if indexer.desire.registry(now, change) {
                    let was_relaxed = std::mem::take(&mut indexer.relaxed);
                    (indexer.touched, indexer.begun_at) = (false, None);
                    indexer.queue.forgive();
                    // Of a task that the store forgot nobody knows in the new life either.
                    let own = self.tasks.iter_mut().filter(|task| task.indexer == number);
                    own.for_each(|task| task.excused |= was_relaxed);
                }
            }
            Event::AdminSent { key, command, by } => {
                let number = self.intern(key);
                let of_life = self.told_of_life(number);
                let desire = &mut self.at_mut(number).desire;
                desire.sent(now, *command, *by, of_life);
            }
            Event::AdminAnswered {
                key,
                command,
                by,
                error,
            } => {
                let number = self.intern(key);
                let desire = &mut self.at_mut(number).desire;
                desire.answered(now, *command, *by, error.is_none());
            }
            Event::RecordTampered { key } => {
                let number = self.intern(key);
                let indexer = self.at_mut(number);
                indexer.tampered_at = Some(now);
                indexer.relax(true);
                indexer.record = Persisted::Unknown;
                indexer.desire.doubt_commands(now);
            }
            _ => {}
        }
    }

    fn node(&mut self, now: Time, event: &sim_node::Event) {
        let number = self.intern(event.key());
        match event {
            sim_node::Event::TaskStarted { task, .. } => self.tasks.push(DataTask {
                indexer: number,
                id: task.clone(),
                since: now,
                linked: false,
                known: false,
                excused: false,
                by: None,
            }),
            sim_node::Event::TaskEnded { task, .. } => {
                self.tasks.retain(|running| running.id != *task);
            }
            sim_node::Event::StreamEnded { .. } => {
                let indexer = self.at_mut(number);
                indexer.queue.freeze_floor();
                indexer.world.observe(now, event);
            }
            sim_node::Event::StreamStarted { .. } => {
                let indexer = self.at_mut(number);
                indexer.queue.stream_started(now < indexer.unsure_until);
                indexer.world.observe(now, event);
            }
            _ => self.at_mut(number).world.observe(now, event),
        }
    }

    /// A stream task wrote the cursor.
    pub fn cursor_set(&mut self, now: Time, number: usize, task: u64, height: u64) {
        let indexer = self.at_mut(number);
        // Who has stopped it, and waits for it, hears of its end. Whoever else finds it gone
        // from the list cannot see that the task has not come to its end.
        let stopped = indexer.world.stopped(task);
        let (cleared_at, cleared_by) = (indexer.queue.cleared_at, indexer.queue.cleared_by);
        let unheard = stopped.is_some_and(|(at, by)| {
            cleared_at >= Some(at) && cleared_by.is_some_and(|other| Some(other) != by)
        });
        indexer.queue.moved_at = Some(now);
        indexer.queue.cursor = Some(height);
        let foreign = indexer.is_foreign(task);
        indexer.queue.muddled |= foreign || unheard;
        indexer.queue.rolled_back &= foreign || now < indexer.unsure_until;
    }

    /// A stream task published a block.
    pub fn published(&mut self, number: usize, mut published: Published) {
        let silent = self.phase == RunPhase::Silence;
        let indexer = self.at_mut(number);
        published.excused = indexer.world.is_excused_or_ending(published.task);
        indexer.queue.muddled |= indexer.is_foreign(published.task);
        indexer.queue.publish(published, silent);
    }

    fn node_state(&mut self, now: Time, node: NodeName, state: NodeState) {
        match (node, state) {
            (NodeName::Coordinator, NodeState::Paused) => self.paused = Some((now, None)),
            (NodeName::Coordinator, _) => {
                if let Some((_, until @ None)) = &mut self.paused {
                    *until = Some(now);
                }
            }
            (NodeName::BlockStreamer, NodeState::Down) => {
                self.indexers
                    .iter_mut()
                    .for_each(|indexer| indexer.world.streamer_died());
            }
            (NodeName::Runner, NodeState::Down) => {
                self.indexers
                    .iter_mut()
                    .for_each(|indexer| indexer.world.runner_died());
            }
            _ => {}
        }
    }

    fn sent(
        &mut self,
        now: Time,
        id: CallId,
        method: Method,
        key: Option<&IndexerKey>,
        by: Incarnation,
    ) {
        let indexer = key.map(|key| self.intern(key));
        self.last_sent = (id, indexer);
        let loads = method == Method::StoreSetMembers && self.core.loaded_at().is_none();
        if !matters_later(method) && !loads {
            return;
        }
        let starting_for = indexer
            .filter(|_| method == Method::StopExecutor)
            .and_then(|number| self.at(number).world.starting_for(now));
        let call = Call {
            indexer,
            by,
            method,
            late: false,
            applied: 0,
            horizons: indexer.map_or(
                Horizons {
                    registry: Time(0),
                    switch: Time(0),
                },
                |number| self.horizons(number, now),
            ),
            clean_at: None,
            starting_for,
        };
        self.calls.add(id, call);
    }

    fn answered(&mut self, now: Time, id: CallId, answer: &AnswerKind) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (method, indexer, by) = (call.method, call.indexer, call.by);
        // A former coordinator's polls are not this life's.
        let own = by == self.incarnation;
        if method == Method::StoreSetMembers && own && *answer == AnswerKind::Ok {
            self.core.loaded(now);
        }
        let Some(heard) = call.clean_at.filter(|_| *answer == AnswerKind::Ok) else {
            return;
        };
        match (method, indexer) {
            (Method::RegistryListAll, _) => {
                self.listed(now, heard);
                self.fencing.listed(by, heard);
            }
            (Method::RegistryRead, Some(number)) => self.at_mut(number).read_heard = Some(heard),
            _ => {}
        }
    }

    fn fault(&mut self, now: Time, id: CallId, fault: &str) {
        let until = now + self.limits.observation_delay;
        match (fault, self.indexer_of(id)) {
            ("late", _) => {
                if let Some(call) = self.calls.get_mut(id) {
                    call.late = true;
                }
            }
            ("stale", Some(number)) => self.at_mut(number).misled_until = until,
            // Listings and other calls about nobody in particular.
            ("stale", None) => self.misled_until = until,
            _ => {}
        }
    }

    fn applied(
        &mut self,
        now: Time,
        method: Method,
        key: Option<&IndexerKey>,
        applied: &Applied,
        answer: &AnswerKind,
    ) {
        if matches!(method, Method::RegistryListAll | Method::RegistryRead) {
            let honest = self.lies.none_since(now);
            if let Some(call) = self.calls.get_mut(applied.call).filter(|_| honest) {
                call.clean_at = Some(now);
            }
            return;
        }
        let Some(key) = key else {
            return;
        };
        let number = self.intern(key);
        self.fencing.applied(now, number, method, applied, answer);
        self.take_effect(now, method, number, applied, answer);
        if let Some(call) = self.calls.get_mut(applied.call) {
            call.applied += 1;
        }
    }

    fn take_effect(
        &mut self,
        now: Time,
        method: Method,
        number: usize,
        applied: &Applied,
        answer: &AnswerKind,
    ) {
        let done = *answer == AnswerKind::Ok;
        let deadline = self.limits.store_deadline;
        match method {
            Method::StartStream if done => {
                let untimely = self.is_untimely(now, number, applied);
                self.at_mut(number)
                    .world
                    .stream_start_applied(now, untimely);
            }
            Method::StartExecutor if done => {
                let untimely = self.is_untimely(now, number, applied);
                self.at_mut(number)
                    .world
                    .executor_start_applied(now, untimely);
            }
            Method::StopStream if done || *answer == AnswerKind::Error(INTERNAL) => {
                let by = Some(applied.by).filter(|_| !self.is_stray(now, applied));
                let indexer = self.at_mut(number);
                indexer.queue.freeze_floor();
                indexer.world.stream_stop_applied(now, by);
            }
            Method::StopExecutor if done => {
                let call = self.calls.get(applied.call);
                let patient = call
                    .and_then(|call| call.starting_for)
                    .is_none_or(|age| age >= self.limits.executor_start_grace);
                // A stale answer may have shown it as it was before it was started.
                let excused = self.is_stray(now, applied) || self.is_misled(number, now);
                self.at_mut(number)
                    .world
                    .executor_stop_applied(patient || excused);
            }
            Method::StartProvisioningTask if done => {
                let stray = self.is_stray(now, applied);
                let by = self.calls.get(applied.call).map(|call| call.by);
                for task in self.tasks.iter_mut().rev() {
                    if task.indexer == number && task.since == now && !task.linked {
                        (task.linked, task.by) = (true, by);
                        task.excused = stray;
                        break;
                    }
                }
            }
            Method::StoreDelete if self.at(number).queue.cleared_at == Some(now) => {
                let unseen =
                    self.is_late(now, applied, deadline) || self.clears_unseen(now, number);
                let queue = &mut self.at_mut(number).queue;
                queue.cleared_by = Some(applied.by);
                if unseen {
                    queue.excuse_clearing();
                }
            }
            Method::StoreCompareAndSet if self.is_late(now, applied, deadline) => {
                let until = now + self.limits.observation_delay;
                self.at_mut(number).unsure_until = until;
            }
            _ => {}
        }
    }

    /// Whether queue and cursor were cleared under a stream that a stale answer hid.
    fn clears_unseen(&self, now: Time, number: usize) -> bool {
        self.is_misled(number, now) && self.at(number).world.owned_stream().is_some()
    }

    fn written(&mut self, now: Time, number: usize, before: Option<&[u8]>, after: Option<&[u8]>) {
        let lost = self.store_lost_at == Some(now);
        let until = now + self.limits.observation_delay;
        let of_life = self.told_of_life(number);
        let indexer = self.at_mut(number);
        let tampered = indexer.tampered_at == Some(now);
        let next = Persisted::read(after);
        indexer.rewritten(now, before, &next, of_life);
        let translated = indexer.translated_at == Some(now);
        indexer.foreign_write = lost || tampered || translated;
        indexer.taken_over = translated;
        if translated && !lost && !tampered {
            indexer.unsure_until = until;
            indexer.translated(now, &next);
        } else if indexer.foreign_write {
            indexer.relax(!lost);
            if lost {
                indexer.forgets_its_run(&next);
            }
            indexer.unsure_until = until;
            indexer.desire.doubt_commands(now);
        } else if next == Persisted::Nothing {
            indexer.desire.record_removed(now);
        }
        let task = next.known().and_then(|record| record.task.as_ref());
        if let Some(id) = task.and_then(|task| task.id.as_ref()) {
            for task in self.tasks.iter_mut().filter(|task| task.id == *id) {
                task.known = true;
            }
        }
        self.at_mut(number).record = next;
        if silence::gave_up(self, self.at(number)) {
            self.at_mut(number).gave_up_at = Some(now);
        }
    }

    fn store_lost(&mut self, now: Time, span_micros: Option<u64>) {
        self.store_lost_at = Some(now);
        let since = Time(span_micros.map_or(0, |span| now.0.saturating_sub(span)));
        let until = now + self.limits.observation_delay;
        for indexer in &mut self.indexers {
            indexer.world.store_losses += 1;
            indexer.queue.lose(since);
            let touched = indexer.record_at >= since
                || indexer.queue.cleared_at.is_some_and(|at| at >= since);
            if span_micros.is_none() || touched {
                indexer.relax(false);
                indexer.unsure_until = until;
                indexer.desire.doubt_commands(now);
            }
        }
    }
}
