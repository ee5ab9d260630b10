//! The configuration: flag before environment before file before default.
//!
//! Everything that is wrong is said at once, each with where it was written and
//! how it would be right. No message holds a secret.

mod assemble;
mod file;
mod knobs;
mod model;
mod origin;
mod problem;
mod show;
mod source;
mod summary;
mod value;
mod values;

use std::fmt::Write;

pub use model::{
    ApiConfig, Config, IdentityFiles, LogConfig, LogFormat, RedisConfig, RegistryConfig,
    ServicesConfig, StoreConfig,
};
pub use origin::{Given, Origin};
pub use problem::{Problem, report};
pub use show::{Row, json, toml};
pub use source::{CONFIG_ENV, Environment, Flags, Gathered, Sources};
pub use value::{HiddenUrl, Secret, Value, parse};

use crate::settings::{self, Setting};
use values::Values;

/// What was found out about a configuration, usable or not.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, if nothing is wrong.
    pub config: Option<Config>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What had better be changed.
    pub warnings: Vec<Problem>,
    /// What each setting is, and why.
    pub rows: Vec<Row>,
    /// Whether nobody has set anything that the service needs.
    pub untouched: bool,
}

impl Loaded {
    /// The configuration, or all that is wrong as one text for people.
    ///
    /// # Errors
    /// Something is wrong.
    pub fn into_config(self) -> Result<(Config, Vec<Problem>, Vec<Row>), String> {
        match self.config {
            Some(config) => Ok((config, self.warnings, self.rows)),
            None if self.untouched => Err(first_steps()),
            None => Err(report(&self.problems)),
        }
    }
}

/// Makes a configuration from `sources`.
#[must_use]
pub fn load(sources: &Sources) -> Loaded {
    let gathered = Gathered::new(sources);
    let untouched = gathered.file.is_none() && gathered.problems.is_empty() && {
        let needed = needed().into_iter().chain([&settings::REGISTRY_FILE]);
        needed
            .map(|setting| setting.name)
            .all(|name| !gathered.values.contains_key(name))
    };
    let written: Vec<&'static str> = gathered.values.keys().copied().collect();
    let mut values = Values::new(gathered);
    let assembled = assemble::assemble(&mut values, &sources.env);
    let config = assembled.filter(|_| values.problems.is_empty());
    let of_values = values.problems.iter_mut();
    of_values.for_each(|problem| mention_quotes(problem, &sources.env));
    sort(&mut values.problems);
    sort(&mut values.warnings);
    Loaded {
        rows: show::rows(&values, &written, config.as_ref()),
        config,
        problems: values.problems,
        warnings: values.warnings,
        untouched,
    }
}

/// Says of a refused variable that quotes around it belong to its value. A shell would
/// have taken them away; an env-file of Docker leaves them.
fn mention_quotes(problem: &mut Problem, env: &Environment) {
    let Some(Origin::Env(name)) = &problem.origin else {
        return;
    };
    let text = env.get(name).and_then(|value| value.to_str());
    let is_quoted = text.map(str::trim).is_some_and(|text| {
        ['"', '\''].iter().any(|quote| {
            let inner = text.strip_prefix(*quote);
            inner.is_some_and(|inner| inner.ends_with(*quote))
        })
    });
    if is_quoted {
        problem.message.push_str(
            "; the quotes around it are part of the value, as they are in an env-file of Docker: \
             write it without them",
        );
    }
}

/// First what stands in the file, from its top; then the rest in the order of
/// the documentation.
fn sort(problems: &mut [Problem]) {
    let keys: Vec<String> = settings::all()
        .iter()
        .map(|setting| setting.key())
        .collect();
    problems.sort_by_key(|problem| match problem.origin {
        Some(Origin::File { line, column, .. }) => (0, line, column),
        _ => {
            let position = keys.iter().position(|key| *key == problem.subject);
            (1, position.map_or(0, |position| position + 1), 0)
        }
    });
}

/// What the original coordinator needs, by the same names.
fn needed() -> [&'static Setting; 6] {
    [
        &settings::RPC_URL,
        &settings::REGISTRY_CONTRACT_ID,
        &settings::REDIS_URL,
        &settings::BLOCK_STREAMER_URL,
        &settings::RUNNER_URL,
        &settings::GRPC_PORT,
    ]
}

/// What to do with a coordinator that nobody has told anything.
fn first_steps() -> String {
    let mut text = String::from(
        "error: nothing says what to coordinate: none of the settings it needs is set\n\n\
         The service needs, in the environment:\n",
    );
    for setting in needed() {
        let assignment = format!("{}={}", setting.env, setting.example);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {assignment:<52} {}", short(setting));
    }
    text.push_str(
        "or the same as flags (`coordinator run --help`), or in a file (`--config FILE`).\n\n\
         To try it without any chain, Redis or service, in a checkout of the source:\n  \
         cargo local\n\
         To run it against a registry in a file, in place of RPC_URL and REGISTRY_CONTRACT_ID:\n  \
         coordinator --registry-file registry.toml ...\n",
    );
    text
}

fn short(setting: &Setting) -> &'static str {
    match setting.name {
        "rpc-url" => "the NEAR RPC",
        "registry-contract-id" => "the registry contract",
        "redis-url" => "the Redis of the services",
        "block-streamer-url" => "the block streamer",
        "runner-url" => "the runner",
        _ => "the port of the API; 9003 unless set",
    }
}
