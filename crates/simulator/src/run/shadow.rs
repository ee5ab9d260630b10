//! A second coordinator, in shadow mode, beside the one under test.

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::admin::PAGE_MAX;
use coordinator::shadow::Verdict;
use coordinator::{Clock, Coordinator, Knobs};
use lifecycle::{Reason, Timestamp};
use madsim::runtime::NodeHandle;
use sim_node::IndexerKey;

use super::life::spawn;
use crate::history::SHADOW;
use crate::oracle::ShadowView;
use crate::planted::{self, Planted};
use crate::transport;
use crate::world::SharedWorld;

/// The shadow; it lives as long as the run.
pub struct Shadow {
    /// Keeps its node alive.
    _node: NodeHandle,
    coordinator: Arc<Coordinator>,
    clock: Arc<dyn Clock>,
}

impl Shadow {
    /// Starts it; `planted` is the bug that it has.
    pub fn start(world: &SharedWorld, knobs: &Knobs, planted: Option<&Planted>) -> Shadow {
        let ports = transport::ports(world, SHADOW);
        let clock = Arc::clone(&ports.clock);
        let coordinator = planted::shadow(planted, knobs, ports);
        let (node, coordinator) = spawn("shadow".to_owned(), coordinator);
        Shadow {
            _node: node,
            coordinator,
            clock,
        }
    }

    /// What its clock shows.
    pub fn time(&self) -> Timestamp {
        self.clock.now()
    }

    /// What it says of each indexer now.
    pub fn views(&self) -> Vec<ShadowView> {
        let statuses = self.coordinator.statuses();
        let would: BTreeMap<_, _> = (statuses.iter())
            .filter_map(|status| match &status.waiting.as_ref()?.reason {
                Reason::Observing { would } => Some((&status.id, would)),
                _ => None,
            })
            .collect();
        let admin = self.coordinator.admin();
        let mut views = Vec::new();
        let mut after = None;
        loop {
            let page = admin.shadow_report(after.as_ref(), PAGE_MAX, false);
            views.extend(page.entries.into_iter().map(|entry| {
                let due = would.contains_key(&entry.id) || entry.verdict == Verdict::Pending;
                ShadowView {
                    key: IndexerKey::new(entry.id.account(), entry.id.function()),
                    would: due.then_some(entry.would),
                    surprises: entry.unexpected.into(),
                }
            }));
            after = page.next;
            if after.is_none() {
                return views;
            }
        }
    }
}
