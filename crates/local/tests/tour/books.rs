//! What really happened at the fake services: their ledgers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sim_node::ledger::{What, read};
use sim_node::{EntryId, Event};

/// The ledgers in a folder.
pub struct Books(PathBuf);

/// A block that an indexer's code came to the end of.
#[derive(Clone, Copy, Debug)]
pub struct Execution {
    /// Which process of the runner it was, from 1.
    pub life: usize,
    /// The thread of that process.
    pub worker: u64,
    /// The version that was executed.
    pub version: u64,
    /// The block.
    pub height: u64,
    /// Its entry in the queue.
    pub entry: EntryId,
}

impl Books {
    /// Those that `cargo local` keeps in `folder`.
    pub fn of(folder: &Path) -> Books {
        Books(folder.to_owned())
    }

    /// All events of a node, each with the process that it happened in, from 1.
    fn events(&self, node: &str) -> Vec<(usize, Event)> {
        let (mut life, mut latest) = (0, None);
        let mut events = Vec::new();
        for line in read(&self.0.join(format!("{node}.ledger.jsonl"))).unwrap() {
            match line.what {
                // A process may hold two nodes, and each of them says that it began.
                What::Started { process, .. } => {
                    life += usize::from(latest.replace(process) != Some(process));
                }
                What::Happened(event) => events.push((life, event)),
            }
        }
        events
    }

    /// The processes of a node so far: their numbers.
    pub fn processes(&self, node: &str) -> Vec<u32> {
        let lines = read(&self.0.join(format!("{node}.ledger.jsonl"))).unwrap();
        let process = |what| match what {
            What::Started { process, .. } => Some(process),
            What::Happened(_) => None,
        };
        let all = lines.into_iter().filter_map(|line| process(line.what));
        let mut all: Vec<u32> = all.collect();
        all.dedup();
        all
    }

    /// What was executed of `name`.
    pub fn executions(&self, name: &str) -> Vec<Execution> {
        let events = self.events("runner").into_iter();
        let execution = |(life, event)| match event {
            Event::BlockExecuted {
                key,
                worker,
                version,
                height,
                entry,
            } if key.as_str() == name => Some(Execution {
                life,
                worker,
                version,
                height,
                entry,
            }),
            _ => None,
        };
        events.filter_map(execution).collect()
    }

    /// Whether the runner's latest process has executed a block of `name`.
    pub fn executes(&self, name: &str) -> bool {
        let life = self.processes("runner").len();
        self.executions(name).iter().any(|one| one.life == life)
    }

    /// Whether the code of `name` has thrown in the runner's latest process.
    pub fn throws(&self, name: &str) -> bool {
        let life = self.processes("runner").len();
        let events = self.events("runner").into_iter();
        let thrown = |event: &Event| {
            matches!(event, Event::BlockFailed { .. }) && event.key().as_str() == name
        };
        events
            .filter(|(at, _)| *at == life)
            .any(|(_, event)| thrown(&event))
    }

    /// Whether a stream or a thread of `name` has begun and not ended.
    pub fn runs(&self, name: &str) -> bool {
        ["block-streamer", "runner"].into_iter().any(|node| {
            let life = self.processes(node).len();
            let mut going = BTreeSet::new();
            let events = self.events(node).into_iter();
            let own = events.filter(|(at, event)| *at == life && event.key().as_str() == name);
            for (_, event) in own {
                match event {
                    Event::StreamStarted { task: number, .. }
                    | Event::WorkerStarted { worker: number, .. } => {
                        going.insert(number);
                    }
                    Event::StreamEnded { task: number, .. }
                    | Event::WorkerEnded { worker: number, .. } => {
                        going.remove(&number);
                    }
                    _ => {}
                }
            }
            !going.is_empty()
        })
    }

    /// The blocks of `name` that went into its queue.
    pub fn published(&self, name: &str) -> BTreeSet<u64> {
        let events = self.events("block-streamer").into_iter();
        let height = |(_, event)| match event {
            Event::BlockPublished { key, height, .. } if key.as_str() == name => Some(height),
            _ => None,
        };
        events.filter_map(height).collect()
    }

    /// That no thread executed anything twice: what is executed again, is so because
    /// its process or its thread ended before the entry was removed.
    pub fn hold_no_repetition(&self, name: &str) {
        let mut seen = BTreeSet::new();
        for one in self.executions(name) {
            let new = seen.insert((one.life, one.worker, one.entry));
            assert!(new, "{name} executed it twice: {one:?}");
        }
    }
}
