//! From the start to Ctrl-C.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use sim_node::server::{RemoteRedis, interrupted, now};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::arguments::{Arguments, Node};
use crate::binaries::Binaries;
use crate::counts::{Counts, Flow, flows};
use crate::home::Home;
use crate::leftovers::{self, Started};
use crate::ports::{API_PORT, Ports};
use crate::process::{Change, Process, RESTART_AFTER, end_leftovers};
use crate::registry::RegistryFile;
use crate::sample::lay_out;
use crate::screen::Screen;
use crate::stack::specs;
use crate::status::{Api, Seen, name_of};
use crate::table::{Row, clipped, lines};

/// How often nodes are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How often the coordinator is asked.
const REFRESH: Duration = Duration::from_secs(1);

/// How often a summary is printed where there is no table.
const SUMMARY: Duration = Duration::from_secs(10);

/// Builds, starts and shows everything until the user has enough.
///
/// # Errors
/// Something could not be built, started or shown.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let home = Home::take(&arguments.dir)?;
    let mut screen = Screen::new(arguments.plain);
    if !arguments.no_build {
        screen.say("building coordinator, sim-store, sim-block-streamer and sim-executor ...")?;
    }
    let binaries = Binaries::find(!arguments.no_build)?;
    let chain_start = lay_out(&home, now())?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let left = leftovers::living(&home.processes());
        if !left.is_empty() {
            screen.say("ending what an earlier session left running ...")?;
            end_leftovers(&left).await;
        }
        let ports = Ports::choose()?;
        let mut session = Session {
            api: Api::new(ports.api)?,
            redis: Some(RemoteRedis::new(&format!("redis://{}", ports.redis))?),
            flows: BTreeMap::new(),
            counts: Counts::new(&home.ledger(Node::Runner)),
            processes: Vec::new(),
            known: BTreeMap::new(),
            summarized: None,
            registry: Some(RegistryFile::new(home.registry())),
            wrong: None,
            explain: explain(&binaries.path(Node::Coordinator), &ports),
            ports,
            home,
            screen,
        };
        let specs = specs(&session.home, &binaries, &session.ports, chain_start);
        let outcome = tokio::select! {
            biased;
            () = interrupted() => Ok(()),
            () = after(arguments.seconds) => Ok(()),
            outcome = session.play(specs) => outcome,
        };
        session.stop().await?;
        outcome
    })
}

async fn after(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

struct Session {
    home: Home,
    ports: Ports,
    screen: Screen,
    api: Api,
    /// Absent while it is asked.
    redis: Option<RemoteRedis>,
    flows: BTreeMap<String, Flow>,
    counts: Counts,
    processes: Vec<Process>,
    /// What was last said about each indexer, where there is no table.
    known: BTreeMap<String, Row>,
    summarized: Option<Instant>,
    /// Absent while it is looked at.
    registry: Option<RegistryFile>,
    /// What was last said about the registry's file, where there is no table.
    wrong: Option<String>,
    explain: String,
}

impl Session {
    /// Starts everything, then shows it for ever.
    async fn play(&mut self, specs: Vec<crate::process::Spec>) -> anyhow::Result<()> {
        for spec in specs {
            let process = Process::start(spec).await?;
            let (name, address) = (process.node().name(), process.address());
            let number = process.started().map_or(0, |started| started.process);
            self.screen
                .say(&format!("{name:<15} {address:<16} process {number}"))?;
            self.processes.push(process);
            self.note()?;
        }
        let registry = self.home.registry();
        self.screen
            .say(&format!("{:<15} {}", "registry", shown(&registry)))?;
        let probes = self.ports.http;
        self.screen
            .say(&format!("{:<15} http://{probes}/readyz", "ready"))?;
        self.screen.say("")?;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut refreshed: Option<Instant> = None;
        loop {
            looks.tick().await;
            let changed = self.look_after()?;
            if changed || refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
                refreshed = Some(Instant::now());
                self.refresh().await?;
            }
        }
    }

    /// Notices deaths and starts again; true if there is any news.
    fn look_after(&mut self) -> anyhow::Result<bool> {
        let mut news = Vec::new();
        for process in &mut self.processes {
            let name = process.node().name();
            match process.look()? {
                None => {}
                Some(Change::Died(status)) => {
                    let seconds = RESTART_AFTER.as_secs();
                    news.push(format!(
                        "{name} died ({status}); it is started again in {seconds} s"
                    ));
                }
                Some(Change::Restarted) => {
                    let number = process.started().map_or(0, |started| started.process);
                    news.push(format!("{name} is started again, process {number}"));
                }
            }
        }
        for text in &news {
            self.screen.say(&format!("{} {text}", clock()))?;
        }
        if !news.is_empty() {
            self.note()?;
        }
        Ok(!news.is_empty())
    }

    /// Writes down which processes run, for `cargo local kill` and the next start.
    fn note(&self) -> anyhow::Result<()> {
        let started: Vec<Started> = self.processes.iter().filter_map(Process::started).collect();
        leftovers::note(&self.home.processes(), &started)
    }

    async fn refresh(&mut self) -> anyhow::Result<()> {
        let seen = self.api.ask().await;
        self.counts.update()?;
        let wrong = self.wrong_now().await;
        let (seen, trouble) = match seen {
            Ok(seen) => (seen, None),
            Err(status) => {
                let message = admin_cli::sentence(status.message());
                (Seen::default(), Some(message))
            }
        };
        let names: Vec<String> = seen.indexers.iter().map(name_of).collect();
        let flows = self.flows(names).await;
        let rows: Vec<Row> = seen
            .indexers
            .iter()
            .zip(flows)
            .map(|(indexer, flow)| Row::new(indexer, flow, &self.counts.of(&name_of(indexer))))
            .collect();
        if self.screen.in_place() {
            let mut picture = self.picture(&seen, &rows, trouble.as_deref());
            if let Some(wrong) = wrong {
                // Right below the line about the whole.
                picture.insert(2, clipped(&wrong, self.screen.width()));
            }
            self.screen.draw(&picture)?;
            return Ok(());
        }
        if wrong != self.wrong {
            let text = wrong.as_deref().unwrap_or("the registry is right again");
            self.screen.say(&format!("{} {text}", clock()))?;
            self.wrong = wrong;
        }
        self.tell(&seen, rows, trouble.as_deref())
    }

    /// What is wrong with the registry's file.
    async fn wrong_now(&mut self) -> Option<String> {
        let mut file = self.registry.take()?;
        let asked = spawn_blocking(move || {
            let wrong = file.wrong(Instant::now());
            (file, wrong)
        });
        let (file, wrong) = asked.await.ok()?;
        self.registry = Some(file);
        wrong
    }

    /// Of each indexer; what was found last while the Redis does not answer.
    async fn flows(&mut self, names: Vec<String>) -> Vec<Flow> {
        if let Some(mut redis) = self.redis.take() {
            let wanted = names.clone();
            let asked = spawn_blocking(move || {
                let found = flows(&mut redis, &wanted);
                (redis, found)
            });
            if let Ok((redis, found)) = asked.await {
                self.redis = Some(redis);
                if let Ok(found) = found {
                    self.flows = names.iter().cloned().zip(found).collect();
                }
            }
        }
        let known = |name: &String| self.flows.get(name).copied().unwrap_or_default();
        names.iter().map(known).collect()
    }

    fn picture(&self, seen: &Seen, rows: &[Row], trouble: Option<&str>) -> Vec<String> {
        let width = self.screen.width();
        let mut picture = vec![clipped(&self.nodes(), width)];
        match trouble {
            Some(trouble) => {
                let text = format!("the coordinator does not answer: {trouble}");
                picture.push(clipped(&text, width));
            }
            None => picture.push(clipped(&whole(seen, rows), width)),
        }
        picture.push(String::new());
        if !rows.is_empty() {
            picture.extend(lines(rows, width));
            picture.push(String::new());
        }
        let hints = format!("edit {}", shown(&self.home.registry()));
        picture.push(clipped(&hints, width));
        let hints = format!(
            "cargo local kill runner  |  {}  |  Ctrl-C stops",
            self.explain
        );
        picture.push(clipped(&hints, width));
        picture
    }

    fn nodes(&self) -> String {
        let nodes = self.processes.iter().map(|process| {
            let (name, port) = (process.node().name(), process.address().port());
            match (process.started(), process.back_in()) {
                (_, Some(left)) => format!("{name} DOWN, back in {} s", left.as_secs() + 1),
                (Some(started), None) => format!("{name} :{port} ({})", started.process),
                (None, None) => format!("{name} :{port}"),
            }
        });
        nodes.collect::<Vec<_>>().join("   ")
    }

    /// Says what has changed, and how it goes from time to time.
    fn tell(&mut self, seen: &Seen, rows: Vec<Row>, trouble: Option<&str>) -> anyhow::Result<()> {
        let due = self.summarized.is_none_or(|at| at.elapsed() >= SUMMARY);
        if let Some(trouble) = trouble {
            if due {
                self.summarized = Some(Instant::now());
                let text = format!("{} the coordinator does not answer: {trouble}", clock());
                self.screen.say(&text)?;
            }
            return Ok(());
        }
        if due {
            self.summarized = Some(Instant::now());
            self.screen
                .say(&format!("{} {}", clock(), whole(seen, &rows)))?;
        }
        let mut now_known = BTreeMap::new();
        for row in rows {
            let told = self.known.remove(&row.name);
            let same =
                |told: Row| (told.state, told.version) == (row.state.clone(), row.version.clone());
            if !told.is_some_and(same) {
                let text = format!(
                    "{} {}: {}, version {}, {} executed: {}",
                    clock(),
                    row.name,
                    row.state,
                    row.version,
                    row.executed,
                    clipped(&row.explanation, 200)
                );
                self.screen.say(&text)?;
            }
            now_known.insert(row.name.clone(), row);
        }
        for name in self.known.keys() {
            self.screen.say(&format!("{} {name}: gone", clock()))?;
        }
        self.known = now_known;
        Ok(())
    }

    /// Ends everything in the opposite order, and says so.
    async fn stop(&mut self) -> anyhow::Result<()> {
        self.screen.keep();
        // The output may be gone; the processes have to end all the same.
        let _unheard = self.screen.say("stopping ...");
        for process in self.processes.iter_mut().rev() {
            process.stop().await;
        }
        self.processes.clear();
        self.note()?;
        let _unheard = self
            .screen
            .say("stopped; the next `cargo local` goes on from here");
        Ok(())
    }
}

/// The command that tells of an indexer.
fn explain(coordinator: &Path, ports: &Ports) -> String {
    let program = shown(coordinator);
    match ports.api.port() {
        API_PORT => format!("{program} explain NAME"),
        _ => format!("{program} explain NAME --server http://{}", ports.api),
    }
}

/// A path as short as it can be said here.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn whole(seen: &Seen, rows: &[Row]) -> String {
    let executed: u64 = rows
        .iter()
        .filter_map(|row| row.executed.parse::<u64>().ok())
        .sum();
    let mut text = format!(
        "chain at {}, {} indexers, {executed} blocks executed",
        seen.overview.registry_height,
        rows.len()
    );
    let down: Vec<&str> = seen
        .overview
        .down
        .iter()
        .map(|down| down.service.as_str())
        .collect();
    if !down.is_empty() {
        text.push_str(&format!("; no answer from {}", down.join(", ")));
    }
    text
}

/// The time of day, in UTC.
fn clock() -> String {
    let seconds = now().as_secs() % 86_400;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}
