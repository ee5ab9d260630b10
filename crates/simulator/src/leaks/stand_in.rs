//! The store as it is behind a leak.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::Ports;
use coordinator::store::{CasOutcome, StoreError, StoreTransport};

use super::Leak;

/// `ports` with `leak` before the store.
pub(super) fn ports(leak: Leak, ports: Ports) -> Ports {
    let store = ports.store.clone();
    Ports {
        store: Arc::new(Leaky { leak, store }),
        ..ports
    }
}

struct Leaky {
    leak: Leak,
    store: Arc<dyn StoreTransport>,
}

#[async_trait]
impl StoreTransport for Leaky {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.store.get_many(keys).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        tokio::time::sleep(self.leak.pause(key)).await;
        self.store.compare_and_set(key, expected, new, list).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.store.delete(keys).await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        self.store.delete_if(guard, expected, keys).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.store.set_members(key).await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.store.set_add(key, member).await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.store.set_remove(key, member).await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.store.queue_head(key).await
    }
}
