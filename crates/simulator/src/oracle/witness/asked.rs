//! The coordinator's calls, and how each of them ended for it.

use std::collections::BTreeMap;
use std::time::Duration;

use sim_node::Time;

use super::super::marks::Marks;
use super::super::truth::Truth;
use crate::history::{AnswerKind, CallId, Event, Incarnation, Method, NodeName};
use crate::marks::{Ending, Mark, Standing};

/// A call without an answer for longer was given up: every deadline is shorter.
const GIVEN_UP: Duration = Duration::from_secs(12);

/// The most calls that are remembered; the oldest are forgotten first.
const CALLS_MAX: usize = 8192;

/// Wire numbers of gRPC's ALREADY_EXISTS.
const ALREADY_EXISTS: i32 = 6;

/// Their places in [`crate::marks::ALWAYS`].
const ANSWERS_BELONG: usize = 1;
const EFFECTS_WERE_SENT: usize = 2;
const EFFECTS_NAME_SOMEBODY: usize = 3;

/// One call.
#[derive(Debug)]
struct Asked {
    method: Method,
    about: Option<usize>,
    standing: Standing,
    by: Incarnation,
    at: Time,
    applied: u32,
    over: bool,
}

/// Calls by number.
#[derive(Debug, Default)]
pub(super) struct Calls {
    asked: BTreeMap<CallId, Asked>,
    /// Calls before this one are over.
    open_from: CallId,
    /// The newest call that was forgotten.
    forgotten: CallId,
    /// When the coordinator last changed something of anybody.
    acted_at: Option<Time>,
}

impl Calls {
    /// Looks at an event that the truth does not know of yet.
    pub fn observe(&mut self, truth: &mut Truth, marks: &mut Marks, now: Time, event: &Event) {
        match event {
            Event::CallSent {
                call,
                method,
                key,
                by,
            } => {
                self.expire(marks, now);
                let about = key.as_ref().map(|key| truth.intern(key));
                let phase = about.and_then(|number| truth.at(number).record.phase());
                let asked = Asked {
                    method: *method,
                    about,
                    standing: phase.map_or(Standing::Nothing, Standing::In),
                    by: *by,
                    at: now,
                    applied: 0,
                    over: false,
                };
                self.send(marks, *call, asked);
            }
            Event::CallApplied {
                call,
                method,
                key,
                by,
                answer,
                ..
            } => {
                if method.is_effect() && *answer == AnswerKind::Ok {
                    // In the store the coordinator also keeps what is about nobody.
                    let named = key.is_some() || method.server() == NodeName::Store;
                    marks.always(EFFECTS_NAME_SOMEBODY, named);
                    self.acted_at = Some(now);
                }
                self.applied(marks, *call, *by, answer);
            }
            Event::CallAnswered {
                call,
                method,
                answer,
            } => self.answered(marks, *call, *method, answer),
            Event::CallFault {
                method: Method::ListStreams | Method::ListExecutors,
                fault: "stale",
                ..
            } => {
                let recent = |at: Time| now.since(at) < Duration::from_secs(5);
                if self.acted_at.is_some_and(recent) {
                    marks.named("stale listing after one's own action");
                }
            }
            Event::CoordinatorEnded { incarnation, .. } => self.end_life(marks, *incarnation),
            Event::Phase(_) => self.expire(marks, now),
            _ => {}
        }
    }

    fn send(&mut self, marks: &mut Marks, id: CallId, asked: Asked) {
        if asked.method == Method::StoreCompareAndSet {
            let mut open = self.asked.range(self.open_from..);
            let rival = |other: &Asked| {
                !other.over && other.method == asked.method && other.about == asked.about
            };
            if asked.about.is_some() && open.any(|(_, other)| rival(other)) {
                marks.named("two writes of one record under way");
            }
        }
        if self.asked.len() >= CALLS_MAX
            && let Some((oldest, _)) = self.asked.pop_first()
        {
            self.forgotten = oldest;
        }
        self.asked.insert(id, asked);
    }

    /// Calls whose time is up were not answered.
    fn expire(&mut self, marks: &mut Marks, now: Time) {
        for (id, asked) in self.asked.range_mut(self.open_from..) {
            if now.since(asked.at) <= GIVEN_UP {
                break;
            }
            self.open_from = id + 1;
            if !std::mem::replace(&mut asked.over, true) {
                ended(marks, asked, Ending::Unanswered);
            }
        }
    }

    fn applied(&mut self, marks: &mut Marks, id: CallId, by: Incarnation, answer: &AnswerKind) {
        let Some(asked) = self.asked.get_mut(&id) else {
            marks.always(EFFECTS_WERE_SENT, id <= self.forgotten);
            return;
        };
        marks.always(EFFECTS_WERE_SENT, asked.by == by);
        // A read is done whatever it says.
        let done = *answer == AnswerKind::Ok || !asked.method.is_effect();
        asked.applied += u32::from(done);
        if !asked.method.is_effect() || *answer != AnswerKind::Ok {
            return;
        }
        if asked.over {
            marks.named("effect after its sender gave up");
            marks.hit(Mark::Fault("late_write"));
        }
        if asked.applied > 1 {
            marks.named("effect done twice");
        }
    }

    fn answered(&mut self, marks: &mut Marks, id: CallId, method: Method, answer: &AnswerKind) {
        let Some(asked) = self.asked.get_mut(&id) else {
            marks.always(ANSWERS_BELONG, id <= self.forgotten);
            return;
        };
        // Who slept may hear of it later than it would have waited.
        let twice = asked.over && asked.applied == 0 && *answer == AnswerKind::Ok;
        marks.always(ANSWERS_BELONG, asked.method == method && !twice);
        if !std::mem::replace(&mut asked.over, true) {
            ended(marks, asked, Ending::of(answer));
        }
        let starts = [Method::StartStream, Method::StartExecutor];
        if *answer == AnswerKind::Error(ALREADY_EXISTS) && starts.contains(&method) {
            marks.named("start refused: it exists");
        }
        let stops = [Method::StopStream, Method::StopExecutor];
        if stops.contains(&method) && Ending::of(answer) == Ending::Error {
            marks.named("stop refused");
        }
    }

    fn end_life(&mut self, marks: &mut Marks, life: Incarnation) {
        for (_, asked) in self.asked.range_mut(self.open_from..) {
            if asked.by != life || std::mem::replace(&mut asked.over, true) {
                continue;
            }
            let ending = match asked.applied {
                0 => Ending::DiedBefore,
                _ => Ending::DiedAfter,
            };
            ended(marks, asked, ending);
        }
    }
}

fn ended(marks: &mut Marks, asked: &Asked, ending: Ending) {
    marks.hit(Mark::Answer(asked.method, ending));
    let feasible = crate::marks::cells::standings(asked.method).contains(&asked.standing);
    if feasible && asked.about.is_some() {
        marks.hit(Mark::Cell(asked.standing, asked.method, ending));
    }
    let unheard = matches!(ending, Ending::Unanswered | Ending::Broken);
    if unheard && asked.applied > 0 && asked.method.is_effect() {
        marks.named("effect done, answer never heard");
    }
}
