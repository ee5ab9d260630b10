//! L4 and L5 of data layers: the end of a task is noted, and who is held, too, keeps
//! nobody else waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Time;

use super::Limits;
use super::fair::Fair;
use super::finding::Finding;
use super::marks::Marks;
use super::truth::Truth;
use crate::history::{AdminCommand, AnswerKind, Event, Method};

/// How long after the end of a task its record may still speak of it, at least: longer
/// than the usual pauses between two polls of a task.
const NOTED: Duration = Duration::from_secs(60);

/// The most ends that are remembered; the tasks first by name are forgotten first.
const ENDS_MAX: usize = 4096;

/// The provisioner's answer that it does not know a task.
const NOT_FOUND: i32 = 5;

/// A good answer about any task is no older where the coordinator asks at all.
const ASKED: Duration = Duration::from_secs(20);

/// A loop whose writes were refused may pause for so long.
const PAUSE: Duration = Duration::from_secs(300);

/// How long after the end of a task its record may still speak of it. One question may be
/// lost on its way.
fn noted(limits: &Limits) -> Duration {
    NOTED.max(limits.provisioning_poll * 4 + limits.look) + limits.recheck
}

/// When a task began, whose it is, and when it ended.
struct Fate {
    indexer: usize,
    since: Time,
    ended: Option<Time>,
}

/// L5 of holds. Verifies, when a release is sent, that the record of what was held
/// does not speak of a data layer task that ended a while ago: the others of its
/// account would have waited for it all the time. L4 of data layers: the same of
/// everybody and at any time, as long as the task is no older than tasks may become,
/// since those are asked about less and less often, and questions about tasks are
/// answered. Says nothing if anything went wrong meanwhile.
#[derive(Default)]
pub(super) struct Tended {
    fates: BTreeMap<String, Fate>,
    /// When a question about a task was answered last, and when one was not.
    answered_at: Option<Time>,
    unanswered_at: Option<Time>,
}

impl Tended {
    /// Takes note of tasks; returns the end of one that was ignored.
    pub fn observe(
        &mut self,
        truth: &mut Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
        event: &Event,
    ) -> Option<Finding> {
        match event {
            Event::Node(sim_node::Event::TaskStarted { task, key, .. }) => {
                if self.fates.len() >= ENDS_MAX {
                    self.fates.pop_first();
                }
                let fate = Fate {
                    indexer: truth.intern(key),
                    since: now,
                    ended: None,
                };
                self.fates.insert(task.clone(), fate);
                None
            }
            Event::Node(sim_node::Event::TaskEnded { task, .. }) => {
                self.fates.get_mut(task)?.ended = Some(now);
                None
            }
            Event::CallAnswered {
                method: Method::GetTaskStatus,
                answer,
                ..
            } => {
                match answer {
                    AnswerKind::Ok | AnswerKind::Error(NOT_FOUND) => self.answered_at = Some(now),
                    AnswerKind::Error(_) => self.unanswered_at = Some(now),
                }
                self.ignored(truth, fair, marks, now)
            }
            Event::AdminSent {
                key,
                command: AdminCommand::Release,
                ..
            } => {
                let number = truth.intern(key);
                let record = truth.at(number).record.known()?;
                let since = now - noted(&truth.limits);
                let written = fair.was_writable_since(since - PAUSE);
                if !record.held || !written || !fair.is_calm(number, since, now) {
                    return None;
                }
                marks.named("judged L5 of a hold");
                let id = record.task.as_ref()?.id.as_ref()?;
                let ended = self.fates.get(id)?.ended?;
                (ended < since).then(|| {
                    let sentence = format!(
                        "{key}: its data layer task {id} ended at {ended}, and while it was held \
                         nobody took note: its account had to wait"
                    );
                    Finding::about("L5", number, sentence)
                })?
            }
            _ => None,
        }
    }

    /// Somebody whose record has spoken of a task for too long after its end.
    fn ignored(
        &mut self,
        truth: &Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
    ) -> Option<Finding> {
        let limits = &truth.limits;
        let since = now - noted(limits);
        let asks = self.answered_at.is_some_and(|at| now.since(at) <= ASKED);
        let refused = self.unanswered_at.is_some_and(|at| at >= since - ASKED);
        // What cannot be written down is noted by nobody, nor at once when it can be again.
        if !asks || refused || !fair.was_writable_since(since - PAUSE) {
            return None;
        }
        let mut found = None;
        let mut judged = false;
        self.fates.retain(|id, fate| {
            let Some(ended) = fate.ended.filter(|ended| *ended < since) else {
                return true;
            };
            let indexer = truth.at(fate.indexer);
            let record = indexer.record.known();
            let task = record.and_then(|record| record.task.as_ref());
            let speaks = task.is_some_and(|task| task.id.as_ref() == Some(id));
            let young = now.since(fate.since) < limits.provisioning_timeout;
            let sure = record.is_some_and(|record| record.own && !record.held)
                && !indexer.relaxed
                && fair.is_calm(fate.indexer, since, now);
            judged |= young && sure;
            if young && sure && speaks && found.is_none() {
                let sentence = format!(
                    "{}: its data layer task {id} ended at {ended}, and its record speaks of it \
                     as if it went on",
                    indexer.key
                );
                found = Finding::about("L4", fate.indexer, sentence);
            }
            // What is not calm yet is judged later, and what is held when it is released.
            let held = record.is_some_and(|record| record.held);
            speaks && (young || held)
        });
        if judged {
            marks.named("judged L4 of a task");
        }
        found
    }
}
