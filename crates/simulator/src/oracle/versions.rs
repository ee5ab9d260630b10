//! S11 and P5: which code executes which block, and in what order.

use super::finding::Finding;
use super::indexer::Indexer;
use super::queue::Published;
use super::world::Worker;

/// An execution of a queued block.
pub(super) struct Execution<'a> {
    pub number: usize,
    pub indexer: &'a Indexer,
    pub worker: &'a Worker,
    /// What the worker executed before: entry, publishing task, height.
    pub earlier: Option<(u64, u64)>,
    pub published: &'a Published,
}

/// S11. Verifies that a block published under one version is executed by that
/// version's code. Excuses blocks and workers that late deliveries or the
/// nodes' own races brought about.
pub(super) fn same_version(execution: &Execution<'_>) -> Option<Finding> {
    let Execution {
        number,
        indexer,
        worker,
        published,
        ..
    } = execution;
    let excused = worker.excused || published.excused || indexer.relaxed;
    if excused || worker.version == published.version {
        return None;
    }
    let sentence = format!(
        "{}: block {} was published for version {} and executed by version {}",
        indexer.key, published.height, published.version, worker.version
    );
    Finding::about("S11", *number, sentence)
}

/// P5. Verifies that one worker executes the blocks of one stream task in
/// ascending order. Rewinds happen between tasks, and P2 bounds them.
pub(super) fn ascending(execution: &Execution<'_>) -> Option<Finding> {
    let Execution {
        number,
        indexer,
        worker,
        published,
        earlier,
    } = execution;
    let (task, height) = (*earlier)?;
    if task != published.task || published.height >= height || published.executed {
        return None;
    }
    let sentence = format!(
        "{}: worker {} executed block {} after block {height}",
        indexer.key, worker.worker, published.height
    );
    Finding::about("P5", *number, sentence)
}
