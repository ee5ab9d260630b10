//! What must be in order before the first step, so that none fails obscurely.

use std::{
    env,
    ffi::OsStr,
    process::{Command, Stdio},
};

use crate::{install, steps::Step};

/// Checks the environment, and installs toolchain components and programs that
/// `steps` need and that are missing.
///
/// # Errors
/// A message that says what to do.
pub fn check(cargo: &OsStr, steps: &[Step]) -> Result<(), String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    reject_flag_overrides(names)?;
    for (verb, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        ensure_component(cargo, verb, component)?;
    }
    install::provide(steps)
}

/// Refuses variables that cargo prefers to the flags of the simulator's build,
/// even if they are empty.
fn reject_flag_overrides(names: impl IntoIterator<Item = String>) -> Result<(), String> {
    let overriding = |name: &String| {
        name == "RUSTFLAGS"
            || name == "CARGO_ENCODED_RUSTFLAGS"
            || (name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS"))
    };
    match names.into_iter().find(overriding) {
        Some(name) => Err(format!(
            "{name} is set. It would replace the flag that turns the runtime into the simulated \
             one. Unset it: `env -u {name} cargo verify`"
        )),
        None => Ok(()),
    }
}

fn ensure_component(cargo: &OsStr, verb: &str, component: &str) -> Result<(), String> {
    if succeeds(Command::new(cargo).args([verb, "--version"])) {
        return Ok(());
    }
    println!("verify: {component} is missing; installing it with rustup");
    if succeeds(Command::new("rustup").args(["component", "add", component])) {
        return Ok(());
    }
    Err(format!(
        "{component} is missing and `rustup component add {component}` did not install it. \
         Install it by other means, then try again"
    ))
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(names: &[&str]) -> Result<(), String> {
        reject_flag_overrides(names.iter().map(|name| (*name).to_owned()))
    }

    #[test]
    fn variables_that_override_the_simulator_s_flag_are_refused() {
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_X86_64_RUSTFLAGS",
        ] {
            assert!(verdict(&["PATH", name]).unwrap_err().contains(name));
        }
    }

    #[test]
    fn other_variables_are_none_of_its_business() {
        assert_eq!(
            verdict(&["PATH", "RUSTDOCFLAGS", "CARGO_TARGET_DIR"]),
            Ok(())
        );
    }

    #[test]
    fn a_component_that_cannot_be_had_is_named() {
        let nowhere = OsStr::new("/nonexistent/cargo");
        let problem = ensure_component(nowhere, "none", "no-such-component").unwrap_err();
        assert!(
            problem.contains("no-such-component is missing"),
            "{problem}"
        );
    }
}
