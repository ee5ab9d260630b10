//! The transports over real gRPC connections.
//!
//! Connections are made when first needed and made again when they break.
//! Messages are not encrypted: the services offer nothing else, so they belong
//! on a trusted network.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use proto::block_streamer::block_streamer_client::BlockStreamerClient;
use proto::data_layer::data_layer_client::DataLayerClient;
use proto::runner::runner_client::RunnerClient;
use proto::{block_streamer, data_layer, runner};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{ConnectError, Response, Status};

use super::{
    BlockStreamerTransport, CallError, CallResult, ExecutorTransport, ProvisionerTransport,
};

/// How connections behave. Calls have no deadline here; whoever calls sets one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcOptions {
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// Pause between two pings on a connection, idle ones included.
    pub keep_alive_interval: Duration,
    /// How long a ping may stay unanswered before the connection counts as dead.
    pub keep_alive_timeout: Duration,
    /// The largest answer, in bytes: listings grow with the number of indexers.
    pub answer_len_max: usize,
}

impl Default for GrpcOptions {
    fn default() -> GrpcOptions {
        GrpcOptions {
            connect_timeout: Duration::from_secs(3),
            keep_alive_interval: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(10),
            answer_len_max: 64 << 20,
        }
    }
}

/// An address that no connection can be made to. It does not repeat the
/// address, which may hold credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("it is no URL of the form `http://host:port`: {0}")]
    Malformed(String),
    /// It has another scheme than `http`.
    #[error("its scheme is `{0}`, expected `http`")]
    Scheme(String),
    /// It names no host.
    #[error("it names no host, expected `http://host:port`")]
    NoHost,
    /// It holds a user or a password, which gRPC has no use for.
    #[error("it holds a user or a password, expected `http://host:port`")]
    Credentials,
}

/// A channel to `url` that connects when it is first used.
fn channel(url: &str, options: &GrpcOptions) -> Result<Channel, AddressError> {
    let uri: Uri = url
        .parse()
        .map_err(|error| AddressError::Malformed(format!("{error}")))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some(other) => return Err(AddressError::Scheme(other.to_owned())),
        None => return Err(AddressError::Malformed("it has no scheme".to_owned())),
    }
    let authority = uri.authority().ok_or(AddressError::NoHost)?;
    if authority.host().is_empty() {
        return Err(AddressError::NoHost);
    }
    if authority.as_str().contains('@') {
        return Err(AddressError::Credentials);
    }
    Ok(Endpoint::from(uri)
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(options.keep_alive_interval)
        .keep_alive_timeout(options.keep_alive_timeout)
        .keep_alive_while_idle(true)
        .connect_lazy())
}

/// A call did not reach the service if no connection could be made for it.
fn answer<T>(result: Result<Response<T>, Status>) -> CallResult<T> {
    result
        .map(Response::into_inner)
        .map_err(|status| CallError {
            unsent: has_connect_error(&status),
            status,
        })
}

fn has_connect_error(status: &Status) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A block streamer at an address.
#[derive(Clone, Debug)]
pub struct GrpcBlockStreamer(BlockStreamerClient<Channel>);

impl GrpcBlockStreamer {
    /// The block streamer at `url`, for instance `http://localhost:8002`. Must be
    /// called within a tokio runtime; connects when first called.
    ///
    /// # Errors
    /// The address is unusable.
    pub fn new(url: &str, options: &GrpcOptions) -> Result<GrpcBlockStreamer, AddressError> {
        let client = BlockStreamerClient::new(channel(url, options)?)
            .max_decoding_message_size(options.answer_len_max);
        Ok(GrpcBlockStreamer(client))
    }
}

#[async_trait]
impl BlockStreamerTransport for GrpcBlockStreamer {
    async fn start_stream(
        &self,
        request: block_streamer::StartStreamRequest,
    ) -> CallResult<block_streamer::StartStreamResponse> {
        answer(self.0.clone().start_stream(request).await)
    }

    async fn stop_stream(
        &self,
        request: block_streamer::StopStreamRequest,
    ) -> CallResult<block_streamer::StopStreamResponse> {
        answer(self.0.clone().stop_stream(request).await)
    }

    async fn get_stream(
        &self,
        request: block_streamer::GetStreamRequest,
    ) -> CallResult<block_streamer::StreamInfo> {
        answer(self.0.clone().get_stream(request).await)
    }

    async fn list_streams(
        &self,
        request: block_streamer::ListStreamsRequest,
    ) -> CallResult<block_streamer::ListStreamsResponse> {
        answer(self.0.clone().list_streams(request).await)
    }
}

/// An executor service at an address.
#[derive(Clone, Debug)]
pub struct GrpcExecutors(RunnerClient<Channel>);

impl GrpcExecutors {
    /// The executor service at `url`, for instance `http://localhost:7001`. Must
    /// be called within a tokio runtime; connects when first called.
    ///
    /// # Errors
    /// The address is unusable.
    pub fn new(url: &str, options: &GrpcOptions) -> Result<GrpcExecutors, AddressError> {
        let client = RunnerClient::new(channel(url, options)?)
            .max_decoding_message_size(options.answer_len_max);
        Ok(GrpcExecutors(client))
    }
}

#[async_trait]
impl ExecutorTransport for GrpcExecutors {
    async fn start_executor(
        &self,
        request: runner::StartExecutorRequest,
    ) -> CallResult<runner::StartExecutorResponse> {
        answer(self.0.clone().start_executor(request).await)
    }

    async fn stop_executor(
        &self,
        request: runner::StopExecutorRequest,
    ) -> CallResult<runner::StopExecutorResponse> {
        answer(self.0.clone().stop_executor(request).await)
    }

    async fn get_executor(
        &self,
        request: runner::GetExecutorRequest,
    ) -> CallResult<runner::ExecutorInfo> {
        answer(self.0.clone().get_executor(request).await)
    }

    async fn list_executors(
        &self,
        request: runner::ListExecutorsRequest,
    ) -> CallResult<runner::ListExecutorsResponse> {
        answer(self.0.clone().list_executors(request).await)
    }
}

/// A provisioner at an address; usually that of the executor service.
#[derive(Clone, Debug)]
pub struct GrpcProvisioner(DataLayerClient<Channel>);

impl GrpcProvisioner {
    /// The provisioner at `url`, for instance `http://localhost:7001`. Must be
    /// called within a tokio runtime; connects when first called.
    ///
    /// # Errors
    /// The address is unusable.
    pub fn new(url: &str, options: &GrpcOptions) -> Result<GrpcProvisioner, AddressError> {
        let client = DataLayerClient::new(channel(url, options)?)
            .max_decoding_message_size(options.answer_len_max);
        Ok(GrpcProvisioner(client))
    }
}

#[async_trait]
impl ProvisionerTransport for GrpcProvisioner {
    async fn start_provisioning_task(
        &self,
        request: data_layer::ProvisionRequest,
    ) -> CallResult<data_layer::StartTaskResponse> {
        answer(self.0.clone().start_provisioning_task(request).await)
    }

    async fn get_task_status(
        &self,
        request: data_layer::GetTaskStatusRequest,
    ) -> CallResult<data_layer::GetTaskStatusResponse> {
        answer(self.0.clone().get_task_status(request).await)
    }
}
