//! The store passes the suite that every store of the coordinator passes.

use std::sync::Arc;

use async_trait::async_trait;
use conformance::store::{Subject, run_all};
use coordinator::store::{CasOutcome, MemoryStore, StoreError, StoreTransport};
use store_embedded::{EmbeddedStore, SplitStore};

struct Embedded(EmbeddedStore);

/// Writes a text over whatever is there; over another text in one step.
async fn put(store: &dyn StoreTransport, key: &str, value: &[u8]) -> Result<(), StoreError> {
    let keys = [key.to_owned()];
    let mut found = store.get_many(&keys).await?.pop().flatten();
    loop {
        match store
            .compare_and_set(key, found.as_deref(), Some(value), None)
            .await
        {
            Ok(CasOutcome::Applied) => return Ok(()),
            Ok(CasOutcome::Conflict(other)) => found = other,
            Err(StoreError::Rejected(_)) => store.delete(&keys).await?,
            Err(error) => return Err(error),
        }
    }
}

#[async_trait]
impl Subject for Embedded {
    fn store(&self) -> &dyn StoreTransport {
        &self.0
    }

    async fn queue_push(&self, key: &str, height: u64) -> Result<(), StoreError> {
        self.0.queue_push(key, height).await
    }

    async fn set_raw(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        put(&self.0, key, value).await
    }
}

struct Split {
    store: SplitStore,
    records: Arc<EmbeddedStore>,
    data_plane: Arc<MemoryStore>,
}

#[async_trait]
impl Subject for Split {
    fn store(&self) -> &dyn StoreTransport {
        &self.store
    }

    async fn queue_push(&self, key: &str, height: u64) -> Result<(), StoreError> {
        if key.ends_with(":block_stream") {
            self.data_plane.push(key, height)
        } else {
            self.records.queue_push(key, height).await
        }
    }

    async fn set_raw(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        put(&self.store, key, value).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&directory.path().join("store.redb")).unwrap();
    let failures = run_all(&Embedded(store), "conformance/").await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_store_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let records = Arc::new(EmbeddedStore::open(&path).unwrap());
    let data_plane = Arc::new(MemoryStore::new());
    let store = SplitStore::new(records.clone(), data_plane.clone());
    let subject = Split {
        store,
        records,
        data_plane,
    };
    let failures = run_all(&subject, "conformance/").await;
    assert!(failures.is_empty(), "{failures:#?}");
}
