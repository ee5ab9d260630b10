//! Stands before the services: notes metadata, and makes answers by hand.

use std::task::{Context, Poll};

use conformance::grpc::{ByHand, Fault, NO_MESSAGE, UNKNOWN_FIELD, Wire};
use http_body_util::{BodyExt, Full};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Service, http};
use tower::Layer;

use crate::peer::Peer;

/// What answers by hand are made with.
#[derive(Clone)]
pub struct Front(pub Peer);

impl<S> Layer<S> for Front {
    type Service = Fronted<S>;

    fn layer(&self, inner: S) -> Fronted<S> {
        Fronted {
            inner,
            peer: self.0.clone(),
        }
    }
}

#[derive(Clone)]
pub struct Fronted<S> {
    inner: S,
    peer: Peer,
}

impl<S> Service<http::Request<Body>> for Fronted<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<http::Response<Body>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let metadata = request.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        });
        self.peer.saw(metadata.collect());
        let Some(fault) = self.peer.take_by_hand() else {
            return Box::pin(self.inner.call(request));
        };
        if fault == Fault::ByHand(ByHand::UnknownMethod) {
            let unknown = "/blockstreamer.BlockStreamer/Unheard";
            *request.uri_mut() = http::Uri::from_static(unknown);
            return Box::pin(self.inner.call(request));
        }
        let answer = by_hand(fault);
        Box::pin(async move {
            // A peer that answers without reading breaks the sender's stream.
            let _ = request.into_body().collect().await;
            Ok(answer)
        })
    }
}

fn by_hand(fault: Fault) -> http::Response<Body> {
    match fault {
        Fault::ByHand(ByHand::Status(code)) => Status::new(code, "by hand").into_http(),
        Fault::ByHand(ByHand::UnknownField) => message(UNKNOWN_FIELD, true),
        Fault::ByHand(ByHand::Malformed) => message(NO_MESSAGE, true),
        Fault::Wire(wire) => on_the_wire(wire),
        other => panic!("{other:?} is not made here"),
    }
}

fn on_the_wire(wire: Wire) -> http::Response<Body> {
    match wire {
        Wire::NonAsciiStatus => Status::internal("Ошибка \u{1f4a5} 100%").into_http(),
        Wire::LongStatus(len) => Status::internal("x".repeat(len)).into_http(),
        Wire::NoMessage => grpc(Bytes::new(), true),
        Wire::NoStatus => message(&[], false),
        Wire::Http(status) => {
            let mut answer = http::Response::new(Body::empty());
            *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
            answer
        }
        Wire::WebPage => {
            let page = Full::new(Bytes::from_static(b"<html>It works!</html>"));
            let mut answer = http::Response::new(Body::new(page));
            let html = http::HeaderValue::from_static("text/html");
            answer.headers_mut().insert("content-type", html);
            answer
        }
        other => panic!("{other:?} is not made here"),
    }
}

/// A message in its frame.
fn message(bytes: &[u8], with_status: bool) -> http::Response<Body> {
    let mut frame = vec![0, 0, 0, 0, u8::try_from(bytes.len()).unwrap()];
    frame.extend_from_slice(bytes);
    grpc(frame.into(), with_status)
}

fn grpc(body: Bytes, with_status: bool) -> http::Response<Body> {
    let mut trailers = http::HeaderMap::new();
    if with_status {
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    }
    let body = Full::new(body).with_trailers(async move { with_status.then_some(Ok(trailers)) });
    let mut answer = http::Response::new(Body::new(body));
    let kind = http::HeaderValue::from_static("application/grpc");
    answer.headers_mut().insert("content-type", kind);
    answer
}
