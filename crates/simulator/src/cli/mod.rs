//! The command line.
//!
//! The process that the user starts simulates nothing: it starts workers, which
//! are this same program, one process per run, and reads their reports.

mod args;
mod bench;
mod built_in;
mod catalogue;
mod ceiling;
mod coverage;
mod determinism;
mod equivalence;
mod exit;
mod explain;
mod failure;
pub mod figures;
mod given;
mod inspect;
mod many;
mod one;
mod original;
mod out;
mod outcome;
mod planted;
mod pool;
mod progress;
mod seed;
mod sets;
mod shrink;
mod summary;
mod swarm;
mod sweep;
mod table;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;

use clap::Parser;

use args::{Arguments, Command, Pace};
use exit::Exit;
use given::Given;
use out::Out;
use pool::{Pool, Stop};

/// What every command works with.
struct Context {
    out: Out,
    stop: Arc<Stop>,
}

impl Context {
    /// Finds and checks scenarios. What is wrong with any of them is shown, and
    /// nothing runs.
    fn load(&mut self, paths: &[PathBuf]) -> Result<Vec<Arc<Given>>, Exit> {
        let mut found = given::find(paths).map_err(|message| {
            self.out.error(&message);
            Exit::Usage
        })?;
        let mut mistakes = 0;
        for given in &mut found {
            match given.load() {
                Ok(scenario) => given.defends_equivalence = equivalence::is_defended_by(&scenario),
                Err(diagnostics) => {
                    mistakes += diagnostics.len();
                    self.out.diagnostics(&diagnostics);
                }
            }
        }
        if mistakes > 0 {
            self.out.error(&format!("{mistakes} mistakes in scenarios"));
            return Err(Exit::Usage);
        }
        Ok(found.into_iter().map(Arc::new).collect())
    }

    fn pool(&mut self, pace: &Pace) -> Result<Pool, Exit> {
        Pool::new(pace, Arc::clone(&self.stop)).map_err(|error| {
            self.out
                .error(&format!("cannot find this program: {error}"));
            Exit::Harness
        })
    }

    /// Ends workers and command when the user presses Ctrl-C; at the second time
    /// at once.
    fn listen(&mut self) {
        let stop = Arc::clone(&self.stop);
        let listening = ctrlc::set_handler(move || {
            if stop.interrupt() {
                process::exit(Exit::Interrupted.code().into());
            }
        });
        if let Err(error) = listening {
            self.out
                .error(&format!("Ctrl-C will end this without a summary: {error}"));
        }
    }
}

/// The words of the command line: the arrow of a transition, quoted, would look like an
/// option.
fn words(given: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    given.map(|word| if word == "->" { "to".into() } else { word })
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse_from(words(std::env::args_os()));
    let mut context = Context {
        out: Out::new(arguments.color),
        stop: Arc::default(),
    };
    let is_worker = matches!(
        arguments.command,
        Some(Command::Worker(_) | Command::Serve(_) | Command::Ceiling)
    );
    if !is_worker {
        context.listen();
    }
    let exit = match arguments.command {
        None => many::every(&arguments.every, &mut context),
        Some(Command::Run(arguments)) => one::run(&arguments, &mut context),
        Some(Command::Explore(arguments)) => many::explore(&arguments, &mut context),
        Some(Command::Swarm(arguments)) => swarm::run(&arguments, &mut context),
        Some(Command::Shrink(arguments)) => shrink::command(arguments, &mut context),
        Some(Command::List(arguments)) => inspect::list(&arguments, &mut context),
        Some(Command::Check(arguments)) => inspect::check(&arguments, &mut context),
        Some(Command::Faults(arguments)) => catalogue::faults(&arguments, &mut context.out),
        Some(Command::Explain(arguments)) => explain::explain(&arguments, &mut context.out),
        Some(Command::Coverage(arguments)) => coverage::run(&arguments, &mut context),
        Some(Command::Determinism(arguments)) => determinism::run(&arguments, &mut context),
        Some(Command::Equivalence(arguments)) => equivalence::command(&arguments, &mut context),
        Some(Command::Sweep(arguments)) => sweep::command(&arguments, &mut context),
        Some(Command::Planted(arguments)) => planted::run(&arguments, &mut context),
        Some(Command::Original(arguments)) => original::command(&arguments, &mut context),
        Some(Command::Bench(arguments)) => bench::run(&arguments, &mut context),
        Some(Command::Worker(arguments)) => worker::work(arguments, &mut context.out),
        Some(Command::Serve(arguments)) => sweep::serve(&arguments),
        Some(Command::Ceiling) => measure(&mut context.out),
    };
    exit.into()
}

fn measure(out: &mut Out) -> Exit {
    match serde_json::to_string(&ceiling::measure()) {
        Ok(line) => {
            out.data(&line);
            Exit::Passed
        }
        Err(error) => {
            out.error(&error.to_string());
            Exit::Harness
        }
    }
}
