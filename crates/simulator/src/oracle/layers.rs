//! S8 of data layers: nothing runs before its data layer is there.

use std::collections::BTreeSet;

use lifecycle::Phase;
use sim_node::TaskResult;

use super::finding::Finding;
use super::truth::Truth;
use crate::history::{AnswerKind, Event, Method};

/// The gRPC status with which older provisioners say that all is there already.
const FAILED_PRECONDITION: i32 = 9;

/// S8 of data layers. Verifies that a record goes from Initializing to Running only
/// if a data layer task of the indexer was completed before, or the provisioner said
/// that nothing is left to do. Says nothing of lost or tampered records.
#[derive(Default)]
pub(super) struct Layers {
    complete: BTreeSet<usize>,
}

impl Layers {
    /// Takes note of data layers that are there.
    pub fn observe(&mut self, truth: &mut Truth, event: &Event) {
        let key = match event {
            Event::Node(sim_node::Event::TaskEnded {
                key,
                result: TaskResult::Complete,
                ..
            }) => key,
            Event::CallApplied {
                method: Method::StartProvisioningTask,
                key: Some(key),
                answer: AnswerKind::Error(FAILED_PRECONDITION),
                ..
            } => key,
            _ => return,
        };
        let number = truth.intern(key);
        self.complete.insert(number);
    }

    /// Judges a record that was just written.
    pub fn written(&self, truth: &Truth, number: usize) -> Option<Finding> {
        let indexer = truth.at(number);
        let begins = indexer.record_before.phase() == Some(Phase::Initializing)
            && indexer.record.phase() == Some(Phase::Running);
        if !begins || indexer.relaxed || self.complete.contains(&number) {
            return None;
        }
        let key = &indexer.key;
        let sentence = format!("{key}: its record says Running, but it has no data layer");
        Finding::about("S8", number, sentence)
    }
}
