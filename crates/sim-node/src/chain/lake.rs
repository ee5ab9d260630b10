//! Real blocks from a NEAR Lake folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::Time;
use crate::chain::{Block, Outcome};

/// The largest file that is read.
const LARGEST_FILE: u64 = 64 << 20;
/// The most blocks that are read.
const MOST_BLOCKS: usize = 100_000;
/// The largest height, so that arithmetic on heights has room.
const HIGHEST: u64 = u64::MAX / 2;
/// The most entries of one block's folder that are looked at.
const MOST_FILES: usize = 1_000;

/// Why a Lake folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is not the JSON that was expected.
    #[error("{}:{}:{}: {source}", path.display(), source.line(), source.column())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line and column.
        source: serde_json::Error,
    },
    /// The folder is not of the expected shape, or too large.
    #[error("{}: {problem}", path.display())]
    Unexpected {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// The blocks of a folder, lowest first, at least one.
#[derive(Clone, Debug)]
pub(super) struct LakeChain {
    blocks: Arc<[Block]>,
}

impl LakeChain {
    pub(super) fn load(dir: &Path, interval: Duration) -> Result<LakeChain, LakeError> {
        let mut blocks = Vec::new();
        for (height, folder) in block_folders(dir)? {
            let steps = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
            let available_at = Time::SIMULATION_START + interval.saturating_mul(steps);
            blocks.push(read_block(&folder, height, available_at)?);
        }
        if blocks.is_empty() {
            let problem = "holds no blocks; expected folders named by height, such as \
                           `000107503704`, each with a `block.json`";
            return Err(unexpected(dir, problem));
        }
        Ok(LakeChain {
            blocks: blocks.into(),
        })
    }

    pub(super) fn first_height(&self) -> u64 {
        self.blocks.first().map_or(0, |block| block.height)
    }

    pub(super) fn first_at_or_after(&self, height: u64) -> Option<&Block> {
        self.blocks
            .get(self.blocks.partition_point(|block| block.height < height))
    }

    pub(super) fn tip_at(&self, time: Time) -> Option<u64> {
        let available = self
            .blocks
            .partition_point(|block| block.available_at <= time);
        self.blocks
            .get(available.checked_sub(1)?)
            .map(|block| block.height)
    }
}

/// The sub-folders whose names are heights, lowest first; others are left alone.
fn block_folders(dir: &Path) -> Result<Vec<(u64, PathBuf)>, LakeError> {
    let mut folders = Vec::new();
    for path in entries(dir, MOST_BLOCKS)? {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || !path.is_dir() {
            continue;
        }
        let height = name.parse().ok().filter(|height| *height <= HIGHEST);
        let height = height
            .ok_or_else(|| unexpected(&path, "the name is not a height: it is above 2^63"))?;
        folders.push((height, path));
    }
    folders.sort();
    for pair in folders.windows(2) {
        if let [(low, _), (high, path)] = pair
            && low == high
        {
            return Err(unexpected(path, "a second folder of the same height"));
        }
    }
    Ok(folders)
}

fn read_block(folder: &Path, height: u64, available_at: Time) -> Result<Block, LakeError> {
    let path = folder.join("block.json");
    let head: BlockFile = read_json(&path)?;
    if head.header.height != height {
        let problem = format!(
            "`header.height` is {}, but the folder says {height}",
            head.header.height
        );
        return Err(unexpected(&path, problem));
    }
    let mut shards: Vec<(u64, PathBuf)> = Vec::new();
    for path in entries(folder, MOST_FILES)? {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let number = name
            .strip_prefix("shard_")
            .and_then(|rest| rest.strip_suffix(".json"));
        if let Some(number) = number {
            let number = number
                .parse()
                .map_err(|_| unexpected(&path, "expected a number between `shard_` and `.json`"))?;
            shards.push((number, path));
        }
    }
    shards.sort();
    let mut outcomes = Vec::new();
    for (_, path) in shards {
        let shard: ShardFile = read_json(&path)?;
        outcomes.extend(
            shard
                .receipt_execution_outcomes
                .into_iter()
                .map(OutcomeEntry::into_outcome),
        );
    }
    Ok(Block {
        height,
        available_at,
        outcomes,
    })
}

/// What lies in `dir`, at most `limit` entries.
fn entries(dir: &Path, limit: usize) -> Result<Vec<PathBuf>, LakeError> {
    let unreadable = |source| LakeError::Unreadable {
        path: dir.to_path_buf(),
        source,
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        if found.len() == limit {
            return Err(unexpected(dir, format!("holds more than {limit} entries")));
        }
        found.push(entry.map_err(unreadable)?.path());
    }
    Ok(found)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, LakeError> {
    let unreadable = |source| LakeError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    // One byte more than allowed tells "too large" from "just fits", whatever
    // the file system says about the size.
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(unexpected(path, "is larger than 64 MiB"));
    }
    serde_json::from_slice(&bytes).map_err(|source| LakeError::Malformed {
        path: path.to_path_buf(),
        source,
    })
}

fn unexpected(path: &Path, problem: impl Into<String>) -> LakeError {
    LakeError::Unexpected {
        path: path.to_path_buf(),
        problem: problem.into(),
    }
}

// Only what the rules look at is read; everything else in the files is skipped.

#[derive(Deserialize)]
struct BlockFile {
    header: Header,
}

#[derive(Deserialize)]
struct Header {
    height: u64,
}

#[derive(Deserialize)]
struct ShardFile {
    receipt_execution_outcomes: Vec<OutcomeEntry>,
}

#[derive(Deserialize)]
struct OutcomeEntry {
    execution_outcome: Execution,
    receipt: Receipt,
}

#[derive(Deserialize)]
struct Execution {
    outcome: ExecutionResult,
}

#[derive(Deserialize)]
struct ExecutionResult {
    status: ExecutionStatus,
}

/// `"Unknown"` comes as a bare string, the others as objects of one field.
#[derive(Deserialize)]
enum ExecutionStatus {
    Unknown,
    Failure(serde::de::IgnoredAny),
    SuccessValue(serde::de::IgnoredAny),
    SuccessReceiptId(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Receipt {
    receiver_id: Arc<str>,
    predecessor_id: Arc<str>,
    receipt: ReceiptBody,
}

/// A receipt that is not an action (data, a resumed promise) calls nothing.
#[derive(Deserialize)]
struct ReceiptBody {
    #[serde(rename = "Action")]
    action: Option<ActionReceipt>,
}

#[derive(Deserialize)]
struct ActionReceipt {
    actions: Vec<Action>,
}

/// The method an action calls, if it is a function call.
struct Action(Option<Arc<str>>);

/// An action is a bare string (`"CreateAccount"`) or an object of one field
/// named after its kind. New kinds appear now and then: they call nothing.
impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Action, D::Error> {
        deserializer.deserialize_any(ActionVisitor)
    }
}

struct ActionVisitor;

impl<'de> serde::de::Visitor<'de> for ActionVisitor {
    type Value = Action;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an action: its kind, or an object named after its kind")
    }

    fn visit_str<E>(self, _kind: &str) -> Result<Action, E> {
        Ok(Action(None))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Action, A::Error> {
        let mut method = None;
        while let Some(kind) = map.next_key::<String>()? {
            if kind == "FunctionCall" {
                method = Some(map.next_value::<FunctionCall>()?.method_name);
            } else {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(Action(method))
    }
}

#[derive(Deserialize)]
struct FunctionCall {
    method_name: Arc<str>,
}

impl OutcomeEntry {
    fn into_outcome(self) -> Outcome {
        let success = match self.execution_outcome.outcome.status {
            ExecutionStatus::SuccessValue(_) | ExecutionStatus::SuccessReceiptId(_) => true,
            ExecutionStatus::Unknown | ExecutionStatus::Failure(_) => false,
        };
        let actions = self.receipt.receipt.action.map(|receipt| receipt.actions);
        Outcome {
            receiver: self.receipt.receiver_id,
            predecessor: self.receipt.predecessor_id,
            success,
            methods: actions
                .into_iter()
                .flatten()
                .filter_map(|Action(method)| method)
                .collect(),
        }
    }
}
