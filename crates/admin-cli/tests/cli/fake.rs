//! A coordinator that does as it is told, on a real socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use proto::coordinator::operations_server::{Operations, OperationsServer};
use proto::coordinator::{watch_indexers_response::Event, *};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{BroadcastStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

use crate::harness::NOW;

/// What the fake knows and how it behaves.
pub struct World {
    pub indexers: BTreeMap<(String, String), Indexer>,
    pub overview: Overview,
    pub shadow: ShadowReport,
    /// How pages are marked.
    pub recalled: Option<Recalled>,
    /// All calls fail so.
    pub fault: Option<(Code, &'static str)>,
    /// Calls for this function fail so.
    pub fault_of: BTreeMap<String, Code>,
    /// No call is ever answered.
    pub hangs: bool,
    /// Each page announces another.
    pub endless: bool,
    /// The most indexers that are looked at for one page, as the coordinator does.
    pub looks: usize,
    /// A change shows only after so many further looks.
    pub lag: u32,
    /// A change does not show, and the indexer is gone with the next look.
    pub goes_away: bool,
    /// What was called, with the name or the size of the page.
    pub calls: Vec<String>,
    /// The `authorization` of each call.
    pub tokens: Vec<Option<String>>,
    pub changes: broadcast::Sender<Event>,
    /// Watches end at once with this.
    pub watch_fault: Option<Code>,
}

impl World {
    pub fn with(indexers: Vec<Indexer>) -> World {
        let mut world = World {
            indexers: BTreeMap::new(),
            overview: Overview::default(),
            shadow: ShadowReport::default(),
            recalled: None,
            fault: None,
            fault_of: BTreeMap::new(),
            hangs: false,
            endless: false,
            looks: 5_000,
            lag: 0,
            goes_away: false,
            calls: Vec::new(),
            tokens: Vec::new(),
            changes: broadcast::channel(64).0,
            watch_fault: None,
        };
        for indexer in indexers {
            world.put(indexer);
        }
        world
    }

    pub fn put(&mut self, indexer: Indexer) {
        let name = indexer.name.clone().unwrap();
        let key = (name.account_id, name.function_name);
        self.indexers.insert(key, indexer);
    }

    pub fn find(&mut self, name: &IndexerName) -> &mut Indexer {
        let key = (name.account_id.clone(), name.function_name.clone());
        self.indexers.get_mut(&key).unwrap()
    }
}

#[derive(Clone)]
struct Service(Arc<Mutex<World>>);

/// A running fake.
pub struct Fake {
    world: Arc<Mutex<World>>,
    address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    scheme: &'static str,
}

impl Fake {
    pub async fn start(world: World) -> Fake {
        Fake::start_with(world, None).await
    }

    pub async fn start_with(world: World, tls: Option<ServerTlsConfig>) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut fake = Fake {
            world: Arc::new(Mutex::new(world)),
            address: listener.local_addr().unwrap(),
            running: None,
            scheme: if tls.is_some() { "https" } else { "http" },
        };
        fake.serve(listener, tls);
        fake
    }

    fn serve(&mut self, listener: TcpListener, tls: Option<ServerTlsConfig>) {
        let (stop, stopped) = oneshot::channel::<()>();
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let router = server.add_service(OperationsServer::new(Service(Arc::clone(&self.world))));
        let serving = tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = stopped => {}
                _ = router.serve_with_incoming(TcpListenerStream::new(listener)) => {}
            }
        });
        self.running = Some((stop, serving));
    }

    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.address.port())
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Ends it, and every watch with it.
    pub async fn stop(&mut self) {
        if let Some((stop, serving)) = self.running.take() {
            let _ = stop.send(());
            serving.await.unwrap();
        }
        let mut world = self.world();
        world.changes = broadcast::channel(64).0;
    }

    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener, None);
    }

    /// Changes an indexer and tells whoever watches.
    pub fn change(&self, indexer: Indexer) {
        let mut world = self.world();
        world.put(indexer.clone());
        let _ = world.changes.send(Event::Indexer(indexer));
    }

    pub fn remove(&self, account: &str, function: &str) {
        let mut world = self.world();
        world
            .indexers
            .remove(&(account.to_owned(), function.to_owned()));
        let _ = world.changes.send(Event::Removed(IndexerName {
            account_id: account.to_owned(),
            function_name: function.to_owned(),
        }));
    }
}

impl Service {
    async fn enter<T>(&self, request: &Request<T>, call: String) -> Result<(), Status> {
        let hangs = {
            let mut world = self.0.lock().unwrap();
            world.calls.push(call);
            let token = request.metadata().get("authorization");
            let token = token.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            world.tokens.push(token);
            if let Some((code, message)) = world.fault {
                return Err(Status::new(code, message));
            }
            world.hangs
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn on_one<T>(
        &self,
        request: &Request<T>,
        call: &str,
        name: Option<&IndexerName>,
        change: impl FnOnce(&mut Indexer, u32),
    ) -> Result<Response<Indexer>, Status> {
        let name = name.unwrap().clone();
        let full = format!("{}/{}", name.account_id, name.function_name);
        self.enter(request, format!("{call} {full}")).await?;
        let mut world = self.0.lock().unwrap();
        if let Some(code) = world.fault_of.get(&name.function_name) {
            return Err(Status::new(*code, "as it was told"));
        }
        let lag = world.lag;
        let key = (name.account_id, name.function_name);
        let goes_away = world.goes_away;
        match world.indexers.get_mut(&key) {
            Some(indexer) => {
                change(indexer, lag);
                let mut answer = indexer.clone();
                if goes_away && call != "get" {
                    world.indexers.remove(&key);
                    answer.phase = "Suspending".to_owned();
                    answer.state = "Held".to_owned();
                }
                Ok(Response::new(answer))
            }
            None => Err(Status::not_found(format!("{full} is not registered"))),
        }
    }
}

fn go(indexer: &mut Indexer, phase: &str, state: &str) {
    indexer.phase = phase.to_owned();
    indexer.state = state.to_owned();
    indexer.state_since_ms = NOW;
}

/// A page as the coordinator makes it, and the token of the next: it looks at so many at
/// most, and gives what is wanted of them, be it nothing.
fn page<'a, T: Clone + 'a>(
    all: impl Iterator<Item = (&'a T, bool)>,
    (skip, looks, size): (usize, usize, usize),
    endless: bool,
) -> (Vec<T>, String) {
    let mut page = Vec::new();
    let mut looked = 0;
    for (one, wanted) in all.skip(skip) {
        if looked == looks || page.len() == size {
            return (page, (skip + looked).to_string());
        }
        looked += 1;
        if wanted {
            page.push(one.clone());
        }
    }
    // A full page does not know whether it is the last.
    let more = endless || page.len() == size;
    let token = if more {
        (skip + looked.max(1)).to_string()
    } else {
        String::new()
    };
    (page, token)
}

fn matches(indexer: &Indexer, filter: &IndexerFilter) -> bool {
    let name = indexer.name.as_ref().unwrap();
    let phase = match indexer.phase.as_str() {
        "" => "none".to_owned(),
        phase => phase.to_owned(),
    };
    let quiet = matches!(indexer.state.as_str(), "Steady" | "Suspended" | "Working");
    (filter.account_id.is_empty() || filter.account_id == name.account_id)
        && (filter.phases.is_empty() || filter.phases.contains(&phase))
        && (!filter.troubled || !quiet)
}

#[async_trait::async_trait]
impl Operations for Service {
    async fn get_indexer(
        &self,
        request: Request<GetIndexerRequest>,
    ) -> Result<Response<Indexer>, Status> {
        let name = request.get_ref().name.clone();
        self.on_one(&request, "get", name.as_ref(), |_, _| ())
            .await?;
        let mut world = self.0.lock().unwrap();
        let lag = world.lag;
        world.lag = lag.saturating_sub(1);
        let indexer = world.find(&name.unwrap());
        if lag == 0 && indexer.phase == "Suspending" {
            go(indexer, "Suspended", "Suspended");
        }
        if lag == 0 && indexer.hold.is_some() {
            indexer.state = "Held".to_owned();
        }
        Ok(Response::new(indexer.clone()))
    }

    async fn list_indexers(
        &self,
        request: Request<ListIndexersRequest>,
    ) -> Result<Response<ListIndexersResponse>, Status> {
        let asked = request.get_ref().clone();
        self.enter(&request, format!("list {}", asked.page_size))
            .await?;
        let world = self.0.lock().unwrap();
        let filter = asked.filter.unwrap_or_default();
        let skip: usize = asked.page_token.parse().unwrap_or(0);
        let size = asked.page_size as usize;
        let (page, next_page_token) = page(
            world.indexers.values().map(|it| (it, matches(it, &filter))),
            (skip, world.looks, size),
            world.endless,
        );
        Ok(Response::new(ListIndexersResponse {
            indexers: page,
            next_page_token,
            recalled: world.recalled.clone(),
        }))
    }

    type WatchIndexersStream =
        Pin<Box<dyn Stream<Item = Result<WatchIndexersResponse, Status>> + Send>>;

    async fn watch_indexers(
        &self,
        request: Request<WatchIndexersRequest>,
    ) -> Result<Response<Self::WatchIndexersStream>, Status> {
        self.enter(&request, "watch".to_owned()).await?;
        let world = self.0.lock().unwrap();
        let filter = request.get_ref().filter.clone().unwrap_or_default();
        let there = world.indexers.values().filter(|it| matches(it, &filter));
        let mut first: Vec<Event> = there.cloned().map(Event::Indexer).collect();
        first.push(Event::Synced(Synced {}));
        let changes = BroadcastStream::new(world.changes.subscribe()).filter_map(Result::ok);
        let told = tokio_stream::iter(first).chain(changes);
        let told = told.map(|event| Ok(WatchIndexersResponse { event: Some(event) }));
        Ok(Response::new(match world.watch_fault {
            Some(code) => Box::pin(tokio_stream::iter([Err(Status::new(code, "no watch"))])),
            None => Box::pin(told),
        }))
    }

    async fn enable_indexer(
        &self,
        request: Request<EnableIndexerRequest>,
    ) -> Result<Response<Indexer>, Status> {
        let name = request.get_ref().name.clone();
        let enable = |indexer: &mut Indexer, _| {
            indexer.enabled = true;
            go(indexer, "Running", "Working");
        };
        self.on_one(&request, "enable", name.as_ref(), enable).await
    }

    async fn disable_indexer(
        &self,
        request: Request<DisableIndexerRequest>,
    ) -> Result<Response<Indexer>, Status> {
        let name = request.get_ref().name.clone();
        let disable = |indexer: &mut Indexer, lag| {
            indexer.enabled = false;
            match lag {
                0 => go(indexer, "Suspended", "Suspended"),
                _ => go(indexer, "Suspending", "Working"),
            }
        };
        self.on_one(&request, "disable", name.as_ref(), disable)
            .await
    }

    async fn retry_indexer(
        &self,
        request: Request<RetryIndexerRequest>,
    ) -> Result<Response<Indexer>, Status> {
        let name = request.get_ref().name.clone();
        let retry = |indexer: &mut Indexer, _| {
            indexer.failure = None;
            go(indexer, "Running", "Working");
        };
        self.on_one(&request, "retry", name.as_ref(), retry).await
    }

    async fn hold_indexer(
        &self,
        request: Request<HoldIndexerRequest>,
    ) -> Result<Response<Indexer>, Status> {
        let HoldIndexerRequest { name, reason } = request.get_ref().clone();
        let hold = |indexer: &mut Indexer, lag| {
            indexer.hold = Some(Hold {
                reason,
                since_ms: NOW,
                by: "ops".to_owned(),
            });
            if lag == 0 {
                indexer.state = "Held".to_owned();
            }
        };
        self.on_one(&request, "hold", name.as_ref(), hold).await
    }

    async fn release_indexer(
        &self,
        request: Request<ReleaseIndexerRequest>,
    ) -> Result<Response<Indexer>, Status> {
        let name = request.get_ref().name.clone();
        let release = |indexer: &mut Indexer, _| {
            indexer.hold = None;
            indexer.state = "Working".to_owned();
        };
        self.on_one(&request, "release", name.as_ref(), release)
            .await
    }

    async fn get_overview(
        &self,
        request: Request<GetOverviewRequest>,
    ) -> Result<Response<Overview>, Status> {
        self.enter(&request, "overview".to_owned()).await?;
        Ok(Response::new(self.0.lock().unwrap().overview.clone()))
    }

    async fn get_shadow_report(
        &self,
        request: Request<GetShadowReportRequest>,
    ) -> Result<Response<ShadowReport>, Status> {
        let asked = request.get_ref().clone();
        self.enter(&request, format!("shadow {}", asked.page_size))
            .await?;
        let world = self.0.lock().unwrap();
        let skip: usize = asked.page_token.parse().unwrap_or(0);
        let size = asked.page_size as usize;
        let all = world.shadow.indexers.iter();
        let (indexers, next_page_token) = page(
            all.map(|it| (it, !asked.disagreements_only || it.verdict == "Disagrees")),
            (skip, world.looks, size),
            world.endless,
        );
        Ok(Response::new(ShadowReport {
            indexers,
            next_page_token,
            ..world.shadow.clone()
        }))
    }
}
