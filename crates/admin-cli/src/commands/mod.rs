//! What each command does.

mod change;
mod read;
mod wait;
mod watch;

pub(crate) use change::{change, is_confirmed};
pub(crate) use read::{explain, get, list, overview, shadow};
pub(crate) use wait::wait;
pub(crate) use watch::watch;
