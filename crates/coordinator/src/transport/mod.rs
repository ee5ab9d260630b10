//! The seam between the coordinator and the services: wire messages and gRPC
//! status codes. Above it one body of code serves every world; below it stand
//! tonic in production and the simulated network in the simulator.
//!
//! A transport sets no deadlines; whoever calls does. Dropping a call's future
//! cancels the wait, never the effect.

#[cfg(feature = "grpc")]
pub mod grpc;

use async_trait::async_trait;
use proto::{block_streamer, data_layer, runner};
use tonic::Status;

/// The largest request, in bytes of its encoding. Services of the original refuse
/// what is larger.
pub const REQUEST_LEN_MAX: usize = 4 << 20;

/// The largest answer, in bytes of its encoding: listings grow with the number of
/// indexers.
pub const ANSWER_LEN_MAX: usize = 64 << 20;

/// A call that brought no answer message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status}")]
pub struct CallError {
    /// The gRPC status.
    pub status: Status,
    /// The request certainly never reached the service (the connection could
    /// not be made). When in doubt, false.
    pub unsent: bool,
}

impl CallError {
    /// It was not sent: the request has `len` bytes, more than `max`.
    pub fn too_long(len: usize, max: usize) -> CallError {
        CallError {
            status: Status::out_of_range(format!(
                "the request has {len} bytes, more than the {max} that the service reads"
            )),
            unsent: true,
        }
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> CallError {
        CallError {
            status,
            unsent: false,
        }
    }
}

/// The answer of one call.
pub type CallResult<T> = Result<T, CallError>;

/// Calls of `blockstreamer.BlockStreamer`.
#[async_trait]
pub trait BlockStreamerTransport: Send + Sync {
    /// Not idempotent: a second call answers ALREADY_EXISTS. An answer says
    /// nothing about whether streaming works. Without an answer it may have
    /// happened, or may happen later.
    async fn start_stream(
        &self,
        request: block_streamer::StartStreamRequest,
    ) -> CallResult<block_streamer::StartStreamResponse>;

    /// Idempotent up to NOT_FOUND. An INTERNAL answer may hide a stream that is gone.
    async fn stop_stream(
        &self,
        request: block_streamer::StopStreamRequest,
    ) -> CallResult<block_streamer::StopStreamResponse>;

    /// A read; NOT_FOUND when there is none.
    async fn get_stream(
        &self,
        request: block_streamer::GetStreamRequest,
    ) -> CallResult<block_streamer::StreamInfo>;

    /// A read of all streams.
    async fn list_streams(
        &self,
        request: block_streamer::ListStreamsRequest,
    ) -> CallResult<block_streamer::ListStreamsResponse>;
}

/// Calls of `runner.Runner`.
#[async_trait]
pub trait ExecutorTransport: Send + Sync {
    /// Not idempotent: a second call answers ALREADY_EXISTS. Answers before
    /// anything has started.
    async fn start_executor(
        &self,
        request: runner::StartExecutorRequest,
    ) -> CallResult<runner::StartExecutorResponse>;

    /// Idempotent up to NOT_FOUND.
    async fn stop_executor(
        &self,
        request: runner::StopExecutorRequest,
    ) -> CallResult<runner::StopExecutorResponse>;

    /// A read; NOT_FOUND when there is none.
    async fn get_executor(
        &self,
        request: runner::GetExecutorRequest,
    ) -> CallResult<runner::ExecutorInfo>;

    /// A read of all executors.
    async fn list_executors(
        &self,
        request: runner::ListExecutorsRequest,
    ) -> CallResult<runner::ListExecutorsResponse>;
}

/// Calls of `data_layer.DataLayer`.
#[async_trait]
pub trait ProvisionerTransport: Send + Sync {
    /// Whether it is a service of its own, which may be away while the executors'
    /// answers, and the other way round. The original's stands in the executors'
    /// process, and is as well as that is.
    fn stands_apart(&self) -> bool {
        false
    }

    /// Not idempotent: every call starts a task. Without an answer a task may run.
    async fn start_provisioning_task(
        &self,
        request: data_layer::ProvisionRequest,
    ) -> CallResult<data_layer::StartTaskResponse>;

    /// A read; NOT_FOUND when the provisioner has forgotten the task.
    async fn get_task_status(
        &self,
        request: data_layer::GetTaskStatusRequest,
    ) -> CallResult<data_layer::GetTaskStatusResponse>;
}
