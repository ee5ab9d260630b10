//! The coordinator as a whole.

use std::collections::{BTreeMap, BTreeSet};

use lifecycle::{IndexerId, Reason, Service, Timestamp};

use crate::registry::decode::Quarantined;
use crate::shared::{Shared, lock};

/// What is known of all indexers together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The records have been read: decisions are being made.
    pub loaded: bool,
    /// It only observes.
    pub shadow: bool,
    /// Indexers by phase of their record; `None` stands for those without one that can
    /// be read.
    pub phases: BTreeMap<Option<&'static str>, u64>,
    /// Loops by what they do (see [`crate::LoopStatus::state`]).
    pub states: BTreeMap<&'static str, u64>,
    /// Indexers in the last listing of the registry.
    pub registered: usize,
    /// Entries of the last listing that make no sense.
    pub quarantined_count: usize,
    /// The first of them.
    pub quarantined: Vec<Quarantined>,
    /// Records that cannot be read, by key, and why; the first of them.
    pub unreadable: BTreeMap<String, String>,
    /// How many records cannot be read.
    pub unreadable_count: usize,
    /// The highest registry height seen.
    pub registry_height: u64,
    /// When the registry last gave a usable listing, with all that has changed.
    pub registry_answered: Option<Timestamp>,
    /// Why it gave none the last time it was asked, if it did not.
    pub registry_problem: Option<String>,
    /// By how many blocks all its answers are too old, since a while or since the start, or
    /// too new to be believed; 0 if they are not.
    pub registry_behind_blocks: u64,
    /// Why the store cannot be read, takes no writes, or does not show a queue, if that
    /// is so.
    pub store_problem: Option<String>,
    /// Registry answers dropped because they were older than an earlier one.
    pub answers_dropped: u64,
    /// Listings that lacked suspiciously much.
    pub suspicious_listings: u64,
    /// Services that do not answer, and since when.
    pub down: BTreeMap<Service, Timestamp>,
    /// Panics of loops since the start; each was started again.
    pub panics: u64,
}

impl Shared {
    /// The coordinator as a whole, from what is in memory.
    pub(crate) fn overview(&self) -> Overview {
        let mut overview = Overview {
            shadow: self.shadow,
            ..Overview::default()
        };
        let blocked = self.needed_down().is_some();
        let kept: BTreeSet<IndexerId> = lock(&self.desired).kept().cloned().collect();
        let unreadable = lock(&self.health).unreadable_indexers();
        for status in lock(&self.log).all() {
            // What its loop knew of a record holds no more once that cannot be read.
            let phase = status.phase.filter(|_| !unreadable.contains(&status.id));
            let phase = phase.map(lifecycle::Phase::name);
            *overview.phases.entry(phase).or_default() += 1;
            let state = match status.state() {
                _ if blocked && status.is_steady() => "ServiceDown",
                _ if status.is_steady() && kept.contains(&status.id) => {
                    Reason::NotInRegistry.name()
                }
                _ if status.is_in_line() => {
                    let gate = lock(&self.gate).judge(&status.id);
                    status.clone().seen_by(gate).state()
                }
                state => state,
            };
            *overview.states.entry(state).or_default() += 1;
        }
        {
            let desired = lock(&self.desired);
            overview.registered = desired.listed().count();
            overview.registry_height = desired.height();
            overview.answers_dropped = desired.dropped_older;
            overview.suspicious_listings = desired.suspicious;
        }
        overview.down = self.services_down();
        let health = lock(&self.health);
        overview.loaded = health.loaded;
        overview.panics = health.panics;
        overview.registry_answered = health.registry_answered;
        overview
            .registry_problem
            .clone_from(&health.registry_problem);
        overview.registry_behind_blocks = health.behind().map_or(0, |(it, _)| it.blocks());
        overview.store_problem = health.what_ails_the_store();
        (overview.quarantined_count, overview.quarantined) = health.quarantined.clone();
        overview.unreadable.clone_from(&health.unreadable);
        overview.unreadable_count = health.unreadable_keys.len();
        overview
    }

    /// Of the services that a running indexer needs the one that has not answered
    /// for longest, if there is one.
    pub(crate) fn needed_down(&self) -> Option<(Service, Timestamp)> {
        let streams = lock(&self.stream_table).down_since();
        let executors = lock(&self.executor_table).down_since();
        let streams = streams.map(|since| (Service::BlockStreamer, since));
        let executors = executors.map(|since| (Service::Executors, since));
        let both = streams.into_iter().chain(executors);
        both.min_by_key(|(_, since)| *since)
    }

    /// Services that do not answer, and since when.
    pub(crate) fn services_down(&self) -> BTreeMap<Service, Timestamp> {
        let streams = lock(&self.stream_table).down_since();
        let executors = lock(&self.executor_table).down_since();
        let health = lock(&self.health);
        let down = [
            (Service::BlockStreamer, streams),
            (Service::Executors, executors),
            (Service::Provisioner, health.provisioner_down),
            (Service::Store, health.store_down),
        ];
        down.into_iter()
            .filter_map(|(service, since)| Some((service, since?)))
            .collect()
    }
}
