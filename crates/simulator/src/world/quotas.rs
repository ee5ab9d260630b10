//! Quotas: services that take on no more than so much.

use std::collections::BTreeMap;

use proto::block_streamer::ListStreamsRequest;
use sim_node::IndexerKey;
use tonic::Status;

use super::World;
use crate::scenario::Resource;

/// The quotas in force. Each is known by a mark, so that the end of one does not
/// end another that replaced it.
#[derive(Clone, Debug, Default)]
pub struct Quotas {
    limits: BTreeMap<Resource, (u64, u64)>,
    marks: u64,
}

impl Quotas {
    /// Limits a resource; the mark that is returned is needed to lift exactly this.
    pub fn set(&mut self, of: Resource, limit: u64) -> u64 {
        self.marks += 1;
        self.limits.insert(of, (self.marks, limit));
        self.marks
    }

    /// Lifts a quota, unless a later one replaced it.
    pub fn lift(&mut self, of: Resource, mark: u64) {
        if self.limits.get(&of).is_some_and(|(set, _)| *set == mark) {
            self.limits.remove(&of);
        }
    }

    /// Lifts all.
    pub fn heal(&mut self) {
        self.limits.clear();
    }
}

impl World {
    /// The refusal that a start of something for `key` meets, if there is too much
    /// of it. What the service lists for `key` already is not refused here: that is
    /// for the service to say.
    pub fn over_quota(&mut self, of: Resource, key: &IndexerKey) -> Option<Status> {
        let (_, limit) = *self.quotas.limits.get(&of)?;
        let (count, has_it) = match of {
            Resource::Streams => {
                let listing =
                    self.with_streamer(|node, env| node.list_streams(env, ListStreamsRequest {}));
                let streams = listing.result.map(|list| list.streams).unwrap_or_default();
                let own = streams.iter().any(|stream| {
                    stream.account_id == key.account() && stream.function_name == key.function()
                });
                (streams.len(), own)
            }
            Resource::Executors => {
                let own = self.executor.listed().any(|listed| listed == key);
                (self.executor.listed().count(), own)
            }
            Resource::Tasks => (self.provisioner.tasks().count(), false),
        };
        if has_it || (count as u64) < limit {
            return None;
        }
        self.fault(format!("{key}: over the quota of {limit} {of:?}"));
        Some(Status::resource_exhausted(format!(
            "quota of {limit} exhausted"
        )))
    }
}
