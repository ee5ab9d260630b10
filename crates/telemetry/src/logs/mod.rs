//! The log: one line per event, to standard error.
//!
//! Repetitions of a warning or an error are counted and summed up once a minute.
//! Lines with the target [`AUDIT_TARGET`] pass every filter and are never
//! collapsed. Nobody who logs waits for whoever reads.

mod collapse;
mod escape;
mod layer;
mod line;
mod render;
mod tally;
mod writer;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

pub use line::AUDIT_TARGET;
pub use tally::LogTally;

use layer::{Journal, JournalLayer};
use render::Style;

/// Longest filter that is read, in bytes.
const FILTER_LEN_MAX: usize = 4 * 1024;

/// Whose lines there are: the crates of the coordinator, and targets of their own.
const OWN: [&str; 14] = [
    "admin_api",
    "admin_cli",
    "coordinator",
    "coordinator_server",
    "lifecycle",
    "registry_file",
    "registry_near",
    "security",
    "store_embedded",
    "store_redis",
    "telemetry",
    "audit",
    "calls",
    "shadow",
];

/// The filter if none is given.
pub const DEFAULT_FILTER: &str = "info";

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// For people: time, level, target, message, `name=value`.
    Text,
    /// One JSON object a line: `timestamp`, `level`, `target`, `message`, and the
    /// fields beside them.
    Json,
    /// As JSON, under the names that Google Cloud's logging reads: `severity`,
    /// `time`, `logging.googleapis.com/labels`.
    Stackdriver,
}

impl LogFormat {
    /// What `Auto` stands for. `gcp` tells that `GCP_LOGGING_ENABLED` is set,
    /// whatever its value; a format that was asked for by name goes before it.
    pub fn resolve(self, gcp: bool, terminal: bool) -> LogFormat {
        match self {
            LogFormat::Auto if gcp => LogFormat::Stackdriver,
            LogFormat::Auto if terminal => LogFormat::Text,
            LogFormat::Auto => LogFormat::Json,
            chosen => chosen,
        }
    }

    /// The names, for help texts.
    pub const NAMES: [&str; 4] = ["auto", "text", "json", "stackdriver"];
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<LogFormat, String> {
        match name {
            "auto" => Ok(LogFormat::Auto),
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            "stackdriver" => Ok(LogFormat::Stackdriver),
            _ => Err(format!(
                "no log format is called that; there are {}",
                LogFormat::NAMES.join(", ")
            )),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LogFormat::Auto => "auto",
            LogFormat::Text => "text",
            LogFormat::Json => "json",
            LogFormat::Stackdriver => "stackdriver",
        })
    }
}

/// How to log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// How a line looks.
    pub format: LogFormat,
    /// Whether `GCP_LOGGING_ENABLED` is set, whatever its value.
    pub gcp: bool,
    /// Whether standard error is a terminal.
    pub terminal: bool,
    /// Whether text on a terminal has colours; `NO_COLOR` is the caller's to read.
    pub colour: bool,
    /// What to log, in the notation of `RUST_LOG`; empty stands for
    /// [`DEFAULT_FILTER`].
    pub filter: String,
}

/// Why the log could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter makes no sense; the one before stays in force.
    #[error(
        "the log filter `{filter}` cannot be read: {why}; write LEVEL or TARGET=LEVEL, several \
         separated by commas, for instance `info,coordinator=debug`"
    )]
    Filter {
        /// The beginning of it, made harmless.
        filter: String,
        /// What is wrong.
        why: String,
    },
    /// Something else takes the events of this process already.
    #[error("a log was set up in this process before")]
    AlreadySet,
    /// There is no thread to write the log.
    #[error("no thread can be started to write the log: {0}")]
    Thread(#[source] io::Error),
}

/// A layer of somebody else's beside the log.
pub type ExtraLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The filter's handle; the layer stands on the extra one.
type Stack = tracing_subscriber::layer::Layered<Option<ExtraLayer>, Registry>;

/// The running log. When it is dropped, what waits is written, for up to a second.
pub struct Logs {
    journal: Arc<Journal>,
    filter: reload::Handle<EnvFilter, Stack>,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").finish_non_exhaustive()
    }
}

impl Logs {
    /// Begins to log to standard error all events of this process. `extra` takes
    /// events and spans too, past the filter.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn install(options: &LogOptions, extra: Option<ExtraLayer>) -> Result<Logs, LogError> {
        let (subscriber, logs) = Logs::into(options, Box::new(io::stderr()), extra)?;
        subscriber.try_init().map_err(|_| LogError::AlreadySet)?;
        Ok(logs)
    }

    /// A subscriber that logs into `sink`, for the caller to install. It may
    /// block and fail as it likes.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn into(
        options: &LogOptions,
        sink: Box<dyn Write + Send>,
        extra: Option<ExtraLayer>,
    ) -> Result<(impl SubscriberExt + Into<tracing::Dispatch> + use<>, Logs), LogError> {
        let style = match options.format.resolve(options.gcp, options.terminal) {
            LogFormat::Text => Style::Text {
                colour: options.colour && options.terminal,
            },
            LogFormat::Stackdriver => Style::Stackdriver,
            LogFormat::Json | LogFormat::Auto => Style::Json,
        };
        let (filter, handle) = reload::Layer::new(parse_filter(&options.filter)?);
        let journal = Arc::new(Journal::new(style, Arc::default()));
        journal
            .outlet
            .start(sink, Box::new(Arc::clone(&journal)))
            .map_err(LogError::Thread)?;
        let audit = filter_fn(|metadata| metadata.target() == AUDIT_TARGET);
        let layer = JournalLayer(Arc::clone(&journal)).with_filter(audit.or(filter));
        let logs = Logs {
            journal,
            filter: handle,
        };
        let subscriber = tracing_subscriber::registry().with(extra).with(layer);
        Ok((subscriber, logs))
    }

    /// Logs from now on what `filter` lets through, in the notation of `RUST_LOG`.
    ///
    /// # Errors
    /// It makes no sense; the one before stays in force.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        let parsed = parse_filter(filter)?;
        // It fails only when the subscriber is gone: then nothing is logged.
        let _ = self.filter.reload(parsed);
        Ok(())
    }

    /// The filter in force.
    pub fn filter(&self) -> String {
        self.filter
            .with_current(EnvFilter::to_string)
            .unwrap_or_default()
    }

    /// How much was logged.
    pub fn tally(&self) -> Arc<LogTally> {
        Arc::clone(&self.journal.tally)
    }

    /// Sums up what repeated itself and waits until everything is written, for
    /// `patience` at most; false if that was too short.
    pub fn flush(&self, patience: Duration) -> bool {
        self.journal.sum_up(true);
        self.journal.outlet.flush(patience)
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.flush(Duration::from_secs(1));
        self.journal.outlet.close();
    }
}

/// Reads a filter in the notation of `RUST_LOG`, as [`Logs::set_filter`] would.
///
/// # Errors
/// It makes no sense.
pub fn check_filter(filter: &str) -> Result<(), LogError> {
    parse_filter(filter).map(drop)
}

fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    let filter = filter.trim();
    let refuse = |why: String| {
        let mut shown = String::new();
        let start = filter.get(..filter.floor_char_boundary(200));
        escape::push_plain(&mut shown, start.unwrap_or_default());
        LogError::Filter { filter: shown, why }
    };
    if filter.len() > FILTER_LEN_MAX {
        return Err(refuse(format!(
            "it has {} bytes, at most {FILTER_LEN_MAX} are read",
            filter.len()
        )));
    }
    let filter = if filter.is_empty() {
        DEFAULT_FILTER
    } else {
        filter
    };
    let parsed = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| refuse(error.to_string()))?;
    match silencing(filter) {
        Some(why) => Err(refuse(why)),
        None => Ok(parsed),
    }
}

/// What is wrong with a filter that can be read, but leaves nothing of the log by mistake:
/// a level that is misspelt counts as a target, and where there is no level by itself,
/// only the targets that are named are logged.
fn silencing(filter: &str) -> Option<String> {
    // Parts of spans may hold anything.
    if filter.contains('[') {
        return None;
    }
    let parts = || filter.split(',').map(str::trim);
    let is_level = |part: &str| part.parse::<LevelFilter>().is_ok();
    if parts().any(|part| !part.is_empty() && is_level(part)) {
        return None;
    }
    let is_ours = |part: &str| {
        let target = part.split('=').next().unwrap_or_default().trim();
        let root = target.split("::").next().unwrap_or_default();
        // The beginning of a name stands for all that begin so.
        OWN.iter()
            .any(|own| *own == root || own.starts_with(target))
    };
    if parts().any(|part| !part.is_empty() && is_ours(part)) {
        return None;
    }
    let word = |part: &&str| !part.is_empty() && !part.contains('=');
    if let Some(word) = parts().find(word) {
        let mut shown = String::new();
        let start = word.get(..word.floor_char_boundary(50));
        escape::push_plain(&mut shown, start.unwrap_or_default());
        return Some(format!(
            "`{shown}` is no level (off, error, warn, info, debug, trace), and nothing of the \
             coordinator has that name; for the lines of a library write `info,NAME=trace`"
        ));
    }
    let why = "nothing of the coordinator would be logged; begin with a level for everything \
               else, or with `off` if that is meant";
    Some(why.to_owned())
}

#[cfg(test)]
mod tests;
