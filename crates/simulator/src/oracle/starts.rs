//! P3: where streams begin.

use sim_node::Time;

use super::finding::Finding;
use super::indexer::Indexer;
use super::record::Run;
use super::truth::Truth;

/// P3, when a run is decided. Verifies that its start is the one the registry
/// asks for or, for a version that goes on from its predecessor, that no block
/// the predecessor left is skipped and none before its start is taken up. Says
/// nothing where the store lost data or something foreign wrote, nor of a version that
/// had more contents than are remembered.
pub(super) fn decided(truth: &Truth, number: usize) -> Option<Finding> {
    let indexer = truth.at(number);
    let run = indexer.record.known()?.run?;
    let before = indexer.record_before.known().and_then(|record| record.run);
    let start = run.start?;
    let known = before.is_some_and(|old| old.version() == run.version() && old.start == run.start);
    let silent = known || indexer.foreign_write || indexer.relaxed || indexer.queue.is_unclear();
    let mut wanted = indexer.desire.starts(run.version()).peekable();
    // Any of the contents may be the one that was read.
    let crowded = indexer.desire.is_crowded(run.version());
    if silent || crowded || wanted.peek().is_none() {
        return None;
    }
    let fits = |wanted: Option<u64>| match (wanted, before) {
        // There is no block 0, and a streamer asked for it loses its health monitor.
        (Some(height), _) => start == height.max(1),
        (None, None) => start == run.version(),
        (None, Some(earlier)) => continues(indexer, earlier, start),
    };
    if wanted.any(fits) {
        return None;
    }
    let key = &indexer.key;
    let (waiting, cursor) = (indexer.queue.lowest_waiting(), indexer.queue.cursor);
    let sentence = format!(
        "{key}: the run of version {} is to begin at {start}; what it takes over from began at \
         {:?}, its oldest waiting block is {waiting:?}, its cursor {cursor:?}",
        run.version(),
        before.and_then(|run| run.start),
    );
    Finding::about("P3", number, sentence)
}

fn continues(indexer: &Indexer, earlier: Run, start: u64) -> bool {
    let first = earlier.start.unwrap_or(0);
    if !earlier.prepared && earlier.start.is_some() {
        // Queue and cursor never were the earlier run's own.
        return start == first;
    }
    let cursor = indexer
        .queue
        .cursor
        .map(|cursor| cursor.max(first).saturating_add(1));
    let bounds = [indexer.queue.lowest_waiting(), cursor];
    // Before the first block that anybody published nothing matched.
    let first_of_all = indexer.queue.lowest_of_all().or(earlier.start);
    let highest = bounds.into_iter().flatten().min().or(first_of_all);
    start >= first && highest.is_none_or(|highest| start <= highest)
}

/// P3, when a stream is started. Verifies that it begins at the run's start if
/// no cursor is left, or if no start of the run was noted before: whatever cursor
/// there is then may be another run's. Else it begins neither behind the cursor nor
/// before where the last stream of the run stopped. Ignores starts that nobody means
/// any more.
pub(super) fn started(
    truth: &Truth,
    now: Time,
    number: usize,
    version: u64,
    height: u64,
) -> Option<Finding> {
    let indexer = truth.at(number);
    let timely = indexer
        .world
        .streams
        .iter()
        .any(|stream| stream.since == now && stream.version == version && !stream.excused);
    let record = indexer.record.known()?;
    let run = record.run.filter(|run| run.version() == version)?;
    let is_first = record.synced != Some(version);
    // The streamer cannot begin at 0.
    let start = run.start?.max(1);
    let queue = &indexer.queue;
    let muddled = queue.is_unclear() && !is_first;
    if !timely || indexer.relaxed || muddled || now < indexer.unsure_until {
        return None;
    }
    let (lowest, highest) = match queue.cursor.filter(|_| !is_first) {
        None => (start, start),
        Some(cursor) => {
            let floor = queue.last_floor.unwrap_or(cursor).min(cursor);
            (floor.max(start), cursor.max(start).saturating_add(1))
        }
    };
    if (lowest..=highest).contains(&height) {
        return None;
    }
    let key = &indexer.key;
    let sentence = format!(
        "{key}: its stream was started at {height}, but the run begins at {start} and its cursor \
         is {:?}, so that it must lie in {lowest}..={highest}",
        queue.cursor
    );
    Finding::about("P3", number, sentence)
}
