//! The sections of a scenario file, as written. This is the language's
//! reference; unknown keys are refused everywhere.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use sim_node::human_duration;

use super::action::Action;
use super::broken::Broken;
use super::values::{DurationRange, Registered, RuleSpec, StartSpec, optional_duration};

/// `[run]`: how long a run takes, in virtual time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// The part with steps and faults.
    #[serde(with = "human_duration")]
    pub duration: Duration,
    /// How long the settled world is watched after it has converged.
    #[serde(with = "human_duration")]
    pub silence: Duration,
    /// Times in mid-run in which all faults are healed (dead nodes restarted,
    /// frozen ones thawed, links mended, holds released) and the world must
    /// converge, if the period is long enough for that by the coordinator's own
    /// constants. Repeating steps pause; single steps may not fall in one.
    pub quiet: Vec<Quiet>,
    /// What stays broken when the rest is healed at the end.
    pub broken: Vec<Broken>,
    /// Whether a second coordinator, in shadow mode, runs beside the one under
    /// test. It reads through the same faulty network, but neither crashes nor
    /// freezes; whatever it sends may change nothing (S18), and where the world
    /// has settled it must agree with what is (L9).
    pub shadow: bool,
}

impl Default for Run {
    fn default() -> Run {
        Run {
            duration: Duration::from_secs(600),
            silence: Duration::from_secs(3600),
            quiet: Vec::new(),
            broken: Vec::new(),
            shadow: false,
        }
    }
}

/// A quiet period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// When it begins, from the start of the run.
    #[serde(with = "human_duration")]
    pub at: Duration,
    /// How long it lasts.
    #[serde(with = "human_duration")]
    pub r#for: Duration,
}

impl Quiet {
    /// Whether the period covers `time`, a time from the start of the run.
    pub fn covers(&self, time: Duration) -> bool {
        time >= self.at && time < self.at.saturating_add(self.r#for)
    }
}

/// `[data]`: real input instead of made-up input. Paths are relative to the
/// scenario file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// A folder of NEAR Lake blocks; `[chain]` is not used then.
    pub blocks: Option<PathBuf>,
    /// Time from block to block of `blocks`.
    #[serde(with = "human_duration")]
    pub interval: Duration,
    /// A file in the registry contract's JSON shape; its indexers are registered
    /// when the run starts, besides those of the scenario.
    pub registry: Option<PathBuf>,
}

impl Default for Data {
    fn default() -> Data {
        Data {
            blocks: None,
            interval: Duration::from_secs(1),
            registry: None,
        }
    }
}

/// `[net]`: the links while nothing is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Net {
    /// The latency of one message, drawn evenly.
    pub latency: DurationRange,
}

impl Default for Net {
    fn default() -> Net {
        Net {
            latency: DurationRange::from_millis(1, 5),
        }
    }
}

/// `[[indexer]]`: one indexer, or `count` alike.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexerEntry {
    /// The owner's account; `{n}` stands for the number of the copy, from 0.
    pub account: String,
    /// The function's name; may hold `{n}` too.
    pub function: String,
    /// How many copies; 1 if not given.
    #[serde(default = "one")]
    pub count: u64,
    /// When it is registered; at the start of the run if not given.
    #[serde(default = "at_once")]
    pub registered: Registered,
    /// The blocks it wants; those that touch `app0.near` if not given.
    #[serde(default)]
    pub rule: RuleSpec,
    /// Where it starts; `latest` if not given.
    #[serde(default)]
    pub start: StartSpec,
    /// Its code, which may hold the executor's `throw` markers.
    #[serde(default = "some_code")]
    pub code: String,
    /// Its database schema.
    #[serde(default = "some_schema")]
    pub schema: String,
}

/// `[[step]]`: something that happens at a time, once or repeatedly.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepEntry {
    /// When, from the start of the run. With `every`: the first time, which is
    /// `every` if not given.
    #[serde(default, with = "optional_duration")]
    pub at: Option<Duration>,
    /// Time between repetitions.
    #[serde(default, with = "optional_duration")]
    pub every: Option<Duration>,
    /// No repetition after this; the end of the run if not given.
    #[serde(default, with = "optional_duration")]
    pub until: Option<Duration>,
    /// The most repetitions; no limit but the time if not given.
    pub times: Option<u64>,
    /// What happens.
    pub r#do: Action,
}

fn one() -> u64 {
    1
}

fn at_once() -> Registered {
    Registered::At(Duration::ZERO)
}

fn some_code() -> String {
    "await context.db.Blocks.insert({ height: block.blockHeight });".to_owned()
}

fn some_schema() -> String {
    "CREATE TABLE blocks (height numeric PRIMARY KEY);".to_owned()
}
