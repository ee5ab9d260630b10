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

/// The codes of the service, for its help.
pub const OF_SERVICE: &str = "\
Exit codes:
  0    stopped in order by a signal
  1    failed while it ran
  2    the command line cannot be understood
  69   something it needs is not there: an address to listen at, the file of the embedded
       store, or the store with --fail-fast
  78   the configuration cannot be used
  130, 143  ended at once by a second SIGINT or SIGTERM";

/// The codes of commands that check something, for their help.
pub const OF_CHECKS: &str = "\
Exit codes:
  0    it can be used
  2    the command line cannot be understood
  78   it cannot be used; every mistake is told";

/// The codes of commands on the records, for their help.
pub const OF_STATE: &str = "\
Exit codes:
  0    done; of a check: every record can be read
  1    not done, or not all of it; of a check: a record cannot be read; of the height: the same
  2    the command line cannot be understood
  69   the store cannot be opened or reached, or was lost in the middle
  78   the configuration, or the file to import, cannot be used";

/// The codes of probes, for their help.
pub const OF_PROBES: &str = "\
Exit codes:
  0    yes
  1    no, or nobody answers
  2    the command line cannot be understood";

/// All codes, for the help of the whole.
pub const ALL: &str = "\
Exit codes:
  0    done, or stopped in order by a signal
  1    failed; a wait was in vain; the answer to a probe is no
  2    the command line cannot be understood
  4    no such indexer
  5    not permitted, or not known to the coordinator
  69   something it needs is not there: an address to listen at, the store with --fail-fast,
       the coordinator that is asked, or what that one needs to answer
  78   the configuration, the registry file, or a file to import cannot be used
  130, 143  ended at once by Ctrl-C, or by a second SIGINT or SIGTERM";
