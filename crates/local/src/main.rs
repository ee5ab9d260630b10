//! `cargo local`: the coordinator and everything around it on one machine, with
//! nothing to set up.
//!
//! It builds and starts the real coordinator with its embedded store, a fake
//! Redis, a fake block streamer and a fake runner, each a process of its own on
//! loopback, gives them a sample registry to edit, and shows what happens. What
//! dies is started again. Everything it keeps lies in one directory.

mod arguments;
mod binaries;
mod counts;
mod home;
mod leftovers;
mod ports;
mod process;
mod registry;
mod sample;
mod screen;
mod session;
mod stack;
mod status;
mod table;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Verb};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.verb {
        None => session::run(&arguments),
        Some(Verb::Kill { node }) => leftovers::kill(&arguments.dir, *node),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If even this cannot be said, the exit code still does.
            let _unheard = writeln!(stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
