//! Lets through only requests of callers that are known and may do it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use tonic::Status;
use tower::{BoxError, Layer, Service};

use crate::authenticate::{Authenticator, Refusal};
use crate::incoming::PeerInfo;
use crate::role::{Principal, Role};

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it is for everybody, and nobody is asked who they are.
    Open,
    /// A caller with this role.
    Needs(Role),
}

/// What requests need, and who wants to know about refused ones.
pub trait Gate: Send + Sync + 'static {
    /// What a request to `path` (`/package.Service/Method`) needs. What is not
    /// known should need the most.
    fn access(&self, path: &str) -> Access;

    /// A request was refused; `principal` is who it was, if that is known and has a role,
    /// and a certificate without one is named by [`Refusal::NoRole`]. Then `body` is what it
    /// asked for, unless that is long, late or broken; else it is empty: what strangers
    /// send is not read.
    fn refused(
        &self,
        path: &str,
        peer: Option<&PeerInfo>,
        principal: Option<&Principal>,
        refusal: &Refusal,
        body: &[u8],
    );
}

/// The longest body of a refused request that is read, in bytes, and for how long.
const REFUSED_LEN_MAX: usize = 1 << 10;
const REFUSED_TIME_MAX: Duration = Duration::from_secs(1);

/// The whole `body` if it is short and comes soon, else nothing.
async fn short<A>(body: A) -> Bytes
where
    A: BodyExt<Error: Into<BoxError>>,
{
    let whole = Limited::new(body, REFUSED_LEN_MAX).collect();
    match timeout(REFUSED_TIME_MAX, whole).await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(_)) | Err(_) => Bytes::new(),
    }
}

/// Authenticates each request before anything else looks at it. Those that get
/// through and are not open to all carry a [`Principal`] in their extensions, and a
/// [`Standing`](crate::Standing) for what goes on for long; the token is taken out.
/// With the first of them its connection keeps its [`Place`](crate::Place): what is
/// open to all does not earn it one.
#[derive(Clone)]
pub struct AuthLayer {
    authenticator: Arc<Authenticator>,
    gate: Arc<dyn Gate>,
}

impl AuthLayer {
    /// A layer that asks `authenticator` who calls and `gate` what that takes.
    pub fn new(authenticator: Arc<Authenticator>, gate: Arc<dyn Gate>) -> AuthLayer {
        AuthLayer {
            authenticator,
            gate,
        }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        let auth = self.clone();
        AuthService { inner, auth }
    }
}

/// A service behind an [`AuthLayer`].
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    auth: AuthLayer,
}

impl<S, A, B> Service<Request<A>> for AuthService<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: BodyExt<Data: Send, Error: Into<BoxError>> + Send + 'static,
    B: Default + Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        // The one that is ready serves, its copy waits for the next request.
        let copy = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, copy);
        let auth = self.auth.clone();
        Box::pin(async move {
            // Nobody but this layer says who calls.
            request.extensions_mut().remove::<Principal>();
            if let Access::Needs(role) = auth.gate.access(request.uri().path()) {
                let peer = request.extensions().get::<PeerInfo>();
                let caller = auth
                    .authenticator
                    .authorise(request.headers(), peer, role)
                    .await;
                match caller {
                    Ok(principal) => {
                        if let Some(peer) = peer {
                            peer.place.keep();
                        }
                        let headers = request.headers();
                        let standing = auth.authenticator.standing(&principal, headers, peer, role);
                        request.extensions_mut().insert(standing);
                        request.extensions_mut().insert(principal);
                    }
                    Err((principal, refusal)) => {
                        let (head, body) = request.into_parts();
                        // The handshake has shown whose a certificate without a role is.
                        let is_known = principal.is_some() || matches!(refusal, Refusal::NoRole(_));
                        let body = match is_known {
                            true => short(body).await,
                            false => Bytes::new(),
                        };
                        let (path, peer) = (head.uri.path(), head.extensions.get());
                        let who = principal.as_ref();
                        auth.gate.refused(path, peer, who, &refusal, &body);
                        return Ok(Status::from(&refusal).into_http());
                    }
                }
            }
            request.headers_mut().remove(AUTHORIZATION);
            inner.call(request).await
        })
    }
}
