//! Many connections without credentials.

use std::time::Duration;

use proto::coordinator as pb;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Api, READ, Setup, soon, until, with_token};
use crate::world::World;

/// One frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    frame.extend(payload);
    frame
}

/// A connection whose only call is a watch of health, which it has been answered.
async fn health_watcher(api: &Api) -> TcpStream {
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Watch"),
        (":authority", "x"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        headers.push(0);
        for text in [name, value] {
            headers.push(u8::try_from(text.len()).unwrap());
            headers.extend(text.as_bytes());
        }
    }
    let mut words = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    words.extend(frame(4, 0, 0, &[]));
    words.extend(frame(1, 4, 1, &headers));
    words.extend(frame(0, 1, 1, &[0; 5]));
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(&words).await.unwrap();
    // Until the message that says SERVING.
    let mut heard = Vec::new();
    while !heard.ends_with(&[0, 0, 0, 0, 2, 8, 1]) {
        let mut more = [0; 512];
        let read = soon(stream.read(&mut more)).await.unwrap();
        assert!(read > 0, "{heard:?}");
        heard.extend(&more[..read]);
    }
    stream
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut more = [0; 512];
    loop {
        match tokio::time::timeout(Duration::from_millis(20), stream.read(&mut more)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => {}
            Err(_) => return false,
        }
    }
}

#[tokio::test]
async fn health_watches_without_credentials_keep_nobody_out() {
    for tokens in [true, false] {
        let mut setup = Setup::local(&World::new());
        setup.tokens = tokens;
        let api = setup.start();
        let request = || with_token(pb::GetOverviewRequest {}, READ);
        let mut old = api.operations();
        soon(old.get_overview(request())).await.unwrap();
        // With that one, as many as one peer may have.
        let mut crowd = Vec::new();
        for _ in 0..127 {
            crowd.push(health_watcher(&api).await);
        }
        let before = Instant::now();
        let mut callers = Vec::new();
        for _ in 0..20 {
            let mut new = api.operations();
            soon(new.get_overview(request())).await.unwrap();
            callers.push(new);
        }
        assert!(before.elapsed() < Duration::from_secs(5), "{before:?}");
        // The oldest watches gave way, and nobody who has shown that it may call.
        for (at, watch) in crowd.iter_mut().enumerate() {
            assert_eq!(is_closed(watch).await, at < 20, "watch {at}");
        }
        for caller in callers.iter_mut().chain([&mut old]) {
            soon(caller.get_overview(request())).await.unwrap();
        }
        api.end().await;
    }
}

#[tokio::test]
async fn health_watches_are_bounded_in_number_and_in_time() {
    let mut setup = Setup::local(&World::new());
    setup.limits.health_watchers = 3;
    setup.limits.health_watchers_per_peer = 2;
    setup.limits.health_watch_age = Duration::from_millis(500);
    let api = setup.start();
    let watch = async |host| {
        let mut client = HealthClient::new(api.channel_from(host));
        let watch = soon(client.watch(HealthCheckRequest::default())).await;
        watch.map(tonic::Response::into_inner)
    };
    let mut watches = Vec::new();
    for host in [2, 2, 3] {
        watches.push(watch(host).await.unwrap());
    }
    for host in [2, 4] {
        let refused = watch(host).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        // A single question is always answered.
        let mut client = HealthClient::new(api.channel_from(host));
        soon(client.check(HealthCheckRequest::default()))
            .await
            .unwrap();
    }
    for mut watch in watches {
        assert!(soon(watch.message()).await.unwrap().is_some());
        assert!(soon(watch.message()).await.unwrap().is_none());
    }
    until(async || watch(2).await.ok()).await;
    api.end().await;
}
