//! The judges: properties that must hold whatever happens, checked as it happens.
//!
//! The truth is what really is the case: what runs at the nodes, what is
//! wanted, what the store holds. Every judge is a small type or function beside
//! it that says in its documentation what it verifies and what it does not. The
//! first violation is kept with the events that prove it.

mod blocks;
mod broken;
mod calls;
pub mod catalogue;
mod claims;
mod collect;
mod consulted;
mod data_plane;
mod dead_end;
mod desire;
mod destruction;
mod entry;
mod evidence;
mod exclusivity;
mod fair;
mod fencing;
mod finding;
mod gone;
mod heights;
mod indexer;
mod isolation;
mod layers;
mod lies;
mod limits;
mod line;
mod marks;
mod order;
mod panics;
mod promise;
mod prompt;
mod provisioning;
mod queue;
mod rates;
mod record;
mod record_history;
mod recovery;
mod resurrection;
mod retry;
mod shadow;
mod silence;
mod stability;
mod starts;
mod startup;
mod storm;
mod tended;
mod timely;
mod truth;
mod versions;
mod witness;
mod world;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sim_node::chain::{Chain, Rule};
use sim_node::{IndexerKey, Time};

#[cfg(madsim)]
pub(crate) use indexer::share_a_database;
pub use limits::Limits;
pub use shadow::ShadowView;

use crate::history::{AnswerKind, CallId, Change, Event, Incarnation, Method, RunPhase};
use crate::report::{BlockTally, Violation};
use blocks::Blocks;
use claims::Claims;
use dead_end::DeadEnds;
use evidence::Evidence;
use exclusivity::Exclusivity;
use fair::Fair;
use finding::Finding;
use gone::Gone;
use isolation::Isolation;
use layers::Layers;
use marks::Marks;
use order::Order;
use prompt::Prompt;
use provisioning::Provisioning;
use rates::Rates;
use recovery::Recovery;
use resurrection::Monotone;
use retry::Retries;
use shadow::Shadow;
use stability::Stability;
use startup::Startup;
use storm::Storm;
use tended::Tended;
use truth::Truth;
use witness::Witness;

/// All judges of one run, and what they know.
pub struct Oracles {
    truth: Truth,
    now: Time,
    evidence: Evidence,
    marks: Marks,
    witness: Witness,
    violation: Option<Violation>,
    /// Those after the first, one of each kind, if judging goes on.
    further: Vec<Violation>,
    kinds: BTreeSet<String>,
    /// Something that happened at `now` is judged when the instant is over.
    unsettled: bool,
    exclusivity: Exclusivity,
    monotone: Monotone,
    isolation: Isolation,
    layers: Layers,
    rates: Rates,
    storm: Storm,
    order: Order,
    provisioning: Provisioning,
    blocks: Blocks,
    fair: Fair,
    prompt: Prompt,
    startup: Startup,
    stability: Stability,
    dead_ends: DeadEnds,
    retries: Retries,
    claims: Claims,
    recovery: Recovery,
    tended: Tended,
    gone: Gone,
    shadow: Shadow,
}

impl Oracles {
    /// Judges that have seen nothing yet.
    pub fn new(limits: Limits) -> Oracles {
        let fair = Fair::of(limits.lists_services);
        Oracles {
            truth: Truth::new(limits),
            now: Time(0),
            evidence: Evidence::default(),
            marks: Marks::default(),
            witness: Witness::default(),
            violation: None,
            further: Vec::new(),
            kinds: BTreeSet::new(),
            unsettled: false,
            exclusivity: Exclusivity::default(),
            monotone: Monotone::default(),
            isolation: Isolation::default(),
            layers: Layers::default(),
            rates: Rates::default(),
            storm: Storm::default(),
            order: Order::default(),
            provisioning: Provisioning::default(),
            blocks: Blocks::default(),
            fair,
            prompt: Prompt::default(),
            startup: Startup::default(),
            stability: Stability::default(),
            dead_ends: DeadEnds::default(),
            retries: Retries::default(),
            claims: Claims::default(),
            recovery: Recovery::default(),
            tended: Tended::default(),
            gone: Gone::default(),
            shadow: Shadow::default(),
        }
    }

    /// Takes note of `event`. Events must come in the order in which they happen.
    /// What belongs to one instant is partly judged when the next begins.
    pub fn observe(&mut self, now: Time, event: &Event) {
        self.marks.always(0, now >= self.now);
        if now > self.now {
            self.settle();
            self.now = now;
            self.recovery.look(&mut self.truth, now);
        }
        if let Event::Node(node) = event
            && self.data_plane(now, event, node)
        {
            return;
        }
        if self.shadow.is_its_own(event) {
            self.marks.named("judged S18");
            self.report(shadow::changes_nothing(event), Some(event));
            return;
        }
        self.evidence.keep(&mut self.truth, now, event);
        self.marks.observe(event);
        self.witness
            .observe(&mut self.truth, &mut self.marks, now, event);
        self.truth.observe(now, event);
        self.layers.observe(&mut self.truth, event);
        consulted::observe(&mut self.truth, &mut self.marks, event);
        self.control_plane(now, event);
        self.attentiveness(now, event);
    }

    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// One sentence for each thing that is not as wanted at `now` (L1, L2); none
    /// if the world has converged.
    pub fn unconverged(&self, now: Time) -> Vec<String> {
        silence::unconverged(&self.truth, now)
    }

    /// One sentence for each thing that is not as wanted at `now`, where a quiet period
    /// ends that began at `since` (L1, L2).
    pub fn never_rested(&self, now: Time, since: Time) -> Vec<String> {
        silence::never_rested(&self.truth, now, since)
    }

    /// One sentence for each indexer that is stuck in one phase at `now` (L3).
    pub fn dead_ends(&self, now: Time) -> Vec<String> {
        self.dead_ends.named(&self.truth, now)
    }

    /// Judges what can only be judged at the end of a run (P1), and counts the
    /// blocks. `rules` holds what was registered per version; kinds that no
    /// streamer serves are left out. `tip` is the newest height of the chain.
    pub fn finish(
        &mut self,
        now: Time,
        chain: &mut Chain,
        rules: &BTreeMap<IndexerKey, Vec<(u64, Rule)>>,
        tip: u64,
    ) {
        self.settle();
        self.now = self.now.max(now);
        let found = self.blocks.finish(&self.truth, now, chain, rules, tip);
        if self.blocks.tallies().any(|(_, tally)| tally.matched > 0) {
            self.marks.named("judged P1");
        }
        self.report(found, None);
    }

    /// Takes note of what the shadow says when the world has settled, while its clock
    /// and the coordinator's are so far `apart`.
    pub fn shadow_settled(&mut self, views: Vec<ShadowView>, apart: Duration) {
        self.shadow.settled(views, apart);
    }

    /// Judges what the shadow says after the silence (L9).
    pub fn shadow_finish(&mut self, views: &[ShadowView], apart: Duration) {
        self.marks.named("judged L9");
        let found = self.shadow.agrees(&self.truth, views, apart);
        self.report(found, None);
    }

    /// What became of the blocks of each indexer, as counted by
    /// [`Oracles::finish`].
    pub fn tallies(&self) -> BTreeMap<String, BlockTally> {
        let tallies = self.blocks.tallies();
        tallies
            .map(|(number, tally)| (self.truth.at(number).key.to_string(), tally.clone()))
            .collect()
    }

    /// A fault of this family happens that no event tells of by itself.
    pub fn befell(&mut self, family: &'static str) {
        self.marks.hit(crate::marks::Mark::Fault(family));
    }

    /// A loop of the coordinator waits for this reason (see
    /// [`lifecycle::Reason::name`]).
    pub fn waits(&mut self, reason: &'static str) {
        if crate::marks::WAITS.contains(&reason) {
            self.marks.hit(crate::marks::Mark::Wait(reason));
        }
    }

    /// How often each interesting situation was reached.
    pub fn marks(&self) -> BTreeMap<String, u64> {
        let mut marks = self.marks.by_name();
        if self.blocks.duplicates > 0 {
            marks.insert("duplicate execution".to_owned(), self.blocks.duplicates);
        }
        marks
    }

    #[cfg(test)]
    fn truth_for_tests(&mut self, key: &IndexerKey) -> &mut indexer::Indexer {
        let number = self.truth.intern(key);
        self.truth.at_mut(number)
    }

    /// Judges the instant that is over.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.unsettled) {
            return;
        }
        let (truth, now) = (&self.truth, self.now);
        let exclusivity = self.exclusivity.settle(truth, now);
        let isolation = self.isolation.settle(truth);
        let order = self.order.settle(truth, now);
        let provisioning = self.provisioning.settle(truth, now);
        self.report(exclusivity.or(isolation).or(order).or(provisioning), None);
    }

    /// Asks the judges about an event that the truth knows of already.
    fn control_plane(&mut self, now: Time, event: &Event) {
        match event {
            Event::Node(event) => self.node(event),
            Event::CallSent {
                call,
                method,
                key,
                by,
            } => self.sent(now, (*call, *method, *by), key.as_ref()),
            Event::CallApplied {
                call,
                method,
                key: Some(key),
                sent_at,
                version,
                height,
                answer,
                ..
            } if method.is_effect() && *answer == AnswerKind::Ok => {
                let number = self.truth.intern(key);
                let sent = (*call, *sent_at);
                let detail = Detail {
                    sent,
                    version: *version,
                    height: *height,
                };
                self.applied(now, *method, number, &detail);
            }
            Event::RecordWritten { key, before, after } => {
                let number = self.truth.intern(key);
                let texts = (before.as_deref(), after.as_deref());
                let unread = self.truth.fencing.written(now, key, number, texts);
                self.report(unread, Some(event));
                self.written(now, key);
            }
            Event::DataCleared { key } => {
                let number = self.truth.intern(key);
                let found = self.lacks_reason(now, number, Method::StoreDelete);
                self.report(found, Some(event));
                self.order.cleared(number);
                self.isolation.effect(Method::StoreDelete, number);
                self.unsettled = true;
            }
            Event::Registry { key, change, .. } => {
                let number = self.truth.intern(key);
                self.rates.wish(now, number);
                if matches!(change, Change::Registered { new_life: true, .. }) {
                    self.blocks.new_life(number);
                    if self.truth.at(number).desire.lives > 1 {
                        self.marks.named("re-registration");
                    }
                }
            }
            Event::AdminSent { key, .. }
            | Event::RecordTampered { key }
            | Event::RecordTranslated { key } => {
                let number = self.truth.intern(key);
                self.rates.wish(now, number);
            }
            Event::AdminAnswered { key, error, .. } => {
                let number = self.truth.intern(key);
                // What waited for a frozen coordinator is carried out when it thaws.
                self.rates.wish(now, number);
                if error.is_none() && now >= self.truth.at(number).unsure_until {
                    let found = record_history::switch(&self.truth, number);
                    let found = found.or_else(|| record_history::hold(&self.truth, number));
                    self.report(found, None);
                }
            }
            Event::Misdirected { key, method, queue } => {
                let number = self.truth.intern(key);
                let found = isolation::own_queue(&self.truth, number, *method, queue);
                self.report(found, Some(event));
            }
            Event::QueueCleared { key } => {
                let number = self.truth.intern(key);
                self.isolation.effect(Method::StoreDelete, number);
                self.unsettled = true;
            }
            Event::CoordinatorStarted { .. } => self.rates.born(),
            Event::Panicked { message } => self.report(panics::no_panic(message), None),
            _ => {}
        }
    }

    /// Asks the judges of what must happen soon, and of what must not without need.
    fn attentiveness(&mut self, now: Time, event: &Event) {
        let (truth, marks) = (&mut self.truth, &mut self.marks);
        let ended = self.fair.observe(truth, now, event);
        let restless = self.stability.observe(truth, &self.fair, marks, now, event);
        self.prompt
            .observe(truth, &self.fair, marks, now, event, ended);
        self.startup.observe(truth, marks, now, event);
        self.gone.life(event);
        let late = self.prompt.overdue(truth, &self.fair, marks, now);
        let forgotten = self.startup.overdue(truth, &self.fair, marks, now);
        let ignored = self.retries.observe(truth, now, event);
        let made_up = self.claims.observe(truth, &self.fair, marks, now, event);
        let provoked = exclusivity::provoked(truth, event);
        let unnoted = self.tended.observe(truth, &self.fair, marks, now, event);
        self.report(restless.or(late).or(forgotten), None);
        self.report(ignored.or(made_up).or(unnoted).or(provoked), None);
        match event {
            Event::RecordWritten { key, .. } => {
                let number = self.truth.intern(key);
                self.dead_ends.written(&self.truth, now, number);
            }
            Event::Phase(phase) => {
                if *phase == RunPhase::Silence {
                    self.marks.named("judged L3");
                }
                self.dead_ends.enter(now, *phase);
            }
            _ => {}
        }
    }

    fn node(&mut self, event: &sim_node::Event) {
        let number = self.truth.intern(event.key());
        match event {
            sim_node::Event::ExecutorState { .. } => {
                if self.truth.phase == RunPhase::Silence {
                    self.storm.changed(number);
                }
                return;
            }
            sim_node::Event::StreamStarted {
                version,
                start_height,
                ..
            } => {
                self.exclusivity.note(number);
                self.isolation.effect(Method::StartStream, number);
                self.order.stream_started(number);
                let forgotten = self.truth.at_mut(number).begins_anew(*version);
                self.blocks
                    .stream_started(number, *version, *start_height, forgotten);
            }
            sim_node::Event::ExecutorListed { .. } => {
                self.isolation.effect(Method::StartExecutor, number);
                self.order.executor_started(number);
            }
            sim_node::Event::StreamOrphaned { .. }
            | sim_node::Event::WorkerStarted { .. }
            | sim_node::Event::WorkerOrphaned { .. } => self.exclusivity.note(number),
            sim_node::Event::TaskStarted { task, .. } => {
                self.isolation.effect(Method::StartProvisioningTask, number);
                self.provisioning.started(task);
            }
            _ => return,
        }
        self.unsettled = true;
    }

    fn sent(
        &mut self,
        now: Time,
        (call, method, by): (CallId, Method, Incarnation),
        key: Option<&IndexerKey>,
    ) {
        let number = key.map(|key| self.truth.intern(key));
        let deposed = key.zip(number).and_then(|(key, number)| {
            self.truth
                .fencing
                .sent(now, key, number, (call, method, by))
        });
        self.report(deposed, None);
        let outdated = self.truth.fencing.was_outdated(call);
        if outdated {
            self.marks.named("effect of an outdated coordinator");
            self.marks.named("judged S3");
        }
        let truth = &self.truth;
        let stops = matches!(method, Method::StopStream | Method::StopExecutor);
        if stops && self.fair.lacks_store_or_registry() {
            self.marks.named("judged P6 in an outage");
        }
        if let Some(number) = number
            && silence::tries_again(truth, now, number)
        {
            self.truth.core.give_up(number);
        }
        let truth = &self.truth;
        if method.is_effect() && !number.is_some_and(|number| broken::is_excused(truth, number)) {
            self.truth.core.changed(now);
        }
        let truth = &self.truth;
        let mut found = silence::call(truth, now, number, method);
        found = found.or_else(|| self.rates.polled(truth, now, number, method));
        found = found.or_else(|| self.storm.sent(truth, now, number, method));
        if let Some(number) = number.filter(|_| !method.is_effect()) {
            found = found.or_else(|| self.rates.read(truth, now, number));
        }
        if let Some(number) = number.filter(|_| method.is_effect() && !outdated) {
            if truth.at(number).desire.promised_hold() == Some(false) {
                self.marks.named("effect after a release");
            }
            found = found.or_else(|| record_history::obeys_hold(truth, number, method));
            // Clearing does nothing if the record has changed: it is judged when it does.
            if method != Method::StoreDelete {
                found = found.or_else(|| self.lacks_reason(now, number, method));
            }
            let rate = self.rates.sent((truth, &self.fair), now, number, method);
            found = found.or(rate);
        }
        self.report(found, None);
    }

    fn applied(&mut self, now: Time, method: Method, number: usize, detail: &Detail) {
        self.isolation.call(method, number);
        self.unsettled = true;
        let truth = &self.truth;
        if truth.fencing.was_outdated(detail.sent.0) {
            return;
        }
        let found = match (method, detail.version) {
            (Method::StartStream | Method::StartExecutor, Some(version)) => {
                self.rates.started_in(now, number, version);
                let older = self.monotone.applied(truth, number, version, detail.sent.1);
                let start = detail
                    .height
                    .and_then(|height| starts::started(truth, now, number, version, height));
                resurrection::no_resurrection(truth, number, method, Some(version), detail.sent)
                    .or(older)
                    .or(start)
            }
            (Method::StartProvisioningTask, _) => {
                resurrection::no_resurrection(truth, number, method, None, detail.sent)
            }
            _ => None,
        };
        self.report(found, None);
    }

    fn written(&mut self, now: Time, key: &IndexerKey) {
        let number = self.truth.intern(key);
        let truth = &self.truth;
        let indexer = truth.at(number);
        self.marks.record(&indexer.record_before, &indexer.record);
        self.witness.written(truth, &mut self.marks, now, number);
        if indexer.foreign_write {
            return;
        }
        self.isolation.effect(Method::StoreCompareAndSet, number);
        self.unsettled = true;
        let found = silence::write(truth, now, number)
            .or_else(|| record_history::transition(truth, number))
            .or_else(|| record_history::claim(truth, number))
            .or_else(|| self.layers.written(truth, number))
            .or_else(|| destruction::has_proof(truth, now, number))
            .or_else(|| record_history::switch(truth, number))
            .or_else(|| record_history::hold(truth, number))
            .or_else(|| starts::decided(truth, number))
            .or_else(|| self.gone.written(truth, now, number));
        self.report(found, None);
    }

    fn report(&mut self, found: Option<Finding>, event: Option<&Event>) {
        let Some(Finding {
            oracle,
            indexer,
            sentence,
        }) = found
        else {
            return;
        };
        if self.is_decided() {
            return;
        }
        let mut violation = Violation {
            oracle: oracle.to_owned(),
            sentence,
            at: self.now.to_string(),
            evidence: Vec::new(),
        };
        if self.truth.limits.collects && self.kinds.contains(&violation.kind()) {
            return;
        }
        violation.evidence = self.evidence.about(indexer);
        violation
            .evidence
            .extend(event.map(|event| evidence::line(self.now, event)));
        self.add(violation);
    }
}

/// The parts of a call's effect that judges look at.
struct Detail {
    /// Which call, and when it was sent.
    sent: (CallId, Time),
    version: Option<u64>,
    height: Option<u64>,
}
