//! Every form in which records were ever stored, as files, read from a real
//! server.
//!
//! A file's name is the name of the function whose record it holds. The folders
//! are numbered in the order in which the original coordinator introduced what
//! they are named after; `own` is this coordinator's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use conformance::redis_server::{RedisServer, Reply};
use coordinator::store::{Commit, Corrupt, LoadError, RecordStore, Stored, keys};
use lifecycle::{IndexerId, Phase, Record};

use crate::support::{Real, refusal};

const ACCOUNT: &str = "a.near";
const VERSION: u64 = 107_503_704;

/// What a file must be read as: phase, switch, version, whether the data layer
/// is taken to exist.
type Expected = (&'static str, Phase, bool, Option<u64>, bool);

const READABLE: [Expected; 32] = [
    ("1-synced/synced", Phase::Running, true, Some(VERSION), true),
    ("1-synced/never-synced", Phase::Running, true, None, true),
    (
        "2-enabled/switched-on",
        Phase::Running,
        true,
        Some(VERSION),
        true,
    ),
    (
        "2-enabled/switched-off",
        Phase::Running,
        false,
        Some(VERSION),
        true,
    ),
    (
        "2-enabled/on-and-never-synced",
        Phase::Running,
        true,
        None,
        true,
    ),
    ("3-named/named", Phase::Running, true, Some(VERSION), true),
    ("3-named/named-and-off", Phase::Running, false, None, true),
    (
        "4-provisioned-state/unprovisioned",
        Phase::Initializing,
        true,
        Some(VERSION),
        false,
    ),
    (
        "4-provisioned-state/provisioning",
        Phase::Initializing,
        true,
        Some(VERSION),
        false,
    ),
    (
        "4-provisioned-state/provisioned",
        Phase::Running,
        true,
        Some(VERSION),
        true,
    ),
    (
        "4-provisioned-state/failed",
        Phase::Initializing,
        true,
        Some(VERSION),
        false,
    ),
    (
        "5-provisioning-tasks/task-provisioning",
        Phase::Initializing,
        true,
        None,
        false,
    ),
    (
        "5-provisioning-tasks/task-deprovisioning",
        Phase::Initializing,
        true,
        None,
        false,
    ),
    (
        "5-provisioning-tasks/task-unprovisioned",
        Phase::Initializing,
        true,
        None,
        false,
    ),
    (
        "5-provisioning-tasks/task-provisioned",
        Phase::Running,
        true,
        None,
        true,
    ),
    (
        "5-provisioning-tasks/task-failed",
        Phase::Initializing,
        true,
        None,
        false,
    ),
    (
        "6-lifecycle-state/first-initializing",
        Phase::Initializing,
        true,
        Some(VERSION),
        false,
    ),
    (
        "6-lifecycle-state/first-running",
        Phase::Running,
        true,
        Some(VERSION),
        true,
    ),
    (
        "6-lifecycle-state/first-stopping",
        Phase::Suspending,
        false,
        Some(VERSION),
        true,
    ),
    (
        "6-lifecycle-state/first-stopped",
        Phase::Suspended,
        false,
        Some(VERSION),
        true,
    ),
    (
        "6-lifecycle-state/first-repairing",
        Phase::Repairing,
        true,
        Some(VERSION),
        false,
    ),
    (
        "6-lifecycle-state/first-deleting",
        Phase::Deleting,
        true,
        Some(VERSION),
        true,
    ),
    (
        "6-lifecycle-state/first-deleted",
        Phase::Deleting,
        true,
        Some(VERSION),
        true,
    ),
    (
        "7-suspended/last-initializing",
        Phase::Initializing,
        true,
        None,
        false,
    ),
    (
        "7-suspended/last-running",
        Phase::Running,
        true,
        Some(VERSION),
        true,
    ),
    (
        "7-suspended/last-suspending",
        Phase::Suspending,
        false,
        Some(VERSION),
        true,
    ),
    (
        "7-suspended/last-suspended",
        Phase::Suspended,
        false,
        Some(VERSION),
        true,
    ),
    (
        "7-suspended/last-repairing",
        Phase::Repairing,
        true,
        Some(VERSION),
        false,
    ),
    (
        "7-suspended/last-deleting",
        Phase::Deleting,
        true,
        Some(VERSION),
        true,
    ),
    (
        "7-suspended/last-deleted",
        Phase::Deleting,
        true,
        Some(VERSION),
        true,
    ),
    (
        "7-suspended/last-without-synced",
        Phase::Running,
        true,
        None,
        true,
    ),
    ("8-own/own-plain", Phase::Running, true, Some(VERSION), true),
];

/// Files that hold no record, and a word of what is said of each.
const UNREADABLE: [(&str, &str); 15] = [
    ("empty", "EOF"),
    ("no-json", "expected value"),
    ("cut-off", "EOF"),
    ("a-number", "an object"),
    ("a-list", "an object"),
    ("no-fields", "no field of a record"),
    ("other-account", "account_id"),
    ("other-function", "function_name"),
    ("unknown-state", "Paused"),
    ("unknown-provisioned-state", "Maybe"),
    ("switch-is-text", "enabled"),
    ("negative-height", "block_stream_synced_at"),
    ("newer-format", "format is 2"),
    ("own-without-revision", "revision"),
    ("no-text", "unicode"),
];

pub fn records(real: &Real) -> RecordStore {
    RecordStore::new(Arc::new(real.store.clone()), Duration::from_secs(20))
}

fn id_of(path: &str) -> IndexerId {
    let name = path.rsplit('/').next().unwrap();
    IndexerId::new(ACCOUNT, name).unwrap()
}

/// Stores a file, as the original would have.
fn put(server: &RedisServer, path: &str, listed: bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let value = std::fs::read(folder.join(format!("{path}.json"))).unwrap();
    let key = keys::state(&id_of(path));
    server.command(&[b"SET", key.as_bytes(), &value]).unwrap();
    if listed {
        let added = server.command(&[b"SADD", b"indexer_states", key.as_bytes()]);
        assert_eq!(added.unwrap(), Reply::Number(1));
    }
}

#[track_caller]
fn assert_reads(path: &str, stored: &Stored) {
    let row = READABLE.iter().find(|row| row.0 == path).unwrap();
    let (_, phase, enabled, synced_at, provisioned) = *row;
    let record = &stored.record;
    let is = (
        record.phase,
        record.enabled,
        record.synced_at,
        record.provisioned,
    );
    assert_eq!(is, (phase, enabled, synced_at, provisioned), "{path}");
    assert_eq!(record.id, id_of(path));
    assert_eq!(
        record.run.map(|run| run.target.version),
        synced_at,
        "{path}"
    );
}

type Loaded = BTreeMap<String, Result<Stored, Corrupt>>;

async fn load_all(real: &Real) -> Loaded {
    records(real)
        .load_all()
        .await
        .unwrap()
        .into_iter()
        .collect()
}

#[tokio::test]
async fn every_file_is_expected_to_be_something() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut expected: Vec<String> = READABLE.iter().map(|row| row.0.to_owned()).collect();
    expected.extend(UNREADABLE.map(|(name, _)| format!("unreadable/{name}")));
    expected.push("8-own/own-with-fields-of-others".to_owned());
    let mut found = Vec::new();
    for folder in std::fs::read_dir(folder).unwrap() {
        let folder = folder.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            found.push(format!("{}/{name}", folder.file_name().to_str().unwrap()));
        }
    }
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_form_is_read() {
    let real = Real::start(&[]);
    for row in READABLE {
        put(&real.server, row.0, true);
    }
    let loaded = load_all(&real).await;
    assert_eq!(loaded.len(), READABLE.len());
    for (path, ..) in READABLE {
        let stored = loaded.get(&keys::state(&id_of(path))).unwrap();
        assert_reads(path, stored.as_ref().unwrap());
    }
}

/// Before the set was introduced there was none: the registry names the keys.
#[tokio::test]
async fn forms_older_than_the_set_are_read_by_their_keys_and_listed_when_they_change() {
    let real = Real::start(&[]);
    let records = records(&real);
    let old = READABLE.iter().filter(|row| row.0 < "3");
    let paths: Vec<&str> = old.map(|row| row.0).collect();
    assert_eq!(paths.len(), 5);
    for path in &paths {
        put(&real.server, path, false);
    }
    assert_eq!(records.load_all().await.unwrap(), []);
    for path in paths {
        let stored = records.load(&id_of(path)).await.unwrap().unwrap();
        assert_reads(path, &stored);
        assert_eq!(stored.revision, 0);
        let written = records
            .commit(&stored.record.id, Some(&stored), &stored.record)
            .await
            .unwrap();
        let Commit::Written(written) = written else {
            panic!("{path} had been changed");
        };
        assert_eq!(written.record, stored.record, "{path}");
        let again = records.load(&id_of(path)).await.unwrap().unwrap();
        assert_eq!(again, written, "{path}");
        assert_eq!(again.revision, 1);
    }
    assert_eq!(records.load_all().await.unwrap().len(), 5);
}

#[tokio::test]
async fn the_unreadable_are_reported_one_by_one_while_the_others_load() {
    let real = Real::start(&[]);
    for (name, _) in UNREADABLE {
        put(&real.server, &format!("unreadable/{name}"), true);
    }
    for row in READABLE {
        put(&real.server, row.0, true);
    }
    // Too large, of another kind, listed without a value, and no key of a record.
    let large = IndexerId::new(ACCOUNT, "large").unwrap();
    let (large_key, value) = (keys::state(&large), vec![b' '; (1 << 20) + 1]);
    real.server
        .command(&[b"SET", large_key.as_bytes(), &value])
        .unwrap();
    real.server.tell("LPUSH a.near/list:state 1").unwrap();
    real.server.tell("SADD a.near/set:state 1").unwrap();
    real.server.tell("SET stray 1").unwrap();
    let strays = format!(
        "SADD indexer_states {large_key} a.near/list:state a.near/set:state a.near/gone:state stray"
    );
    real.server.tell(&strays).unwrap();

    let loaded = load_all(&real).await;
    for (path, ..) in READABLE {
        let stored = loaded.get(&keys::state(&id_of(path))).unwrap();
        assert_reads(path, stored.as_ref().unwrap());
    }
    let reported = |key: &str, word: &str| {
        let corrupt = loaded.get(key).unwrap().as_ref().unwrap_err();
        let said = corrupt.to_string();
        assert!(said.contains(key) && said.contains(word), "{said}");
    };
    for (name, word) in UNREADABLE {
        reported(&keys::state(&id_of(name)), word);
    }
    reported(&large_key, "bytes");
    reported("stray", "stray");
    // The server says nothing of these when it is asked for texts.
    reported("a.near/list:state", "WRONGTYPE");
    reported("a.near/set:state", "set");
    assert_eq!(loaded.len(), READABLE.len() + UNREADABLE.len() + 4);

    // Nothing overwrites what it cannot read.
    let records = records(&real);
    for (name, _) in UNREADABLE {
        let answer = records.load(&id_of(name)).await;
        assert!(matches!(answer, Err(LoadError::Corrupt(_))), "{answer:?}");
    }
}

/// Before there were records, a key told which version runs.
#[tokio::test]
async fn the_key_that_was_there_before_records_is_taken_over_once() {
    let real = Real::start(&[]);
    let (records, id) = (records(&real), id_of("first"));
    let first = records.first_record(&id, None).await.unwrap();
    assert_eq!(first.record, Record::new(id.clone()));
    let key = "a.near/first:block_stream:version";
    real.server.tell(&format!("SET {key} {VERSION}")).unwrap();
    let taken = records.first_record(&id, None).await.unwrap().record;
    let is = (taken.phase, taken.enabled, taken.synced_at);
    assert_eq!(is, (Phase::Running, true, Some(VERSION)));
    assert!(taken.provisioned);
    let written = records.commit(&id, None, &taken).await.unwrap();
    let Commit::Written(stored) = written else {
        panic!("it had been written");
    };
    assert_eq!(load_all(&real).await.len(), 1);
    // Of a later life it says nothing.
    let cleared = records.clear_data(&id, &stored).await;
    assert_eq!(cleared, Ok(Commit::Written(())));
    let first = records.first_record(&id, None).await.unwrap();
    assert_eq!(first.record, Record::new(id.clone()));
    // What is no number is no version.
    real.server.tell(&format!("SET {key} newest")).unwrap();
    let first = records.first_record(&id, None).await.unwrap();
    assert_eq!(first.record, Record::new(id));
}

#[tokio::test]
async fn leavings_of_older_versions_are_left_alone() {
    let real = Real::start(&[]);
    put(&real.server, "7-suspended/last-running", true);
    let prefix = "a.near/last-running";
    for command in [
        "SADD streams a.near/last-running:real_time:stream",
        "SET allowlist []",
        "SET a.near/last-running:real_time:stream:storage {}",
        "XADD a.near/last-running:real_time:stream 1-1 block_height 5",
        "XADD a.near/last-running:historical:stream 1-1 block_height 5",
        "SET a.near/last-running:block_stream:version 107503704",
        "SET indexer_manager_migration_complete true",
        "SET state_migration:enabled_flag true",
        "XADD a.near/last-running:block_stream 1-1 block_height 6",
        "SET a.near/last-running:last_published_block 7",
    ] {
        let reply = real.server.tell(command).unwrap();
        assert!(!matches!(reply, Reply::Error(_)), "{command}: {reply:?}");
    }
    let before = real.server.tell("DBSIZE").unwrap();
    assert_eq!(before, Reply::Number(12));
    assert_eq!(load_all(&real).await.len(), 1);
    let records = records(&real);
    let id = IndexerId::parse(prefix).unwrap();
    let progress = records.progress(&id, None).await.unwrap();
    let known = lifecycle::Progress::Known {
        cursor: Some(7),
        queue_head: Some(6),
    };
    assert_eq!(progress, known);
    let stored = records.load(&id).await.unwrap().unwrap();
    let cleared = records.clear_data(&id, &stored).await;
    assert_eq!(cleared, Ok(coordinator::store::Commit::Written(())));
    assert_eq!(real.server.tell("DBSIZE").unwrap(), Reply::Number(9));
    // Else the next life of the indexer would be taken for this one.
    let version = real
        .server
        .tell("EXISTS a.near/last-running:block_stream:version");
    assert_eq!(version.unwrap(), Reply::Number(0));
}

#[tokio::test]
async fn a_listing_of_another_kind_is_refused_and_kept() {
    let real = Real::start(&[]);
    real.server.tell("SET indexer_states 1").unwrap();
    refusal(records(&real).load_all().await, "WRONGTYPE");
    let kept = Reply::Text(b"1".to_vec());
    assert_eq!(real.server.tell("GET indexer_states").unwrap(), kept);
}

#[tokio::test]
async fn what_others_wrote_beside_our_fields_survives_our_writes_byte_for_byte() {
    let real = Real::start(&[]);
    let path = "8-own/own-with-fields-of-others";
    put(&real.server, path, true);
    let (records, id) = (records(&real), id_of(path));
    let mut stored = records.load(&id).await.unwrap().unwrap();
    assert_eq!(
        (stored.revision, stored.record.phase),
        (3, Phase::Suspended)
    );
    // The last one is never stored: the record is removed.
    for phase in Phase::ALL.into_iter().filter(|it| *it != Phase::Deleted) {
        let next = Record {
            phase,
            ..stored.record.clone()
        };
        let written = records.commit(&id, Some(&stored), &next).await.unwrap();
        let Commit::Written(written) = written else {
            panic!("it had been changed");
        };
        let text = std::str::from_utf8(&written.raw).unwrap();
        assert!(text.contains(r#""later":{"x": 1.10}}"#), "{text}");
        assert!(text.ends_with(r#","note":"kept"}"#), "{text}");
        stored = records.load(&id).await.unwrap().unwrap();
        assert_eq!(stored, written);
    }
    assert_eq!(stored.revision, 3 + 6);
}
