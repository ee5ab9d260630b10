//! `state`: the records as a file, and the height of the registry.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};

use super::{one, output, sources, with_settings};
use crate::cli::Action;
use crate::commands::StateCommand;
use crate::config::Environment;
use crate::exit;
use crate::state::Mode;

/// The form of what a check finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum StateFormat {
    /// For people.
    Text,
    /// As one document.
    Json,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  coordinator state export --config coordinator.toml state.jsonl
  coordinator state export > state.jsonl

Records and the height of the registry are exported; queues and cursors belong to the
services and stay in their Redis. A file that exists is not overwritten.";

const IMPORT_EXAMPLES: &str = "\
Examples:
  coordinator state import --config new.toml --dry-run state.jsonl
  coordinator state import --config new.toml state.jsonl

Nothing is written if the file is damaged, or if the store holds other records under the
same keys, unless --replace is given. What the store holds already is left alone, so that
an import can be repeated. There must be no coordinator on the store meanwhile.";

const CHECK_EXAMPLES: &str = "\
Examples:
  coordinator state check --config coordinator.toml
  coordinator state check -o json

Each record is one of: current (written by this coordinator), original (as the original
writes it), historical (as the original once wrote it), unreadable. All but the last are
used as they are.";

const HEIGHT_EXAMPLES: &str = "\
Examples:
  coordinator state height --config coordinator.toml
  coordinator state height --lower-to 130000000 --config coordinator.toml

The height is the block of the last deletion that was carried out. A coordinator that starts
believes no answer of the registry below it, so that a node that is behind brings nothing back
that was deleted. Lower it only if the chain has never reached it, or if another chain took the
place of the old one: to a height that its nodes have reached. Stop the coordinator before.";

/// The command with its subcommands.
pub(super) fn command() -> Command {
    let codes = exit::OF_STATE;
    Command::new("state")
        .about("Export, import or check the records in the store, or mend the registry's height")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            with_settings(Command::new("export"))
                .about("Write all records to a file, from which another store can be filled")
                .after_help(format!("{EXPORT_EXAMPLES}\n\n{codes}"))
                .arg(file("The file to make [default: standard output]"))
                .arg(switch("without-height").help(
                    "Leave out the height of the registry, so that a registry that went back \
                     is listened to again",
                )),
        )
        .subcommand(
            with_settings(Command::new("import"))
                .about("Fill the store from such a file")
                .after_help(format!("{IMPORT_EXAMPLES}\n\n{codes}"))
                .arg(file("The file; `-` is standard input").required(true))
                .arg(
                    switch("replace")
                        .help("Put the file's records in the place of others in the store"),
                )
                .arg(switch("dry-run").help("Only say what would be done")),
        )
        .subcommand(
            with_settings(Command::new("check"))
                .about("Say of each record in the store whether it can be read")
                .after_help(format!("{CHECK_EXAMPLES}\n\n{codes}"))
                .arg(output::<StateFormat>("text")),
        )
        .subcommand(
            with_settings(Command::new("height"))
                .about("Show, or lower, the height of the registry that was acted upon")
                .after_help(format!("{HEIGHT_EXAMPLES}\n\n{codes}"))
                .arg(
                    Arg::new("lower-to")
                        .long("lower-to")
                        .value_name("HEIGHT")
                        .value_parser(clap::value_parser!(u64))
                        .help("Lower it to this height, if it is above; 0 removes it"),
                ),
        )
}

fn file(help: &'static str) -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .value_hint(ValueHint::FilePath)
        .value_parser(clap::value_parser!(PathBuf))
        .help(help)
}

fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// What the subcommand `name` asks for.
pub(super) fn action(name: &str, matches: &ArgMatches, env: Environment) -> Action {
    let command = match name {
        "export" => {
            let file: Option<PathBuf> = one(matches, "file");
            let file = file.filter(|path| path.as_os_str() != "-");
            let height = !matches.get_flag("without-height");
            StateCommand::Export { file, height }
        }
        "import" => {
            let mode = Mode {
                replace: matches.get_flag("replace"),
                dry_run: matches.get_flag("dry-run"),
            };
            StateCommand::Import(one(matches, "file").unwrap_or_default(), mode)
        }
        "height" => StateCommand::Height {
            lower_to: one(matches, "lower-to"),
        },
        _ => StateCommand::Check(one(matches, "output").unwrap_or(StateFormat::Text)),
    };
    Action::State(sources(matches, env), command)
}
