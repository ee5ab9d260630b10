//! P6: without a coordinator nothing is lost, and one that returns to a world
//! that is as wanted changes nothing.

use std::time::Duration;

use lifecycle::Phase;
use sim_node::Time;

use super::broken;
use super::fair::Fair;
use super::finding::Finding;
use super::indexer::Indexer;
use super::marks::Marks;
use super::record::Persisted;
use super::silence;
use super::truth::Truth;
use crate::history::{Event, Method, NodeName};

/// For how long a coordinator that returns must not change anything.
const STILL: Duration = Duration::from_secs(60);

/// For how long nothing may have gone wrong or been asked for before a life ends
/// for its end to count as that of a settled one.
const SETTLED: Duration = Duration::from_secs(60);

/// How the note begins that other programs leave the records in their own form.
const TRANSLATED: &str = "another program leaves records";

/// For how long nothing may have been changed by the coordinator.
const QUIET: Duration = Duration::from_secs(10);

/// P6, on return. Verifies that if everything was as wanted and quiet when a
/// coordinator ended, and nothing happened since but work on blocks, the next
/// one sends nothing that changes anything in its first minute. The records may have
/// been left in another program's form meanwhile: they are written anew, and nothing
/// else is done.
#[derive(Default)]
pub(super) struct Stability {
    wished_at: Option<Time>,
    effect_at: Option<Time>,
    /// The world was settled when the last life ended, and nothing happened since.
    settled: bool,
    /// Another program has left records in its own form, which may be written anew.
    translated: bool,
    /// Until when the life that began since must be still.
    until: Option<Time>,
}

impl Stability {
    /// Takes note of lives, and of everything that justifies a change. The effect
    /// that has no such justification is returned.
    pub fn observe(
        &mut self,
        truth: &mut Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
        event: &Event,
    ) -> Option<Finding> {
        if self.until.is_some_and(|until| now >= until) {
            self.until = None;
            self.settled = false;
            marks.named("judged P6");
        }
        match event {
            Event::CallSent { method, key, .. } if method.is_effect() => {
                self.effect_at = Some(now);
                let key = key.clone();
                let number = key.map(|key| truth.intern(&key));
                return self.effect(truth, now, *method, number);
            }
            Event::Registry { .. } | Event::AdminSent { .. } => {
                self.wished_at = Some(now);
                self.disturb();
            }
            Event::CoordinatorEnded { .. } => {
                self.until = None;
                self.translated = false;
                self.settled = self.is_settled(truth, fair, now);
            }
            Event::CoordinatorStarted { .. } if self.settled => self.until = Some(now + STILL),
            Event::RecordTranslated { key } => {
                let number = truth.intern(key);
                self.translated = true;
                if !says_all(&truth.at(number).record) {
                    self.disturb();
                }
            }
            // The other program's, and the first of the one that comes back.
            Event::RecordWritten { key, .. } if self.translated => {
                let number = truth.intern(key);
                if names_another(truth.at(number)) {
                    self.disturb();
                }
            }
            Event::RecordTampered { .. }
            | Event::Former { .. }
            | Event::RecordWritten { .. }
            | Event::StoreLost { .. }
            | Event::CallFault { .. }
            | Event::AdminAnswered { .. }
            | Event::Phase(_) => self.disturb(),
            Event::NodeState { node, .. } if *node != NodeName::Coordinator => self.disturb(),
            Event::Node(event) => self.node(truth, now, event),
            // Which the records that follow tell in full.
            Event::Fault { text } if text.starts_with(TRANSLATED) => {}
            Event::Fault { .. } if !fair.no_trouble_since(now) => self.disturb(),
            _ => {}
        }
        None
    }

    fn disturb(&mut self) {
        self.settled = false;
        self.until = None;
    }

    fn node(&mut self, truth: &mut Truth, now: Time, event: &sim_node::Event) {
        let harmless = match event {
            sim_node::Event::StreamHealth { key, .. }
            | sim_node::Event::ExecutorState { key, .. } => {
                let number = truth.intern(key);
                !truth.at(number).world.is_reported_sick(now)
            }
            _ => false,
        };
        if !harmless {
            self.disturb();
        }
    }

    fn is_settled(&self, truth: &Truth, fair: &Fair, now: Time) -> bool {
        let rests = truth.all().all(|(_, indexer)| match &indexer.record {
            Persisted::Known(record) => {
                record.own && record.repair.is_none() && record.task.is_none()
            }
            Persisted::Corrupt => false,
            _ => true,
        });
        let long_ago = |at: Option<Time>, span| at.is_none_or(|at| now.since(at) > span);
        rests
            && truth.tasks.is_empty()
            && long_ago(self.wished_at, SETTLED)
            && long_ago(self.effect_at, QUIET)
            && fair.no_trouble_since(now - SETTLED)
            && silence::unconverged(truth, now).is_empty()
    }

    fn effect(
        &mut self,
        truth: &Truth,
        now: Time,
        method: Method,
        number: Option<usize>,
    ) -> Option<Finding> {
        self.until?;
        if self.translated && method == Method::StoreCompareAndSet {
            return None;
        }
        if number.is_some_and(|number| broken::is_excused(truth, number)) {
            return None;
        }
        self.disturb();
        if !silence::unconverged(truth, now).is_empty() {
            return None;
        }
        let about = number.map_or("*".to_owned(), |number| truth.at(number).key.to_string());
        let sentence = format!(
            "{about}: {method:?} is sent by a coordinator that returned to a world as wanted"
        );
        Some(Finding {
            oracle: "P6",
            indexer: number,
            sentence,
        })
    }
}

/// Whether any program's form of the record says all there is to say.
fn says_all(record: &Persisted) -> bool {
    record.known().is_some_and(|record| {
        let rests = matches!(record.phase, Phase::Running | Phase::Suspended);
        rests && !record.held && record.repair.is_none() && record.task.is_none()
    })
}

/// Whether the record names another version than the one that runs: what ran before
/// may have left its traces, and it may be wise to begin anew.
fn names_another(indexer: &Indexer) -> bool {
    let synced = indexer.record.known().and_then(|record| record.synced);
    let stream = indexer.world.owned_stream();
    stream.is_some_and(|stream| synced.is_some_and(|version| version != stream.version))
}

/// P6 while the store is read and not written. Verifies that what runs well is not
/// stopped for something that cannot be written down: a version that is to replace it
/// could not follow. What the record tells of already is carried out.
pub(super) fn ends_unwritten(
    truth: &Truth,
    fair: &Fair,
    now: Time,
    number: usize,
    method: Method,
) -> Option<Finding> {
    let since = fair.unwritable_since()?;
    // A write that was carried out a moment before told that there can be more.
    if now.since(since) <= truth.limits.store_deadline {
        return None;
    }
    let indexer = truth.at(number);
    let record = indexer.record.known()?;
    let told = record.phase != Phase::Running || !record.enabled || !record.own;
    let run = record.run.filter(|run| run.prepared && !told)?;
    let (version, sick, what) = match method {
        Method::StopStream => {
            let listed = indexer.world.listed_stream?;
            (listed.version, indexer.world.stream_is_sick(), "stream")
        }
        Method::StopExecutor => {
            let listed = indexer.world.executor?;
            (listed.version, indexer.world.executor_is_sick(), "executor")
        }
        _ => return None,
    };
    // One that stood still in between believes what it was told before.
    let awake = fair.awake_since().is_some_and(|awake| awake <= since);
    (awake && !sick && !indexer.relaxed && run.version() == version).then(|| Finding {
        oracle: "P6",
        indexer: Some(number),
        sentence: format!(
            "{}: the {what} of version {version} is stopped, although the store takes no writes \
             and nothing could follow",
            indexer.key
        ),
    })
}

/// P6 while store or registry are down: a stop without a reason (S6) is this then.
pub(super) fn of_outage(found: Finding, fair: &Fair, method: Method) -> Finding {
    let stops = matches!(method, Method::StopStream | Method::StopExecutor);
    if !stops || !fair.lacks_store_or_registry() {
        return found;
    }
    Finding {
        oracle: "P6",
        sentence: format!("{}, while store or registry are down", found.sentence),
        ..found
    }
}
