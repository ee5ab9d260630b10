//! Everything around a coordinator, each part a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use conformance::redis_server::Port;
use proto::indexer::IndexerRequest;
use proto::indexer::indexer_manager_client::IndexerManagerClient;
use real_tokio::time::timeout;
use sim_node::chain::{Chain, ChainConfig};
use sim_node::server::now;
use sim_node::{IndexerKey, Time};
use simulator::history::{AdminCommand, Change, Event, NodeName, NodeState};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::contract::{Contract, Start, Wish};
use crate::http::ask;
use crate::process::{LONG, Process};
use crate::programs::Programs;
use crate::store::Store;

/// Settings of the fake block streamer: its health is looked at as often as the
/// chain of a short test needs. A stream survives an outage of Redis; the pause
/// before one that does not is restarted is longer than a test may take.
const STREAMER: &str = "health_interval = \"5s\"\nstart_delay = \"50ms\"\nstop_delay = \"5ms\"\n\
                        full_queue_wait = \"100ms\"\n[quirks]\nredis_error_ends_task = false\n";
const EXECUTOR: &str = "execution_time = \"2ms\"\npoll_interval = \"50ms\"\nprefetch = 10\n";
/// Any name will do: what a service never accepts is no matter of recovery.
const PROVISIONER: &str = "stage_time = \"20ms\"\n[quirks]\nfolded_schema_names = false\n";
const CHAIN: &str = "history = 300\naccounts = 6\ntouch = 0.4\n";

/// What users, operators and the test did, and when.
pub type Journal = Arc<Mutex<Vec<(Time, Event)>>>;

/// The processes of a test, its files, and what it did to them. Dropped in a
/// failing test it says where the files are, and keeps them.
pub struct Lab {
    folder: Option<TempDir>,
    /// The coordinator.
    pub coordinator: Process,
    /// The block streamer.
    pub streamer: Process,
    /// Executors and provisioner.
    pub runner: Process,
    /// The registry.
    pub registry: Process,
    /// What users did there.
    pub contract: Contract,
    /// The store.
    pub store: Store,
    /// What happened outside of the fakes.
    pub journal: Journal,
    /// The seed of chain and ids.
    pub seed: u64,
    ports: [Port; 5],
    chain_start: Time,
    lives: u32,
    paused: Option<NodeName>,
}

/// The places of the ports.
const COORDINATOR: usize = 0;
const STREAMER_PORT: usize = 1;
const RUNNER: usize = 2;
const REGISTRY: usize = 3;
const PAGES: usize = 4;

impl Lab {
    /// Everything is prepared, and nothing runs.
    pub fn new(seed: u64) -> Lab {
        let folder = TempDir::with_prefix("e2e-").expect("a folder");
        let path = folder.path();
        for (name, text) in [
            ("streamer.toml", STREAMER),
            ("executor.toml", EXECUTOR),
            ("provisioner.toml", PROVISIONER),
            ("chain.toml", CHAIN),
        ] {
            fs::write(path.join(name), text).expect("the folder is ours");
        }
        let ports: [Port; 5] = std::array::from_fn(|_| Port::reserve().expect("a port is free"));
        let number = |place: usize| ports[place].number();
        let store = Store::new(path);
        let programs = Programs::built();
        let chain_start = now();
        let node = |name: &'static str, port: u16, config: &str| {
            let file = |name: &str| path.join(name).into_os_string();
            Process::new(name, programs.path(name), path)
                .with(["--listen".to_owned(), format!("127.0.0.1:{port}")])
                .with(["--seed".to_owned(), seed.to_string()])
                .with(["--redis".to_owned(), store.url()])
                .with(["--chain-start".to_owned(), chain_start.0.to_string()])
                .with(["--config".into(), file(config)])
                .with(["--chain".into(), file("chain.toml")])
                .with(["--ledger".into(), file(&format!("{name}.jsonl"))])
        };
        let streamer = node("sim-block-streamer", number(STREAMER_PORT), "streamer.toml");
        let runner = node("sim-executor", number(RUNNER), "executor.toml")
            .with(["--with-provisioner"])
            .with(["--provisioner-config".into(), path.join("provisioner.toml")]);
        let registry = Process::new("sim-registry", programs.path("sim-registry"), path)
            .with([
                "--listen".to_owned(),
                format!("127.0.0.1:{}", number(REGISTRY)),
            ])
            .with(["--registry".into(), path.join("registry.json")]);
        let mut coordinator = Process::new("coordinator", programs.path("coordinator"), path);
        let here = |place: usize| format!("http://127.0.0.1:{}", number(place));
        for (name, value) in [
            ("RPC_URL", here(REGISTRY)),
            ("REGISTRY_CONTRACT_ID", "registry.near".to_owned()),
            ("REDIS_URL", store.url()),
            ("BLOCK_STREAMER_URL", here(STREAMER_PORT)),
            ("RUNNER_URL", here(RUNNER)),
            ("GRPC_PORT", number(COORDINATOR).to_string()),
            ("RUST_LOG", "info".to_owned()),
            ("METRICS_PORT", number(PAGES).to_string()),
            ("COORDINATOR_TICK", "300ms".to_owned()),
            ("COORDINATOR_RETRY_DELAY_MAX", "1s".to_owned()),
            ("COORDINATOR_LISTING_HOLD", "1s".to_owned()),
            ("COORDINATOR_RESCAN", "2s".to_owned()),
            ("COORDINATOR_DRAIN_DELAY", "0s".to_owned()),
        ] {
            coordinator.set_variable(name, value);
        }
        let contract = Contract {
            port: number(REGISTRY),
            ..Contract::default()
        };
        Lab {
            folder: Some(folder),
            coordinator,
            streamer,
            runner,
            registry,
            contract,
            store,
            journal: Journal::default(),
            seed,
            ports,
            chain_start,
            lives: 0,
            paused: None,
        }
    }

    /// Where the files are.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().expect("it is there").path()
    }

    /// The ledger of a fake.
    pub fn ledger(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}.jsonl"))
    }

    /// The chain that the fakes see.
    pub fn chain(&self) -> Chain {
        Chain::synthetic_from(chain_config(), self.seed, self.chain_start)
    }

    /// The height of the newest block.
    pub fn height(&self) -> u64 {
        let config = chain_config();
        let passed = now().since(self.chain_start).as_secs();
        config.first_height + config.history - 1 + passed
    }

    /// What happened outside of the fakes so far, records included.
    pub fn history(&self) -> Vec<(Time, Event)> {
        // A test that fails may do so while it takes a note.
        let journal = self.journal.lock();
        let mut events = journal.unwrap_or_else(PoisonError::into_inner).clone();
        events.extend(self.store.changes());
        events.sort_by_key(|(at, _)| *at);
        events
    }

    /// Takes note of something.
    pub fn note(&self, event: Event) {
        self.note_at(now(), event);
    }

    fn note_at(&self, at: Time, event: Event) {
        self.journal.lock().unwrap().push((at, event));
    }

    /// Starts everything but the coordinator.
    pub async fn start_surroundings(&mut self) {
        for node in [
            NodeName::Store,
            NodeName::BlockStreamer,
            NodeName::Runner,
            NodeName::Registry,
        ] {
            self.start(node).await;
        }
    }

    /// Starts one process, and waits until it listens.
    pub async fn start(&mut self, node: NodeName) {
        let port = |place: usize| self.ports[place].number();
        match node {
            NodeName::Coordinator => {
                let port = port(COORDINATOR);
                self.lives += 1;
                let incarnation = self.lives;
                self.note(Event::CoordinatorStarted { incarnation });
                self.coordinator.start_on(port).await;
                return;
            }
            NodeName::BlockStreamer => self.streamer.start_on(port(STREAMER_PORT)).await,
            NodeName::Runner => self.runner.start_on(port(RUNNER)).await,
            NodeName::Registry => {
                let port = port(REGISTRY);
                self.contract.save(&self.path().join("registry.json"));
                let height = self.height().to_string();
                self.registry.set_option("--height", height);
                self.registry.start_on(port).await;
            }
            NodeName::Store => self.store.start().await,
        }
        let state = NodeState::Up;
        self.note(Event::NodeState { node, state });
    }

    /// Kills one process, which must not have ended before by itself.
    pub async fn kill(&mut self, node: NodeName) {
        let runs = self.process(node).runs();
        assert!(runs, "{node:?} ended by itself:\n{}", self.tails());
        match node {
            NodeName::Coordinator => {
                self.coordinator.kill();
                self.coordinator_ended(false);
                return;
            }
            NodeName::Store => self.store.kill().await,
            other => self.process(other).kill(),
        }
        let state = NodeState::Down;
        self.note(Event::NodeState { node, state });
    }

    /// Stops the coordinator in order; true if it says so too. Nothing may have panicked in
    /// any of its lives.
    pub async fn stop_coordinator(&mut self) -> bool {
        let status = self.coordinator.terminate().await;
        self.coordinator_ended(true);
        assert_eq!(self.panics(), Vec::<String>::new());
        status.success()
    }

    /// What was said about panics in any life of the coordinator, which survives them.
    fn panics(&self) -> Vec<String> {
        let said = self.coordinator.said();
        let tells = |line: &&str| {
            ["panicked at", "has panicked"]
                .iter()
                .any(|it| line.contains(it))
        };
        said.lines().filter(tells).map(str::to_owned).collect()
    }

    fn coordinator_ended(&self, orderly: bool) {
        let incarnation = self.lives;
        self.note(Event::CoordinatorEnded {
            incarnation,
            orderly,
        });
    }

    /// Freezes one process. Only one at a time is frozen.
    pub fn freeze(&mut self, node: NodeName) {
        assert_eq!(self.paused, None, "one after the other");
        self.process(node).freeze();
        self.paused = Some(node);
        let state = NodeState::Paused;
        self.note(Event::NodeState { node, state });
    }

    /// Lets the frozen process go on.
    pub fn thaw(&mut self) {
        if let Some(node) = self.paused.take() {
            self.process(node).thaw();
            let state = NodeState::Up;
            self.note(Event::NodeState { node, state });
        }
    }

    /// Whether a process can answer.
    pub fn works(&mut self, node: NodeName) -> bool {
        self.paused != Some(node) && self.process(node).runs()
    }

    fn process(&mut self, node: NodeName) -> &mut Process {
        match node {
            NodeName::Coordinator => &mut self.coordinator,
            NodeName::BlockStreamer => &mut self.streamer,
            NodeName::Runner => &mut self.runner,
            NodeName::Registry => &mut self.registry,
            NodeName::Store => &mut self.store.process,
        }
    }

    /// Registers an indexer; returns the version.
    pub async fn register(&mut self, key: &IndexerKey, wish: Wish) -> u64 {
        // The coordinator may see it before the answer comes back.
        let at = now();
        let start = wish.start;
        let supported = wish.rule.is_some();
        let known = self.contract.known.get(key);
        let new_life = known.is_none_or(|known| known.is_deleted());
        let version = self.contract.register(key, wish).await;
        let change = Change::Registered {
            version,
            // No two registrations are the same.
            content: at.0,
            start: match start {
                Start::Latest => Some(version),
                Start::Continue => None,
                Start::Height(height) => Some(height),
            },
            new_life,
            supported,
        };
        let key = key.clone();
        let height = version;
        let event = Event::Registry {
            key,
            height,
            change,
        };
        self.note_at(at, event);
        version
    }

    /// Deletes an indexer.
    pub async fn delete(&mut self, key: &IndexerKey) {
        let at = now();
        let height = self.contract.delete(key).await;
        let change = Change::Deleted { height };
        let key = key.clone();
        let event = Event::Registry {
            key,
            height,
            change,
        };
        self.note_at(at, event);
    }

    /// The address of the coordinator's API.
    pub fn api(&self) -> String {
        format!("127.0.0.1:{}", self.ports[COORDINATOR].number())
    }

    /// An operator, who gives commands on her own.
    pub fn operator(&self) -> Operator {
        Operator {
            api: self.api(),
            journal: Arc::clone(&self.journal),
        }
    }

    /// A connection to the gRPC port of coordinator, block streamer or runner.
    pub fn channel(&self, node: NodeName) -> Channel {
        let place = match node {
            NodeName::Coordinator => COORDINATOR,
            NodeName::BlockStreamer => STREAMER_PORT,
            _ => RUNNER,
        };
        let port = self.ports[place].number();
        connect(&format!("127.0.0.1:{port}"))
    }

    /// The status of one of the coordinator's pages.
    pub async fn page(&self, path: &str) -> u16 {
        ask(self.ports[PAGES].number(), "GET", path, "").await.0
    }

    /// The ends of all logs.
    pub fn tails(&self) -> String {
        [
            &self.coordinator,
            &self.streamer,
            &self.runner,
            &self.registry,
        ]
        .map(Process::tail)
        .join("\n")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            let folder = folder.keep();
            let line = |(at, event): &(Time, Event)| format!("{at} {event}\n");
            let history: String = self.history().iter().map(line).collect();
            let _lost = fs::write(folder.join("history.txt"), history);
            let said = format!(
                "{}\nlogs, ledgers and data: {}",
                self.tails(),
                folder.display()
            );
            // Goes to the test's own output.
            use std::io::Write;
            let _unheard = writeln!(std::io::stderr(), "{said}");
        }
    }
}

fn chain_config() -> ChainConfig {
    toml::from_str(CHAIN).expect("the chain is valid")
}

/// A connection to `address`, made when it is first used.
pub fn connect(address: &str) -> Channel {
    let endpoint = Endpoint::try_from(format!("http://{address}")).expect("an address");
    endpoint
        .connect_timeout(Duration::from_secs(2))
        .connect_lazy()
}

/// Somebody who enables and disables.
#[derive(Clone)]
pub struct Operator {
    api: String,
    journal: Journal,
}

impl Operator {
    /// Enables or disables an indexer; true if it was carried out.
    pub async fn switch(&self, key: &IndexerKey, enable: bool) -> bool {
        let command = match enable {
            true => AdminCommand::Enable,
            false => AdminCommand::Disable,
        };
        let note = |event| self.journal.lock().unwrap().push((now(), event));
        // Whoever lives: each command is answered here, be it by an error.
        let by = 0;
        note(Event::AdminSent {
            key: key.clone(),
            command,
            by,
        });
        let mut client = IndexerManagerClient::new(connect(&self.api));
        let request = IndexerRequest {
            account_id: key.account().to_owned(),
            function_name: key.function().to_owned(),
        };
        let call = async {
            match enable {
                true => client.enable(request).await.map(|_| ()),
                false => client.disable(request).await.map(|_| ()),
            }
        };
        let error = match timeout(LONG, call).await {
            Ok(result) => result.err().map(|status| status.to_string()),
            Err(_) => Some("no answer".to_owned()),
        };
        let carried_out = error.is_none();
        note(Event::AdminAnswered {
            key: key.clone(),
            command,
            by,
            error,
        });
        carried_out
    }
}
