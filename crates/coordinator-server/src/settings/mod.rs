//! What can be set: one table from which flags, environment names, the keys of
//! the file, the help and the documentation are made.

mod table;
mod tuning;

pub use table::*;
pub use tuning::*;

use std::time::Duration;

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`; a flag alone is true.
    Switch,
    /// On when its environment variable is present, whatever it holds.
    Presence,
    /// A whole number within bounds, both included.
    Count {
        /// The smallest.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// A fraction within bounds, both included.
    Share {
        /// The smallest.
        least: f64,
        /// The largest.
        most: f64,
    },
    /// A duration with a unit within bounds, both included.
    Duration {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// One line of text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The path of a file that is read.
    InputFile,
    /// The path of a folder that is made if need be.
    Folder,
    /// An address and a port to listen at.
    Address,
    /// A port to listen at.
    Port,
    /// The URL of a gRPC service.
    ServiceUrl,
    /// One or more URLs, separated by commas, in the order of preference; they may hold
    /// a key or a password.
    HttpUrls,
    /// The URL of a Redis server; it may hold a password.
    RedisUrl,
    /// A NEAR account.
    Account,
    /// A word that nobody may see.
    Secret,
}

impl Kind {
    /// How the documentation calls it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Kind::Switch => "`true` or `false`".into(),
            Kind::Presence => "on if present".into(),
            Kind::Count { least, most } => format!("{least} to {most}"),
            Kind::Share { least, most } => format!("{least} to {most}"),
            Kind::Duration { least, most } => format!(
                "{} to {}",
                humantime::format_duration(*least),
                humantime::format_duration(*most)
            ),
            Kind::Text => "text".into(),
            Kind::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                quoted.join(", ")
            }
            Kind::InputFile => "file".into(),
            Kind::Folder => "folder".into(),
            Kind::Address => "`IP:PORT`".into(),
            Kind::Port => "port".into(),
            Kind::ServiceUrl => "`http://` or `https://` URL".into(),
            Kind::HttpUrls => "one or more `http(s)://` URLs".into(),
            Kind::RedisUrl => "`redis://`, `rediss://` or `unix://` URL".into(),
            Kind::Account => "NEAR account".into(),
            Kind::Secret => "secret".into(),
        }
    }

    /// The placeholder of the flag's value in the help.
    #[must_use]
    pub fn placeholder(&self) -> &'static str {
        match self {
            Kind::Switch | Kind::Presence => "BOOL",
            Kind::Count { .. } => "COUNT",
            Kind::Share { .. } => "SHARE",
            Kind::Duration { .. } => "DURATION",
            Kind::Text => "TEXT",
            Kind::Choice(_) => "WORD",
            Kind::InputFile => "FILE",
            Kind::Folder => "DIR",
            Kind::Address => "IP:PORT",
            Kind::Port => "PORT",
            Kind::ServiceUrl | Kind::RedisUrl => "URL",
            Kind::HttpUrls => "URL,...",
            Kind::Account => "ACCOUNT",
            Kind::Secret => "SECRET",
        }
    }
}

/// Under which heading help and documentation show a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Where it is read what is wanted.
    Registry,
    /// Where the coordinator keeps its records.
    Store,
    /// Block streamer, executors, provisioner.
    Services,
    /// The operators' API.
    Api,
    /// Probes and metrics.
    Http,
    /// Logs.
    Logs,
    /// How the process runs and ends.
    Process,
    /// Timings and limits.
    Tuning,
}

impl Group {
    /// Every group, in the order of the documentation.
    pub const ALL: [Group; 8] = [
        Group::Registry,
        Group::Store,
        Group::Services,
        Group::Api,
        Group::Http,
        Group::Logs,
        Group::Process,
        Group::Tuning,
    ];

    /// Its heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Group::Registry => "Registry",
            Group::Store => "Store",
            Group::Services => "Services",
            Group::Api => "API for operators (gRPC)",
            Group::Http => "Probes and metrics (HTTP)",
            Group::Logs => "Logs",
            Group::Process => "Process",
            Group::Tuning => "Timings and limits",
        }
    }
}

/// One thing that can be set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Its name: `--name` as a flag, with `_` for `-` in the file.
    pub name: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Where it is shown.
    pub group: Group,
    /// What its value looks like.
    pub kind: Kind,
    /// What holds when nobody sets it: a value, or a sentence if that depends.
    pub default: Fallback,
    /// A value that makes sense.
    pub example: &'static str,
    /// What it is, in one sentence that begins small and ends without a stop.
    pub help: &'static str,
    /// Whether most people need it; the short help shows no others.
    pub common: bool,
}

/// What holds when nobody sets something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing.
    None,
    /// This value.
    Value(&'static str),
    /// It depends; the words say on what.
    Words(&'static str),
}

impl Setting {
    const fn new(
        group: Group,
        name: &'static str,
        env: &'static str,
        kind: Kind,
        help: &'static str,
    ) -> Setting {
        Setting {
            name,
            env,
            group,
            kind,
            default: Fallback::None,
            example: "",
            help,
            common: false,
        }
    }

    const fn default(mut self, value: &'static str) -> Setting {
        self.default = Fallback::Value(value);
        self
    }

    const fn otherwise(mut self, words: &'static str) -> Setting {
        self.default = Fallback::Words(words);
        self
    }

    const fn example(mut self, value: &'static str) -> Setting {
        self.example = value;
        self
    }

    const fn common(mut self) -> Setting {
        self.common = true;
        self
    }

    /// Its key in the file.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Whether its value may hold what nobody may see. Such a setting can also
    /// be read from a file that `NAME_FILE` names.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::RedisUrl | Kind::HttpUrls)
    }

    /// Whether there is a flag for it. A command line is visible to everybody on
    /// the machine, so what is nothing but a secret has none, only its `-file` variant.
    /// A URL has one: it need not hold a secret.
    #[must_use]
    pub fn has_flag(&self) -> bool {
        self.kind != Kind::Secret
    }

    /// The name of the variant that names a file with the secret.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}-file", self.name)
    }

    /// The environment variable of that variant.
    #[must_use]
    pub fn file_env(&self) -> String {
        format!("{}_FILE", self.env)
    }
}

/// Every setting, in the order of the documentation.
#[must_use]
pub fn all() -> Vec<&'static Setting> {
    table::TABLE
        .iter()
        .chain(tuning::TUNING.iter())
        .copied()
        .collect()
}
