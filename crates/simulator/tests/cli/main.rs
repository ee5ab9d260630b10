//! The command line from outside.

#[cfg(madsim)]
mod catalogue;
#[cfg(not(madsim))]
mod real;
#[cfg(madsim)]
mod simulated;
#[cfg(madsim)]
mod sweep;
