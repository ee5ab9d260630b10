//! What an indexer was about when something happened to it.

use lifecycle::Phase;

use super::super::indexer::Indexer;
use super::super::marks::Marks;
use super::super::truth::Truth;
use crate::history::AdminCommand;

/// Whether its data layer is being created.
fn is_provisioned(indexer: &Indexer) -> bool {
    let record = indexer.record.known();
    record.is_some_and(|one| one.phase == Phase::Initializing && one.task.is_some())
}

fn is_in(indexer: &Indexer, phase: Phase) -> bool {
    indexer.record.phase() == Some(phase)
}

fn is_held(indexer: &Indexer) -> bool {
    indexer.record.known().is_some_and(|record| record.held)
}

/// Whether a version was decided for and the data of the last one is not cleared.
pub(super) fn is_changing(indexer: &Indexer) -> bool {
    let run = indexer.record.known().and_then(|record| record.run);
    run.is_some_and(|run| !run.prepared)
}

/// It is updated.
pub(super) fn updated(marks: &mut Marks, indexer: &Indexer) {
    if is_provisioned(indexer) {
        marks.named("updated while provisioned");
    }
    if is_in(indexer, Phase::Repairing) {
        marks.named("updated while repairing");
    }
    if is_in(indexer, Phase::Suspended) {
        marks.named("updated while suspended");
    }
    if is_held(indexer) {
        marks.named("updated while held");
    }
    if indexer.queue.lowest_waiting().is_some() {
        marks.named("updated before its queue was empty");
    }
    if is_changing(indexer) {
        marks.named("updated before the last update was prepared");
    }
}

/// It is deleted.
pub(super) fn deleted(marks: &mut Marks, indexer: &Indexer) {
    if is_provisioned(indexer) {
        marks.named("deleted while provisioned");
    }
    if is_in(indexer, Phase::Repairing) {
        marks.named("deleted while repairing");
    }
    if is_in(indexer, Phase::Suspended) {
        marks.named("deleted while suspended");
    }
    if is_held(indexer) {
        marks.named("deleted while held");
    }
    if indexer.queue.lowest_waiting().is_some() && indexer.queue.cursor.is_some() {
        marks.named("deleted with queue and cursor");
    }
}

/// An operator wants something of it.
pub(super) fn commanded(marks: &mut Marks, indexer: &Indexer, command: AdminCommand) {
    match command {
        AdminCommand::Disable => {
            if is_provisioned(indexer) {
                marks.named("disabled while provisioned");
            }
            if is_in(indexer, Phase::Repairing) {
                marks.named("disabled while repairing");
            }
        }
        AdminCommand::Enable if is_in(indexer, Phase::Suspending) => {
            marks.named("enabled while suspending");
        }
        AdminCommand::Hold => {
            if is_provisioned(indexer) {
                marks.named("held while provisioned");
            }
            if is_in(indexer, Phase::Repairing) {
                marks.named("held while repairing");
            }
        }
        _ => {}
    }
}

/// The coordinator dies.
pub(super) fn crashed(marks: &mut Marks, truth: &Truth, number: usize, indexer: &Indexer) {
    let own = |known: bool| {
        let mut tasks = truth.tasks.iter();
        tasks.any(|task| task.indexer == number && task.known == known)
    };
    if own(false) {
        marks.named("crash with a task that nobody knows");
    }
    if own(true) {
        marks.named("crash with a task that is recorded");
    }
    match indexer.record.phase() {
        Some(Phase::Deleting) => marks.named("crash while deleting"),
        Some(Phase::Suspending) => marks.named("crash while suspending"),
        Some(Phase::Repairing) => marks.named("crash while repairing"),
        Some(Phase::Running) if is_changing(indexer) => {
            marks.named("crash before the data of a version is cleared");
        }
        _ => {}
    }
}

/// The runner dies.
pub(super) fn runner_dies(marks: &mut Marks, truth: &Truth) {
    if !truth.tasks.is_empty() {
        marks.named("runner dies during a data layer task");
    }
    let starting = |indexer: &Indexer| {
        let world = &indexer.world;
        world.executor.is_some() && world.workers.is_empty() && !world.executor_is_stalled()
    };
    if truth.all().any(|(_, indexer)| starting(indexer)) {
        marks.named("runner dies while an executor starts");
    }
}
