//! Faults of a sweep: each at one site of the run.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use sim_node::IndexerKey;
use xxhash_rust::xxh3::xxh3_64;

use super::World;
use super::control::Request;
use crate::history::{Incarnation, Method, NodeName};
use crate::scenario::CallOutcome;
use crate::sweep::{Kind, Place, Plan, Recorder, Site, Swept};

/// How long the coordinator stays down after a crash of a sweep.
pub const DOWN: Duration = Duration::from_secs(2);

/// How old an old answer of the registry is: older than the answer of any poll
/// that a coordinator still remembers.
pub const REGISTRY_LAG: Duration = Duration::from_secs(8);

/// The most calls of an indexer's course that are kept.
const COURSE_MAX: usize = 500;

/// Counts the sites of a run and knows what is to happen at which of them.
#[derive(Debug, Default)]
pub struct Probe {
    plan: BTreeMap<Site, Kind>,
    counts: BTreeMap<(Place, Option<IndexerKey>), u64>,
    recorder: Option<Recorder>,
    reached: Vec<Site>,
    courses: BTreeMap<String, Vec<String>>,
    crash: Option<bool>,
}

/// What the sweep makes of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// The how-manieth of its kind it is; 0 if nobody counts.
    pub nth: u64,
    /// What befalls it.
    pub outcome: Option<CallOutcome>,
}

impl Probe {
    /// A probe with a plan; with none nothing happens. `record`: keeps a record
    /// of all sites.
    pub fn new(plan: Option<&Plan>, record: bool) -> Probe {
        let points = plan.map(Plan::points).unwrap_or_default();
        Probe {
            plan: points
                .iter()
                .map(|point| (point.site.clone(), point.kind))
                .collect(),
            recorder: record.then(Recorder::default),
            ..Probe::default()
        }
    }

    /// Whether the sites are recorded.
    pub fn is_recording(&self) -> bool {
        self.recorder.is_some()
    }

    /// What was learned.
    pub fn finish(self) -> Swept {
        Swept {
            sites: self.recorder.map(Recorder::finish).unwrap_or_default(),
            reached: self.reached,
            courses: self.courses,
        }
    }

    /// Counts a site; returns its number, and what is planned for it.
    fn reach(
        &mut self,
        place: Place,
        indexer: Option<&IndexerKey>,
        at_micros: u64,
    ) -> (u64, Option<Kind>) {
        let count = self.counts.entry((place, indexer.cloned())).or_default();
        *count += 1;
        let nth = *count;
        if self.recorder.is_none() && self.plan.is_empty() {
            return (nth, None);
        }
        let site = Site {
            place,
            indexer: indexer.cloned(),
            nth,
        };
        let kind = self.plan.remove(&site);
        if kind.is_some() {
            self.reached.push(site.clone());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.note(site, at_micros);
        }
        (nth, kind)
    }

    /// Whether the coordinator dies of the call that is sent now: before it takes
    /// effect, or after.
    pub fn take_crash(&mut self) -> Option<bool> {
        self.crash.take()
    }

    /// Takes note of what a read was told.
    pub fn answered(
        &mut self,
        method: Method,
        indexer: Option<&IndexerKey>,
        nth: u64,
        hash: u64,
        news: Option<bool>,
    ) {
        if let Some(recorder) = &mut self.recorder {
            recorder.answered(method, indexer, nth, hash, news);
        }
    }
}

impl World {
    /// Whether the reads of this run are to be noted.
    pub fn records_reads(&self) -> bool {
        self.probe.as_ref().is_some_and(Probe::is_recording)
    }

    /// Counts a call that the coordinator's life `by` is about to send, and says
    /// what is to become of it. Former lives and shadows are not counted.
    pub fn probe(&mut self, by: Incarnation, method: Method, key: Option<&IndexerKey>) -> Probed {
        let at_micros = self.micros();
        let Some(probe) = self.probe.as_mut().filter(|_| by == self.incarnation) else {
            return Probed::default();
        };
        let (nth, kind) = probe.reach(Place::Call(method), key, at_micros);
        let of_the_store = method.server() == NodeName::Store;
        let outcome = match kind {
            None => None,
            Some(Kind::CrashBefore | Kind::CrashAfter) => {
                probe.crash = Some(kind == Some(Kind::CrashBefore));
                None
            }
            // Of the store a definite failure is a connection that was refused.
            Some(Kind::ErrorBefore) if of_the_store => Some(CallOutcome::Refused),
            Some(Kind::ErrorBefore) => Some(CallOutcome::ErrorBefore),
            Some(Kind::ErrorAfter) => Some(CallOutcome::ErrorAfter),
            Some(Kind::AnswerLost) => Some(CallOutcome::AnswerLost),
            Some(Kind::Duplicate) => Some(CallOutcome::Duplicate),
            Some(Kind::Late) => Some(CallOutcome::Late),
            Some(Kind::Hang) => Some(CallOutcome::Hang),
            Some(Kind::Stale) => Some(CallOutcome::Stale),
            Some(Kind::HiddenSwitch | Kind::HiddenUpdate | Kind::HiddenRebirth | Kind::Zombie) => {
                if let Some(kind) = kind {
                    self.ask_for(kind, key);
                }
                None
            }
        };
        Probed { nth, outcome }
    }

    /// Takes note of what a read is told. `news`: whether an old answer would say
    /// something else, if that is known.
    pub fn note_told(
        &mut self,
        method: Method,
        key: Option<&IndexerKey>,
        nth: u64,
        told: &impl Debug,
        news: Option<bool>,
    ) {
        let hash = xxh3_64(format!("{told:?}").as_bytes());
        if let Some(probe) = &mut self.probe {
            probe.answered(method, key, nth, hash, news);
        }
    }

    /// Takes note of what a call did to the nodes or the data of `key`.
    pub fn note_done(&mut self, method: Method, key: Option<&IndexerKey>, version: Option<u64>) {
        let (Some(probe), Some(key)) = (&mut self.probe, key) else {
            return;
        };
        if !method.touches_world() {
            return;
        }
        let course = probe.courses.entry(key.to_string()).or_default();
        if course.len() < COURSE_MAX {
            course.push(match version {
                Some(version) => format!("{} of version {version}", method.name()),
                None => method.name(),
            });
        }
    }

    /// Counts a wait of a loop that is about to run out; returns what is to happen
    /// then.
    pub fn probe_timer(&mut self, key: &IndexerKey) -> Option<Kind> {
        let at_micros = self.micros();
        let probe = self.probe.as_mut()?;
        probe.reach(Place::Timer, Some(key), at_micros).1
    }

    /// Asks whoever holds the coordinator's node for what is to happen to it, or
    /// for what users and operators do.
    pub fn ask_for(&mut self, kind: Kind, key: Option<&IndexerKey>) {
        let request = match (kind, key) {
            (Kind::Zombie, _) => Request::Depose,
            (Kind::CrashBefore | Kind::CrashAfter, _) => {
                self.fault("the coordinator crashes");
                Request::CrashCoordinator(DOWN)
            }
            (kind, Some(key)) => Request::Change(kind, key.clone()),
            _ => return,
        };
        self.control.requests.push_back(request);
        self.control.asked.notify_one();
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
