//! Bounds on what clients can make a server do.

use std::time::Duration;

use tonic::transport::Server;

/// How long a request may take to arrive in full.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Bounds of one listener and the server behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// The most connections at one time. For one more, the oldest is closed on which no
    /// caller was let through yet to something that takes a role; if there is none, the
    /// new one is.
    pub connections: usize,
    /// The most connections of one peer address at one time; beyond it the same holds
    /// among its own.
    pub connections_per_peer: usize,
    /// The most handshakes at one time; when all are taken, the oldest gives way.
    pub handshakes: usize,
    /// The longest handshake.
    pub handshake_time: Duration,
    /// The most requests of one connection at one time.
    pub requests_per_connection: u32,
    /// The longest header list of a request, in bytes.
    pub header_bytes: u32,
    /// The longest message of a request, in bytes.
    pub request_bytes: usize,
    /// The longest time until a request is answered. Streams go on longer.
    pub request_time: Duration,
    /// A connection is asked to end at this age, so that its client shakes hands
    /// again; what is in flight is finished.
    pub connection_age: Duration,
    /// How often a silent connection is asked whether it is alive.
    pub keepalive: Duration,
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits {
            connections: 512,
            connections_per_peer: 128,
            handshakes: 64,
            handshake_time: Duration::from_secs(10),
            requests_per_connection: 64,
            header_bytes: 16 * 1024,
            request_bytes: 64 * 1024,
            request_time: Duration::from_secs(30),
            connection_age: Duration::from_secs(60 * 60),
            keepalive: Duration::from_secs(30),
        }
    }
}

impl ServerLimits {
    /// A gRPC server with these bounds. The bound on messages is set at each
    /// service, and those on connections by [`Incoming`](crate::Incoming).
    pub fn server(&self) -> Server {
        Server::builder()
            .max_concurrent_streams(self.requests_per_connection)
            .http2_max_header_list_size(self.header_bytes)
            // Services answer in time by themselves; this ends what never gets there.
            .timeout(self.request_time + ARRIVAL)
            .max_connection_age(self.connection_age)
            .http2_keepalive_interval(Some(self.keepalive))
            .http2_keepalive_timeout(Some(self.keepalive))
    }
}
