//! A folder with a registry, somebody who edits it, and a clock by hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coordinator::Clock;
use coordinator::registry::{RegistryError, RegistryTransport};
use lifecycle::Timestamp;
use registry_file::{FileRegistry, OpenError, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Milliseconds since 1970, so few that no file looks old enough to be trusted
/// unread.
#[derive(Clone)]
pub struct Hand(Arc<AtomicU64>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

pub struct Desk {
    dir: TempDir,
    pub clock: Hand,
    pub settle: Duration,
}

impl Desk {
    pub fn new() -> Desk {
        Desk {
            dir: tempfile::tempdir().unwrap(),
            clock: Hand(Arc::new(AtomicU64::new(1_000_000))),
            settle: Duration::ZERO,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub fn clock_back(&self, seconds: u64) {
        self.clock.0.fetch_sub(seconds * 1000, Ordering::Relaxed);
    }

    pub fn options(&self) -> Options {
        Options {
            versions: Some(self.path("versions.json")),
            poll: Duration::ZERO,
            settle: self.settle,
        }
    }

    pub fn try_open(&self, name: &str) -> Result<FileRegistry, OpenError> {
        let clock = Arc::new(self.clock.clone());
        FileRegistry::open(&self.path(name), self.options(), clock)
    }

    /// A coordinator's start.
    pub fn open(&self, name: &str) -> FileRegistry {
        self.try_open(name).unwrap()
    }
}

/// An entry for people.
pub fn entry(function: &str, code: &str) -> String {
    format!(
        "[[indexer]]\naccount = \"a.near\"\nfunction = {}\nstart = 7\n\
         rule = {{ any = \"x.near\" }}\ncode = {}\nschema = \"s\"\n",
        Value::from(function),
        Value::from(code)
    )
}

pub async fn list(registry: &FileRegistry) -> Result<Value, RegistryError> {
    let answer = registry.view("list_all", b"{}").await?;
    Ok(serde_json::from_slice(&answer.result).unwrap())
}

/// The listed functions of `a.near`.
pub async fn names(registry: &FileRegistry) -> Vec<String> {
    let listing = list(registry).await.unwrap();
    let functions = listing["a.near"].as_object().cloned().unwrap_or_default();
    functions.keys().cloned().collect()
}

pub async fn read(registry: &FileRegistry, function: &str) -> Result<Value, RegistryError> {
    let arguments = json!({ "account_id": "a.near", "function_name": function }).to_string();
    let answer = registry
        .view("read_indexer_function", arguments.as_bytes())
        .await?;
    let value: Value = serde_json::from_slice(&answer.result).unwrap();
    let deleted = value["deleted_at_block_height"].as_u64();
    assert!(deleted.unwrap_or(0) <= answer.block_height);
    Ok(value)
}

pub async fn version(registry: &FileRegistry, function: &str) -> u64 {
    let entry = read(registry, function).await.unwrap();
    let heights = ["updated_at_block_height", "created_at_block_height"];
    heights
        .iter()
        .find_map(|field| entry[*field].as_u64())
        .unwrap()
}

pub async fn is_deleted(registry: &FileRegistry, function: &str) -> bool {
    read(registry, function).await.unwrap()["deleted_at_block_height"].is_u64()
}

/// What is wrong, without the folder's name.
pub fn problems(registry: &FileRegistry, folder: &Path) -> Vec<String> {
    let folder = format!("{}/", folder.display().to_string().trim_end_matches('/'));
    let all = registry.problems();
    all.iter()
        .map(|problem| problem.to_string().replace(&folder, ""))
        .collect()
}
