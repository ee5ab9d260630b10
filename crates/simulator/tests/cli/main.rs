//! The command line from outside.

#[cfg(not(madsim))]
mod real;
#[cfg(madsim)]
mod simulated;
#[cfg(madsim)]
mod sweep;
