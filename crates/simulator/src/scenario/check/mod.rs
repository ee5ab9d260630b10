//! What a scenario means, beyond its shape. Every mistake is noted; none stops
//! the search for others.

mod actions;
mod broken;
mod control_plane;
mod holds;
mod indexers;
mod limits;
mod rates;
mod steps;
mod timeline;
mod wide;

use std::time::Duration;

use toml::de::DeTable;

use super::diagnostic::Report;
use super::schema::{IndexerEntry, StepEntry};
use super::tree::{Place, unknown};
use super::values::DurationRange;
use super::{LONGEST, ORACLES, Scenario};

/// The longest `property`: it is one sentence.
const LONGEST_PROPERTY: usize = 400;
/// A repetition count beyond this can only be a slip.
const MOST_TIMES: u64 = 1_000_000;

/// What has been decoded, with the places for messages.
pub(super) struct Checked<'a> {
    /// The file.
    pub root: &'a DeTable<'a>,
    /// The elements of `[[indexer]]`.
    pub indexers: Vec<(IndexerEntry, Place<'a>)>,
    /// The elements of `[[step]]`.
    pub steps: Vec<(StepEntry, Place<'a>)>,
    /// True if nothing was left out because it could not be decoded. Otherwise
    /// what depends on other parts of the file is not checked.
    pub whole: bool,
}

/// Checks a scenario and writes out its indexers and steps.
pub(super) fn check(scenario: &mut Scenario, found: &Checked<'_>, report: &mut Report) {
    let section = |name: &str| Place::section(found.root, name);
    about(scenario, section, report);
    run(scenario, section("run"), report);
    rates::check(scenario, section, report);
    if let Err(error) = scenario.chain.check() {
        let place = section("chain").at(&[error.field]);
        report.add(
            place.span(),
            format!("`{}` {}", error.field, error.expected),
        );
    }
    if let Err(error) = scenario.nodes.block_streamer.check() {
        let place = section("nodes").at(&["block_streamer", error.field]);
        report.add(
            place.span(),
            format!("`{}` {}", error.field, error.expected),
        );
    }
    range(
        report,
        section("net").at(&["latency"]),
        scenario.net.latency,
    );
    limits::check(scenario, section, report);
    indexers::expand(scenario, found, report);
    steps::expand(scenario, found, report);
    broken::check(
        scenario,
        section("run").at(&["broken"]),
        found.whole,
        report,
    );
    cover_windows(scenario, section("store"), report);
}

fn about<'a>(scenario: &Scenario, section: impl Fn(&str) -> Place<'a>, report: &mut Report) {
    if scenario.property.len() > LONGEST_PROPERTY {
        let message = format!("`property` is longer than {LONGEST_PROPERTY} bytes");
        report.add(section("property").span(), message);
    }
    for (index, oracle) in scenario.defends.iter().enumerate() {
        let place = section("defends").at(&[&index.to_string()]);
        if !ORACLES.contains(&oracle.as_str()) {
            // All ids are near each other: only the wrong case can be guessed.
            let guess = oracle.to_uppercase();
            if ORACLES.contains(&guess.as_str()) {
                unknown(report, place.span(), "oracle", oracle, &[&guess]);
            } else {
                let help = format!("expected one of: {}", ORACLES.join(", "));
                report.add_with(
                    place.span(),
                    format!("unknown oracle `{oracle}`"),
                    Some(help),
                );
            }
        } else if scenario
            .defends
            .iter()
            .take(index)
            .any(|earlier| earlier == oracle)
        {
            report.add(place.span(), format!("oracle `{oracle}` is named twice"));
        }
    }
}

fn run(scenario: &Scenario, place: Place<'_>, report: &mut Report) {
    let run = &scenario.run;
    positive(report, place.at(&["duration"]), "duration", run.duration);
    limited(report, place.at(&["silence"]), run.silence);
    let mut earlier_end = Duration::ZERO;
    for (index, quiet) in run.quiet.iter().enumerate() {
        let place = place.at(&["quiet", &index.to_string()]);
        positive(report, place.at(&["for"]), "for", quiet.r#for);
        limited(report, place.at(&["at"]), quiet.at);
        if quiet.at < earlier_end {
            let message = "a quiet period begins before the one above it ends";
            report.add(place.at(&["at"]).span(), message);
        }
        earlier_end = quiet.at.saturating_add(quiet.r#for);
        if earlier_end > run.duration {
            let message = format!(
                "a quiet period ends after the run ({})",
                shown(run.duration)
            );
            report.add(place.span(), message);
        }
    }
}

/// Makes the store's undo log reach as far back as the steps need.
fn cover_windows(scenario: &mut Scenario, place: Place<'_>, report: &mut Report) {
    let windows = scenario.steps.iter().filter_map(|step| match &step.action {
        super::Action::StoreFault(fault) => fault.window,
        _ => None,
    });
    let needed = windows.max().unwrap_or_default();
    if place.get("undo_window").is_given() && needed > scenario.store.undo_window {
        let message = format!(
            "`undo_window` is shorter than the `window` of a step ({})",
            shown(needed)
        );
        let help = "leave it out: it follows from the steps".to_owned();
        report.add_with(place.at(&["undo_window"]).span(), message, Some(help));
    }
    limited(
        report,
        place.at(&["undo_window"]),
        scenario.store.undo_window,
    );
    scenario.store.undo_window = scenario.store.undo_window.max(needed);
}

/// A duration in the language's own form.
fn shown(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Notes a duration that is longer than any run.
fn limited(report: &mut Report, place: Place<'_>, duration: Duration) {
    if duration > LONGEST {
        let message = format!("{} is longer than {}", shown(duration), shown(LONGEST));
        report.add(place.span(), message);
    }
}

/// Notes a duration that is zero or longer than any run.
fn positive(report: &mut Report, place: Place<'_>, name: &str, duration: Duration) {
    if duration.is_zero() {
        report.add(place.span(), format!("`{name}` must be longer than zero"));
    }
    limited(report, place, duration);
}

/// Notes a range that is the wrong way round or too long.
fn range(report: &mut Report, place: Place<'_>, range: DurationRange) {
    if range.low > range.high {
        let message = format!(
            "the range runs backwards: {} to {}",
            shown(range.low),
            shown(range.high)
        );
        report.add(place.span(), message);
    }
    limited(report, place, range.low.max(range.high));
}

/// Notes what is no probability.
fn probability(report: &mut Report, place: Place<'_>, value: f64) {
    if !(0.0..=1.0).contains(&value) {
        report.add(
            place.span(),
            format!("{value} is no probability: it must be in 0..=1"),
        );
    }
}

/// Notes a count that is zero or absurd.
fn times(report: &mut Report, place: Place<'_>, name: &str, value: u64) {
    if !(1..=MOST_TIMES).contains(&value) {
        report.add(
            place.span(),
            format!("`{name}` must be between 1 and {MOST_TIMES}"),
        );
    }
}
