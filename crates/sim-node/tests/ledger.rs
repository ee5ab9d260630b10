//! Ledgers in files, and what a killed process leaves of them.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use sim_node::ledger::{FileLedger, Line, Tail, What, read};
use sim_node::{
    EntryId, Event, IndexerKey, Ledger, TaskKind, TaskResult, TaskStopReason, Time,
    WorkerStopReason,
};

fn key() -> IndexerKey {
    IndexerKey::new("a.near", "x/\"y\"\n")
}

/// One of each kind.
fn events() -> Vec<Event> {
    let (key, task, worker, version, height) = (key(), u64::MAX, 3, 7, u64::MAX - 1);
    let entry = EntryId {
        millis: 1_763_794_599_000,
        sequence: 2,
    };
    let id = "6c0e1e6a-0000-4000-8000-000000000000".to_owned();
    let at = |event: fn(IndexerKey) -> Event| event(IndexerKey::new("a.near", "f"));
    vec![
        Event::StreamStarted {
            key: key.clone(),
            task,
            version,
            start_height: height,
        },
        Event::StreamEnded {
            key: key.clone(),
            task,
            reason: TaskStopReason::RedisError,
        },
        Event::StreamOrphaned {
            key: key.clone(),
            task,
        },
        Event::CursorSet {
            key: key.clone(),
            task,
            height,
        },
        Event::BlockPublished {
            key: key.clone(),
            task,
            version,
            height,
            entry,
        },
        at(|key| Event::StreamHealth { key, state: 4 }),
        at(|key| Event::ExecutorListed { key, version: 1 }),
        at(|key| Event::ExecutorUnlisted { key, version: 1 }),
        Event::WorkerStarted {
            key: key.clone(),
            worker,
            version,
        },
        Event::WorkerEnded {
            key: key.clone(),
            worker,
            reason: WorkerStopReason::NodeDied,
        },
        Event::WorkerOrphaned {
            key: key.clone(),
            worker,
        },
        Event::BlockExecuted {
            key: key.clone(),
            worker,
            version,
            height,
            entry,
        },
        Event::BlockFailed {
            key: key.clone(),
            worker,
            version,
            height,
        },
        at(|key| Event::ExecutorState { key, state: -1 }),
        Event::TaskStarted {
            key: key.clone(),
            task: id.clone(),
            kind: TaskKind::Deprovision,
        },
        Event::TaskStage {
            key: key.clone(),
            task: id.clone(),
            stage: "create database".into(),
        },
        Event::TaskEnded {
            key,
            task: id,
            kind: TaskKind::Provision,
            result: TaskResult::Failed,
        },
    ]
}

fn write(path: &Path, count: usize) {
    let mut ledger = FileLedger::open(path, "node", Time(1)).unwrap();
    for (event, at) in events().into_iter().cycle().take(count).zip(2..) {
        ledger.record(Time(at), event);
    }
}

#[test]
fn every_event_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.jsonl");
    write(&path, events().len());
    let lines = read(&path).unwrap();
    let process = std::process::id();
    let node = "node".to_owned();
    let started = Line {
        at: Time(1),
        what: What::Started { node, process },
    };
    assert_eq!(lines[0], started);
    let found: Vec<_> = lines[1..].iter().map(|line| line.what.clone()).collect();
    let expected: Vec<_> = events().into_iter().map(What::Happened).collect();
    assert_eq!(found, expected);
    assert_eq!(lines.last().unwrap().at, Time(1 + events().len() as u64));
}

#[test]
fn the_form_is_the_one_that_is_described() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.jsonl");
    let mut ledger = FileLedger::open(&path, "sim-executor", Time(5)).unwrap();
    let entry = EntryId {
        millis: 6,
        sequence: 0,
    };
    let key = IndexerKey::new("a.near", "f");
    let event = Event::BlockExecuted {
        key,
        worker: 1,
        version: 7,
        height: 8,
        entry,
    };
    ledger.record(Time(9), event);
    let text = fs::read_to_string(&path).unwrap();
    let process = std::process::id();
    let expected = format!(
        "{{\"at\":5,\"started\":{{\"node\":\"sim-executor\",\"process\":{process}}}}}\n\
         {{\"at\":9,\"happened\":{{\"event\":\"block_executed\",\"key\":\"a.near/f\",\
         \"worker\":1,\"version\":7,\"height\":8,\"entry\":\"6-0\"}}}}\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn there_is_nothing_in_a_ledger_that_is_not_there() {
    assert_eq!(read(Path::new("/nowhere/ledger.jsonl")).unwrap(), []);
}

#[test]
fn a_bad_line_is_named_unless_it_is_the_torn_last() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.jsonl");
    write(&path, 3);
    let whole = read(&path).unwrap();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"at\":12,\"happ").unwrap();
    assert_eq!(read(&path).unwrap(), whole);
    file.write_all(b"\n").unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("ledger.jsonl:5: "), "{error}");
}

#[test]
fn the_longest_name_that_a_registry_takes_is_no_obstacle() {
    // Each of its bytes is six in JSON, and a task may be called after it.
    let key = IndexerKey::new("a.near", &"\u{1}".repeat(64 << 10));
    let task = key.as_str().repeat(2);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.jsonl");
    let mut tail = Tail::new(&path);
    let mut ledger = FileLedger::open(&path, "node", Time(1)).unwrap();
    let event = Event::TaskStarted {
        key,
        task,
        kind: TaskKind::Provision,
    };
    ledger.record(Time(2), event.clone());
    let lines = tail.read_new().unwrap();
    assert_eq!(lines.last().unwrap().what, What::Happened(event));
    // Half of such a line is cut off, and what stands before it stays.
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &whole[..whole.len() - 1]].concat()).unwrap();
    FileLedger::open(&path, "node", Time(3)).unwrap();
    assert_eq!(tail.read_new().unwrap().len(), 2);
    assert_eq!(read(&path).unwrap().len(), 4);
}

#[test]
fn a_tail_reads_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.jsonl");
    let mut tail = Tail::new(&path);
    assert_eq!(tail.read_new().unwrap(), []);
    let mut ledger = FileLedger::open(&path, "node", Time(1)).unwrap();
    assert_eq!(tail.read_new().unwrap().len(), 1);
    ledger.record(
        Time(2),
        Event::StreamHealth {
            key: key(),
            state: 1,
        },
    );
    ledger.record(
        Time(3),
        Event::StreamHealth {
            key: key(),
            state: 2,
        },
    );
    let new: Vec<_> = tail
        .read_new()
        .unwrap()
        .iter()
        .map(|line| line.at)
        .collect();
    assert_eq!(new, [Time(2), Time(3)]);
    assert_eq!(tail.read_new().unwrap(), []);
}

proptest! {
    #[test]
    fn a_ledger_goes_on_wherever_it_was_torn(count in 0_usize..20, cut in 0_usize..400) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.jsonl");
        write(&path, count);
        let bytes = fs::read(&path).unwrap();
        let kept = bytes.len().saturating_sub(cut);
        fs::write(&path, &bytes[..kept]).unwrap();
        let before = read(&path).unwrap();
        let whole = bytes[..kept].iter().filter(|byte| **byte == b'\n').count();
        prop_assert_eq!(before.len(), whole);
        write(&path, 2);
        let after = read(&path).unwrap();
        prop_assert_eq!(&after[..whole], &before[..]);
        prop_assert_eq!(after.len(), whole + 3);
    }
}
