//! Probes, reflection, TLS, bounds, and the end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admin_api::{About, AdminApi, ApiLimits, ApiOptions, Observer, ServeError};
use coordinator::Coordinator;
use lifecycle::Timestamp;
use proto::coordinator as pb;
use proto::coordinator::operations_client::OperationsClient;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use security::{Anonymous, Authenticator, ClientCa, Protocols, ServerTls, TlsFiles};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::{v1, v1alpha};

use crate::support::{Api, Audit, OPERATE, READ, Setup, soon, until, with_token};
use crate::world::{World, knobs};

fn check(service: &str) -> HealthCheckRequest {
    let service = service.to_owned();
    HealthCheckRequest { service }
}

async fn health(client: &mut HealthClient<Channel>, service: &str) -> Result<i32, Code> {
    let answer = client.check(check(service)).await;
    answer
        .map(|it| it.into_inner().status)
        .map_err(|it| it.code())
}

#[tokio::test]
async fn probes_need_no_credentials_and_see_the_drain() {
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.tokens = true;
    let api = setup.start();
    let mut client = HealthClient::new(api.channel());
    let (up, down) = (
        ServingStatus::Serving as i32,
        ServingStatus::NotServing as i32,
    );
    let services = ["", "indexer.IndexerManager", "coordinator.v1.Operations"];
    until(async || (health(&mut client, "").await == Ok(up)).then_some(())).await;
    for service in services {
        assert_eq!(health(&mut client, service).await, Ok(up), "{service}");
    }
    assert_eq!(health(&mut client, "other").await, Err(Code::NotFound));
    let mut watched = client.watch(check("")).await.unwrap().into_inner();
    assert_eq!(soon(watched.message()).await.unwrap().unwrap().status, up);
    api.health.set_serving(false).await;
    for service in services {
        assert_eq!(health(&mut client, service).await, Ok(down), "{service}");
    }
    assert_eq!(soon(watched.message()).await.unwrap().unwrap().status, down);
    // Calls are still answered until the end comes.
    let overview = with_token(pb::GetOverviewRequest {}, READ);
    assert!(api.operations().get_overview(overview).await.is_ok());
    api.end().await;
}

fn ask(message: MessageRequest) -> tokio_stream::Once<ServerReflectionRequest> {
    tokio_stream::once(ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message),
    })
}

#[tokio::test]
async fn reflection_lists_and_describes_the_services() {
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.tokens = true;
    let api = setup.start();
    let mut client = ServerReflectionClient::new(api.channel());
    let list = || ask(MessageRequest::ListServices(String::new()));
    let refused = client.server_reflection_info(list()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let answer = client
        .server_reflection_info(with_token(list(), READ))
        .await;
    let mut answers = answer.unwrap().into_inner();
    let answer = soon(answers.message()).await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(services)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = services
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    let names: BTreeSet<_> = names.iter().map(String::as_str).collect();
    let served = [
        "coordinator.v1.Operations",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "indexer.IndexerManager",
    ];
    assert_eq!(names, BTreeSet::from(served));
    // What the coordinator calls itself is not to be had from it.
    let symbol = "runner.Runner.StartExecutor".to_owned();
    let request = with_token(ask(MessageRequest::FileContainingSymbol(symbol)), READ);
    let answer = client.server_reflection_info(request).await;
    let refused = match answer {
        Ok(answer) => soon(answer.into_inner().message()).await.unwrap_err(),
        Err(refused) => refused,
    };
    assert_eq!(refused.code(), Code::NotFound);
    let symbol = "coordinator.v1.Operations.HoldIndexer".to_owned();
    let request = with_token(ask(MessageRequest::FileContainingSymbol(symbol)), READ);
    let mut answers = client
        .server_reflection_info(request)
        .await
        .unwrap()
        .into_inner();
    let answer = soon(answers.message()).await.unwrap().unwrap();
    assert!(matches!(
        answer.message_response,
        Some(v1::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
    ));
    api.end().await;
}

#[tokio::test]
async fn reflection_is_there_for_older_clients() {
    use v1alpha::server_reflection_request::MessageRequest;
    let world = World::new();
    let api = Setup::local(&world).start();
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(api.channel());
    let request = tokio_stream::once(v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    });
    let mut answers = client
        .server_reflection_info(request)
        .await
        .unwrap()
        .into_inner();
    let answer = format!("{:?}", soon(answers.message()).await.unwrap());
    assert!(answer.contains("coordinator.v1.Operations"), "{answer}");
    api.end().await;
}

#[tokio::test]
async fn a_crowd_that_asks_for_nothing_keeps_nobody_out() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    api.reaches("a.near", "f", "Steady").await;
    let mut old = api.operations();
    let request = || pb::GetOverviewRequest {};
    soon(old.get_overview(request())).await.unwrap();
    // More than one peer may have.
    let mut crowd = Vec::new();
    for _ in 0..400 {
        crowd.push(TcpStream::connect(api.address).await.unwrap());
    }
    let before = Instant::now();
    for _ in 0..20 {
        let mut new = api.operations();
        soon(new.get_overview(request())).await.unwrap();
    }
    assert!(before.elapsed() < Duration::from_secs(2), "{before:?}");
    // Who has asked before keeps its connection.
    soon(old.get_overview(request())).await.unwrap();
    drop(crowd);
    api.end().await;
}

#[tokio::test]
async fn the_end_closes_the_port_and_waits_for_nobody_for_ever() {
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.limits.drain = Duration::from_millis(200);
    let api = setup.start();
    let mut health = HealthClient::new(api.channel());
    let _watched = health.watch(check("")).await.unwrap();
    // A reflection stream stays open as long as its client likes.
    let (sender, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let _answers = ServerReflectionClient::new(api.channel())
        .server_reflection_info(requests)
        .await
        .unwrap();
    let address = api.address;
    api.end().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    drop(sender);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let world = World::new();
    let api = Setup::local(&world).start();
    let anonymous = Anonymous::Refused;
    let options = ApiOptions {
        address: api.address,
        tls: None,
        authenticator: Arc::new(Authenticator::new(None, None, anonymous)),
        limits: ApiLimits::default(),
        about: About {
            version: String::new(),
            started: Timestamp(0),
        },
        observer: None,
    };
    let coordinator = Coordinator::new(knobs(), world.ports());
    let error = AdminApi::bind(options, coordinator.admin()).err().unwrap();
    assert!(matches!(error, ServeError::Bind { .. }));
    let expected = format!("the operators' API cannot listen on {}: ", api.address);
    assert!(error.to_string().starts_with(&expected), "{error}");
    api.end().await;
}

type Told = Mutex<Vec<(&'static str, Code)>>;

struct Notes(Arc<Told>);

impl Observer for Notes {
    fn answered(&self, method: &'static str, code: Code, _: Duration) {
        self.0.lock().unwrap().push((method, code));
    }
}

#[tokio::test]
async fn an_observer_is_told_of_every_call() {
    let told: Arc<Told> = Arc::default();
    let world = World::new();
    let mut setup = Setup::local(&world);
    setup.tokens = true;
    setup.observer = Some(Arc::new(Notes(Arc::clone(&told))));
    let api = setup.start();
    let mut client = api.operations();
    let _ = client.get_overview(pb::GetOverviewRequest {}).await;
    let _ = client
        .get_overview(with_token(pb::GetOverviewRequest {}, READ))
        .await;
    let _ = client
        .get_indexer(with_token(pb::GetIndexerRequest::default(), READ))
        .await;
    let _ = HealthClient::new(api.channel()).check(check("")).await;
    let overview = "/coordinator.v1.Operations/GetOverview";
    assert_eq!(
        *told.lock().unwrap(),
        [
            (overview, Code::Unauthenticated),
            (overview, Code::Ok),
            (
                "/coordinator.v1.Operations/GetIndexer",
                Code::InvalidArgument
            ),
            ("other", Code::Ok),
        ]
    );
    api.end().await;
}

/// A folder with a server's certificate, and the authority that issued it.
struct Pki {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    authority: String,
}

impl Pki {
    fn new() -> Pki {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = server.signed_by(&key, &issuer).unwrap().pem();
        std::fs::write(folder.path().join("server.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("server.key"), key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("clients.pem"), &authority).unwrap();
        Pki {
            folder,
            issuer,
            authority,
        }
    }

    fn tls(&self) -> Arc<ServerTls> {
        let path = |name: &str| self.folder.path().join(name);
        let files = TlsFiles {
            certificate: path("server.pem"),
            key: path("server.key"),
            client_ca: Some(ClientCa {
                path: path("clients.pem"),
                required: false,
            }),
        };
        Arc::new(ServerTls::load(files, Protocols::Http2).unwrap())
    }

    fn client(&self, name: &str) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity::from_pem(certificate, key.serialize_pem())
    }

    fn operations(&self, address: SocketAddr, name: Option<&str>) -> OperationsClient<Channel> {
        let mut tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(&self.authority));
        if let Some(name) = name {
            tls = tls.identity(self.client(name));
        }
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
        OperationsClient::new(endpoint.tls_config(tls).unwrap().connect_lazy())
    }
}

fn encrypted(pki: &Pki, world: &Arc<World>) -> Api {
    let mut setup = Setup::local(world);
    setup.tls = Some(pki.tls());
    setup.tokens = true;
    setup.client_roles = Some("operate cn:olga\nnone cn:cleo\nread cn:*\n");
    setup.start()
}

#[tokio::test]
async fn certificates_and_tokens_count_over_tls() {
    let pki = Pki::new();
    let world = World::new();
    world.register("a.near", "f");
    let api = encrypted(&pki, &world);
    for (certificate, token, reads, operates) in [
        (Some("olga"), None, Ok(()), Ok(())),
        (Some("rita"), None, Ok(()), Err(Code::PermissionDenied)),
        (None, Some(OPERATE), Ok(()), Ok(())),
        (None, Some(READ), Ok(()), Err(Code::PermissionDenied)),
        (
            None,
            None,
            Err(Code::Unauthenticated),
            Err(Code::Unauthenticated),
        ),
        (
            Some("olga"),
            Some("wrong"),
            Err(Code::Unauthenticated),
            Err(Code::Unauthenticated),
        ),
    ] {
        let mut client = pki.operations(api.address, certificate);
        let reading = sent(pb::GetOverviewRequest {}, token);
        let read = client.get_overview(reading).await;
        let read = read.map(|_| ()).map_err(|status| status.code());
        assert_eq!(read, reads, "{certificate:?} {token:?}");
        let name = crate::support::name("a.near", "f");
        let operating = sent(pb::EnableIndexerRequest { name }, token);
        let operated = client.enable_indexer(operating).await;
        let operated = operated.map(|_| ()).map_err(|status| status.code());
        assert_eq!(operated, operates, "{certificate:?} {token:?}");
    }
    let plain = api
        .operations()
        .get_overview(pb::GetOverviewRequest {})
        .await;
    assert!(plain.is_err(), "{plain:?}");
    api.end().await;
}

/// The handshake has shown whose it is, as for somebody who may only read.
#[tokio::test]
async fn a_certificate_without_a_role_is_named_in_the_audit_log() {
    let (audit, _guard) = Audit::begin();
    let pki = Pki::new();
    let world = World::new();
    let api = encrypted(&pki, &world);
    for (certificate, error) in [
        ("cleo", "cleo (certificate) has no role here"),
        ("rita", "rita (certificate) has the role read"),
    ] {
        let mut client = pki.operations(api.address, Some(certificate));
        let name = crate::support::name("a.near", "f");
        let refused = client.enable_indexer(pb::EnableIndexerRequest { name });
        assert_eq!(
            refused.await.unwrap_err().code(),
            Code::PermissionDenied,
            "{certificate}"
        );
        let line = audit.only();
        let caller = format!("{certificate} (certificate) from 127.0.0.1:");
        assert!(line["caller"].starts_with(&caller), "{line:?}");
        assert!(line["error"].starts_with(error), "{line:?}");
        assert_eq!(line["account"], "a.near", "{line:?}");
        assert_eq!(line["function"], "f", "{line:?}");
    }
    api.end().await;
}

fn sent<T>(message: T, token: Option<&str>) -> Request<T> {
    match token {
        Some(token) => with_token(message, token),
        None => Request::new(message),
    }
}
