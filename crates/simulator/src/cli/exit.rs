//! Exit codes, so that scripts can tell one kind of failure from another.

use std::process::ExitCode;

use crate::report::Verdict;

/// How a command ends. Ordered by how much it matters: of several, the last one
/// becomes the exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All went well.
    #[default]
    Passed,
    /// There was nothing to run.
    NothingRan,
    /// Something that runs shall reach was reached by none.
    Unreached,
    /// A run took longer than it may.
    OutOfTime,
    /// The simulator itself failed.
    Harness,
    /// Something did not happen that must happen.
    Liveness,
    /// Product code panicked.
    Panic,
    /// One seed led to two different runs.
    Nondeterminism,
    /// Something happened that must never happen.
    Safety,
    /// The command line or a scenario is wrong.
    Usage,
    /// The user stopped it.
    Interrupted,
}

/// Every exit with its code and what it means, for help texts.
pub const TABLE: [(Exit, u8, &str); 11] = [
    (Exit::Passed, 0, "every run passed"),
    (
        Exit::Safety,
        1,
        "a safety property was violated; without a command: any run failed",
    ),
    (
        Exit::Usage,
        2,
        "the command line or a scenario file is wrong",
    ),
    (
        Exit::Nondeterminism,
        3,
        "one seed led to two different runs",
    ),
    (Exit::NothingRan, 4, "there was nothing to run"),
    (
        Exit::OutOfTime,
        5,
        "a run took longer than its limit and has no verdict",
    ),
    (Exit::Liveness, 6, "a liveness property was violated"),
    (Exit::Panic, 7, "product code panicked"),
    (Exit::Harness, 8, "the simulator itself failed"),
    (
        Exit::Unreached,
        9,
        "no run reached something that runs shall reach",
    ),
    (Exit::Interrupted, 130, "interrupted"),
];

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        TABLE
            .iter()
            .find(|(exit, ..)| *exit == self)
            .map_or(8, |(_, code, _)| *code)
    }

    /// What a verdict means for the exit code.
    pub fn of(verdict: Verdict) -> Exit {
        match verdict {
            Verdict::Passed => Exit::Passed,
            Verdict::Safety => Exit::Safety,
            Verdict::Liveness => Exit::Liveness,
            Verdict::Panic => Exit::Panic,
            Verdict::Harness => Exit::Harness,
        }
    }

    /// The exits of the main job, where every kind of failed run is one code.
    pub fn plain(self) -> Exit {
        match self {
            Exit::Passed | Exit::NothingRan | Exit::Usage | Exit::Interrupted => self,
            _ => Exit::Safety,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// The table as it stands at the end of the help.
pub fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (_, code, meaning) in TABLE {
        text.push_str(&format!("  {code:>3}  {meaning}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_has_a_code_of_its_own() {
        let codes: Vec<u8> = TABLE.iter().map(|(exit, ..)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130]);
    }

    #[test]
    fn the_worst_of_several_wins() {
        assert_eq!(Exit::Liveness.max(Exit::Safety), Exit::Safety);
        assert_eq!(Exit::Harness.max(Exit::Panic), Exit::Panic);
        assert_eq!(Exit::Safety.max(Exit::Interrupted), Exit::Interrupted);
        assert_eq!(Exit::NothingRan.max(Exit::OutOfTime), Exit::OutOfTime);
    }

    #[test]
    fn verdicts_have_their_exits() {
        let codes = [
            Verdict::Passed,
            Verdict::Safety,
            Verdict::Liveness,
            Verdict::Panic,
            Verdict::Harness,
        ]
        .map(|verdict| Exit::of(verdict).code());
        assert_eq!(codes, [0, 1, 6, 7, 8]);
    }

    #[test]
    fn the_main_job_ends_with_zero_or_one_once_it_ran() {
        for exit in [
            Exit::Safety,
            Exit::Liveness,
            Exit::Panic,
            Exit::Harness,
            Exit::OutOfTime,
        ] {
            assert_eq!(exit.plain().code(), 1);
        }
        assert_eq!(Exit::Passed.plain().code(), 0);
        assert_eq!(Exit::Usage.plain().code(), 2);
        assert_eq!(Exit::Interrupted.plain().code(), 130);
    }

    #[test]
    fn the_help_lists_every_code() {
        let help = help();
        assert!(help.contains("  130  interrupted\n"), "{help}");
        assert!(
            help.contains("    3  one seed led to two different runs\n"),
            "{help}"
        );
        assert_eq!(help.lines().count(), TABLE.len() + 1);
    }
}
