//! The deterministic simulator of the coordinator and everything around it.
//!
//! The product runs unchanged on madsim's executor and virtual clock; every
//! other party is a fake that lives in one `world`. Everything that happens
//! follows from a scenario and a seed.

pub mod history;
pub mod marks;
pub mod oracle;
pub mod original;
pub mod report;
pub mod scenario;
pub mod sweep;

#[cfg(madsim)]
pub mod cli;
#[cfg(madsim)]
pub mod leaks;
#[cfg(madsim)]
pub mod planted;
#[cfg(madsim)]
pub mod run;
#[cfg(madsim)]
pub mod swarm;
#[cfg(madsim)]
pub mod transport;
#[cfg(madsim)]
pub mod world;
