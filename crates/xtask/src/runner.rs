//! Runs the steps one after another and sums up.

use std::{
    env,
    ffi::OsString,
    fmt::Write,
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use crate::{preflight, steps::Step};

/// Runs the steps, stops at the first failure, and prints what came of it.
pub fn verify(steps: &[Step]) -> ExitCode {
    let started = Instant::now();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    if let Err(problem) = preflight::check(&cargo, steps) {
        eprintln!("error: {problem}");
        println!("{}", summary(0, None, steps.len(), started.elapsed()));
        return ExitCode::FAILURE;
    }
    let mut passed = 0;
    for (index, step) in steps.iter().enumerate() {
        println!(
            "verify [{}/{}] {}: {}",
            index + 1,
            steps.len(),
            step.name,
            step.shown()
        );
        let begun = Instant::now();
        let outcome = run(&cargo, step);
        let took = shown(begun.elapsed());
        match outcome {
            Ok(()) => {
                passed += 1;
                println!("verify: {} passed in {took}: {}", step.name, step.purpose);
            }
            Err(problem) => {
                eprintln!(
                    "error: step `{0}` failed after {took}: {problem}. Repeat it alone with \
                     `cargo verify {0}`",
                    step.name
                );
                println!(
                    "{}",
                    summary(passed, Some(step.name), steps.len(), started.elapsed())
                );
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{}", summary(passed, None, steps.len(), started.elapsed()));
    ExitCode::SUCCESS
}

fn run(cargo: &OsString, step: &Step) -> Result<(), String> {
    let status = Command::new(cargo)
        .args(&step.arguments)
        .envs(step.variables.iter().copied())
        .current_dir(root())
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cargo did not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(status.to_string())
    }
}

/// The workspace's root: cargo looks for aliases from there.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn summary(passed: usize, failed: Option<&str>, steps: usize, took: Duration) -> String {
    let failures = usize::from(failed.is_some());
    let mut line = format!("verify: {passed} passed, {failures} failed");
    let rest = steps.saturating_sub(passed + failures);
    if rest > 0 {
        // Writing to a String cannot fail.
        let _ = write!(line, ", {rest} not run");
    }
    if let Some(name) = failed {
        let _ = write!(line, " ({name})");
    }
    let _ = write!(line, " in {}", shown(took));
    line
}

fn shown(took: Duration) -> String {
    let seconds = took.as_secs();
    if seconds < 60 {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_what_ran_and_names_what_failed() {
        let took = Duration::from_millis(1500);
        assert_eq!(
            summary(9, None, 9, took),
            "verify: 9 passed, 0 failed in 1.5 s"
        );
        assert_eq!(
            summary(2, Some("test"), 9, Duration::from_secs(75)),
            "verify: 2 passed, 1 failed, 6 not run (test) in 1 min 15 s"
        );
    }

    #[test]
    fn the_root_is_where_the_aliases_are() {
        assert!(root().join(".cargo/config.toml").is_file());
    }

    #[test]
    fn a_failing_command_fails_its_step() {
        let cargo = OsString::from(env!("CARGO"));
        let step = |verb: &str| Step {
            name: "probe",
            purpose: "probe",
            arguments: vec![verb.to_owned()],
            variables: Vec::new(),
        };
        assert_eq!(run(&cargo, &step("--version")), Ok(()));
        assert!(run(&cargo, &step("--no-such-option")).is_err());
    }
}
