//! The last events of each indexer, so that a violation comes with its proof.

use std::collections::VecDeque;

use sim_node::Time;

use super::truth::Truth;
use crate::history::{Event, Method};

/// Events kept per indexer.
const OWN: usize = 20;
/// Events kept that concern everyone.
const SHARED: usize = 8;

struct Kept {
    order: u64,
    at: Time,
    event: Event,
}

/// Rings of recent events.
#[derive(Default)]
pub(super) struct Evidence {
    count: u64,
    own: Vec<VecDeque<Kept>>,
    shared: VecDeque<Kept>,
}

/// Whom an event belongs to.
enum Owner {
    Indexer(usize),
    Everyone,
    Nobody,
}

fn tells(method: Method) -> bool {
    method.is_effect()
        && !matches!(
            method,
            Method::StoreCompareAndSet | Method::StoreSetAdd | Method::StoreSetRemove
        )
}

fn owner(truth: &mut Truth, event: &Event) -> Owner {
    let of_call = |truth: &Truth, call| {
        let indexer = truth.indexer_of(call);
        indexer.map_or(Owner::Nobody, Owner::Indexer)
    };
    match event {
        Event::Node(event) => Owner::Indexer(truth.intern(event.key())),
        Event::CallSent {
            method,
            key: Some(key),
            ..
        }
        | Event::CallApplied {
            method,
            key: Some(key),
            ..
        } if tells(*method) => Owner::Indexer(truth.intern(key)),
        Event::CallAnswered { call, method, .. } if tells(*method) => of_call(truth, *call),
        Event::CallFault { call, .. } => of_call(truth, *call),
        Event::CallSent { .. } | Event::CallApplied { .. } | Event::CallAnswered { .. } => {
            Owner::Nobody
        }
        // The original writes what is written already, every second.
        Event::RecordWritten { before, after, .. } if before == after => Owner::Nobody,
        Event::RecordWritten { key, .. }
        | Event::DataCleared { key }
        | Event::QueueCleared { key }
        | Event::Remark { key: Some(key), .. }
        | Event::Registry { key, .. }
        | Event::AdminSent { key, .. }
        | Event::AdminAnswered { key, .. }
        | Event::Misdirected { key, .. }
        | Event::RecordTampered { key }
        | Event::RecordTranslated { key } => Owner::Indexer(truth.intern(key)),
        Event::StoreLost { .. }
        | Event::StoreWrites { .. }
        | Event::CoordinatorStarted { .. }
        | Event::CoordinatorEnded { .. }
        | Event::Former { .. }
        | Event::Panicked { .. }
        | Event::NodeState { .. }
        | Event::Fault { .. }
        | Event::Remark { key: None, .. }
        | Event::Phase(_) => Owner::Everyone,
    }
}

impl Evidence {
    /// Keeps an event that is neither about blocks nor cursors.
    pub fn keep(&mut self, truth: &mut Truth, at: Time, event: &Event) {
        let (ring, size) = match owner(truth, event) {
            Owner::Nobody => return,
            Owner::Everyone => (&mut self.shared, SHARED),
            Owner::Indexer(number) => {
                if self.own.len() <= number {
                    self.own.resize_with(number + 1, VecDeque::new);
                }
                (&mut self.own[number], OWN)
            }
        };
        self.count += 1;
        if ring.len() == size {
            ring.pop_front();
        }
        ring.push_back(Kept {
            order: self.count,
            at,
            event: event.clone(),
        });
    }

    /// The recent events of an indexer and those that concern everyone, oldest
    /// first.
    pub fn about(&self, indexer: Option<usize>) -> Vec<String> {
        let own = indexer
            .and_then(|number| self.own.get(number))
            .into_iter()
            .flatten();
        let mut all: Vec<&Kept> = own.chain(&self.shared).collect();
        all.sort_by_key(|kept| kept.order);
        all.into_iter()
            .map(|kept| line(kept.at, &kept.event))
            .collect()
    }
}

/// An event as a line of text.
pub(super) fn line(at: Time, event: &Event) -> String {
    format!("{at:>14} {event}")
}
