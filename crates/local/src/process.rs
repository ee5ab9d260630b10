//! One node: started, watched, started again.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::arguments::Node;
use crate::leftovers::Started;

/// From a death to the next start.
pub const RESTART_AFTER: Duration = Duration::from_secs(5);

/// How long a node may take until it listens.
const START_MAX: Duration = Duration::from_secs(60);

/// How long a node may take to end when told so.
const STOP_MAX: Duration = Duration::from_secs(30);

/// How often a node that starts or ends is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How much of a log is shown when a node does not start.
const LOG_SHOWN: u64 = 2_000;

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Which node.
    pub node: Node,
    /// The program.
    pub binary: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables that are set, or removed, beside those of this process.
    pub environment: Vec<(String, Option<String>)>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its output goes.
    pub log: PathBuf,
}

/// A node and its process, if it has one.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    state: State,
}

#[derive(Debug)]
enum State {
    Running { child: Child, since: Instant },
    Down { until: Instant },
}

/// What was seen when a node was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It died.
    Died(ExitStatus),
    /// It was started again.
    Restarted,
}

impl Process {
    /// Starts the node and waits until it listens.
    ///
    /// # Errors
    /// It cannot be started, or ends at once; the error shows the end of its log.
    pub async fn start(spec: Spec) -> anyhow::Result<Process> {
        let mut process = Process {
            state: spawn(&spec)?,
            spec,
        };
        process.wait_until_it_listens().await?;
        Ok(process)
    }

    /// Which node it is.
    pub fn node(&self) -> Node {
        self.spec.node
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.spec.address
    }

    /// The process as others may find it; `None` while it is down.
    pub fn started(&self) -> Option<Started> {
        let State::Running { child, .. } = &self.state else {
            return None;
        };
        Some(Started {
            node: self.spec.node.name().to_owned(),
            process: child.id()?,
            binary: self.spec.binary.clone(),
        })
    }

    /// Time until it is started again; `None` while it runs.
    pub fn back_in(&self) -> Option<Duration> {
        match self.state {
            State::Running { .. } => None,
            State::Down { until } => Some(until.saturating_duration_since(Instant::now())),
        }
    }

    /// Notices a death, and starts again what has been down for long enough.
    ///
    /// # Errors
    /// The operating system does not start it.
    pub fn look(&mut self) -> anyhow::Result<Option<Change>> {
        match &mut self.state {
            State::Running { child, .. } => {
                let Some(status) = child.try_wait().context(self.spec.node.name())? else {
                    return Ok(None);
                };
                let until = Instant::now() + RESTART_AFTER;
                self.state = State::Down { until };
                Ok(Some(Change::Died(status)))
            }
            State::Down { until } if *until <= Instant::now() => {
                self.state = spawn(&self.spec)?;
                Ok(Some(Change::Restarted))
            }
            State::Down { .. } => Ok(None),
        }
    }

    /// Tells it to end and waits until it has; kills it if it takes too long.
    pub async fn stop(&mut self) {
        let started = self.started();
        let State::Running { child, .. } = &mut self.state else {
            return;
        };
        if let Some(started) = started {
            started.signal(Signal::TERM);
        }
        if timeout(STOP_MAX, child.wait()).await.is_err() {
            // It is gone, or about to be: nothing else can be done.
            let _gone = child.kill().await;
        }
    }

    async fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        loop {
            if TcpStream::connect(self.spec.address).await.is_ok() {
                return Ok(());
            }
            let State::Running { child, since } = &mut self.state else {
                return Ok(());
            };
            let name = self.spec.node.name();
            if let Some(status) = child.try_wait().context(name)? {
                let shown = end_of(&self.spec.log);
                bail!("{name} ended as soon as it was started ({status}):\n{shown}");
            }
            if since.elapsed() > START_MAX {
                let shown = end_of(&self.spec.log);
                bail!("{name} does not listen on {}:\n{shown}", self.spec.address);
            }
            sleep(LOOK).await;
        }
    }
}

/// Waits until none of `left` lives any more; those that take too long are killed.
pub async fn end_leftovers(left: &[Started]) {
    for one in left {
        one.signal(Signal::TERM);
    }
    let deadline = Instant::now() + STOP_MAX;
    while left.iter().any(Started::lives) {
        if Instant::now() > deadline {
            for one in left.iter().filter(|one| one.lives()) {
                one.signal(Signal::KILL);
            }
        }
        sleep(LOOK).await;
    }
}

fn spawn(spec: &Spec) -> anyhow::Result<State> {
    let cannot = || format!("cannot start {}", spec.node.name());
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&spec.log)
        .with_context(|| spec.log.display().to_string())?;
    let mut command = Command::new(&spec.binary);
    command
        .args(&spec.arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().with_context(cannot)?)
        .stderr(log)
        .kill_on_drop(true);
    for (name, value) in &spec.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // Ctrl-C on the terminal is for this process alone: it ends the others in order.
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn().with_context(cannot)?;
    Ok(State::Running {
        child,
        since: Instant::now(),
    })
}

/// The end of a log, and where to find the rest.
fn end_of(path: &Path) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_SHOWN)))?;
        file.take(LOG_SHOWN).read_to_end(&mut text)
    });
    match read {
        Ok(_) => format!(
            "{}\n(from {})",
            String::from_utf8_lossy(&text).trim_end(),
            path.display()
        ),
        Err(error) => format!("{}: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    fn spec(directory: &Path, script: &str, address: SocketAddr) -> Spec {
        Spec {
            node: Node::Runner,
            binary: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: vec![("LOCAL_TEST".to_owned(), Some("told".to_owned()))],
            address,
            log: directory.join("runner.log"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_dies_is_started_again_after_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let spec = spec(directory.path(), "exec sleep 600", address);
        let mut process = Process::start(spec).await.unwrap();
        assert_eq!(process.look().unwrap(), None);
        let first = process.started().unwrap();
        assert!(first.signal(Signal::KILL));
        // Dying takes the operating system a moment of real time.
        let died = loop {
            if let Some(change) = process.look().unwrap() {
                break change;
            }
            tokio::task::yield_now().await;
        };
        assert!(matches!(died, Change::Died(status) if !status.success()));
        assert_eq!(process.started(), None);
        assert_eq!(process.look().unwrap(), None);
        tokio::time::advance(RESTART_AFTER).await;
        assert_eq!(process.look().unwrap(), Some(Change::Restarted));
        let second = process.started().unwrap();
        assert_ne!(first.process, second.process);
        process.stop().await;
        assert!(!second.signal(Signal::KILL), "it has ended");
    }

    #[tokio::test]
    async fn what_does_not_start_shows_why() {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let script = "echo I was $LOCAL_TEST; echo no, thanks >&2; exit 3";
        let error = Process::start(spec(directory.path(), script, address))
            .await
            .unwrap_err()
            .to_string();
        for part in [
            "runner ended",
            "exit status: 3",
            "I was told\nno, thanks",
            "runner.log",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let log = fs::read_to_string(directory.path().join("runner.log")).unwrap();
        assert_eq!(log, "I was told\nno, thanks\n");
    }
}
