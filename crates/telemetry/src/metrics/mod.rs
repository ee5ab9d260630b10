//! Metrics in the OpenMetrics text format.
//!
//! Calls are counted where they are made, by [`Metered`] ports, and where they are
//! answered, by whoever holds [`ApiCalls`]; everything else
//! is asked for at the scrape. [`METRICS`] lists all there are. No metric has a
//! label that names an indexer: with a hundred thousand of them that would cost
//! more than the coordinator itself. Which indexer it is says the admin API.

mod api;
mod calls;
mod catalogue;
mod collect;
mod metered;
mod snapshot;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use coordinator::Ports;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

pub use api::ApiCalls;
pub use catalogue::{Kind, METRICS, Metric, find, markdown};
pub use metered::{CALLS, Metered};
pub use snapshot::{CoordinatorSource, NO_PHASE, STATES, Snapshot, Source};

use calls::Calls;
use catalogue::help;
use collect::AtScrape;

use crate::build::BuildInfo;
use crate::clock;
use crate::http::Readiness;
use crate::logs::LogTally;

/// The type of the text that [`Metrics::encode`] makes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of one process. Clones are handles of the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    calls: Calls,
    api: ApiCalls,
    at_scrape: Arc<AtScrape>,
}

impl Metrics {
    /// Metrics of a process that starts now.
    pub fn new(build: BuildInfo, logs: Arc<LogTally>, readiness: Readiness) -> Metrics {
        let calls = Calls::default();
        for (service, method) in metered::CALLS {
            calls.announce(service, method);
        }
        let at_scrape = Arc::new(AtScrape {
            build,
            started_seconds: clock::since_epoch().as_secs_f64(),
            logs,
            readiness,
            source: OnceLock::new(),
            certificates: Mutex::default(),
        });
        let mut registry = Registry::default();
        let name = "coordinator_calls_total";
        // The format adds the suffix itself.
        let base = name.trim_end_matches("_total");
        registry.register(base, help(name), calls.ended.clone());
        let name = "coordinator_call_duration_seconds";
        registry.register(name, help(name), calls.seconds.clone());
        let name = "coordinator_calls_in_flight";
        registry.register(name, help(name), calls.in_flight.clone());
        let api = ApiCalls::default();
        let name = "coordinator_api_calls_total";
        let base = name.trim_end_matches("_total");
        registry.register(base, help(name), api.answered.clone());
        let name = "coordinator_api_call_duration_seconds";
        registry.register(name, help(name), api.seconds.clone());
        registry.register_collector(Box::new(Arc::clone(&at_scrape)));
        Metrics {
            registry: Arc::new(registry),
            calls,
            api,
            at_scrape,
        }
    }

    /// Where calls of the operators' API are counted.
    pub fn api_calls(&self) -> ApiCalls {
        self.api.clone()
    }

    /// `inner`, with its calls counted.
    pub fn metered<T: ?Sized>(&self, inner: Arc<T>) -> Metered<T> {
        Metered::new(&self.calls, inner)
    }

    /// `ports`, with the calls of each counted.
    pub fn metered_ports(&self, ports: Ports) -> Ports {
        metered::metered(&self.calls, ports)
    }

    /// Whom to ask at each scrape. Until then what it knows is not shown; the
    /// first one stays.
    pub fn set_source(&self, source: Arc<dyn Source>) {
        let _ = self.at_scrape.source.set(source);
    }

    /// Shows how many seconds are left of the certificate called `name`; nothing
    /// while `seconds` says `None`.
    pub fn add_certificate(
        &self,
        name: &'static str,
        seconds: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        let mut certificates = self
            .at_scrape
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        certificates.retain(|(known, _)| *known != name);
        certificates.push((name, Box::new(seconds)));
    }

    /// The page of a scrape, of the type [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// None that can be provoked; the format's encoder has them.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}
