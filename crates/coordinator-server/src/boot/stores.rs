//! The store, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coordinator::store::StoreTransport;
use store_embedded::{EmbeddedStore, SplitStore};
use store_redis::RedisStore;
use tokio::time::{Instant, sleep};

use crate::boot::checks::probe;
use crate::config::StoreConfig;

/// How long a store that does not answer is tried with `fail_fast`.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of the file within the data folder.
const FILE: &str = "coordinator.redb";

/// Where the embedded store keeps its file.
#[must_use]
pub fn file(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// The store that `config` names. An embedded one is opened, a remote one is
/// connected to when it is first used.
///
/// # Errors
/// The file cannot be opened; why, for people.
pub async fn open(
    config: &StoreConfig,
    redis: &RedisStore,
) -> Result<Arc<dyn StoreTransport>, String> {
    let redis: Arc<dyn StoreTransport> = Arc::new(redis.clone());
    let StoreConfig::Embedded { dir, .. } = config else {
        return Ok(redis);
    };
    let path = file(dir);
    let opening = tokio::task::spawn_blocking(move || EmbeddedStore::open(&path));
    let embedded = match opening.await {
        Ok(opened) => opened.map_err(|error| error.to_string())?,
        Err(error) => return Err(format!("opening it failed: {error}")),
    };
    Ok(Arc::new(SplitStore::new(Arc::new(embedded), redis)))
}

/// Waits for the store to answer, for a short while.
///
/// # Errors
/// It did not; why, for people.
pub async fn wait(store: &dyn StoreTransport, deadline: Duration) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match probe(store, deadline).await {
            Err(_) if began.elapsed() < PATIENCE => sleep(Duration::from_millis(200)).await,
            result => return result,
        }
    }
}
