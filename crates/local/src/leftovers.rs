//! The processes of a session as others find them: those that a killed session
//! left behind, and those that the user wants to see die.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::arguments::Node;
use crate::home;

/// A process that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The name of the node.
    pub node: String,
    /// The number of the process.
    pub process: u32,
    /// The program it runs.
    pub binary: PathBuf,
}

impl Started {
    /// Whether the process still runs that program. A number is used again for
    /// another process some day.
    pub fn lives(&self) -> bool {
        let link = format!("/proc/{}/exe", self.process);
        let Ok(runs) = fs::read_link(link) else {
            return false;
        };
        // A program that was built anew since is called so.
        let runs = runs.to_string_lossy();
        Path::new(runs.trim_end_matches(" (deleted)")) == self.binary
    }

    /// Sends `signal`; false if there is no such process.
    pub fn signal(&self, signal: Signal) -> bool {
        i32::try_from(self.process)
            .ok()
            .and_then(Pid::from_raw)
            .is_some_and(|pid| kill_process(pid, signal).is_ok())
    }
}

/// Writes down what runs.
///
/// # Errors
/// The file cannot be written.
pub fn note(path: &Path, started: &[Started]) -> anyhow::Result<()> {
    let text = serde_json::to_vec_pretty(started)?;
    let beside = path.with_extension("new");
    fs::write(&beside, text)
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| path.display().to_string())
}

/// What was written down, as far as it still runs; nothing if nothing was.
pub fn living(path: &Path) -> Vec<Started> {
    let started: Vec<Started> = fs::read(path)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    started.into_iter().filter(Started::lives).collect()
}

/// Kills `node` of the session in `directory`, as a crash would.
///
/// # Errors
/// No session runs there, or its node is down already.
pub fn kill(directory: &Path, node: Node) -> anyhow::Result<()> {
    let living = living(&home::processes(directory));
    if living.is_empty() {
        bail!(
            "nothing runs in {}; start `cargo local` first",
            directory.display()
        );
    }
    let Some(found) = living.iter().find(|one| one.node == node.name()) else {
        bail!("{} is down already", node.name());
    };
    if !found.signal(Signal::KILL) {
        bail!("{} ended just now by itself", node.name());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn only_the_very_process_that_was_started_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep")
            .arg("600")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Started {
            node: Node::Runner.name().to_owned(),
            process: child.id(),
            binary: fs::read_link(format!("/proc/{}/exe", child.id())).unwrap(),
        };
        let impostor = Started {
            node: Node::Redis.name().to_owned(),
            binary: PathBuf::from("/bin/something-else"),
            ..started.clone()
        };
        let path = home::processes(directory.path());
        assert_eq!(living(&path), []);
        note(&path, &[started.clone(), impostor]).unwrap();
        // Between its start and its program a process runs another one.
        assert_eq!(living(&path), [started]);
        let error = kill(directory.path(), Node::Redis).unwrap_err();
        assert!(error.to_string().contains("down already"), "{error}");
        kill(directory.path(), Node::Runner).unwrap();
        assert!(!child.wait().unwrap().success());
        let error = kill(directory.path(), Node::Runner).unwrap_err();
        assert!(error.to_string().contains("nothing runs"), "{error}");
    }
}
