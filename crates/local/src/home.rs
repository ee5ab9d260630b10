//! The directory in which everything is kept.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::arguments::Node;

/// A ledger or log beyond this is put aside when a session begins.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The directory, held by this process alone.
#[derive(Debug)]
pub struct Home {
    root: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes the directory if there is none, and takes it.
    ///
    /// # Errors
    /// Another `cargo local` holds it, or it cannot be written.
    pub fn take(root: &Path) -> anyhow::Result<Home> {
        let logs = root.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
        let root = root
            .canonicalize()
            .with_context(|| root.display().to_string())?;
        let path = root.join("lock");
        let lock = File::create(&path).with_context(|| path.display().to_string())?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another `cargo local` runs in {}; stop it, or give --dir another directory",
                root.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| path.display().to_string());
            }
        }
        let home = Home { root, _lock: lock };
        for node in Node::ALL {
            put_aside(&home.log(node))?;
            put_aside(&home.ledger(node))?;
        }
        Ok(home)
    }

    /// The registry that the user edits.
    pub fn registry(&self) -> PathBuf {
        self.root.join("registry.toml")
    }

    /// What the generated chain looks like and when it began.
    pub fn chain(&self) -> PathBuf {
        self.root.join("chain.toml")
    }

    /// When the chain began.
    pub fn chain_start(&self) -> PathBuf {
        self.root.join("chain.start")
    }

    /// The settings of the fake block streamer.
    pub fn block_streamer(&self) -> PathBuf {
        self.root.join("block-streamer.toml")
    }

    /// The coordinator's store.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// What the fake Redis holds.
    pub fn redis(&self) -> PathBuf {
        self.root.join("redis.jsonl")
    }

    /// The numbers of the processes that run.
    pub fn processes(&self) -> PathBuf {
        processes(&self.root)
    }

    /// What `node` writes to its output.
    pub fn log(&self, node: Node) -> PathBuf {
        self.root.join("logs").join(format!("{}.log", node.name()))
    }

    /// What really happens at `node`.
    pub fn ledger(&self, node: Node) -> PathBuf {
        self.root.join(format!("{}.ledger.jsonl", node.name()))
    }
}

/// As [`Home::processes`], for whoever does not hold the directory.
pub fn processes(root: &Path) -> PathBuf {
    root.join("processes.json")
}

fn put_aside(path: &Path) -> anyhow::Result<()> {
    let length = fs::metadata(path).map_or(0, |found| found.len());
    if length > FILE_BYTES_MAX {
        let aside = path.with_extension("old");
        fs::rename(path, &aside).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_once() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("home");
        let home = Home::take(&root).unwrap();
        let error = Home::take(&root).unwrap_err().to_string();
        assert!(error.contains("another `cargo local` runs in"), "{error}");
        drop(home);
        drop(Home::take(&root).unwrap());
    }

    #[test]
    fn long_files_are_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("logs/runner.log");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = File::create(&path).unwrap();
        file.set_len(FILE_BYTES_MAX + 1).unwrap();
        let home = Home::take(directory.path()).unwrap();
        assert!(!home.log(Node::Runner).exists());
        assert!(path.with_extension("old").exists());
    }
}
