//! The fake Redis as a program.

use std::io::{Write, stderr};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use real_tokio::net::TcpListener;
use real_tokio::task::spawn_blocking;
use real_tokio::time::{MissedTickBehavior, interval};
use sim_node::server::{interrupted, now, run};
use sim_store::server::{SharedModel, load, render, save, serve, write};
use sim_store::{Config, RedisModel};

/// How much a crash may lose.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// A fake Redis: knows the commands that the coordinator and the fake services
/// use. Ctrl-C ends it.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 stands for any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6379")]
    listen: SocketAddr,
    /// Begin with what this file holds, and save everything to it each second
    /// and at the end; without it nothing is kept
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Arguments { listen, file } = Arguments::parse();
    let prepare = || {
        let mut model = RedisModel::new(Config::default());
        if let Some(file) = &file {
            load(&mut model, file, now())?;
        }
        Ok(SharedModel::new(model))
    };
    run("sim-store", listen, prepare, async |listener, model| {
        work(listener, &model, file.as_deref()).await
    })
}

async fn work(
    listener: TcpListener,
    model: &SharedModel,
    file: Option<&std::path::Path>,
) -> anyhow::Result<()> {
    let serving = serve(listener, model.clone(), interrupted());
    let Some(file) = file else {
        serving.await;
        return Ok(());
    };
    real_tokio::select! {
        biased;
        () = serving => {}
        () = keep_saving(model, file) => {}
    }
    model.with(|model, _| save(model, file))?;
    Ok(())
}

async fn keep_saving(model: &SharedModel, file: &std::path::Path) {
    let mut ticks = interval(SAVE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let text = model.with(|model, _| render(model));
        let file = file.to_owned();
        // A slow disk must not keep clients waiting.
        let written = spawn_blocking(move || write(&text, &file)).await;
        if let Ok(Err(error)) = written {
            // The next one may succeed; nobody need hear of this one twice.
            let _unheard = writeln!(stderr(), "not saved: {error}");
        }
    }
}
