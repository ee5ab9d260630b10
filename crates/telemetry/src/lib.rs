//! What the coordinator tells about itself: logs, metrics, traces, probes.
//!
//! [`Logs`] writes the log; [`Metrics`] counts the calls of every port and shows
//! what a [`Source`] knows; [`http::serve`] answers scrapers and probes;
//! [`Readiness`] says whether the coordinator is fit for work.

mod build;
mod clock;
pub mod http;
pub mod logs;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;

pub use build::BuildInfo;
pub use http::{HttpOptions, Readiness};
pub use logs::{LogError, LogFormat, LogOptions, Logs};
pub use metrics::{METRICS, Metered, Metrics, Snapshot, Source};
