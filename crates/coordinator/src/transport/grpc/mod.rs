//! The transports over real gRPC connections.
//!
//! Connections are made when first needed and made again when they break. An
//! `https` address encrypts them; with an identity the coordinator shows a
//! certificate of its own. Files with certificates are read again when they
//! change: the next call then uses a new connection, those under way go on.
//!
//! A request that is too large, or that finds too many others under way, ends
//! here, certainly unsent.

mod address;
mod link;
mod tls;

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use proto::block_streamer::block_streamer_client::BlockStreamerClient;
use proto::data_layer::data_layer_client::DataLayerClient;
use proto::runner::runner_client::RunnerClient;
use proto::{block_streamer, data_layer, runner};
use tonic::transport::Channel;
use tonic::{ConnectError, Response, Status};

pub use address::AddressError;
pub use tls::{IdentityFiles, TlsError, TlsOptions};

use super::{
    ANSWER_LEN_MAX, BlockStreamerTransport, CallError, CallResult, ExecutorTransport,
    ProvisionerTransport, REQUEST_LEN_MAX,
};
use link::{Link, Slot};

/// How calls to one service are made. They have no deadline here; whoever calls
/// sets one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcOptions {
    /// How long making a connection may take; the TLS handshake may take as
    /// long again.
    pub connect_timeout: Duration,
    /// Pause between two pings on a connection, idle ones included.
    pub keep_alive_interval: Duration,
    /// How long a ping may stay unanswered before the connection counts as dead.
    pub keep_alive_timeout: Duration,
    /// The largest request, in bytes; by default [`REQUEST_LEN_MAX`].
    pub request_len_max: usize,
    /// The largest answer, in bytes; by default [`ANSWER_LEN_MAX`].
    pub answer_len_max: usize,
    /// Calls under way at a time.
    pub calls_max: usize,
    /// How long a call may wait for others to end before it counts as unsent.
    pub slot_wait: Duration,
    /// How the coordinator introduces itself; the library's name follows it.
    pub user_agent: String,
    /// How `https` addresses are reached; `None` is as [`TlsOptions::default`].
    pub tls: Option<TlsOptions>,
}

impl Default for GrpcOptions {
    fn default() -> GrpcOptions {
        GrpcOptions {
            connect_timeout: Duration::from_secs(3),
            keep_alive_interval: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(10),
            request_len_max: REQUEST_LEN_MAX,
            answer_len_max: ANSWER_LEN_MAX,
            calls_max: 256,
            slot_wait: Duration::from_secs(1),
            user_agent: concat!("coordinator/", env!("CARGO_PKG_VERSION")).to_owned(),
            tls: None,
        }
    }
}

/// A service that cannot be called with what is configured.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address is unusable.
    #[error("the address is unusable: {0}")]
    Address(#[from] AddressError),
    /// The certificates are unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The user agent cannot be sent.
    #[error("the user agent holds characters that no HTTP header may hold")]
    UserAgent,
}

/// A call did not reach the service if no connection could be made for it. What
/// went wrong on our side of the wire is told with its causes.
fn answer<T>(result: Result<Response<T>, Status>) -> CallResult<T> {
    result.map(Response::into_inner).map_err(|status| {
        if let Some(error) = connect_error(&status) {
            let text = format!("no connection could be made: {}", chain(error));
            return CallError {
                status: Status::unavailable(text),
                unsent: true,
            };
        }
        match status.source() {
            Some(cause) => {
                let text = format!("{}: {}", status.message(), chain(cause));
                Status::new(status.code(), text).into()
            }
            None => status.into(),
        }
    })
}

fn connect_error(status: &Status) -> Option<&ConnectError> {
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<ConnectError>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// An error and its causes in one line; a cause that the text before it ends
/// with is not said twice.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// A block streamer at an address.
#[derive(Clone, Debug)]
pub struct GrpcBlockStreamer {
    link: Link,
    answer_len_max: usize,
}

impl GrpcBlockStreamer {
    /// The block streamer at `url`, for instance `http://localhost:8002`.
    /// Must be called within a tokio runtime; connects when first called.
    ///
    /// # Errors
    /// The address or the certificates are unusable.
    pub fn new(url: &str, options: &GrpcOptions) -> Result<GrpcBlockStreamer, SetupError> {
        Ok(GrpcBlockStreamer {
            link: Link::new(url, options)?,
            answer_len_max: options.answer_len_max,
        })
    }

    /// Reads the files with certificates now, as otherwise happens every
    /// [`TlsOptions::reload_interval`]; true if they have changed.
    ///
    /// # Errors
    /// They are unusable; those read before stay in use.
    pub fn reload_certificates(&self) -> Result<bool, TlsError> {
        self.link.reload()
    }

    fn client(&self, slot: &Slot) -> BlockStreamerClient<Channel> {
        BlockStreamerClient::new(slot.channel.clone())
            .max_decoding_message_size(self.answer_len_max)
    }
}

#[async_trait]
impl BlockStreamerTransport for GrpcBlockStreamer {
    async fn start_stream(
        &self,
        request: block_streamer::StartStreamRequest,
    ) -> CallResult<block_streamer::StartStreamResponse> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).start_stream(request).await)
    }

    async fn stop_stream(
        &self,
        request: block_streamer::StopStreamRequest,
    ) -> CallResult<block_streamer::StopStreamResponse> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).stop_stream(request).await)
    }

    async fn get_stream(
        &self,
        request: block_streamer::GetStreamRequest,
    ) -> CallResult<block_streamer::StreamInfo> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).get_stream(request).await)
    }

    async fn list_streams(
        &self,
        request: block_streamer::ListStreamsRequest,
    ) -> CallResult<block_streamer::ListStreamsResponse> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).list_streams(request).await)
    }
}

/// An executor service at an address.
#[derive(Clone, Debug)]
pub struct GrpcExecutors {
    link: Link,
    answer_len_max: usize,
}

impl GrpcExecutors {
    /// The executor service at `url`, for instance `http://localhost:7001`.
    /// Must be called within a tokio runtime; connects when first called.
    ///
    /// # Errors
    /// The address or the certificates are unusable.
    pub fn new(url: &str, options: &GrpcOptions) -> Result<GrpcExecutors, SetupError> {
        Ok(GrpcExecutors {
            link: Link::new(url, options)?,
            answer_len_max: options.answer_len_max,
        })
    }

    /// Reads the files with certificates now, as otherwise happens every
    /// [`TlsOptions::reload_interval`]; true if they have changed.
    ///
    /// # Errors
    /// They are unusable; those read before stay in use.
    pub fn reload_certificates(&self) -> Result<bool, TlsError> {
        self.link.reload()
    }

    fn client(&self, slot: &Slot) -> RunnerClient<Channel> {
        RunnerClient::new(slot.channel.clone()).max_decoding_message_size(self.answer_len_max)
    }
}

#[async_trait]
impl ExecutorTransport for GrpcExecutors {
    async fn start_executor(
        &self,
        request: runner::StartExecutorRequest,
    ) -> CallResult<runner::StartExecutorResponse> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).start_executor(request).await)
    }

    async fn stop_executor(
        &self,
        request: runner::StopExecutorRequest,
    ) -> CallResult<runner::StopExecutorResponse> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).stop_executor(request).await)
    }

    async fn get_executor(
        &self,
        request: runner::GetExecutorRequest,
    ) -> CallResult<runner::ExecutorInfo> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).get_executor(request).await)
    }

    async fn list_executors(
        &self,
        request: runner::ListExecutorsRequest,
    ) -> CallResult<runner::ListExecutorsResponse> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).list_executors(request).await)
    }
}

/// A provisioner at an address; usually that of the executor service.
#[derive(Clone, Debug)]
pub struct GrpcProvisioner {
    link: Link,
    answer_len_max: usize,
    stands_apart: bool,
}

impl GrpcProvisioner {
    /// The provisioner at `url`, for instance `http://localhost:7001`.
    /// Must be called within a tokio runtime; connects when first called.
    ///
    /// # Errors
    /// The address or the certificates are unusable.
    pub fn new(url: &str, options: &GrpcOptions) -> Result<GrpcProvisioner, SetupError> {
        Ok(GrpcProvisioner {
            link: Link::new(url, options)?,
            answer_len_max: options.answer_len_max,
            stands_apart: false,
        })
    }

    /// The same, known to be another process than the executor service.
    #[must_use]
    pub fn apart(self) -> GrpcProvisioner {
        GrpcProvisioner {
            stands_apart: true,
            ..self
        }
    }

    /// Reads the files with certificates now, as otherwise happens every
    /// [`TlsOptions::reload_interval`]; true if they have changed.
    ///
    /// # Errors
    /// They are unusable; those read before stay in use.
    pub fn reload_certificates(&self) -> Result<bool, TlsError> {
        self.link.reload()
    }

    fn client(&self, slot: &Slot) -> DataLayerClient<Channel> {
        DataLayerClient::new(slot.channel.clone()).max_decoding_message_size(self.answer_len_max)
    }
}

#[async_trait]
impl ProvisionerTransport for GrpcProvisioner {
    fn stands_apart(&self) -> bool {
        self.stands_apart
    }

    async fn start_provisioning_task(
        &self,
        request: data_layer::ProvisionRequest,
    ) -> CallResult<data_layer::StartTaskResponse> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).start_provisioning_task(request).await)
    }

    async fn get_task_status(
        &self,
        request: data_layer::GetTaskStatusRequest,
    ) -> CallResult<data_layer::GetTaskStatusResponse> {
        let slot = self.link.admit(&request).await?;
        answer(self.client(&slot).get_task_status(request).await)
    }
}
