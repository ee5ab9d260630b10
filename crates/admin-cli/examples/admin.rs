//! The commands as a program of their own: how a binary uses this library.

use std::process::ExitCode;

use clap::Parser;

/// Looks after indexers.
#[derive(Parser)]
#[command(name = "coordinator")]
struct Cli {
    #[command(subcommand)]
    command: admin_cli::Command,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let mut console = admin_cli::Console::standard(command.common().color);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(_) => return ExitCode::FAILURE,
    };
    runtime
        .block_on(admin_cli::run(command, &mut console))
        .into()
}
