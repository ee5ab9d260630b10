//! The services in terms of the domain: one deadline per call, and every way in
//! which a call can end sorted by what it means for the caller.

mod block_streamer;
mod executors;
mod listing;
mod provisioner;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::time::Duration;

use lifecycle::Outcome;
use tokio::time::timeout;
use tonic::Code;

pub use block_streamer::{BlockStreamers, StreamView};
pub use executors::{ExecutorKind, ExecutorView, Executors};
pub use listing::{Entry, Listing, News};
pub use provisioner::Provisioner;

use crate::sentence::sentence;
use crate::transport::{CallError, CallResult};

/// A look at a service that brought nothing usable. It says nothing about what
/// the service has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ServiceError(pub String);

/// How a call ended that brought no answer in time, or an error.
enum Failure {
    TooLate(Duration),
    Call(CallError),
}

/// Waits for `call`, but not longer than `deadline`.
async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = CallResult<T>>,
) -> Result<T, Failure> {
    match timeout(deadline, call).await {
        Ok(answer) => answer.map_err(Failure::Call),
        Err(_) => Err(Failure::TooLate(deadline)),
    }
}

impl Failure {
    fn code(&self) -> Option<Code> {
        match self {
            Failure::TooLate(_) => None,
            Failure::Call(error) => Some(error.status.code()),
        }
    }

    /// For people: where, what and why. The service's words may hold some of a
    /// user, who may have written them for a terminal.
    fn detail(&self, service: &str, method: &str) -> String {
        let detail = match self {
            Failure::TooLate(deadline) => {
                format!("{service}: {method} was not answered within {deadline:?}")
            }
            Failure::Call(CallError { status, unsent }) => {
                let unsent = if *unsent { " before it was sent" } else { "" };
                let (code, message) = (name(status.code()), status.message());
                format!("{service}: {method} failed{unsent} with {code}: {message}")
            }
        };
        sentence(&detail)
    }

    /// What a failed look means: nothing.
    fn into_error(self, service: &str, method: &str) -> ServiceError {
        ServiceError(self.detail(service, method))
    }

    /// What a failed start means.
    fn into_start_outcome(self, service: &str, method: &str) -> Outcome {
        match self.code() {
            Some(Code::AlreadyExists) => Outcome::AlreadyExists,
            Some(Code::NotFound) => Outcome::Rejected(self.detail(service, method)),
            _ => self.into_outcome(service, method),
        }
    }

    /// What a failed stop means.
    fn into_stop_outcome(self, service: &str, method: &str) -> Outcome {
        match self.code() {
            Some(Code::NotFound) => Outcome::Done(None),
            _ => self.into_outcome(service, method),
        }
    }

    fn into_outcome(self, service: &str, method: &str) -> Outcome {
        let detail = self.detail(service, method);
        let error = match self {
            Failure::TooLate(_) => return Outcome::Indefinite(detail),
            Failure::Call(error) => error,
        };
        match error.status.code() {
            // Also when refused on our side: it would be refused again.
            Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::Unimplemented
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::OutOfRange => Outcome::Rejected(detail),
            _ if error.unsent => Outcome::Unavailable(detail),
            // Anything else may come from in between, or after the effect.
            _ => Outcome::Indefinite(detail),
        }
    }
}

/// The code's name in the gRPC specification, as operators search for it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
