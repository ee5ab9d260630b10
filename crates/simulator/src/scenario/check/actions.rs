//! The parameters of actions.

use std::time::Duration;

use sim_provisioner::Stage;

use super::super::Scenario;
use super::super::action::{
    Action, CallFault, Clog, CrashAtEffect, FailNext, Partition, RegistryFault, StoreFault,
};
use super::super::diagnostic::Report;
use super::super::nearest::nearest;
use super::super::tree::{Place, unknown};
use super::super::values::{
    CallOutcome, Method, NodeName, RegistryFaultKind, Selector, StoreFaultKind,
};
use super::{control_plane, indexers, limited, positive, probability, range, times, wide};

/// Checks what an action refers to elsewhere in the file.
pub(super) fn check_references(
    scenario: &Scenario,
    action: &Action,
    place: Place<'_>,
    report: &mut Report,
) {
    let place = place.at(&[action.name()]);
    if let Some(selector) = action.selector() {
        known(scenario, selector, place.at(&["indexer"]), report);
    }
    if let Action::Register(change) | Action::Update(change) | Action::Reregister(change) = action
        && let Some(start) = change.start
    {
        indexers::start(report, place.at(&["start"]), start, scenario);
    }
}

/// Checks one action by itself; `place` is the value of its `do`.
pub(super) fn check(action: &Action, place: Place<'_>, report: &mut Report) {
    let place = place.at(&[action.name()]);
    match action {
        Action::Register(change) | Action::Update(change) | Action::Reregister(change) => {
            if let Some(rule) = &change.rule {
                indexers::rule(report, place.at(&["rule"]), rule);
            }
        }
        Action::Pause(pause) => lasting(report, place, pause.r#for),
        Action::Crash(crash) => positive(report, place.at(&["down"]), "down", crash.down),
        Action::CrashCoordinatorAtEffect(crash) => crash_at_effect(crash, place, report),
        Action::Partition(partition) => check_partition(partition, place, report),
        Action::Clog(clog) => check_clog(clog, place, report),
        Action::Reorder(_)
        | Action::LoseNodes(_)
        | Action::Swizzle(_)
        | Action::SlowNode(_)
        | Action::ClockSkew(_)
        | Action::ClockJump(_)
        | Action::ClockDrift(_) => wide::check(action, place, report),
        Action::CallFault(fault) => call_fault(fault, place, report),
        Action::StoreFault(fault) => store_fault(fault, place, report),
        Action::RegistryFault(fault) => registry_fault(fault, place, report),
        Action::FetchOutage(outage) => lasting(report, place, Some(outage.r#for)),
        Action::SlowStart(slow) => {
            limited(report, place.at(&["by"]), slow.by);
            times(report, place.at(&["times"]), "times", slow.times);
        }
        Action::HangStart(next)
        | Action::FailStart(next)
        | Action::FailStop(next)
        | Action::HangNext(next) => {
            times(report, place.at(&["times"]), "times", next.times);
        }
        Action::FailNext(fail) => fail_next(fail, place, report),
        Action::SlowNext(slow) => limited(report, place.at(&["by"]), slow.by),
        Action::ListFault(_)
        | Action::Quota(_)
        | Action::HiddenChange(_)
        | Action::Churn(_)
        | Action::SecondCoordinator(_)
        | Action::Downgrade(_)
        | Action::Broken(_) => control_plane::check(action, place, report),
        Action::Delete(_)
        | Action::Enable(_)
        | Action::Disable(_)
        | Action::Hold(_)
        | Action::Release(_)
        | Action::Retry(_)
        | Action::Kill(_)
        | Action::Restart(_)
        | Action::Resume(_)
        | Action::CorruptRecord(_)
        | Action::SetRecord(_)
        | Action::PanicTask(_)
        | Action::KillTask(_)
        | Action::CrashWorker(_)
        | Action::VanishWorker(_)
        | Action::Poison(_) => {}
    }
}

fn fail_next(fail: &FailNext, place: Place<'_>, report: &mut Report) {
    times(report, place.at(&["times"]), "times", fail.times);
    let Some(name) = &fail.stage else { return };
    if Stage::by_name(name).is_none() {
        let stages = Stage::PROVISION.iter().chain(Stage::DEPROVISION);
        let names: Vec<&str> = stages.map(|stage| stage.name()).collect();
        unknown(report, place.at(&["stage"]).span(), "stage", name, &names);
    }
}

/// Notes an indexer that is nowhere declared.
pub(super) fn known(
    scenario: &Scenario,
    selector: &Selector,
    place: Place<'_>,
    report: &mut Report,
) {
    // A registry file may hold any indexer; it is not read here.
    if scenario.data.registry.is_some() {
        return;
    }
    if scenario.indexers.is_empty() {
        let help = "declare one with [[indexer]]".to_owned();
        report.add_with(place.span(), "the scenario has no indexers", Some(help));
        return;
    }
    let Selector::One(key) = selector else { return };
    if scenario.indexers.iter().all(|indexer| indexer.key != *key) {
        let names = scenario.indexers.iter().map(|indexer| indexer.key.as_str());
        let help = match nearest(key.as_str(), names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it with [[indexer]]".to_owned(),
        };
        report.add_with(place.span(), format!("unknown indexer `{key}`"), Some(help));
    }
}

fn crash_at_effect(crash: &CrashAtEffect, place: Place<'_>, report: &mut Report) {
    times(report, place.at(&["k"]), "k", crash.k);
    positive(report, place.at(&["down"]), "down", crash.down);
}

fn check_partition(partition: &Partition, place: Place<'_>, report: &mut Report) {
    link(partition.from, partition.to, place, report);
    lasting(report, place, partition.r#for);
}

fn check_clog(clog: &Clog, place: Place<'_>, report: &mut Report) {
    link(clog.from, clog.to, place, report);
    range(report, place.at(&["latency"]), clog.latency);
    lasting(report, place, clog.r#for);
}

/// Notes a link that nothing ever passes.
pub(super) fn link(from: NodeName, to: NodeName, place: Place<'_>, report: &mut Report) {
    if from == to {
        report.add(
            place.at(&["to"]).span(),
            format!("`{from}` has no link to itself"),
        );
    } else if !from.talks_to(to) {
        report.add(
            place.at(&["to"]).span(),
            format!("`{from}` and `{to}` never talk"),
        );
    }
}

fn call_fault(fault: &CallFault, place: Place<'_>, report: &mut Report) {
    count_and_time(fault.times, fault.r#for, place, report);
    probability(report, place.at(&["probability"]), fault.probability);
    if fault.indexer.is_some() && !fault.method.names_an_indexer() {
        let message = "a listing is about all indexers: leave `indexer` out";
        report.add(place.at(&["indexer"]).span(), message);
    }
    if fault.outcome == CallOutcome::Stale && is_effect(fault.method) {
        let message = "only the answer to a read can be stale";
        report.add(place.at(&["outcome"]).span(), message);
    }
}

fn is_effect(method: Method) -> bool {
    matches!(
        method,
        Method::StartStream
            | Method::StopStream
            | Method::StartExecutor
            | Method::StopExecutor
            | Method::StartProvisioningTask
            | Method::StartDeprovisioningTask
    )
}

fn store_fault(fault: &StoreFault, place: Place<'_>, report: &mut Report) {
    use StoreFaultKind as Kind;
    count_and_time(fault.times, fault.r#for, place, report);
    probability(report, place.at(&["probability"]), fault.probability);
    let per_command = matches!(
        fault.kind,
        Kind::Conflict | Kind::Rival | Kind::ErrorBefore | Kind::ErrorAfter
    );
    let forgets = matches!(fault.kind, Kind::LoseTail | Kind::Failover);
    let lasts = per_command || matches!(fault.kind, Kind::ReadOnly | Kind::Oom);
    only_if(report, place, "times", fault.times.is_some(), per_command);
    only_if(report, place, "for", fault.r#for.is_some(), lasts);
    only_if(
        report,
        place,
        "indexer",
        fault.indexer.is_some(),
        per_command,
    );
    only_if(report, place, "window", fault.window.is_some(), forgets);
    match fault.window {
        Some(window) => positive(report, place.at(&["window"]), "window", window),
        None if forgets => {
            let help = "how much is forgotten, such as window = \"5s\"".to_owned();
            report.add_with(place.span(), "missing key `window`", Some(help));
        }
        None => {}
    }
}

fn registry_fault(fault: &RegistryFault, place: Place<'_>, report: &mut Report) {
    use RegistryFaultKind as Kind;
    count_and_time(fault.times, fault.r#for, place, report);
    probability(report, place.at(&["probability"]), fault.probability);
    let stale = fault.kind == Kind::Stale;
    let about_one = matches!(
        fault.kind,
        Kind::Null | Kind::Undecodable | Kind::DropEntries
    );
    only_if(report, place, "lag", fault.lag.is_some(), stale);
    only_if(report, place, "indexer", fault.indexer.is_some(), about_one);
    match fault.lag {
        Some(lag) => positive(report, place.at(&["lag"]), "lag", lag),
        None if stale => {
            let help = "how old the answers are, such as lag = \"30s\"".to_owned();
            report.add_with(place.span(), "missing key `lag`", Some(help));
        }
        None => {}
    }
}

/// Notes a key that means nothing for this kind of fault.
pub(super) fn only_if(
    report: &mut Report,
    place: Place<'_>,
    name: &str,
    given: bool,
    meaningful: bool,
) {
    if given && !meaningful {
        let message = format!("`{name}` means nothing for this kind of fault");
        report.add(place.at(&[name]).span(), message);
    }
}

pub(super) fn count_and_time(
    count: Option<u64>,
    duration: Option<Duration>,
    place: Place<'_>,
    report: &mut Report,
) {
    if let Some(count) = count {
        times(report, place.at(&["times"]), "times", count);
    }
    lasting(report, place, duration);
}

/// Notes a time to last that is zero or longer than any run.
pub(super) fn lasting(report: &mut Report, place: Place<'_>, duration: Option<Duration>) {
    if let Some(duration) = duration {
        positive(report, place.at(&["for"]), "for", duration);
    }
}
