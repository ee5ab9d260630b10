//! The command line: the service and its configuration, and the operators'
//! commands beside them.

mod state;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{StyledStr, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Subcommand, ValueHint};

pub use state::StateFormat;

use crate::commands::{Probe, Question, StateCommand, url};
use crate::config::{CONFIG_ENV, Environment, Flags, Sources};
use crate::exit;
use crate::settings::{self, Fallback, Kind, Setting};

/// What the command line asks for.
#[derive(Debug)]
pub enum Action {
    /// The service.
    Run(Sources),
    /// Whether the configuration can be used.
    ConfigCheck(Sources),
    /// The configuration with the source of each value.
    ConfigPrint(Sources, ConfigFormat),
    /// Whether a registry file can be used.
    RegistryCheck(PathBuf),
    /// Something with the records in the store.
    State(Sources, StateCommand),
    /// Whether a running one is ready, or lives.
    Probe(Box<Probe>),
    /// A script for a shell.
    Completions(clap_complete::Shell),
    /// Which build this is.
    Version(VersionFormat),
    /// Something of a running coordinator.
    Operator(Box<admin_cli::Command>),
}

/// The form of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ConfigFormat {
    /// As a configuration file.
    Toml,
    /// As one document.
    Json,
}

/// The form of the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum VersionFormat {
    /// For people.
    Text,
    /// As one document.
    Json,
}

/// Where commands stand in the help that few people look for.
const LAST: usize = 1000;

/// The longest time that a probe waits.
const PATIENCE_MAX: Duration = Duration::from_secs(60 * 60);

const ABOUT: &str = "Keeps block streams, executors and data layers in line with a registry";

const LONG_ABOUT: &str = "\
Keeps block streams, executors and data layers in line with a registry

A registry says which indexers shall exist. For each of them the coordinator has its data \
layer made by a provisioner, its blocks streamed by a block streamer and its code run by an \
executor; it starts, updates, repairs, suspends and removes them as the registry and the \
operators want, and keeps what it must remember in Redis or in a file.

Without a command it runs this service: the same as `coordinator run`. The other commands \
check its configuration, or ask one that runs.";

const EXAMPLES: &str = "\
Examples:
  coordinator                                  run the service as the environment says
  coordinator --config /etc/coordinator.toml   run it as a file says
  coordinator config check                     see whether it would start, and with what
  coordinator list --troubled                  ask a running one what is not as wanted
  coordinator explain alice.near/feed          ask it why

Without a command it runs the service: the same as `coordinator run`. The commands from
`list` to `shadow` ask a coordinator that runs, by default the one on this machine. To try
all of it without any chain, Redis or service: `cargo local` in a checkout of the source.";

const RUN_EXAMPLES: &str = "\
Examples:
  RPC_URL=https://rpc.mainnet.near.org REGISTRY_CONTRACT_ID=queryapi.dataplatform.near \\
  REDIS_URL=redis://localhost:6379 BLOCK_STREAMER_URL=http://localhost:8002 \\
  RUNNER_URL=http://localhost:7001 GRPC_PORT=9003 coordinator run
  coordinator run --config /etc/coordinator.toml --shadow
  coordinator run --registry-file registry.toml --redis-url redis://localhost:6379 \\
    --block-streamer-url http://localhost:8002 --runner-url http://localhost:7001

The short help (-h) shows the settings that most people need, --help shows all.
A flag goes before the environment, that before the file, that before the default.
An empty variable counts as not set.

Signals: SIGTERM and SIGINT stop it in order, a second one at once; SIGHUP reads
certificates, tokens and the log filter again.";

/// The whole command line.
#[must_use]
pub fn command() -> Command {
    let codes = exit::OF_SERVICE;
    let command = Command::new("coordinator")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(format!("{EXAMPLES}\n\n{}", exit::ALL))
        .max_term_width(100)
        .args_conflicts_with_subcommands(true)
        .subcommand_value_name("COMMAND")
        .subcommand(
            with_settings(Command::new("run"))
                .about("Run the service (the same as without a command)")
                .after_help(format!("{RUN_EXAMPLES}\n\n{codes}")),
        )
        .subcommand(config_command())
        .subcommand(registry_command())
        .subcommand(state::command())
        .subcommand(probe_command())
        .subcommand(
            Command::new("completions")
                .about("Print a script that completes commands and flags in a shell")
                .display_order(LAST)
                .after_help("Examples:\n  source <(coordinator completions bash)")
                .arg(
                    Arg::new("shell")
                        .value_name("SHELL")
                        .required(true)
                        .value_parser(clap::value_parser!(clap_complete::Shell))
                        .help("Which shell"),
                ),
        )
        .subcommand(
            Command::new("version")
                .about("Show which build this is")
                .display_order(LAST)
                .arg(output::<VersionFormat>("text")),
        );
    // Those commands bring their own description of the whole.
    let command = admin_cli::Command::augment_subcommands(command);
    with_settings(command.about(ABOUT).long_about(LONG_ABOUT))
}

fn config_command() -> Command {
    Command::new("config")
        .about("Check or print the configuration of the service")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            with_settings(Command::new("check"))
                .about("See whether the service would start, and with what")
                .after_help(format!(
                    "Examples:\n  coordinator config check --config coordinator.toml\n\n{}",
                    exit::OF_CHECKS
                )),
        )
        .subcommand(
            with_settings(Command::new("print"))
                .about("Print each setting, its value and its source; secrets are not shown")
                .after_help(
                    "Examples:\n  coordinator config print\n  coordinator config print -o json",
                )
                .arg(output::<ConfigFormat>("toml")),
        )
}

fn registry_command() -> Command {
    Command::new("registry")
        .about("Check a registry file, which stands in for the contract (--registry-file)")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("check")
                .about("See whether a registry file can be used, and what it holds")
                .after_help(format!(
                    "Examples:\n  coordinator registry check registry.toml\n\n{}",
                    exit::OF_CHECKS
                ))
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .required(true)
                        .value_hint(ValueHint::FilePath)
                        .value_parser(clap::value_parser!(PathBuf))
                        .help("The file, or a folder of files"),
                ),
        )
}

fn probe_command() -> Command {
    Command::new("probe")
        .about("Ask a running coordinator whether it is ready, or lives: for health checks")
        .after_help(format!(
            "Examples:\n  \
             coordinator probe ready\n  \
             coordinator probe live --url http://127.0.0.1:9180 --timeout 1s\n\n\
             In a Dockerfile:\n  \
             HEALTHCHECK CMD [\"/usr/local/bin/coordinator\", \"probe\", \"live\"]\n\n{}",
            exit::OF_PROBES
        ))
        .arg(
            Arg::new("question")
                .value_name("WHAT")
                .required(true)
                .value_parser(clap::builder::EnumValueParser::<Question>::new())
                .help("What is asked"),
        )
        .arg(
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .value_hint(ValueHint::Url)
                .value_parser(url)
                .help(
                    "Where its probes are answered [default: this machine, at the port that the \
                     settings `http_listen` or `metrics_port` name, else 9180]",
                ),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("DURATION")
                .default_value("5s")
                .value_parser(patience)
                .help("How long the answer may take"),
        )
        .arg(config_file())
}

/// A length of time for which somebody waits.
fn patience(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(length) if length.is_zero() || length > PATIENCE_MAX => {
            Err("more than nothing, and at most an hour".to_owned())
        }
        Ok(length) => Ok(length),
        Err(error) => Err(format!("{error}; write for instance 5s")),
    }
}

fn output<T>(default: &'static str) -> Arg
where
    T: clap::ValueEnum + Clone + Send + Sync + 'static,
{
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FORMAT")
        .default_value(default)
        .value_parser(clap::builder::EnumValueParser::<T>::new())
        .help("The form of the output")
}

/// Adds a flag for each setting.
fn with_settings(command: Command) -> Command {
    let flags = settings::all().into_iter().flat_map(flags);
    command.arg(config_file()).args(flags)
}

fn config_file() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_hint(ValueHint::FilePath)
        .value_parser(clap::value_parser!(PathBuf))
        .help(format!(
            "File with settings: TOML, `name = value` [env: {CONFIG_ENV}]"
        ))
}

/// The flags of one setting: its own, and for a secret that of its file.
fn flags(setting: &'static Setting) -> Vec<Arg> {
    let mut flags = Vec::new();
    if setting.has_flag() {
        flags.push(flag(setting));
    }
    if setting.is_secret() {
        let help = format!(
            "File that holds `{}` [env: {}]",
            setting.key(),
            setting.file_env()
        );
        flags.push(
            Arg::new(setting.file_name())
                .long(setting.file_name())
                .value_name("FILE")
                .value_hint(ValueHint::FilePath)
                .value_parser(ValueParser::os_string())
                .hide_short_help(true)
                .help_heading(setting.group.title())
                .help(help),
        );
    }
    flags
}

fn flag(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .value_name(setting.kind.placeholder())
        .value_parser(ValueParser::os_string())
        .action(ArgAction::Set)
        .help_heading(setting.group.title())
        .hide_short_help(!setting.common)
        .help(help(setting));
    match setting.kind {
        Kind::Switch | Kind::Presence => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        Kind::InputFile => arg.value_hint(ValueHint::FilePath),
        Kind::Folder => arg.value_hint(ValueHint::DirPath),
        Kind::ServiceUrl | Kind::HttpUrls | Kind::RedisUrl => arg.value_hint(ValueHint::Url),
        _ => arg,
    }
}

fn help(setting: &Setting) -> StyledStr {
    let mut text = sentence(setting.help);
    if let Kind::Choice(words) = setting.kind {
        text.push_str(&format!(" [one of: {}]", words.join(", ")));
    }
    match setting.default {
        Fallback::Value(value) => text.push_str(&format!(" [default: {value}]")),
        Fallback::Words(words) => text.push_str(&format!(" [default: {words}]")),
        Fallback::None => {}
    }
    text.push_str(&format!(" [env: {}]", setting.env));
    text.into()
}

/// With a capital at its beginning.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// What `args`, the program's name first, ask for.
///
/// # Errors
/// They cannot be understood, or they ask for help.
pub fn parse<I>(args: I, env: Environment) -> Result<Action, clap::Error>
where
    I: IntoIterator<Item = OsString>,
{
    let matches = command().try_get_matches_from(args)?;
    action(&matches, env)
}

fn action(matches: &ArgMatches, env: Environment) -> Result<Action, clap::Error> {
    let Some((name, inner)) = matches.subcommand() else {
        return Ok(Action::Run(sources(matches, env)));
    };
    match (name, inner.subcommand()) {
        ("run", _) => Ok(Action::Run(sources(inner, env))),
        ("config", Some(("print", inner))) => {
            let format = one(inner, "output").unwrap_or(ConfigFormat::Toml);
            Ok(Action::ConfigPrint(sources(inner, env), format))
        }
        ("config", Some((_, inner))) => Ok(Action::ConfigCheck(sources(inner, env))),
        ("registry", Some((_, inner))) => Ok(Action::RegistryCheck(
            one(inner, "file").unwrap_or_default(),
        )),
        ("state", Some((name, inner))) => Ok(state::action(name, inner, env)),
        ("probe", _) => Ok(Action::Probe(Box::new(Probe {
            question: one(inner, "question").unwrap_or(Question::Ready),
            url: one(inner, "url"),
            patience: one(inner, "timeout").unwrap_or(PATIENCE_MAX),
            sources: Sources {
                config: one(inner, "config"),
                env,
                ..Sources::default()
            },
        }))),
        ("completions", _) => {
            let shell = one(inner, "shell").unwrap_or(clap_complete::Shell::Bash);
            Ok(Action::Completions(shell))
        }
        ("version", _) => Ok(Action::Version(
            one(inner, "output").unwrap_or(VersionFormat::Text),
        )),
        _ => {
            let command = admin_cli::Command::from_arg_matches(matches)?;
            Ok(Action::Operator(Box::new(command)))
        }
    }
}

fn one<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.get_one::<T>(name).cloned()
}

fn sources(matches: &ArgMatches, env: Environment) -> Sources {
    let mut flags = Flags::new();
    for setting in settings::all() {
        let own = setting.has_flag().then(|| setting.name.to_owned());
        let variant = setting.is_secret().then(|| setting.file_name());
        for name in own.into_iter().chain(variant) {
            if let Some(value) = one::<OsString>(matches, &name) {
                flags.insert(name, value);
            }
        }
    }
    Sources {
        flags,
        config: one(matches, "config"),
        env,
    }
}
