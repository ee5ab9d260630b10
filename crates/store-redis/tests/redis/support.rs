//! A server with a store on it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use conformance::redis_server::{RedisServer, Reply};
use conformance::store::Subject;
use coordinator::store::{StoreError, StoreTransport};
use store_redis::{Reconnect, RedisConfig, RedisStore};

/// Longer than anything here may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// The patience of stores under test: faults are met soon, and a busy machine is
/// no fault.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

pub fn config(url: &str) -> RedisConfig {
    RedisConfig {
        connect_timeout: Duration::from_secs(5),
        response_timeout: Duration::from_secs(5),
        reconnect: Reconnect {
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
        },
        ..RedisConfig::new(url.into())
    }
}

pub fn store_at(url: &str) -> RedisStore {
    RedisStore::new(&config(url)).unwrap()
}

/// A store that soon takes silence for a fault.
pub fn impatient(url: &str) -> RedisStore {
    let config = RedisConfig {
        connect_timeout: RESPONSE_TIMEOUT,
        response_timeout: RESPONSE_TIMEOUT,
        ..config(url)
    };
    RedisStore::new(&config).unwrap()
}

/// A store, and the data plane's hand on its server.
pub struct Real {
    pub server: RedisServer,
    pub store: RedisStore,
}

impl Real {
    pub fn start(options: &[&str]) -> Real {
        let server = RedisServer::start(options).unwrap();
        let store = store_at(&server.url());
        Real { server, store }
    }
}

fn settled(reply: std::io::Result<Reply>) -> Result<(), StoreError> {
    match reply {
        Ok(Reply::Error(text)) => Err(StoreError::Rejected(text)),
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::Unavailable(error.to_string())),
    }
}

#[async_trait]
impl Subject for Real {
    fn store(&self) -> &dyn StoreTransport {
        &self.store
    }

    async fn queue_push(&self, key: &str, height: u64) -> Result<(), StoreError> {
        let height = height.to_string();
        let words = [
            &b"XADD"[..],
            key.as_bytes(),
            b"*",
            b"block_height",
            height.as_bytes(),
        ];
        settled(self.server.command(&words))
    }

    async fn set_raw(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        settled(self.server.command(&[b"SET", key.as_bytes(), value]))
    }
}

pub async fn get(store: &RedisStore, key: &str) -> Result<Option<Bytes>, StoreError> {
    let values = store.get_many(&[key.to_owned()]).await?;
    Ok(values.into_iter().next().flatten())
}

pub fn text(text: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(text.as_bytes()))
}

/// Tries until it succeeds; the errors before that must be of those that are
/// allowed.
pub async fn eventually<T>(
    allowed: fn(&StoreError) -> bool,
    mut work: impl AsyncFnMut() -> Result<T, StoreError>,
) -> T {
    let trying = async {
        loop {
            match work().await {
                Ok(value) => return value,
                Err(error) => assert!(allowed(&error), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, trying).await.unwrap()
}

pub fn is_unavailable(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

pub fn is_indefinite(error: &StoreError) -> bool {
    matches!(error, StoreError::Indefinite(_))
}

/// The refusal's text; it must name `code` and the endpoint.
#[track_caller]
pub fn refusal<T: std::fmt::Debug>(answer: Result<T, StoreError>, code: &str) -> String {
    match answer {
        Err(StoreError::Rejected(text)) => {
            assert!(text.contains(code), "{text}");
            assert!(text.contains("127.0.0.1"), "{text}");
            text
        }
        other => panic!("expected a refusal with {code}, got {other:?}"),
    }
}
