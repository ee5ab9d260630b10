//! The random parts: rates, probabilities, time windows.

use std::time::Duration;

use super::super::diagnostic::Report;
use super::super::tree::Place;
use super::super::{Faults, NodeName, Scenario};
use super::{limited, positive, probability, range, shown};

/// More events of one kind than this per minute can only be a slip.
const HIGHEST_RATE: f64 = 10_000.0;

/// Checks `[faults]` and `[workload]`.
pub(super) fn check<'a>(
    scenario: &Scenario,
    section: impl Fn(&str) -> Place<'a>,
    report: &mut Report,
) {
    let faults = &scenario.faults;
    let place = section("faults");
    let end = scenario.run.duration;
    window(report, place, faults.start, faults.stop, end);
    let of_nodes = [
        ("kill", &faults.kill),
        ("pause", &faults.pause),
        ("slow_node", &faults.slow_node),
    ];
    for (table, rates) in of_nodes {
        for node in NodeName::ALL {
            rate(report, place.at(&[table, node.as_str()]), rates.of(node));
        }
    }
    let of_clocks = [
        ("clock_jump", &faults.clock_jump),
        ("clock_drift", &faults.clock_drift),
    ];
    for (table, rates) in of_clocks {
        for (node, value) in rates.each() {
            rate(report, place.at(&[table, node.as_str()]), value);
        }
    }
    for (name, value) in [
        ("partition", faults.partition),
        ("clog", faults.clog),
        ("reorder", faults.reorder),
        ("lose_nodes", faults.lose_nodes),
        ("swizzle", faults.swizzle),
    ] {
        rate(report, place.at(&[name]), value);
    }
    let ranges = [
        ("down", faults.down),
        ("partition_for", faults.partition_for),
        ("clog_for", faults.clog_for),
        ("clog_latency", faults.clog_latency),
        ("reorder_for", faults.reorder_for),
        ("reorder_by", faults.reorder_by),
        ("slow_node_for", faults.slow_node_for),
        ("slow_node_by", faults.slow_node_by),
        ("swizzle_apart", faults.swizzle_apart),
        ("clock_jump_by", faults.clock_jump_by),
        ("clock_jump_for", faults.clock_jump_for),
        ("clock_drift_for", faults.clock_drift_for),
    ];
    for (name, value) in ranges {
        range(report, place.at(&[name]), value);
    }
    for (name, values) in probabilities(faults) {
        together(report, place.get(name), &values);
    }
    positive(
        report,
        place.at(&["registry_calls", "lag"]),
        "lag",
        faults.registry_calls.lag,
    );
    let tasks = &faults.tasks;
    let task_rates = [
        ("panic_task", tasks.panic_task),
        ("kill_task", tasks.kill_task),
        ("crash_worker", tasks.crash_worker),
        ("vanish_worker", tasks.vanish_worker),
        ("poison", tasks.poison),
        ("slow_start", tasks.slow_start),
        ("hang_start", tasks.hang_start),
        ("fail_start", tasks.fail_start),
        ("fail_stop", tasks.fail_stop),
        ("fail_next", tasks.fail_next),
        ("hang_next", tasks.hang_next),
        ("slow_next", tasks.slow_next),
    ];
    for (name, value) in task_rates {
        rate(report, place.at(&["tasks", name]), value);
    }
    let control = &faults.control_plane;
    let control_rates = [
        ("quota", control.quota),
        ("second_coordinator", control.second_coordinator),
        ("downgrade", control.downgrade),
    ];
    for (name, value) in control_rates {
        rate(report, place.at(&["control_plane", name]), value);
    }
    workload(scenario, section("workload"), report);
}

fn workload(scenario: &Scenario, place: Place<'_>, report: &mut Report) {
    let workload = &scenario.workload;
    window(
        report,
        place,
        workload.start,
        workload.stop,
        scenario.run.duration,
    );
    let rates = [
        ("register", workload.register),
        ("update", workload.update),
        ("delete", workload.delete),
        ("reregister", workload.reregister),
        ("enable", workload.enable),
        ("disable", workload.disable),
        ("hold", workload.hold),
        ("release", workload.release),
        ("retry", workload.retry),
        ("hidden_change", workload.hidden_change),
        ("churn", workload.churn),
    ];
    for (name, value) in rates {
        rate(report, place.at(&[name]), value);
    }
}

type Named = Vec<(&'static str, f64)>;

/// The tables of which at most one thing can happen to a call.
fn probabilities(faults: &Faults) -> [(&'static str, Named); 4] {
    let lists = &faults.lists;
    let calls = &faults.calls;
    let store = &faults.store_calls;
    let registry = &faults.registry_calls;
    [
        (
            "lists",
            vec![
                ("partial", lists.partial),
                ("shuffled", lists.shuffled),
                ("empty", lists.empty),
            ],
        ),
        (
            "calls",
            vec![
                ("refused", calls.refused),
                ("error_before", calls.error_before),
                ("error_after", calls.error_after),
                ("answer_lost", calls.answer_lost),
                ("late", calls.late),
                ("duplicate", calls.duplicate),
                ("stale", calls.stale),
                ("hang", calls.hang),
                ("half_open", calls.half_open),
                ("black_hole", calls.black_hole),
            ],
        ),
        (
            "store_calls",
            vec![
                ("conflict", store.conflict),
                ("error_before", store.error_before),
                ("error_after", store.error_after),
                ("rival", store.rival),
            ],
        ),
        (
            "registry_calls",
            vec![
                ("null", registry.null),
                ("error", registry.error),
                ("rate_limited", registry.rate_limited),
                ("stale", registry.stale),
                ("undecodable", registry.undecodable),
                ("gas_limit", registry.gas_limit),
                ("empty", registry.empty),
                ("drop_entries", registry.drop_entries),
            ],
        ),
    ]
}

/// Checks the probabilities of things that exclude each other.
fn together(report: &mut Report, place: Place<'_>, values: &Named) {
    for (name, value) in values {
        probability(report, place.at(&[name]), *value);
    }
    let sum: f64 = values.iter().map(|(_, value)| *value).sum();
    let each_fine = values.iter().all(|(_, value)| (0.0..=1.0).contains(value));
    // Sums of decimal fractions are a little off.
    if each_fine && sum > 1.0 + 1e-9 {
        report.add(
            place.span(),
            format!("the probabilities add up to {sum:.3}, more than 1"),
        );
    }
}

fn rate(report: &mut Report, place: Place<'_>, value: f64) {
    if !(0.0..=HIGHEST_RATE).contains(&value) {
        let message = format!("{value} is no rate per minute: it must be in 0..={HIGHEST_RATE}");
        report.add(place.span(), message);
    }
}

fn window(
    report: &mut Report,
    place: Place<'_>,
    start: Duration,
    stop: Option<Duration>,
    end: Duration,
) {
    limited(report, place.at(&["start"]), start);
    if start > end {
        let message = format!("`start` is after the end of the run ({})", shown(end));
        report.add(place.at(&["start"]).span(), message);
    }
    let Some(stop) = stop else { return };
    limited(report, place.at(&["stop"]), stop);
    if stop > end {
        let message = format!("`stop` is after the end of the run ({})", shown(end));
        report.add(place.at(&["stop"]).span(), message);
    }
    if stop < start {
        report.add(place.at(&["stop"]).span(), "`stop` is before `start`");
    }
}
