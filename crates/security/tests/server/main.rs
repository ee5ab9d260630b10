//! The crate from the outside: real sockets, real certificates, real files.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod incoming;
mod pki;
mod reload;
mod requests;
