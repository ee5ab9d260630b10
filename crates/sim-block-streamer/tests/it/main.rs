//! The fake block streamer from outside: every habit of the real one that a
//! caller can meet has a test here.

mod common;
mod control;
mod data_plane;
mod health;
mod properties;
#[cfg(feature = "server")]
mod server;
