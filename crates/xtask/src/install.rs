//! Programs that steps need beside the toolchain, and how they are had.
//!
//! What is to be done is decided by a pure function from what was found out
//! about the machine; only then is anything touched.

use std::{
    io,
    process::{Command, Stdio},
};

use crate::steps::Step;

/// A program that some step needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    /// What it is called.
    pub name: &'static str,
    /// The steps that need it.
    pub steps: &'static [&'static str],
    /// What for.
    pub purpose: &'static str,
    /// A command that succeeds where it is installed.
    pub probe: &'static [&'static str],
    /// Debian's packages for it.
    pub packages: &'static [&'static str],
}

/// Everything that is needed.
pub const NEEDS: [Need; 2] = [
    Need {
        name: "redis-server",
        steps: &["test", "ship-test"],
        purpose: "the Redis store is tested against a real one",
        probe: &["redis-server", "--version"],
        packages: &["redis-server"],
    },
    Need {
        name: "python3 with venv and pip",
        steps: &["test"],
        purpose: "the admin API is tested with a client that is not ours",
        // Debian splits the two off, and only notices when one is used.
        probe: &["python3", "-c", "import ensurepip, pip, venv"],
        packages: &["python3", "python3-pip", "python3-venv"],
    },
];

/// What a machine is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// It has Debian's package manager.
    pub apt: bool,
    /// We may change it as we are.
    pub root: bool,
    /// We may change it by asking.
    pub sudo: bool,
}

/// Has everything that `steps` need, installing what is missing.
///
/// # Errors
/// Something is missing and cannot be installed; the message says what to do.
pub fn provide(steps: &[Step]) -> Result<(), String> {
    let missing: Vec<&Need> = needed(steps)
        .into_iter()
        .filter(|need| !succeeds(need.probe))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let commands = plan(&missing, probe_machine())?;
    let names: Vec<&str> = missing.iter().map(|need| need.name).collect();
    let last = commands.last().map(|words| words.join(" "));
    println!(
        "verify: missing: {}; installing: {}",
        names.join(", "),
        last.unwrap_or_default()
    );
    for command in &commands {
        perform(command).map_err(|problem| failure(&missing, &problem))?;
    }
    match missing.iter().find(|need| !succeeds(need.probe)) {
        None => Ok(()),
        Some(need) => Err(failure(
            &missing,
            &format!("`{}` still fails", need.probe.join(" ")),
        )),
    }
}

/// What the steps need.
fn needed(steps: &[Step]) -> Vec<&'static Need> {
    let selected = |need: &&Need| steps.iter().any(|step| need.steps.contains(&step.name));
    NEEDS.iter().filter(selected).collect()
}

/// The commands that install what is missing on such a machine.
///
/// # Errors
/// There are none; the message says what to do instead.
fn plan(missing: &[&Need], machine: Machine) -> Result<Vec<Vec<String>>, String> {
    if !machine.apt {
        return Err(failure(missing, "this machine has no apt-get"));
    }
    let rights: &[&str] = match (machine.root, machine.sudo) {
        (true, _) => &[],
        (false, true) => &["sudo"],
        (false, false) => return Err(failure(missing, "this user is not root and has no sudo")),
    };
    // No question may be asked: nobody is there to answer.
    let apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    let packages = packages(missing);
    let words = |tail: &[&str]| -> Vec<String> {
        let all = [rights, &apt[..], tail].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    let install = [&["install", "-y"][..], &packages].concat();
    Ok(vec![words(&["update"]), words(&install)])
}

fn packages(missing: &[&Need]) -> Vec<&'static str> {
    missing
        .iter()
        .flat_map(|need| need.packages)
        .copied()
        .collect()
}

fn failure(missing: &[&Need], problem: &str) -> String {
    let reasons: Vec<String> = missing
        .iter()
        .map(|need| {
            format!(
                "{} is missing, and step `{}` needs it: {}",
                need.name,
                need.steps.join("` or `"),
                need.purpose
            )
        })
        .collect();
    format!(
        "{}. It could not be provided: {problem}. Install it by other means (on Debian: apt-get \
         install {}), then try again",
        reasons.join("; "),
        packages(missing).join(" ")
    )
}

fn probe_machine() -> Machine {
    Machine {
        apt: succeeds(&["apt-get", "--version"]),
        root: prints(&["id", "-u"], "0"),
        sudo: succeeds(&["sudo", "--version"]),
    }
}

fn command(words: &[impl AsRef<str>]) -> io::Result<Command> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program.as_ref());
    command.args(arguments.iter().map(AsRef::as_ref));
    Ok(command)
}

fn succeeds(words: &[&str]) -> bool {
    let status = command(words).and_then(|mut command| {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
    });
    status.is_ok_and(|status| status.success())
}

fn prints(words: &[&str], expected: &str) -> bool {
    let output = command(words).and_then(|mut command| command.stdin(Stdio::null()).output());
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == expected)
}

/// Runs a command before the eyes of the user: `sudo` may ask for a password.
fn perform(words: &[String]) -> Result<(), String> {
    let shown = words.join(" ");
    match command(words).and_then(|mut command| command.status()) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed: {status}")),
        Err(error) => Err(format!("`{shown}` did not start: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps;

    const ROOT: Machine = Machine {
        apt: true,
        root: true,
        sudo: false,
    };

    fn both() -> Vec<&'static Need> {
        NEEDS.iter().collect()
    }

    fn lines(missing: &[&Need], machine: Machine) -> Vec<String> {
        let commands = plan(missing, machine).unwrap();
        commands.iter().map(|words| words.join(" ")).collect()
    }

    #[test]
    fn root_installs_what_is_missing_and_only_that() {
        assert_eq!(
            lines(&[&NEEDS[0]], ROOT),
            [
                "env DEBIAN_FRONTEND=noninteractive apt-get update",
                "env DEBIAN_FRONTEND=noninteractive apt-get install -y redis-server",
            ]
        );
        let last = lines(&both(), ROOT).pop().unwrap();
        assert!(
            last.ends_with("-y redis-server python3 python3-pip python3-venv"),
            "{last}"
        );
    }

    #[test]
    fn others_ask_for_the_right() {
        let machine = Machine {
            root: false,
            sudo: true,
            ..ROOT
        };
        for line in lines(&both(), machine) {
            assert!(line.starts_with("sudo env DEBIAN_FRONTEND="), "{line}");
        }
    }

    #[test]
    fn where_nothing_can_be_installed_the_message_says_what_to_do() {
        let strangers = [
            (Machine { apt: false, ..ROOT }, "no apt-get"),
            (
                Machine {
                    root: false,
                    ..ROOT
                },
                "no sudo",
            ),
        ];
        for (machine, problem) in strangers {
            let said = plan(&both(), machine).unwrap_err();
            for part in [
                problem,
                "redis-server is missing",
                "`test`",
                "apt-get install redis-server python3 python3-pip python3-venv",
            ] {
                assert!(said.contains(part), "{said}");
            }
        }
    }

    #[test]
    fn only_steps_that_are_selected_need_anything() {
        let select = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            steps::select(steps::all(None), &names).unwrap()
        };
        assert_eq!(
            needed(&select(&["format", "doc", "sim-test"])),
            [] as [&Need; 0]
        );
        assert_eq!(needed(&select(&["test"])), both());
        assert_eq!(needed(&select(&["ship-test"])), both()[..1]);
        assert_eq!(needed(&select(&[])), both());
        assert_eq!(provide(&select(&["format"])), Ok(()));
    }

    #[test]
    fn every_need_is_that_of_a_step() {
        let steps = steps::all(None);
        let known = |name: &&str| steps.iter().any(|step| step.name == *name);
        for need in &NEEDS {
            assert!(!need.steps.is_empty(), "{need:?}");
            assert!(need.steps.iter().all(known), "{need:?}");
        }
    }

    #[test]
    fn probes_tell_what_is_there_from_what_is_not() {
        assert!(succeeds(&["true"]));
        assert!(!succeeds(&["false"]));
        assert!(!succeeds(&["no-such-program-anywhere"]));
        assert!(!succeeds(&[]));
        assert!(prints(&["echo", "0"], "0"));
        assert!(!prints(&["echo", "1"], "0"));
        let words = ["false".to_owned()];
        assert!(perform(&words).unwrap_err().contains("`false` failed"));
    }
}
