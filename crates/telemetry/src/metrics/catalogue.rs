//! Every metric there is. Documents, dashboards and alerts are held against it.

use std::fmt::Write;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; zero again after a restart.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Observations in fixed buckets: `_bucket`, `_count` and `_sum`.
    Histogram,
    /// Always 1; what matters are its labels.
    Info,
}

impl Kind {
    /// The word of the exposition format.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in queries; of a histogram, without `_bucket` and the like.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels, `le` of histograms left out. None names an indexer.
    pub labels: &'static [&'static str],
    /// One sentence, without its full stop.
    pub help: &'static str,
}

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        labels,
        help,
    }
}

/// All metrics, by name.
pub const METRICS: &[Metric] = &[
    metric(
        "coordinator_api_call_duration_seconds",
        Kind::Histogram,
        &["method"],
        "How long calls of the operators' API took until they were answered; streams, until \
         they began",
    ),
    metric(
        "coordinator_api_calls_total",
        Kind::Counter,
        &["method", "code"],
        "Calls of the operators' API by the gRPC status they were answered with",
    ),
    metric(
        "coordinator_audit_records_total",
        Kind::Counter,
        &[],
        "Lines of the audit log: commands of operators, refused ones included",
    ),
    metric(
        "coordinator_build_info",
        Kind::Info,
        &["version", "commit", "rustc", "features"],
        "What the program was built from",
    ),
    metric(
        "coordinator_call_duration_seconds",
        Kind::Histogram,
        &["service", "method"],
        "How long calls took until they were answered, failed or given up",
    ),
    metric(
        "coordinator_calls_in_flight",
        Kind::Gauge,
        &["service", "method"],
        "Calls that wait for their answer",
    ),
    metric(
        "coordinator_calls_total",
        Kind::Counter,
        &["service", "method", "code"],
        "Calls by how they ended: the gRPC status, CONFLICT, INDEFINITE, REJECTED, \
         RATE_LIMITED, CONTRACT, TOO_LARGE, or ABANDONED when the deadline passed",
    ),
    metric(
        "coordinator_certificate_expires_in_seconds",
        Kind::Gauge,
        &["certificate"],
        "Time until a TLS certificate in use expires; negative afterwards",
    ),
    metric(
        "coordinator_indexers",
        Kind::Gauge,
        &["phase"],
        "Indexers by the phase of their record; None stands for those without one",
    ),
    metric(
        "coordinator_indexers_held",
        Kind::Gauge,
        &[],
        "Indexers that operators asked to leave alone",
    ),
    metric(
        "coordinator_indexers_registered",
        Kind::Gauge,
        &[],
        "Indexers in the last listing of the registry",
    ),
    metric(
        "coordinator_log_lines_collapsed_total",
        Kind::Counter,
        &[],
        "Repeated warnings and errors that were counted instead of written",
    ),
    metric(
        "coordinator_log_lines_lost_total",
        Kind::Counter,
        &[],
        "Lines of the log that could not be written, or that nobody read in time",
    ),
    metric(
        "coordinator_log_lines_total",
        Kind::Counter,
        &["level"],
        "Lines of the log by level, repetitions included",
    ),
    metric(
        "coordinator_longest_unsettled_seconds",
        Kind::Gauge,
        &[],
        "The longest time that an indexer has been in one state that is not where it should end",
    ),
    metric(
        "coordinator_loop_panics_total",
        Kind::Counter,
        &[],
        "Control loops that panicked and were started again",
    ),
    metric(
        "coordinator_loops",
        Kind::Gauge,
        &["state"],
        "Control loops by what they do or wait for",
    ),
    metric(
        "coordinator_process_start_time_seconds",
        Kind::Gauge,
        &[],
        "When the process started, in seconds since the Unix epoch",
    ),
    metric(
        "coordinator_ready",
        Kind::Gauge,
        &[],
        "1 if the coordinator is ready, as /readyz says; else 0",
    ),
    metric(
        "coordinator_ready_check",
        Kind::Gauge,
        &["check"],
        "1 if a check of readiness passes; else 0",
    ),
    metric(
        "coordinator_registry_answer_age_seconds",
        Kind::Gauge,
        &[],
        "Time since the registry last gave a usable listing",
    ),
    metric(
        "coordinator_registry_answers_dropped_older_total",
        Kind::Counter,
        &[],
        "Answers of the registry dropped because they were older than what was known",
    ),
    metric(
        "coordinator_registry_behind_blocks",
        Kind::Gauge,
        &[],
        "Blocks by which all answers of the registry are too old, or too new to believe; else 0",
    ),
    metric(
        "coordinator_registry_height_blocks",
        Kind::Gauge,
        &[],
        "The highest block height of the registry's answers",
    ),
    metric(
        "coordinator_registry_quarantined_entries",
        Kind::Gauge,
        &[],
        "Entries of the last listing that make no sense and were set aside",
    ),
    metric(
        "coordinator_registry_suspicious_listings_total",
        Kind::Counter,
        &[],
        "Listings that lacked suspiciously many indexers at once",
    ),
    metric(
        "coordinator_service_down",
        Kind::Gauge,
        &["service"],
        "1 if a service answers nobody; else 0",
    ),
    metric(
        "coordinator_shadow",
        Kind::Gauge,
        &[],
        "1 if the coordinator only observes; else 0",
    ),
    metric(
        "coordinator_unreadable_records",
        Kind::Gauge,
        &[],
        "Records of the store that cannot be read; their indexers are left alone",
    ),
];

/// The metric of that name in queries, `_bucket`, `_count` and `_sum` included.
pub fn find(name: &str) -> Option<&'static Metric> {
    let exact = METRICS.iter().find(|metric| metric.name == name);
    exact.or_else(|| {
        ["_bucket", "_count", "_sum"].iter().find_map(|suffix| {
            let base = name.strip_suffix(suffix)?;
            METRICS
                .iter()
                .find(|metric| metric.name == base && metric.kind == Kind::Histogram)
        })
    })
}

/// The catalogue as a table in Markdown, for documents.
pub fn markdown() -> String {
    let mut out = "| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            metric.name,
            metric.kind.name(),
            labels.join(", "),
            metric.help
        );
    }
    out
}

/// The help of a metric of the catalogue.
pub(crate) fn help(name: &str) -> &'static str {
    find(name).map_or("", |metric| metric.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        assert!(METRICS.is_sorted_by(|a, b| a.name < b.name));
        for metric in METRICS {
            let name = metric.name;
            assert!(name.starts_with("coordinator_"), "{name}");
            let is_total = name.ends_with("_total");
            assert_eq!(is_total, metric.kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_info"), metric.kind == Kind::Info, "{name}");
            assert!(!name.contains("_milli") && !name.contains("_ms"), "{name}");
            assert!(
                !metric.help.ends_with('.') && metric.help.len() > 20,
                "{name}"
            );
            let about_one = [
                "account",
                "account_id",
                "function",
                "function_name",
                "indexer",
            ];
            assert!(
                !metric.labels.iter().any(|label| about_one.contains(label)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_histogram_is_found_by_its_parts() {
        let name = "coordinator_call_duration_seconds";
        for part in ["", "_bucket", "_count", "_sum"] {
            assert_eq!(find(&format!("{name}{part}")).unwrap().name, name);
        }
        assert_eq!(find("coordinator_calls_total_sum"), None);
        assert_eq!(find("coordinator_nothing"), None);
    }

    #[test]
    fn the_table_has_a_row_for_each() {
        let table = markdown();
        assert_eq!(table.lines().count(), METRICS.len() + 2);
        assert!(
            table.contains("| `coordinator_loops` | gauge | `state` |"),
            "{table}"
        );
    }
}
