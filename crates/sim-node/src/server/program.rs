//! What the fakes have in common as programs.

use std::io::{Write, stderr, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use real_tokio::net::TcpListener;
use real_tokio::runtime::Builder;
use serde::de::DeserializeOwned;

use super::{Both, Discard, Lines, RemoteRedis, Surroundings, now};
use crate::chain::{Chain, ChainConfig};
use crate::ledger::FileLedger;
use crate::{Ledger, Redis, Time};

/// The options that every fake has.
#[derive(Args, Clone, Debug, Default)]
pub struct Settings {
    /// Seed of the generated chain and of ids
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Timings and habits that differ from the real service's, as TOML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The Redis that the services share; without it the node has one of its own
    /// in memory
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// The generated chain, as TOML
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// When the generated chain began, in microseconds since the Unix epoch;
    /// nodes that share a chain are given the same [default: now]
    #[arg(long, value_name = "MICROSECONDS")]
    pub chain_start: Option<u64>,
    /// Append what really happens to this file, a line of JSON per event
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Print what happens, a line per event
    #[arg(long)]
    pub verbose: bool,
}

impl Settings {
    /// The configuration of the node, or its default.
    ///
    /// # Errors
    /// The file cannot be read or makes no sense.
    pub fn config<T: DeserializeOwned + Default>(&self) -> anyhow::Result<T> {
        self.config
            .as_deref()
            .map_or_else(|| Ok(T::default()), read_toml)
    }

    /// What the node `name` works with: the shared Redis or else `own`, the chain
    /// and the ledgers.
    ///
    /// # Errors
    /// A setting makes no sense, or the ledger cannot be written.
    pub fn surroundings(
        &self,
        name: &str,
        own: impl FnOnce() -> Box<dyn Redis + Send>,
    ) -> anyhow::Result<Surroundings> {
        let redis = match &self.redis {
            Some(url) => Box::new(RemoteRedis::new(url)?),
            None => own(),
        };
        let config = match self.chain.as_deref() {
            Some(path) => {
                let config: ChainConfig = read_toml(path)?;
                config.check().with_context(|| path.display().to_string())?;
                config
            }
            None => ChainConfig::default(),
        };
        let start = self.chain_start.map_or_else(now, Time);
        Ok(Surroundings {
            redis,
            chain: Chain::synthetic_from(config, self.seed, start),
            ledger: self.ledgers(name)?,
        })
    }

    /// Where the serial numbers of a process begin, so that they are never those
    /// of an earlier one.
    pub fn first_serial(&self) -> u64 {
        now().0
    }

    fn ledgers(&self, name: &str) -> anyhow::Result<Box<dyn Ledger + Send>> {
        let file = match &self.ledger {
            Some(path) => Some(FileLedger::open(path, name, now())?),
            None => None,
        };
        Ok(match (file, self.verbose) {
            (Some(file), true) => Box::new(Both(Box::new(file), Box::new(Lines(stdout())))),
            (Some(file), false) => Box::new(file),
            (None, true) => Box::new(Lines(stdout())),
            (None, false) => Box::new(Discard),
        })
    }
}

/// Reads a file of settings.
///
/// # Errors
/// Names the file and, where known, the place in it.
fn read_toml<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(place)?;
    toml::from_str(&text).with_context(place)
}

/// The course of a fake as a program: prepares, listens, tells where, serves.
/// The exit code is 2 if `prepare` refuses, 1 if serving fails, else 0.
pub fn run<P>(
    name: &str,
    listen: SocketAddr,
    prepare: impl FnOnce() -> anyhow::Result<P>,
    serve: impl AsyncFnOnce(TcpListener, P) -> anyhow::Result<()>,
) -> ExitCode {
    let prepared = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&error, 2),
    };
    let served = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| {
            runtime.block_on(async {
                let listener = TcpListener::bind(listen)
                    .await
                    .with_context(|| format!("cannot listen on {listen}"))?;
                let address = listener.local_addr()?;
                writeln!(stdout(), "{name} listens on {address}")?;
                serve(listener, prepared).await
            })
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error, 1),
    }
}

fn refuse(error: &anyhow::Error, code: u8) -> ExitCode {
    // If even this cannot be said, the exit code still does.
    let _unheard = writeln!(stderr(), "error: {error:#}");
    ExitCode::from(code)
}
