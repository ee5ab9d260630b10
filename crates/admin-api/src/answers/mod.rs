//! Answers that nobody reads: bounded in bytes, and not kept for long.
//!
//! An answer is in memory from the moment it is made until its client has read it,
//! and clients decide how fast they read. So each call first takes room for what its
//! answer may weigh, of its peer's share and of all; it holds what the answer does
//! weigh until the last byte is on its way. A client that leaves an answer lying for
//! too long loses its connection.

mod body;
mod room;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use security::PeerInfo;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::calls::QUEUE;
use crate::methods::{Weight, weight};
use crate::server::ApiLimits;
use body::{Counted, Delivery};
use room::Rooms;

/// The room of an answer about one indexer: its name may have 64 KiB.
const SMALL: usize = 128 << 10;
/// The room of a page, and of a list of everything, which takes more once it is known
/// to be larger.
const PAGE: usize = (3 << 20) + SMALL;

/// What one stream that is open to everybody takes of the room for such streams.
const PLACE: usize = 1 << 10;

/// Bounds answers.
#[derive(Clone, Debug)]
pub(crate) struct AnswersLayer {
    rooms: Arc<Rooms>,
    /// Room for streams that are open to everybody.
    open: Arc<Rooms>,
    patience: Duration,
}

impl AnswersLayer {
    pub(crate) fn new(limits: &ApiLimits) -> AnswersLayer {
        AnswersLayer {
            rooms: Arc::new(Rooms::new(
                limits.answer_bytes,
                limits.answer_bytes_per_peer,
            )),
            open: Arc::new(Rooms::new(
                limits.health_watchers.saturating_mul(PLACE),
                limits.health_watchers_per_peer.saturating_mul(PLACE),
            )),
            patience: limits.answer_patience,
        }
    }

    /// Ends the connection if the answer is stuck on it.
    fn look_after(&self, delivery: &Arc<Delivery>, over: CancellationToken, peer: PeerInfo) {
        let delivery: Weak<Delivery> = Arc::downgrade(delivery);
        let patience = self.patience;
        tokio::spawn(async move {
            loop {
                let left = delivery.upgrade().map(|delivery| delivery.left(patience));
                let Some(left) = left else { return };
                if left.is_zero() {
                    if !peer.hangup.is_over() {
                        tracing::warn!(
                            peer = %peer.remote, ?patience,
                            "an answer is not read by its client: the connection ends"
                        );
                    }
                    peer.hangup.hang_up();
                    return;
                }
                tokio::select! {
                    biased;
                    () = over.cancelled() => return,
                    () = sleep(left) => {}
                }
            }
        });
    }
}

impl<S> Layer<S> for AnswersLayer {
    type Service = AnswersService<S>;

    fn layer(&self, inner: S) -> AnswersService<S> {
        let answers = self.clone();
        AnswersService { inner, answers }
    }
}

/// A service whose answers are bounded.
#[derive(Clone)]
pub(crate) struct AnswersService<S> {
    inner: S,
    answers: AnswersLayer,
}

impl<S, A> Service<Request<A>> for AnswersService<S>
where
    S: Service<Request<A>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    A: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        // The one that is ready serves, its copy waits for the next request.
        let copy = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, copy);
        let answers = self.answers.clone();
        Box::pin(async move {
            let weight = weight(request.uri().path());
            let peer = request.extensions().get::<PeerInfo>().cloned();
            let site = peer
                .as_ref()
                .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), PeerInfo::site);
            let room = match weight {
                Weight::Small | Weight::Talk => answers.rooms.take(site, SMALL, QUEUE).await,
                Weight::Page => answers.rooms.take(site, PAGE, QUEUE).await,
                Weight::OpenStream => answers.open.take(site, PLACE, Duration::ZERO).await,
                Weight::Stream => None,
            };
            let why = match weight {
                _ if room.is_some() => None,
                Weight::Stream => None,
                Weight::Small | Weight::Page | Weight::Talk => {
                    Some("too many answers wait to be read; read them, or try again in a moment")
                }
                Weight::OpenStream => Some(
                    "too many watch the health of this API; end some of the watches, or use \
                     Check",
                ),
            };
            if let Some(why) = why {
                return Ok(Status::resource_exhausted(why).into_http());
            }
            let response = inner.call(request).await?;
            let (delivery, over) = Delivery::new(room);
            if let Some(peer) = peer {
                answers.look_after(&delivery, over, peer);
            }
            // Of a talk the first message says nothing about the next ones.
            let whole = matches!(weight, Weight::Small | Weight::Page);
            Ok(response.map(|body| Body::new(Counted::new(body, delivery, whole))))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, poll_fn, ready};

    use bytes::Bytes;
    use hyper::body::{Body as _, Frame};

    use super::*;

    /// A body of small messages without end.
    struct Messages;

    impl hyper::body::Body for Messages {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"message")))))
        }
    }

    /// Answers everything so.
    #[derive(Clone)]
    struct Inner;

    impl Service<Request<()>> for Inner {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            ready(Ok(Response::new(Body::new(Messages))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_talk_keeps_its_room_whatever_its_first_message_weighs() {
        let answers = AnswersLayer::new(&ApiLimits::default());
        let all = answers.rooms.left();
        for (path, kept) in [
            (
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                SMALL,
            ),
            ("/coordinator.v1.Operations/GetIndexer", 1 << 10),
        ] {
            let request = Request::builder().uri(path).body(()).unwrap();
            let answer = answers.layer(Inner).call(request).await.unwrap();
            let mut body = answer.into_body();
            assert_eq!(answers.rooms.left(), all - SMALL);
            for _ in 0..3 {
                let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
                assert!(frame.unwrap().unwrap().is_data());
                assert_eq!(answers.rooms.left(), all - kept, "{path}");
            }
            drop(body);
            assert_eq!(answers.rooms.left(), all, "{path}");
        }
    }
}
