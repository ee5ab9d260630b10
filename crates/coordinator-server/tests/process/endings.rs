//! Signals, in every order.

use tokio::time::Instant;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::service::{LONG, Service, Settings};

async fn health(service: &Service) -> ServingStatus {
    let url = format!("http://{}", service.api);
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let mut client = HealthClient::new(channel);
    let request = HealthCheckRequest {
        service: String::new(),
    };
    client.check(request).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn either_signal_stops_it_in_order() {
    for (signal, name) in [("-TERM", "SIGTERM"), ("-INT", "SIGINT")] {
        let mut service = Settings::new().start().await;
        service.signal(signal).await;
        service.wait_for(&format!("{name}: stopping")).await;
        service.wait_for("stopped in order").await;
        assert_eq!(service.end().await.code(), Some(0), "{name}");
    }
}

#[tokio::test]
async fn it_says_that_it_goes_before_it_goes() {
    let settings = Settings::new()
        .with("drain_delay", "10m")
        .with("shutdown_timeout", "20m");
    let mut service = settings.start().await;
    assert_eq!(health(&service).await, ServingStatus::Serving);
    service.signal("-TERM").await;
    service.wait_for("SIGTERM: stopping").await;
    service
        .wait_for_page("/readyz", "\"draining\",\"ok\":false")
        .await;
    assert_eq!(service.page("/readyz").await.0, 503);
    // Those that have not heard of it are still served.
    assert_eq!(service.page("/healthz").await.0, 200);
    let began = Instant::now();
    while health(&service).await != ServingStatus::NotServing {
        assert!(began.elapsed() < LONG);
    }
    let overview = service.ask(&["overview"]).await;
    assert_eq!(overview.status.code(), Some(0), "{overview:?}");
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(143));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (second, code) in [("-TERM", 143), ("-INT", 130)] {
        let settings = Settings::new()
            .with("drain_delay", "10m")
            .with("shutdown_timeout", "20m");
        let mut service = settings.start().await;
        service.signal("-TERM").await;
        service.wait_for("SIGTERM: stopping").await;
        service.signal(second).await;
        assert_eq!(service.end().await.code(), Some(code));
        assert!(
            service
                .log
                .iter()
                .any(|line| line.contains("ending at once"))
        );
    }
}

#[tokio::test]
async fn a_hangup_while_it_stops_changes_nothing() {
    let settings = Settings::new().with("drain_delay", "1s");
    let mut service = settings.start().await;
    service.signal("-TERM").await;
    service.wait_for("SIGTERM: stopping").await;
    service.signal("-HUP").await;
    assert_eq!(service.end().await.code(), Some(0));
}
