//! Tells somebody how calls went, for instance for metrics.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::methods::{OTHER, method};

/// Is told of every call.
pub trait Observer: Send + Sync + 'static {
    /// A call of `method` (`/package.Service/Method`, or `other` for what is not
    /// ours; [`crate::observed`] lists them) was answered with `code` after
    /// `time`. A stream counts as answered when it begins.
    fn answered(&self, method: &'static str, code: Code, time: Duration);
}

/// Tells an observer, if there is one.
#[derive(Clone)]
pub(crate) struct ObserveLayer(pub Option<Arc<dyn Observer>>);

impl<S> Layer<S> for ObserveLayer {
    type Service = ObserveService<S>;

    fn layer(&self, inner: S) -> ObserveService<S> {
        let observer = self.0.clone();
        ObserveService { inner, observer }
    }
}

/// A service whose answers are told.
#[derive(Clone)]
pub(crate) struct ObserveService<S> {
    inner: S,
    observer: Option<Arc<dyn Observer>>,
}

/// The code of an answer whose headers these are. Without one it succeeded, or
/// is a stream.
pub(crate) fn code<B>(response: &Response<B>) -> Code {
    let status = Status::from_header_map(response.headers());
    status.map_or(Code::Ok, |status| status.code())
}

impl<S, A, B> Service<Request<A>> for ObserveService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let observer = self.observer.clone();
        let name = method(request.uri().path()).map_or(OTHER, |method| method.path);
        let began = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            if let Some(observer) = observer {
                let code = answer.as_ref().map_or(Code::Internal, code);
                observer.answered(name, code, began.elapsed());
            }
            answer
        })
    }
}
