//! An API that runs, clients of it, and what it writes into the audit log.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_api::{About, AdminApi, ApiLimits, ApiOptions, Health, Observer, ServeError};
use bytes::{Buf, BufMut};
use coordinator::Coordinator;
use lifecycle::Timestamp;
use proto::coordinator as pb;
use proto::coordinator::operations_client::OperationsClient;
use proto::indexer::indexer_manager_client::IndexerManagerClient;
use security::{
    Anonymous, Authenticator, ClientRoles, Outcome, RoleRules, ServerTls, Tokens, Watched,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::world::{World, knobs};

/// Longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(30);
pub const OPERATE: &str = "alice-has-a-long-token";
pub const READ: &str = "bob-has-another-long-token";

/// How the API of a test is served.
pub struct Setup {
    pub world: Arc<World>,
    pub tokens: bool,
    /// The rules for client certificates, if they count.
    pub client_roles: Option<&'static str>,
    pub anonymous: Option<Anonymous>,
    pub tls: Option<Arc<ServerTls>>,
    pub limits: ApiLimits,
    pub shadow: bool,
    pub loops: bool,
    pub observer: Option<Arc<dyn Observer>>,
}

impl Setup {
    /// As on a machine of its own: nobody has to prove anything.
    pub fn local(world: &Arc<World>) -> Setup {
        Setup {
            world: Arc::clone(world),
            tokens: false,
            client_roles: None,
            anonymous: None,
            tls: None,
            limits: ApiLimits::default(),
            shadow: false,
            loops: true,
            observer: None,
        }
    }

    pub fn start(self) -> Api {
        let coordinator = if self.shadow {
            Coordinator::shadow(knobs(), self.world.ports())
        } else {
            Coordinator::new(knobs(), self.world.ports())
        };
        let coordinator = Arc::new(coordinator);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::write(&path, format!("operate alice {OPERATE}\nread bob {READ}\n")).unwrap();
        let tokens = self.tokens.then(|| Arc::new(Tokens::load(path).unwrap()));
        let roles = self.client_roles.map(|rules| {
            let rules = RoleRules::parse(rules.as_bytes(), None).unwrap();
            Arc::new(ClientRoles::fixed(rules))
        });
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let configured = tokens.is_some() || roles.is_some();
        let anonymous = self
            .anonymous
            .unwrap_or_else(|| Anonymous::default_for(address, configured));
        let options = ApiOptions {
            address,
            tls: self.tls,
            authenticator: Arc::new(Authenticator::new(tokens.clone(), roles, anonymous)),
            limits: self.limits,
            about: About {
                version: "1.2.3".to_owned(),
                started: Timestamp(77),
            },
            observer: self.observer,
        };
        let api = AdminApi::bind(options, coordinator.admin()).unwrap();
        let stop = CancellationToken::new();
        let (address, health) = (api.address(), api.health());
        let serving = tokio::spawn(api.run(stop.clone()));
        if self.loops {
            let (coordinator, stop) = (Arc::clone(&coordinator), stop.clone());
            tokio::spawn(async move { coordinator.run(stop).await });
        }
        Api {
            address,
            health,
            stop,
            serving,
            tokens,
            folder,
        }
    }
}

/// An API that runs.
pub struct Api {
    pub address: SocketAddr,
    pub health: Health,
    pub stop: CancellationToken,
    pub serving: JoinHandle<Result<(), ServeError>>,
    tokens: Option<Arc<Tokens>>,
    folder: TempDir,
}

impl Api {
    /// A channel from an address of its own, so that failures are counted apart.
    pub fn channel_from(&self, host: u8) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        let local = IpAddr::from([127, 0, 0, host]);
        endpoint.local_address(Some(local)).connect_lazy()
    }

    pub fn channel(&self) -> Channel {
        self.channel_from(1)
    }

    pub fn operations(&self) -> OperationsClient<Channel> {
        OperationsClient::new(self.channel()).max_decoding_message_size(64 << 20)
    }

    pub fn manager(&self) -> IndexerManagerClient<Channel> {
        IndexerManagerClient::new(self.channel())
    }

    /// Waits until an indexer is in a state.
    pub async fn reaches(&self, account: &str, function: &str, state: &str) -> pb::Indexer {
        let mut client = self.operations();
        until(async || {
            let request = pb::GetIndexerRequest {
                name: name(account, function),
            };
            let indexer = client.get_indexer(request).await.ok()?.into_inner();
            (indexer.state == state).then_some(indexer)
        })
        .await
    }

    /// Replaces the content of the token file.
    pub fn hand_out(&self, tokens: &str) {
        std::fs::write(self.folder.path().join("tokens"), tokens).unwrap();
        let outcome = self.tokens.as_ref().unwrap().reload();
        assert!(matches!(outcome, Outcome::Replaced(_)), "{outcome:?}");
    }

    pub async fn end(self) {
        self.stop.cancel();
        soon(self.serving).await.unwrap().unwrap();
    }
}

pub fn name(account: &str, function: &str) -> Option<pb::IndexerName> {
    Some(pb::IndexerName {
        account_id: account.to_owned(),
        function_name: function.to_owned(),
    })
}

pub fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// The outcome, which must come.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LONG, future).await.unwrap()
}

/// Asks again and again until there is an answer.
pub async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    soon(async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

/// A codec that leaves bytes as they are.
#[derive(Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

/// Calls any method with any bytes; the first answer, if there is one.
pub async fn raw(
    channel: Channel,
    path: &'static str,
    request: Request<Vec<u8>>,
) -> Result<Option<Vec<u8>>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|error| Status::unknown(error.to_string()))?;
    let path = http::uri::PathAndQuery::from_static(path);
    let response = client.server_streaming(request, path, Raw).await?;
    soon(response.into_inner().message()).await
}

/// One line of the audit log, by field.
pub type Line = BTreeMap<String, String>;

/// What is written into the audit log while it lives, on this thread.
#[derive(Clone, Default)]
pub struct Audit(Arc<Mutex<Vec<Line>>>);

impl Audit {
    pub fn begin() -> (Audit, DefaultGuard) {
        let audit = Audit::default();
        let subscriber = tracing_subscriber::registry().with(audit.clone());
        (audit, tracing::subscriber::set_default(subscriber))
    }

    /// The lines since the last time.
    pub fn take(&self) -> Vec<Line> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The line, if there is exactly one since the last time.
    #[track_caller]
    pub fn only(&self) -> Line {
        let lines = self.take();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines[0].clone()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Audit {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "audit" {
            let mut line = Fields::default();
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }
}

#[derive(Default)]
struct Fields(Line);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}
