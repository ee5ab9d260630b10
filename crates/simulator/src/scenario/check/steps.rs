//! `[[step]]`: times and repetitions.

use std::time::Duration;

use super::super::diagnostic::Report;
use super::super::schema::StepEntry;
use super::super::tree::Place;
use super::super::{MOST_STEPS, Scenario, Step};
use super::{Checked, actions, limited, shown, timeline, times};

/// Checks the entries, writes their repetitions into the scenario by time, and
/// follows what they do to nodes and indexers.
pub(super) fn expand(scenario: &mut Scenario, found: &Checked<'_>, report: &mut Report) {
    let entries = &found.steps;
    // The step and the number of its entry.
    let mut steps: Vec<(Step, usize)> = Vec::new();
    for (number, (entry, place)) in entries.iter().enumerate() {
        actions::check(&entry.r#do, place.get("do"), report);
        if found.whole {
            actions::check_references(scenario, &entry.r#do, place.get("do"), report);
        }
        check_times(scenario, entry, *place, report);
        let line = report.line(place.span().start);
        let room = MOST_STEPS - steps.len();
        if moments(scenario, entry).nth(room).is_some() {
            report.add(
                place.span(),
                format!("there are more than {MOST_STEPS} steps"),
            );
        }
        let quiet = |at: &Duration| scenario.run.quiet.iter().any(|quiet| quiet.covers(*at));
        let moments = moments(scenario, entry).take(room).filter(|at| !quiet(at));
        let step = |at| {
            (
                Step {
                    at,
                    action: entry.r#do.clone(),
                    line,
                },
                number,
            )
        };
        steps.extend(moments.map(step));
    }
    steps.sort_by_key(|(step, number)| (step.at, *number));
    if found.whole {
        timeline::check(scenario, &steps, entries, report);
    }
    scenario.steps = steps.into_iter().map(|(step, _)| step).collect();
}

fn check_times(scenario: &Scenario, entry: &StepEntry, place: Place<'_>, report: &mut Report) {
    let end = scenario.run.duration;
    for (name, value) in [
        ("at", entry.at),
        ("every", entry.every),
        ("until", entry.until),
    ] {
        let Some(value) = value else { continue };
        let place = place.at(&[name]);
        limited(report, place, value);
        if value > end {
            let message = format!("`{name}` is after the end of the run ({})", shown(end));
            report.add(place.span(), message);
        }
    }
    let Some(every) = entry.every else {
        check_single(scenario, entry, place, report);
        return;
    };
    if every.is_zero() {
        report.add(
            place.at(&["every"]).span(),
            "`every` must be longer than zero",
        );
    }
    if let Some(count) = entry.times {
        times(report, place.at(&["times"]), "times", count);
    }
    if entry
        .until
        .is_some_and(|until| until < entry.at.unwrap_or(every))
    {
        report.add(
            place.at(&["until"]).span(),
            "`until` is before the first time",
        );
    }
}

/// A step without `every`.
fn check_single(scenario: &Scenario, entry: &StepEntry, place: Place<'_>, report: &mut Report) {
    for (name, given) in [
        ("until", entry.until.is_some()),
        ("times", entry.times.is_some()),
    ] {
        if given {
            let message = format!("`{name}` goes with `every`");
            report.add(place.at(&[name]).span(), message);
        }
    }
    let Some(at) = entry.at else {
        let help = "write at = \"30s\" or every = \"20s\"".to_owned();
        report.add_with(
            place.span(),
            "the step has neither `at` nor `every`",
            Some(help),
        );
        return;
    };
    if let Some(quiet) = scenario.run.quiet.iter().find(|quiet| quiet.covers(at)) {
        let message = format!(
            "the step falls in the quiet period from {} to {}",
            shown(quiet.at),
            shown(quiet.at.saturating_add(quiet.r#for))
        );
        report.add(place.at(&["at"]).span(), message);
    }
}

/// The times of a step, those in quiet periods too.
fn moments(scenario: &Scenario, entry: &StepEntry) -> impl Iterator<Item = Duration> + use<> {
    let end = scenario.run.duration.min(super::LONGEST);
    let last = entry.until.unwrap_or(end).min(end);
    let first = entry.at.or(entry.every);
    // Without a step forward there is only the first time.
    let every = entry.every.filter(|every| !every.is_zero());
    let count = match (every, entry.times) {
        (None, _) => 1,
        (Some(_), Some(times)) => usize::try_from(times).unwrap_or(usize::MAX),
        (Some(_), None) => usize::MAX,
    };
    std::iter::successors(first, move |at| at.checked_add(every?))
        .take(count)
        .take_while(move |at| *at <= last)
}
