//! The build that has the real runtime.

use std::process::Command;

fn words(variable: Option<&str>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.args(["run", "x.toml"]).env_remove("RUSTFLAGS");
    if let Some(name) = variable {
        command.env(name, "-g");
    }
    let output = command.output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn says_how_to_do_it_right() {
    let words = words(None);
    assert!(words.contains("`cargo sim`"), "{words}");
    assert!(!words.contains("RUSTFLAGS is set"), "{words}");
}

#[test]
fn names_the_variable_that_replaces_the_flag() {
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
    ] {
        let words = words(Some(name));
        assert!(words.contains(&format!("{name} is set")), "{words}");
    }
}
