//! The commands, as they are typed.

mod connection;
mod goal;
mod help;
mod names;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use proto::coordinator::{Indexer, IndexerFilter};

pub use connection::Connection;
pub use goal::Goal;
pub use names::{Listed, Named};

pub(crate) use connection::duration;
pub(crate) use names::Name;

use crate::console::Color;

/// The longest reason for a hold that the coordinator takes, in bytes.
const REASON_MAX: usize = 500;

/// What an operator can ask a running coordinator.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// List indexers: where each stands and why
    #[command(after_help = help::LIST, after_long_help = help::LIST_LONG)]
    List(List),
    /// Show everything that is known about indexers
    #[command(after_help = help::GET, after_long_help = help::GET_LONG)]
    Get(Get),
    /// Let disabled indexers run again
    #[command(after_help = help::ENABLE, after_long_help = help::ENABLE_LONG)]
    Enable(Mutation),
    /// Keep indexers from running until they are enabled
    #[command(after_help = help::DISABLE, after_long_help = help::DISABLE_LONG)]
    Disable(Mutation),
    /// Forget past failures and try again at once
    #[command(after_help = help::RETRY, after_long_help = help::RETRY_LONG)]
    Retry(Mutation),
    /// Leave indexers alone, whatever runs or is wanted, until they are released
    #[command(after_help = help::HOLD, after_long_help = help::HOLD_LONG)]
    Hold(Hold),
    /// End a hold
    #[command(after_help = help::RELEASE, after_long_help = help::RELEASE_LONG)]
    Release(Mutation),
    /// Show what there is, then every change, until Ctrl-C
    #[command(after_help = help::WATCH, after_long_help = help::WATCH_LONG)]
    Watch(Watch),
    /// Explain an indexer: where it is, why, what happens next, what you can do
    #[command(after_help = help::EXPLAIN, after_long_help = help::EXPLAIN_LONG)]
    Explain(Get),
    /// Wait until indexers are where they should be
    #[command(after_help = help::WAIT, after_long_help = help::WAIT_LONG)]
    Wait(Wait),
    /// Show the coordinator as a whole
    #[command(visible_alias = "status")]
    #[command(after_help = help::OVERVIEW, after_long_help = help::OVERVIEW_LONG)]
    Overview(Overview),
    /// Show what a coordinator in shadow mode would have done
    #[command(after_help = help::SHADOW, after_long_help = help::SHADOW_LONG)]
    Shadow(Shadow),
}

impl Command {
    /// What all commands have.
    pub fn common(&self) -> &Common {
        match self {
            Command::List(args) => &args.common,
            Command::Get(args) | Command::Explain(args) => &args.common,
            Command::Enable(args)
            | Command::Disable(args)
            | Command::Retry(args)
            | Command::Release(args) => &args.common,
            Command::Hold(args) => &args.mutation.common,
            Command::Watch(args) => &args.common,
            Command::Wait(args) => &args.common,
            Command::Overview(args) => &args.common,
            Command::Shadow(args) => &args.common,
        }
    }
}

/// What all commands have.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,

    /// When to color [env: NO_COLOR, CLICOLOR_FORCE]
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_short_help = true
    )]
    pub color: Color,

    /// Which coordinator, and as whom.
    #[command(flatten)]
    pub connection: Connection,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For people with wide screens.
    Wide,
    /// One document.
    Json,
    /// One object a line.
    Jsonl,
    /// The names of the indexers, one a line.
    Name,
}

/// A phase of an indexer's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Its data layer is being created.
    Initializing,
    /// It is kept running.
    Running,
    /// It is being stopped.
    Suspending,
    /// It was disabled, and nothing of it runs.
    Suspended,
    /// Something failed and is tried again.
    Repairing,
    /// It is being removed.
    Deleting,
    /// It has no record that can be read.
    None,
}

impl Phase {
    pub(crate) const WORDS: [&str; 7] = [
        "Initializing",
        "Running",
        "Suspending",
        "Suspended",
        "Repairing",
        "Deleting",
        "none",
    ];

    /// As the coordinator writes it in a filter.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Phase::Initializing => "Initializing",
            Phase::Running => "Running",
            Phase::Suspending => "Suspending",
            Phase::Suspended => "Suspended",
            Phase::Repairing => "Repairing",
            Phase::Deleting => "Deleting",
            Phase::None => "none",
        }
    }

    /// Whether `indexer` is in it.
    pub(crate) fn is_of(self, indexer: &Indexer) -> bool {
        match self {
            Phase::None => indexer.phase.is_empty(),
            phase => indexer.phase == phase.word(),
        }
    }
}

/// Which indexers are wanted; all conditions must hold.
#[derive(Args, Clone, Debug)]
pub struct Filter {
    /// Only indexers of this account
    #[arg(short = 'n', long)]
    pub account: Option<String>,

    /// Only indexers in this phase; may be given several times
    #[arg(long, value_enum, ignore_case = true, value_delimiter = ',')]
    pub phase: Vec<Phase>,

    /// Only indexers that are not as wanted: in trouble, retrying, given up, held
    #[arg(long)]
    pub troubled: bool,
}

impl Filter {
    pub(crate) fn message(&self) -> IndexerFilter {
        IndexerFilter {
            account_id: self.account.clone().unwrap_or_default(),
            phases: self.phase.iter().map(|it| it.word().to_owned()).collect(),
            troubled: self.troubled,
        }
    }
}

/// `list`.
#[derive(Args, Clone, Debug)]
pub struct List {
    /// Which.
    #[command(flatten)]
    pub filter: Filter,

    /// Show at most this many; 0 shows all
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub limit: usize,

    /// What all commands have.
    #[command(flatten)]
    pub common: Common,
}

/// `get` and `explain`.
#[derive(Args, Clone, Debug)]
pub struct Get {
    /// Which.
    #[command(flatten)]
    pub indexers: Named,

    /// What all commands have.
    #[command(flatten)]
    pub common: Common,
}

/// A command that changes something.
#[derive(Args, Clone, Debug)]
pub struct Mutation {
    /// Which.
    #[command(flatten)]
    pub indexers: Listed,

    /// Do not ask, even if several indexers are meant
    #[arg(short, long)]
    pub yes: bool,

    /// Only print what would be asked
    #[arg(long)]
    pub dry_run: bool,

    /// Wait until it has taken effect
    #[arg(long)]
    pub wait: bool,

    /// How long to wait with --wait
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = duration)]
    pub timeout: Duration,

    /// What all commands have.
    #[command(flatten)]
    pub common: Common,
}

/// `hold`.
#[derive(Args, Clone, Debug)]
pub struct Hold {
    /// Why, for other operators; at most 500 bytes
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,

    /// The rest.
    #[command(flatten)]
    pub mutation: Mutation,
}

/// `watch`.
#[derive(Args, Clone, Debug)]
pub struct Watch {
    /// Which.
    #[command(flatten)]
    pub filter: Filter,

    /// Without what there is already
    #[arg(long)]
    pub changes_only: bool,

    /// What all commands have.
    #[command(flatten)]
    pub common: Common,
}

/// `wait`.
#[derive(Args, Clone, Debug)]
pub struct Wait {
    /// Which.
    #[command(flatten)]
    pub indexers: Named,

    /// running, suspended, steady, gone, phase=PHASE or state=STATE
    #[arg(long = "for", value_name = "GOAL")]
    pub goal: Goal,

    /// How long to wait
    #[arg(long, default_value = "5m", value_name = "DURATION", value_parser = duration)]
    pub timeout: Duration,

    /// Also wait for an indexer that does not exist yet
    #[arg(long)]
    pub allow_missing: bool,

    /// What all commands have.
    #[command(flatten)]
    pub common: Common,
}

/// `overview`.
#[derive(Args, Clone, Debug)]
pub struct Overview {
    /// What all commands have.
    #[command(flatten)]
    pub common: Common,
}

/// `shadow`.
#[derive(Args, Clone, Debug)]
pub struct Shadow {
    /// Only indexers on which the shadow and the world disagree
    #[arg(long)]
    pub disagreements: bool,

    /// Exit with code 1 on a disagreement, on anything unknown, and if nothing was observed
    ///
    /// What is pending does not count: the original still may do it.
    #[arg(long)]
    pub check: bool,

    /// What all commands have.
    #[command(flatten)]
    pub common: Common,
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("say why, for other operators".to_owned()),
        text if text.len() > REASON_MAX => Err(format!(
            "{} bytes are more than the {REASON_MAX} that a reason may have",
            text.len()
        )),
        text => Ok(text.to_owned()),
    }
}
