//! The command line from outside.

#[cfg(madsim)]
mod catalogue;
#[cfg(madsim)]
mod determinism;
#[cfg(madsim)]
mod equivalence;
#[cfg(madsim)]
mod faults;
#[cfg(madsim)]
mod original;
#[cfg(not(madsim))]
mod real;
#[cfg(madsim)]
mod shrink;
#[cfg(madsim)]
mod simulated;
#[cfg(madsim)]
mod swarm;
#[cfg(madsim)]
mod sweep;
