//! The HTTP port on real sockets: what it serves, and what it does not put up
//! with.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use telemetry::http::{HttpOptions, Pages, serve};
use telemetry::{BuildInfo, Metrics, Readiness, Snapshot, Source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    readiness: Readiness,
    metrics: Metrics,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn server(options: HttpOptions) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let readiness = Readiness::new(&["store", "registry"]);
    let build = BuildInfo::current(&["store-redis"]);
    let metrics = Metrics::new(build.clone(), Arc::default(), readiness.clone());
    let pages = Pages {
        metrics: metrics.clone(),
        readiness: readiness.clone(),
        build,
    };
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, pages, options, shutdown.clone()));
    Server {
        address,
        readiness,
        metrics,
        shutdown,
        task,
    }
}

/// Everything that comes back for `request` until the other side closes.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may close before it has read everything.
    let _ = stream.write_all(request).await;
    rest(&mut stream).await
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection is closed in time");
    String::from_utf8(answer).unwrap()
}

/// Status, head and body of an answer.
async fn fetch(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let answer = exchange(address, request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn pages_say_what_they_should() {
    let server = server(HttpOptions::default()).await;
    let at = server.address;
    let (status, head, body) = fetch(at, "GET", "/metrics").await;
    assert_eq!(status, 200);
    assert!(
        head.contains("application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    assert!(body.contains("coordinator_ready 0.0") && body.ends_with("# EOF\n"));
    let (status, _, body) = fetch(at, "GET", "/healthz").await;
    assert_eq!((status, body.as_str()), (200, "alive\n"));
    let (status, _, body) = fetch(at, "GET", "/version").await;
    let version: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        version["features"]
            .as_array()
            .unwrap()
            .contains(&"store-redis".into())
    );
    let (status, _, body) = fetch(at, "GET", "/").await;
    assert_eq!(status, 200);
    for path in ["/metrics", "/healthz", "/readyz", "/version"] {
        assert!(body.contains(path), "{body}");
    }
    let (status, _, body) = fetch(at, "GET", "/nothing").await;
    assert!(status == 404 && body.contains("/metrics"));
}

#[tokio::test]
async fn readiness_follows_its_checks_and_ends_with_draining() {
    let server = server(HttpOptions::default()).await;
    let ready = async || {
        let (status, _, body) = fetch(server.address, "GET", "/readyz").await;
        (status, serde_json::from_str::<Json>(&body).unwrap())
    };
    let (status, body) = ready().await;
    assert_eq!((status, &body["ready"]), (503, &Json::Bool(false)));
    let names: Vec<_> = body["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert_eq!(names, ["draining", "registry", "store"]);
    assert_eq!(body["checks"][1]["detail"], "not checked yet");
    server.readiness.set("store", true, "answers");
    server.readiness.set("registry", true, "listed");
    assert_eq!(ready().await.0, 200);
    server.readiness.set("store", false, "does not answer");
    let (status, body) = ready().await;
    assert_eq!(
        (status, &body["checks"][2]["detail"]),
        (503, &"does not answer".into())
    );
    server.readiness.set("store", true, "answers");
    server.readiness.drain();
    let (status, body) = ready().await;
    assert_eq!(
        (status, &body["checks"][0]["ok"]),
        (503, &Json::Bool(false))
    );
    // A probe of life does not care.
    assert_eq!(fetch(server.address, "GET", "/healthz").await.0, 200);
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let server = server(HttpOptions::default()).await;
    for path in ["/", "/metrics", "/healthz", "/readyz", "/version"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let (status, head, _) = fetch(server.address, method, path).await;
            assert_eq!(status, 405, "{method} {path}");
            assert!(head.contains("allow: get,head"), "{head}");
        }
        let (status, head, body) = fetch(server.address, "HEAD", path).await;
        assert!(status == 200 || path == "/readyz", "{path}: {status}");
        assert!(body.is_empty() && head.contains("content-length"), "{path}");
    }
}

#[tokio::test]
async fn requests_are_bounded_in_size() {
    let server = server(HttpOptions::default()).await;
    let at = server.address;
    let big = format!(
        "GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n",
        "x".repeat(64 * 1024)
    );
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000));
    for request in [big, many, long] {
        let answer = exchange(at, request.as_bytes()).await;
        // Or it was cut off while it was still sending.
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 431 ");
        assert!(refused, "{answer}");
    }
    let garbage = exchange(at, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await;
    assert!(!garbage.contains("200 OK"), "{garbage}");
    assert_eq!(fetch(at, "GET", "/healthz").await.0, 200);
}

#[tokio::test]
async fn whoever_says_nothing_is_dropped() {
    let options = HttpOptions {
        head_timeout: Duration::from_millis(50),
        ..HttpOptions::default()
    };
    let server = server(options).await;
    for start in [&b""[..], b"GET / HT"] {
        let answer = exchange(server.address, start).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_does_not_live_for_ever() {
    let options = HttpOptions {
        connection_lifetime: Duration::from_millis(100),
        ..HttpOptions::default()
    };
    let server = server(options).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    // It is kept alive for the next request, and closed though none comes.
    assert!(rest(&mut stream).await.contains("alive"));
}

#[tokio::test]
async fn the_oldest_connection_gives_way_to_one_more() {
    let options = HttpOptions {
        connections_max: 2,
        ..HttpOptions::default()
    };
    let server = server(options).await;
    let mut idle = Vec::new();
    for _ in 0..6 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
        // Whoever occupies every place keeps no probe out.
        assert_eq!(fetch(server.address, "GET", "/healthz").await.0, 200);
    }
    let mut oldest = idle.remove(0);
    assert_eq!(rest(&mut oldest).await, "");
}

/// A source that takes its time.
struct Slow(std::sync::Mutex<std::sync::mpsc::Receiver<()>>);

impl Source for Slow {
    fn snapshot(&self) -> Snapshot {
        let _ = self.0.lock().unwrap().recv();
        Snapshot::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_scrape_ends_in_time_and_stops_no_probe() {
    let options = HttpOptions {
        request_timeout: Duration::from_millis(100),
        ..HttpOptions::default()
    };
    let server = server(options).await;
    let (go, wait) = std::sync::mpsc::channel();
    server
        .metrics
        .set_source(Arc::new(Slow(std::sync::Mutex::new(wait))));
    let (status, _, body) = fetch(server.address, "GET", "/metrics").await;
    assert!(status == 503 && body.contains("in time"), "{status} {body}");
    assert_eq!(fetch(server.address, "GET", "/healthz").await.0, 200);
    drop(go);
    // On a busy machine one more may take too long.
    let served = async { while fetch(server.address, "GET", "/metrics").await.0 != 200 {} };
    timeout(PATIENCE, served).await.unwrap();
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_ends() {
    let server = server(HttpOptions::default()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    idle.read_exact(&mut byte).await.unwrap();
    server.shutdown.cancel();
    assert!(rest(&mut idle).await.contains("alive"));
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
