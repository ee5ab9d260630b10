//! Records in one store, the data plane in another.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError, StoreTransport, keys};

/// How the names of the services' keys end. A record's name ends otherwise,
/// whatever the indexer is called.
const DATA_PLANE_SUFFIXES: [&str; 3] = ["block_stream", "last_published_block", keys::DATA_OF];

fn is_data_plane(key: &str) -> bool {
    let last = key.rsplit_once(':').map(|(_, last)| last);
    last.is_some_and(|last| DATA_PLANE_SUFFIXES.contains(&last))
}

/// Sends the keys that the services share with the coordinator, queues and
/// cursors, to `data_plane` and all others to `records`.
///
/// A command on a single key keeps every promise of the store it goes to. A read
/// of keys of both kinds asks both stores at once. A deletion of keys of both
/// kinds goes through them in the order given, one store after the other, and is
/// not atomic: if a later part fails, the whole is
/// [`Indefinite`](StoreError::Indefinite). A deletion under a condition is one step,
/// and is refused where the condition is about a key of the other kind.
#[derive(Clone)]
pub struct SplitStore {
    records: Arc<dyn StoreTransport>,
    data_plane: Arc<dyn StoreTransport>,
}

impl fmt::Debug for SplitStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SplitStore")
    }
}

impl SplitStore {
    /// A store that keeps queues and cursors in `data_plane`, the rest in `records`.
    pub fn new(
        records: Arc<dyn StoreTransport>,
        data_plane: Arc<dyn StoreTransport>,
    ) -> SplitStore {
        SplitStore {
            records,
            data_plane,
        }
    }

    fn holder(&self, key: &str) -> &dyn StoreTransport {
        if is_data_plane(key) {
            &*self.data_plane
        } else {
            &*self.records
        }
    }
}

#[async_trait]
impl StoreTransport for SplitStore {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let pick = |wanted: bool| -> Vec<String> {
            let of_kind = keys.iter().filter(|key| is_data_plane(key) == wanted);
            of_kind.cloned().collect()
        };
        let (there, here) = (pick(true), pick(false));
        if there.is_empty() {
            return self.records.get_many(keys).await;
        }
        if here.is_empty() {
            return self.data_plane.get_many(keys).await;
        }
        let (there, here) = tokio::try_join!(
            self.data_plane.get_many(&there),
            self.records.get_many(&here)
        )?;
        let (mut there, mut here) = (there.into_iter(), here.into_iter());
        let merged = keys.iter().map(|key| {
            let answers = if is_data_plane(key) {
                &mut there
            } else {
                &mut here
            };
            answers.next().flatten()
        });
        Ok(merged.collect())
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        self.holder(key)
            .compare_and_set(key, expected, new, list)
            .await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let mut begun = false;
        for part in keys.chunk_by(|a, b| is_data_plane(a) == is_data_plane(b)) {
            let Some(first) = part.first() else { continue };
            match self.holder(first).delete(part).await {
                Err(error) if begun => {
                    let why = format!("some keys were deleted, others not: {error}");
                    return Err(StoreError::Indefinite(why));
                }
                outcome => outcome?,
            }
            begun = true;
        }
        Ok(())
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        let kind = is_data_plane(guard);
        if keys.iter().all(|key| is_data_plane(key) == kind) {
            return self.holder(guard).delete_if(guard, expected, keys).await;
        }
        Err(StoreError::Rejected(format!(
            "`{guard}` and what is to be deleted under its condition lie in two stores, and no \
             step is one for both"
        )))
    }

    fn keeps_data_apart(&self) -> bool {
        true
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.holder(key).set_members(key).await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.holder(key).set_add(key, member).await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.holder(key).set_remove(key, member).await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.holder(key).queue_head(key).await
    }
}
