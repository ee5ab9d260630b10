//! A disk that takes no writes: what it says is passed on, and reads go on.

use std::time::Duration;

use coordinator::store::{CasOutcome, StoreError, StoreTransport};

use super::faulty::{Fault, Faulty};
use crate::EmbeddedStore;
use crate::trouble::Pauses;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(120);

async fn value(store: &EmbeddedStore) -> Option<Vec<u8>> {
    let found = store.get_many(&["k".to_owned()]).await.unwrap();
    found.first().cloned().flatten().map(|value| value.to_vec())
}

/// A value for which there is no room in what the file already has.
fn large() -> Vec<u8> {
    vec![b'x'; 4 << 20]
}

#[track_caller]
fn names_the_disk(error: &StoreError) {
    let text = error.to_string();
    for part in ["/a/disk/that/fails", "no storage space", "free space"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_keeps_nobody_from_reading() {
    let large = large();
    let disk = Faulty::new(1);
    let store = disk.store().unwrap();
    store
        .compare_and_set("k", None, Some(b"1"), None)
        .await
        .unwrap();
    store.probe().await.unwrap();
    disk.set_fault(Fault::NoRoom);
    for _ in 0..3 {
        let write = store.compare_and_set("k", Some(b"1"), Some(&large), None);
        names_the_disk(&write.await.unwrap_err());
        assert_eq!(value(&store).await.as_deref(), Some(&b"1"[..]));
    }
    assert_eq!(store.set_members("s").await.unwrap(), Vec::<String>::new());
    disk.set_fault(Fault::None);
    let write = store.compare_and_set("k", Some(b"1"), Some(&large), None);
    assert_eq!(write.await, Ok(CasOutcome::Applied));
    store.probe().await.unwrap();
}

#[tokio::test]
async fn writing_what_stands_there_finds_out_that_the_disk_is_full() {
    let disk = Faulty::new(1);
    let store = disk.store().unwrap();
    let again = store.compare_and_set("k", None, Some(b"1"), Some("s"));
    again.await.unwrap();
    disk.set_fault(Fault::Full);
    let again = store.compare_and_set("k", Some(b"1"), Some(b"1"), Some("s"));
    names_the_disk(&again.await.unwrap_err());
    disk.set_fault(Fault::None);
    store.probe().await.unwrap();
    let commits = store.commits();
    let again = store.compare_and_set("k", Some(b"1"), Some(b"1"), Some("s"));
    assert_eq!(again.await, Ok(CasOutcome::Applied));
    assert_eq!(store.commits(), commits + 1);
}

#[tokio::test]
async fn a_probe_names_what_a_write_met_until_the_disk_takes_one() {
    let disk = Faulty::new(1);
    let store = disk.store().unwrap();
    store.set_add("s", "a").await.unwrap();
    disk.set_fault(Fault::Full);
    let failed = store.set_add("s", "b").await.unwrap_err();
    names_the_disk(&failed);
    for _ in 0..3 {
        names_the_disk(&store.probe().await.unwrap_err());
        let failed = store.set_members("s").await.unwrap_err();
        assert!(matches!(failed, StoreError::Unavailable(_)), "{failed}");
        names_the_disk(&failed);
    }
    disk.set_fault(Fault::None);
    // Nobody has anything to write: the probe itself finds out.
    store.probe().await.unwrap();
    assert_eq!(store.set_members("s").await.unwrap(), ["a"]);
    let commits = store.commits();
    store.probe().await.unwrap();
    assert_eq!(
        store.commits(),
        commits,
        "a probe of a sound disk writes nothing"
    );
}

#[tokio::test]
async fn after_a_failure_nothing_is_tried_until_the_pause_is_over() {
    let large = large();
    let disk = Faulty::new(1);
    let pauses = Pauses {
        first: LONG,
        longest: LONG,
    };
    let store = EmbeddedStore::open_on(Box::new(disk.clone()), pauses).unwrap();
    store.set_add("s", "a").await.unwrap();
    disk.set_fault(Fault::NoRoom);
    let write = store.compare_and_set("k", None, Some(&large), None);
    names_the_disk(&write.await.unwrap_err());
    let operations = disk.operations();
    for _ in 0..10 {
        let failed = store.set_add("s", "b").await.unwrap_err();
        assert!(matches!(failed, StoreError::Unavailable(_)), "{failed}");
        assert!(failed.to_string().contains("tried again in"), "{failed}");
        names_the_disk(&store.probe().await.unwrap_err());
        assert_eq!(store.set_members("s").await.unwrap(), ["a"]);
    }
    assert_eq!(disk.operations(), operations, "the disk was left alone");
}

#[tokio::test]
async fn a_disk_that_hangs_is_named_before_the_caller_loses_patience() {
    let disk = Faulty::new(1);
    let store = disk.store().unwrap();
    let store = store.with_patience(Duration::from_millis(50));
    store.set_add("s", "a").await.unwrap();
    disk.hold_syncs(true);
    let failed = store.set_add("s", "b").await.unwrap_err();
    assert!(matches!(failed, StoreError::Indefinite(_)), "{failed}");
    assert!(
        failed.to_string().contains("/a/disk/that/fails is busy"),
        "{failed}"
    );
    // The writer waits for the disk, readers do not.
    assert_eq!(store.set_members("s").await.unwrap(), ["a"]);
    disk.hold_syncs(false);
    let store = store.with_patience(LONG);
    store.set_add("s", "c").await.unwrap();
    assert_eq!(store.set_members("s").await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn nobody_waits_for_a_file_that_is_opened_anew() {
    let disk = Faulty::new(1);
    let store = disk.store().unwrap().with_patience(Duration::from_secs(2));
    store
        .compare_and_set("k", None, Some(b"1"), None)
        .await
        .unwrap();
    disk.set_fault(Fault::NoRoom);
    disk.hold_reads(true);
    let large = large();
    let write = store.compare_and_set("k", Some(b"1"), Some(&large), None);
    tokio::pin!(write);
    assert!(futures_util::poll!(&mut write).is_pending());
    // Whether it finds the file open or being opened, it comes to an end.
    if let Err(error) = store.set_members("s").await {
        assert!(error.to_string().contains("/a/disk/that/fails"), "{error}");
    }
    disk.hold_reads(false);
    names_the_disk(&write.await.unwrap_err());
    let opened = async {
        while store.set_members("s").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, opened).await.unwrap();
    assert_eq!(value(&store).await.as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_file_that_was_removed_in_use_is_not_replaced_by_an_empty_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    drop(EmbeddedStore::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    let disk = crate::disk::FileDisk::new(&path);
    let error = crate::file::reopen(&disk).map(drop).unwrap_err();
    assert!(error.to_string().contains("it is empty"), "{error}");
}
