//! What can be different about the second run of a seed.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// What is different about a repetition, besides the time at which it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variation {
    /// Nothing but the process.
    Again,
    /// Whatever a process is given by the one that starts it: variables, folders,
    /// time zone, name.
    Elsewhere,
    /// Another run has been there before it in its process.
    Afterwards,
    /// All of it.
    Everything,
}

/// A long one: it moves everything on the stack of the main thread.
const LENGTH: usize = 777;

impl Variation {
    /// From the least to the most.
    pub const ALL: [Variation; 4] = [
        Variation::Again,
        Variation::Elsewhere,
        Variation::Afterwards,
        Variation::Everything,
    ];

    /// What is different, in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Variation::Again => "in another process",
            Variation::Elsewhere => "in another environment",
            Variation::Afterwards => "after another run in its process",
            Variation::Everything => "with all differences together",
        }
    }

    fn is_elsewhere(self) -> bool {
        matches!(self, Variation::Elsewhere | Variation::Everything)
    }

    fn is_afterwards(self) -> bool {
        matches!(self, Variation::Afterwards | Variation::Everything)
    }

    /// What a worker is told; `folder` is one that exists.
    pub fn words(self, folder: &Path) -> Vec<OsString> {
        let mut words = Vec::new();
        if self.is_elsewhere() {
            words.extend(["--move-to".into(), folder.into()]);
        }
        words.extend(self.is_afterwards().then(|| "--afterwards".into()));
        words
    }

    /// Makes the process that `command` starts another one.
    pub fn change(self, command: &mut Command, folder: &Path) {
        if !self.is_elsewhere() {
            return;
        }
        for name in ["HOME", "TMPDIR", "PWD"] {
            command.env(name, folder);
        }
        command
            .env("TZ", "Pacific/Apia")
            .env("LANG", "tr_TR.UTF-8")
            .env("LC_ALL", "tr_TR.UTF-8")
            .env("USER", "somebody-else")
            .env("SIMULATOR_ELSEWHERE", "x".repeat(LENGTH));
        #[cfg(unix)]
        std::os::unix::process::CommandExt::arg0(command, "elsewhere");
    }
}
