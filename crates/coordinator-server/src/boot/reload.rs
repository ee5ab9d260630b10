//! What SIGHUP does: files are read again, and what changed is said.

use std::sync::Arc;

use security::{Outcome, Watched};
use telemetry::Logs;

use crate::boot::parts::Services;
use crate::config::{self, Row, Sources};

/// What can be changed while the service runs.
pub struct Reload {
    /// From where the configuration comes.
    pub sources: Sources,
    /// The configuration as it was started with.
    pub rows: Vec<Row>,
    /// The log.
    pub logs: Arc<Logs>,
    /// What is read from files.
    pub watched: Vec<Arc<dyn Watched>>,
    /// The clients of the services.
    pub services: Services,
}

impl Reload {
    /// Reads everything again.
    pub fn run(&mut self) {
        tracing::info!("SIGHUP: reading the configuration, certificates and tokens again");
        for thing in &self.watched {
            let what = thing.what();
            let before = thing.failure();
            match thing.reload() {
                // It says so itself, as it does when it finds a change without
                // being told to look.
                Outcome::Replaced(_) => {}
                Outcome::Kept(why) if before.as_ref() != Some(&why) => {}
                Outcome::Kept(why) => {
                    tracing::error!(why, "{what} still cannot be used; the old one is in force");
                }
                Outcome::Unchanged | Outcome::Settling => {
                    tracing::info!("{what} has not changed");
                }
            }
        }
        let services = &self.services;
        for (name, result) in [
            (
                "block streamer",
                services.block_streamer.reload_certificates(),
            ),
            ("executors", services.executors.reload_certificates()),
            ("provisioner", services.provisioner.reload_certificates()),
        ] {
            match result {
                Ok(true) => tracing::info!("reloaded the certificates for the {name}"),
                Ok(false) => {}
                Err(error) => tracing::error!(
                    %error,
                    "the certificates for the {name} cannot be used; the old ones stay in force"
                ),
            }
        }
        self.configuration();
    }

    /// The file may have changed; flags and environment cannot.
    fn configuration(&mut self) {
        let loaded = config::load(&self.sources);
        let Some(config) = loaded.config else {
            for problem in &loaded.problems {
                tracing::error!("the configuration cannot be used: {}", problem.one_line());
            }
            tracing::error!("the configuration stays as it was");
            return;
        };
        let before = std::mem::take(&mut self.rows);
        for (old, new) in before.iter().zip(&loaded.rows) {
            if old.value == new.value {
                continue;
            }
            let shown = |row: &Row| {
                row.value
                    .as_ref()
                    .map_or("none".into(), ToString::to_string)
            };
            let (name, old, new) = (new.name.as_str(), shown(old), shown(new));
            if name != "log" {
                tracing::warn!(
                    name,
                    old,
                    new,
                    "a changed setting takes effect after a restart"
                );
                continue;
            }
            match self.logs.set_filter(&config.log.filter) {
                Ok(()) => tracing::info!(old, new, "the log filter has changed"),
                Err(error) => tracing::error!(%error, "the log filter stays as it was"),
            }
        }
        self.rows = loaded.rows;
    }
}
