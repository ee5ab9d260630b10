//! From a configuration to a running service, and in order to its end.

mod api;
mod checks;
mod clock;
mod parts;
mod reload;
mod service;
mod signals;
mod stop;
pub mod stores;
mod traces;
mod vital;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use telemetry::logs::LogOptions;
use telemetry::{LogFormat, Logs};
use tokio::runtime::{Builder, Runtime};

pub use clock::now;
pub use parts::{Parts, prepare, redis, registry_problems};

use crate::commands::Console;
use crate::config::{self, Config, LogConfig, Problem, Row, Sources};
use crate::exit::Exit;
use signals::Signals;

/// How long what still runs is waited for when everything has been stopped.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// Runs the service until it is told to stop.
pub fn run(sources: Sources, console: &mut Console<'_>) -> Exit {
    let (config, warnings, rows) = match config::load(&sources).into_config() {
        Ok(usable) => usable,
        Err(message) => {
            console.talk(&message);
            return Exit::Config;
        }
    };
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.talk(&format!("error: no threads can be started: {error}\n"));
            return Exit::Failed;
        }
    };
    let exit = start(&runtime, sources, config, &warnings, rows, console);
    runtime.shutdown_timeout(LEFTOVERS);
    exit
}

fn start(
    runtime: &Runtime,
    sources: Sources,
    config: Config,
    warnings: &[Problem],
    rows: Vec<Row>,
    console: &mut Console<'_>,
) -> Exit {
    let _guard = runtime.enter();
    // From here on a signal finds somebody at home.
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            console.talk(&format!("error: signals cannot be listened for: {error}\n"));
            return Exit::Failed;
        }
    };
    let (layer, traces) = match traces::begin(&sources.env) {
        Ok(begun) => begun,
        Err(why) => {
            console.talk(&config::report(&[Problem::elsewhere(
                "OTEL_* variables",
                why,
            )]));
            return Exit::Config;
        }
    };
    let logs = match Logs::install(&log_options(&config.log, &sources), layer) {
        Ok(logs) => Arc::new(logs),
        Err(error) => {
            console.talk(&format!("error: {error}\n"));
            return Exit::Failed;
        }
    };
    log_panics();
    let parts = match prepare(&config) {
        Ok(parts) => parts,
        Err(problems) => {
            logs.flush(LEFTOVERS);
            console.talk(&config::report(&problems));
            return Exit::Config;
        }
    };
    announce(&config, warnings);
    if let Some(warning) = traces::in_vain(&sources.env) {
        tracing::warn!("{warning}");
    }
    let boot = service::Boot {
        config,
        sources,
        rows,
        parts,
        logs: Arc::clone(&logs),
    };
    let exit = runtime.block_on(async {
        let exit = service::serve(boot, signals).await;
        // A second signal means now.
        if !matches!(exit, Exit::Signal(_)) {
            traces.end(LEFTOVERS).await;
        }
        exit
    });
    logs.flush(LEFTOVERS);
    exit
}

fn log_options(config: &LogConfig, sources: &Sources) -> LogOptions {
    let terminal = io::stderr().is_terminal();
    let no_color = sources
        .env
        .get("NO_COLOR")
        .is_some_and(|value| !value.is_empty());
    LogOptions {
        format: match config.format {
            config::LogFormat::Auto => LogFormat::Auto,
            config::LogFormat::Text => LogFormat::Text,
            config::LogFormat::Json => LogFormat::Json,
            config::LogFormat::Stackdriver => LogFormat::Stackdriver,
        },
        // The configuration has already weighed it against the format.
        gcp: false,
        terminal,
        colour: terminal && !no_color,
        filter: config.filter.clone(),
    }
}

/// Panics go where everything else goes.
fn log_panics() {
    std::panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string);
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(
        place = place.as_deref().unwrap_or("unknown"),
        backtrace = %backtrace,
        "a task has panicked: {message}"
    );
}

/// The first line, which says what is used, and the warnings.
fn announce(config: &Config, warnings: &[Problem]) {
    let summary = config.summary();
    let what = |name: &str| -> &str {
        let found = summary.iter().find(|(topic, _)| *topic == name);
        found.map_or("", |(_, how)| how.as_str())
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        registry = what("registry"),
        store = what("store"),
        block_streamer = what("block streamer"),
        executors = what("executors"),
        provisioner = what("provisioner"),
        api = what("api"),
        http = what("http"),
        mode = what("mode"),
        "the coordinator starts"
    );
    for warning in warnings {
        tracing::warn!("configuration: {}", warning.one_line());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// Where a log is written for a test.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut page = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            page.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_logged_with_its_place() {
        let page = Page::default();
        let options = LogOptions {
            format: LogFormat::Json,
            ..LogOptions::default()
        };
        let (subscriber, logs) = Logs::into(&options, Box::new(page.clone()), None).unwrap();
        let before = std::panic::take_hook();
        log_panics();
        tracing::dispatcher::with_default(&subscriber.into(), || {
            let caught = std::panic::catch_unwind(|| panic!("on purpose"));
            assert!(caught.is_err());
        });
        std::panic::set_hook(before);
        assert!(logs.flush(Duration::from_secs(10)));
        let page = page.0.lock().unwrap().clone();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("a task has panicked: on purpose"), "{page}");
        assert!(page.contains("src/boot/mod.rs:"), "{page}");
    }
}
