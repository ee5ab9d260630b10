//! How the process ends.

use std::process::ExitCode;

/// The exit codes of the service; operators' commands add theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or stopped in order.
    Ok,
    /// Something failed while it ran.
    Failed,
    /// The command line cannot be understood.
    Usage,
    /// Something it needs at the start is not there.
    Unavailable,
    /// The configuration cannot be used.
    Config,
    /// Ended at once by a second signal, of this number.
    Signal(u8),
    /// As an operator's command ended.
    Operator(admin_cli::Exit),
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unavailable => 69,
            Exit::Config => 78,
            Exit::Signal(number) => 128u8.saturating_add(number),
            Exit::Operator(exit) => exit.code(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// The codes, for the help.
#[must_use]
pub fn describe() -> String {
    "Exit codes:\n  \
     0   done, or stopped in order by a signal\n  \
     1   failed while it ran; a wait was in vain\n  \
     2   the command line cannot be understood\n  \
     4   no such indexer\n  \
     5   not permitted, or not known to the coordinator\n  \
     69  something it needs is not there: an address to listen at, the coordinator that is\n      \
     asked, or the store with --fail-fast\n  \
     78  the configuration cannot be used\n  \
     130, 143  ended at once by Ctrl-C, or by a second SIGINT or SIGTERM"
        .to_owned()
}
