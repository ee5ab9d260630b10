//! SIGHUP.

use crate::service::{Settings, arg};

const TOKEN: &str = "0123456789abcdef-one";
const OTHER: &str = "0123456789abcdef-two";

#[tokio::test]
async fn tokens_and_the_filter_change_without_a_restart() {
    let settings = Settings::new().with("log", "info").with("tick", "1s");
    let tokens = settings.file("tokens", &format!("operate alice {TOKEN}\n"));
    let mut settings = settings.with("tokens_file", tokens.display());
    let mut service = settings.start().await;

    settings.file(
        "tokens",
        &format!("operate alice {TOKEN}\nread bob {OTHER}\n"),
    );
    settings
        .values
        .insert("log", "info,coordinator_server=debug".to_owned());
    settings.values.insert("tick", "2s".to_owned());
    settings.write();
    service.signal("-HUP").await;
    service
        .wait_for("the token file has changed and is in force")
        .await;
    let line = service.wait_for("the log filter has changed").await;
    assert!(line.contains("coordinator_server=debug"), "{line}");
    let line = service.wait_for("takes effect after a restart").await;
    assert!(line.contains("\"tick\""), "{line}");

    let other = settings.file("other", OTHER);
    let asked = service
        .ask(&["overview", "--token-file", arg(&other), "--insecure-token"])
        .await;
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
    let told = |line: &&String| line.contains("the token file") && !line.contains("chmod");
    assert_eq!(
        service.log.iter().filter(told).count(),
        1,
        "{:?}",
        service.log
    );
    for line in &service.log {
        assert!(!line.contains(TOKEN) && !line.contains(OTHER), "{line}");
    }
}

#[tokio::test]
async fn what_is_broken_keeps_the_old() {
    let settings = Settings::new();
    let tokens = settings.file("tokens", &format!("operate alice {TOKEN}\n"));
    let mine = settings.file("mine", TOKEN);
    let settings = settings.with("tokens_file", tokens.display());
    let mut service = settings.start().await;
    settings.file("tokens", "operate alice short\n");
    settings.file("coordinator.toml", "rpc_url = 5\n");
    service.signal("-HUP").await;
    service
        .wait_for("the token file has changed and is no good")
        .await;
    service.wait_for("the configuration stays as it was").await;
    // Whoever asks again is told again.
    service.signal("-HUP").await;
    service
        .wait_for("the token file still cannot be used; the old one is in force")
        .await;
    let asked = service
        .ask(&["overview", "--token-file", arg(&mine), "--insecure-token"])
        .await;
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));
}
