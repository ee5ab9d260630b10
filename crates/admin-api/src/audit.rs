//! One line in the audit log for each call that would change something.
//!
//! What gets as far as the coordinator's own commands is recorded there, with
//! the indexer. This records the rest: what could not be read, made no sense, or
//! was given up by its caller before it began.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use lifecycle::IndexerId;
use security::{How, PeerInfo, Principal, Refusal};
use tonic::Status;
use tower::{Layer, Service};

use crate::methods::method;

/// Who calls, for the audit log and for other operators.
pub(crate) fn caller(principal: Option<&Principal>, peer: Option<&PeerInfo>) -> String {
    let who = principal.map_or_else(|| "somebody".to_owned(), Principal::to_string);
    at(who, peer)
}

/// Who was refused, which may be known by a certificate that gives it no role.
pub(crate) fn refused(
    principal: Option<&Principal>,
    refusal: &Refusal,
    peer: Option<&PeerInfo>,
) -> String {
    match refusal {
        Refusal::NoRole(name) => at(format!("{name} ({})", How::Certificate), peer),
        _ => caller(principal, peer),
    }
}

fn at(who: String, peer: Option<&PeerInfo>) -> String {
    match peer {
        Some(peer) => format!("{who} from {}", peer.remote),
        None => who,
    }
}

/// Who calls, by what the layers in front found out.
pub(crate) fn caller_of(extensions: &Extensions) -> String {
    caller(extensions.get::<Principal>(), extensions.get::<PeerInfo>())
}

/// Writes the line of a call that was not carried out, about `id` as far as that is known.
pub(crate) fn write(caller: &str, command: &str, error: &str, id: Option<&IndexerId>) {
    let (account, function) = (id.map(IndexerId::account), id.map(IndexerId::function));
    tracing::info!(target: "audit", caller, command, account, function, error, "not carried out");
}

/// Found in the extensions of a request that would change something.
#[derive(Clone, Debug)]
pub(crate) struct Ticket(Arc<AtomicBool>);

impl Ticket {
    /// From here on somebody else writes the line.
    pub(crate) fn hand_over(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Writes the line when it is dropped, unless somebody else does.
struct Line {
    ticket: Ticket,
    caller: String,
    command: &'static str,
    error: String,
}

impl Line {
    /// The call ended, with this error if it was not carried out.
    fn end(mut self, error: String) {
        self.error = error;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.ticket.0.load(Ordering::Acquire) {
            write(&self.caller, self.command, &self.error, None);
        }
    }
}

/// Sees to it that the line is written.
#[derive(Clone, Debug)]
pub(crate) struct AuditLayer;

impl<S> Layer<S> for AuditLayer {
    type Service = AuditService<S>;

    fn layer(&self, inner: S) -> AuditService<S> {
        AuditService { inner }
    }
}

/// A service behind an [`AuditLayer`].
#[derive(Clone)]
pub(crate) struct AuditService<S> {
    inner: S,
}

impl<S, A, B> Service<Request<A>> for AuditService<S>
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

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let command = method(request.uri().path()).and_then(|method| method.command);
        let Some(command) = command else {
            return Box::pin(self.inner.call(request));
        };
        let line = Line {
            ticket: Ticket(Arc::new(AtomicBool::new(false))),
            caller: caller_of(request.extensions()),
            command,
            error: "the caller went away before it was begun".to_owned(),
        };
        request.extensions_mut().insert(line.ticket.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            line.end(match &answer {
                Ok(response) => Status::from_header_map(response.headers())
                    .map_or_else(String::new, |status| status.message().to_owned()),
                Err(_) => "the service failed".to_owned(),
            });
            answer
        })
    }
}
