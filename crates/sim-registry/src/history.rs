//! The revisions of one indexer's record, so that it can be read as of a height.

use std::sync::Arc;

use bytes::Bytes;

use crate::Record;

/// A record as it stood from one block on.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    /// The first height at which it is visible.
    pub(crate) height: u64,
    pub(crate) record: Arc<Record>,
    /// The record's JSON, written once.
    pub(crate) json: Bytes,
}

/// Revisions of one indexer, in order of strictly growing heights.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    revisions: Vec<Revision>,
}

impl History {
    /// What `final` showed at `height`; `None` if it was not registered yet.
    pub(crate) fn at(&self, height: u64) -> Option<&Revision> {
        // Nearly all reads are of the newest state.
        match self.revisions.last() {
            Some(newest) if newest.height <= height => Some(newest),
            _ => {
                let after = self
                    .revisions
                    .partition_point(|revision| revision.height <= height);
                self.revisions.get(after.checked_sub(1)?)
            }
        }
    }

    pub(crate) fn newest(&self) -> Option<&Revision> {
        self.revisions.last()
    }

    /// Makes `record` visible from `height` on, which is no smaller than any
    /// before. Of several changes in one block only the last is ever visible.
    pub(crate) fn push(&mut self, height: u64, record: Record) {
        if self
            .revisions
            .last()
            .is_some_and(|newest| newest.height == height)
        {
            self.revisions.pop();
        }
        let json = Bytes::from(record.to_json());
        self.revisions.push(Revision {
            height,
            record: Arc::new(record),
            json,
        });
    }

    /// Forgets what nobody can see who reads at `horizon` or later.
    pub(crate) fn forget_before(&mut self, horizon: u64) {
        let after = self
            .revisions
            .partition_point(|revision| revision.height <= horizon);
        self.revisions.drain(..after.saturating_sub(1));
    }
}
