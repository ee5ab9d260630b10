//! Whether it is fair to expect something of the coordinator right now.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Time;

use super::limits::Limits;
use super::truth::Truth;
use crate::history::{AnswerKind, CallId, Event, Method, NodeName, NodeState};

/// After anything went wrong nothing is expected for this long.
pub(super) const CALM: Duration = Duration::from_secs(15);

/// For so long after a slow answer others may be on their way.
const SLOW_FOR: Duration = Duration::from_secs(15);

/// An answer that takes longer tells of a slow link.
const PROMPT: Duration = Duration::from_secs(1);

/// A poll that was not answered well for this long is in trouble.
const POLLED: Duration = Duration::from_secs(4);

/// A call without an answer for longer was given up: every deadline is shorter.
const GIVEN_UP: Duration = Duration::from_secs(12);

/// The most calls that are followed; the oldest are forgotten first.
const CALLS_MAX: usize = 8192;

struct Asked {
    method: Method,
    about: Option<usize>,
    at: Time,
}

/// What tells a calm time from a troubled one. Trouble is a fault of any kind, a
/// node that changes its condition, and a shared poll that fails or is slow: cut
/// and slow links show by that for as long as they last.
#[derive(Default)]
pub(super) struct Fair {
    trouble_at: Option<Time>,
    trouble_of: BTreeMap<usize, Time>,
    /// When an answer was slow last.
    slow_at: Option<Time>,
    /// Since when the coordinator lives and is not frozen.
    awake_since: Option<Time>,
    polled: [Option<Time>; 3],
    /// Which of them the coordinator does not make.
    unpolled: [bool; 3],
    asked: BTreeMap<CallId, Asked>,
    down: [bool; 2],
    /// Since when the store takes no writes, as far as any was tried.
    unwritable_since: Option<Time>,
    /// Since when it takes them again.
    writable_since: Time,
}

fn poll_place(method: Method) -> Option<usize> {
    match method {
        Method::ListStreams => Some(0),
        Method::ListExecutors => Some(1),
        Method::RegistryListAll => Some(2),
        _ => None,
    }
}

impl Fair {
    /// Of a coordinator that lists what the services have, or does not.
    pub fn of(lists_services: bool) -> Fair {
        Fair {
            unpolled: [!lists_services, !lists_services, false],
            ..Fair::default()
        }
    }

    /// Takes note of an event that is neither about blocks nor cursors, and that
    /// the truth knows of already. Returns whom a call that just ended was about.
    pub fn observe(&mut self, truth: &Truth, now: Time, event: &Event) -> Option<usize> {
        match event {
            Event::CallSent { call, method, .. } => {
                let about = truth.indexer_of(*call);
                let asked = Asked {
                    method: *method,
                    about,
                    at: now,
                };
                if self.asked.len() >= CALLS_MAX {
                    self.asked.pop_first();
                }
                self.asked.insert(*call, asked);
            }
            Event::CallAnswered { call, answer, .. } => {
                let asked = self.asked.remove(call)?;
                self.answered(now, &asked, *answer == AnswerKind::Ok);
                return asked.about;
            }
            Event::StoreWrites { taken: true } => {
                self.unwritable_since = None;
                self.writable_since = now;
            }
            Event::StoreWrites { taken: false } => {
                self.unwritable_since.get_or_insert(now);
            }
            Event::CallFault { call, .. } => self.call_fault(now, *call),
            Event::Fault { text } if !is_end_of_coordinator(text) => self.trouble_at = Some(now),
            Event::StoreLost { .. } | Event::Panicked { .. } | Event::Phase(_) => {
                self.trouble_at = Some(now);
            }
            Event::RecordTampered { .. }
            | Event::RecordTranslated { .. }
            | Event::Former { .. } => self.trouble_at = Some(now),
            Event::CoordinatorStarted { .. } => {
                self.asked.clear();
                self.polled = [None; 3];
                self.awake_since = Some(now);
            }
            Event::CoordinatorEnded { .. } => {
                self.asked.clear();
                self.awake_since = None;
            }
            Event::NodeState { node, state } => self.node_state(now, *node, *state),
            _ => {}
        }
        None
    }

    /// Whether an answer was slow lately: what was to be done one after the other
    /// may be done at once.
    pub fn was_slow(&self, now: Time) -> bool {
        self.slow_at.is_some_and(|at| now.since(at) < SLOW_FOR)
    }

    fn answered(&mut self, now: Time, asked: &Asked, good: bool) {
        let slow = now.since(asked.at) > PROMPT;
        if slow {
            self.slow_at = Some(now);
        }
        let store = asked.method.server() == NodeName::Store;
        let poll = asked.method.is_shared_poll();
        if (poll && !good) || ((poll || store) && slow) {
            self.trouble_at = Some(now);
        } else if let Some(place) = poll_place(asked.method) {
            self.polled[place] = Some(now);
        }
    }

    fn call_fault(&mut self, now: Time, call: CallId) {
        let known = self.asked.get(&call);
        match known.and_then(|asked| asked.about.map(|about| (asked.method, about))) {
            Some((method, about)) if method.server() != NodeName::Store => {
                self.trouble_of.insert(about, now);
            }
            _ => self.trouble_at = Some(now),
        }
    }

    fn node_state(&mut self, now: Time, node: NodeName, state: NodeState) {
        let down = state != NodeState::Up;
        match node {
            NodeName::Coordinator => {
                if down {
                    self.awake_since = None;
                } else {
                    self.awake_since = Some(now);
                }
                return;
            }
            NodeName::Store => self.down[0] = down,
            NodeName::Registry => self.down[1] = down,
            _ => {}
        }
        self.trouble_at = Some(now);
    }

    /// Whether the store or the registry is not up.
    pub fn lacks_store_or_registry(&self) -> bool {
        self.down.contains(&true)
    }

    /// Whether the store has taken every write from `since` on.
    pub fn was_writable_since(&self, since: Time) -> bool {
        self.unwritable_since.is_none() && self.writable_since <= since
    }

    /// Since when the store refuses every write, and none has been carried out.
    pub fn unwritable_since(&self) -> Option<Time> {
        self.unwritable_since
    }

    /// Since when the coordinator lives and is not frozen, if it does.
    pub fn awake_since(&self) -> Option<Time> {
        self.awake_since
    }

    /// Whether nothing went wrong for everyone from `since` on.
    pub fn no_trouble_since(&self, since: Time) -> bool {
        self.trouble_at.is_none_or(|at| at < since)
    }

    /// Whether every service answers its polls at `now`, well and promptly.
    pub fn is_connected(&self, now: Time) -> bool {
        let fresh = |at: &Option<Time>| at.is_some_and(|at| now.since(at) <= POLLED);
        let waits = |asked: &Asked| {
            let counts = asked.method.is_shared_poll() || asked.method.server() == NodeName::Store;
            let age = now.since(asked.at);
            counts && age > PROMPT && age <= GIVEN_UP
        };
        let polls = self.polled.iter().zip(self.unpolled);
        let all_fresh = polls.fold(true, |all, (at, unpolled)| all && (unpolled || fresh(at)));
        all_fresh && !self.asked.values().any(waits)
    }

    /// Whether the coordinator has not had one answer of a service since it lives, and
    /// nobody keeps it waiting.
    pub fn has_asked_nobody(&self, now: Time) -> bool {
        let waits = |asked: &Asked| now.since(asked.at) > PROMPT;
        self.polled.iter().all(Option::is_none) && !self.asked.values().any(waits)
    }

    /// Whether the coordinator is waiting for the answer to a call about `number`, which
    /// it gives up in the end.
    pub fn is_asking(&self, number: usize, now: Time, limits: &Limits) -> bool {
        self.asked.values().any(|asked| {
            let patience = match asked.method.server() {
                // With the pause after that, and the next look.
                NodeName::Store => limits.store_deadline * 2,
                _ => GIVEN_UP.max(limits.observation_delay),
            };
            asked.about == Some(number) && now.since(asked.at) <= patience
        })
    }

    /// The same of a data layer task: such questions name nobody.
    pub fn is_asking_about_a_task(&self, now: Time, patience: Duration) -> bool {
        let mut asked = self.asked.values();
        asked.any(|asked| {
            asked.method == Method::GetTaskStatus && now.since(asked.at) <= GIVEN_UP.max(patience)
        })
    }

    /// The calls that were sent before `since` and have no answer.
    pub fn unanswered(&self, since: Time) -> Vec<(Option<usize>, Method)> {
        let old = self.asked.values().filter(|asked| asked.at < since);
        old.map(|asked| (asked.about, asked.method)).collect()
    }

    /// Whether everything was well for `number` from [`CALM`] before `since` to `now`.
    pub fn is_calm(&self, number: usize, since: Time, now: Time) -> bool {
        let start = since - CALM;
        let own = self.trouble_of.get(&number).is_none_or(|at| *at < start);
        own && self.awake_since.is_some_and(|at| at <= start)
            && self.no_trouble_since(start)
            && self.is_connected(now)
    }
}

/// Whether a fault only announces the end of a life, which is no trouble for the
/// next one.
fn is_end_of_coordinator(text: &str) -> bool {
    text.starts_with("coordinator is") || text.starts_with("the coordinator crashes")
}
