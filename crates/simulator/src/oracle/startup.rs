//! S16: what is wrong with one indexer's record keeps nobody else waiting when a
//! coordinator starts.

use std::collections::BTreeSet;
use std::time::Duration;

use lifecycle::Phase;
use sim_node::Time;

use super::desire::Registered;
use super::fair::Fair;
use super::finding::Finding;
use super::marks::Marks;
use super::prompt::is_excused;
use super::record::Persisted;
use super::silence;
use super::truth::Truth;
use crate::history::{Event, Method};

/// How long after a start the first call about somebody may take, besides the
/// share of the start budget.
const REACTION: Duration = Duration::from_secs(10);

/// S16. Verifies that if a coordinator starts while some record is unreadable,
/// every other indexer that is not as wanted gets a call soon. Says nothing if
/// anything goes wrong meanwhile, if what is wanted changes, and about repairs,
/// which may have to wait.
#[derive(Default)]
pub(super) struct Startup {
    since: Time,
    due: Option<Time>,
    waiting: BTreeSet<usize>,
}

impl Startup {
    /// Takes note of starts, changes and calls.
    pub fn observe(&mut self, truth: &mut Truth, marks: &mut Marks, now: Time, event: &Event) {
        match event {
            Event::CoordinatorStarted { .. } => self.begin(truth, now),
            Event::CoordinatorEnded { .. } => self.due = None,
            _ if self.due.is_none() => {}
            Event::CallSent {
                method,
                key: Some(key),
                ..
            } if !method.is_shared_poll() && *method != Method::RegistryRead => {
                let number = truth.intern(key);
                if self.waiting.remove(&number) {
                    marks.named("judged S16");
                }
            }
            Event::Registry { key, .. }
            | Event::AdminSent { key, .. }
            | Event::RecordTampered { key }
            | Event::RecordTranslated { key } => {
                let number = truth.intern(key);
                self.waiting.remove(&number);
            }
            _ => {}
        }
    }

    fn begin(&mut self, truth: &Truth, now: Time) {
        self.due = None;
        self.waiting.clear();
        let is_bad =
            |(_, indexer): (usize, &super::indexer::Indexer)| indexer.record == Persisted::Corrupt;
        if !truth.all().any(is_bad) {
            return;
        }
        for (number, indexer) in truth.all() {
            let registered = indexer.desire.current().registered;
            let works = matches!(registered, Registered::Present { .. })
                && indexer.record != Persisted::Corrupt
                && indexer.record.phase() != Some(Phase::Repairing);
            // Whoever shows no ill now may do so at any time later.
            let shows = !looks_well(truth, now, number);
            if works && shows && !silence::is_as_wanted(truth, now, number) {
                self.waiting.insert(number);
            }
        }
        let crowd = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        let rate = truth.limits.start_budget_per_second.max(1);
        self.since = now;
        self.due = Some(now + REACTION + Duration::from_secs(1) * crowd / rate);
    }

    /// The first who was left alone for too long.
    pub fn overdue(
        &mut self,
        truth: &Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
    ) -> Option<Finding> {
        self.due.filter(|due| now > *due)?;
        self.due = None;
        let alive = fair.awake_since().is_some_and(|at| at <= self.since);
        // One that is still busy with its records has not asked anybody yet.
        let hears = fair.is_connected(now) || fair.has_asked_nobody(now);
        if !alive || !fair.no_trouble_since(self.since) || !hears {
            return None;
        }
        let left = std::mem::take(&mut self.waiting);
        let number = left.into_iter().find(|number| {
            let repairs = truth.at(*number).record.phase() == Some(Phase::Repairing);
            !repairs
                && !is_excused(truth, now, *number)
                && !silence::is_as_wanted(truth, now, *number)
                && !looks_well(truth, now, *number)
        })?;
        marks.named("judged S16");
        let key = &truth.at(number).key;
        let sentence =
            format!("{key}: no call about it since the start, at which another's record is bad");
        Finding::about("S16", number, sentence)
    }
}

/// Whether the services list what is wanted and say no ill of it, or nothing that might
/// not pass: of a task that died nobody hears before its health is looked at, and code
/// that fails may do so for a while.
fn looks_well(truth: &Truth, now: Time, number: usize) -> bool {
    let indexer = truth.at(number);
    let Registered::Present { version, .. } = indexer.desire.current().registered else {
        return false;
    };
    let world = &indexer.world;
    let listed = [
        world.listed_stream.map(|stream| stream.version),
        world.executor.map(|executor| executor.version),
    ];
    indexer.record.phase() == Some(Phase::Running)
        && listed == [Some(version); 2]
        && (world.executor_is_failing() || !world.is_reported_sick(now))
}
