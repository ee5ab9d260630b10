//! How a run is divided into storms and quiet periods.

use toml::Value;

use super::Plan;
use super::draw::{count, millis, table, text, time};
use super::profile::Group;

/// The most quiet periods of a run.
const MOST_QUIET: u64 = 3;

/// The most things that stay broken at the end of a run.
const MOST_BROKEN: u64 = 3;

/// What can be the matter with a node.
const OF_NODES: &[&str] = &["down", "frozen", "cut_off"];

/// What can be the matter with an indexer.
const OF_INDEXERS: &[&str] = &[
    "never_provisioned",
    "provisioning_hangs",
    "never_starting",
    "start_hangs",
    "blocks_missing",
];

/// The course of a run; all times in milliseconds from its start.
pub(super) struct Shape {
    /// How long it takes.
    pub duration: u64,
    silence: u64,
    /// Beginning and end of each quiet period.
    quiet: Vec<(u64, u64)>,
    faults_from: u64,
    broken: Vec<Value>,
}

impl Shape {
    /// The shape of a run.
    pub(super) fn draw(plan: &Plan<'_>) -> Shape {
        let mut rng = plan.stream("run");
        let spells = match plan.is_on(Group::Quiet) {
            true => count(&mut rng, 1, MOST_QUIET),
            false => 0,
        };
        let mut now = millis(&mut rng, 60_000, 1_800_000);
        let mut quiet = Vec::new();
        for nth in 0..spells {
            let mut rng = plan.stream(&format!("quiet {nth}"));
            let end = now + millis(&mut rng, 120_000, 7_200_000);
            quiet.push((now, end));
            now = end + millis(&mut rng, 60_000, 900_000);
        }
        let silence = plan.stream("silence");
        Shape {
            duration: now,
            silence: millis(&mut { silence }, 600_000, 3_600_000),
            quiet,
            faults_from: millis(&mut plan.stream("faults.start"), 1, 60_000),
            broken: broken(plan),
        }
    }

    /// What a scenario says of it.
    pub(super) fn entries(&self) -> Vec<(&'static str, Value)> {
        let mut entries = vec![
            ("run.duration", time(self.duration)),
            ("run.silence", time(self.silence)),
            ("faults.start", time(self.faults_from)),
        ];
        if !self.quiet.is_empty() {
            let quiet = self
                .quiet
                .iter()
                .map(|(from, to)| table([("at", time(*from)), ("for", time(to - from))]));
            entries.push(("run.quiet", Value::Array(quiet.collect())));
        }
        if !self.broken.is_empty() {
            entries.push(("run.broken", Value::Array(self.broken.clone())));
        }
        entries
    }

    /// How much of it is no quiet period.
    pub(super) fn stormy(&self) -> u64 {
        let quiet: u64 = self.quiet.iter().map(|(from, to)| to - from).sum();
        self.duration.saturating_sub(quiet)
    }

    /// `at`, or the end of the quiet period that it falls into.
    pub(super) fn in_a_storm(&self, at: u64) -> u64 {
        let at = at.min(self.duration);
        let spell = self
            .quiet
            .iter()
            .find(|(from, to)| (*from..*to).contains(&at));
        spell.map_or(at, |(_, to)| *to)
    }
}

/// What stays broken when the rest is healed.
fn broken(plan: &Plan<'_>) -> Vec<Value> {
    if !plan.is_on(Group::Broken) {
        return Vec::new();
    }
    let mut nodes = vec!["block_streamer", "runner", "store", "registry"];
    let wanted = count(&mut plan.stream("run.broken"), 1, MOST_BROKEN);
    let mut broken = Vec::new();
    for nth in 0..wanted {
        let mut rng = plan.stream(&format!("run.broken {nth}"));
        let place = rng.below(nodes.len() as u64) as usize;
        if rng.chance(0.5) {
            let node = nodes.remove(place);
            let is = match node == "registry" && rng.chance(0.3) {
                true => "stale",
                false => rng.pick(OF_NODES).copied().unwrap_or("down"),
            };
            broken.push(table([("node", text(node)), ("is", text(is))]));
        } else {
            let is = rng.pick(OF_INDEXERS).copied().unwrap_or("never_starting");
            broken.push(table([("indexer", text("random")), ("is", text(is))]));
        }
    }
    broken
}
