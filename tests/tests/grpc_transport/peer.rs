//! A service that answers with what it was asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
use tonic::{Request, Response, Status};

/// Answers with what it was asked, or as the names in the request say.
#[derive(Clone, Default)]
pub struct Peer {
    pub called: Arc<Notify>,
    pub calls: Arc<AtomicU64>,
    /// Lets a call of the account `wait` end.
    pub release: Arc<Notify>,
}

/// What the services of the original say of names that they do not know.
fn unknown(account: &str, function: &str) -> Status {
    Status::not_found(format!(
        "Executor for account {account} and name {function} does not exist"
    ))
}

impl Peer {
    async fn answer<T>(&self, account: &str, answer: T) -> Result<Response<T>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.called.notify_one();
        match account {
            "hang" => std::future::pending().await,
            "wait" => {
                self.release.notified().await;
                Ok(Response::new(answer))
            }
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
        if account_id == "unknown" {
            return Err(unknown(&account_id, &function_name));
        }
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
        if account_id == "unknown" {
            return Err(unknown(&account_id, &function_name));
        }
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
pub struct Running {
    pub peer: Peer,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Running {
    pub fn at(address: SocketAddr) -> Running {
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

    pub fn start() -> Running {
        Running::at(any_port())
    }

    /// Finishes what is in flight, closes every connection, frees the port.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.server.await.unwrap();
    }
}

pub fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
