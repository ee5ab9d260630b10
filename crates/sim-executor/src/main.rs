//! The fake executor service as a program; on request the whole fake runner.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sim_executor::server;
use sim_node::server::{Settings, run};

/// A fake executor service: consumes block queues as the real one does, without
/// running user code. Ctrl-C ends it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 stands for any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7001")]
    listen: SocketAddr,
    /// Serve the data layer too, on the same port and in the same process, as
    /// the real runner does
    #[arg(long)]
    with_provisioner: bool,
    /// Timings and habits of that data layer, as TOML
    #[arg(long, value_name = "FILE", requires = "with_provisioner")]
    provisioner_config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let prepare = || {
        let host = server::prepare(&arguments.settings)?;
        let provisioner = arguments.with_provisioner.then(|| {
            sim_provisioner::server::prepare(&Settings {
                config: arguments.provisioner_config.clone(),
                ..arguments.settings.clone()
            })
        });
        Ok((host, provisioner.transpose()?))
    };
    run(
        server::NAME,
        arguments.listen,
        prepare,
        async |listener, (host, provisioner)| server::run(listener, host, provisioner).await,
    )
}
