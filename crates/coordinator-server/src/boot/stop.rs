//! The end, in order: not ready; load balancers learn of it; no new calls; every
//! loop finishes its step; probes and metrics last.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::boot::service::Running;
use crate::boot::signals::{Signals, Stop};
use crate::config::Config;
use crate::exit::Exit;

/// Stops what runs. `stop` is the signal, or nothing if something vital has
/// ended by itself. A second signal ends it at once.
pub async fn in_order(
    running: Running,
    stop: Option<Stop>,
    config: &Config,
    signals: &mut Signals,
) -> Exit {
    let delay = delay(stop, config);
    if let Some(stop) = stop {
        tracing::info!(
            ?delay,
            "{}: stopping; once more ends it at once",
            stop.name()
        );
    }
    let stopped = timeout(config.shutdown_timeout, steps(running, delay));
    let well = tokio::select! {
        biased;
        again = signals.next_stop() => {
            tracing::warn!("{} again: ending at once", again.name());
            return Exit::Signal(again.number());
        }
        stopped = stopped => stopped.unwrap_or_else(|_| {
            let limit = humantime::format_duration(config.shutdown_timeout);
            tracing::error!("not everything stopped within {limit}; the rest is cut off");
            false
        }),
    };
    match (stop, well) {
        (Some(_), true) => {
            tracing::info!("stopped in order");
            Exit::Ok
        }
        _ => Exit::Failed,
    }
}

/// How long the API goes on. Whoever presses Ctrl-C waits for no load balancer.
fn delay(stop: Option<Stop>, config: &Config) -> Duration {
    match stop {
        Some(Stop::Terminate) => config.drain_delay,
        Some(Stop::Interrupt) if !io::stdin().is_terminal() => config.drain_delay,
        Some(Stop::Interrupt) | None => Duration::ZERO,
    }
}

/// True if everything stopped well.
async fn steps(mut running: Running, delay: Duration) -> bool {
    running.readiness.drain();
    running.api.drain().await;
    sleep(delay).await;
    running.api.stop();
    let api = running.api_task.stopped().await;
    running.stop_loops.cancel();
    let loops = running.coordinator.stopped().await;
    drop(running.checks);
    running.stop_http.cancel();
    let http = running.http.stopped().await;
    api && loops && http
}
