//! The shape of a case.

use std::fmt;

use tonic::Code;

use super::ask::{Ask, Said};
use super::{Act, Fault};

/// One behaviour: steps, and what each must lead to.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is true if the case passes.
    pub name: &'static str,
    /// Why it cannot be played without a wire; `None` if it can.
    pub only_on_a_wire: Option<&'static str>,
    /// What happens, one after the other.
    pub steps: Vec<Step>,
}

impl Case {
    /// A case for every world.
    pub(super) fn new(name: &'static str, steps: Vec<Step>) -> Case {
        Case {
            name,
            only_on_a_wire: None,
            steps,
        }
    }

    /// A case for real connections only.
    pub(super) fn wire(name: &'static str, why: &'static str, steps: Vec<Step>) -> Case {
        Case {
            only_on_a_wire: Some(why),
            ..Case::new(name, steps)
        }
    }
}

/// One thing that happens, and what it must lead to.
#[derive(Clone, Debug)]
pub enum Step {
    /// Something is done to the world.
    Do(Act),
    /// A call is made and must end so.
    Call(Ask, Ends),
    /// A fault befalls a call, which must end so.
    Befall(Fault, Ask, Ends),
    /// While a call is with the service, things happen; it must end so.
    During(Ask, Vec<Act>, Ends),
    /// The same for a call that a fault befalls.
    BefallDuring(Fault, Ask, Vec<Act>, Ends),
    /// A call is given up as soon as it was begun: nobody knows how far it came.
    DropAtOnce(Ask),
    /// A call is given up while the service has it.
    DropTaken(Ask),
    /// Calls are made at the same time; each must end so.
    Together(Vec<(Ask, Ends)>),
    /// Calls are made at the same time: exactly so many must succeed, all others
    /// must end with this code.
    OneOf {
        /// The calls.
        asks: Vec<Ask>,
        /// How many must succeed.
        succeed: usize,
        /// How the others must end.
        others: Code,
    },
    /// A call is repeated until it succeeds, which it must within three tries:
    /// the first may still meet a connection that is broken.
    Recover(Ask),
    /// What the services have done so far is this, in this order.
    Applied(Vec<Applied>),
    /// What the services have done so far is this, and perhaps once more the
    /// last of it.
    AppliedAtMost(Vec<Applied>),
    /// So many of a kind were carried out, whatever their order.
    Count(Kind, usize),
    /// The last request's metadata of this name begins so.
    Metadata(&'static str, &'static str),
}

/// A start or a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named after the call it stands for")]
pub enum Kind {
    StartStream,
    StopStream,
    StartExecutor,
    StopExecutor,
    StartProvisioningTask,
}

/// What a service did with a start or stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What was asked.
    pub kind: Kind,
    /// Whose; empty if the service does not know it.
    pub account: String,
    /// OK, or with which code it was refused.
    pub code: Code,
}

impl Applied {
    /// `kind` was done for `account`.
    pub fn done(kind: Kind, account: &str) -> Applied {
        Applied::with(kind, account, Code::Ok)
    }

    /// `kind` was answered with `code` for `account`.
    pub fn with(kind: Kind, account: &str, code: Code) -> Applied {
        Applied {
            kind,
            account: account.to_owned(),
            code,
        }
    }
}

/// How a call ended, as its caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    Answer(Said),
    /// With a status.
    Status {
        /// Its code.
        code: Code,
        /// The request certainly never reached the service.
        unsent: bool,
        /// Its message.
        message: String,
    },
    /// The deadline passed first.
    TooLate,
}

/// How a call must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// With an answer.
    Well,
    /// With a listing of so many entries.
    Listing(usize),
    /// With this version.
    Version(u64),
    /// With this state's number.
    State(i32),
    /// With this status, from the service or on its behalf: it may have been
    /// reached.
    Status(Code),
    /// With this status, whose message contains this.
    Saying(Code, &'static str),
    /// With this status; the service was certainly not reached.
    Unsent(Code),
    /// With a status that says no more than that something broke: UNAVAILABLE,
    /// UNKNOWN, INTERNAL or CANCELLED. It may have been reached.
    Broken,
    /// It does not end before its deadline.
    TooLate,
}

impl Ends {
    /// Whether `ending` is what it must be.
    pub fn fits(&self, ending: &Ending) -> bool {
        match (self, ending) {
            (Ends::Well, Ending::Answer(_)) | (Ends::TooLate, Ending::TooLate) => true,
            (Ends::Listing(count), Ending::Answer(said)) => said.listed == Some(*count),
            (Ends::Version(version), Ending::Answer(said)) => said.version == Some(*version),
            (Ends::State(state), Ending::Answer(said)) => said.state == Some(*state),
            (Ends::Status(wanted), Ending::Status { code, unsent, .. }) => {
                wanted == code && !unsent
            }
            (
                Ends::Saying(wanted, text),
                Ending::Status {
                    code,
                    unsent,
                    message,
                },
            ) => wanted == code && !unsent && message.contains(text),
            (Ends::Unsent(wanted), Ending::Status { code, unsent, .. }) => {
                wanted == code && *unsent
            }
            (Ends::Broken, Ending::Status { code, unsent, .. }) => {
                let broken = [
                    Code::Unavailable,
                    Code::Unknown,
                    Code::Internal,
                    Code::Cancelled,
                ];
                broken.contains(code) && !unsent
            }
            _ => false,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}
