//! What may go wrong in which swarm.

/// Things that vary together: in each run a family is on or off as a whole, before
/// each of its members is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
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

impl Family {
    /// All of them.
    pub const ALL: [Family; 28] = [
        Family::Crashes,
        Family::Freezes,
        Family::StoreNode,
        Family::RegistryNode,
        Family::Machines,
        Family::Clocks,
        Family::Links,
        Family::Latency,
        Family::Calls,
        Family::StoreCalls,
        Family::StoreDisasters,
        Family::Lists,
        Family::ControlPlane,
        Family::RegistryAnswers,
        Family::Tasks,
        Family::Layer,
        Family::Users,
        Family::Operators,
        Family::Code,
        Family::Names,
        Family::Topology,
        Family::Habits,
        Family::Nodes,
        Family::Chain,
        Family::Knobs,
        Family::ExtremeKnobs,
        Family::Quiet,
        Family::Broken,
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
    pub families: &'static [Family],
}

use Family as F;

/// All profiles.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "calm",
        about: "Nothing fails; who takes part, how many they are and how slow differs.",
        families: &[
            F::Latency,
            F::Users,
            F::Operators,
            F::Names,
            F::Topology,
            F::Habits,
            F::Nodes,
            F::Chain,
            F::Quiet,
        ],
    },
    Profile {
        name: "churn",
        about: "Users and operators are busy, and make mistakes; little else goes wrong.",
        families: &[
            F::Users,
            F::Operators,
            F::Code,
            F::Names,
            F::Topology,
            F::Crashes,
            F::Quiet,
        ],
    },
    Profile {
        name: "crashes",
        about: "Processes die and freeze, from a blip to for ever.",
        families: &[
            F::Crashes,
            F::Freezes,
            F::StoreNode,
            F::RegistryNode,
            F::Users,
            F::Operators,
            F::Quiet,
            F::Broken,
        ],
    },
    Profile {
        name: "machines",
        about: "Machines are slow, fail together, and disagree about the time.",
        families: &[
            F::Machines,
            F::Clocks,
            F::Crashes,
            F::Users,
            F::Operators,
            F::Quiet,
        ],
    },
    Profile {
        name: "control",
        about: "Listings lack things, quotas run out, other coordinators have been there.",
        families: &[
            F::Lists,
            F::ControlPlane,
            F::Crashes,
            F::Users,
            F::Operators,
            F::Quiet,
        ],
    },
    Profile {
        name: "network",
        about: "Links break and crawl, and calls meet every fate.",
        families: &[
            F::Links,
            F::Latency,
            F::Calls,
            F::Users,
            F::Operators,
            F::Quiet,
            F::Broken,
        ],
    },
    Profile {
        name: "store",
        about: "The store errs, dies, forgets and refuses.",
        families: &[
            F::StoreNode,
            F::StoreCalls,
            F::StoreDisasters,
            F::Crashes,
            F::Users,
            F::Operators,
            F::Quiet,
            F::Broken,
        ],
    },
    Profile {
        name: "registry",
        about: "The registry lies, lags, and is away.",
        families: &[
            F::RegistryNode,
            F::RegistryAnswers,
            F::Topology,
            F::Crashes,
            F::Users,
            F::Names,
            F::Quiet,
            F::Broken,
        ],
    },
    Profile {
        name: "tasks",
        about: "Streams, executors and provisioning fall ill inside healthy services.",
        families: &[
            F::Tasks,
            F::Layer,
            F::Code,
            F::Users,
            F::Operators,
            F::Habits,
            F::Nodes,
            F::Quiet,
            F::Broken,
        ],
    },
    Profile {
        name: "knobs",
        about: "The coordinator's constants are turned as far as they go, under some weather.",
        families: &[
            F::Knobs,
            F::ExtremeKnobs,
            F::Crashes,
            F::Calls,
            F::Users,
            F::Operators,
            F::Nodes,
            F::Quiet,
        ],
    },
    Profile {
        name: "everything",
        about: "All of it.",
        families: &Family::ALL,
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
    fn every_family_is_in_some_profile_and_the_last_has_all() {
        for family in Family::ALL {
            let count = PROFILES.iter().filter(|one| one.families.contains(&family));
            assert!(count.count() >= 2, "{family:?}");
        }
        let mut names: Vec<_> = PROFILES.iter().map(|profile| profile.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PROFILES.len());
        assert_eq!(Profile::by_name("calm"), PROFILES.first());
        assert_eq!(Profile::by_name("storm"), None);
    }
}
