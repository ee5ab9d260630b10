//! The coordinator as a service: configuration, start, shutdown, and its command line.

pub mod boot;
pub mod cli;
pub mod commands;
pub mod config;
pub mod exit;
pub mod settings;
pub mod state;
mod text;

use std::ffi::OsString;

use cli::Action;
use commands::Console;
use config::Environment;
use exit::Exit;

/// Does what `args`, the program's name first, ask for.
pub fn main(args: Vec<OsString>, env: Environment, console: &mut Console<'_>) -> Exit {
    let action = match cli::parse(args, env) {
        Ok(action) => action,
        Err(error) => return usage(&error, console),
    };
    match action {
        Action::Run(sources) => boot::run(sources, console),
        Action::ConfigCheck(sources) => commands::check(&sources, console),
        Action::ConfigPrint(sources, format) => commands::print(&sources, format, console),
        Action::RegistryCheck(path) => commands::registry_check(&path, console),
        Action::State(sources, command) => commands::state(&sources, &command, console),
        Action::Probe(probe) => commands::probe(&probe, console),
        Action::Completions(shell) => commands::completions(shell, console),
        Action::Version(format) => commands::version(format, console),
        Action::Operator(command) => commands::operator(*command, console),
    }
}

/// Help goes to the output, complaints do not.
fn usage(error: &clap::Error, console: &mut Console<'_>) -> Exit {
    let text = error.render().ansi().to_string();
    if error.use_stderr() {
        console.talk(&text);
        return Exit::Usage;
    }
    console.data(&text)
}
