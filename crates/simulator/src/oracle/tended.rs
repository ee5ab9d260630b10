//! L5 of holds: who is held keeps nobody else waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Time;

use super::fair::Fair;
use super::finding::Finding;
use super::marks::Marks;
use super::truth::Truth;
use crate::history::{AdminCommand, Event};

/// How long after the end of a task its record may still speak of it: longer than
/// the pauses between two polls of a task.
const NOTED: Duration = Duration::from_secs(60);

/// The most ends that are remembered; the tasks first by name are forgotten first.
const ENDS_MAX: usize = 4096;

/// L5 of holds. Verifies, when a release is sent, that the record of what was held
/// does not speak of a data layer task that ended a while ago: the others of its
/// account would have waited for it all the time. Says nothing if anything went
/// wrong meanwhile.
#[derive(Default)]
pub(super) struct Tended {
    ended: BTreeMap<String, Time>,
}

impl Tended {
    /// Takes note of ends of tasks; returns one that a held indexer ignored.
    pub fn observe(
        &mut self,
        truth: &mut Truth,
        fair: &Fair,
        marks: &mut Marks,
        now: Time,
        event: &Event,
    ) -> Option<Finding> {
        match event {
            Event::Node(sim_node::Event::TaskEnded { task, .. }) => {
                if self.ended.len() >= ENDS_MAX {
                    self.ended.pop_first();
                }
                self.ended.insert(task.clone(), now);
                None
            }
            Event::AdminSent {
                key,
                command: AdminCommand::Release,
            } => {
                let number = truth.intern(key);
                let record = truth.at(number).record.known()?;
                let since = now - NOTED;
                if !record.held || !fair.is_calm(number, since, now) {
                    return None;
                }
                marks.named("judged L5 of a hold");
                let id = record.task.as_ref()?.id.as_ref()?;
                let ended = *self.ended.get(id)?;
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
}
