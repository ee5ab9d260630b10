//! Many writes share a sync.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coordinator::store::StoreTransport;
use tokio::task::{JoinSet, yield_now};

use super::faulty::Faulty;

#[tokio::test]
async fn a_thousand_writes_at_once_cost_a_few_syncs() {
    let disk = Faulty::new(1);
    let store = Arc::new(disk.store().unwrap());
    disk.hold_syncs(true);
    let asked = Arc::new(AtomicU64::new(0));
    let mut writes = JoinSet::new();
    for number in 0..1_000 {
        let (store, asked) = (Arc::clone(&store), Arc::clone(&asked));
        writes.spawn(async move {
            asked.fetch_add(1, Ordering::Relaxed);
            store.set_add("s", &format!("{number:03}")).await
        });
    }
    while asked.load(Ordering::Relaxed) < 1_000 {
        yield_now().await;
    }
    let before = disk.syncs();
    disk.hold_syncs(false);
    while let Some(written) = writes.join_next().await {
        written.unwrap().unwrap();
    }
    assert!(
        disk.syncs() - before <= 10,
        "{} syncs",
        disk.syncs() - before
    );
    assert!(store.commits() <= 5, "{} commits", store.commits());
    assert_eq!(store.set_members("s").await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn what_changes_nothing_costs_no_sync() {
    let disk = Faulty::new(1);
    let store = disk.store().unwrap();
    store.set_add("s", "m").await.unwrap();
    store
        .compare_and_set("k", None, Some(b"1"), None)
        .await
        .unwrap();
    let (syncs, commits) = (disk.syncs(), store.commits());
    store.set_add("s", "m").await.unwrap();
    store.set_remove("s", "other").await.unwrap();
    store.delete(&["none".to_owned()]).await.unwrap();
    store
        .compare_and_set("k", None, Some(b"2"), None)
        .await
        .unwrap();
    assert_eq!((disk.syncs(), store.commits()), (syncs, commits));
}

#[tokio::test]
async fn reads_do_not_wait_for_a_sync() {
    let disk = Faulty::new(1);
    let store = disk.store().unwrap();
    store
        .compare_and_set("k", None, Some(b"1"), None)
        .await
        .unwrap();
    disk.hold_syncs(true);
    let write = store.compare_and_set("k", Some(b"1"), Some(b"2"), None);
    tokio::pin!(write);
    assert!(futures_util::poll!(&mut write).is_pending());
    let operations = disk.operations();
    let found = store.get_many(&["k".to_owned()]).await.unwrap();
    assert_eq!(found.first().cloned().flatten().as_deref(), Some(&b"1"[..]));
    assert!(disk.operations() >= operations);
    disk.hold_syncs(false);
    write.await.unwrap();
}
