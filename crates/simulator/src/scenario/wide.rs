//! What the faults of clocks, of whole machines and of several nodes take.

use std::time::Duration;

use serde::Deserialize;
use sim_node::human_duration;

use super::values::{DurationRange, NodeName, optional_duration};

/// A clock that is set wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockStep {
    /// Whose clock: `coordinator` or `block_streamer`. The others tell nobody the
    /// time.
    pub node: NodeName,
    /// How far.
    #[serde(with = "human_duration")]
    pub by: Duration,
    /// True: the clock is set back. False if not given: it is put forward.
    #[serde(default)]
    pub back: bool,
    /// After this long it is put right again; when the faults end if not given.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

/// A clock that runs too fast or too slow.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockDrift {
    /// Whose clock, as in [`ClockStep`].
    pub node: NodeName,
    /// How many times as fast as it should, in 0.1..=10.
    pub rate: f64,
    /// After this long it runs as it should, and keeps what it has gained or lost
    /// until the faults end.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

/// A slow machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowNode {
    /// Which node. The coordinator reads every answer late; everybody else takes
    /// up requests late, and answers late.
    pub node: NodeName,
    /// How much longer each call takes. A service's own work takes the shorter of
    /// the two longer at each step, two seconds at most; a slow store slows both
    /// services.
    pub by: DurationRange,
    /// How long; until the faults of the run end if not given.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

/// Several nodes that die in one instant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoseNodes {
    /// Which, two at least.
    pub nodes: Vec<NodeName>,
    /// How long each of them is down, drawn for each; 1 s to 30 s if not given.
    #[serde(default = "seconds_to_half_a_minute")]
    pub down: DurationRange,
}

/// What is done to one node after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwizzleKind {
    /// All its links become slow.
    Clog,
    /// All its links are cut.
    Cut,
    /// It dies, and is started again.
    Crash,
    /// It freezes, and thaws.
    Pause,
}

impl SwizzleKind {
    /// All kinds, in a fixed order.
    pub const ALL: [SwizzleKind; 4] = [
        SwizzleKind::Clog,
        SwizzleKind::Cut,
        SwizzleKind::Crash,
        SwizzleKind::Pause,
    ];
}

/// Nodes that fail one by one and come back in another order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swizzle {
    /// What is done to each.
    pub kind: SwizzleKind,
    /// Which nodes, two at least; two or more that the seed chooses if not given.
    #[serde(default)]
    pub nodes: Vec<NodeName>,
    /// The time from one to the next, on the way down and on the way up; 1 s to
    /// 10 s if not given.
    #[serde(default = "some_seconds")]
    pub apart: DurationRange,
}

/// A link on which messages overtake each other.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reorder {
    /// One end.
    pub from: NodeName,
    /// The other end.
    pub to: NodeName,
    /// How long a message is held back, so that later ones overtake it.
    pub by: DurationRange,
    /// The probability that one is, in either direction; 0.3 if not given.
    #[serde(default = "some")]
    pub probability: f64,
    /// How long; until the faults of the run end if not given.
    #[serde(default, with = "optional_duration")]
    pub r#for: Option<Duration>,
}

fn seconds_to_half_a_minute() -> DurationRange {
    DurationRange::from_millis(1_000, 30_000)
}

fn some_seconds() -> DurationRange {
    DurationRange::from_millis(1_000, 10_000)
}

fn some() -> f64 {
    0.3
}
