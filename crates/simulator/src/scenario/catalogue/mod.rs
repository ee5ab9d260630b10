//! The fault families: everything that can be done to the system, in words and
//! as a scenario writes it.
//!
//! What stands here is what `cargo sim faults` lists, what `cargo sim explain`
//! prints and what `docs/faults.md` holds. Tests keep it complete: every action
//! that is a fault, every kind of fault and every rate under `[faults]` belongs to
//! a family, and every example is a scenario that loads.

mod calls;
mod clocks;
mod control_plane;
mod links;
mod nodes;
mod registry;
mod render;
mod store;
mod tasks;

#[cfg(test)]
mod tests;

pub use render::{markdown, wrapped};

use serde::Serialize;

/// What a family is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Processes and the machines they run on.
    Nodes,
    /// The clocks of those machines.
    Clocks,
    /// The network between them.
    Links,
    /// Single calls of the coordinator to a service.
    Calls,
    /// The store that keeps the coordinator's records, and the queues.
    Store,
    /// The registry contract, and the RPC nodes before it.
    Registry,
    /// Streams, executors and provisioning tasks.
    Tasks,
    /// What the coordinator goes by, and other coordinators.
    ControlPlane,
}

impl Group {
    /// The group as a heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::Nodes => "Nodes",
            Group::Clocks => "Clocks",
            Group::Links => "Links",
            Group::Calls => "Calls of the coordinator",
            Group::Store => "Store",
            Group::Registry => "Registry",
            Group::Tasks => "Streams, executors, provisioning",
            Group::ControlPlane => "Control plane",
        }
    }
}

/// A family of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FaultFamily {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is done to.
    pub group: Group,
    /// What happens, in one line.
    pub summary: &'static str,
    /// What happens at the real service, and why it matters.
    pub story: &'static str,
    /// How we know.
    pub source: &'static str,
    /// The values of `do` that make it happen, one after the other.
    pub steps: &'static [&'static str],
    /// Other sections of a scenario that make it happen.
    pub sections: &'static str,
    /// The keys under `[faults]` that make it happen at random, with values to
    /// begin with.
    pub random: &'static str,
    /// The oracles that turn red first if the coordinator does not stand it.
    pub noticed_by: &'static [&'static str],
}

/// All families, group by group.
pub fn families() -> impl Iterator<Item = &'static FaultFamily> {
    [
        nodes::FAMILIES,
        clocks::FAMILIES,
        links::FAMILIES,
        calls::FAMILIES,
        store::FAMILIES,
        registry::FAMILIES,
        tasks::FAMILIES,
        control_plane::FAMILIES,
    ]
    .into_iter()
    .flatten()
}

/// The family called `name`; hyphens are as good as underscores.
pub fn family(name: &str) -> Option<&'static FaultFamily> {
    let name = name.to_lowercase().replace('-', "_");
    families().find(|family| family.name == name)
}
