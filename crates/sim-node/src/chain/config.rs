//! What a synthetic chain looks like.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The most contracts a synthetic chain may have.
const MOST_ACCOUNTS: u32 = 10_000;
/// The most heights a chain may have behind it at the start.
const LONGEST_HISTORY: u64 = 100_000_000;
/// The largest first height, so that arithmetic on heights has room.
const HIGHEST_FIRST: u64 = u64::MAX / 2;
/// A shorter block interval would make time stand still.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// A synthetic chain. The defaults resemble NEAR's main network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainConfig {
    /// The lowest height; its block always exists.
    pub first_height: u64,
    /// Heights already produced when the run begins, at least one.
    pub history: u64,
    /// Time from height to height, at least a millisecond. A skipped height takes
    /// its time too.
    #[serde(with = "crate::human_duration")]
    pub interval: Duration,
    /// Probability that a height has no block, in `[0, 1]`. Every 64th height has
    /// one whatever this says, so that a search for the next block ends.
    pub skip: f64,
    /// Number of contracts, named `app0.near` and so on.
    pub accounts: u32,
    /// Probability that a block holds a receipt of a given contract, in `[0, 1]`.
    pub touch: f64,
    /// Share of the outcomes that failed, in `[0, 1]`.
    pub failure: f64,
    /// The methods that receipts call. Each receipt calls one of them, or none.
    pub methods: Vec<String>,
    /// When block production stops.
    pub halts: Vec<Halt>,
}

/// A time in which the chain produces nothing; all later blocks are delayed by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halt {
    /// Time from the start of the run to the halt.
    #[serde(with = "crate::human_duration")]
    pub at: Duration,
    /// How long it lasts.
    #[serde(with = "crate::human_duration")]
    pub r#for: Duration,
}

impl Default for ChainConfig {
    fn default() -> ChainConfig {
        ChainConfig {
            first_height: 100_000_000,
            history: 200,
            interval: Duration::from_secs(1),
            skip: 0.05,
            accounts: 6,
            touch: 0.3,
            failure: 0.1,
            methods: ["ft_transfer", "ft_mint", "set", "storage_deposit", "vote"]
                .map(String::from)
                .to_vec(),
            halts: Vec::new(),
        }
    }
}

/// A value of a [`ChainConfig`] that makes no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("chain: `{field}` {expected}")]
pub struct ChainConfigError {
    /// The offending field.
    pub field: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

impl ChainConfig {
    /// Whether every value is in its range.
    ///
    /// # Errors
    /// Names the first field that is not, and its range.
    pub fn check(&self) -> Result<(), ChainConfigError> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let rules = [
            (
                "first_height",
                self.first_height <= HIGHEST_FIRST,
                "must be below 2^63",
            ),
            (
                "history",
                (1..=LONGEST_HISTORY).contains(&self.history),
                "must be between 1 and 100,000,000",
            ),
            (
                "interval",
                self.interval >= SHORTEST_INTERVAL,
                "must be at least 1ms",
            ),
            ("skip", share(self.skip), "must be between 0 and 1"),
            (
                "accounts",
                self.accounts <= MOST_ACCOUNTS,
                "must be at most 10,000",
            ),
            ("touch", share(self.touch), "must be between 0 and 1"),
            ("failure", share(self.failure), "must be between 0 and 1"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((field, _, expected)) => Err(ChainConfigError { field, expected }),
            None => Ok(()),
        }
    }

    /// The nearest configuration that [`ChainConfig::check`] accepts.
    pub(super) fn clamped(mut self) -> ChainConfig {
        // `clamp` keeps NaN, which compares as "never": a harmless meaning.
        let share = |value: f64| value.clamp(0.0, 1.0);
        self.first_height = self.first_height.min(HIGHEST_FIRST);
        self.history = self.history.clamp(1, LONGEST_HISTORY);
        self.interval = self.interval.max(SHORTEST_INTERVAL);
        self.skip = share(self.skip);
        self.accounts = self.accounts.min(MOST_ACCOUNTS);
        self.touch = share(self.touch);
        self.failure = share(self.failure);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_in_range() {
        assert_eq!(ChainConfig::default().check(), Ok(()));
    }

    #[test]
    fn each_impossible_value_is_named() {
        type Spoil = fn(&mut ChainConfig);
        let cases: [(&str, Spoil); 7] = [
            ("first_height", |c| c.first_height = u64::MAX),
            ("history", |c| c.history = 0),
            ("interval", |c| c.interval = Duration::ZERO),
            ("skip", |c| c.skip = 1.5),
            ("accounts", |c| c.accounts = 20_000),
            ("touch", |c| c.touch = -0.1),
            ("failure", |c| c.failure = f64::NAN),
        ];
        for (field, spoil) in cases {
            let mut config = ChainConfig::default();
            spoil(&mut config);
            assert_eq!(config.check().map_err(|error| error.field), Err(field));
        }
    }
}
