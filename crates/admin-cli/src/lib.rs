//! The operators' command line: a client of the coordinator's API.
//!
//! [`Command`] is what can be typed; a binary flattens it into its own commands.
//! [`run`] does what was typed and says how the process ends. Data goes to stdout
//! and talk to stderr, both by way of a [`Console`].
//!
//! Nothing here panics on what a server sends: sizes and counts are bounded, and
//! text is escaped before it reaches a terminal.

mod args;
mod client;
mod commands;
mod console;
mod exit;
mod moment;
mod text;
mod view;

pub use args::{
    Command, Common, Connection, Filter, Format, Get, Goal, Hold, List, Listed, Mutation, Named,
    Overview, Phase, Shadow, Wait, Watch,
};
pub use console::{Color, Console};
pub use exit::{Exit, Failure};
pub use text::{escape, sentence};

use clap::Subcommand;

use args::Name;
use client::Change;

/// The commands alone, for helps and completions.
pub fn command() -> clap::Command {
    let parent = clap::Command::new("coordinator").subcommand_required(true);
    // They bring their own description of the whole, which is theirs alone.
    Command::augment_subcommands(parent).about("Asks a running coordinator")
}

/// Does what was typed; Ctrl-C ends it.
///
/// Questions are asked, and lists are read, before the handler for Ctrl-C is
/// installed: until then it ends the process as it always does. Failures are
/// told on the console.
pub async fn run(command: Command, console: &mut Console) -> Exit {
    run_until(command, console, async {
        // Without a handler Ctrl-C ends the process by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
    .await
}

/// Does what was typed, until `interrupted` is done.
pub async fn run_until(
    command: Command,
    console: &mut Console,
    interrupted: impl Future<Output = ()>,
) -> Exit {
    let prepared = match prepare(command, console) {
        Ok(prepared) => prepared,
        Err(failure) => return told(failure, console),
    };
    let result = tokio::select! {
        biased;
        () = interrupted => return Exit::Interrupted,
        result = perform(prepared, console) => result,
    };
    result.unwrap_or_else(|failure| told(failure, console))
}

/// A command whose questions have been answered.
enum Prepared {
    Change(Mutation, Change, Vec<Name>),
    Other(Command),
}

fn prepare(command: Command, console: &mut Console) -> Result<Prepared, Failure> {
    let (args, change) = match command {
        Command::Enable(args) => (args, Change::Enable),
        Command::Disable(args) => (args, Change::Disable),
        Command::Retry(args) => (args, Change::Retry),
        Command::Release(args) => (args, Change::Release),
        Command::Hold(args) => (args.mutation, Change::Hold(args.reason)),
        other => return Ok(Prepared::Other(other)),
    };
    let names = args.indexers.resolve(console)?;
    if commands::is_confirmed(&args, &change, &names, console) {
        Ok(Prepared::Change(args, change, names))
    } else {
        Err(Failure::new(
            Exit::Failed,
            "nothing was changed; to do it without a question, add --yes.",
        ))
    }
}

async fn perform(prepared: Prepared, console: &mut Console) -> Result<Exit, Failure> {
    match prepared {
        Prepared::Change(args, change, names) => {
            commands::change(args, change, console, names).await
        }
        Prepared::Other(command) => match command {
            Command::List(args) => commands::list(args, console).await,
            Command::Get(args) => commands::get(args, console).await,
            Command::Explain(args) => commands::explain(args, console).await,
            Command::Watch(args) => commands::watch(args, console).await,
            Command::Wait(args) => commands::wait(args, console).await,
            Command::Overview(args) => commands::overview(args, console).await,
            Command::Shadow(args) => commands::shadow(args, console).await,
            Command::Enable(_)
            | Command::Disable(_)
            | Command::Retry(_)
            | Command::Hold(_)
            | Command::Release(_) => Err(Failure::new(
                Exit::Failed,
                "the command was not prepared; this is a defect of the program.",
            )),
        },
    }
}

fn told(failure: Failure, console: &mut Console) -> Exit {
    if !failure.message.is_empty() {
        console.talk(&format!("error: {failure}"));
    }
    failure.exit
}
