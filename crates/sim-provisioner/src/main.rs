//! The fake data layer service as a program.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use sim_node::server::{Settings, run};
use sim_provisioner::server;

/// A fake data layer service: answers like the real one, over a database that is
/// held in memory. Ctrl-C ends it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 stands for any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7002")]
    listen: SocketAddr,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> ExitCode {
    let Arguments { listen, settings } = Arguments::parse();
    let prepare = || server::prepare(&settings);
    run(server::NAME, listen, prepare, server::run)
}
