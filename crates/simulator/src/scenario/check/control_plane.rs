//! The parameters of steps about what the coordinator goes by.

use std::time::Duration;

use super::super::action::Action;
use super::super::control_plane::{Churn, ListFault, ListFaultKind};
use super::super::diagnostic::Report;
use super::super::tree::Place;
use super::actions::{count_and_time, lasting, only_if};
use super::{limited, positive, probability, times};

/// The longest time between a change and its contrary: later ones are seen.
const LONGEST_GAP: Duration = Duration::from_secs(5);

/// More updates at once than this can only be a slip.
const MOST_UPDATES: u64 = 1_000;

/// Checks one action by itself; `place` is its table.
pub(super) fn check(action: &Action, place: Place<'_>, report: &mut Report) {
    match action {
        Action::ListFault(fault) => list_fault(fault, place, report),
        Action::Quota(quota) => lasting(report, place, quota.r#for),
        Action::HiddenChange(change) if change.gap > LONGEST_GAP => {
            let message = "`gap` is longer than 5s: write two steps instead";
            report.add(place.at(&["gap"]).span(), message);
        }
        Action::Churn(churn) => check_churn(churn, place, report),
        Action::SecondCoordinator(second) => {
            limited(report, place.at(&["frozen"]), second.frozen);
            if let Some(lives_on) = second.lives_on {
                positive(report, place.at(&["lives_on"]), "lives_on", lives_on);
            }
        }
        Action::Downgrade(downgrade) => {
            positive(report, place.at(&["down"]), "down", downgrade.down);
        }
        Action::Broken(broken) => lasting(report, place, broken.r#for),
        _ => {}
    }
}

fn list_fault(fault: &ListFault, place: Place<'_>, report: &mut Report) {
    count_and_time(fault.times, fault.r#for, place, report);
    probability(report, place.at(&["probability"]), fault.probability);
    let partial = fault.kind == ListFaultKind::Partial;
    only_if(report, place, "share", fault.share.is_some(), partial);
    only_if(report, place, "indexer", fault.indexer.is_some(), partial);
    let Some(share) = fault.share else { return };
    probability(report, place.at(&["share"]), share);
    if fault.indexer.is_some() {
        let message = "`share` means nothing where `indexer` says who is missing";
        report.add(place.at(&["share"]).span(), message);
    }
}

fn check_churn(churn: &Churn, place: Place<'_>, report: &mut Report) {
    times(report, place.at(&["times"]), "times", churn.times);
    if churn.times > MOST_UPDATES {
        let message = format!("`times` is more than {MOST_UPDATES} updates of one indexer");
        report.add(place.at(&["times"]).span(), message);
    }
    positive(report, place.at(&["within"]), "within", churn.within);
}
