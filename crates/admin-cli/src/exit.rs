//! How a command ends.

use std::process::ExitCode;

/// How a command ended, for whoever called the program. The numbers never
/// change; they are listed in the help of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// It was done.
    Done,
    /// It failed, or did not happen in time.
    Failed,
    /// It was asked for in a way that makes no sense.
    Usage,
    /// There is no such indexer.
    NotFound,
    /// The caller may not do this, or did not say who they are, or nobody there
    /// believes it.
    Refused,
    /// No coordinator answers.
    Unavailable,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// The reader of the output went away.
    OutputClosed,
}

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotFound => 4,
            Exit::Refused => 5,
            Exit::Unavailable => 69,
            Exit::Interrupted => 130,
            Exit::OutputClosed => 141,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// A command that did not do what was asked, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What happened, to what, and what to do. Empty if nobody needs to be told.
    pub message: String,
    /// What was asked may have been done all the same.
    pub(crate) is_uncertain: bool,
    /// There was no answer in time: the server is there, or something in its place.
    pub(crate) is_late: bool,
}

impl Failure {
    /// A failure that ends the process with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
            is_uncertain: false,
            is_late: false,
        }
    }

    /// The same, but what was asked may have been done.
    pub(crate) fn uncertain(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            is_uncertain: true,
            ..Failure::new(exit, message)
        }
    }

    /// The same, but there was no answer in time, and what was asked may have been done.
    pub(crate) fn late(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            is_late: true,
            ..Failure::uncertain(exit, message)
        }
    }

    /// The command makes no sense.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }
}
