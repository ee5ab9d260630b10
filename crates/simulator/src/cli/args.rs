//! What can be typed.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::determinism::args::Determinism;
use super::original::args::Original;
use super::out::Color;
use super::shrink::args::Shrink;
use super::sweep::args::{Serve, Sweep};
use super::{exit, seed};
use crate::leaks::{self, PlantedLeak};
use crate::report::Logic;
use crate::swarm::{Override, PROFILES};
use crate::sweep::Plan;

/// Runs the coordinator against fake nodes that fail, in virtual time, and
/// judges what happened.
///
/// Without a command it runs every scenario with several seeds on all cores and
/// ends with a table.
#[derive(Debug, Parser)]
#[command(
    name = "simulator",
    bin_name = "cargo sim",
    version,
    args_conflicts_with_subcommands = true,
    after_help = EVERY_EXAMPLES,
    after_long_help = format!("{EVERY_EXAMPLES}\n\n{}", exit::help())
)]
pub struct Arguments {
    /// What to do instead of running everything.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run everything.
    #[command(flatten)]
    pub every: Every,
    /// When to color.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

const EVERY_EXAMPLES: &str = "Examples:
  cargo sim                            every scenario, 4 seeds each, within 2 minutes
  cargo sim --seeds 2 --json           the same for programs, one report a line
  cargo sim run scenarios/x.toml --seed 7 --trace
  cargo sim explore --for 10m          seeds beyond those";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs one scenario with one seed.
    Run(Run),
    /// Runs scenarios with many seeds.
    Explore(Explore),
    /// Makes scenarios from seeds and runs them.
    Swarm(Swarm),
    /// Makes a failed run as small as it gets while it fails in the same way.
    Shrink(Shrink),
    /// Lists the scenarios and the properties they defend.
    List(List),
    /// Checks scenario files without running them.
    Check(Check),
    /// Lists the faults that a scenario can do to the system.
    Faults(Faults),
    /// Explains whatever has a name: faults, oracles, marks, planted bugs, profiles.
    Explain(Explain),
    /// Adds up what runs reached, and names what none of them did.
    Coverage(super::coverage::args::Coverage),
    /// Runs each seed twice, in unlike circumstances, and compares every byte.
    Determinism(Determinism),
    /// Crashes the coordinator at each effect of a run and compares how it ends.
    Equivalence(Equivalence),
    /// Puts a fault, or two, at every place of a run where one can happen.
    Sweep(Sweep),
    /// Plants bugs, and shows which of them are noticed.
    Planted(Planted),
    /// Runs scenarios with the logic of the coordinator that this one replaces, and
    /// says which defects it has.
    Original(Original),
    /// Measures how fast the simulator is.
    Bench(Bench),
    /// Is one run in a process of its own.
    #[command(hide = true)]
    Worker(Worker),
    /// Is many runs of a sweep, one after the other.
    #[command(hide = true)]
    Serve(Serve),
    /// Is the bare runtime in a process of its own.
    #[command(hide = true)]
    Ceiling,
}

/// How worker processes are used.
#[derive(Clone, Debug, Args)]
pub struct Pace {
    /// Runs at the same time; one per core if not given.
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Real time after which a single run is given up.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = positive)]
    pub limit: Duration,
}

/// Options of the main job.
#[derive(Clone, Debug, Args)]
pub struct Every {
    /// Seeds per scenario; 4 if not given, but no more than --budget allows.
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// The first seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, value_name = "SEED", default_value = "1", value_parser = seed::parse)]
    pub start_seed: u64,
    /// Real time after which no third or later seed of a scenario is begun; 80s
    /// if --seeds is not given, else no limit.
    #[arg(long, value_name = "TIME", value_parser = positive)]
    pub budget: Option<Duration>,
    /// The folder of scenarios; the project's own if not given.
    #[arg(long, value_name = "DIR")]
    pub scenarios: Option<PathBuf>,
    /// Shows how often each interesting situation was reached, too.
    #[arg(long)]
    pub marks: bool,
    /// Prints one JSON report a line, and a summary at the end.
    #[arg(long)]
    pub json: bool,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}

/// Options of `run`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim run scenarios/x.toml --seed 7
  cargo sim run scenarios/x.toml --seed 0xbeef --trace > trace.txt
  cargo sim run --blocks lake --registry registry.json")]
pub struct Run {
    /// The scenario; may be left out with --blocks or --registry, and every node
    /// crashes once then.
    #[arg(value_name = "FILE", required_unless_present_any = ["blocks", "registry"])]
    pub scenario: Option<String>,
    /// The seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, default_value = "1", value_parser = seed::parse)]
    pub seed: u64,
    /// Whose logic the coordinator follows: ours, or that of the one it replaces.
    #[arg(long, value_enum, default_value_t, value_name = "WHOSE")]
    pub coordinator: Logic,
    /// Prints everything that happened.
    #[arg(long)]
    pub trace: bool,
    /// Prints the report as one line of JSON.
    #[arg(long, conflicts_with = "trace")]
    pub json: bool,
    /// A folder of NEAR Lake blocks to use instead of made-up ones.
    #[arg(long, value_name = "DIR")]
    pub blocks: Option<PathBuf>,
    /// A file in the registry contract's JSON shape; its indexers are added.
    #[arg(long, value_name = "FILE")]
    pub registry: Option<PathBuf>,
    /// Sets a value of the scenario, by its keys with dots; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Override::parse)]
    pub set: Vec<Override>,
    /// Plants a bug in the coordinator; `cargo sim planted --list` names them.
    #[arg(long, value_name = "NAME")]
    pub planted: Option<String>,
    /// Real time after which the run is given up.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = positive)]
    pub limit: Duration,
}

/// Options of `explore`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim explore --for 10m
  cargo sim explore scenarios/x.toml --seeds 1000 --start-seed 5000
  cargo sim explore --seeds 3 --start-seed $(git rev-parse HEAD)

Reports of failed runs are written to .sim/failures.")]
pub struct Explore {
    /// Scenario files and folders of them; the project's own if not given.
    #[arg(value_name = "FILE|DIR")]
    pub scenarios: Vec<PathBuf>,
    /// Seeds per scenario; 20 if neither this nor --for is given.
    #[arg(long, value_name = "N", conflicts_with = "time")]
    pub seeds: Option<u64>,
    /// Real time after which no further run is begun.
    #[arg(long = "for", value_name = "TIME", id = "time", value_parser = positive)]
    pub time: Option<Duration>,
    /// The first seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, value_name = "SEED", default_value = "1000", value_parser = seed::parse)]
    pub start_seed: u64,
    /// Whose logic the coordinator follows: ours, or that of the one it replaces.
    #[arg(long, value_enum, default_value_t, value_name = "WHOSE")]
    pub coordinator: Logic,
    /// Stops at the first failed run.
    #[arg(long)]
    pub fail_fast: bool,
    /// Stops after this many failed runs.
    #[arg(long, value_name = "N", conflicts_with = "fail_fast")]
    pub max_failures: Option<u64>,
    /// Shows how often each interesting situation was reached, too.
    #[arg(long)]
    pub marks: bool,
    /// Prints one JSON report a line, and a summary at the end.
    #[arg(long)]
    pub json: bool,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}

/// Options of `swarm`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:
  cargo sim swarm --for 10m
  cargo sim swarm --profile network --profile store --seeds 1000
  cargo sim swarm --seed 7                     one run, its configuration first
  cargo sim swarm --seed 7 --set net.latency='[\"1ms\",\"20ms\"]' --set faults.kill.runner=0
  cargo sim swarm --seed 7 --save found.toml   as a scenario file",
    after_long_help = profiles()
)]
pub struct Swarm {
    /// What may go wrong; all profiles in turn if not given, `everything` with
    /// --seed.
    #[arg(long, value_name = "NAME", value_parser = profile_names())]
    pub profile: Vec<String>,
    /// One run with this seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, value_name = "SEED", value_parser = seed::parse,
        conflicts_with_all = ["seeds", "time", "start_seed", "fail_fast", "max_failures", "marks"])]
    pub seed: Option<u64>,
    /// Sets a value of the configuration, by its keys with dots; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Override::parse)]
    pub set: Vec<Override>,
    /// Only prints the configuration of the run.
    #[arg(long, requires = "seed")]
    pub print: bool,
    /// Writes the configuration of the run to a scenario file, and runs nothing.
    #[arg(long, value_name = "FILE", requires = "seed", conflicts_with = "print")]
    pub save: Option<PathBuf>,
    /// Prints everything that happened in the run.
    #[arg(long, requires = "seed", conflicts_with_all = ["json", "print", "save"])]
    pub trace: bool,
    /// Seeds per profile; 20 if neither this nor --for is given.
    #[arg(long, value_name = "N", conflicts_with = "time")]
    pub seeds: Option<u64>,
    /// Real time after which no further run is begun.
    #[arg(long = "for", value_name = "TIME", id = "time", value_parser = positive)]
    pub time: Option<Duration>,
    /// The first seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, value_name = "SEED", default_value = "1", value_parser = seed::parse)]
    pub start_seed: u64,
    /// Stops at the first failed run.
    #[arg(long)]
    pub fail_fast: bool,
    /// Stops after this many failed runs.
    #[arg(long, value_name = "N", conflicts_with = "fail_fast")]
    pub max_failures: Option<u64>,
    /// Shows how often each interesting situation was reached, too.
    #[arg(long)]
    pub marks: bool,
    /// Prints one JSON report a line, and a summary at the end.
    #[arg(long)]
    pub json: bool,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}

/// The profiles of swarms, for the help.
fn profiles() -> String {
    let mut text = String::from("Profiles:\n");
    for profile in PROFILES {
        text.push_str(&format!("  {:<12}{}\n", profile.name, profile.about));
    }
    text
}

/// Options of `list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Scenario files and folders of them; the project's own if not given.
    #[arg(value_name = "FILE|DIR")]
    pub scenarios: Vec<PathBuf>,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// Scenario files and folders of them; the project's own if not given.
    #[arg(value_name = "FILE|DIR")]
    pub scenarios: Vec<PathBuf>,
}

/// Options of `faults`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Faults {
    /// What to print: a table, a JSON object a line, or the page in docs/faults.md.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Listing,
}

/// How a list is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// For people.
    #[default]
    Table,
    /// For programs: one object a line.
    Json,
    /// For the documentation.
    Markdown,
}

/// Options of `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim explain                                 all names
  cargo sim explain answer_lost
  cargo sim explain S7
  cargo sim explain null-read-as-deletion
  cargo sim explain Repairing x StartStream unreachable
  cargo sim explain transition Initializing to Running
  cargo sim explain exit 6")]
pub struct Explain {
    /// The name of a fault, an oracle, a mark, a planted bug, a profile of swarms, or
    /// an exit code; all of them are listed if none is given.
    #[arg(value_name = "NAME")]
    pub name: Vec<String>,
}

/// Options of `equivalence`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim equivalence scenarios/x.toml
  cargo sim equivalence scenarios/x.toml --seed 7 --effect 12 --before

An effect is a call of the coordinator that changes something. For each one the
same run is repeated with a crash of the coordinator right before it, and right
after it. Every such run must hold, and leave behind what the undisturbed one did.")]
pub struct Equivalence {
    /// Scenario files and folders of them.
    #[arg(value_name = "FILE|DIR", required = true)]
    pub scenarios: Vec<PathBuf>,
    /// The seed: decimal, 0x hexadecimal, or a commit's 40 digits.
    #[arg(long, default_value = "1", value_parser = seed::parse)]
    pub seed: u64,
    /// Crashes at this effect only, counted from 1 over the run, right after it.
    #[arg(long, value_name = "K")]
    pub effect: Option<NonZeroU64>,
    /// Crashes right before that effect instead.
    #[arg(long, requires = "effect")]
    pub before: bool,
    /// Plants a bug in the coordinator; `cargo sim planted --list` names them.
    #[arg(long, value_name = "NAME")]
    pub planted: Option<String>,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}

/// What `planted` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlantedOutput {
    /// Tables for people.
    #[default]
    Table,
    /// One JSON object a line, one for each bug.
    Json,
    /// What the file `witnesses.toml` shall hold.
    Toml,
    /// The page `docs/planted-bugs.md`, from what is kept; nothing is run.
    Markdown,
}

/// Options of `planted`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  cargo sim planted --list
  cargo sim planted --known
  cargo sim planted null-read-as-deletion --seeds 500
  cargo sim run scenarios/x.toml --planted null-read-as-deletion

A bug is hunted through all scenarios with the first seed, then with the second, and
so on, until a property is violated. It fails if fewer than 95 of 100 are caught, or
one that was named is not.")]
pub struct Planted {
    /// Bugs; all if none is named.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Runs for each bug at the most.
    #[arg(long, value_name = "N", default_value = "330")]
    pub seeds: NonZeroU64,
    /// Runs for each bug after the first that caught it, to see who else does.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub more: u64,
    /// Lists the bugs.
    #[arg(long)]
    pub list: bool,
    /// Only shows again what is kept: which property caught what, and where.
    #[arg(long, conflicts_with_all = ["list", "output"])]
    pub known: bool,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: PlantedOutput,
    /// How worker processes are used.
    #[command(flatten)]
    pub pace: Pace,
}

/// Options of `bench`.
#[derive(Clone, Debug, Args)]
pub struct Bench {
    /// Measurements of each kind; the best one counts.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub repeat: u32,
    /// Prints the figures as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// How worker processes are used where seeds per second are measured.
    #[command(flatten)]
    pub pace: Pace,
}

/// Options of a worker process.
#[derive(Clone, Debug, Args)]
pub struct Worker {
    /// The scenario's file or built-in name.
    pub scenario: String,
    /// The seed.
    #[arg(long, value_parser = seed::parse)]
    pub seed: u64,
    /// Whose logic the coordinator follows.
    #[arg(long, value_enum, default_value_t)]
    pub coordinator: Logic,
    /// Where to write the trace.
    #[arg(long)]
    pub trace_to: Option<PathBuf>,
    /// Real blocks.
    #[arg(long)]
    pub blocks: Option<PathBuf>,
    /// A real registry.
    #[arg(long)]
    pub registry: Option<PathBuf>,
    /// Real time after which it gives up.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub limit: Duration,
    /// The effect at which the coordinator crashes.
    #[arg(long)]
    pub crash_at: Option<u64>,
    /// Whether it crashes right before that effect, not right after.
    #[arg(long, requires = "crash_at")]
    pub crash_before: bool,
    /// Values set by hand.
    #[arg(long, value_parser = Override::parse)]
    pub set: Vec<Override>,
    /// What a sweep plans.
    #[arg(long)]
    pub plan: Option<Plan>,
    /// Whether to record the sites of a sweep.
    #[arg(long)]
    pub record_sites: bool,
    /// The bug that the coordinator has.
    #[arg(long)]
    pub planted: Option<String>,
    /// What gets in besides scenario and seed.
    #[arg(long, value_parser = leaks::find)]
    pub leak: Option<&'static PlantedLeak>,
    /// A folder to move to before the run.
    #[arg(long)]
    pub move_to: Option<PathBuf>,
    /// Whether another run comes before this one.
    #[arg(long)]
    pub afterwards: bool,
    /// Whether to end when stdin does.
    #[arg(long)]
    pub lifeline: bool,
}

/// A duration of more than nothing.
pub(super) fn positive(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time.is_zero() => Err("must be more than nothing".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}; expected a duration such as 90s or 10m")),
    }
}

/// What `--profile` takes.
pub(super) fn profile_names() -> Vec<&'static str> {
    PROFILES.iter().map(|one| one.name).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(words: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(words.split_whitespace())
    }

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_main_job_needs_no_word() {
        let arguments = parse("sim").expect("it parses");
        assert!(arguments.command.is_none());
        assert_eq!(
            (arguments.every.seeds, arguments.every.start_seed),
            (None, 1)
        );
        assert!(parse("sim --seeds 2 --json --start-seed 0xff").is_ok());
    }

    #[test]
    fn a_run_needs_a_scenario_or_real_data() {
        assert!(parse("sim run").is_err());
        assert!(parse("sim run --blocks lake").is_ok());
        assert!(parse("sim run --registry file.json --seed 3").is_ok());
        assert!(parse("sim run a.toml --color never").is_ok());
        assert!(parse("sim run a.toml --trace --json").is_err());
    }

    #[test]
    fn restarts_are_compared_at_all_effects_or_at_one() {
        let arguments = parse("sim equivalence a b --effect 3 --before").expect("it parses");
        let Some(Command::Equivalence(equivalence)) = arguments.command else {
            panic!("another command");
        };
        assert_eq!(equivalence.effect.map(NonZeroU64::get), Some(3));
        assert!(equivalence.before);
        for wrong in [
            "sim equivalence",
            "sim equivalence a --before",
            "sim equivalence a --effect 0",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn exploring_takes_a_number_or_a_time() {
        let arguments = parse("sim explore a b --for 10m -j 2").expect("it parses");
        let Some(Command::Explore(explore)) = arguments.command else {
            panic!("another command");
        };
        assert_eq!(explore.time, Some(Duration::from_secs(600)));
        assert_eq!(explore.scenarios.len(), 2);
        for wrong in [
            "sim explore --for 10m --seeds 3",
            "sim explore --for 0s",
            "sim explore --for soon",
            "sim explore --jobs 0",
            "sim explore --start-seed xyz",
            "sim explore --fail-fast --max-failures 3",
            "sim exploer",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
