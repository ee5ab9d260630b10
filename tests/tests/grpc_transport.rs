//! The coordinator's gRPC transports and its admin server, on real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use coordinator::admin::grpc::{AdminServer, ServeError};
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::store::MemoryStore;
use coordinator::transport::grpc::{
    AddressError, GrpcBlockStreamer, GrpcExecutors, GrpcOptions, GrpcProvisioner,
};
use coordinator::transport::{
    BlockStreamerTransport, CallResult, ExecutorTransport, ProvisionerTransport,
};
use coordinator::{Clock, Coordinator, Knobs, Ports};
use lifecycle::Timestamp;
use proto::block_streamer::block_streamer_server::{BlockStreamer, BlockStreamerServer};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ListStreamsResponse, StartStreamRequest,
    StartStreamResponse, StopStreamRequest, StopStreamResponse, StreamInfo,
};
use proto::data_layer::data_layer_server::{DataLayer, DataLayerServer};
use proto::data_layer::{
    DeprovisionRequest, GetTaskStatusRequest, GetTaskStatusResponse, ProvisionRequest,
    StartTaskResponse,
};
use proto::indexer::indexer_manager_client::IndexerManagerClient;
use proto::indexer::{Empty, IndexerRequest, IndexerState};
use proto::runner::runner_server::{Runner, RunnerServer};
use proto::runner::{
    ExecutorInfo, GetExecutorRequest, ListExecutorsRequest, ListExecutorsResponse,
    StartExecutorRequest, StartExecutorResponse, StopExecutorRequest, StopExecutorResponse,
};
use real_tokio as tokio;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

/// Answers with what it was asked, or as the names in the request say.
#[derive(Clone, Default)]
struct Peer {
    called: Arc<Notify>,
    calls: Arc<AtomicU64>,
}

impl Peer {
    async fn answer<T>(&self, account: &str, answer: T) -> Result<Response<T>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.called.notify_one();
        match account {
            "hang" => std::future::pending().await,
            "missing" => Err(Status::not_found("there is none")),
            "twice" => Err(Status::already_exists("there is one")),
            "broken" => Err(Status::unavailable("the service says so itself")),
            _ => Ok(Response::new(answer)),
        }
    }
}

#[tonic::async_trait]
impl BlockStreamer for Peer {
    async fn start_stream(
        &self,
        request: Request<StartStreamRequest>,
    ) -> Result<Response<StartStreamResponse>, Status> {
        let request = request.into_inner();
        let stream_id = format!("{}@{}", request.redis_stream, request.start_block_height);
        self.answer(&request.account_id, StartStreamResponse { stream_id })
            .await
    }

    async fn stop_stream(
        &self,
        request: Request<StopStreamRequest>,
    ) -> Result<Response<StopStreamResponse>, Status> {
        let status = request.into_inner().stream_id;
        self.answer("", StopStreamResponse { status }).await
    }

    async fn get_stream(
        &self,
        request: Request<GetStreamRequest>,
    ) -> Result<Response<StreamInfo>, Status> {
        let GetStreamRequest {
            account_id,
            function_name,
        } = request.into_inner();
        let info = StreamInfo {
            function_name,
            ..StreamInfo::default()
        };
        self.answer(&account_id, info).await
    }

    async fn list_streams(
        &self,
        _: Request<ListStreamsRequest>,
    ) -> Result<Response<ListStreamsResponse>, Status> {
        // More than the 4 MiB that gRPC libraries accept by default.
        let info = StreamInfo {
            stream_id: "x".repeat(1 << 20),
            ..StreamInfo::default()
        };
        let streams = vec![info; 6];
        self.answer("", ListStreamsResponse { streams }).await
    }
}

#[tonic::async_trait]
impl Runner for Peer {
    async fn start_executor(
        &self,
        request: Request<StartExecutorRequest>,
    ) -> Result<Response<StartExecutorResponse>, Status> {
        let request = request.into_inner();
        let executor_id = request.code;
        self.answer(&request.account_id, StartExecutorResponse { executor_id })
            .await
    }

    async fn stop_executor(
        &self,
        request: Request<StopExecutorRequest>,
    ) -> Result<Response<StopExecutorResponse>, Status> {
        let executor_id = request.into_inner().executor_id;
        self.answer("", StopExecutorResponse { executor_id }).await
    }

    async fn get_executor(
        &self,
        request: Request<GetExecutorRequest>,
    ) -> Result<Response<ExecutorInfo>, Status> {
        let GetExecutorRequest {
            account_id,
            function_name,
        } = request.into_inner();
        let info = ExecutorInfo {
            function_name,
            ..ExecutorInfo::default()
        };
        self.answer(&account_id, info).await
    }

    async fn list_executors(
        &self,
        _: Request<ListExecutorsRequest>,
    ) -> Result<Response<ListExecutorsResponse>, Status> {
        let executors = vec![ExecutorInfo::default(); 3];
        self.answer("", ListExecutorsResponse { executors }).await
    }
}

#[tonic::async_trait]
impl DataLayer for Peer {
    async fn start_provisioning_task(
        &self,
        request: Request<ProvisionRequest>,
    ) -> Result<Response<StartTaskResponse>, Status> {
        let request = request.into_inner();
        let task_id = request.schema;
        self.answer(&request.account_id, StartTaskResponse { task_id })
            .await
    }

    async fn start_deprovisioning_task(
        &self,
        _: Request<DeprovisionRequest>,
    ) -> Result<Response<StartTaskResponse>, Status> {
        Err(Status::unimplemented("not used"))
    }

    async fn get_task_status(
        &self,
        request: Request<GetTaskStatusRequest>,
    ) -> Result<Response<GetTaskStatusResponse>, Status> {
        let task_id = request.into_inner().task_id;
        self.answer(&task_id, GetTaskStatusResponse { status: 2 })
            .await
    }
}

/// A running peer; ends when told or dropped.
struct Running {
    peer: Peer,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Running {
    fn at(address: SocketAddr) -> Running {
        let incoming = TcpIncoming::bind(address).unwrap();
        let address = incoming.local_addr().unwrap();
        let peer = Peer::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Server::builder()
            .add_service(BlockStreamerServer::new(peer.clone()))
            .add_service(RunnerServer::new(peer.clone()))
            .add_service(DataLayerServer::new(peer.clone()));
        let server = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            router
                .serve_with_incoming_shutdown(incoming, stopped)
                .await
                .unwrap();
        });
        Running {
            peer,
            address,
            stop: Some(stop),
            server,
        }
    }

    fn start() -> Running {
        Running::at(any_port())
    }

    /// Finishes what is in flight, closes every connection, frees the port.
    async fn stop(mut self) {
        drop(self.stop.take());
        self.server.await.unwrap();
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn streamer(address: SocketAddr) -> GrpcBlockStreamer {
    GrpcBlockStreamer::new(&url(address), &GrpcOptions::default()).unwrap()
}

fn stream_of(account: &str) -> GetStreamRequest {
    GetStreamRequest {
        account_id: account.into(),
        function_name: "f".into(),
    }
}

fn code_of<T: std::fmt::Debug>(result: CallResult<T>) -> (Code, bool) {
    let error = result.unwrap_err();
    (error.status.code(), error.unsent)
}

/// Long enough for anything on this machine; a test that needs it has failed.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what)
        .await
        .unwrap()
}

#[tokio::test(crate = "real_tokio")]
async fn every_call_reaches_its_method_and_back() {
    let running = Running::start();
    let options = GrpcOptions::default();
    let streamer = streamer(running.address);
    let executors = GrpcExecutors::new(&url(running.address), &options).unwrap();
    let provisioner = GrpcProvisioner::new(&url(running.address), &options).unwrap();

    let request = StartStreamRequest {
        start_block_height: 9,
        redis_stream: "q".into(),
        ..StartStreamRequest::default()
    };
    assert_eq!(
        streamer.start_stream(request).await.unwrap().stream_id,
        "q@9"
    );
    let request = StopStreamRequest {
        stream_id: "s".into(),
    };
    assert_eq!(streamer.stop_stream(request).await.unwrap().status, "s");
    let info = streamer.get_stream(stream_of("a")).await.unwrap();
    assert_eq!(info.function_name, "f");

    let request = StartExecutorRequest {
        code: "c".into(),
        ..StartExecutorRequest::default()
    };
    let started = executors.start_executor(request).await.unwrap();
    assert_eq!(started.executor_id, "c");
    let request = StopExecutorRequest {
        executor_id: "e".into(),
    };
    let stopped = executors.stop_executor(request).await.unwrap();
    assert_eq!(stopped.executor_id, "e");
    let request = GetExecutorRequest {
        account_id: "a".into(),
        function_name: "g".into(),
    };
    let info = executors.get_executor(request).await.unwrap();
    assert_eq!(info.function_name, "g");
    let listed = executors.list_executors(ListExecutorsRequest {}).await;
    assert_eq!(listed.unwrap().executors.len(), 3);

    let request = ProvisionRequest {
        schema: "t".into(),
        ..ProvisionRequest::default()
    };
    let task = provisioner.start_provisioning_task(request).await.unwrap();
    assert_eq!(task.task_id, "t");
    let request = GetTaskStatusRequest {
        task_id: "t".into(),
    };
    assert_eq!(
        provisioner.get_task_status(request).await.unwrap().status,
        2
    );
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn an_answer_of_the_service_was_sent_for_whatever_it_says() {
    let running = Running::start();
    let streamer = streamer(running.address);
    let cases = [
        ("missing", Code::NotFound),
        ("twice", Code::AlreadyExists),
        ("broken", Code::Unavailable),
    ];
    for (account, code) in cases {
        let result = streamer.get_stream(stream_of(account)).await;
        assert_eq!(code_of(result), (code, false), "{account}");
    }
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn a_call_without_a_connection_was_not_sent() {
    let running = Running::start();
    let address = running.address;
    running.stop().await;
    let streamer = streamer(address);
    for _ in 0..3 {
        let result = soon(streamer.get_stream(stream_of("a"))).await;
        assert_eq!(code_of(result), (Code::Unavailable, true));
    }
}

#[tokio::test(crate = "real_tokio")]
async fn a_service_that_comes_back_is_found_again() {
    let running = Running::start();
    let address = running.address;
    let streamer = streamer(address);
    assert!(streamer.get_stream(stream_of("a")).await.is_ok());
    running.stop().await;
    assert!(soon(streamer.get_stream(stream_of("a"))).await.is_err());
    let running = Running::at(address);
    // The first call may still meet the old connection.
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(soon(streamer.get_stream(stream_of("a"))).await.is_ok());
    }
    assert!(answers[2], "{answers:?}");
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn a_call_whose_service_dies_may_have_happened() {
    let process = tokio::runtime::Runtime::new().unwrap();
    let running = {
        let _inside = process.enter();
        Running::start()
    };
    let streamer = streamer(running.address);
    let request = StartStreamRequest {
        account_id: "hang".into(),
        ..StartStreamRequest::default()
    };
    let call = tokio::spawn(async move { streamer.start_stream(request).await });
    soon(running.peer.called.notified()).await;
    process.shutdown_background();
    let (code, unsent) = code_of(soon(call).await.unwrap());
    assert_ne!(code, Code::Ok);
    assert!(!unsent);
    assert_eq!(running.peer.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(crate = "real_tokio")]
async fn a_peer_that_accepts_and_never_speaks_is_noticed_by_pings() {
    let listener = tokio::net::TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    let options = GrpcOptions {
        keep_alive_interval: Duration::from_millis(50),
        keep_alive_timeout: Duration::from_millis(50),
        ..GrpcOptions::default()
    };
    let streamer = GrpcBlockStreamer::new(&url(address), &options).unwrap();
    let result = soon(streamer.get_stream(stream_of("a"))).await;
    let (code, unsent) = code_of(result);
    assert_ne!(code, Code::Ok);
    assert!(!unsent, "the request was written to the socket");
    held.abort();
}

#[tokio::test(crate = "real_tokio")]
async fn large_listings_are_read_up_to_a_limit() {
    let running = Running::start();
    let listed = streamer(running.address)
        .list_streams(ListStreamsRequest {})
        .await
        .unwrap();
    assert_eq!(listed.streams.len(), 6);
    let options = GrpcOptions {
        answer_len_max: 5 << 20,
        ..GrpcOptions::default()
    };
    let streamer = GrpcBlockStreamer::new(&url(running.address), &options).unwrap();
    let result = streamer.list_streams(ListStreamsRequest {}).await;
    assert_eq!(code_of(result), (Code::OutOfRange, false));
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn unusable_addresses_are_told_apart_without_repeating_them() {
    let options = GrpcOptions::default();
    let error = |url: &str| {
        let error = GrpcBlockStreamer::new(url, &options).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        error
    };
    assert!(matches!(error(""), AddressError::Malformed(_)));
    assert!(matches!(
        error("localhost:8002"),
        AddressError::Malformed(_)
    ));
    assert!(matches!(
        error("http://bad host"),
        AddressError::Malformed(_)
    ));
    assert!(matches!(error("/secret"), AddressError::Malformed(_)));
    assert_eq!(
        error("https://localhost:8002"),
        AddressError::Scheme("https".into())
    );
    assert_eq!(
        error("http://me:secret@localhost:8002"),
        AddressError::Credentials
    );
    for url in [
        "http://localhost:8002",
        "http://10.0.0.1:7001/",
        "http://[::1]:1",
    ] {
        assert!(GrpcExecutors::new(url, &options).is_ok(), "{url}");
        assert!(GrpcProvisioner::new(url, &options).is_ok(), "{url}");
    }
}

/// Knows `a.near/f` and lists it.
struct OneIndexer;

const ENTRY: &str = concat!(
    r#"{"code":"c","schema":"s","start_block":"LATEST","created_at_block_height":5,"#,
    r#""rule":{"kind":"ACTION_ANY","affected_account_id":"x","status":"ANY"}}"#,
);

#[async_trait]
impl RegistryTransport for OneIndexer {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let known = String::from_utf8_lossy(arguments).contains(r#""function_name":"f""#);
        let result = match (method, known) {
            ("list_all", _) => format!(r#"{{"a.near":{{"f":{ENTRY}}}}}"#),
            (_, true) => ENTRY.to_owned(),
            (_, false) => "null".to_owned(),
        };
        Ok(ViewAnswer {
            result: result.into(),
            block_height: 10,
        })
    }
}

struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

fn coordinator(store: &Arc<MemoryStore>) -> Coordinator {
    let nowhere = "http://127.0.0.1:1";
    let options = GrpcOptions::default();
    let ports = Ports {
        block_streamer: Arc::new(GrpcBlockStreamer::new(nowhere, &options).unwrap()),
        executors: Arc::new(GrpcExecutors::new(nowhere, &options).unwrap()),
        provisioner: Arc::new(GrpcProvisioner::new(nowhere, &options).unwrap()),
        registry: Arc::new(OneIndexer),
        store: store.clone(),
        clock: Arc::new(NoClock),
    };
    Coordinator::new(Knobs::default(), ports)
}

fn indexer(account: &str, function: &str) -> IndexerRequest {
    IndexerRequest {
        account_id: account.into(),
        function_name: function.into(),
    }
}

#[tokio::test(crate = "real_tokio")]
async fn operators_are_served_with_the_originals_messages() {
    let store = Arc::new(MemoryStore::new());
    let server = AdminServer::bind(any_port()).unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(url(server.address())).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let admin = coordinator(&store).admin();
    let served = tokio::spawn(server.run(admin, async {
        let _ = stopped.await;
    }));
    let channel = soon(endpoint.connect()).await.unwrap();
    let mut client = IndexerManagerClient::new(channel);

    assert!(
        client
            .disable(indexer("a.near", "f"))
            .await
            .unwrap()
            .into_inner()
            .success
    );
    let state = store.text("a.near/f:state").unwrap();
    assert!(String::from_utf8_lossy(&state).contains(r#""enabled":false"#));
    let list = client.list(Empty {}).await.unwrap().into_inner();
    let expected = IndexerState {
        account_id: "a.near".into(),
        function_name: "f".into(),
        enabled: false,
    };
    assert_eq!(list.indexers, [expected]);
    assert!(
        client
            .enable(indexer("a.near", "f"))
            .await
            .unwrap()
            .into_inner()
            .success
    );

    let code = client
        .enable(indexer("a.near", "g"))
        .await
        .unwrap_err()
        .code();
    assert_eq!(code, Code::NotFound);
    let code = client.enable(indexer("A", "f")).await.unwrap_err().code();
    assert_eq!(code, Code::InvalidArgument);
    store.put("a.near/f:state", "garbage");
    let status = client.disable(indexer("a.near", "f")).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("a.near/f:state"), "{status}");
    let list = client.list(Empty {}).await.unwrap().into_inner();
    assert_eq!(list.indexers, []);

    drop(client);
    drop(stop);
    soon(served).await.unwrap().unwrap();
}

#[tokio::test(crate = "real_tokio")]
async fn a_taken_port_is_an_error_that_names_it() {
    let first = AdminServer::bind(any_port()).unwrap();
    let error = AdminServer::bind(first.address()).unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }));
    assert!(
        error.to_string().contains(&first.address().to_string()),
        "{error}"
    );
}
