//! The suite's world on real connections.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conformance::grpc::{
    Act, Applied, Fault, Node, Transports, Wire, World, crowd_account, long_function,
};
use coordinator::transport::grpc::{
    GrpcBlockStreamer, GrpcExecutors, GrpcOptions, GrpcProvisioner,
};
use proto::block_streamer::block_streamer_server::BlockStreamerServer;
use proto::data_layer::data_layer_server::DataLayerServer;
use proto::runner::runner_server::RunnerServer;
use real_tokio as tokio;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::front::Front;
use crate::peer::{Condition, Peer};
use crate::proxy::Proxy;
use crate::services;

/// Passes only if nothing answers; what is sent has long arrived by then.
const DEADLINE: Duration = Duration::from_millis(1_500);
/// Passes only if the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

const HTTP1: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nsorry";
const GARBAGE: &[u8] = b"\x00\xff220 mail.example.org ESMTP\r\n";

/// One process with its server and the network before it.
struct Site {
    peer: Peer,
    proxy: Arc<Proxy>,
    server: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(server) = self.server.get_mut() {
            server.abort();
        }
    }
}

impl Site {
    async fn new() -> Site {
        let proxy = Arc::new(Proxy::new());
        let network = Arc::downgrade(&proxy);
        let sever = move || {
            if let Some(proxy) = network.upgrade() {
                proxy.sever();
            }
        };
        let site = Site {
            peer: Peer::new(sever),
            proxy,
            server: Mutex::new(None),
        };
        site.start().await;
        site
    }

    fn url(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    async fn start(&self) {
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let upstream = incoming.local_addr().unwrap();
        let peer = &self.peer;
        let router = Server::builder()
            .layer(Front(peer.clone()))
            .add_service(BlockStreamerServer::new(peer.clone()))
            .add_service(RunnerServer::new(peer.clone()))
            .add_service(DataLayerServer::new(peer.clone()));
        let serving = tokio::spawn(async move {
            router.serve_with_incoming(incoming).await.unwrap();
        });
        *self.server.lock().await = Some(serving);
        self.proxy.set(|mode| mode.upstream = Some(upstream));
        self.proxy.open().await;
    }

    async fn kill(&self) {
        self.peer.die();
        self.proxy.shut().await;
        if let Some(server) = self.server.lock().await.take() {
            server.abort();
            let _ = server.await;
        }
    }

    async fn befall(&self, fault: Fault) {
        match fault {
            Fault::Refused => self.proxy.shut().await,
            Fault::Late | Fault::SlowRequest => self.proxy.set(|mode| mode.hold_there = true),
            Fault::HalfOpen => self.proxy.set(|mode| mode.hold_back = true),
            Fault::BlackHole => self.proxy.set(|mode| {
                mode.hold_there = true;
                mode.hold_back = true;
            }),
            Fault::Wire(Wire::Http1) => self.greet(HTTP1),
            Fault::Wire(Wire::Garbage) => self.greet(GARBAGE),
            other => self.peer.befall(other),
        }
    }

    fn greet(&self, greeting: &'static [u8]) {
        self.proxy.set(|mode| {
            mode.greeting = Some(greeting);
            mode.generation += 1;
        });
    }

    /// What was held comes through late, unless it was swallowed.
    async fn relent(&self, fault: Fault) {
        self.peer.relent();
        self.proxy.set(|mode| {
            mode.greeting = None;
            if matches!(fault, Fault::HalfOpen | Fault::BlackHole | Fault::Wire(_)) {
                mode.generation += 1;
            }
            mode.hold_there = false;
            mode.hold_back = false;
        });
        if fault == Fault::Refused {
            self.proxy.open().await;
        }
    }

    fn cut(&self, cut: bool) {
        self.proxy.set(|mode| {
            mode.hold_there = cut;
            mode.hold_back = cut;
        });
    }

    fn populate(&self, node: Node, count: usize, function: &str) {
        self.peer.with_state(|state| {
            for number in 0..count {
                let account = crowd_account(number);
                if node == Node::Streamer {
                    let info = services::stream(&account, function, 1);
                    state.streams.insert(info.stream_id.clone(), info);
                } else {
                    let info = services::executor(&account, function, 1);
                    state.executors.insert(info.executor_id.clone(), info);
                }
            }
        });
    }
}

/// Two processes, and the transports to them.
pub struct RealWorld {
    streamer: Site,
    runner: Site,
    transports: Transports,
    fault: Mutex<Option<Fault>>,
}

impl RealWorld {
    pub async fn new() -> RealWorld {
        let (streamer, runner) = (Site::new().await, Site::new().await);
        // A crowd larger than what may be under way waits for its turn.
        let options = GrpcOptions {
            slot_wait: PATIENCE,
            ..GrpcOptions::default()
        };
        let block_streamer = GrpcBlockStreamer::new(&streamer.url(), &options).unwrap();
        let executors = GrpcExecutors::new(&runner.url(), &options).unwrap();
        let provisioner = GrpcProvisioner::new(&runner.url(), &options).unwrap();
        RealWorld {
            streamer,
            runner,
            transports: Transports {
                block_streamer: Arc::new(block_streamer),
                executors: Arc::new(executors),
                provisioner: Arc::new(provisioner),
            },
            fault: Mutex::new(None),
        }
    }

    fn site(&self, node: Node) -> &Site {
        match node {
            Node::Streamer => &self.streamer,
            Node::Runner => &self.runner,
        }
    }

    fn sites(&self) -> [&Site; 2] {
        [&self.streamer, &self.runner]
    }
}

/// Waits until `now` is as `wanted`.
async fn until(now: &watch::Sender<Condition>, wanted: impl FnMut(&Condition) -> bool) {
    let mut now = now.subscribe();
    let reached = now.wait_for(wanted);
    within(reached).await.unwrap();
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.unwrap()
}

#[async_trait]
impl World for RealWorld {
    fn transports(&self) -> Transports {
        self.transports.clone()
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    async fn befall(&self, fault: Fault) {
        *self.fault.lock().await = Some(fault);
        for site in self.sites() {
            site.befall(fault).await;
        }
    }

    async fn relent(&self) {
        let Some(fault) = self.fault.lock().await.take() else {
            return;
        };
        for site in self.sites() {
            site.relent(fault).await;
        }
    }

    async fn act(&self, act: Act) {
        match act {
            Act::Kill(node) => self.site(node).kill().await,
            Act::Restart(node) => self.site(node).start().await,
            Act::Freeze(node) => {
                let condition = &self.site(node).peer.condition;
                condition.send_modify(|now| now.frozen = true);
            }
            Act::Thaw(node) => {
                let condition = &self.site(node).peer.condition;
                condition.send_modify(|now| now.frozen = false);
            }
            Act::Cut(node) => self.site(node).cut(true),
            Act::Mend(node) => self.site(node).cut(false),
            Act::Populate(node, count) => self.site(node).populate(node, count, "feed"),
            Act::PopulateLong(node, count) => {
                self.site(node).populate(node, count, &long_function());
            }
        }
    }

    fn requests(&self) -> usize {
        let counts = self.sites().map(|site| {
            let taken = site.peer.condition.borrow().taken;
            taken + *site.proxy.held.borrow()
        });
        counts.iter().sum()
    }

    async fn more_requests(&self, before: usize) {
        let [mut streamer, mut runner] = self.sites().map(|site| site.peer.condition.subscribe());
        let [mut to_streamer, mut to_runner] = self.sites().map(|site| site.proxy.held.subscribe());
        let more = async {
            while self.requests() <= before {
                tokio::select! {
                    biased;
                    changed = streamer.changed() => changed.unwrap(),
                    changed = runner.changed() => changed.unwrap(),
                    changed = to_streamer.changed() => changed.unwrap(),
                    changed = to_runner.changed() => changed.unwrap(),
                }
            }
        };
        within(more).await;
    }

    async fn applied(&self, at_least: usize) -> Vec<Applied> {
        let count = || self.sites().map(|site| site.peer.applied().len());
        for site in self.sites() {
            // Requests that a frozen process has taken wait for its thaw.
            let idle = |now: &Condition| now.frozen || now.under_way == 0;
            until(&site.peer.condition, idle).await;
        }
        let changes = self.sites().map(|site| site.peer.condition.subscribe());
        let [mut streamer, mut runner] = changes;
        let enough = async {
            while count().iter().sum::<usize>() < at_least {
                tokio::select! {
                    biased;
                    changed = streamer.changed() => changed.unwrap(),
                    changed = runner.changed() => changed.unwrap(),
                }
            }
        };
        // Too few are for the case to judge.
        let _ = tokio::time::timeout(DEADLINE * 4, enough).await;
        let [mut all, more] = self.sites().map(|site| site.peer.applied());
        all.extend(more);
        all
    }

    async fn metadata(&self) -> Vec<(String, String)> {
        self.streamer.peer.metadata()
    }
}
