//! S17: one data layer task per account, and per database that accounts share.

use std::time::Duration;

use sim_node::Time;

use super::finding::Finding;
use super::indexer::{DataTask, share_a_database};
use super::truth::Truth;
use crate::history::RunPhase;

/// S17. Verifies that no data layer task begins while another of the same
/// account runs, or of one with which it shares a database. Excuses repeated and
/// late deliveries, tasks that run for so long that they count as dead, and, after
/// the time a task of unknown fate is given, tasks whose id was never persisted. Of
/// two coordinators at once neither knows what the other has begun just now, or while it
/// was frozen itself, until it has had the time to look; and whose clock is wrong knows
/// no task's age, and up to a tenth too much of it while it follows one that was put right.
#[derive(Default)]
pub(super) struct Provisioning {
    due: Vec<String>,
}

impl Provisioning {
    /// A task began.
    pub fn started(&mut self, task: &str) {
        self.due.push(task.to_owned());
    }

    /// Judges the tasks that began in an instant, once it is over.
    pub fn settle(&mut self, truth: &Truth, now: Time) -> Option<Finding> {
        let mut found = None;
        for id in self.due.drain(..) {
            let Some(begun) = truth.tasks.iter().find(|task| task.id == id) else {
                continue;
            };
            let indexer = truth.at(begun.indexer);
            if begun.excused || indexer.relaxed || found.is_some() {
                continue;
            }
            let account = indexer.key.account();
            let other = truth.tasks.iter().find(|task| {
                task.id != id
                    && share_a_database(truth.at(task.indexer).key.account(), account)
                    && !is_excused(truth, now, task, begun)
            });
            if let Some(other) = other {
                let sentence = format!(
                    "{}: data layer task {id} began while task {} of {} was running",
                    indexer.key,
                    other.id,
                    truth.at(other.indexer).key
                );
                found = Finding::about("S17", begun.indexer, sentence);
            }
        }
        found
    }
}

/// What a coordinator may take `age` for: one whose clock was put right comes nearer to it by a
/// tenth of the time that passes.
fn believed(truth: &Truth, age: Duration) -> Duration {
    match truth.lies.was_clock_wrong() {
        true => age + age / 10,
        false => age,
    }
}

fn is_excused(truth: &Truth, now: Time, task: &DataTask, begun: &DataTask) -> bool {
    let age = believed(truth, now.since(task.since));
    let limits = &truth.limits;
    // The time is counted from the intent, which is older than the task.
    let slack = limits.call_deadline + limits.observation_delay;
    // A clock that is wrong makes a task as old as it likes.
    let clockwork = truth.lies.was_clock_wrong()
        && (truth.phase == RunPhase::Chaos || task.since <= truth.phase_since);
    task.excused
        || clockwork
        || truth.at(task.indexer).relaxed
        || truth.is_misled(task.indexer, now)
        || age + slack >= limits.provisioning_abandon
        || (task.by != begun.by
            && truth.fencing.was_contested_at(task.since)
            && task.since >= truth.horizon(now))
        || (!task.known && age + slack >= limits.provisioning_settle)
}
