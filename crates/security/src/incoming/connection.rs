//! One accepted connection, plain or encrypted.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
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

/// A connection that is ready for requests.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    peer: PeerInfo,
    /// Counted until it is dropped.
    _slot: Slot,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    pub(super) fn plain(stream: TcpStream, remote: SocketAddr, slot: Slot) -> Connection {
        Connection {
            stream: Stream::Plain(stream),
            peer: PeerInfo {
                remote,
                encrypted: false,
                certificate: None,
            },
            _slot: slot,
        }
    }

    pub(super) fn encrypted(
        stream: TlsStream<TcpStream>,
        remote: SocketAddr,
        slot: Slot,
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

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_read(context, buffer))
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
