//! What can be typed about determinism.

use std::path::PathBuf;

use clap::Args;

use super::super::args::Pace;
use super::super::seed;
use crate::leaks::{self, PlantedLeak};

/// Options of `determinism`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim determinism                        every scenario with one seed
  cargo sim determinism scenarios/x.toml --seeds 20
  cargo sim determinism --leaks                whether the check notices what it must

The second run of a seed has a process of its own, another environment, folder, time
zone and name, and comes after another run in its process. Where the two differ, the
first event that differs is shown, and which of these it takes.")]
pub struct Determinism {
    /// Scenario files and folders of them; the project's own if not given.
    #[arg(value_name = "FILE|DIR")]
    pub scenarios: Vec<PathBuf>,
    /// Seeds per scenario.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seeds: u64,
    /// The first seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, value_name = "SEED", default_value = "1", value_parser = seed::parse)]
    pub start_seed: u64,
    /// Plants every known leak in turn, one a run, and shows how each is found.
    #[arg(long, conflicts_with_all = ["scenarios", "seeds", "start_seed", "leak"])]
    pub leaks: bool,
    /// Plants this leak in all runs: the check has to fail.
    #[arg(long, value_name = "NAME", value_parser = leaks::find)]
    pub leak: Option<&'static PlantedLeak>,
    /// How worker processes are used in the pass beside others.
    #[command(flatten)]
    pub pace: Pace,
}
