//! The API as its clients meet it: over sockets, with a coordinator behind it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod access;
mod audited;
mod away;
mod crowding;
mod hoarding;
mod hostile;
mod life;
mod operations;
mod original;
mod paging;
mod people;
mod support;
mod watching;
mod world;
