//! End to end: the programs as processes of their own, on real sockets, with a
//! real Redis. Needs `redis-server`, and `python3` with its module `venv`.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod chaos;
mod contract;
mod course;
mod endings;
mod http;
mod independent;
mod judge;
mod lab;
mod people;
mod process;
mod programs;
mod shadow;
mod store;
mod swap;
mod wait;
