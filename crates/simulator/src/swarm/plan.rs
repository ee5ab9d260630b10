//! What a run is drawn from, and what is on in it.

use sim_node::Rng;

use super::profile::{Group, Profile};
use super::table::Key;

/// What a run is drawn from.
pub(super) struct Plan<'a> {
    pub profile: &'a Profile,
    pub seed: u64,
}

impl Plan<'_> {
    /// The stream of what has this name.
    pub(super) fn stream(&self, name: &str) -> Rng {
        Rng::new(self.seed, &format!("swarm {} {name}", self.profile.name))
    }

    /// Whether the run has `group`, which is on or off as a whole.
    pub(super) fn is_on(&self, group: Group) -> bool {
        self.profile.groups.contains(&group) && self.stream(&format!("whole {group:?}")).chance(0.5)
    }

    /// Whether the run has the family called `family`, if the profile allows its
    /// group: half of them do. In a quarter of the runs a group is out altogether,
    /// since much is only found while something does not happen at all, and in a
    /// quarter all of it is in.
    pub(super) fn has(&self, group: Group, family: &str) -> bool {
        if !self.profile.groups.contains(&group) {
            return false;
        }
        match self.stream(&format!("group {group:?}")).below(4) {
            0 => false,
            1 => true,
            _ => self.stream(&format!("family {family}")).chance(0.5),
        }
    }

    /// The keys of a family that are given: all if there is one, else some. None if
    /// the family is off.
    pub(super) fn members<'k>(&self, family: &str, keys: &[&'k Key]) -> Vec<&'k Key> {
        if !keys
            .first()
            .is_some_and(|first| self.has(first.group, family))
        {
            return Vec::new();
        }
        let given = |key: &&&Key| keys.len() == 1 || self.stream(key.path).chance(0.5);
        let mut members: Vec<_> = keys.iter().filter(given).copied().collect();
        if members.is_empty() {
            members.extend(self.stream(family).pick(keys).copied());
        }
        members
    }
}
