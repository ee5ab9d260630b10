//! The registry in files, as the coordinator sees it.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod belief;
mod chain;
mod conformance_suite;
mod desk;
mod edits;
mod folder;
mod leaps;
mod moves;
mod random;
mod sample;
mod versions;
