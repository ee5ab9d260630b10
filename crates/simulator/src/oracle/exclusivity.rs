//! S1 and S2: at most one stream and one worker at a time.

use sim_node::Time;

use super::finding::Finding;
use super::truth::Truth;

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
