//! Which store a key belongs to.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{CasOutcome, MemoryStore, StoreError, StoreTransport, keys};
use lifecycle::IndexerId;

use crate::SplitStore;

fn stores() -> (Arc<MemoryStore>, Arc<MemoryStore>, SplitStore) {
    let (records, data_plane) = (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let split = SplitStore::new(records.clone(), data_plane.clone());
    (records, data_plane, split)
}

#[tokio::test]
async fn each_key_goes_to_its_store_whatever_the_indexer_is_called() {
    for name in ["f", "f:block_stream", "x:last_published_block", ":state"] {
        let id = IndexerId::new("a.near", name).unwrap();
        let (records, data_plane, split) = stores();
        let here = [keys::state(&id), keys::REGISTRY_HEIGHT.to_owned()];
        for key in &here {
            split
                .compare_and_set(key, None, Some(b"r"), None)
                .await
                .unwrap();
            assert!(records.exists(key) && !data_plane.exists(key), "{key}");
        }
        let cursor = keys::cursor(&id);
        split
            .compare_and_set(&cursor, None, Some(b"c"), None)
            .await
            .unwrap();
        assert!(data_plane.exists(&cursor) && !records.exists(&cursor));
        data_plane.push(&keys::queue(&id), 7).unwrap();
        assert_eq!(split.queue_head(&keys::queue(&id)).await.unwrap(), Some(7));
        split.set_add(keys::LISTED, &here[0]).await.unwrap();
        assert!(records.exists(keys::LISTED));
        assert_eq!(
            split.set_members(keys::LISTED).await.unwrap(),
            [here[0].clone()]
        );
        split.set_remove(keys::LISTED, &here[0]).await.unwrap();
        assert!(!records.exists(keys::LISTED));
    }
}

#[tokio::test]
async fn a_mixed_read_keeps_the_order_of_the_keys() {
    let (records, data_plane, split) = stores();
    let asked = [
        "a/f:last_published_block",
        "a/f:state",
        "b/g:state",
        "b/g:last_published_block",
    ];
    let asked = asked.map(str::to_owned);
    data_plane.put(&asked[0], "1");
    records.put(&asked[1], "2");
    data_plane.put(&asked[3], "4");
    let texts = |texts: [Option<&'static str>; 4]| texts.map(|text| text.map(Bytes::from)).to_vec();
    let found = split.get_many(&asked).await.unwrap();
    assert_eq!(found, texts([Some("1"), Some("2"), None, Some("4")]));
    assert_eq!(split.get_many(&asked[..1]).await.unwrap(), found[..1]);
    assert_eq!(split.get_many(&asked[1..3]).await.unwrap(), found[1..3]);
    assert_eq!(split.get_many(&[]).await.unwrap(), []);
}

#[tokio::test]
async fn a_mixed_deletion_reaches_both_stores() {
    let (records, data_plane, split) = stores();
    let keys = ["a:block_stream", "a:state", "b:state", "b:block_stream"].map(str::to_owned);
    for key in &keys {
        records.put(key, "1");
        data_plane.put(key, "1");
    }
    split.delete(&keys).await.unwrap();
    let held = |store: &MemoryStore| keys.clone().map(|key| store.exists(&key));
    assert_eq!(held(&records), [true, false, false, true]);
    assert_eq!(held(&data_plane), [false, true, true, false]);
}

/// A store that cannot be reached.
struct Gone;

fn gone<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("gone".to_owned()))
}

#[async_trait]
impl StoreTransport for Gone {
    async fn get_many(&self, _: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        gone()
    }
    async fn compare_and_set(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        gone()
    }
    async fn delete(&self, _: &[String]) -> Result<(), StoreError> {
        gone()
    }
    async fn set_members(&self, _: &str) -> Result<Vec<String>, StoreError> {
        gone()
    }
    async fn set_add(&self, _: &str, _: &str) -> Result<(), StoreError> {
        gone()
    }
    async fn set_remove(&self, _: &str, _: &str) -> Result<(), StoreError> {
        gone()
    }
    async fn queue_head(&self, _: &str) -> Result<Option<u64>, StoreError> {
        gone()
    }
}

#[tokio::test]
async fn half_a_deletion_is_not_said_to_be_none() {
    let split = SplitStore::new(Arc::new(MemoryStore::new()), Arc::new(Gone));
    let keys =
        |keys: &[&str]| -> Vec<String> { keys.iter().map(|key| (*key).to_owned()).collect() };
    let first = split.delete(&keys(&["q:block_stream", "a:state"])).await;
    assert!(
        matches!(first, Err(StoreError::Unavailable(_))),
        "{first:?}"
    );
    let second = split.delete(&keys(&["a:state", "q:block_stream"])).await;
    assert!(
        matches!(second, Err(StoreError::Indefinite(_))),
        "{second:?}"
    );
    split.delete(&keys(&["a:state"])).await.unwrap();
    let read = split
        .get_many(&keys(&["a:state", "q:last_published_block"]))
        .await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    split.get_many(&keys(&["a:state"])).await.unwrap();
}
