//! The HTTP port for scrapers and probes: `/metrics`, `/healthz`, `/readyz`,
//! `/version`.
//!
//! It only reads, asks nobody outside the process, and says nothing of single
//! indexers. Everything a client can do is bounded in size, number and time.

mod readiness;
mod routes;
mod server;

pub use readiness::{Check, Readiness, Report};
pub use routes::Pages;
pub use server::{HttpOptions, serve};
