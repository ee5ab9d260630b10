//! What a scenario can set about the registry.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sim_node::human_duration;

/// Settings of the fake registry and of the RPC replicas in front of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many RPC replicas answer in turn; at least one is assumed.
    pub replicas: u32,
    /// How far the slowest replica's `final` block lies behind the newest one.
    #[serde(with = "human_duration")]
    pub lag: Duration,
    /// A `list_all` answer longer than this many bytes exceeds the gas of a view
    /// call; no limit if absent.
    pub gas_limit_bytes: Option<u64>,
    /// How many blocks with changes can still be read as of their own height.
    /// Views of older blocks answer as of the oldest one kept.
    pub kept_changes: usize,
    /// The real registry's unpleasant habits.
    pub quirks: Quirks,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            replicas: 3,
            lag: Duration::ZERO,
            gas_limit_bytes: None,
            kept_changes: 4096,
            quirks: Quirks::default(),
        }
    }
}

/// Named habits of the real registry, each of which can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// Requests are spread over the replicas, so that consecutive reads may go
    /// back in time. Off: every read reaches the newest replica.
    pub load_balanced: bool,
    /// `list_all` keeps an account whose indexers are all deleted, with an empty
    /// map. Off: such an account is left out.
    pub empty_accounts: bool,
    /// Rules that select whole top-level domains are refused, because the
    /// simulated signer is an ordinary user. Off: the signer has the Owner role.
    pub refuse_owner_rules: bool,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            load_balanced: true,
            empty_accounts: true,
            refuse_owner_rules: false,
        }
    }
}
