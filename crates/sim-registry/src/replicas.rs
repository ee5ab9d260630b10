//! The load balancer in front of the RPC replicas.

use std::time::Duration;

use sim_node::Rng;

use crate::Config;

/// A group of RPC replicas whose `final` blocks lie more or less behind.
///
/// The first replica is up to date, the last lags by the configured time, the
/// others lie evenly between them. Which one answers a request is random, so that
/// consecutive reads may go back in time.
#[derive(Clone, Debug)]
pub struct Replicas {
    lags: Vec<Duration>,
    rng: Rng,
}

impl Replicas {
    /// The replicas of `config`, chosen among by draws that follow from `seed`.
    pub fn new(config: &Config, seed: u64) -> Replicas {
        // More replicas than this differ by nothing a reader could notice.
        let count = if config.quirks.load_balanced {
            config.replicas.clamp(1, 1024)
        } else {
            1
        };
        let last = count.saturating_sub(1).max(1);
        let lags = (0..count).map(|nth| config.lag * nth / last).collect();
        Replicas {
            lags,
            rng: Rng::new(seed, "registry replicas"),
        }
    }

    /// How far behind the newest block the replica is that gets the next request.
    pub fn choose(&mut self) -> Duration {
        if self.lags.len() == 1 {
            return self.lags.first().copied().unwrap_or_default();
        }
        self.rng.pick(&self.lags).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn replicas_lag_evenly_and_are_all_chosen() {
        let lag = Duration::from_secs(10);
        let mut replicas = Replicas::new(
            &Config {
                replicas: 3,
                lag,
                ..Config::default()
            },
            7,
        );
        let seen: BTreeSet<u64> = (0..100).map(|_| replicas.choose().as_secs()).collect();
        assert_eq!(seen, BTreeSet::from([0, 5, 10]));
    }

    #[test]
    fn without_load_balancing_the_newest_replica_answers() {
        let mut config = Config {
            lag: Duration::from_secs(10),
            ..Config::default()
        };
        config.quirks.load_balanced = false;
        let mut replicas = Replicas::new(&config, 7);
        assert!((0..20).all(|_| replicas.choose().is_zero()));
    }

    #[test]
    fn no_replica_at_all_counts_as_one() {
        let config = Config {
            replicas: 0,
            lag: Duration::from_secs(10),
            ..Config::default()
        };
        assert_eq!(Replicas::new(&config, 7).choose(), Duration::ZERO);
    }
}
