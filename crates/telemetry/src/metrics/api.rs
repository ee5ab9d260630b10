//! Calls of the operators' API, counted and timed.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use tonic::Code;

use super::calls::{Timer, grpc_code};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Method {
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Answered {
    method: &'static str,
    code: &'static str,
}

/// The metrics of the operators' API. Clones are handles of the same.
#[derive(Clone, Debug)]
pub struct ApiCalls {
    pub(crate) answered: Family<Answered, Counter>,
    pub(crate) seconds: Family<Method, Histogram, Timer>,
}

impl Default for ApiCalls {
    fn default() -> ApiCalls {
        ApiCalls {
            answered: Family::default(),
            seconds: Family::new_with_constructor(Timer),
        }
    }
}

impl ApiCalls {
    /// Shows a method before it is first called, so that the first refusal is
    /// seen as an increase.
    pub fn announce(&self, method: &'static str) {
        drop(self.seconds.get_or_create(&Method { method }));
        for code in [Code::Ok, Code::Unauthenticated, Code::PermissionDenied] {
            let code = grpc_code(code);
            drop(self.answered.get_or_create(&Answered { method, code }));
        }
    }

    /// A call of `method` was answered with `code` after `time`.
    pub fn answered(&self, method: &'static str, code: Code, time: Duration) {
        let seconds = self.seconds.get_or_create(&Method { method });
        seconds.observe(time.as_secs_f64());
        drop(seconds);
        let code = grpc_code(code);
        self.answered
            .get_or_create(&Answered { method, code })
            .inc();
    }
}
