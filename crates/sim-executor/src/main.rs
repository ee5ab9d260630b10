//! The fake executor service on a real port.

use std::io::{Write, stderr, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use real_tokio::net::TcpListener;
use sim_executor::{Config, server};
use sim_node::server::interrupted;

/// Serves the runner's gRPC contract without running user code: executors consume
/// a queue held in memory. Stop it with Ctrl-C.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7001")]
    listen: SocketAddr,
    /// Seed of the synthetic chain
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Timings and quirks, as in a scenario's `[nodes.executor]`
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Print a line for everything that happens
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match arguments.config.as_deref().map(read_config).transpose() {
        Ok(config) => config.unwrap_or_default(),
        Err(error) => return complain(&error, ExitCode::from(2)),
    };
    match run(&arguments, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error, ExitCode::FAILURE),
    }
}

fn read_config(path: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))
}

fn run(arguments: &Arguments, config: Config) -> anyhow::Result<()> {
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
        writeln!(stdout(), "sim-executor listens on {address}")?;
        let host = server::host(config, server::alone(arguments.seed, arguments.verbose));
        server::serve(listener, host, interrupted())
            .await
            .context("the server failed")
    })
}

fn complain(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    // Nothing is left to try if standard error is gone.
    let _unseen = writeln!(stderr(), "error: {error:#}");
    code
}
