//! The running service.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use coordinator::store::StoreTransport;
use coordinator::{Clock, Coordinator, Ports, SteadyClock};
use security::Watched;
use telemetry::http::{HttpOptions, Pages};
use telemetry::metrics::CoordinatorSource;
use telemetry::{BuildInfo, Logs, Metrics, Readiness};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::boot::api::Api;
use crate::boot::checks::{self, Checks};
use crate::boot::clock::SystemClock;
use crate::boot::parts::Parts;
use crate::boot::reload::{Reload, Reloading};
use crate::boot::signals::{Request, Signals, Stop};
use crate::boot::stores::Opened;
use crate::boot::vital::Vital;
use crate::boot::{stop, stores};
use crate::config::{Config, Row, Sources};
use crate::exit::Exit;

/// How often files are looked at for changes.
const WATCH_PERIOD: Duration = Duration::from_secs(5);

/// What a service is started with.
pub struct Boot {
    /// The configuration.
    pub config: Config,
    /// From where it comes.
    pub sources: Sources,
    /// What each setting is.
    pub rows: Vec<Row>,
    /// What was made from it.
    pub parts: Parts,
    /// The log.
    pub logs: Arc<Logs>,
}

/// A service that has been started.
pub struct Running {
    /// Whether it is ready.
    pub readiness: Readiness,
    /// The API, and how it is stopped.
    pub api: Api,
    /// Stops the loops.
    pub stop_loops: CancellationToken,
    /// Stops probes and metrics.
    pub stop_http: CancellationToken,
    /// The loops.
    pub coordinator: Vital,
    /// The API.
    pub api_task: Vital,
    /// Probes and metrics.
    pub http: Vital,
    /// Looks whether it is ready.
    pub checks: Vital,
    /// Looks at files.
    pub watch: Vital,
}

/// Starts the service, runs it until it is told to stop or something vital
/// ends, and stops it in order.
pub async fn serve(boot: Boot, mut signals: Signals) -> Exit {
    let config = boot.config.clone();
    match start(boot, &mut signals).await {
        Ok((running, reload)) => attend(running, reload, &config, &mut signals).await,
        Err(exit) => exit,
    }
}

/// Waits for a reason to stop, and stops.
async fn attend(
    mut running: Running,
    reload: Reload,
    config: &Config,
    signals: &mut Signals,
) -> Exit {
    let mut reloading = Reloading::new(reload);
    let stop = loop {
        tokio::select! {
            biased;
            request = signals.next() => match request {
                Request::Stop(stop) => break Some(stop),
                Request::Reload => reloading.begin(),
            },
            () = reloading.attend() => {}
            what = running.coordinator.ended() => { broken(&what); break None; }
            what = running.api_task.ended() => { broken(&what); break None; }
            what = running.http.ended() => { broken(&what); break None; }
            what = running.checks.ended() => { broken(&what); break None; }
            what = running.watch.ended() => { broken(&what); break None; }
        }
    };
    stop::in_order(running, stop, config, signals).await
}

fn broken(what: &str) {
    tracing::error!("{what}; the service cannot go on without it and stops");
}

/// Everything up to the point where the service runs. A signal ends it.
async fn start(boot: Boot, signals: &mut Signals) -> Result<(Running, Reload), Exit> {
    let mut starting = std::pin::pin!(try_start(boot));
    loop {
        tokio::select! {
            biased;
            request = signals.next() => match request {
                Request::Stop(stop) => return Err(gave_up(stop)),
                Request::Reload => tracing::info!("SIGHUP: still starting, nothing to reload"),
            },
            started = &mut starting => return started,
        }
    }
}

fn gave_up(stop: Stop) -> Exit {
    tracing::info!("{}: stopped while still starting", stop.name());
    Exit::Ok
}

async fn try_start(boot: Boot) -> Result<(Running, Reload), Exit> {
    let Boot {
        config,
        sources,
        rows,
        parts,
        logs,
    } = boot;
    let http = TcpListener::bind(config.http_listen).await;
    let http = http.map_err(|error| taken(&config, &error))?;
    let store = store(&config, &parts).await?;
    let readiness = checks::readiness(config.store.is_separate());
    let build = BuildInfo::current(&[]);
    let metrics = Metrics::new(build.clone(), logs.tally(), readiness.clone());
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::new(Arc::new(SystemClock)));
    let transport = Arc::clone(&store.transport);
    let coordinator = coordinator(&config, &parts, transport, &clock, &metrics);
    let source = CoordinatorSource::new(Arc::clone(&coordinator), Arc::clone(&clock));
    metrics.set_source(Arc::new(source));
    if let Some(tls) = parts.access.tls.clone() {
        metrics.add_certificate("api", move || Some(tls.status().expires_in as f64));
    }
    let api = Api::bind(
        &config.api,
        &parts.access,
        coordinator.admin(),
        &*clock,
        metrics.api_calls(),
    );
    let api = api.map_err(|error| {
        tracing::error!("{error}; stop what listens there, or set `listen` to another address");
        Exit::Unavailable
    })?;
    tracing::info!(api = %api.0.address(), http = %address(&http), "listening");
    let checks = Checks {
        readiness: readiness.clone(),
        records: store.records,
        redis: parts.redis.clone(),
        registry_file: parts.registry_file.clone(),
        separate: config.store.is_separate(),
        writes: !config.shadow,
        admin: coordinator.admin(),
        clock,
        deadline: config.knobs.store_deadline,
    };
    let reload = Reload {
        sources,
        rows,
        logs,
        watched: parts.access.watched.clone(),
        services: parts.services,
    };
    let pages = Pages {
        metrics,
        readiness,
        build,
    };
    let running = launch(
        coordinator,
        api,
        checks,
        (http, pages),
        parts.access.watched,
    );
    Ok((running, reload))
}

/// The store, opened; with `fail_fast` it has also answered.
async fn store(config: &Config, parts: &Parts) -> Result<Opened, Exit> {
    let store = stores::open(config, &parts.redis).await;
    let store = store.map_err(|error| {
        tracing::error!("the store cannot be opened: {error}");
        Exit::Unavailable
    })?;
    if config.fail_fast
        && let Err(why) =
            stores::wait(&store.records, !config.shadow, config.knobs.store_deadline).await
    {
        tracing::error!("the store does not answer, and fail_fast is set: {why}");
        return Err(Exit::Unavailable);
    }
    Ok(store)
}

/// Starts all tasks.
fn launch(
    coordinator: Arc<Coordinator>,
    (api, serving): (
        Api,
        impl Future<Output = Result<(), String>> + Send + 'static,
    ),
    checks: Checks,
    (listener, pages): (TcpListener, Pages),
    watched: Vec<Arc<dyn Watched>>,
) -> Running {
    let stop_loops = CancellationToken::new();
    let stop_http = CancellationToken::new();
    let loops = {
        let stop = stop_loops.clone();
        async move { coordinator.run(stop).await }
    };
    Running {
        readiness: checks.readiness.clone(),
        api,
        api_task: Vital::spawn("the API", serving),
        coordinator: Vital::spawn("the coordinator", well(loops)),
        http: Vital::spawn(
            "the port of probes and metrics",
            well(telemetry::http::serve(
                listener,
                pages,
                HttpOptions::default(),
                stop_http.clone(),
            )),
        ),
        checks: Vital::spawn(
            "the task that checks whether it is ready",
            well(checks.run()),
        ),
        watch: Vital::spawn(
            "the task that watches files",
            well(security::watch(watched, WATCH_PERIOD, stop_http.clone())),
        ),
        stop_loops,
        stop_http,
    }
}

/// Work that cannot fail.
async fn well(work: impl Future<Output = ()>) -> Result<(), String> {
    work.await;
    Ok(())
}

fn coordinator(
    config: &Config,
    parts: &Parts,
    store: Arc<dyn StoreTransport>,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
) -> Arc<Coordinator> {
    let services = parts.services.clone();
    let ports = metrics.metered_ports(Ports {
        block_streamer: Arc::new(services.block_streamer),
        executors: Arc::new(services.executors),
        provisioner: Arc::new(services.provisioner),
        registry: Arc::clone(&parts.registry),
        store,
        clock: Arc::clone(clock),
    });
    let knobs = config.knobs.clone();
    Arc::new(match config.shadow {
        true => Coordinator::shadow(knobs, ports),
        false => Coordinator::new(knobs, ports),
    })
}

fn taken(config: &Config, error: &std::io::Error) -> Exit {
    tracing::error!(
        "{} cannot be listened at: {error}; stop what listens there, or set `http_listen` to \
         another address",
        config.http_listen
    );
    Exit::Unavailable
}

fn address(listener: &TcpListener) -> String {
    listener
        .local_addr()
        .map_or_else(|_| "unknown".to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use telemetry::logs::LogOptions;
    use tokio::process::Command;
    use tokio::time::Instant;

    use super::*;
    use crate::boot::parts::prepare;
    use crate::boot::reload::tests::Hung;
    use crate::config::load;

    /// A service without any neighbour, on ports of its own.
    async fn started() -> (Running, Reload, Config) {
        let nobody = |name: &str, scheme: &str| {
            let value = OsString::from(format!("{scheme}://127.0.0.1:1"));
            (name.to_owned(), value)
        };
        let own = |name: &str, value: &str| (name.to_owned(), OsString::from(value));
        let sources = Sources {
            env: [
                nobody("RPC_URL", "http"),
                nobody("REDIS_URL", "redis"),
                nobody("BLOCK_STREAMER_URL", "http"),
                nobody("RUNNER_URL", "http"),
                own("REGISTRY_CONTRACT_ID", "registry.near"),
                own("COORDINATOR_LISTEN", "127.0.0.1:0"),
                own("COORDINATOR_HTTP_LISTEN", "127.0.0.1:0"),
            ]
            .into_iter()
            .collect(),
            ..Sources::default()
        };
        let (config, _, rows) = load(&sources).into_config().unwrap();
        let sink = Box::new(std::io::sink());
        let (_, logs) = Logs::into(&LogOptions::default(), sink, None).unwrap();
        let parts = prepare(&config).ok().unwrap();
        let boot = Boot {
            config: config.clone(),
            sources,
            rows,
            parts,
            logs: Arc::new(logs),
        };
        let (running, reload) = try_start(boot).await.ok().unwrap();
        (running, reload, config)
    }

    #[tokio::test]
    async fn the_end_of_any_vital_task_ends_the_service_with_a_failure() {
        let replaced: [fn(&mut Running) -> &mut Vital; 5] = [
            |running| &mut running.coordinator,
            |running| &mut running.api_task,
            |running| &mut running.http,
            |running| &mut running.checks,
            |running| &mut running.watch,
        ];
        for vital in replaced {
            let (mut running, reload, config) = started().await;
            *vital(&mut running) = Vital::spawn("it", async { panic!("on purpose") });
            let mut signals = Signals::listen().unwrap();
            let exit = attend(running, reload, &config, &mut signals).await;
            assert_eq!(exit, Exit::Failed);
        }
    }

    #[tokio::test]
    async fn files_that_hang_keep_nobody_from_ending_the_service() {
        let (mut running, mut reload, config) = started().await;
        let (hung, begun, let_go) = Hung::new();
        reload.watched.push(hung);
        let mut signals = Signals::listen().unwrap();
        // Others of this process read their files again, which does them no harm.
        let own = std::process::id().to_string();
        let sent = Command::new("kill").args(["-HUP", &own]).status();
        assert!(sent.await.unwrap().success());
        let begun = tokio::task::spawn_blocking(move || begun.recv());
        running.coordinator = Vital::spawn("it", async {
            begun.await.unwrap().unwrap();
            Err("the files are being read".to_owned())
        });
        let before = Instant::now();
        let exit = attend(running, reload, &config, &mut signals).await;
        let took = before.elapsed();
        let_go.send(()).unwrap();
        assert_eq!(exit, Exit::Failed);
        assert!(took < Duration::from_secs(15), "{took:?}");
    }

    #[tokio::test]
    async fn what_does_not_stop_is_cut_off_and_counts_as_a_failure() {
        let (mut running, _, mut config) = started().await;
        running.coordinator = Vital::spawn("it", std::future::pending());
        config.drain_delay = Duration::ZERO;
        config.shutdown_timeout = Duration::from_millis(100);
        let mut signals = Signals::listen().unwrap();
        let exit = stop::in_order(running, Some(Stop::Terminate), &config, &mut signals).await;
        assert_eq!(exit, Exit::Failed);
    }

    #[tokio::test]
    async fn what_stops_in_time_ends_well() {
        let (running, _, mut config) = started().await;
        config.drain_delay = Duration::ZERO;
        let mut signals = Signals::listen().unwrap();
        let exit = stop::in_order(running, Some(Stop::Terminate), &config, &mut signals).await;
        assert_eq!(exit, Exit::Ok);
    }
}
