//! S15: the order of a change of version.

use sim_node::Time;

use super::finding::Finding;
use super::truth::Truth;

/// What was seen of an indexer's changes.
#[derive(Clone, Copy, Default)]
struct Change {
    version: Option<u64>,
    /// Nothing was started since queue and cursor were cleared.
    cleared: bool,
    /// An executor of the version was started.
    executor: bool,
    /// The newest version of which a call that arrived late has started an executor.
    late: Option<u64>,
}

/// S15. Verifies that between two versions queue and cursor are cleared, that
/// nothing reachable runs while they are, and that the new executor comes before
/// the new stream. Ignores starts that arrive when nobody means them any more.
#[derive(Default)]
pub(super) struct Order {
    changes: Vec<Change>,
    due: Vec<(usize, Started)>,
}

#[derive(Clone, Copy)]
enum Started {
    Executor,
    Stream,
}

impl Order {
    /// An executor was started.
    pub fn executor_started(&mut self, number: usize) {
        self.due.push((number, Started::Executor));
    }

    /// A stream was started.
    pub fn stream_started(&mut self, number: usize) {
        self.due.push((number, Started::Stream));
    }

    /// Queue and cursor were cleared.
    pub fn cleared(&mut self, number: usize) {
        self.change(number).cleared = true;
    }

    fn change(&mut self, number: usize) -> &mut Change {
        if self.changes.len() <= number {
            self.changes.resize(number + 1, Change::default());
        }
        &mut self.changes[number]
    }

    /// Queue and cursor are cleared.
    pub fn clears(&self, truth: &Truth, now: Time, number: usize) -> Option<Finding> {
        let indexer = truth.at(number);
        if indexer.relaxed || truth.is_misled(number, now) {
            return None;
        }
        let key = &indexer.key;
        let stream = indexer
            .world
            .owned_stream()
            .filter(|stream| !stream.excused);
        let executor = indexer.world.executor.filter(|executor| !executor.excused);
        let running = match (stream, executor) {
            (Some(stream), _) => format!("the stream of version {}", stream.version),
            (None, Some(executor)) => format!("the executor of version {}", executor.version),
            (None, None) => return None,
        };
        let sentence = format!("{key}: queue and cursor are deleted while {running} runs");
        Finding::about("S15", number, sentence)
    }

    /// Judges the starts of an instant, once it is over.
    pub fn settle(&mut self, truth: &Truth, now: Time) -> Option<Finding> {
        let mut found = None;
        for (number, started) in std::mem::take(&mut self.due) {
            let indexer = truth.at(number);
            let world = &indexer.world;
            let (version, excused, what) = match started {
                Started::Executor => {
                    let listed = world.executor.filter(|executor| executor.since == now);
                    let Some(listed) = listed else { continue };
                    (listed.version, listed.excused, "executor")
                }
                Started::Stream => {
                    let newest = world.streams.iter().rfind(|stream| stream.since == now);
                    let Some(newest) = newest else { continue };
                    (newest.version, newest.excused, "stream")
                }
            };
            if excused {
                if matches!(started, Started::Executor) {
                    let late = &mut self.change(number).late;
                    *late = (*late).max(Some(version));
                }
                continue;
            }
            let change = self.change(number);
            let earlier = *change;
            let is_new = earlier.version != Some(version);
            // It may be there through a start that arrived late, and may have been until
            // a stop arrived late, while the stream's start was on its way.
            let lately = |at: Time| now.since(at) <= truth.limits.call_deadline;
            let unlisted = world.unlisted;
            let listed = (world.executor).is_some_and(|listed| listed.version == version)
                || unlisted.is_some_and(|(last, at)| last == version && lately(at));
            let executor_first = listed
                || matches!(started, Started::Executor)
                || earlier.late == Some(version)
                || (earlier.executor && !is_new);
            *change = Change {
                version: Some(version),
                cleared: false,
                executor: executor_first,
                late: earlier.late,
            };
            if indexer.relaxed || found.is_some() {
                continue;
            }
            let key = &indexer.key;
            let sentence = match earlier.version {
                Some(old) if is_new && !earlier.cleared => format!(
                    "{key}: the {what} of version {version} was started before what version {old} \
                     left was deleted"
                ),
                _ if !executor_first => {
                    format!(
                        "{key}: the stream of version {version} was started before its executor"
                    )
                }
                _ => continue,
            };
            found = Finding::about("S15", number, sentence);
        }
        found
    }
}
