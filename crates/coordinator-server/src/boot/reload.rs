//! What SIGHUP does: files are read again, and what changed is said.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use security::{Outcome, Watched};
use telemetry::Logs;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::boot::parts::Services;
use crate::config::{self, Row, Sources};

/// How long reading may take before it is told that it takes long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads files again on a thread of their own: a file system that hangs must keep nobody
/// from stopping the service.
pub struct Reloading {
    reload: Arc<Mutex<Reload>>,
    task: Option<JoinHandle<()>>,
    /// When it is told that it takes long, unless that has been said.
    late_at: Option<Instant>,
    /// It was asked for once more meanwhile.
    again: bool,
    patience: Duration,
}

impl Reloading {
    /// Nothing is read yet.
    pub fn new(reload: Reload) -> Reloading {
        Reloading {
            reload: Arc::new(Mutex::new(reload)),
            task: None,
            late_at: None,
            again: false,
            patience: PATIENCE,
        }
    }

    /// Begins to read, or to read once more after what is being read.
    pub fn begin(&mut self) {
        if self.task.is_some() {
            tracing::warn!("SIGHUP: the files are still being read; they are once more then");
            self.again = true;
            return;
        }
        let reload = Arc::clone(&self.reload);
        let read = move || {
            let mut reload = reload.lock().unwrap_or_else(PoisonError::into_inner);
            reload.run();
        };
        self.task = Some(tokio::task::spawn_blocking(read));
        self.late_at = Some(Instant::now() + self.patience);
    }

    /// Looks after what is being read; it may be left at any time. For ever if nothing is.
    pub async fn attend(&mut self) {
        let Some(task) = &mut self.task else {
            return std::future::pending().await;
        };
        let ended = match self.late_at {
            None => task.await,
            Some(late_at) => match timeout_at(late_at, task).await {
                Ok(ended) => ended,
                Err(_) => {
                    self.late_at = None;
                    tracing::error!(
                        patience = ?self.patience,
                        "the files cannot be read again in time; what was read before stays in \
                         force until they are: look at the file systems that they lie on"
                    );
                    return;
                }
            },
        };
        self.task = None;
        if let Err(error) = ended {
            tracing::error!(%error, "reading the files again failed");
        }
        if std::mem::take(&mut self.again) {
            self.begin();
        }
    }
}

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

#[cfg(test)]
pub mod tests {
    use std::ffi::OsString;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use telemetry::logs::LogOptions;

    use super::*;
    use crate::boot::parts::prepare;

    /// Longer than anything here takes.
    const LONG: Duration = Duration::from_secs(20);

    /// A file on a file system that hangs until it is let go, or for [`LONG`].
    pub struct Hung {
        entered: Mutex<Sender<()>>,
        let_go: Mutex<Receiver<()>>,
    }

    impl Hung {
        /// It, what tells that it is being read, and what lets it go.
        pub fn new() -> (Arc<Hung>, Receiver<()>, Sender<()>) {
            let ((entered, begun), (let_go, wait)) = (channel(), channel());
            let hung = Hung {
                entered: Mutex::new(entered),
                let_go: Mutex::new(wait),
            };
            (Arc::new(hung), begun, let_go)
        }
    }

    impl Watched for Hung {
        fn what(&self) -> &'static str {
            "the thing"
        }

        fn poll(&self) -> Outcome {
            Outcome::Unchanged
        }

        fn reload(&self) -> Outcome {
            self.entered.lock().unwrap().send(()).unwrap();
            let _ = self.let_go.lock().unwrap().recv_timeout(LONG);
            Outcome::Unchanged
        }

        fn failure(&self) -> Option<String> {
            None
        }
    }

    fn reload(watched: Vec<Arc<dyn Watched>>) -> Reload {
        let nobody = OsString::from("http://127.0.0.1:1");
        let redis = OsString::from("redis://127.0.0.1:1");
        let account = OsString::from("r.near");
        let env = ["RPC_URL", "BLOCK_STREAMER_URL", "RUNNER_URL"]
            .map(|name| (name, nobody.clone()))
            .into_iter()
            .chain([("REDIS_URL", redis), ("REGISTRY_CONTRACT_ID", account)]);
        let sources = Sources {
            env: env.map(|(name, value)| (name.to_owned(), value)).collect(),
            ..Sources::default()
        };
        let (config, _, rows) = config::load(&sources).into_config().unwrap();
        let sink = Box::new(std::io::sink());
        let (_, logs) = Logs::into(&LogOptions::default(), sink, None).unwrap();
        Reload {
            sources,
            rows,
            logs: Arc::new(logs),
            watched,
            services: prepare(&config).ok().unwrap().services,
        }
    }

    #[tokio::test]
    async fn files_that_hang_are_told_of_once_and_read_once_more_if_asked_for() {
        let (hung, begun, let_go) = Hung::new();
        let mut reloading = Reloading::new(reload(vec![hung]));
        reloading.patience = Duration::from_millis(50);
        reloading.begin();
        begun.recv_timeout(LONG).unwrap();
        reloading.attend().await;
        assert!(reloading.task.is_some() && reloading.late_at.is_none());
        let still = tokio::time::timeout(Duration::from_millis(50), reloading.attend());
        assert!(still.await.is_err());

        reloading.begin();
        reloading.begin();
        assert!(begun.try_recv().is_err());
        let_go.send(()).unwrap();
        reloading.attend().await;
        begun.recv_timeout(LONG).unwrap();
        let_go.send(()).unwrap();
        while reloading.task.is_some() {
            reloading.attend().await;
        }
        assert!(begun.try_recv().is_err());
    }
}
