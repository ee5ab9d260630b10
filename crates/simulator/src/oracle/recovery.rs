//! When somebody whose record or data changed behind the coordinator's back can be
//! judged again.

use std::time::Duration;

use lifecycle::Phase;
use sim_node::Time;

use super::desire::Registered;
use super::indexer::Indexer;
use super::silence;
use super::truth::Truth;

/// How often it is looked whether an indexer is whole again.
const LOOK: Duration = Duration::from_secs(1);

/// When it was looked last.
#[derive(Default)]
pub(super) struct Recovery {
    next_look: Time,
}

impl Recovery {
    /// Judges anew whoever has been whole for as long as the coordinator may take to
    /// see how the world is: it runs, or rests, as its record says and as is wanted, and
    /// nothing of it is left that the record does not know of.
    pub fn look(&mut self, truth: &mut Truth, now: Time) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK;
        let relaxed = truth.all().filter(|(_, indexer)| indexer.relaxed);
        let numbers: Vec<usize> = relaxed.map(|(number, _)| number).collect();
        for number in numbers {
            if !is_whole(truth, now, number) {
                truth.at_mut(number).whole_since = None;
                continue;
            }
            let patience = truth.limits.observation_delay;
            let since = *truth.at_mut(number).whole_since.get_or_insert(now);
            if now.since(since) >= patience {
                trust(truth, number);
            }
        }
    }
}

fn trust(truth: &mut Truth, number: usize) {
    let indexer = truth.at_mut(number);
    indexer.relaxed = false;
    indexer.whole_since = None;
    if std::mem::take(&mut indexer.touched) {
        let run = indexer.record.known().and_then(|record| record.run);
        indexer.tainted = indexer.tainted.max(run.map(|run| run.version()));
    }
    // What the record does not tell of nobody knows.
    let own = truth.tasks.iter_mut().filter(|task| task.indexer == number);
    own.for_each(|task| task.excused = true);
}

fn is_whole(truth: &Truth, now: Time, number: usize) -> bool {
    let indexer = truth.at(number);
    let Registered::Present { version, .. } = indexer.desire.current().registered else {
        return false;
    };
    let Some(record) = indexer.record.known() else {
        return false;
    };
    let at_work = record.phase == Phase::Running
        && record.synced == Some(version)
        && record
            .run
            .is_some_and(|run| run.prepared && run.version() == version);
    let settled = record.own
        && (at_work || record.phase == Phase::Suspended)
        && record.task.is_none()
        && record.repair.is_none();
    settled
        && now >= indexer.unsure_until
        && !truth.is_misled(number, now)
        && !has_strangers(indexer)
        && silence::is_as_wanted(truth, now, number)
}

/// Whether something runs that the coordinator did not mean to start, or cannot reach.
fn has_strangers(indexer: &Indexer) -> bool {
    let world = &indexer.world;
    let stream = |stream: &super::world::StreamTask| {
        stream.excused || stream.orphaned_at.is_some() || stream.stopped_at.is_some()
    };
    world.streams.iter().any(stream)
        || world
            .workers
            .iter()
            .any(|worker| worker.excused || worker.orphan)
        || world.executor.is_some_and(|executor| executor.excused)
}
