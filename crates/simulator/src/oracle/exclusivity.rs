//! S1 and S2: at most one stream and one worker at a time.

use sim_node::Time;

use super::finding::Finding;
use super::truth::Truth;
use crate::history::{AnswerKind, Event, Method};

/// Wire number of gRPC's ALREADY_EXISTS.
const ALREADY_EXISTS: i32 = 6;

/// S1 and S2, where the service's refusal alone prevents the worst. Verifies that
/// no start is sent for what the service has had for longer than any look at it can
/// be old. Says nothing where the coordinator was misled, or acts on a record that
/// it could not know to be outdated.
pub(super) fn provoked(truth: &mut Truth, event: &Event) -> Option<Finding> {
    let Event::CallApplied {
        call,
        method,
        key: Some(key),
        sent_at,
        answer: AnswerKind::Error(ALREADY_EXISTS),
        ..
    } = event
    else {
        return None;
    };
    let number = truth.intern(key);
    let world = &truth.at(number).world;
    let (oracle, what, since) = match method {
        Method::StartStream => ("S1", "stream", world.owned_stream()?.since),
        Method::StartExecutor => ("S2", "executor", world.executor?.since),
        _ => return None,
    };
    // A copy of the call may arrive long after what misled its sender.
    let excused = truth.is_misled(number, *sent_at) || truth.fencing.was_outdated(*call);
    if excused || since >= truth.horizon(*sent_at) {
        return None;
    }
    let sentence = format!("{key}: a second {what} was asked for; the first runs since {since}");
    Finding::about(oracle, number, sentence)
}

/// S1 and S2. Verifies, after every start, that an indexer has at most one
/// stream task and one worker, unreachable ones included. Does not count tasks
/// that were told to stop a moment ago, nor what a repeated or late delivery
/// or a patient stop of a hanging start left behind.
#[derive(Default)]
pub(super) struct Exclusivity {
    due: Vec<usize>,
}

impl Exclusivity {
    /// Something of the indexer began or lost its owner.
    pub fn note(&mut self, indexer: usize) {
        self.due.push(indexer);
    }

    /// Judges what was noted, once the instant is over.
    pub fn settle(&mut self, truth: &Truth, now: Time) -> Option<Finding> {
        let mut found = None;
        for number in self.due.drain(..) {
            let indexer = truth.at(number);
            let (key, world) = (&indexer.key, &indexer.world);
            let streams: Vec<String> = world
                .counted_streams(now, truth.limits.stop_grace)
                .map(|stream| format!("task {} of version {}", stream.task, stream.version))
                .collect();
            let workers: Vec<String> = world
                .counted_workers()
                .map(|worker| {
                    let owner = if worker.orphan { ", unreachable" } else { "" };
                    format!(
                        "worker {} of version {}{owner}",
                        worker.worker, worker.version
                    )
                })
                .collect();
            for (oracle, what, running) in [("S1", "streams", streams), ("S2", "workers", workers)]
            {
                if running.len() > 1 && found.is_none() {
                    let list = running.join("; ");
                    let sentence = format!("{key} has {} {what} at once: {list}", running.len());
                    found = Finding::about(oracle, number, sentence);
                }
            }
        }
        found
    }
}
