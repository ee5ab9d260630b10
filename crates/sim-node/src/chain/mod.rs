//! The chain: blocks with skipped heights, and the rules that select them.
//!
//! Every node of a run sees the same chain. A synthetic chain follows from its
//! configuration and seed alone; a lake chain is a folder of real blocks.

mod block;
mod config;
mod lake;
mod rule;
mod synthetic;

use std::path::Path;
use std::time::Duration;

use crate::Time;
use lake::LakeChain;
use synthetic::SyntheticChain;

pub use block::{Block, Outcome};
pub use config::{ChainConfig, ChainConfigError, Halt};
pub use lake::LakeError;
pub use rule::{CompiledRule, Rule, StatusFilter};

/// The source of all blocks.
///
/// Heights may be missing. Lookups take `&mut self` because synthetic blocks are
/// made when first looked at and then kept; that is invisible to the caller.
#[derive(Clone, Debug)]
pub struct Chain(Source);

#[derive(Clone, Debug)]
enum Source {
    Synthetic(Box<SyntheticChain>),
    Lake(LakeChain),
}

impl Chain {
    /// A generated chain whose newest block at [`Time::SIMULATION_START`] is
    /// `history - 1` heights above the first. Values out of range are clamped;
    /// [`ChainConfig::check`] tells beforehand.
    pub fn synthetic(config: ChainConfig, seed: u64) -> Chain {
        Chain::synthetic_from(config, seed, Time::SIMULATION_START)
    }

    /// As [`Chain::synthetic`], for a run that begins at `start`, as a server on
    /// the real clock does.
    pub fn synthetic_from(config: ChainConfig, seed: u64, start: Time) -> Chain {
        Chain(Source::Synthetic(Box::new(SyntheticChain::new(
            config, seed, start,
        ))))
    }

    /// The blocks of a NEAR Lake folder (`HEIGHT/block.json`, `HEIGHT/shard_N.json`):
    /// the first is available at [`Time::SIMULATION_START`], each following one
    /// `interval` later. After the last block the chain produces no more.
    ///
    /// # Errors
    /// The folder or a file cannot be read, is too large, or does not have the
    /// expected shape; the error names the file and, where known, the place.
    pub fn from_lake(dir: &Path, interval: Duration) -> Result<Chain, LakeError> {
        LakeChain::load(dir, interval).map(|lake| Chain(Source::Lake(lake)))
    }

    /// The lowest height with a block.
    pub fn first_height(&self) -> u64 {
        match &self.0 {
            Source::Synthetic(chain) => chain.first_height(),
            Source::Lake(chain) => chain.first_height(),
        }
    }

    /// The existing block with the smallest height that is not below `height`,
    /// whether or not it is available yet; `None` if there never is one.
    pub fn first_at_or_after(&mut self, height: u64) -> Option<&Block> {
        match &mut self.0 {
            Source::Synthetic(chain) => chain.first_at_or_after(height),
            Source::Lake(chain) => chain.first_at_or_after(height),
        }
    }

    /// The height of the newest block available at `time`; `None` before the first.
    pub fn tip_at(&self, time: Time) -> Option<u64> {
        match &self.0 {
            Source::Synthetic(chain) => chain.tip_at(time),
            Source::Lake(chain) => chain.tip_at(time),
        }
    }
}
