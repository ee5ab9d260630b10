//! Starting: with everything down, with the original's environment, and not at
//! all.

use std::net::TcpListener;

use conformance::redis_server::RedisServer;

use crate::service::{Service, Settings, program, run, text};

#[tokio::test]
async fn the_originals_environment_starts_it() {
    // As the compose file of the original has it, but for the ports: others may
    // be using them on this machine.
    // Not one of those that the system gives to whoever asks for any.
    let port = (20_000..30_000)
        .skip(std::process::id() as usize % 9_000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap();
    let mut service = Service::spawn(program().envs([
        ("RPC_URL", "http://127.0.0.1:1"),
        ("REGISTRY_CONTRACT_ID", "dev-queryapi.dataplatform.near"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("BLOCK_STREAMER_URL", "http://127.0.0.1:1"),
        ("RUNNER_URL", "http://127.0.0.1:1"),
        ("GRPC_PORT", &port.to_string()),
        ("RUST_LOG", "info,coordinator=debug"),
        ("COORDINATOR_HTTP_LISTEN", "127.0.0.1:0"),
        ("COORDINATOR_DRAIN_DELAY", "0s"),
    ]))
    .await;
    assert_eq!(service.api, format!("127.0.0.1:{port}"));
    let warned = |line: &String| line.contains("the API listens on the local machine only");
    assert!(service.log.iter().any(warned), "{:?}", service.log);

    assert_eq!(service.page("/healthz").await.0, 200);
    let (status, body) = service.page("/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("\"store\""), "{body}");
    assert_eq!(service.page("/metrics").await.0, 200);

    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
}

#[tokio::test]
async fn it_gets_ready_when_its_redis_and_its_registry_appear() {
    let mut redis = RedisServer::stopped(&[]).unwrap();
    let settings = Settings::new();
    let registry = settings.file("registry.toml", "indexer = []\n");
    let settings = settings
        .with("redis_url", redis.url())
        .with("registry_file", registry.display());
    let mut service = settings.start().await;
    let (status, body) = service.page("/readyz").await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(service.probe("live").await, (Some(0), "live\n".to_owned()));
    let (code, said) = service.probe("ready").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.starts_with("error: not ready: ") && said.contains("store: "),
        "{said}"
    );
    redis.launch().unwrap();
    let body = service.wait_for_status("/readyz", 200).await;
    assert_eq!(
        service.probe("ready").await,
        (Some(0), "ready\n".to_owned())
    );
    assert!(body.contains("\"registry\""), "{body}");
    service.wait_for("ready: the store answers").await;
    // The store goes away again: it says so, and lives on.
    redis.kill();
    service.wait_for_status("/readyz", 503).await;
    assert_eq!(service.page("/healthz").await.0, 200);
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_registry_file_that_breaks_is_told_and_what_was_read_stays() {
    let redis = RedisServer::start(&[]).unwrap();
    let settings = Settings::new();
    let registry = settings.file("registry.toml", "indexer = []\n");
    let settings = settings
        .with("redis_url", redis.url())
        .with("registry_file", registry.display());
    let service = settings.start().await;
    service.wait_for_status("/readyz", 200).await;
    std::fs::write(&registry, "indexer = []\n[chain\n").unwrap();
    service.wait_for_page("/readyz", "registry.toml:2:").await;
    let (status, body) = service.page("/readyz").await;
    assert_eq!(status, 200, "{body}");
    std::fs::write(&registry, "indexer = []\n").unwrap();
    let right = r#""detail":"0 indexers, read 0 s ago""#;
    service.wait_for_page("/readyz", right).await;
}

#[tokio::test]
async fn what_readiness_tells_of_errors_holds_no_credentials() {
    const SECRET: &str = "hunter2-5ecret";
    let strict = RedisServer::start(&["--requirepass", "another"]).unwrap();
    let port = strict.port().to_string();
    for (port, user) in [("1", ""), (port.as_str(), ""), (port.as_str(), SECRET)] {
        let redis = format!("redis://{user}:{SECRET}@127.0.0.1:{port}");
        let mut service = Settings::new()
            .with("redis_url", redis)
            .with(
                "rpc_url",
                format!("http://127.0.0.1:1/{SECRET}?key={SECRET}"),
            )
            .start()
            .await;
        for told in ["127.0.0.1", "cannot be reached"] {
            service.wait_for_page("/readyz", told).await;
        }
        let (status, body) = service.page("/readyz").await;
        assert!(status == 503 && !body.contains(SECRET), "{body}");
        let (_, probe) = service.probe("ready").await;
        assert!(!probe.contains(SECRET), "{probe}");
        service.signal("-TERM").await;
        service.end().await;
        for line in &service.log {
            assert!(!line.contains(SECRET), "{line}");
        }
    }
}

/// As with a node that does not answer: operators are heard, and the file can be mended.
#[tokio::test]
async fn a_registry_file_that_cannot_be_read_is_waited_for() {
    let redis = RedisServer::start(&[]).unwrap();
    for (wrong, told) in [
        (Some("indexer = []\n[chain\n"), "registry.toml:2:"),
        (None, "registry.toml: it cannot be read: No such file"),
    ] {
        let settings = Settings::new();
        let registry = settings.path("registry.toml");
        if let Some(wrong) = wrong {
            settings.file("registry.toml", wrong);
        }
        let settings = settings
            .with("redis_url", redis.url())
            .with("registry_file", registry.display());
        let config = settings.write();
        let args = ["config", "check", "--config", config.to_str().unwrap()];
        let checked = run(&args, &[]).await;
        assert_eq!(checked.status.code(), Some(78), "{}", text(&checked));
        let said = text(&checked);
        assert!(
            said.contains(told) && said.contains("would start"),
            "{said}"
        );

        let mut service = settings.start().await;
        service.wait_for_page("/readyz", told).await;
        let (status, body) = service.page("/readyz").await;
        assert_eq!(status, 503, "{body}");
        let server = format!("http://{}", service.api);
        let overview = run(&["overview", "--server", &server], &[]).await;
        assert_eq!(overview.status.code(), Some(0), "{}", text(&overview));

        std::fs::write(&registry, "indexer = []\n").unwrap();
        service.wait_for_status("/readyz", 200).await;
        service.signal("-TERM").await;
        assert_eq!(service.end().await.code(), Some(0));
    }
}

#[tokio::test]
async fn fail_fast_does_not_wait_for_the_store() {
    let output = Settings::new().with("fail_fast", true).refused().await;
    assert_eq!(output.status.code(), Some(69));
    assert!(text(&output).contains("the store does not answer, and fail_fast is set"));
}

#[tokio::test]
async fn taken_ports_are_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for setting in ["listen", "http_listen"] {
        let output = Settings::new().with(setting, address).refused().await;
        assert_eq!(output.status.code(), Some(69), "{setting}");
        let text = text(&output);
        assert!(
            text.contains(&address.to_string()) && text.contains(setting),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_embedded_store_has_one_owner() {
    let settings = Settings::new()
        .with("store", "embedded")
        .with("data_dir", "state");
    let mut service = settings.start().await;
    // Relative to the folder of the configuration file.
    assert!(settings.path("state/coordinator.redb").exists());
    let (_, body) = service.page("/readyz").await;
    assert!(body.contains("\"redis\""), "{body}");
    let second = settings.refused().await;
    assert_eq!(second.status.code(), Some(69));
    assert!(
        text(&second).contains("another coordinator holds"),
        "{}",
        text(&second)
    );
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
    // And it is free again.
    let mut third = settings.start().await;
    third.signal("-TERM").await;
    assert_eq!(third.end().await.code(), Some(0));
}

#[tokio::test]
async fn what_cannot_be_used_is_said_before_anything_starts() {
    let settings = Settings::new();
    let garbage = settings.file("garbage", "no PEM, no token, no registry");
    let settings = settings
        .with("tls_cert", garbage.display())
        .with("tls_key", garbage.display())
        .with("tokens_file", garbage.display())
        .with("registry_file", garbage.display());
    let output = settings.refused().await;
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output);
    for subject in ["\n  tls_cert\n", "\n  tokens_file\n"] {
        assert!(said.contains(subject), "{subject:?} in {said}");
    }
    // `config check` sees the same, and what the service would start with all the same.
    let config = settings.write();
    let checked = run(
        &["config", "check", "--config", config.to_str().unwrap()],
        &[],
    )
    .await;
    assert_eq!(checked.status.code(), Some(78));
    assert!(text(&checked).contains("\n  tokens_file\n"));
    let of_registry = format!("{}:1:", garbage.display());
    assert!(text(&checked).contains(&of_registry), "{}", text(&checked));
}

#[tokio::test]
async fn secrets_stay_out_of_the_log() {
    const SECRET: &str = "hunter2-5ecret";
    let settings = Settings::new()
        .with("redis_url", format!("redis://user:{SECRET}@127.0.0.1:1/0"))
        .with(
            "rpc_url",
            format!("http://a:{SECRET}@127.0.0.1:1/{SECRET}?key={SECRET}"),
        )
        .with("rpc_api_key", SECRET)
        .with("log", "trace");
    let mut service = settings.start().await;
    service.wait_for("cannot read the records").await;
    let (_, body) = service.page("/readyz").await;
    service.signal("-HUP").await;
    service.wait_for("SIGHUP").await;
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
    assert!(!body.contains(SECRET), "{body}");
    for line in &service.log {
        assert!(!line.contains(SECRET), "{line}");
    }
    assert!(
        service
            .log
            .iter()
            .any(|line| line.contains("redis://***@127.0.0.1:1"))
    );
}
