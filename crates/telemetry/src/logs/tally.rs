//! How much was logged, for the metrics.

use prometheus_client::metrics::counter::Counter;
use tracing::Level;

/// Counters of the log since the start.
#[derive(Debug, Default)]
pub struct LogTally {
    /// Lines of level ERROR.
    pub errors: Counter,
    /// Lines of level WARN.
    pub warnings: Counter,
    /// Lines of level INFO.
    pub infos: Counter,
    /// Lines of levels DEBUG and TRACE.
    pub details: Counter,
    /// Lines that record who asked for what; part of the above.
    pub audits: Counter,
    /// Repetitions that were counted instead of written; part of the above.
    pub collapsed: Counter,
    /// Lines that could not be written, or were not read in time.
    pub lost: Counter,
}

impl LogTally {
    pub(crate) fn saw(&self, level: Level, audit: bool) {
        let counter = match level {
            Level::ERROR => &self.errors,
            Level::WARN => &self.warnings,
            Level::INFO => &self.infos,
            _ => &self.details,
        };
        counter.inc();
        if audit {
            self.audits.inc();
        }
    }
}
