//! Metrics that are read at the scrape.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::build::BuildInfo;
use crate::http::Readiness;
use crate::logs::LogTally;
use crate::metrics::catalogue::help;
use crate::metrics::snapshot::{Snapshot, Source};

/// Seconds until a certificate expires, if there is one.
pub(crate) type Expiry = Box<dyn Fn() -> Option<f64> + Send + Sync>;

/// Everything that is read at the scrape.
pub(crate) struct AtScrape {
    pub(crate) build: BuildInfo,
    pub(crate) started_seconds: f64,
    pub(crate) logs: Arc<LogTally>,
    pub(crate) readiness: Readiness,
    pub(crate) source: OnceLock<Arc<dyn Source>>,
    pub(crate) certificates: Mutex<Vec<(&'static str, Expiry)>>,
}

impl fmt::Debug for AtScrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtScrape").finish_non_exhaustive()
    }
}

impl Collector for AtScrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        page.build(&self.build)?;
        page.gauge(
            "coordinator_process_start_time_seconds",
            self.started_seconds,
        )?;
        self.encode_logs(&mut page)?;
        self.encode_readiness(&mut page)?;
        let certificates = self
            .certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let expiries: Vec<_> = certificates
            .iter()
            .filter_map(|(name, expiry)| Some((*name, expiry()?)))
            .collect();
        drop(certificates);
        let name = "coordinator_certificate_expires_in_seconds";
        page.gauges(name, "certificate", expiries)?;
        match self.source.get() {
            Some(source) => encode_snapshot(&mut page, &source.snapshot()),
            None => Ok(()),
        }
    }
}

impl AtScrape {
    fn encode_logs(&self, page: &mut Page<'_>) -> fmt::Result {
        let logs = &self.logs;
        let levels = [
            ("debug", logs.details.get()),
            ("error", logs.errors.get()),
            ("info", logs.infos.get()),
            ("warn", logs.warnings.get()),
        ];
        page.counters("coordinator_log_lines_total", "level", levels)?;
        page.counter("coordinator_audit_records_total", logs.audits.get())?;
        page.counter(
            "coordinator_log_lines_collapsed_total",
            logs.collapsed.get(),
        )?;
        page.counter("coordinator_log_lines_lost_total", logs.lost.get())
    }

    fn encode_readiness(&self, page: &mut Page<'_>) -> fmt::Result {
        let report = self.readiness.report();
        page.gauge("coordinator_ready", one_if(report.ready))?;
        let checks = report
            .checks
            .iter()
            .map(|check| (check.name, one_if(check.ok)));
        page.gauges("coordinator_ready_check", "check", checks)
    }
}

fn encode_snapshot(page: &mut Page<'_>, now: &Snapshot) -> fmt::Result {
    let counts = |(name, count): (&&'static str, &u64)| (*name, *count as f64);
    page.gauges(
        "coordinator_indexers",
        "phase",
        now.phases.iter().map(counts),
    )?;
    page.gauges("coordinator_loops", "state", now.states.iter().map(counts))?;
    page.gauge("coordinator_indexers_held", now.held as f64)?;
    page.gauge("coordinator_indexers_registered", now.registered as f64)?;
    page.gauge(
        "coordinator_longest_unsettled_seconds",
        now.unsettled_longest_seconds,
    )?;
    page.counter("coordinator_loop_panics_total", now.panics_total)?;
    let age = now.registry_answer_age_seconds;
    // Before the first answer there is no age: infinitely old, for alerts.
    page.gauge(
        "coordinator_registry_answer_age_seconds",
        age.unwrap_or(f64::INFINITY),
    )?;
    page.gauge(
        "coordinator_registry_behind_blocks",
        now.registry_behind_blocks as f64,
    )?;
    page.gauge(
        "coordinator_registry_height_blocks",
        now.registry_height as f64,
    )?;
    page.gauge(
        "coordinator_registry_quarantined_entries",
        now.quarantined as f64,
    )?;
    page.counter(
        "coordinator_registry_answers_dropped_older_total",
        now.answers_dropped_older_total,
    )?;
    page.counter(
        "coordinator_registry_suspicious_listings_total",
        now.suspicious_listings_total,
    )?;
    let down = now.services_down.iter();
    let down = down.map(|(name, down)| (*name, one_if(*down)));
    page.gauges("coordinator_service_down", "service", down)?;
    page.gauge("coordinator_shadow", one_if(now.shadow))?;
    page.gauge(
        "coordinator_unreadable_records",
        now.unreadable_records as f64,
    )
}

fn one_if(condition: bool) -> f64 {
    if condition { 1.0 } else { 0.0 }
}

/// The scraper's page, in terms of the catalogue's names.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, value: f64) -> fmt::Result {
        let help = sentence(name);
        let mut metric = self
            .0
            .encode_descriptor(name, &help, None, MetricType::Gauge)?;
        metric.encode_gauge(&value)
    }

    fn gauges(
        &mut self,
        name: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'static str, f64)>,
    ) -> fmt::Result {
        let help = sentence(name);
        let mut metric = self
            .0
            .encode_descriptor(name, &help, None, MetricType::Gauge)?;
        for (of, value) in values {
            metric.encode_family(&[(label, of)])?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, value: u64) -> fmt::Result {
        let help = sentence(name);
        // The format adds the suffix itself.
        let name = name.trim_end_matches("_total");
        let mut metric = self
            .0
            .encode_descriptor(name, &help, None, MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn counters<const N: usize>(
        &mut self,
        name: &str,
        label: &str,
        values: [(&'static str, u64); N],
    ) -> fmt::Result {
        let help = sentence(name);
        let name = name.trim_end_matches("_total");
        let mut metric = self
            .0
            .encode_descriptor(name, &help, None, MetricType::Counter)?;
        for (of, value) in values {
            metric
                .encode_family(&[(label, of)])?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    fn build(&mut self, build: &BuildInfo) -> fmt::Result {
        let help = sentence("coordinator_build_info");
        let name = "coordinator_build";
        let mut metric = self
            .0
            .encode_descriptor(name, &help, None, MetricType::Info)?;
        let features = build.features.join(",");
        metric.encode_info(&[
            ("version", build.version),
            ("commit", build.commit.unwrap_or("unknown")),
            ("rustc", build.rustc),
            ("features", features.as_str()),
        ])
    }
}

fn sentence(name: &str) -> String {
    format!("{}.", help(name))
}
