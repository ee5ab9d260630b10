//! A Redis that answers and takes no writes is not ready, and says why.

use conformance::redis_server::RedisServer;

use crate::service::{Service, Settings};

async fn ready_on(redis: &RedisServer, shadow: bool) -> (Service, Settings) {
    let settings = Settings::new();
    let registry = settings.file("registry.toml", "indexer = []\n");
    let settings = settings.with("redis_url", redis.url());
    let settings = match shadow {
        true => settings.with("shadow", "true"),
        false => settings.with("registry_file", registry.display()),
    };
    let service = settings.start().await;
    (service, settings)
}

#[tokio::test]
async fn a_replica_is_not_ready_and_a_primary_is() {
    let primary = RedisServer::start(&[]).unwrap();
    let redis = RedisServer::start(&[]).unwrap();
    let (service, _settings) = ready_on(&redis, false).await;
    service.wait_for_status("/readyz", 200).await;
    redis
        .tell(&format!("REPLICAOF 127.0.0.1 {}", primary.port()))
        .unwrap();
    service.wait_for_status("/readyz", 503).await;
    service.wait_for_page("/readyz", "READONLY").await;
    service
        .wait_for_page("/readyz", "point the URL at the primary")
        .await;
    let (code, said) = service.probe("ready").await;
    assert_eq!(code, Some(1));
    assert!(
        said.contains("store: ") && said.contains("READONLY"),
        "{said}"
    );
    let problem = async || {
        let output = service.ask(&["overview", "-o", "json"]).await;
        let overview: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        overview["store_problem"].as_str().map(str::to_owned)
    };
    let told = problem().await.unwrap();
    assert!(told.contains("READONLY"), "{told}");
    redis.tell("REPLICAOF NO ONE").unwrap();
    service.wait_for_status("/readyz", 200).await;
    assert_eq!(problem().await, None);
}

#[tokio::test]
async fn a_server_without_memory_is_not_ready() {
    let redis = RedisServer::start(&[]).unwrap();
    let (service, _settings) = ready_on(&redis, false).await;
    service.wait_for_status("/readyz", 200).await;
    let filling = vec![b'x'; 4 << 20];
    redis.command(&[b"SET", b"filling", &filling]).unwrap();
    redis.tell("CONFIG SET maxmemory 3mb").unwrap();
    service.wait_for_status("/readyz", 503).await;
    service.wait_for_page("/readyz", "raise `maxmemory`").await;
    redis.tell("DEL filling").unwrap();
    service.wait_for_status("/readyz", 200).await;
    let (_, body) = service.page("/readyz").await;
    assert!(body.contains("answers and takes writes"), "{body}");
}

#[tokio::test]
async fn a_server_that_cannot_list_records_is_not_ready() {
    let redis = RedisServer::start(&[]).unwrap();
    let (service, _settings) = ready_on(&redis, false).await;
    service.wait_for_status("/readyz", 200).await;
    redis.tell("SET indexer_states boo").unwrap();
    service.wait_for_status("/readyz", 503).await;
    let told = "listing in `indexer_states`";
    service.wait_for_page("/readyz", told).await;
    let output = service.ask(&["overview", "-o", "json"]).await;
    let overview: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = overview["store_problem"].as_str().unwrap();
    assert!(problem.contains("WRONGTYPE"), "{problem}");
    redis.tell("DEL indexer_states").unwrap();
    service.wait_for_status("/readyz", 200).await;
}

#[tokio::test]
async fn a_user_who_may_not_list_records_is_told_of() {
    let redis = RedisServer::start(&[]).unwrap();
    let (service, _settings) = ready_on(&redis, false).await;
    service.wait_for_status("/readyz", 200).await;
    redis.tell("ACL SETUSER default -smembers").unwrap();
    service.wait_for_status("/readyz", 503).await;
    service.wait_for_page("/readyz", "SMEMBERS").await;
    // From the start on nothing is read then.
    let (second, _settings) = ready_on(&redis, false).await;
    second.wait_for_page("/readyz", "SMEMBERS").await;
    second.wait_for_page("/readyz", "not read yet: ").await;
    let registry = "not asked yet: the records are read first";
    second.wait_for_page("/readyz", registry).await;
    redis.tell("ACL SETUSER default +smembers").unwrap();
    second.wait_for_status("/readyz", 200).await;
    service.wait_for_status("/readyz", 200).await;
}

#[tokio::test]
async fn a_shadow_may_look_at_a_replica() {
    let primary = RedisServer::start(&[]).unwrap();
    let port = primary.port().to_string();
    let redis = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    let (service, _settings) = ready_on(&redis, true).await;
    // Its registry does not answer, so it is not ready as a whole.
    let store = r#"{"name":"store","ok":true,"detail":"answers"}"#;
    service.wait_for_page("/readyz", store).await;
}
