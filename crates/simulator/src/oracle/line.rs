//! The line of those that are to be provisioned, one of an account at a time.

use std::time::Duration;

use lifecycle::Phase;
use sim_node::Time;

use super::desire::{Registered, Switch};
use super::fair::Fair;
use super::indexer::{Indexer, share_a_database};
use super::truth::Truth;

/// Whoever is next is on its way for so long.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// For so long after a refusal whoever has its turn may pause.
const PAUSE: Duration = Duration::from_secs(300);

/// Whether the indexer stands in line while the store takes no writes, or took none
/// lately: whoever has its turn can note no task, and pauses between its tries. Who is
/// deleted or switched off waits for nobody's turn.
pub(super) fn stands_still(truth: &Truth, fair: &Fair, heard: Time, number: usize) -> bool {
    let indexer = truth.at(number);
    let wanted = indexer.desire.current();
    let ends = wanted.registered == Registered::Deleted || wanted.switch == Switch::Off;
    let waits = !ends && indexer.record.phase() == Some(Phase::Initializing);
    if !waits || fair.was_writable_since(heard - PAUSE) {
        return false;
    }
    let account = indexer.key.account();
    let mut others = truth.all().filter(|(other, _)| *other != number);
    others.any(|(_, other)| {
        may_be_provisioned(other) && share_a_database(other.key.account(), account)
    })
}

fn may_be_provisioned(indexer: &Indexer) -> bool {
    let wanted = matches!(
        indexer.desire.current().registered,
        Registered::Present { .. }
    );
    let waits = [None, Some(Phase::Initializing), Some(Phase::Repairing)];
    wanted && waits.contains(&indexer.record.phase())
}

/// Whether its record tells of a data layer task, or did so a moment ago: then the next
/// one in the queue has its turn, and is on its way.
pub(super) fn is_tasked(indexer: &Indexer, now: Time) -> bool {
    let record = indexer.record.known();
    let lately = (indexer.tasked_at).is_some_and(|at| now.since(at) <= ON_ITS_WAY);
    lately || record.is_some_and(|record| record.task.is_some())
}

/// Whether as many data layer tasks are under way as are allowed, or were a moment ago.
pub(super) fn is_provisioning_full(truth: &Truth, now: Time) -> bool {
    let noted = truth.all().filter(|(_, indexer)| is_tasked(indexer, now));
    noted.count().max(truth.tasks.len()) >= truth.limits.provisioning_parallel
}

/// Whether a data layer task in the account's database is under way, or may be, or was
/// a moment ago.
pub(super) fn is_account_busy(truth: &Truth, now: Time, number: usize) -> bool {
    let account = truth.at(number).key.account();
    let runs = truth
        .tasks
        .iter()
        .any(|task| share_a_database(truth.at(task.indexer).key.account(), account));
    runs || truth.all().any(|(_, other)| {
        let record = other.record.known();
        // What spoiled the record took with it what is known of its task.
        let spoiled = other.tampered_at.filter(|_| record.is_none());
        let lost = spoiled.is_some_and(|at| {
            now < at + truth.limits.provisioning_abandon + truth.limits.observation_delay
        });
        (is_tasked(other, now) || lost) && share_a_database(other.key.account(), account)
    })
}
