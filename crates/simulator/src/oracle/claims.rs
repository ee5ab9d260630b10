//! S8 of claims: a record that tells of a failure tells the truth.

use std::collections::BTreeMap;

use lifecycle::Cause;
use sim_node::{TaskResult, Time};

use super::Limits;
use super::fair::Fair;
use super::finding::Finding;
use super::marks::Marks;
use super::record::Repair;
use super::truth::Truth;
use crate::history::{AnswerKind, Event, Method};

/// S8 of failures. Verifies, in calm times, that a record tells of a failure only if
/// there was one: a stream or an executor that was unwell, a call that was refused, a
/// data layer task that failed. Stops and restarts are justified by what the record
/// says, so that a failure that is made up would excuse them. Says nothing of lost or
/// tampered records, nor while clocks are wrong.
#[derive(Default)]
pub(super) struct Claims {
    /// When a call of this kind about whom was last answered with an error.
    refused: BTreeMap<(usize, Method), Time>,
    /// When whose data layer task failed last.
    failed: BTreeMap<usize, Time>,
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
            } if *answer != AnswerKind::Ok => {
                if let Some(number) = truth.indexer_of(*call) {
                    self.refused.insert((number, *method), now);
                }
                None
            }
            Event::Node(sim_node::Event::TaskEnded { key, result, .. })
                if *result != TaskResult::Complete =>
            {
                let number = truth.intern(key);
                self.failed.insert(number, now);
                None
            }
            Event::RecordWritten { key, .. } => {
                let number = truth.intern(key);
                self.written(truth, fair, marks, now, number)
            }
            _ => None,
        }
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
        if self.is_true(truth, number, repair.cause, since) {
            return None;
        }
        let key = &indexer.key;
        let sentence = format!(
            "{key}: its record says that {}, but nothing of the kind happened",
            repair.cause
        );
        Finding::about("S8", number, sentence)
    }

    /// Whether something happened from `since` on that `cause` may be about.
    fn is_true(&self, truth: &Truth, number: usize, cause: Cause, since: Time) -> bool {
        let world = &truth.at(number).world;
        let lately = |at: Option<&Time>| at.is_some_and(|at| *at >= since);
        let refused = |method| lately(self.refused.get(&(number, method)));
        let stream = lately(world.stream_sick_at.as_ref()) || world.stream_is_sick();
        let executor = lately(world.executor_sick_at.as_ref()) || world.executor_is_sick();
        match cause {
            Cause::StreamUnhealthy => stream,
            Cause::ExecutorUnhealthy | Cause::ExecutorFailing => executor,
            Cause::StreamNotStarted => stream || refused(Method::StartStream),
            Cause::ExecutorNotStarted => executor || refused(Method::StartExecutor),
            Cause::StreamNotStopped => refused(Method::StopStream) || world.listed_stream.is_some(),
            Cause::ExecutorNotStopped => refused(Method::StopExecutor) || world.executor.is_some(),
            Cause::ProvisioningFailed => lately(self.failed.get(&number)),
            Cause::ProvisioningNotStarted => refused(Method::StartProvisioningTask),
            // These tell of what did not happen, or are judged by themselves.
            Cause::ProvisioningTimedOut
            | Cause::ProvisioningLost
            | Cause::ProvisioningUncertain
            | Cause::UnsupportedRule
            | Cause::DataNotCleared => true,
        }
    }
}

/// Whether the record tells of one more failure than it did.
fn is_news(repair: &Repair, before: Option<&Repair>) -> bool {
    before.is_none_or(|before| {
        (before.cause, before.attempts) != (repair.cause, repair.attempts) && repair.attempts > 0
    })
}
