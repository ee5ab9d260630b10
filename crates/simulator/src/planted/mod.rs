//! Planted bugs: mistakes that a coordinator could make, to see that the judges
//! notice them.
//!
//! None of them is in the product. A bug stands in for the planner and the ports
//! that a coordinator is given, and is chosen when a run begins; the build is the
//! same. Each says what it does wrong and where the idea comes from, and the file
//! `witnesses.toml` holds runs in which it is caught, and by which property. What
//! the harness knows stays right: the judges, the world and the fakes.

mod bug;
mod changing;
mod data_plane;
mod deleting;
pub mod document;
mod executors;
mod operators;
mod pace;
mod provisioning;
mod records;
mod registry;
mod repairs;
mod shadows;
mod stand_in;
mod streams;
pub mod witness;

use std::sync::Arc;

use coordinator::{Coordinator, Knobs, Ports};

pub use bug::Bug;

/// What a bug harms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Something happens that must never happen.
    Safety,
    /// Something does not happen that must happen, and nothing worse.
    Liveness,
}

impl Wants {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Wants::Safety => "safety",
            Wants::Liveness => "liveness",
        }
    }
}

/// Who has the bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The coordinator under test.
    Coordinator,
    /// The second one, which only watches, in scenarios that have one.
    Shadow,
    /// The same, and it does not know that it must only watch.
    ShadowThatActs,
    /// The nodes that stream and execute, where they meet the queue.
    DataPlane,
}

/// A bug of the corpus.
#[derive(Clone, Copy)]
pub struct Planted {
    /// What it is called.
    pub name: &'static str,
    /// What it does wrong, in a line.
    pub idea: &'static str,
    /// Where the idea comes from.
    pub source: &'static str,
    /// What it harms.
    pub wants: Wants,
    /// Who has it.
    pub place: Place,
    make: fn() -> Arc<dyn Bug>,
}

impl std::fmt::Debug for Planted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Planted").field(&self.name).finish()
    }
}

/// A bug of the coordinator that harms safety.
const fn unsafe_bug(
    name: &'static str,
    idea: &'static str,
    source: &'static str,
    make: fn() -> Arc<dyn Bug>,
) -> Planted {
    Planted {
        name,
        idea,
        source,
        wants: Wants::Safety,
        place: Place::Coordinator,
        make,
    }
}

/// A bug of the coordinator that harms liveness only.
const fn idle_bug(
    name: &'static str,
    idea: &'static str,
    source: &'static str,
    make: fn() -> Arc<dyn Bug>,
) -> Planted {
    Planted {
        wants: Wants::Liveness,
        ..unsafe_bug(name, idea, source, make)
    }
}

/// The themes of the corpus and the bugs of each, in their order.
pub const THEMES: [(&str, &[Planted]); 12] = [
    ("The registry", registry::BUGS),
    ("Records and the store", records::BUGS),
    ("Provisioning", provisioning::BUGS),
    ("Streams", streams::BUGS),
    ("Executors", executors::BUGS),
    ("Changes of version", changing::BUGS),
    ("Repairs", repairs::BUGS),
    ("Deletions", deleting::BUGS),
    ("Operators", operators::BUGS),
    ("Pace and patience", pace::BUGS),
    ("The shadow", shadows::BUGS),
    ("The data plane", data_plane::BUGS),
];

/// All bugs in their order.
pub fn corpus() -> impl Iterator<Item = &'static Planted> {
    THEMES.into_iter().flat_map(|(_, bugs)| bugs)
}

/// The bug of this name.
pub fn find(name: &str) -> Option<&'static Planted> {
    corpus().find(|bug| bug.name == name)
}

/// A coordinator as it is with `planted`.
pub fn coordinator(planted: Option<&Planted>, knobs: &Knobs, ports: Ports) -> Coordinator {
    match planted.filter(|planted| planted.place == Place::Coordinator) {
        Some(planted) => with_bug(planted, knobs, ports),
        None => Coordinator::new(knobs.clone(), ports),
    }
}

/// What the nodes' commands on queues are with `planted`, if it is about them.
pub fn data_plane(planted: Option<&Planted>) -> Option<Arc<dyn Bug>> {
    let planted = planted.filter(|planted| planted.place == Place::DataPlane)?;
    Some((planted.make)())
}

/// A shadow as it is with `planted`.
pub fn shadow(planted: Option<&Planted>, knobs: &Knobs, ports: Ports) -> Coordinator {
    match planted.map(|planted| (planted, planted.place)) {
        Some((planted, Place::ShadowThatActs)) => with_bug(planted, knobs, ports),
        Some((planted, Place::Shadow)) => {
            let bug = (planted.make)();
            let mut knobs = knobs.clone();
            bug.knobs(&mut knobs);
            let ports = stand_in::ports(&bug, ports);
            Coordinator::shadow_with_planner(knobs, ports, stand_in::planner(&bug))
        }
        _ => Coordinator::shadow(knobs.clone(), ports),
    }
}

fn with_bug(planted: &Planted, knobs: &Knobs, ports: Ports) -> Coordinator {
    let bug = (planted.make)();
    let mut knobs = knobs.clone();
    bug.knobs(&mut knobs);
    let ports = stand_in::ports(&bug, ports);
    Coordinator::with_planner(knobs, ports, stand_in::planner(&bug))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_bug_has_a_name_of_its_own_and_says_what_it_is() {
        let mut names = BTreeSet::new();
        for bug in corpus() {
            let is_kebab = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            assert!(bug.name.bytes().all(is_kebab), "{}", bug.name);
            assert!(names.insert(bug.name), "{} is there twice", bug.name);
            for text in [bug.idea, bug.source] {
                assert!(
                    !text.is_empty() && !text.contains(['\n', '|']),
                    "{}",
                    bug.name
                );
            }
        }
        assert!(names.len() >= 60, "only {}", names.len());
        let idle = corpus().filter(|bug| bug.wants == Wants::Liveness);
        assert!(idle.count() >= 10);
        assert!(find("no-such-bug").is_none());
    }
}
