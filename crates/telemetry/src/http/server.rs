//! The server: connections, each bounded in every way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::routes::{Pages, router};

/// Limits of the HTTP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// Connections at a time; the oldest gives way to one more. Probes are short: what
    /// is old waits for nothing that matters, and must not keep a new one out.
    pub connections_max: usize,
    /// How long the head of a request may take, the wait for it included.
    pub head_timeout: Duration,
    /// How long an answer may take to be made.
    pub request_timeout: Duration,
    /// How long a connection lives, whatever it does.
    pub connection_lifetime: Duration,
    /// The most bytes of a request's head; at least 8 KiB are taken.
    pub head_bytes_max: usize,
    /// The most headers of a request.
    pub headers_max: usize,
    /// How long answers under way may take at shutdown.
    pub shutdown_grace: Duration,
}

impl Default for HttpOptions {
    fn default() -> HttpOptions {
        HttpOptions {
            connections_max: 256,
            head_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            connection_lifetime: Duration::from_secs(300),
            head_bytes_max: 16 * 1024,
            headers_max: 64,
            shutdown_grace: Duration::from_secs(3),
        }
    }
}

/// Serves `pages` on `listener` until `shutdown`; then lets answers under way
/// finish, for a while.
pub async fn serve(
    listener: TcpListener,
    pages: Pages,
    options: HttpOptions,
    shutdown: CancellationToken,
) {
    let router = router(pages, options.request_timeout);
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    let connections = TaskTracker::new();
    let options = Arc::new(options);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                make_room(&mut open, options.connections_max);
                let (router, options) = (router.clone(), Arc::clone(&options));
                let shutdown = shutdown.clone();
                let connection = async move {
                    connection(stream, router, &options, &shutdown).await;
                };
                let task = tokio::spawn(connections.track_future(connection));
                open.push_back(task.abort_handle());
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the HTTP port could not be accepted");
                // Out of descriptors, most likely: others have to go first.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if timeout(options.shutdown_grace, connections.wait())
        .await
        .is_err()
    {
        tracing::debug!("connections to the HTTP port were cut off");
    }
}

/// Ends the oldest connections until there is room for one more.
fn make_room(open: &mut VecDeque<AbortHandle>, most: usize) {
    open.retain(|connection| !connection.is_finished());
    while open.len() >= most.max(1) {
        if let Some(oldest) = open.pop_front() {
            oldest.abort();
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    options: &HttpOptions,
    shutdown: &CancellationToken,
) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_timeout)
        .max_buf_size(options.head_bytes_max.max(8 * 1024))
        .max_headers(options.headers_max)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // How it ends is the client's concern: it may be any kind of prober.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => {}
        () = sleep(options.connection_lifetime) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(options.shutdown_grace, connection).await;
}
