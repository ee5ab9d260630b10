//! What can be typed about shrinking.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::args::{Pace, positive, profile_names};
use super::super::seed;
use crate::report::Logic;
use crate::swarm::Override;
use crate::sweep::Plan;

/// Options of `shrink`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim shrink --profile network --seed 7
  cargo sim shrink scenarios/x.toml --seed 7 -o small.toml --for 2m
  cargo sim shrink --planted null-read-as-deletion
  cargo sim shrink scenarios/x.toml --seed 1 --plan 'StartStream@alice.near/feed#1:hang'
  cargo sim shrink scenarios/x.toml --seed 7 --effect 12 --before

A smaller run is as good if it comes to the same kind of verdict by the same oracle;
where the sentence is about an indexer, it must be about one, whichever. Steps,
indexers and settings are left out, times and numbers made smaller, until nothing can
go alone. Ctrl-C ends it with the smallest run so far. Nothing is overwritten. A run
that passes is nothing to shrink: exit code 4. In a smaller run the effect at which the
coordinator crashes may have a lower number.")]
pub struct Shrink {
    /// The scenario; a swarm's name such as swarm:network is one, too. With --planted it
    /// may be left out: the bug is shown in the run in which it is known to be caught.
    #[arg(value_name = "FILE", required_unless_present_any = ["profile", "planted"])]
    pub scenario: Option<String>,
    /// A profile of swarms instead of a scenario.
    #[arg(long, value_name = "NAME", value_parser = profile_names(),
        conflicts_with = "scenario")]
    pub profile: Option<String>,
    /// The seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, default_value = "1", value_parser = seed::parse)]
    pub seed: u64,
    /// Sets a value of the scenario, by its keys with dots; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Override::parse)]
    pub set: Vec<Override>,
    /// Plants a bug in the coordinator; `cargo sim planted --list` names them.
    #[arg(long, value_name = "NAME")]
    pub planted: Option<String>,
    /// Whose logic the coordinator follows: ours, or that of the one it replaces.
    #[arg(long, value_enum, default_value_t, value_name = "WHOSE")]
    pub coordinator: Logic,
    /// Does what a sweep plans, which stays as it is.
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<Plan>,
    /// Crashes the coordinator at this effect, as `equivalence` does, counted from 1 over
    /// the run, right after it.
    #[arg(long, value_name = "K", conflicts_with = "plan")]
    pub effect: Option<NonZeroU64>,
    /// Crashes right before that effect instead.
    #[arg(long, requires = "effect")]
    pub before: bool,
    /// A folder of NEAR Lake blocks to use instead of made-up ones.
    #[arg(long, value_name = "DIR")]
    pub blocks: Option<PathBuf>,
    /// A file in the registry contract's JSON shape; its indexers are added.
    #[arg(long, value_name = "FILE")]
    pub registry: Option<PathBuf>,
    /// The file to write; one in .sim/shrunk if not given.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Demands the same sentence as well, but for names and numbers.
    #[arg(long)]
    pub exact: bool,
    /// Further seeds that are tried where the given one does not fail any more.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub more_seeds: u64,
    /// Real time after which no further run is begun.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = positive)]
    pub time: Duration,
    /// Runs at the most.
    #[arg(long, value_name = "N", default_value = "5000")]
    pub runs: NonZeroU64,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}
