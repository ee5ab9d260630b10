//! The model as a file, so that a server finds again what it had.
//!
//! A line of JSON per key. The file is written beside the old one and then takes
//! its place, so that whoever reads finds a whole one.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sim_node::{EntryId, QueueEntry, Time};

use crate::RedisModel;
use crate::value::{Queue, Value};

/// The longest line, in bytes.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// A snapshot that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line is none of a snapshot.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    key: String,
    value: Held,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Held {
    Number(u64),
    Text(String),
    Bytes(Vec<u8>),
    Set(Vec<String>),
    Queue(Vec<(EntryId, u64)>),
}

/// Everything that `model` holds, as the text of a snapshot.
pub fn render(model: &RedisModel) -> Vec<u8> {
    let mut text = Vec::new();
    for key in model.keys_with_prefix("") {
        let Some(value) = model.keys.get(&key) else {
            continue;
        };
        let line = Key {
            key: key.to_string(),
            value: held(value),
        };
        // Neither a text in memory nor these types can refuse.
        if serde_json::to_writer(&mut text, &line).is_ok() {
            text.push(b'\n');
        }
    }
    text
}

/// Puts the text of a snapshot into the file `path`.
///
/// # Errors
/// The file cannot be written; the old one is still there then.
pub fn write(text: &[u8], path: &Path) -> Result<(), SnapshotError> {
    let beside = path.with_extension("new");
    let replace = || {
        let mut file = File::create(&beside)?;
        file.write_all(text)?;
        file.sync_data()?;
        fs::rename(&beside, path)
    };
    replace().map_err(|source| SnapshotError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Writes everything that `model` holds to the file `path`.
///
/// # Errors
/// As [`write`].
pub fn save(model: &RedisModel, path: &Path) -> Result<(), SnapshotError> {
    write(&render(model), path)
}

fn held(value: &Value) -> Held {
    match value {
        Value::Number(number) => Held::Number(*number),
        Value::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Held::Text(text.to_owned()),
            Err(_) => Held::Bytes(text.to_vec()),
        },
        Value::Set(members) => Held::Set(members.iter().map(|m| m.to_string()).collect()),
        Value::Queue(queue) => {
            let entries = queue.entries.iter().map(|entry| (entry.id, entry.height));
            Held::Queue(entries.collect())
        }
    }
}

/// Puts everything that the file `path` holds into `model`; nothing if there is
/// no such file.
///
/// # Errors
/// The file cannot be read, or is no snapshot.
pub fn load(model: &mut RedisModel, path: &Path, now: Time) -> Result<(), SnapshotError> {
    let io = |source| SnapshotError::Io {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(io)?,
    };
    let mut reader = BufReader::new(file);
    for number in 1.. {
        let mut line = Vec::new();
        let mut part = reader.by_ref().take(LINE_BYTES_MAX);
        if part.read_until(b'\n', &mut line).map_err(io)? == 0 {
            break;
        }
        let bad = |why: String| SnapshotError::Line {
            path: path.to_owned(),
            line: number,
            why,
        };
        let Key { key, value } =
            serde_json::from_slice(&line).map_err(|error| bad(error.to_string()))?;
        let value = kept(&key, value).map_err(|why| bad(why.to_owned()))?;
        if let Value::Queue(queue) = &value {
            let last = queue.entries.back().map(|entry| entry.id);
            model.last_id = model.last_id.max(last.unwrap_or_default());
        }
        model.replace(now, &key, Some(value));
    }
    Ok(())
}

fn kept(key: &str, value: Held) -> Result<Value, &'static str> {
    Ok(match value {
        Held::Number(number) => Value::Number(number),
        Held::Text(text) => Value::Text(Bytes::from(text)),
        Held::Bytes(bytes) => Value::Text(Bytes::from(bytes)),
        Held::Set(members) if members.is_empty() => return Err("a set is never empty"),
        Held::Set(members) => Value::Set(members.into_iter().map(Arc::from).collect()),
        Held::Queue(entries) => {
            if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
                return Err("the entries of a queue are not in order");
            }
            let mut queue = Queue::new(Arc::from(key));
            let entries = entries
                .into_iter()
                .map(|(id, height)| QueueEntry { id, height });
            queue.entries = entries.collect();
            Value::Queue(queue)
        }
    })
}
