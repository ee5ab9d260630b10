//! Calls, counted and timed, whatever they go to.

use std::future::Future;

use coordinator::registry::RegistryError;
use coordinator::store::{CasOutcome, StoreError};
use coordinator::transport::CallError;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;
use tonic::Code;
use tracing::{Instrument, field};

/// Upper bounds in seconds: from a store nearby to the longest deadline.
const BUCKETS: [f64; 14] = [
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The code of a call whose caller went away: its deadline passed, or the answer
/// was no longer wanted.
const ABANDONED: &str = "ABANDONED";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Ended {
    service: &'static str,
    method: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Timer;

impl MetricConstructor<Histogram> for Timer {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

/// The metrics of all calls.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    pub(crate) ended: Family<Ended, Counter>,
    pub(crate) seconds: Family<Call, Histogram, Timer>,
    pub(crate) in_flight: Family<Call, Gauge>,
}

impl Default for Calls {
    fn default() -> Calls {
        Calls {
            ended: Family::default(),
            seconds: Family::new_with_constructor(Timer),
            in_flight: Family::default(),
        }
    }
}

impl Calls {
    /// Shows a method before it is first called, so that its first failure is
    /// seen as an increase.
    pub(crate) fn announce(&self, service: &'static str, method: &'static str) {
        let call = Call { service, method };
        drop(self.in_flight.get_or_create(&call));
        drop(self.seconds.get_or_create(&call));
        let code = "OK";
        drop(self.ended.get_or_create(&Ended {
            service,
            method,
            code,
        }));
    }

    /// Counts and times `answer`, and traces it as a span.
    pub(crate) async fn observe<T: Coded>(
        &self,
        service: &'static str,
        method: &'static str,
        answer: impl Future<Output = T>,
    ) -> T {
        let span = tracing::debug_span!(
            target: "calls",
            "call",
            otel.name = %format_args!("{service}/{method}"),
            otel.kind = "client",
            code = field::Empty,
        );
        let mut guard = Guard::new(self, Call { service, method });
        let answer = answer.instrument(span.clone()).await;
        guard.code = answer.code();
        span.record("code", guard.code);
        answer
    }
}

/// A call in flight. Its end is noted even if nobody waits for it any more.
struct Guard<'a> {
    calls: &'a Calls,
    call: Call,
    began: Instant,
    code: &'static str,
}

impl<'a> Guard<'a> {
    fn new(calls: &'a Calls, call: Call) -> Guard<'a> {
        calls.in_flight.get_or_create(&call).inc();
        Guard {
            calls,
            call,
            began: Instant::now(),
            code: ABANDONED,
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let Guard {
            calls, call, began, ..
        } = self;
        calls.in_flight.get_or_create(call).dec();
        let seconds = began.elapsed().as_secs_f64();
        calls.seconds.get_or_create(call).observe(seconds);
        let ended = Ended {
            service: call.service,
            method: call.method,
            code: self.code,
        };
        calls.ended.get_or_create(&ended).inc();
    }
}

/// An answer that has a word for how the call ended; one of few.
pub(crate) trait Coded {
    fn code(&self) -> &'static str;
}

/// An answer without an error.
pub(crate) trait Good {
    fn good_code(&self) -> &'static str {
        "OK"
    }
}

impl<T: Good> Coded for Result<T, StoreError> {
    fn code(&self) -> &'static str {
        match self {
            Ok(answer) => answer.good_code(),
            Err(StoreError::Unavailable(_)) => "UNAVAILABLE",
            Err(StoreError::Indefinite(_)) => "INDEFINITE",
            Err(StoreError::Rejected(_)) => "REJECTED",
        }
    }
}

impl Good for () {}
impl<T> Good for Vec<T> {}
impl Good for Option<u64> {}
impl Good for CasOutcome {
    fn good_code(&self) -> &'static str {
        match self {
            CasOutcome::Applied => "OK",
            CasOutcome::Conflict(_) => "CONFLICT",
        }
    }
}

impl<T> Coded for Result<T, RegistryError> {
    fn code(&self) -> &'static str {
        match self {
            Ok(_) => "OK",
            Err(RegistryError::Unavailable(_)) => "UNAVAILABLE",
            Err(RegistryError::RateLimited) => "RATE_LIMITED",
            Err(RegistryError::Contract(_)) => "CONTRACT",
            Err(RegistryError::TooLarge(_)) => "TOO_LARGE",
        }
    }
}

impl<T> Coded for Result<T, CallError> {
    fn code(&self) -> &'static str {
        match self {
            Ok(_) => "OK",
            Err(error) => grpc_code(error.status.code()),
        }
    }
}

/// The name of a gRPC status code.
pub(crate) fn grpc_code(code: Code) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = (0..17)
            .map(|number| grpc_code(Code::from(number)))
            .collect();
        assert_eq!(names.len(), 17);
    }
}
