//! What bytes from outside may not do, however hostile they are.
//!
//! Each target takes any bytes, gives them to a reader of the product, and
//! panics if the outcome breaks a law: not only that nothing panics, but also
//! that what is read can be written and read again, that one bad part hides no
//! good one, and that what is told to people is bounded and fit for a log.
//!
//! Two things run them: the test `replay` of this crate, on stable and in
//! seconds, with the kept corpus and mutations of it; and `cargo fuzz` in the
//! folder `fuzz`, guided by coverage and for as long as one likes.
//!
//! A law that is broken shows as a panic with the law as its message.

mod client_roles;
mod config_file;
mod glob;
mod laws;
mod registry_entry;
mod registry_file;
mod registry_listing;
mod rpc_answer;
mod scenario_file;
mod state_export;
mod state_json;
mod token_file;

pub use client_roles::client_roles;
pub use config_file::config_file;
pub use registry_entry::registry_entry;
pub use registry_file::registry_file;
pub use registry_listing::registry_listing;
pub use rpc_answer::rpc_answer;
pub use scenario_file::scenario_file;
pub use state_export::state_export;
pub use state_json::state_json;
pub use token_file::token_file;

/// What a reader made of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They mean something.
    Read,
    /// They were refused.
    Refused,
}

impl Verdict {
    fn of(read: bool) -> Verdict {
        if read {
            Verdict::Read
        } else {
            Verdict::Refused
        }
    }
}

/// A reader of bytes from outside, with the laws it keeps.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name; its corpus lies in `corpus/NAME`.
    pub name: &'static str,
    /// Reads the bytes; panics if a law is broken.
    pub run: fn(&[u8]) -> Verdict,
    /// How many mutations the test command tries: fewer where each takes longer.
    pub mutations: u32,
}

/// All targets, ordered by name.
pub const TARGETS: [Target; 10] = [
    Target {
        name: "client_roles",
        run: client_roles,
        mutations: 3000,
    },
    Target {
        name: "config_file",
        run: config_file,
        mutations: 500,
    },
    Target {
        name: "registry_entry",
        run: registry_entry,
        mutations: 5000,
    },
    Target {
        name: "registry_file",
        run: registry_file,
        mutations: 500,
    },
    Target {
        name: "registry_listing",
        run: registry_listing,
        mutations: 3000,
    },
    Target {
        name: "rpc_answer",
        run: rpc_answer,
        mutations: 100,
    },
    Target {
        name: "scenario_file",
        run: scenario_file,
        mutations: 1000,
    },
    Target {
        name: "state_export",
        run: state_export,
        mutations: 3000,
    },
    Target {
        name: "state_json",
        run: state_json,
        mutations: 5000,
    },
    Target {
        name: "token_file",
        run: token_file,
        mutations: 3000,
    },
];
