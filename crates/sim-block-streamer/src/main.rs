//! The fake block streamer as a program.

use std::io::{Write, stderr, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use real_tokio::net::TcpListener;
use sim_block_streamer::{Config, server};
use sim_node::server::interrupted;

/// A fake block streamer: answers like the real one, over a generated chain and
/// a Redis in memory. Ctrl-C ends it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 stands for any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8002")]
    listen: SocketAddr,
    /// Seed of the generated chain
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Timings and habits that differ from the real service's, as TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print what happens, a line per event
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match arguments
        .config
        .as_deref()
        .map_or(Ok(Config::default()), configured)
    {
        Ok(config) => config,
        Err(error) => return refuse(&error, 2),
    };
    match run(&arguments, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error, 1),
    }
}

fn configured(path: &Path) -> anyhow::Result<Config> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(place)?;
    let config: Config = toml::from_str(&text).with_context(place)?;
    config.check().with_context(place)?;
    Ok(config)
}

fn run(arguments: &Arguments, config: Config) -> anyhow::Result<()> {
    let runtime = real_tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen)
            .await
            .with_context(|| format!("cannot listen on {}", arguments.listen))?;
        let host = server::standalone(config, arguments.seed, arguments.verbose);
        writeln!(
            stdout(),
            "sim-block-streamer listens on {}",
            listener.local_addr()?
        )?;
        server::serve(listener, host, interrupted()).await?;
        Ok(())
    })
}

fn refuse(error: &anyhow::Error, code: u8) -> ExitCode {
    // If even this cannot be said, the exit code still does.
    let _unheard = writeln!(stderr(), "error: {error:#}");
    ExitCode::from(code)
}
