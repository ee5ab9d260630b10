//! Which judges had something to judge: a property that nothing tries is held by
//! anybody (M5). Judges that know it better say it themselves.

use sim_node::Event as Node;

use super::desire::Registered;
use super::marks::Marks;
use super::record::Persisted;
use super::truth::Truth;
use crate::history::{AnswerKind, Event, Method, RunPhase};

/// Takes note of an event that the truth knows of already.
pub(super) fn observe(truth: &mut Truth, marks: &mut Marks, event: &Event) {
    match event {
        Event::Node(Node::StreamStarted { .. }) => {
            marks.named("judged S1");
            marks.named("judged P3");
        }
        Event::Node(Node::WorkerStarted { .. }) => marks.named("judged S2"),
        Event::Node(Node::TaskStarted { .. }) => marks.named("judged S17"),
        Event::CallSent { method, key, .. } => {
            if truth.phase == RunPhase::Silence {
                marks.named("judged L8");
            }
            if key.is_some() && method.is_effect() {
                marks.named("judged S8");
                marks.named("judged S12");
            }
            let destroys = [
                Method::StopStream,
                Method::StopExecutor,
                Method::StoreDelete,
            ];
            if destroys.contains(method) {
                marks.named("judged S6");
            }
        }
        Event::CallApplied {
            method,
            key: Some(key),
            answer: AnswerKind::Ok,
            ..
        } if method.is_effect() => {
            marks.named("judged S10");
            let starts = [Method::StartStream, Method::StartExecutor];
            if starts.contains(method) {
                marks.named("judged S4");
                let number = truth.intern(key);
                if truth.at(number).world.stream_starts > 1 {
                    marks.named("judged S5");
                }
            }
        }
        Event::DataCleared { key } => {
            let number = truth.intern(key);
            if truth.at(number).world.stream_starts > 0 {
                marks.named("judged S15");
            }
        }
        Event::RecordWritten { key, .. } => {
            let number = truth.intern(key);
            written(truth, marks, number);
        }
        Event::AdminAnswered { error: None, .. } => marks.named("judged S9"),
        Event::Phase(RunPhase::Silence) => {
            marks.named("judged L1");
            let gone = |registered| registered == Registered::Deleted;
            if truth
                .all()
                .any(|(_, one)| gone(one.desire.current().registered))
            {
                marks.named("judged L2");
            }
        }
        Event::Phase(RunPhase::Over) => marks.named("judged S14"),
        _ => {}
    }
}

fn written(truth: &Truth, marks: &mut Marks, number: usize) {
    use lifecycle::Phase;
    let indexer = truth.at(number);
    if indexer.foreign_write {
        return;
    }
    let (before, after) = (indexer.record_before.phase(), indexer.record.phase());
    let removed = indexer.record == Persisted::Nothing;
    if before != after && (removed || after == Some(Phase::Deleting)) {
        marks.named("judged S7");
    }
    if before != after && after == Some(Phase::Suspended) {
        marks.named("judged P4");
    }
}

/// A block was executed.
pub(super) fn executed(truth: &Truth, marks: &mut Marks, number: usize) {
    marks.named("judged P5");
    let world = &truth.at(number).world;
    if world.stream_starts > 1 {
        marks.named("judged S11");
    }
    if world.stream_starts > 1 || world.worker_starts > 1 {
        marks.named("judged P2");
    }
}
