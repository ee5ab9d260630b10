//! Bugs of a coordinator in shadow mode.

use std::sync::Arc;

use lifecycle::{Action, Observed, Policy, Reason, Seen, Step, Timestamp};

use super::bug::Bug;
use super::{Place, Planted, Wants, unsafe_bug};

pub(super) const BUGS: &[Planted] = &[
    Planted {
        place: Place::ShadowThatActs,
        ..unsafe_bug(
            "shadow-that-acts",
            "The coordinator in shadow mode does not know that it only watches",
            "Controller pattern: zombie, two controllers at work",
            || Arc::new(Unchanged),
        )
    },
    Planted {
        place: Place::Shadow,
        wants: Wants::Liveness,
        ..unsafe_bug(
            "shadow-that-disagrees",
            "The shadow would stop what is healthy and wanted",
            "Controller pattern: dry run and real run take different paths",
            || Arc::new(Disagrees),
        )
    },
];

struct Unchanged;

impl Bug for Unchanged {}

struct Disagrees;

impl Bug for Disagrees {
    fn decide(&self, seen: &Observed, step: Step, _policy: &Policy, _now: Timestamp) -> Step {
        match (&seen.stream, &step) {
            (Seen::Present(stream), Step::Wait(wait)) if wait.reason == Reason::Steady => {
                Step::Apply(Action::StopStream(stream.id.clone()))
            }
            _ => step,
        }
    }
}
