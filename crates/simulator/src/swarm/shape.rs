//! How a run is divided into storms and quiet periods.

use toml::Value;

use super::Plan;
use super::draw::{count, millis, table, time};
use super::profile::Family;

/// The most quiet periods of a run.
const MOST_QUIET: u64 = 3;

/// The course of a run; all times in milliseconds from its start.
pub(super) struct Shape {
    /// How long it takes.
    pub duration: u64,
    silence: u64,
    /// Beginning and end of each quiet period.
    quiet: Vec<(u64, u64)>,
    faults_from: u64,
}

impl Shape {
    /// The shape of a run.
    pub(super) fn draw(plan: &Plan<'_>) -> Shape {
        let mut rng = plan.stream("run");
        let spells = match plan.is_on(Family::Quiet) {
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
            let quiet = self.quiet.iter().map(|(from, to)| {
                table([("at", time(*from)), ("for", time(to - from))])
            });
            entries.push(("run.quiet", Value::Array(quiet.collect())));
        }
        entries
    }

    /// `at`, or the end of the quiet period that it falls into.
    pub(super) fn in_a_storm(&self, at: u64) -> u64 {
        let at = at.min(self.duration);
        let spell = self.quiet.iter().find(|(from, to)| (*from..*to).contains(&at));
        spell.map_or(at, |(_, to)| *to)
    }
}
