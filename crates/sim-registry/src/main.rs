//! The fake registry on a real port.

use std::io::{Write, stderr, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use real_tokio::net::TcpListener;
use sim_node::server::interrupted;
use sim_registry::Config;
use sim_registry::server::{Host, Settings, Watched, serve, watch};

/// Serves the registry contract by NEAR JSON-RPC, with a control endpoint under
/// /control to register, delete and inject faults. Stop it with Ctrl-C.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3030")]
    listen: SocketAddr,
    /// Registry file to follow: the contract's JSON, or TOML with [[indexer]] tables
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Account of the contract; every account has it if absent
    #[arg(long, value_name = "ACCOUNT")]
    contract: Option<String>,
    /// Height of the newest block at the start; one follows each second
    #[arg(long, value_name = "NUMBER")]
    height: Option<u64>,
    /// Seed of the choice of replicas
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Replicas and quirks, as in a scenario's `[registry]`
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let host = match host(&arguments) {
        Ok(host) => Arc::new(host),
        Err(error) => return complain(&error, ExitCode::from(2)),
    };
    match run(&arguments, &host) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error, ExitCode::FAILURE),
    }
}

fn host(arguments: &Arguments) -> anyhow::Result<Host> {
    let default = Settings::default();
    let config = arguments.config.as_deref().map(read_config).transpose()?;
    Ok(Host::new(Settings {
        config: config.unwrap_or_default(),
        seed: arguments.seed,
        height: arguments.height.unwrap_or(default.height),
        contract: arguments.contract.clone(),
    }))
}

fn read_config(path: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))
}

fn run(arguments: &Arguments, host: &Arc<Host>) -> anyhow::Result<()> {
    let file = match &arguments.registry {
        Some(path) => {
            let mut file = Watched::new(path.clone());
            file.apply(host).map_err(anyhow::Error::msg)?;
            Some(file)
        }
        None => None,
    };
    let runtime = real_tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen)
            .await
            .with_context(|| format!("cannot listen on {}", arguments.listen))?;
        let address = listener
            .local_addr()
            .context("the listener has no address")?;
        writeln!(stdout(), "sim-registry listens on {address}")?;
        let followed = async {
            match file {
                Some(file) => {
                    watch(file, host.clone(), |error| say(&format!("error: {error}"))).await
                }
                None => std::future::pending().await,
            }
        };
        real_tokio::select! {
            biased;
            result = serve(listener, host.clone(), interrupted()) => {
                result.context("the server failed")
            }
            () = followed => Ok(()),
        }
    })
}

fn complain(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    say(&format!("error: {error:#}"));
    code
}

fn say(text: &str) {
    // Nothing is left to try if standard error is gone.
    let _unseen = writeln!(stderr(), "{text}");
}
