//! The store, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coordinator::store::{StoreError, StoreTransport, keys};
use store_embedded::{EmbeddedStore, SplitStore};
use store_redis::RedisStore;
use tokio::time::{Instant, sleep};

use crate::boot::checks::probe;
use crate::config::{Config, StoreConfig};

/// How long a store that does not answer is tried with `fail_fast`.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of the file within the data folder.
const FILE: &str = "coordinator.redb";

/// Where the embedded store keeps its file.
#[must_use]
pub fn file(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// The store that is used, and how it is asked whether it takes writes.
#[derive(Clone)]
pub struct Opened {
    /// Its commands.
    pub transport: Arc<dyn StoreTransport>,
    /// Where the records are.
    pub records: Records,
}

/// Where the records are.
#[derive(Clone)]
pub enum Records {
    /// In the Redis of the services.
    Redis(RedisStore),
    /// In a file.
    Embedded(Arc<EmbeddedStore>),
}

impl Records {
    /// Whether it answers, and takes writes too if `writes` says that they matter.
    ///
    /// # Errors
    /// It does not; why, in its own words.
    pub async fn probe(&self, writes: bool) -> Result<(), StoreError> {
        match self {
            Records::Redis(redis) => probe_redis(redis, writes, Some(keys::LISTED)).await,
            Records::Embedded(file) => file.probe().await,
        }
    }

    /// Its commands, those on queues and cursors excepted.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn StoreTransport> {
        match self {
            Records::Redis(redis) => Arc::new(redis.clone()),
            Records::Embedded(file) => Arc::clone(file) as Arc<dyn StoreTransport>,
        }
    }
}

/// Whether `redis` answers, and takes writes too if `writes` says that they matter;
/// among them those on `list`, if there is one.
///
/// # Errors
/// It does not; why, in its own words.
pub async fn probe_redis(
    redis: &RedisStore,
    writes: bool,
    list: Option<&str>,
) -> Result<(), StoreError> {
    match writes {
        true => redis.probe_writes(list).await,
        false => redis.ping().await,
    }
}

/// The store that `config` names. An embedded one is opened, a remote one is
/// connected to when it is first used.
///
/// # Errors
/// The file cannot be opened; why, for people.
pub async fn open(config: &Config, redis: &RedisStore) -> Result<Opened, String> {
    let records = records(&config.store, redis, config.knobs.store_deadline).await?;
    let transport = records.transport();
    Ok(Opened {
        transport: match records {
            Records::Redis(_) => transport,
            Records::Embedded(_) => Arc::new(SplitStore::new(transport, Arc::new(redis.clone()))),
        },
        records,
    })
}

/// Where `config` keeps the records; commands give up a little before `deadline`.
///
/// # Errors
/// The file cannot be opened; why, for people.
pub async fn records(
    config: &StoreConfig,
    redis: &RedisStore,
    deadline: Duration,
) -> Result<Records, String> {
    let StoreConfig::Embedded { dir, .. } = config else {
        return Ok(Records::Redis(redis.clone()));
    };
    let path = file(dir);
    let opening = tokio::task::spawn_blocking(move || EmbeddedStore::open(&path));
    let embedded = match opening.await {
        Ok(opened) => opened.map_err(|error| error.to_string())?,
        Err(error) => return Err(format!("opening it failed: {error}")),
    };
    // Whoever is cut off by the deadline is not told which file it was, and why.
    let embedded = embedded.with_patience(deadline.saturating_mul(9) / 10);
    Ok(Records::Embedded(Arc::new(embedded)))
}

/// Waits for the store to answer, for a short while.
///
/// # Errors
/// It did not; why, for people.
pub async fn wait(records: &Records, writes: bool, deadline: Duration) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match probe(records.probe(writes), deadline).await {
            Err(_) if began.elapsed() < PATIENCE => sleep(Duration::from_millis(200)).await,
            result => return result,
        }
    }
}
