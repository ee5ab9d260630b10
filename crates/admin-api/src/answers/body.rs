//! An answer on its way: counted until it has left, and known to be stuck.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use tonic::body::Body;

use super::room::Room;

/// The largest piece that is given to the connection at once, in bytes. An answer
/// that is read at this much per patience is not stuck.
const PIECE: usize = 16 * 1024;

/// What is known of an answer on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pieces: Mutex<Pieces>,
    /// Tells who waits that it is over.
    _over: DropGuard,
}

#[derive(Debug)]
struct Pieces {
    /// Given to the connection, and not gone yet.
    under_way: usize,
    /// When one was given or went.
    moved: Instant,
    room: Option<Room>,
}

impl Delivery {
    /// An answer that takes `room`; the token is cancelled when it is over.
    pub(super) fn new(room: Option<Room>) -> (Arc<Delivery>, CancellationToken) {
        let over = CancellationToken::new();
        let pieces = Mutex::new(Pieces {
            under_way: 0,
            moved: Instant::now(),
            room,
        });
        let delivery = Delivery {
            pieces,
            _over: over.clone().drop_guard(),
        };
        (Arc::new(delivery), over)
    }

    /// For how long it may go on as it is: nothing if a piece waits for longer than
    /// `patience` to be read.
    pub(super) fn left(&self, patience: Duration) -> Duration {
        let pieces = self.lock();
        match pieces.under_way {
            0 => patience,
            _ => patience.saturating_sub(pieces.moved.elapsed()),
        }
    }

    /// Takes the room that an answer of this size needs; false if there is none.
    fn fits(&self, bytes: usize) -> bool {
        self.lock().room.as_mut().is_none_or(|room| room.fit(bytes))
    }

    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_large() -> Status {
    Status::resource_exhausted(
        "the answer is large, and too many others wait to be read; ask for pages, or try again \
         in a moment",
    )
}

/// Bytes that the connection holds until they are sent.
struct Piece {
    bytes: Bytes,
    delivery: Arc<Delivery>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut pieces = self.delivery.lock();
        pieces.under_way = pieces.under_way.saturating_sub(1);
        pieces.moved = Instant::now();
    }
}

/// The body of an answer, in pieces that are counted.
pub(super) struct Counted {
    inner: Body,
    /// Made, and not given to the connection yet.
    rest: Bytes,
    delivery: Arc<Delivery>,
    /// It is one message, whose size is known once it is there.
    whole: bool,
}

impl Counted {
    /// Counts `inner` in `delivery`.
    pub(super) fn new(inner: Body, delivery: Arc<Delivery>, whole: bool) -> Counted {
        Counted {
            inner,
            rest: Bytes::new(),
            delivery,
            whole,
        }
    }

    fn piece(&mut self) -> Bytes {
        let bytes = self.rest.split_to(self.rest.len().min(PIECE));
        let mut pieces = self.delivery.lock();
        pieces.under_way += 1;
        pieces.moved = Instant::now();
        drop(pieces);
        let delivery = Arc::clone(&self.delivery);
        Bytes::from_owner(Piece { bytes, delivery })
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.piece()))));
        }
        let frame = match std::task::ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            other => return Poll::Ready(other),
        };
        let frame = match frame.into_data() {
            Ok(bytes) if bytes.is_empty() => Frame::data(bytes),
            Ok(bytes) => {
                if std::mem::take(&mut self.whole) && !self.delivery.fits(bytes.len()) {
                    self.inner = Body::empty();
                    let mut trailers = HeaderMap::new();
                    let told = too_large().add_header(&mut trailers);
                    return Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))));
                }
                self.rest = bytes;
                Frame::data(self.piece())
            }
            Err(other) => other,
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::IpAddr;

    use super::super::room::Rooms;
    use super::*;

    /// One chunk, then nothing.
    struct Once(Option<Bytes>);

    impl HttpBody for Once {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    async fn next(body: &mut Counted) -> Option<Bytes> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        frame.map(|frame| frame.unwrap().into_data().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_takes_room_until_its_last_piece_is_gone() {
        let rooms = Rooms::new(1 << 20, 1 << 20);
        let peer = IpAddr::from([192, 0, 2, 1]);
        let patience = Duration::from_secs(10);
        let room = rooms.take(peer, 512 << 10, patience).await;
        let (delivery, over) = Delivery::new(room);
        let text: Vec<u8> = (0..40 * 1024).map(|n: usize| n.to_le_bytes()[0]).collect();
        let inner = Body::new(Once(Some(Bytes::from(text.clone()))));
        let mut body = Counted::new(inner, Arc::clone(&delivery), true);
        assert_eq!(rooms.left(), 512 << 10);

        let first = next(&mut body).await.unwrap();
        assert_eq!(
            rooms.left(),
            (1 << 20) - (40 << 10),
            "its size is known now"
        );
        let rest = [
            next(&mut body).await.unwrap(),
            next(&mut body).await.unwrap(),
        ];
        assert!(next(&mut body).await.is_none());
        assert_eq!([first.clone(), rest.concat().into()].concat(), text);
        drop(body);

        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(delivery.left(patience), Duration::from_secs(6));
        drop(rest);
        assert_eq!(delivery.left(patience), patience, "some of it was read");
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(delivery.left(patience), Duration::ZERO);
        assert!(rooms.left() < 1 << 20 && !over.is_cancelled());

        drop((first, delivery));
        assert_eq!(rooms.left(), 1 << 20);
        assert!(over.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_larger_than_its_room_takes_more_or_is_refused() {
        let rooms = Rooms::new(1 << 20, 512 << 10);
        let peer = IpAddr::from([192, 0, 2, 1]);
        let soon = Duration::from_millis(1);
        let large = Bytes::from(vec![7; 200 << 10]);
        let counted = async || {
            let room = rooms.take(peer, 100 << 10, soon).await;
            assert!(room.is_some());
            let (delivery, _over) = Delivery::new(room);
            Counted::new(Body::new(Once(Some(large.clone()))), delivery, true)
        };
        let (mut first, mut second, mut third) =
            (counted().await, counted().await, counted().await);
        let kept = [next(&mut first).await, next(&mut second).await];
        assert!(kept.iter().all(Option::is_some));
        assert_eq!(rooms.left(), (1 << 20) - (500 << 10));
        let refused = poll_fn(|context| Pin::new(&mut third).poll_frame(context)).await;
        let trailers = refused.unwrap().unwrap().into_trailers().unwrap();
        let status = Status::from_header_map(&trailers).unwrap();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        drop((first, second, third, kept));
        assert_eq!(rooms.left(), 1 << 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_with_nothing_to_read_is_not_stuck() {
        let (delivery, _over) = Delivery::new(None);
        let inner = Body::new(Once(Some(Bytes::from_static(b"x"))));
        let mut body = Counted::new(inner, Arc::clone(&delivery), false);
        drop(next(&mut body).await);
        let patience = Duration::from_secs(10);
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!(delivery.left(patience), patience);
    }
}
