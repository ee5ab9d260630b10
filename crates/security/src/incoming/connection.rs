//! One accepted connection, plain or encrypted.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::slots::Slot;
use crate::certificate::PeerCertificate;

/// Who is at the other end; found in the extensions of each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The other end's address. A mapped IPv4 address is given as such.
    pub remote: SocketAddr,
    /// The connection is encrypted.
    pub encrypted: bool,
    /// The client certificate, if the peer showed one.
    pub certificate: Option<Arc<PeerCertificate>>,
}

/// What a peer must have sent before its connection counts as used: the preface
/// of HTTP/2 and the head of the frame behind it (RFC 9113, sections 3.4 and 4.1).
/// From then on the protocol's own pings find out who is silent.
const FIRST_WORDS: usize = 24 + 9;

/// A connection that is ready for requests. Who connects and then says nothing
/// is let go after a while, since places are few.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    peer: PeerInfo,
    silence: Option<Silence>,
    /// Counted until it is dropped.
    _slot: Slot,
}

/// A peer that has not said enough yet, and until when it may stay so.
#[derive(Debug)]
struct Silence {
    missing: usize,
    until: Pin<Box<Sleep>>,
}

impl Silence {
    fn of(patience: Duration) -> Silence {
        Silence {
            missing: FIRST_WORDS,
            until: Box::pin(sleep(patience)),
        }
    }
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
        Connection {
            stream: Stream::Plain(stream),
            peer: PeerInfo {
                remote,
                encrypted: false,
                certificate: None,
            },
            silence: Some(Silence::of(patience)),
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
        Connection {
            stream: Stream::Tls(Box::new(stream)),
            peer: PeerInfo {
                remote,
                encrypted: true,
                certificate,
            },
            silence: Some(Silence::of(patience)),
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
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut *this).poll_stream_read(context, buffer);
        let Some(silence) = &mut this.silence else {
            return outcome;
        };
        if outcome.is_pending() {
            std::task::ready!(silence.until.as_mut().poll(context));
            let kind = io::ErrorKind::TimedOut;
            return Poll::Ready(Err(io::Error::new(kind, "the peer said nothing in time")));
        }
        let said = buffer.filled().len().saturating_sub(before);
        silence.missing = silence.missing.saturating_sub(said);
        if silence.missing == 0 {
            this.silence = None;
        }
        outcome
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        with_stream!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_stream!(self, stream => stream.poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
