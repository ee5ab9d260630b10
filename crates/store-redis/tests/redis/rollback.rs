//! The way back to the original coordinator.
//!
//! It is stood in for by a reader and writer that follow its rules strictly: the
//! five fields, all needed but the first height, seven states by their names, and
//! nothing else known or kept. Whatever this coordinator writes, that one must
//! read; whatever that one then writes, this one must take back.

use conformance::redis_server::{RedisServer, Reply};
use coordinator::store::{Commit, RecordStore, Stored, keys};
use lifecycle::{
    Cause, ContentHash, Hold, IndexerId, Phase, Record, Repair, Run, Target, Task, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::formats::records;
use crate::support::Real;

const VERSION: u64 = 130_000_123;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Original {
    account_id: String,
    function_name: String,
    block_stream_synced_at: Option<u64>,
    enabled: bool,
    lifecycle_state: OriginalState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum OriginalState {
    Initializing,
    Running,
    Suspending,
    Suspended,
    Repairing,
    Deleting,
    Deleted,
}

const STATES: [(OriginalState, Phase); 7] = [
    (OriginalState::Initializing, Phase::Initializing),
    (OriginalState::Running, Phase::Running),
    (OriginalState::Suspending, Phase::Suspending),
    (OriginalState::Suspended, Phase::Suspended),
    (OriginalState::Repairing, Phase::Repairing),
    (OriginalState::Deleting, Phase::Deleting),
    (OriginalState::Deleted, Phase::Deleted),
];

impl Original {
    /// What it must see of `record`.
    fn of(record: &Record) -> Original {
        let state = STATES.iter().find(|(_, phase)| *phase == record.phase);
        Original {
            account_id: record.id.account().to_owned(),
            function_name: record.id.function().to_owned(),
            block_stream_synced_at: record.synced_at,
            enabled: record.enabled,
            lifecycle_state: state.unwrap().0,
        }
    }

    /// Reads every listed record, as it does when it starts: one that is missing
    /// or unreadable ends it.
    fn start(server: &RedisServer) -> Vec<(String, Original)> {
        let Ok(Reply::List(members)) = server.tell("SMEMBERS indexer_states") else {
            panic!("no set");
        };
        let mut all: Vec<(String, Original)> = members
            .into_iter()
            .map(|member| {
                let Reply::Text(key) = member else {
                    panic!("no key: {member:?}");
                };
                let Ok(Reply::Text(value)) = server.command(&[b"GET", &key]) else {
                    panic!("no value under {key:?}");
                };
                let text = String::from_utf8_lossy(&value).into_owned();
                let original = serde_json::from_slice(&value);
                let original: Original = original.unwrap_or_else(|error| panic!("{error}: {text}"));
                (String::from_utf8(key).unwrap(), original)
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Writes the whole record, as it does at the end of every loop.
    fn write(&self, server: &RedisServer) {
        let key = format!("{}/{}:state", self.account_id, self.function_name);
        let value = serde_json::to_vec(self).unwrap();
        server.command(&[b"SET", key.as_bytes(), &value]).unwrap();
        server
            .command(&[b"SADD", b"indexer_states", key.as_bytes()])
            .unwrap();
    }
}

fn some<T: Clone>(value: T) -> [Option<T>; 2] {
    [None, Some(value)]
}

fn hash() -> ContentHash {
    ContentHash(7)
}

fn runs() -> [Option<Run>; 3] {
    let run = |hash, start| {
        Some(Run {
            target: Target {
                version: VERSION,
                hash,
            },
            start,
            prepared: start.is_none(),
        })
    };
    [None, run(None, None), run(Some(hash()), Some(u64::MAX))]
}

fn tasks() -> [Option<Task>; 3] {
    let since = Timestamp(1_700_000_000_000);
    let task = |id: Option<&str>| {
        Some(Task {
            id: id.map(str::to_owned),
            since,
        })
    };
    [
        None,
        task(None),
        task(Some("0d9a2e3c \"quoted\" \u{1f980}")),
    ]
}

fn repair() -> Repair {
    Repair {
        from: Phase::Running,
        cause: Cause::ExecutorFailing,
        detail: "\"lifecycle_state\":\"Running\"}\n\u{0}\u{1f980}".to_owned(),
        limited: true,
        attempts: u32::MAX,
        first_at: Timestamp(1),
        last_at: Timestamp(2),
        next_at: Timestamp(u64::MAX),
        target: Some(Target {
            version: VERSION,
            hash: Some(hash()),
        }),
        other_at: Some(Timestamp(4)),
    }
}

fn hold() -> Hold {
    Hold {
        by: "ops".to_owned(),
        reason: "while the \"schema\" is looked at".to_owned(),
        since: Timestamp(3),
    }
}

/// Every combination of what this coordinator adds to a record.
fn additions() -> Vec<Record> {
    let id = IndexerId::new("a.near", "f").unwrap();
    let mut all = vec![Record::new(id)];
    let mut branch = |variants: &dyn Fn(&Record) -> Vec<Record>| {
        all = all.iter().flat_map(variants).collect();
    };
    branch(&|record| {
        [true, false]
            .map(|provisioned| Record {
                provisioned,
                ..record.clone()
            })
            .to_vec()
    });
    branch(&|record| {
        runs()
            .map(|run| Record {
                run,
                ..record.clone()
            })
            .to_vec()
    });
    branch(&|record| {
        tasks()
            .map(|task| Record {
                task,
                ..record.clone()
            })
            .to_vec()
    });
    branch(&|record| {
        some(repair())
            .map(|repair| Record {
                repair,
                ..record.clone()
            })
            .to_vec()
    });
    branch(&|record| {
        some(u64::MAX)
            .map(|tombstone| Record {
                tombstone,
                ..record.clone()
            })
            .to_vec()
    });
    branch(&|record| {
        some(hold())
            .map(|hold| Record {
                hold,
                ..record.clone()
            })
            .to_vec()
    });
    all
}

/// Every record with each of those combinations, of indexers of their own.
fn every_record() -> Vec<Record> {
    let mut all = Vec::new();
    for addition in additions() {
        for phase in Phase::ALL {
            for (enabled, synced_at) in [(true, None), (false, Some(VERSION)), (true, Some(0))] {
                let name = format!("f {}", all.len());
                all.push(Record {
                    id: IndexerId::new("a.near", &name).unwrap(),
                    enabled,
                    phase,
                    synced_at,
                    ..addition.clone()
                });
            }
        }
    }
    all
}

async fn commit(records: &RecordStore, previous: Option<&Stored>, next: &Record) -> Stored {
    match records.commit(&next.id, previous, next).await.unwrap() {
        Commit::Written(stored) => stored,
        Commit::Conflict => panic!("{} had been changed", next.id),
    }
}

#[tokio::test]
async fn the_original_reads_whatever_is_written() {
    let real = Real::start(&[]);
    let records = records(&real);
    let every = every_record();
    assert!(every.len() > 1500, "{}", every.len());
    for record in &every {
        commit(&records, None, record).await;
    }
    let mut expected: Vec<(String, Original)> = every
        .iter()
        .map(|record| (keys::state(&record.id), Original::of(record)))
        .collect();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(Original::start(&real.server), expected);

    // And it is all there for us.
    let loaded = records.load_all().await.unwrap();
    assert_eq!(loaded.len(), every.len());
    for record in &every {
        let stored = records.load(&record.id).await.unwrap().unwrap();
        let phase = match record.phase {
            Phase::Deleted => Phase::Deleting,
            phase => phase,
        };
        assert_eq!(stored.record, record.with_phase(phase));
    }
}

#[tokio::test]
async fn what_the_original_writes_is_taken_back() {
    let real = Real::start(&[]);
    let records = records(&real);
    let full = additions().pop().unwrap();
    assert!(full.hold.is_some() && full.repair.is_some() && full.task.is_some());
    for (before, (state, phase)) in Phase::ALL
        .into_iter()
        .flat_map(|before| STATES.map(|after| (before, after)))
    {
        let name = format!("{before} then {state:?}");
        let id = IndexerId::new("a.near", &name).unwrap();
        let ours = Record {
            id: id.clone(),
            phase: before,
            ..full.clone()
        };
        let ours = commit(&records, None, &ours).await;

        let key = keys::state(&id);
        let Ok(Reply::Text(value)) = real.server.command(&[b"GET", key.as_bytes()]) else {
            panic!("no value under {key}");
        };
        let mut theirs: Original = serde_json::from_slice(&value).unwrap();
        theirs.lifecycle_state = state;
        theirs.enabled = !theirs.enabled;
        theirs.block_stream_synced_at = Some(VERSION + 1);
        theirs.write(&real.server);

        // A write of ours that was under way meets theirs.
        let met = records.commit(&id, Some(&ours), &ours.record).await;
        assert_eq!(met, Ok(Commit::Conflict), "{name}");

        let back = records.load(&id).await.unwrap().unwrap();
        let phase = match phase {
            Phase::Deleted => Phase::Deleting,
            phase => phase,
        };
        let provisioned = !matches!(phase, Phase::Initializing | Phase::Repairing);
        let target = Target {
            version: VERSION + 1,
            hash: None,
        };
        let expected = Record {
            enabled: theirs.enabled,
            phase,
            synced_at: Some(VERSION + 1),
            provisioned,
            run: Some(Run {
                target,
                start: None,
                prepared: true,
            }),
            ..Record::new(id)
        };
        assert_eq!(back.record, expected, "{name}");
        assert_eq!(back.revision, 0, "{name}");

        let again = commit(&records, Some(&back), &back.record).await;
        assert_eq!(again.record, expected, "{name}");
        let theirs: Original = serde_json::from_slice(&again.raw).unwrap();
        assert_eq!(theirs, Original::of(&expected), "{name}");
    }
    assert_eq!(Original::start(&real.server).len(), 49);
}

#[tokio::test]
async fn the_set_holds_whole_keys_and_loses_those_of_removed_records() {
    let real = Real::start(&[]);
    let records = records(&real);
    let ids = ["b.near/f", "a.near/f g:h/i", "a.near/"].map(|id| IndexerId::parse(id).unwrap());
    let mut stored = Vec::new();
    for id in &ids {
        stored.push(commit(&records, None, &Record::new(id.clone())).await);
    }
    let listed = |server: &RedisServer| -> Vec<String> {
        Original::start(server)
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    };
    assert_eq!(
        listed(&real.server),
        ["a.near/:state", "a.near/f g:h/i:state", "b.near/f:state"]
    );
    for (id, stored) in ids.iter().zip(&stored).take(2) {
        let removed = records.remove(id, stored).await.unwrap();
        assert_eq!(removed, Commit::Written(()));
    }
    assert_eq!(listed(&real.server), ["a.near/:state"]);
    assert_eq!(real.server.tell("DBSIZE").unwrap(), Reply::Number(2));
}
