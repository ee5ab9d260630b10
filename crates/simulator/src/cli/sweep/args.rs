//! What can be typed about sweeps.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::super::args::Pace;
use super::super::seed;
use crate::sweep::{Kind, Plan};

/// Options of `sweep`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim sweep                      each fault alone, in scenarios/golden
  cargo sim sweep scenarios/golden/core.toml --pairs --resume pairs.log
  cargo sim sweep scenarios/x.toml --kinds crash-before,crash-after,zombie
  cargo sim sweep scenarios/x.toml --plan 'StartStream@alice.near/feed#1:answer-lost' --trace

A run without faults names the sites: calls of the coordinator, and waits that run
out. For each site and each kind of fault that can happen there the same run is
repeated with it. Every such run must hold, and leave behind what the first one did.")]
pub struct Sweep {
    /// Scenario files and folders of them; scenarios/golden if not given.
    #[arg(value_name = "FILE|DIR")]
    pub scenarios: Vec<PathBuf>,
    /// The seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, default_value = "1", value_parser = seed::parse)]
    pub seed: u64,
    /// Tries every two faults together instead of each one alone.
    #[arg(long)]
    pub pairs: bool,
    /// Tries only these kinds of faults.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = Kind::by_name)]
    pub kinds: Vec<Kind>,
    /// Tries only this: SITE:KIND, several with commas between.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["pairs", "kinds", "shard", "resume"])]
    pub plan: Option<Plan>,
    /// Prints everything that happened.
    #[arg(long, requires = "plan")]
    pub trace: bool,
    /// Tries only every Nth plan, beginning with the Ith.
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    pub shard: Shard,
    /// Notes what has passed in this file, and leaves out what has passed before.
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Prints one JSON report a line of each plan that failed (with --plan: of that
    /// one), and a summary at the end.
    #[arg(long, conflicts_with_all = ["trace", "list"])]
    pub json: bool,
    /// Lists the plans as commands, and runs none of them.
    #[arg(long, conflicts_with_all = ["plan", "resume"])]
    pub list: bool,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}

/// A part of many: `2/3` is the second of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Whether what has this number belongs to it.
    pub fn has(self, number: u64) -> bool {
        number % self.count.max(1) == self.index
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(nth, count)| Some((nth.parse::<u64>().ok()?, count.parse().ok()?)));
        match numbers {
            Some((nth, count)) if nth >= 1 && nth <= count => Ok(Shard {
                index: nth - 1,
                count,
            }),
            _ => Err("expected I/N with I from 1 to N, such as 2/3".to_owned()),
        }
    }
}

/// Options of a worker process of a sweep.
#[derive(Clone, Debug, Args)]
pub struct Serve {
    /// Real time after which it gives up a run, and ends.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub limit: Duration,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::super::args::{Arguments, Command};
    use super::*;

    fn parse(words: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(words.split_whitespace())
    }

    #[test]
    fn a_sweep_is_of_all_plans_or_of_one() {
        let plan = "StartStream@a.near/x#1:hang,timer@a.near/x#2:zombie";
        let arguments = parse(&format!("sim sweep a --plan {plan} --trace")).expect("it parses");
        let Some(Command::Sweep(sweep)) = arguments.command else {
            panic!("another command");
        };
        assert_eq!(
            sweep.plan.map(|plan| plan.to_string()).as_deref(),
            Some(plan)
        );
        let arguments = parse("sim sweep a b --pairs --kinds hang,zombie --shard 2/3");
        let Some(Command::Sweep(sweep)) = arguments.expect("it parses").command else {
            panic!("another command");
        };
        assert_eq!(sweep.kinds, [Kind::Hang, Kind::Zombie]);
        let mine: Vec<u64> = (0..7).filter(|number| sweep.shard.has(*number)).collect();
        assert_eq!(mine, [1, 4]);
        for wrong in [
            "sim sweep --kinds crash",
            "sim sweep --plan StartStream@a.near/x#1",
            "sim sweep --plan timer@a.near/x#1:zombie --pairs",
            "sim sweep --trace",
            "sim sweep --json --list",
            "sim sweep --shard 0/3",
            "sim sweep --shard 4/3",
            "sim sweep --shard 1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
