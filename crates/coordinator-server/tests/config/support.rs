//! Sources made of literals, and values for every kind of setting.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use coordinator_server::cli::{self, Action};
use coordinator_server::config::{self, Environment, Loaded, Sources};
use coordinator_server::settings::{Kind, Setting};
use tempfile::TempDir;

/// What the original's compose file sets.
pub const COMPOSE: [(&str, &str); 7] = [
    ("RPC_URL", "https://rpc.mainnet.near.org"),
    ("REGISTRY_CONTRACT_ID", "dev-queryapi.dataplatform.near"),
    ("REDIS_URL", "redis://redis"),
    ("BLOCK_STREAMER_URL", "http://block-streamer:8002"),
    ("RUNNER_URL", "http://runner:7001"),
    ("GRPC_PORT", "9003"),
    ("RUST_LOG", "info,coordinator=debug"),
];

pub fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
        .collect()
}

/// What flags and environment amount to.
pub fn sources(flags: &[&str], env: &[(&str, &str)]) -> Sources {
    let args = ["coordinator", "run"]
        .iter()
        .chain(flags)
        .map(OsString::from);
    match cli::parse(args, environment(env)).expect("flags that exist") {
        Action::Run(sources) => sources,
        other => panic!("not a run: {other:?}"),
    }
}

pub fn load(flags: &[&str], env: &[(&str, &str)]) -> Loaded {
    config::load(&sources(flags, env))
}

/// What is said about sources that cannot be used.
pub fn refusal(flags: &[&str], env: &[(&str, &str)]) -> String {
    load(flags, env)
        .into_config()
        .expect_err("something is wrong")
}

/// A folder with files that settings can name.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(TempDir::new().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The `number`th of three good values, all different and none the default.
    pub fn sample(&self, setting: &Setting, number: usize) -> String {
        let text = match setting.kind {
            // Two truths have to do for three values.
            Kind::Switch | Kind::Presence => ["true", "false", "true"][number].to_owned(),
            Kind::Count { most, .. } => (most - number as u64 - 1).to_string(),
            Kind::Share { .. } => ["0.25", "0.5", "0.75"][number].to_owned(),
            Kind::Duration { least, .. } if setting.name == "drain-delay" => {
                format!("{}s", least.as_secs() + number as u64 + 1)
            }
            Kind::Duration { most, .. } => format!("{}s", most.as_secs() - number as u64 - 1),
            Kind::Text => format!("{}{number}", setting.example.replace(',', "")),
            Kind::Choice(words) => words[number % words.len()].to_owned(),
            Kind::InputFile => {
                let path = self.write(&format!("{}-{number}", setting.name), "");
                path.display().to_string()
            }
            Kind::Folder => self.path().join(number.to_string()).display().to_string(),
            Kind::Address => format!("127.0.0.1:{}", 7000 + number),
            Kind::Port => (8000 + number).to_string(),
            Kind::ServiceUrl | Kind::HttpUrls => format!("http://host-{number}:1234"),
            Kind::RedisUrl => format!("redis://host-{number}/3"),
            Kind::Account => format!("account-{number}.near"),
            Kind::Secret => format!("hidden-{number}"),
        };
        match setting.name {
            "log" => ["warn", "debug", "trace"][number].to_owned(),
            _ => text,
        }
    }
}

/// How the file writes a value.
pub fn line(setting: &Setting, value: &str) -> String {
    let bare = matches!(
        setting.kind,
        Kind::Switch | Kind::Presence | Kind::Count { .. } | Kind::Share { .. } | Kind::Port
    );
    match bare {
        true => format!("{} = {value}\n", setting.key()),
        false => format!("{} = {value:?}\n", setting.key()),
    }
}

/// Compares with the file of that name; `UPDATE_GOLDEN=1` writes it.
#[track_caller]
pub fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/config/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        actual,
        expected,
        "{} differs; UPDATE_GOLDEN=1 writes it anew",
        path.display()
    );
}

/// The program, with nothing in its environment.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coordinator"));
    command.env_clear();
    command
}
