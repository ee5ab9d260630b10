//! What is broken for good, and what can be expected all the same of the core that
//! works.

use std::collections::BTreeSet;

use lifecycle::{Cause, Phase};
use sim_node::{IndexerKey, Time};

use super::Oracles;
use super::desire::{Hold, Registered};
use super::indexer::{Indexer, share_a_database};
use super::silence;
use super::truth::Truth;
use crate::history::NodeName;

/// What is broken for good. The rest is the core, and must converge: whoever needs
/// nothing but it, and that part of the others that needs nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Core {
    /// Indexers that can come to rest at no time, by number.
    restless: BTreeSet<usize>,
    /// Accounts of which a task may be waited for as long as one is waited for.
    blocked: BTreeSet<String>,
    nodes: BTreeSet<NodeName>,
    /// When the coordinator's life began.
    life_since: Time,
    /// When it had first read who has a record.
    loaded_at: Option<Time>,
    /// When the coordinator last changed anything that belongs to the core.
    effect_at: Time,
}

impl Core {
    /// Nothing can be expected of this indexer any more.
    pub fn give_up(&mut self, number: usize) {
        self.restless.insert(number);
    }

    /// The account has a task that does not end.
    pub fn block(&mut self, account: &str) {
        self.blocked.insert(account.to_owned());
    }

    /// Whether the account has such a task.
    pub fn blocks(&self, account: &str) -> bool {
        let mut blocked = self.blocked.iter();
        blocked.any(|other| share_a_database(other, account))
    }

    /// A node is broken for good.
    pub fn lose(&mut self, node: NodeName) {
        self.nodes.insert(node);
    }

    /// A life of the coordinator begins.
    pub fn born(&mut self, now: Time) {
        (self.life_since, self.loaded_at) = (now, None);
    }

    /// It has read who has a record.
    pub fn loaded(&mut self, now: Time) {
        self.loaded_at.get_or_insert(now);
    }

    /// When this life of the coordinator had first read who has a record. Of anybody else
    /// it keeps no answer of the registry.
    pub fn loaded_at(&self) -> Option<Time> {
        self.loaded_at
    }

    /// When the coordinator's life began.
    pub fn life_since(&self) -> Time {
        self.life_since
    }

    /// The coordinator changed something of the core.
    pub fn changed(&mut self, now: Time) {
        self.effect_at = now;
    }

    /// Since when nothing of the core was changed.
    pub fn still_since(&self) -> Time {
        self.effect_at
    }

    /// Whether this indexer can come to rest at no time.
    pub fn is_restless(&self, number: usize) -> bool {
        self.restless.contains(&number)
    }

    /// Whether a service or the store is broken, so that nobody gets all that is
    /// needed.
    pub fn lacks_a_service(&self) -> bool {
        let needed = [NodeName::BlockStreamer, NodeName::Runner, NodeName::Store];
        needed.iter().any(|node| self.nodes.contains(node))
    }

    /// Whether the node is broken.
    pub fn lacks(&self, node: NodeName) -> bool {
        self.nodes.contains(&node)
    }

    /// Whether nothing at all is broken.
    pub fn is_whole(&self) -> bool {
        self.nodes.is_empty() && self.restless.is_empty()
    }
}

impl Oracles {
    /// Nothing can be expected of `key`: it will come to rest at no time.
    pub fn give_up(&mut self, key: &IndexerKey) {
        let number = self.truth.intern(key);
        self.truth.core.give_up(number);
    }

    /// Nothing can be expected of those whose data layer cannot be made.
    pub fn give_up_failed_layers(&mut self) {
        let fails = |indexer: &Indexer| {
            let repair = indexer
                .record
                .known()
                .and_then(|record| record.repair.as_ref());
            repair.is_some_and(|repair| repair.cause == Cause::ProvisioningFailed)
        };
        let all = self.truth.all();
        let failing = all
            .filter(|(_, indexer)| fails(indexer))
            .map(|(number, _)| number);
        for number in failing.collect::<Vec<_>>() {
            self.truth.core.give_up(number);
        }
    }

    /// A data layer task of `account` will not end.
    pub fn block(&mut self, account: &str) {
        self.truth.core.block(account);
    }

    /// `node` is broken for good.
    pub fn lose(&mut self, node: NodeName) {
        self.truth.core.lose(node);
    }

    /// Since when nothing was changed of whatever can be expected to come to rest.
    pub fn still_since(&self) -> Time {
        self.truth.core.still_since()
    }

    /// Whether everybody needs something that is broken for good.
    pub fn lacks_a_service(&self) -> bool {
        self.truth.core.lacks_a_service()
    }

    /// Whether `key` itself can come to rest at no time.
    pub fn is_given_up(&mut self, key: &IndexerKey) -> bool {
        let number = self.truth.intern(key);
        self.truth.core.is_restless(number)
    }

    /// Whether nothing is expected of `key`.
    pub fn is_excused(&mut self, key: &IndexerKey) -> bool {
        let number = self.truth.intern(key);
        is_excused(&self.truth, number)
    }

    /// Whether the registry is broken before it could tell what is wanted of `key`.
    pub fn is_unheard_of(&mut self, key: &IndexerKey) -> bool {
        let number = self.truth.intern(key);
        is_unheard_of(&self.truth, number)
    }

    /// Who is not as wanted at `now` and need not be, each with what is wrong.
    pub fn excused(&self, now: Time) -> Vec<(IndexerKey, String)> {
        silence::excused(&self.truth, now)
    }
}

/// Whether nothing is expected of an indexer: it is broken itself, or the
/// coordinator cannot know what is wanted, or its account is waiting for a task that
/// never ends.
pub(super) fn is_excused(truth: &Truth, number: usize) -> bool {
    let core = &truth.core;
    if core.is_restless(number) {
        return true;
    }
    let indexer = truth.at(number);
    is_unheard_of(truth, number) || is_blocked(core, indexer) || may_be_held(indexer)
}

/// Whether it is held since an order to hold it crossed one to release it: nobody can
/// say which of the two was to be the last.
fn may_be_held(indexer: &Indexer) -> bool {
    let held = indexer.record.known().is_some_and(|record| record.held);
    held && indexer.desire.hold() == Hold::Unsure
}

fn is_unheard_of(truth: &Truth, number: usize) -> bool {
    truth.core.lacks(NodeName::Registry) && !is_known(truth, truth.at(number))
}

/// Whether the coordinator has heard from the registry, in this life, of what is
/// wanted now, and nothing else since: what a former one heard that lived beside it is of
/// no use to it. Deletions are asked about, and nobody answers.
fn is_known(truth: &Truth, indexer: &Indexer) -> bool {
    let wanted = indexer.desire.current().registered;
    let since = indexer.desire.registered_since() + truth.limits.replica_lag;
    let heard = truth.fencing.heard_by_all();
    // What comes after a lie from a replica that is behind is older than the lie, and
    // takes nothing back.
    let true_since = |at: Time| truth.lies.none_since(at - truth.limits.replica_lag);
    matches!(wanted, Registered::Present { .. })
        && heard.is_some_and(|at| at > since && at > truth.core.life_since && true_since(at))
}

fn is_blocked(core: &Core, indexer: &Indexer) -> bool {
    let waits = match indexer.record.known() {
        Some(record) => {
            record.run.is_none() || matches!(record.phase, Phase::Initializing | Phase::Deleting)
        }
        None => true,
    };
    waits && core.blocks(indexer.key.account())
}

/// Says of one indexer what is wrong with that part of it that needs nothing but the
/// core, where a service is broken. Verified is that what ran before is kept alive:
/// executors without the block streamer, streams without the runner, and that
/// nothing goes on that was switched off or deleted and can be reached. Without the
/// store nothing may be changed at all, which other judges see to.
pub(super) fn of_half(truth: &Truth, number: usize, problems: &mut Vec<String>) {
    let core = &truth.core;
    let indexer = truth.at(number);
    let Some(record) = indexer.record.known() else {
        return;
    };
    let Registered::Present {
        version,
        supported: true,
        ..
    } = indexer.desire.current().registered
    else {
        return;
    };
    let run = record
        .run
        .filter(|run| run.prepared && run.version() == version);
    let settled = run.is_some()
        && matches!(record.phase, Phase::Running | Phase::Repairing)
        && record.enabled
        && !record.held
        && !indexer.relaxed
        && !indexer.desire.is_ambiguous(version);
    if !settled || core.lacks(NodeName::Store) || silence::gave_up(truth, indexer) {
        return;
    }
    let world = &indexer.world;
    if core.lacks(NodeName::BlockStreamer) && !core.lacks(NodeName::Runner) {
        match world.executor {
            Some(executor) if executor.version == version => {}
            _ => problems.push(format!(
                "no executor of version {version} is listed, which needs no block streamer"
            )),
        }
    }
    let streamed = record.synced == Some(version);
    if core.lacks(NodeName::Runner) && !core.lacks(NodeName::BlockStreamer) && streamed {
        match world.owned_stream() {
            Some(stream) if stream.version == version => {}
            // Its health says that the queue is full, and so it is: nobody empties it.
            None if world.is_listed_as_waiting(version) => {}
            _ => problems.push(format!(
                "no stream of version {version} runs, which needs no executor"
            )),
        }
    }
}
