//! The configuration in a few words.

use crate::config::model::*;
use crate::config::{HiddenUrl, Secret};

impl Config {
    /// What is used, by topic, without secrets.
    #[must_use]
    pub fn summary(&self) -> Vec<(&'static str, String)> {
        let services = &self.services;
        vec![
            ("registry", self.registry.summary()),
            ("store", self.store.summary()),
            ("block streamer", services.block_streamer.to_string()),
            ("executors", services.executors.to_string()),
            ("provisioner", services.provisioner.to_string()),
            ("api", self.api.summary()),
            ("http", format!("{}, not encrypted", self.http_listen)),
            (
                "mode",
                match self.shadow {
                    true => "shadow: observes and plans, changes nothing".to_owned(),
                    false => "coordinates".to_owned(),
                },
            ),
        ]
    }
}

impl RegistryConfig {
    fn summary(&self) -> String {
        match self {
            RegistryConfig::File(path) => format!("the file {}", path.display()),
            RegistryConfig::Near {
                urls,
                contract,
                api_keys,
                ..
            } => {
                let all = api_keys.iter().all(Option::is_some);
                let url = |(url, key): (&HiddenUrl, &Option<Secret>)| match key {
                    Some(_) if !all => format!("{url} (with a key)"),
                    _ => url.to_string(),
                };
                let urls: Vec<String> = urls.iter().zip(api_keys).map(url).collect();
                let key = if all { ", with a key" } else { "" };
                format!("the contract {contract} by {}{key}", urls.join(", "))
            }
        }
    }
}

impl StoreConfig {
    fn summary(&self) -> String {
        match self {
            StoreConfig::Redis(redis) => format!("Redis at {}", redis.url),
            StoreConfig::Embedded { dir, data_plane } => format!(
                "embedded in {}; queues and cursors in Redis at {}",
                dir.display(),
                data_plane.url
            ),
        }
    }
}

impl ApiConfig {
    fn summary(&self) -> String {
        let encryption = match (&self.tls, &self.client_ca) {
            (Some(_), Some(_)) => "TLS with client certificates",
            (Some(_), None) => "TLS",
            (None, _) => "not encrypted",
        };
        let callers = match (&self.tokens, &self.client_ca) {
            (Some(_), _) => "callers have tokens",
            (None, Some(_)) => "callers have certificates",
            (None, None) => "every caller may do everything",
        };
        let forced = if self.insecure {
            ", insecure by setting"
        } else {
            ""
        };
        format!("{}, {encryption}, {callers}{forced}", self.listen)
    }
}
