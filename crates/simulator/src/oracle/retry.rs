//! S9 of retries: past failures are forgotten.

use std::collections::BTreeMap;

use sim_node::Time;

use super::finding::Finding;
use super::record::Repair;
use super::truth::Truth;
use crate::history::{AdminCommand, Event, FormerState, Incarnation};

/// S9 of retries. Verifies that when a retry is acknowledged the record no longer
/// tells of the repair that it told of when the retry was sent. That it is then
/// tried at once is L4's business. Says nothing of lost or tampered records, nor of one
/// that was sent while another was under way: the answer to the first is none to the
/// second.
#[derive(Default)]
pub(super) struct Retries {
    open: BTreeMap<(usize, Incarnation), Open>,
}

/// The retries of one indexer that one life of a coordinator has under way.
#[derive(Default)]
struct Open {
    number: u32,
    /// What the record told of when the only one was sent.
    repair: Option<Repair>,
}

impl Retries {
    /// Takes note of retries; returns what is wrong with one that was acknowledged.
    pub fn observe(&mut self, truth: &mut Truth, now: Time, event: &Event) -> Option<Finding> {
        match event {
            Event::AdminSent {
                key,
                command: AdminCommand::Retry,
                by,
            } => {
                let number = truth.intern(key);
                let record = truth.at(number).record.known();
                let open = self.open.entry((number, *by)).or_default();
                open.number += 1;
                open.repair = record
                    .and_then(|record| record.repair.clone())
                    .filter(|_| open.number == 1);
                None
            }
            Event::CoordinatorEnded { incarnation, .. }
            | Event::Former {
                incarnation,
                state: FormerState::Ended,
            } => {
                self.open.retain(|(_, by), _| by != incarnation);
                None
            }
            Event::AdminAnswered {
                key,
                command: AdminCommand::Retry,
                by: by @ 1..,
                error,
            } => {
                let number = truth.intern(key);
                let open = self.open.get_mut(&(number, *by))?;
                let before = open.repair.take();
                open.number -= 1;
                if open.number == 0 {
                    self.open.remove(&(number, *by));
                }
                let before = before?;
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
