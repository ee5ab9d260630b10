//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  cargo local                        start, or go on where it stopped
  cargo local --dir /tmp/other       with another directory
  cargo local kill runner            in another terminal: kill a node, watch it recover
  $EDITOR .local/registry.toml       add, change or remove indexers while it runs

It builds what it starts. Ports are the services' usual ones, or the next free.
Ctrl-C stops everything; the next start goes on from there. To begin from nothing,
remove the directory.

Exit codes: 0 stopped by the user; 1 something could not be started; 2 usage.";

/// Runs the coordinator with fake services around it on this machine, and shows
/// what happens.
#[derive(Debug, Parser)]
#[command(name = "cargo local", bin_name = "cargo local", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// Where everything is kept: registry, store, logs, ledgers
    #[arg(
        long,
        value_name = "DIRECTORY",
        default_value = ".local",
        global = true
    )]
    pub dir: PathBuf,
    /// Start what was built before, without looking for changes
    #[arg(long)]
    pub no_build: bool,
    /// Print a line when something changes instead of a table in place; so it is
    /// anyway where the output is no terminal
    #[arg(long)]
    pub plain: bool,
    /// Stop by itself after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,
    /// What to do instead of starting.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What can be done from another terminal.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Verb {
    /// Kill a node of a running `cargo local`, as a crash would (SIGKILL)
    Kill {
        /// Which node
        node: Node,
    },
}

/// The processes, in the order in which they are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Node {
    /// The Redis that the services share
    Redis,
    /// The block streamer
    BlockStreamer,
    /// Executors and provisioner
    Runner,
    /// The coordinator itself
    Coordinator,
}

impl Node {
    /// All of them, in the order in which they are started.
    pub const ALL: [Node; 4] = [
        Node::Redis,
        Node::BlockStreamer,
        Node::Runner,
        Node::Coordinator,
    ];

    /// How it is called, in files too.
    pub fn name(self) -> &'static str {
        match self {
            Node::Redis => "redis",
            Node::BlockStreamer => "block-streamer",
            Node::Runner => "runner",
            Node::Coordinator => "coordinator",
        }
    }

    /// The program.
    pub fn binary(self) -> &'static str {
        match self {
            Node::Redis => "sim-store",
            Node::BlockStreamer => "sim-block-streamer",
            Node::Runner => "sim-executor",
            Node::Coordinator => "coordinator",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn nodes_are_called_on_the_command_line_as_everywhere() {
        for node in Node::ALL {
            let value = node.to_possible_value().expect("no node is hidden");
            assert_eq!(value.get_name(), node.name());
        }
    }
}
