//! S8 of claims: a record that tells of a failure tells the truth.

use std::collections::BTreeMap;
use std::time::Duration;

use lifecycle::{Cause, Phase};
use sim_node::{TaskResult, Time};

use super::Limits;
use super::fair::Fair;
use super::finding::Finding;
use super::marks::Marks;
use super::record::Repair;
use super::truth::Truth;
use crate::history::{AnswerKind, Event, Method, NodeName, NodeState};

/// The most tasks that are remembered; the first by name are forgotten first.
const TASKS_MAX: usize = 8192;

/// S8 of failures. Verifies, in calm times, that a record tells of a failure only if
/// there was one: a stream or an executor that was unwell, a call that was refused, a
/// data layer task that failed, took long, was lost or has no known fate. Stops and
/// restarts are justified by what the record says, so that a failure that is made up
/// would excuse them. Says nothing of lost or tampered records, nor while clocks are
/// wrong, nor of signs of life once those of the block streamer's clock were.
#[derive(Default)]
pub(super) struct Claims {
    /// When a call of this kind about whom was last answered with an error.
    refused: BTreeMap<(usize, Method), Time>,
    /// When one was last answered well.
    accepted: BTreeMap<(usize, Method), Time>,
    /// When whose data layer task failed last.
    failed: BTreeMap<usize, Time>,
    /// The data layer task that whose record tells of.
    told: BTreeMap<usize, Told>,
    /// When whose record was last written.
    written_at: BTreeMap<usize, Time>,
    /// When which data layer task began, and when it ended.
    tasks: BTreeMap<String, (Time, Option<Time>)>,
    /// When the process that runs them died last.
    died_at: Option<Time>,
    /// When a coordinator began or ended last: what it had heard goes with it.
    lived_at: Option<Time>,
}

/// A data layer task as a record tells of it.
struct Told {
    id: Option<String>,
    /// The time in the record at which it was meant.
    meant: u64,
    /// When a record first told of it.
    since: Time,
}

impl Claims {
    /// Takes note of failures; returns one that is made up.
    pub fn observe(
        &mut self,
        truth: &mut Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
        event: &Event,
    ) -> Option<Finding> {
        match event {
            Event::CallAnswered {
                call,
                method,
                answer,
            } => {
                self.answered(truth.indexer_of(*call), *method, answer, now);
                None
            }
            // Of the store nobody is told what it answers, but what it does.
            Event::CallApplied {
                key: Some(key),
                method: Method::StoreDelete,
                answer,
                ..
            } => {
                let number = truth.intern(key);
                self.answered(Some(number), Method::StoreDelete, answer, now);
                None
            }
            Event::Node(sim_node::Event::TaskStarted { task, .. }) => {
                if self.tasks.len() >= TASKS_MAX {
                    self.tasks.pop_first();
                }
                self.tasks.insert(task.clone(), (now, None));
                None
            }
            Event::Node(sim_node::Event::TaskEnded {
                key, task, result, ..
            }) => {
                if let Some((_, end)) = self.tasks.get_mut(task) {
                    *end = Some(now);
                }
                if *result != TaskResult::Complete {
                    let number = truth.intern(key);
                    self.failed.insert(number, now);
                }
                None
            }
            Event::NodeState {
                node: NodeName::Runner,
                state: NodeState::Down,
            } => {
                self.died_at = Some(now);
                None
            }
            Event::CoordinatorStarted { .. }
            | Event::CoordinatorEnded { .. }
            | Event::Former { .. } => {
                self.lived_at = Some(now);
                None
            }
            Event::RecordWritten { key, .. } => {
                let number = truth.intern(key);
                let found = self.written(truth, fair, marks, now, number);
                self.tell(truth, now, number);
                found
            }
            _ => None,
        }
    }

    fn answered(&mut self, about: Option<usize>, method: Method, answer: &AnswerKind, now: Time) {
        let answered = match answer {
            AnswerKind::Ok => &mut self.accepted,
            AnswerKind::Error(_) => &mut self.refused,
        };
        if let Some(number) = about {
            answered.insert((number, method), now);
        }
    }

    /// Takes note of the task that the record tells of now.
    fn tell(&mut self, truth: &Truth, now: Time, number: usize) {
        self.written_at.insert(number, now);
        let record = truth.at(number).record.known();
        let Some(task) = record.and_then(|record| record.task.as_ref()) else {
            self.told.remove(&number);
            return;
        };
        let known = self.told.get(&number);
        let same = known.filter(|told| told.meant == task.since);
        let told = Told {
            id: task.id.clone(),
            meant: task.since,
            since: same.map_or(now, |told| told.since),
        };
        self.told.insert(number, told);
    }

    fn written(
        &self,
        truth: &Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
        number: usize,
    ) -> Option<Finding> {
        let indexer = truth.at(number);
        let before = indexer.record_before.known()?;
        let repair = indexer.record.known()?.repair.as_ref()?;
        if indexer.foreign_write || indexer.relaxed || !is_news(repair, before.repair.as_ref()) {
            return None;
        }
        let since = now - truth.limits.heartbeat_limit - truth.limits.observation_delay;
        let usual = truth.limits.heartbeat_limit >= Limits::default().heartbeat_limit;
        let sure = usual && !truth.lies.was_clock_wrong() && fair.is_calm(number, since, now);
        if !sure || fair.was_slow(now) {
            return None;
        }
        marks.named("judged S8 of a failure");
        if self.is_true(truth, number, repair.cause, (since, now)) {
            return None;
        }
        let key = &indexer.key;
        let sentence = format!(
            "{key}: its record says that {}, but nothing of the kind happened",
            repair.cause
        );
        Finding::about("S8", number, sentence)
    }

    /// Whether something happened from `since` to `now` that `cause` may be about.
    fn is_true(
        &self,
        truth: &Truth,
        number: usize,
        cause: Cause,
        (since, now): (Time, Time),
    ) -> bool {
        let world = &truth.at(number).world;
        let lately = |at: Option<&Time>| at.is_some_and(|at| *at >= since);
        let refused = |method| lately(self.refused.get(&(number, method)));
        let accepted = |method| lately(self.accepted.get(&(number, method)));
        let stream = lately(world.stream_sick_at.as_ref()) || world.stream_is_sick();
        let executor = lately(world.executor_sick_at.as_ref()) || world.executor_is_sick();
        match cause {
            // What was sick before it was started is another stream. Whose clock was wrong
            // may give no sign of life although it is well.
            Cause::StreamUnhealthy => {
                let started = world.owned_stream().map(|stream| stream.since);
                let was_sick = stream && world.stream_sick_at > started;
                world.stream_is_sick() || was_sick || truth.lies.were_heartbeats_wrong()
            }
            Cause::ExecutorUnhealthy | Cause::ExecutorFailing => executor,
            Cause::StreamNotStarted => stream || refused(Method::StartStream),
            Cause::ExecutorNotStarted => executor || refused(Method::StartExecutor),
            Cause::StreamNotStopped => refused(Method::StopStream) || world.listed_stream.is_some(),
            Cause::ExecutorNotStopped => refused(Method::StopExecutor) || world.executor.is_some(),
            Cause::ProvisioningFailed => lately(self.failed.get(&number)),
            Cause::ProvisioningNotStarted => refused(Method::StartProvisioningTask),
            Cause::ProvisioningTimedOut => self.took_long(truth, number, now),
            Cause::ProvisioningLost => self.was_lost(number),
            Cause::ProvisioningUncertain => self.is_uncertain(truth, number, now),
            // What is cleared for a deletion is looked at again, and that is noted first.
            Cause::DataNotCleared => {
                let record = truth.at(number).record.known();
                let deleting = record.is_some_and(|record| record.phase == Phase::Deleting);
                refused(Method::StoreDelete) || (deleting && accepted(Method::StoreDelete))
            }
            // That is judged by itself.
            Cause::UnsupportedRule => true,
        }
    }

    /// Whether the task of `number` was meant `limit` ago, or nearly so: between that and
    /// the record lies a write.
    fn is_old(&self, truth: &Truth, told: &Told, now: Time, limit: Duration) -> bool {
        let limits = &truth.limits;
        let slack = limits.observation_delay + limits.store_deadline + limits.call_deadline;
        now.since(told.since) + slack >= limit
    }

    /// Whether the task that the record told of runs for too long.
    fn took_long(&self, truth: &Truth, number: usize, now: Time) -> bool {
        let Some(told) = self.told.get(&number) else {
            return false;
        };
        // A look may be as old as that.
        let lately = |at: Time| now.since(at) <= truth.limits.observation_delay;
        let task = told.id.as_ref().and_then(|id| self.tasks.get(id));
        let runs = task.is_some_and(|(_, end)| end.is_none_or(lately));
        runs && self.is_old(truth, told, now, truth.limits.provisioning_timeout)
    }

    /// Whether the provisioner cannot know the task that the record told of.
    fn was_lost(&self, number: usize) -> bool {
        let id = self.told.get(&number).and_then(|told| told.id.as_ref());
        id.is_some_and(|id| match self.tasks.get(id) {
            Some((begun, _)) => self.died_at.is_some_and(|at| at >= *begun),
            None => true,
        })
    }

    /// Whether the record told of a task without an id, for long enough, and the answer
    /// with the id never came, or somebody else's write came between, or whoever heard it
    /// is no more.
    fn is_uncertain(&self, truth: &Truth, number: usize, now: Time) -> bool {
        let told = self.told.get(&number).filter(|told| told.id.is_none());
        let accepted = self.accepted.get(&(number, Method::StartProvisioningTask));
        let written = self.written_at.get(&number);
        told.is_some_and(|told| {
            let answered = accepted.filter(|at| **at >= told.since);
            self.is_old(truth, told, now, truth.limits.provisioning_settle)
                && answered.is_none_or(|at| {
                    let died = self.lived_at.is_some_and(|lived| lived >= *at);
                    died || written.is_some_and(|written| written > at)
                })
        })
    }
}

/// Whether the record tells of one more failure than it did. After an order to retry it
/// tells of fewer of the same.
fn is_news(repair: &Repair, before: Option<&Repair>) -> bool {
    before.is_none_or(|before| {
        let same = (before.cause, before.first_at) == (repair.cause, repair.first_at);
        let fewer = same && repair.attempts < before.attempts;
        let differs = (before.cause, before.attempts) != (repair.cause, repair.attempts);
        differs && repair.attempts > 0 && !fewer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_tries_of_the_same_failure_are_no_news() {
        let repair = |attempts, first_at| Repair {
            cause: Cause::StreamUnhealthy,
            limited: true,
            attempts,
            first_at,
            next_at: 0,
        };
        for (attempts, first_at, news) in [(8, 7, false), (9, 7, true), (1, 7, false), (1, 8, true)]
        {
            let told = is_news(&repair(attempts, first_at), Some(&repair(8, 7)));
            assert_eq!(told, news, "{attempts} {first_at}");
        }
        assert!(is_news(&repair(1, 7), None));
    }
}
