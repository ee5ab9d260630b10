//! What the services' own books say: the ledger of the runner, and the Redis.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sim_node::ledger::{LedgerError, Tail, What};
use sim_node::server::{RemoteRedis, now};
use sim_node::{EntryId, Event, Redis, RedisError};

/// Entries remembered per indexer to tell a repetition from a new block.
const RECENT_MAX: usize = 1_000;

/// What is known about one indexer's blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Queue entries whose block was executed, over all versions and sessions.
    pub executed: u64,
    /// The last block that was executed.
    pub last: Option<u64>,
    recent: BTreeSet<EntryId>,
}

/// Counts executed blocks as the runner's ledger grows.
#[derive(Debug)]
pub struct Counts {
    tail: Tail,
    counts: BTreeMap<String, Count>,
}

impl Counts {
    /// Counts what the ledger at `path` holds and will hold.
    pub fn new(path: &Path) -> Counts {
        Counts {
            tail: Tail::new(path),
            counts: BTreeMap::new(),
        }
    }

    /// Reads on.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn update(&mut self) -> Result<(), LedgerError> {
        for line in self.tail.read_new()? {
            let What::Happened(Event::BlockExecuted {
                key, height, entry, ..
            }) = line.what
            else {
                continue;
            };
            let count = self.counts.entry(key.as_str().to_owned()).or_default();
            count.last = Some(height);
            // A block may be executed again; its entry tells.
            if count.recent.insert(entry) {
                count.executed += 1;
            }
            if count.recent.len() > RECENT_MAX {
                count.recent.pop_first();
            }
        }
        Ok(())
    }

    /// Of the indexer `name`.
    pub fn of(&self, name: &str) -> Count {
        self.counts.get(name).cloned().unwrap_or_default()
    }
}

/// Cursor and length of the queue of an indexer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The last block that the stream has processed.
    pub cursor: Option<u64>,
    /// How many blocks wait.
    pub queued: u64,
}

/// Asks the Redis about each of `names`. Blocks: not for the runtime's thread.
///
/// # Errors
/// The Redis does not answer.
pub fn flows(redis: &mut RemoteRedis, names: &[String]) -> Result<Vec<Flow>, RedisError> {
    let now = now();
    names
        .iter()
        .map(|name| {
            Ok(Flow {
                cursor: redis.get_number(now, &format!("{name}:last_published_block"))?,
                queued: redis.queue_len(now, &format!("{name}:block_stream"))?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use sim_node::ledger::FileLedger;
    use sim_node::{IndexerKey, Ledger, Time};

    use super::*;

    #[test]
    fn a_block_that_is_executed_twice_counts_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.jsonl");
        let mut counts = Counts::new(&path);
        counts.update().unwrap();
        let mut ledger = FileLedger::open(&path, "node", Time(1)).unwrap();
        for (height, millis) in [(7, 1), (8, 2), (8, 2), (9, 3)] {
            let key = IndexerKey::new("a.near", "f");
            let entry = EntryId {
                millis,
                sequence: 0,
            };
            let event = Event::BlockExecuted {
                key,
                worker: 1,
                version: 1,
                height,
                entry,
            };
            ledger.record(Time(2), event);
        }
        counts.update().unwrap();
        let count = counts.of("a.near/f");
        assert_eq!((count.executed, count.last), (3, Some(9)));
        assert_eq!(counts.of("b.near/f"), Count::default());
    }
}
