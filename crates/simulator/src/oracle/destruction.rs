//! S6 and S7: what destroys has a reason, and deletion has a proof.

use lifecycle::Phase;
use sim_node::Time;

use super::finding::Finding;
use super::record::Persisted;
use super::truth::Truth;
use super::{record_history, stability};
use crate::history::Method;

impl super::Oracles {
    /// Why an effect about `number` may not be, if it may not: its phase does not
    /// have it, it destroys without a reason, or it comes before its turn.
    pub(super) fn lacks_reason(&self, now: Time, number: usize, method: Method) -> Option<Finding> {
        let truth = &self.truth;
        let clears = method == Method::StoreDelete;
        record_history::allowed(truth, now, number, method)
            .or_else(|| {
                let found = has_reason(truth, now, number, method)?;
                Some(stability::of_outage(found, &self.fair, method))
            })
            .or_else(|| stability::ends_unwritten(truth, &self.fair, now, number, method))
            .or_else(|| {
                clears
                    .then(|| self.order.clears(truth, now, number))
                    .flatten()
            })
    }
}

/// S6, which implies P6. Verifies that a stop, when it is sent, has one of
/// these reasons: what runs was not what is wanted within the observation
/// delay, it is sick, a repair is in progress, or the record's run is not (yet)
/// it; and that queue and cursor are only cleared for a run that is not
/// prepared or a deletion. Says nothing while the coordinator may act on an
/// answer that was not true, nor about lost or tampered records.
pub(super) fn has_reason(
    truth: &Truth,
    now: Time,
    number: usize,
    method: Method,
) -> Option<Finding> {
    let indexer = truth.at(number);
    if indexer.relaxed || now < indexer.unsure_until || indexer.record == Persisted::Unknown {
        return None;
    }
    let record = indexer.record.known();
    let prepared = record
        .and_then(|record| record.run)
        .filter(|run| run.prepared);
    if method == Method::StoreDelete {
        let deleting = record.is_some_and(|record| record.phase == Phase::Deleting);
        let owned = record.is_none_or(|record| record.own);
        return (!deleting && owned && (prepared.is_some() || record.is_none()))
            .then(|| lacks_reason(truth, number, "queue and cursor are deleted"))
            .flatten();
    }
    let (version, sick, what) = match method {
        Method::StopStream => {
            let listed = indexer.world.listed_stream?;
            (listed.version, indexer.world.stream_is_sick(), "stream")
        }
        Method::StopExecutor => {
            let listed = indexer.world.executor?;
            (listed.version, indexer.world.executor_is_sick(), "executor")
        }
        _ => return None,
    };
    let reason = sick
        || truth.is_misled(number, now)
        || truth.may_not_want(number, version, now)
        || record.is_some_and(|record| record.phase == Phase::Repairing || !record.enabled)
        || prepared.is_none_or(|run| run.version() != version);
    (!reason)
        .then(|| {
            lacks_reason(
                truth,
                number,
                &format!("the {what} of version {version} is stopped"),
            )
        })
        .flatten()
}

fn lacks_reason(truth: &Truth, number: usize, what: &str) -> Option<Finding> {
    let key = &truth.at(number).key;
    Finding::about(
        "S6",
        number,
        format!("{key}: {what}, although it is healthy and wanted"),
    )
}

/// S7. Verifies that a record enters deletion, or is removed, only if the
/// registry held a tombstone that could be seen when the write was sent.
pub(super) fn has_proof(truth: &Truth, now: Time, number: usize) -> Option<Finding> {
    let indexer = truth.at(number);
    let was_deleting = indexer.record_before.phase() == Some(Phase::Deleting);
    let verb = match &indexer.record {
        Persisted::Nothing if indexer.record_before != Persisted::Nothing => "removed",
        Persisted::Known(record) if record.phase == Phase::Deleting && !was_deleting => {
            "marked for deletion"
        }
        _ => return None,
    };
    if indexer.foreign_write || truth.may_be_deleted(number, now) {
        return None;
    }
    let key = &indexer.key;
    let sentence = format!("{key}: its record is {verb}, but the registry never deleted it");
    Finding::about("S7", number, sentence)
}
