//! What may go wrong in which swarm.

/// Things that vary together: in each run a family is on or off as a whole, before
/// each of its members is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Processes of the services and the coordinator die.
    Crashes,
    /// They freeze.
    Freezes,
    /// The store's process dies or freezes.
    StoreNode,
    /// The registry's RPC nodes die or freeze.
    RegistryNode,
    /// Machines are slow, and several nodes fail together.
    Machines,
    /// Clocks jump and drift.
    Clocks,
    /// Links break and crawl.
    Links,
    /// Links are slow all the time.
    Latency,
    /// Calls of services meet every fate.
    Calls,
    /// Commands to the store err.
    StoreCalls,
    /// The store forgets, or refuses writes; records become garbage.
    StoreDisasters,
    /// The services list what is not all, or not in order.
    Lists,
    /// Quotas, second coordinators, rollbacks to the original.
    ControlPlane,
    /// The registry answers wrongly.
    RegistryAnswers,
    /// Streams and executors fall ill.
    Tasks,
    /// Provisioning fails, hangs, crawls.
    Layer,
    /// Users register, update, delete.
    Users,
    /// Operators switch, hold, order retries.
    Operators,
    /// Users' code and schemas are bad.
    Code,
    /// Indexers have odd names.
    Names,
    /// How many replicas the registry has, and how far they lag.
    Topology,
    /// Habits of the services are gone.
    Habits,
    /// Services are slower or faster than they are.
    Nodes,
    /// The chain is another.
    Chain,
    /// The coordinator's knobs are turned as somebody might who knows it.
    Knobs,
    /// They are turned as far as they go.
    ExtremeKnobs,
    /// Quiet periods in mid-run.
    Quiet,
    /// Part of the world stays broken when the rest is healed.
    Broken,
}

impl Group {
    /// All of them.
    pub const ALL: [Group; 28] = [
        Group::Crashes,
        Group::Freezes,
        Group::StoreNode,
        Group::RegistryNode,
        Group::Machines,
        Group::Clocks,
        Group::Links,
        Group::Latency,
        Group::Calls,
        Group::StoreCalls,
        Group::StoreDisasters,
        Group::Lists,
        Group::ControlPlane,
        Group::RegistryAnswers,
        Group::Tasks,
        Group::Layer,
        Group::Users,
        Group::Operators,
        Group::Code,
        Group::Names,
        Group::Topology,
        Group::Habits,
        Group::Nodes,
        Group::Chain,
        Group::Knobs,
        Group::ExtremeKnobs,
        Group::Quiet,
        Group::Broken,
    ];
}

/// A kind of swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub about: &'static str,
    /// What may be on in its runs, and is in half of them.
    pub groups: &'static [Group],
}

use Group as G;

/// All profiles.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "calm",
        about: "Nothing fails; who takes part, how many they are and how slow differs.",
        groups: &[
            G::Latency,
            G::Users,
            G::Operators,
            G::Names,
            G::Topology,
            G::Habits,
            G::Nodes,
            G::Chain,
            G::Quiet,
        ],
    },
    Profile {
        name: "churn",
        about: "Users and operators are busy, and make mistakes; little else goes wrong.",
        groups: &[
            G::Users,
            G::Operators,
            G::Code,
            G::Names,
            G::Topology,
            G::Crashes,
            G::Quiet,
        ],
    },
    Profile {
        name: "crashes",
        about: "Processes die and freeze, from a blip to for ever.",
        groups: &[
            G::Crashes,
            G::Freezes,
            G::StoreNode,
            G::RegistryNode,
            G::Users,
            G::Operators,
            G::Quiet,
            G::Broken,
        ],
    },
    Profile {
        name: "machines",
        about: "Machines are slow, fail together, and disagree about the time.",
        groups: &[
            G::Machines,
            G::Clocks,
            G::Crashes,
            G::Users,
            G::Operators,
            G::Quiet,
        ],
    },
    Profile {
        name: "control",
        about: "Listings lack things, quotas run out, other coordinators have been there.",
        groups: &[
            G::Lists,
            G::ControlPlane,
            G::Crashes,
            G::Users,
            G::Operators,
            G::Quiet,
        ],
    },
    Profile {
        name: "network",
        about: "Links break and crawl, and calls meet every fate.",
        groups: &[
            G::Links,
            G::Latency,
            G::Calls,
            G::Users,
            G::Operators,
            G::Quiet,
            G::Broken,
        ],
    },
    Profile {
        name: "store",
        about: "The store errs, dies, forgets and refuses.",
        groups: &[
            G::StoreNode,
            G::StoreCalls,
            G::StoreDisasters,
            G::Crashes,
            G::Users,
            G::Operators,
            G::Quiet,
            G::Broken,
        ],
    },
    Profile {
        name: "registry",
        about: "The registry lies, lags, and is away.",
        groups: &[
            G::RegistryNode,
            G::RegistryAnswers,
            G::Topology,
            G::Crashes,
            G::Users,
            G::Names,
            G::Quiet,
            G::Broken,
        ],
    },
    Profile {
        name: "tasks",
        about: "Streams, executors and provisioning fall ill inside healthy services.",
        groups: &[
            G::Tasks,
            G::Layer,
            G::Code,
            G::Users,
            G::Operators,
            G::Habits,
            G::Nodes,
            G::Quiet,
            G::Broken,
        ],
    },
    Profile {
        name: "knobs",
        about: "The coordinator's constants are turned as far as they go, under some weather.",
        groups: &[
            G::Knobs,
            G::ExtremeKnobs,
            G::Crashes,
            G::Calls,
            G::Users,
            G::Operators,
            G::Nodes,
            G::Quiet,
        ],
    },
    Profile {
        name: "everything",
        about: "All of it.",
        groups: &Group::ALL,
    },
];

impl Profile {
    /// The profile of that name.
    pub fn by_name(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|profile| profile.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_in_some_profile_and_the_last_has_all() {
        for group in Group::ALL {
            let count = PROFILES.iter().filter(|one| one.groups.contains(&group));
            assert!(count.count() >= 2, "{group:?}");
        }
        let mut names: Vec<_> = PROFILES.iter().map(|profile| profile.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PROFILES.len());
        assert_eq!(Profile::by_name("calm"), PROFILES.first());
        assert_eq!(Profile::by_name("storm"), None);
    }
}
