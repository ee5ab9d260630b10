//! S9 of retries: past failures are forgotten.

use std::collections::BTreeMap;

use sim_node::Time;

use super::finding::Finding;
use super::record::Repair;
use super::truth::Truth;
use crate::history::{AdminCommand, Event};

/// S9 of retries. Verifies that when a retry is acknowledged the record no longer
/// tells of the repair that it told of when the retry was sent. That it is then
/// tried at once is L4's business. Says nothing of lost or tampered records.
#[derive(Default)]
pub(super) struct Retries {
    repairs: BTreeMap<usize, Repair>,
}

impl Retries {
    /// Takes note of retries; returns what is wrong with one that was acknowledged.
    pub fn observe(&mut self, truth: &mut Truth, now: Time, event: &Event) -> Option<Finding> {
        match event {
            Event::AdminSent {
                key,
                command: AdminCommand::Retry,
            } => {
                let number = truth.intern(key);
                let repair = truth.at(number).record.known()?.repair.clone()?;
                self.repairs.insert(number, repair);
                None
            }
            Event::AdminAnswered {
                key,
                command: AdminCommand::Retry,
                error,
            } => {
                let number = truth.intern(key);
                let before = self.repairs.remove(&number)?;
                let indexer = truth.at(number);
                let after = indexer.record.known()?.repair.as_ref()?;
                let sure = error.is_none() && !indexer.relaxed && now >= indexer.unsure_until;
                if !sure || *after != before {
                    return None;
                }
                let sentence = format!(
                    "{key}: an operator was told that it is tried again, but its record still \
                     tells of the same {} attempts",
                    before.attempts
                );
                Finding::about("S9", number, sentence)
            }
            _ => None,
        }
    }
}
