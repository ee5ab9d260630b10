//! Calls by how they ended, and by the phase in which they were sent.

use lifecycle::Phase;

use crate::history::{AnswerKind, Method, NodeName};

/// Wire number of gRPC's UNKNOWN, which a connection that breaks comes to.
const UNKNOWN: i32 = 2;
/// Wire number of gRPC's UNAVAILABLE.
const UNAVAILABLE: i32 = 14;

/// How a call ended for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// With a good answer.
    Ok,
    /// With an error of the service.
    Error,
    /// It could not be sent.
    Unreachable,
    /// The connection broke: it may have been done.
    Broken,
    /// Nothing was heard until its sender waited no longer: it may have been done.
    Unanswered,
    /// The coordinator died first, and it was not done by then.
    DiedBefore,
    /// The coordinator died first, and it was done.
    DiedAfter,
}

impl Ending {
    /// All of them.
    pub const ALL: [Ending; 7] = [
        Ending::Ok,
        Ending::Error,
        Ending::Unreachable,
        Ending::Broken,
        Ending::Unanswered,
        Ending::DiedBefore,
        Ending::DiedAfter,
    ];

    /// How an answer is called.
    pub fn of(answer: &AnswerKind) -> Ending {
        match answer {
            AnswerKind::Ok => Ending::Ok,
            AnswerKind::Error(UNAVAILABLE) => Ending::Unreachable,
            AnswerKind::Error(UNKNOWN) => Ending::Broken,
            AnswerKind::Error(_) => Ending::Error,
        }
    }

    /// The end of a mark's name.
    pub fn words(self) -> &'static str {
        match self {
            Ending::Ok => "answered ok",
            Ending::Error => "answered error",
            Ending::Unreachable => "unreachable",
            Ending::Broken => "broken off",
            Ending::Unanswered => "unanswered",
            Ending::DiedBefore => "cut short by a crash, not done",
            Ending::DiedAfter => "cut short by a crash, done",
        }
    }

    /// The end of a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Ending::Ok => "is answered well",
            Ending::Error => "is answered with an error of the service",
            Ending::Unreachable => "cannot be sent",
            Ending::Broken => "has its connection broken",
            Ending::Unanswered => "is not answered in time",
            Ending::DiedBefore => "is under way, and not done, when the coordinator dies",
            Ending::DiedAfter => "is done, and not answered, when the coordinator dies",
        }
    }
}

/// What stands in an indexer's record while a call about it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// There is no record that can be read.
    Nothing,
    /// A record in this phase.
    In(Phase),
}

impl Standing {
    /// The beginning of a mark's name.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Nothing => "no record",
            Standing::In(phase) => phase.name(),
        }
    }

    /// Part of a sentence.
    pub fn sentence(self) -> String {
        match self {
            Standing::Nothing => "while there is no record".to_owned(),
            Standing::In(phase) => format!("in phase {phase}"),
        }
    }
}

/// Whether a call of `method` can end so. Errors of store and registry are no
/// errors of the call that brings them: `faults::befallen` counts those.
fn can_end(method: Method, ending: Ending) -> bool {
    let service = matches!(method.server(), NodeName::BlockStreamer | NodeName::Runner);
    ending != Ending::Error || service
}

/// Every end of every call.
pub fn answers() -> impl Iterator<Item = (Method, Ending)> {
    let methods = Method::ALL.into_iter();
    let own = methods.filter(|method| !method.is_the_originals());
    own.flat_map(|method| {
        let ends = Ending::ALL.into_iter();
        ends.filter(move |ending| can_end(method, *ending))
            .map(move |ending| (method, ending))
    })
}

const INITIALIZING: Standing = Standing::In(Phase::Initializing);
const RUNNING: Standing = Standing::In(Phase::Running);
const SUSPENDING: Standing = Standing::In(Phase::Suspending);
const SUSPENDED: Standing = Standing::In(Phase::Suspended);
const REPAIRING: Standing = Standing::In(Phase::Repairing);
const DELETING: Standing = Standing::In(Phase::Deleting);

/// The phases in which a call about an indexer is made at all.
pub fn standings(method: Method) -> &'static [Standing] {
    match method {
        Method::StartProvisioningTask => &[INITIALIZING],
        Method::StartStream | Method::StartExecutor => &[RUNNING, REPAIRING],
        Method::StopStream | Method::StopExecutor => {
            &[RUNNING, SUSPENDING, SUSPENDED, REPAIRING, DELETING]
        }
        Method::GetStream | Method::GetExecutor => &[RUNNING, SUSPENDING, REPAIRING, DELETING],
        Method::StoreDelete => &[RUNNING, DELETING],
        Method::StoreCompareAndSet => &[
            Standing::Nothing,
            INITIALIZING,
            RUNNING,
            SUSPENDING,
            SUSPENDED,
            REPAIRING,
            DELETING,
        ],
        _ => &[],
    }
}

/// Every phase, call and end that can come together.
pub fn cells() -> impl Iterator<Item = (Standing, Method, Ending)> {
    answers().flat_map(|(method, ending)| {
        let standings = standings(method).iter();
        standings.map(move |standing| (*standing, method, ending))
    })
}
