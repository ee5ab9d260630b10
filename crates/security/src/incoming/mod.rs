//! Accepts connections, and shakes hands where TLS is spoken.

mod connection;
mod hangup;
mod slots;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;

pub use connection::{Connection, PeerInfo};
pub use hangup::Hangup;
pub use slots::Place;

use crate::collapse::Collapse;
use crate::limits::ServerLimits;
use crate::tls::ServerTls;
use slots::{Full, Room, Slot, Slots};

/// How often connections that come to nothing are logged.
const LOG_PERIOD: Duration = Duration::from_secs(60);
/// How long nothing is accepted after the system could not, for instance because
/// the process has too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// A listener's connections, ready for requests: a stream for
/// `serve_with_incoming` of tonic's server.
///
/// Nothing that a peer does ends it or keeps other peers waiting: a handshake
/// that fails or takes too long is dropped and logged, and so are connections
/// beyond the bounds: first those that were let through to nothing yet
/// ([`Place::keep`]). Dropping it closes the port and ends handshakes.
#[derive(Debug)]
pub struct Incoming {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: Option<Acceptor>,
    slots: Slots,
    /// How long a connection may stay silent before its first words.
    patience: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    full: Collapse,
    troubles: Collapse,
}

/// What shakes hands.
struct Acceptor {
    tls: Arc<ServerTls>,
    limit: usize,
    time: Duration,
    handshakes: JoinSet<Option<Connection>>,
    /// The oldest first; some may have ended.
    order: VecDeque<AbortHandle>,
    failures: Arc<Collapse>,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let handshakes = self.handshakes.len();
        f.debug_struct("Acceptor")
            .field("handshakes", &handshakes)
            .finish_non_exhaustive()
    }
}

impl Incoming {
    /// Listens on `address`; port 0 picks a free one. With `tls`, connections
    /// are encrypted. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerTls>>,
        limits: &ServerLimits,
    ) -> io::Result<Incoming> {
        let listener = std::net::TcpListener::bind(address)?;
        Incoming::listen(listener, tls, limits)
    }

    /// As [`Incoming::bind`], on a socket that listens already.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub fn listen(
        listener: std::net::TcpListener,
        tls: Option<Arc<ServerTls>>,
        limits: &ServerLimits,
    ) -> io::Result<Incoming> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let acceptor = tls.map(|tls| Acceptor {
            tls,
            limit: limits.handshakes.max(1),
            time: limits.handshake_time,
            handshakes: JoinSet::new(),
            order: VecDeque::new(),
            failures: Arc::new(Collapse::new(LOG_PERIOD)),
        });
        Ok(Incoming {
            listener: TcpListener::from_std(listener)?,
            address,
            acceptor,
            patience: limits.handshake_time,
            slots: Slots::new(limits.connections, limits.connections_per_peer),
            pause: None,
            full: Collapse::new(LOG_PERIOD),
            troubles: Collapse::new(LOG_PERIOD),
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the connections are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.acceptor.is_some()
    }

    /// A slot for a new connection, or a line in the log.
    fn slot(&self, remote: SocketAddr) -> Option<Slot> {
        match self.slots.take(remote.ip()) {
            Ok(Room { slot, was_made }) => {
                if was_made && let Some(unlogged) = self.full.admit() {
                    tracing::warn!(
                        peer = %remote.ip(), unlogged,
                        "there are as many connections as are allowed: one that had not shown \
                         that it may call was closed to make room for a new one"
                    );
                }
                Some(slot)
            }
            Err(full) => {
                if let Some(unlogged) = self.full.admit() {
                    let whose = match full {
                        Full::All => "there are as many connections as are allowed",
                        Full::Peer => "the peer has as many connections as one may have",
                    };
                    tracing::warn!(peer = %remote.ip(), unlogged, "{whose}: a new one was closed");
                }
                None
            }
        }
    }

    fn poll_accepted(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<(TcpStream, SocketAddr)>> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        let accepted = std::task::ready!(self.listener.poll_accept(context));
        match accepted {
            Ok((stream, remote)) => {
                let ip = remote.ip().to_canonical();
                Poll::Ready(Some((stream, SocketAddr::new(ip, remote.port()))))
            }
            Err(error) => {
                if !is_about_one_connection(&error) {
                    if let Some(unlogged) = self.troubles.admit() {
                        tracing::error!(
                            %error, address = %self.address, unlogged,
                            "no connection can be accepted; it is tried again"
                        );
                    }
                    self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
                }
                Poll::Ready(None)
            }
        }
    }
}

/// Whether accepting failed because of the one that connected.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

impl Acceptor {
    /// Begins a handshake; the oldest gives way if there are too many.
    fn begin(&mut self, stream: TcpStream, remote: SocketAddr, slot: Slot) {
        self.order.retain(|handshake| !handshake.is_finished());
        while self.order.len() >= self.limit {
            if let Some(oldest) = self.order.pop_front() {
                oldest.abort();
            }
        }
        let acceptor = TlsAcceptor::from(self.tls.config());
        let failures = Arc::clone(&self.failures);
        let time = self.time;
        let gives_way = slot.gives_way();
        let shake = async move {
            let accepted = tokio::select! {
                biased;
                () = gives_way => return None,
                accepted = timeout(time, acceptor.accept(stream)) => accepted,
            };
            let problem = match accepted {
                Ok(Ok(stream)) => {
                    return Some(Connection::encrypted(stream, remote, slot, time));
                }
                Ok(Err(error)) => problem(&error),
                Err(_) => format!("it took more than {time:?}"),
            };
            if let Some(unlogged) = failures.admit() {
                tracing::warn!(
                    peer = %remote, problem, unlogged,
                    "a TLS handshake failed; unlogged is how many more did since the last such \
                     line"
                );
            }
            None
        };
        self.order.push_back(self.handshakes.spawn(shake));
    }

    /// A connection that is ready.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Connection> {
        loop {
            match self.handshakes.poll_join_next(context) {
                Poll::Ready(Some(Ok(Some(connection)))) => return Poll::Ready(connection),
                // It failed, or gave way.
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Why a handshake failed, for people.
fn problem(error: &io::Error) -> String {
    let tls = error
        .get_ref()
        .and_then(|source| source.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidMessage(_)) => "the peer does not speak TLS".to_owned(),
        Some(rustls::Error::NoCertificatesPresented) => {
            "the peer shows no client certificate".to_owned()
        }
        Some(tls) => tls.to_string(),
        None => error.to_string(),
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Connection>>> {
        let this = &mut *self;
        loop {
            if let Some(acceptor) = &mut this.acceptor
                && let Poll::Ready(connection) = acceptor.poll_ready(context)
            {
                return Poll::Ready(Some(Ok(connection)));
            }
            let Some((stream, remote)) = std::task::ready!(this.poll_accepted(context)) else {
                continue;
            };
            let Some(slot) = this.slot(remote) else {
                continue;
            };
            // Answers are small and awaited; if it cannot be set they are slower.
            let _ = stream.set_nodelay(true);
            match &mut this.acceptor {
                Some(acceptor) => acceptor.begin(stream, remote, slot),
                None => {
                    let connection = Connection::plain(stream, remote, slot, this.patience);
                    return Poll::Ready(Some(Ok(connection)));
                }
            }
        }
    }
}
