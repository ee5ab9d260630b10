//! The coordinator as a program.

use std::process::ExitCode;

use coordinator_server::commands::Console;
use coordinator_server::config::Environment;

fn main() -> ExitCode {
    // Before anything builds a client. It fails only if somebody was faster, who
    // can have installed no other: there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Both drop colors where nobody can see them.
    let mut out = anstream::stdout();
    let mut err = anstream::stderr();
    let mut console = Console {
        out: &mut out,
        err: &mut err,
    };
    let args = std::env::args_os().collect();
    coordinator_server::main(args, Environment::of_process(), &mut console).into()
}
