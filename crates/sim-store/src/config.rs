//! What a scenario may set about the store.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The settings of a [`crate::RedisModel`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How far back a crash or a failover can forget. Zero keeps no undo log:
    /// nothing can be forgotten then, except everything.
    #[serde(with = "sim_node::human_duration")]
    pub undo_window: Duration,
    /// Bytes after which commands that need memory are refused, by a rough
    /// count of keys and values; no limit if absent. Nothing is ever evicted:
    /// the real instance evicts only keys with a time to live, and none of the
    /// modelled keys has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_toml_and_refuses_unknown_keys() {
        let config: Config = toml::from_str("undo_window = \"5s\"\nmax_memory = 1000").unwrap();
        assert_eq!(config.undo_window, Duration::from_secs(5));
        assert_eq!(config.max_memory, Some(1000));
        assert!(toml::from_str::<Config>("undo = \"5s\"").is_err());
        let text = toml::to_string(&Config::default()).unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
    }
}
