//! What can be typed about coverage.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::args::{Listing, Pace, positive};
use super::super::seed;

/// Options of `coverage`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim coverage                         2,000 runs: scenarios and swarms
  cargo sim coverage --quick                 one seed of every scenario
  cargo sim coverage scenarios/x.toml --all  what a single scenario reaches
  cargo sim coverage -o json > before.json
  cargo sim coverage --baseline before.json

Without FILE it fails if a mark was not reached that these runs can be expected to
reach, or if one was reached that is declared impossible. With FILE it only looks.")]
pub struct Coverage {
    /// Scenario files, folders of them, or swarms (swarm:PROFILE); all of the
    /// project's own if not given.
    #[arg(value_name = "FILE|DIR")]
    pub scenarios: Vec<PathBuf>,
    /// Seeds per scenario; as many as 2,000 runs need if neither this nor --for is
    /// given.
    #[arg(long, value_name = "N", conflicts_with = "time")]
    pub seeds: Option<u64>,
    /// Real time after which no further run is begun.
    #[arg(long = "for", value_name = "TIME", id = "time", value_parser = positive)]
    pub time: Option<Duration>,
    /// One seed of every scenario, without swarms; marks that take more are left out.
    #[arg(long, conflicts_with_all = ["scenarios", "seeds", "time"])]
    pub quick: bool,
    /// The first seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, value_name = "SEED", default_value = "1", value_parser = seed::parse)]
    pub start_seed: u64,
    /// What to print: a table, a JSON object a line, or a page in Markdown.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Listing,
    /// Shows in the table also what was reached.
    #[arg(long)]
    pub all: bool,
    /// Names also what this earlier run, printed with `-o json`, reached and this one
    /// does not; that is a failure.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}
