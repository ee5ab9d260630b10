//! How old what the coordinator knows may be, and so what it may have in mind.

use sim_node::Time;

use super::Truth;
use crate::history::CallId;
use crate::oracle::calls::Horizons;
use crate::oracle::desire::{Registered, Switch};
use crate::oracle::indexer::Indexer;

impl Truth {
    /// Since when what was wanted may be what a call sent at `at` has in mind.
    pub(super) fn horizons(&self, number: usize, at: Time) -> Horizons {
        let registry = self.registry_horizon(number, at);
        Horizons {
            registry,
            switch: self.horizon(at),
        }
    }

    /// Whether `call`, sent at `at`, may have had `version` in mind.
    pub fn may_want(&self, number: usize, version: Option<u64>, call: CallId, at: Time) -> bool {
        let desire = &self.at(number).desire;
        let known = self.calls.get(call).map(|call| call.horizons);
        let horizons = known.unwrap_or_else(|| self.horizons(number, at));
        let registered = desire.between(horizons.registry, at).any(|segment| {
            match (version, segment.registered) {
                (Some(version), _) => segment.names(version),
                (None, registered) => matches!(registered, Registered::Present { .. }),
            }
        });
        let mut switches = desire.between(horizons.switch, at);
        registered && switches.any(|segment| segment.switch != Switch::Off)
    }

    /// Whether something sent at `at` may have had anything but `version` in mind.
    pub fn may_not_want(&self, number: usize, version: u64, at: Time) -> bool {
        let desire = &self.at(number).desire;
        let mut registered = desire.between(self.registry_horizon(number, at), at);
        let mut switches = desire.between(self.horizon(at), at);
        registered.any(|segment| !segment.names(version))
            || switches.any(|segment| segment.switch != Switch::On)
            || desire.is_ambiguous(version)
    }

    /// Whether a tombstone may have been seen by whoever sent the last write of the
    /// record, which may have waited long for the store.
    pub fn may_be_deleted(&self, number: usize, now: Time) -> bool {
        let desire = &self.at(number).desire;
        let sent = self.fencing.wrote().and_then(|writer| {
            let call = self.calls.get(writer.call)?;
            Some((call.horizons.registry, writer.sent_at))
        });
        let (from, to) = sent.unwrap_or_else(|| (self.registry_horizon(number, now), now));
        let mut seen = desire.between(from, to);
        seen.any(|segment| segment.registered == Registered::Deleted)
    }

    /// The coordinator hears a listing that was true at `heard`. Whatever it looks at
    /// just now it looks at with what it knew before.
    pub(super) fn listed(&mut self, now: Time, heard: Time) {
        let before = self.list_heard.replace(heard).unwrap_or(Time(0));
        let grace = self.limits.observation_delay;
        if now.since(before.max(self.core.life_since())) > grace {
            self.list_before = Some((before, now + grace));
        }
    }

    /// The oldest truth about the record that may be behind what is sent at `at`.
    pub fn horizon(&self, at: Time) -> Time {
        let at = match self.paused {
            Some((since, None)) => at.min(since),
            Some((since, Some(until))) if at.since(until) < self.limits.observation_delay => {
                at.min(since)
            }
            _ => at,
        };
        at - self.limits.observation_delay
    }

    /// Whether a listing has told whoever coordinates of the current life of an indexer.
    pub fn told_of_life(&self, number: usize) -> bool {
        let desire = &self.at(number).desire;
        let heard = match self.fencing.is_contested() {
            true => self.fencing.heard_by_all(),
            false => self.list_heard(),
        };
        let since = desire.life_since.max(self.core.life_since());
        let told = heard.is_some_and(|heard| heard - self.limits.replica_lag > since);
        told && desire.version().is_some()
    }

    /// The oldest truth about the registry that may be behind what is sent at
    /// `at`: while the registry does not answer, the last answer counts.
    fn registry_horizon(&self, number: usize, at: Time) -> Time {
        let indexer = self.at(number);
        let desire = &indexer.desire;
        // No listing has told of a life that is newer than it, and absence from the
        // listing is no news of the end of the life before.
        let told = self
            .list_heard
            .map(|heard| heard - self.limits.registry_lag);
        let untold = desire.lives > 1 && told < Some(desire.life_since);
        let heard = match desire.current().registered {
            // Only a tombstone is, unless the replica that told of it was behind a listing.
            _ if untold && !self.fencing.is_contested() => self.tombstone_heard(indexer),
            // Nobody knows which of several coordinators has asked.
            Registered::Deleted if self.fencing.is_contested() => None,
            Registered::Deleted => self.tombstone_heard(indexer),
            // Each of several coordinators has asked for itself.
            _ if self.fencing.is_contested() => self.fencing.heard_by_all(),
            _ => self.list_heard_by(at),
        };
        // Whoever has just been started and is told old news cannot know better.
        let born = self.core.life_since();
        let keeps = self.core.loaded_at();
        // It begins to keep answers only some looks after that.
        let keeps = keeps.map(|keeps| keeps + self.limits.observation_delay);
        let is_new = heard.is_none_or(|heard| keeps.is_none_or(|keeps| heard < keeps));
        if is_new && self.lies.were_stale_since(born) {
            return Time(0);
        }
        self.horizon(at).min(heard.unwrap_or(Time(0))) - self.limits.registry_lag
    }

    /// From when the listing is that every round of the coordinator goes by at `at`.
    fn list_heard_by(&self, at: Time) -> Option<Time> {
        let before = self.list_before.filter(|(_, until)| at < *until);
        let before = before.map(|(heard, _)| heard);
        self.list_heard
            .map(|heard| before.map_or(heard, |before| before.min(heard)))
    }

    /// From when the answer is that must have told of a deletion.
    fn tombstone_heard(&self, indexer: &Indexer) -> Option<Time> {
        let current = self.limits.replica_lag.is_zero();
        current.then_some(indexer.read_heard).flatten()
    }
}
