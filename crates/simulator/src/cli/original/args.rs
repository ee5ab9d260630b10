//! What can be typed after `original`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::super::args::Pace;
use super::super::seed;

/// Options of `original`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim original
  cargo sim original scenarios/deleting --seeds 5
  cargo sim original --known -o json

Violations are put together by the defect that explains them; docs/defects-of-the-original.md
tells each one's story. A run goes on after its first violation.")]
pub struct Original {
    /// Scenario files and folders of them; the project's own if not given.
    #[arg(value_name = "FILE|DIR")]
    pub scenarios: Vec<PathBuf>,
    /// Seeds per scenario.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seeds: u64,
    /// The first seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, value_name = "SEED", default_value = "1", value_parser = seed::parse)]
    pub start_seed: u64,
    /// Repeats only the run that is recorded with each defect, and fails if one does
    /// not show any more.
    #[arg(long, conflicts_with_all = ["scenarios", "seeds", "start_seed"])]
    pub known: bool,
    /// How to show what was found; Markdown is for the documentation.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub output: Form,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}

/// How findings are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A row for each.
    #[default]
    Table,
    /// One JSON object a line.
    Json,
    /// A page with a story for each.
    Markdown,
}
