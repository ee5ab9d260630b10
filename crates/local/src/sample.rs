//! What a first start lays out: a chain, and a registry to play with.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use sim_node::Time;

use crate::home::Home;

const REGISTRY: &str = include_str!("sample/registry.toml");
const CHAIN: &str = include_str!("sample/chain.toml");
const BLOCK_STREAMER: &str = include_str!("sample/block-streamer.toml");

/// What stands in the sample for the time at which the chain began.
const BEGAN: &str = "@BEGAN@";

/// Lays out what is missing, and says when the chain began, in microseconds since
/// the Unix epoch. `now` is the time for a chain that begins.
///
/// # Errors
/// A file cannot be written, or holds no time.
pub fn lay_out(home: &Home, now: Time) -> anyhow::Result<u64> {
    let start = home.chain_start();
    let seconds = match fs::read_to_string(&start) {
        Ok(text) => text
            .trim()
            .parse()
            .with_context(|| format!("{} holds no time; remove it", start.display()))?,
        Err(_) => {
            let seconds = now.as_secs();
            write_new(&start, &format!("{seconds}\n"))?;
            seconds
        }
    };
    let began = UNIX_EPOCH + Duration::from_secs(seconds);
    let began = humantime::format_rfc3339_seconds(began).to_string();
    write_new(&home.registry(), &REGISTRY.replace(BEGAN, &began))?;
    write_new(&home.chain(), CHAIN)?;
    write_new(&home.block_streamer(), BLOCK_STREAMER)?;
    Ok(seconds.saturating_mul(1_000_000))
}

fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use sim_node::chain::ChainConfig;

    use super::*;

    #[test]
    fn what_is_there_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::take(directory.path()).unwrap();
        let at = Time(1_763_794_599_900_000);
        assert_eq!(lay_out(&home, at).unwrap(), 1_763_794_599_000_000);
        let registry = fs::read_to_string(home.registry()).unwrap();
        assert!(registry.contains("at = 2025-11-22T06:56:39Z"), "{registry}");
        fs::write(home.registry(), "indexer = []").unwrap();
        let later = at + Duration::from_secs(3600);
        assert_eq!(lay_out(&home, later).unwrap(), 1_763_794_599_000_000);
        let registry = fs::read_to_string(home.registry()).unwrap();
        assert_eq!(registry, "indexer = []");
    }

    #[test]
    fn the_registry_knows_the_height_at_which_the_chain_begins() {
        let chain: ChainConfig = toml::from_str(CHAIN).unwrap();
        chain.check().unwrap();
        let text = REGISTRY.replace(BEGAN, "2025-11-22T06:56:39Z");
        let registry: toml::Table = text.parse().unwrap();
        let height = registry["chain"]["height"].as_integer().unwrap();
        let newest = chain.first_height + chain.history - 1;
        assert_eq!(u64::try_from(height).unwrap(), newest);
        assert_eq!(chain.interval, Duration::from_secs(1));
        assert!(registry["indexer"].as_array().unwrap().len() >= 5);
    }
}
