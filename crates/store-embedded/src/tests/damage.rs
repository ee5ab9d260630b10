//! Files that cannot be used, and who else may want them.

use std::fs;
use std::path::Path;

use coordinator::store::{StoreError, StoreTransport};
use proptest::prelude::*;
use redb::{Database, TableDefinition};

use crate::{EmbeddedStore, FORMAT, OpenError};

fn filled(path: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = EmbeddedStore::open(path).unwrap();
    runtime.block_on(async {
        for number in 0..50 {
            let key = format!("a.near/f{number}:state");
            let value = format!("value {number}").repeat(20);
            let outcome = store.compare_and_set(&key, None, Some(value.as_bytes()), None);
            outcome.await.unwrap();
            store.set_add("indexer_states", &key).await.unwrap();
        }
    });
}

fn refusal(path: &Path) -> OpenError {
    EmbeddedStore::open(path).expect_err("it must not open")
}

#[test]
fn directory_and_file_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/deep/store.redb");
    drop(EmbeddedStore::open(&path).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[test]
fn a_second_opener_is_told_who_is_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let first = EmbeddedStore::open(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Held { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("another coordinator holds"), "{text}");
    assert!(text.contains("store.redb"), "{text}");
    drop(first);
    drop(EmbeddedStore::open(&path).unwrap());
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    filled(&path);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: TableDefinition<'_, &str, u64> = TableDefinition::new("coordinator_meta");
    transaction
        .open_table(meta)
        .unwrap()
        .insert("format", FORMAT + 1)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(
        matches!(error, OpenError::Newer { found, .. } if found == FORMAT + 1),
        "{error}"
    );
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let table: TableDefinition<'_, &str, u64> = TableDefinition::new("theirs");
    transaction
        .open_table(table)
        .unwrap()
        .insert("x", 1)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let text = b"these are my notes, please keep them\n".repeat(500);
    fs::write(&path, &text).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("store.redb"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), text);
}

#[test]
fn what_could_be_mended_is_left_alone_if_the_rest_cannot_be_read() {
    // The library mends these bits of the header before it reads the pages.
    const MENDED: [(usize, u8); 2] = [(9, 1 << 3), (28, 1 << 4)];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    filled(&path);
    let whole = fs::read(&path).unwrap();
    let (mut refused, mut mended) = (0, 0);
    for (mendable, bit) in MENDED {
        for at in (4096..whole.len()).step_by(whole.len() / 200) {
            let mut bytes = whole.clone();
            bytes[mendable] ^= bit;
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            match EmbeddedStore::open(&path) {
                Ok(_) => mended += 1,
                Err(error) => {
                    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
                    assert!(fs::read(&path).unwrap() == bytes, "changed, byte {at}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 5 && mended > 5, "{refused} {mended}");
}

#[test]
fn a_directory_in_the_way_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = refusal(directory.path());
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    let name = directory.path().display().to_string();
    assert!(error.to_string().contains(&name), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_damaged_file_is_refused_or_whole(places in prop::collection::vec(any::<u64>(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.redb");
        filled(&path);
        let mut bytes = fs::read(&path).unwrap();
        for place in places {
            let at = usize::try_from(place % bytes.len() as u64).unwrap();
            bytes[at] ^= 1 << (place % 8);
        }
        fs::write(&path, &bytes).unwrap();
        match EmbeddedStore::open(&path) {
            Err(error) => {
                prop_assert!(matches!(error, OpenError::Damaged { .. }), "{}", error);
                prop_assert!(fs::read(&path).unwrap() == bytes, "a refused file was changed");
            }
            Ok(store) => tokio::runtime::Runtime::new().unwrap().block_on(async {
                let members = store.set_members("indexer_states").await.unwrap();
                assert_eq!(members.len(), 50);
                for (value, key) in store.get_many(&members).await.unwrap().iter().zip(members) {
                    let number = key.trim_start_matches("a.near/f").trim_end_matches(":state");
                    let text = format!("value {number}").repeat(20);
                    assert_eq!(value.as_deref(), Some(text.as_bytes()), "{key}");
                }
            }),
        }
    }
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&directory.path().join("store.redb")).unwrap();
    let long = "k".repeat((1 << 20) + 1);
    let error = store.set_add("s", &long).await.unwrap_err();
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    let huge = vec![0; (64 << 20) + 1];
    let error = store
        .compare_and_set("k", None, Some(&huge), None)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    store.set_add("s", "m").await.unwrap();
}

#[test]
fn a_file_that_is_mostly_waste_is_compacted_when_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    let keys: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    runtime.block_on(async {
        let value = vec![7; 1 << 20];
        for key in &keys {
            let outcome = store.compare_and_set(key, None, Some(&value), None);
            outcome.await.unwrap();
        }
        // The last one lies at the end, so that the file cannot just be cut.
        store.delete(&keys[..39]).await.unwrap();
        store.set_add("s", "m").await.unwrap();
    });
    drop(store);
    let before = fs::metadata(&path).unwrap().len();
    let store = EmbeddedStore::open(&path).unwrap();
    let after = fs::metadata(&path).unwrap().len();
    assert!(before > 32 << 20 && after < before / 4, "{before} {after}");
    assert_eq!(runtime.block_on(store.set_members("s")).unwrap(), ["m"]);
}
