//! S8 and S9: what records say over time.

use lifecycle::{Cause, Phase, may_follow};
use sim_node::Time;

use super::desire::Switch;
use super::finding::Finding;
use super::record::Persisted;
use super::truth::Truth;
use crate::history::Method;

/// S8, first half. Verifies that a written record is readable and that its
/// phase may follow the one before. Says nothing of writes by other hands.
pub(super) fn transition(truth: &Truth, number: usize) -> Option<Finding> {
    let indexer = truth.at(number);
    if indexer.foreign_write {
        return None;
    }
    let key = &indexer.key;
    // The first format has no record, and yet it runs.
    let taken_over = indexer.translated_at.is_some();
    let sentence = match (&indexer.record_before, &indexer.record) {
        (_, Persisted::Corrupt) => format!("{key}: what was written is no record"),
        (Persisted::Nothing, Persisted::Known(record))
            if !(matches!(record.phase, Phase::Initializing | Phase::Deleting)
                || taken_over && record.phase == Phase::Running) =>
        {
            format!("{key}: a life begins in phase {}", record.phase)
        }
        (Persisted::Known(before), Persisted::Known(after))
            if !may_follow(before.phase, after.phase) =>
        {
            format!(
                "{key}: phase {} must not follow {}",
                after.phase, before.phase
            )
        }
        (Persisted::Known(before), Persisted::Nothing) if before.phase != Phase::Deleting => {
            format!("{key}: its record was removed in phase {}", before.phase)
        }
        _ => return None,
    };
    Finding::about("S8", number, sentence)
}

/// S8, of claims. Verifies that a record says that no block streamer can serve a rule
/// only if the registry asked for such a rule: whoever believes it runs nothing. Says
/// nothing of writes by other hands.
pub(super) fn claim(truth: &Truth, number: usize) -> Option<Finding> {
    let indexer = truth.at(number);
    let says = |persisted: &Persisted| {
        let repair = persisted.known().and_then(|record| record.repair.as_ref());
        repair.is_some_and(|repair| repair.cause == Cause::UnsupportedRule)
    };
    let new = says(&indexer.record) && !says(&indexer.record_before);
    if indexer.foreign_write || !new || indexer.desire.was_unsupported() {
        return None;
    }
    let key = &indexer.key;
    let sentence = format!("{key}: its record says that its rule cannot be served, but it can");
    Finding::about("S8", number, sentence)
}

/// Whether a call may be made in a phase.
fn allows(phase: Phase, method: Method) -> bool {
    match method {
        Method::StartProvisioningTask => phase == Phase::Initializing,
        Method::StartStream | Method::StartExecutor => {
            matches!(phase, Phase::Running | Phase::Repairing)
        }
        Method::StopStream | Method::StopExecutor => phase != Phase::Initializing,
        Method::StoreDelete => matches!(phase, Phase::Running | Phase::Deleting),
        _ => true,
    }
}

/// S8, second half. Verifies that a call that changes the world is allowed in
/// the phase that is persisted when it is sent. Says nothing for a moment after
/// the record changed other than by a timely write.
pub(super) fn allowed(truth: &Truth, now: Time, number: usize, method: Method) -> Option<Finding> {
    let indexer = truth.at(number);
    if now < indexer.unsure_until {
        return None;
    }
    let key = &indexer.key;
    let sentence = match &indexer.record {
        Persisted::Unknown => return None,
        Persisted::Known(record) if allows(record.phase, method) => return None,
        Persisted::Known(record) => {
            format!("{key}: {method:?} is sent in phase {}", record.phase)
        }
        Persisted::Corrupt | Persisted::Nothing if !method.touches_world() => return None,
        Persisted::Corrupt => format!("{key}: {method:?} is sent though its record is unreadable"),
        Persisted::Nothing => format!("{key}: {method:?} is sent though it has no record"),
    };
    Finding::about("S8", number, sentence)
}

/// S9 of holds, while calls are made. Verifies that from the acknowledgement of a
/// hold until a release is sent nothing is sent that changes the indexer's world,
/// whichever life of the coordinator would send it. What was sent before may
/// still arrive, and the end of a task may be asked for.
pub(super) fn obeys_hold(truth: &Truth, number: usize, method: Method) -> Option<Finding> {
    let indexer = truth.at(number);
    if !method.touches_world() || indexer.desire.promised_hold() != Some(true) {
        return None;
    }
    let key = &indexer.key;
    let sentence = format!("{key}: {method:?} is sent although an operator holds it");
    Finding::about("S9", number, sentence)
}

/// S9 of holds, in the record. Verifies that the hold stands, or is gone, as the
/// last acknowledged command left it, when it is acknowledged and at every write,
/// the removal of the record included. Says nothing while another command is
/// under way, nor about lost or tampered records.
pub(super) fn hold(truth: &Truth, number: usize) -> Option<Finding> {
    let indexer = truth.at(number);
    let promised = indexer.desire.promised_hold()?;
    let held = match &indexer.record {
        Persisted::Known(record) => record.held,
        Persisted::Nothing => false,
        Persisted::Unknown | Persisted::Corrupt => return None,
    };
    if indexer.relaxed || held == promised {
        return None;
    }
    let key = &indexer.key;
    let word = |held| if held { "held" } else { "not held" };
    let sentence = format!(
        "{key}: an operator was told that it is {}, but by its record it is {}",
        word(promised),
        word(held)
    );
    Finding::about("S9", number, sentence)
}

/// S9. Verifies that the record's switch stands as the last acknowledged command
/// left it, when it is acknowledged and at every write; and that an indexer of which
/// no operator ever spoke is enabled. Says nothing while another command is under
/// way, nor about lost or tampered records.
pub(super) fn switch(truth: &Truth, number: usize) -> Option<Finding> {
    let indexer = truth.at(number);
    let record = indexer.record.known()?;
    if indexer.relaxed {
        return None;
    }
    let key = &indexer.key;
    let word = |on| if on { "enabled" } else { "disabled" };
    let Some(promised) = indexer.desire.acknowledged() else {
        let wrong = indexer.desire.current().switch == Switch::On && !record.enabled;
        let sentence = format!("{key}: nobody disabled it, but its record says disabled");
        return wrong.then(|| Finding::about("S9", number, sentence))?;
    };
    if record.enabled == promised {
        return None;
    }
    let sentence = format!(
        "{key}: an operator was told that it is {}, but its record says {}",
        word(promised),
        word(record.enabled)
    );
    Finding::about("S9", number, sentence)
}
