//! What the pure core decides: one line per decision, properties over arbitrary
//! input, the whole abstract state space, and closed loops that must converge.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod changing_version;
mod convergence;
mod deleting;
mod environment;
mod exhaustive;
mod holding;
mod outcomes;
mod properties;
mod provisioning;
mod registry_answers;
mod repairing;
mod running;
mod start_heights;
mod states;
mod support;
mod suspending;
mod values;
