//! The simulator's command line.

/// Does what the command line says.
#[cfg(madsim)]
fn main() -> std::process::ExitCode {
    simulator::cli::main()
}

/// Says how to build it right: this build has the real runtime, on which nothing
/// can be repeated.
#[cfg(not(madsim))]
fn main() -> std::process::ExitCode {
    use std::io::Write;

    let mut text = String::from(
        "error: the simulator needs a build of its own, with the simulated runtime\n\
         help: type `cargo sim` where you typed `cargo run -p simulator`; try `cargo sim --help`\n",
    );
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let replaces_the_flag = |name: &String| {
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].contains(&name.as_str())
            || (name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS"))
    };
    for name in names.filter(replaces_the_flag) {
        text.push_str(&format!(
            "help: {name} is set, which replaces the flag that `cargo sim` passes: unset it\n"
        ));
    }
    // With nobody to read it the exit code has to do.
    let _ = std::io::stderr().write_all(text.as_bytes());
    std::process::ExitCode::from(2)
}
