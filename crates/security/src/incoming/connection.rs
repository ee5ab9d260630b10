//! One accepted connection, plain or encrypted.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

use super::hangup::Hangup;
use super::slots::{Place, Slot};
use crate::certificate::PeerCertificate;
use crate::throttle::site;

/// What a peer must have sent before its connection counts as used, in bytes: the
/// preface of HTTP/2 (RFC 9113, section 3.4) and the head of the frame behind it. From
/// then on the protocol's own pings find out who is silent; who speaks another protocol
/// is soon ended by the server.
const FIRST_WORDS: usize = 24 + 9;

/// Who is at the other end; found in the extensions of each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The other end's address. A mapped IPv4 address is given as such.
    pub remote: SocketAddr,
    /// The connection is encrypted.
    pub encrypted: bool,
    /// The client certificate, if the peer showed one.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// Ends the connection.
    pub hangup: Hangup,
    /// Keeps the connection where places are short.
    pub place: Place,
}

impl PeerInfo {
    /// Whom to count this peer as where bounds are per peer: a machine usually has a
    /// whole /64 of IPv6.
    pub fn site(&self) -> IpAddr {
        site(self.remote.ip())
    }
}

/// A connection that is ready for requests. Who connects and then says nothing
/// is let go after a while, since places are few. Until [`Place::keep`] is called, it
/// also ends at once if its place is needed, whatever it is busy with.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    peer: PeerInfo,
    /// Until it has spoken.
    silence: Option<Silence>,
    /// Its place was given to another.
    gives_way: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Somebody has ended it.
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Counted until it is dropped.
    _slot: Slot,
}

/// A peer that has not said enough yet.
#[derive(Debug)]
struct Silence {
    /// What it has said, in bytes.
    heard: usize,
    /// How long it may go on to say nothing.
    until: Pin<Box<Sleep>>,
}

impl Silence {
    fn of(patience: Duration) -> Silence {
        Silence {
            heard: 0,
            until: Box::pin(sleep(patience)),
        }
    }

    /// Why the connection ends while nothing is said.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        std::task::ready!(self.until.as_mut().poll(context));
        let kind = io::ErrorKind::TimedOut;
        Poll::Ready(io::Error::new(kind, "the peer said nothing in time"))
    }
}

fn place_needed() -> io::Error {
    let kind = io::ErrorKind::ConnectionAborted;
    let why = "the peer has not shown that it may call, and its place was needed";
    io::Error::new(kind, why)
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    pub(super) fn plain(
        stream: TcpStream,
        remote: SocketAddr,
        slot: Slot,
        patience: Duration,
    ) -> Connection {
        let hangup = Hangup::default();
        Connection {
            stream: Stream::Plain(stream),
            over: Box::pin(hangup.wait()),
            peer: PeerInfo {
                remote,
                encrypted: false,
                certificate: None,
                hangup,
                place: slot.place(),
            },
            silence: Some(Silence::of(patience)),
            gives_way: Box::pin(slot.gives_way()),
            _slot: slot,
        }
    }

    pub(super) fn encrypted(
        stream: TlsStream<TcpStream>,
        remote: SocketAddr,
        slot: Slot,
        patience: Duration,
    ) -> Connection {
        let certificates = stream.get_ref().1.peer_certificates();
        let own = certificates.and_then(|chain| chain.first());
        let certificate = own.map(|own| Arc::new(PeerCertificate::parse(own)));
        let hangup = Hangup::default();
        Connection {
            stream: Stream::Tls(Box::new(stream)),
            over: Box::pin(hangup.wait()),
            peer: PeerInfo {
                remote,
                encrypted: true,
                certificate,
                hangup,
                place: slot.place(),
            },
            silence: Some(Silence::of(patience)),
            gives_way: Box::pin(slot.gives_way()),
            _slot: slot,
        }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &PeerInfo {
        &self.peer
    }
}

impl Connected for Connection {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.peer.clone()
    }
}

/// Does the same to whichever stream there is.
macro_rules! with_stream {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().stream {
            Stream::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Stream::Tls($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

impl Connection {
    /// Fails once the connection is to end, whatever it is busy with.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.gives_way.as_mut().poll(context).is_ready() {
            return Err(place_needed());
        }
        match self.over.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                let kind = io::ErrorKind::ConnectionAborted;
                Err(io::Error::new(kind, "the connection was ended on purpose"))
            }
        }
    }

    fn poll_stream_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(context)?;
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut *this).poll_stream_read(context, buffer);
        let Some(silence) = &mut this.silence else {
            return outcome;
        };
        if outcome.is_pending() {
            return silence.poll_end(context).map(Err);
        }
        silence.heard += buffer.filled().len().saturating_sub(before);
        if silence.heard >= FIRST_WORDS {
            this.silence = None;
        }
        outcome
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        with_stream!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        with_stream!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        with_stream!(self, stream => stream.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
