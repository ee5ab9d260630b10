//! The commands beside the service.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::service::{Settings, arg, run, text};

#[tokio::test]
async fn an_operator_is_told_when_nobody_is_there() {
    let output = run(&["overview", "--server", "http://127.0.0.1:1"], &[]).await;
    assert_eq!(output.status.code(), Some(69));
    assert!(
        text(&output).contains("http://127.0.0.1:1"),
        "{}",
        text(&output)
    );
}

#[tokio::test]
async fn a_probe_of_nobody_is_a_no() {
    for question in ["live", "ready"] {
        let output = run(&["probe", question, "--url", "http://127.0.0.1:1"], &[]).await;
        assert_eq!(output.status.code(), Some(1));
        let said = text(&output);
        let begins = format!("error: not {question}: http://127.0.0.1:1: nobody answers: ");
        assert!(said.starts_with(&begins), "{said}");
    }
    // Somebody who takes the call and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", mute.local_addr().unwrap());
    let output = run(&["probe", "live", "--url", &url, "--timeout", "50ms"], &[]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("no answer within 50ms"),
        "{}",
        text(&output)
    );
    // Somebody who is no coordinator.
    let other = async {
        let (mut stream, _) = mute.accept().await.unwrap();
        // That one was the probe before.
        drop(mute.accept().await.unwrap());
        stream.shutdown().await.unwrap();
    };
    let args = ["probe", "ready", "--url", &url];
    let (output, ()) = tokio::join!(run(&args, &[]), other);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let wrong = run(&["probe", "ready", "--url", "https://localhost"], &[]).await;
    assert_eq!(wrong.status.code(), Some(2));
    let unknown = run(&["probe", "happy"], &[]).await;
    assert_eq!(unknown.status.code(), Some(2));
}

#[tokio::test]
async fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], &[]).await;
        assert_eq!(output.status.code(), Some(0));
        let script = text(&output);
        for word in ["explain", "config", "shutdown-timeout"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    assert_eq!(
        run(&["completions", "csh"], &[]).await.status.code(),
        Some(2)
    );
}

#[tokio::test]
async fn the_version_is_known_to_people_and_programs() {
    let human = run(&["version"], &[]).await;
    assert!(text(&human).starts_with(concat!("coordinator ", env!("CARGO_PKG_VERSION"))));
    let json = run(&["version", "-o", "json"], &[]).await;
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn a_registry_file_can_be_checked() {
    let settings = Settings::new();
    let good = "[chain]\nheight = 100\n\n[[indexer]]\naccount = \"alice.near\"\n\
                function = \"feed\"\nstart = 50\nrule = { any = \"social.near\" }\n\
                code = \"x\"\nschema = \"y\"\n";
    let good = settings.file("good.toml", good);
    let output = run(&["registry", "check", arg(&good)], &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).contains("alice.near/feed"),
        "{}",
        text(&output)
    );

    let bad = settings.file("bad.toml", "[[indexer]]\naccount = 5\n");
    let output = run(&["registry", "check", arg(&bad)], &[]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output).contains("bad.toml:2"), "{}", text(&output));

    let missing = run(&["registry", "check", "/nowhere/registry.toml"], &[]).await;
    assert_eq!(missing.status.code(), Some(78));

    let folder = settings.path("folder");
    std::fs::create_dir(&folder).unwrap();
    for what in ["", "indexer = []\n"] {
        if !what.is_empty() {
            settings.file("folder/a.toml", what);
        }
        let empty = run(&["registry", "check", arg(&folder)], &[]).await;
        assert_eq!(empty.status.code(), Some(0), "{}", text(&empty));
        let said = format!("{}: right, and without any indexer\n", folder.display());
        assert_eq!(text(&empty), said);
    }
}

#[tokio::test]
async fn a_name_cannot_steer_the_terminal_that_shows_it() {
    let settings = Settings::new();
    let entry = "[[indexer]]\naccount = \"alice.near\"\nfunction = \"\\u001b[2J\\u202e\"\n\
                 start = 50\nrule = { any = \"social.near\" }\ncode = \"x\"\nschema = \"y\"\n";
    let good = settings.file("good.toml", entry);
    let output = run(&["registry", "check", arg(&good)], &[]).await;
    assert_eq!(text(&output), "alice.near/\\u{1b}[2J\\u{202e}\n");
    let twice = settings.file("twice.toml", &format!("{entry}{entry}"));
    let output = run(&["registry", "check", arg(&twice)], &[]).await;
    let said = text(&output);
    assert!(said.contains("alice.near/\\u{1b}[2J"), "{said:?}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

#[tokio::test]
async fn a_configuration_with_a_registry_that_cannot_be_used_cannot_be_used() {
    let mut settings = Settings::new();
    settings.values.remove("rpc_url");
    settings.values.remove("registry_contract_id");
    let settings = settings.with("registry_file", "registry");
    let folder = settings.path("registry");
    std::fs::create_dir(&folder).unwrap();
    let file = settings.file("registry/a.toml", "indexer = []\n");
    let config = settings.write();
    let args = ["config", "check", "--config", arg(&config)];
    let output = run(&args, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let wrong = "[[indexer]]\naccount = 5\n".repeat(30);
    std::fs::write(&file, wrong).unwrap();
    let output = run(&args, &[]).await;
    assert_eq!(output.status.code(), Some(78), "{}", text(&output));
    assert!(text(&output).lines().count() < 20, "{}", text(&output));
    // The service starts with what is right.
    let right = "[[indexer]]\naccount = \"alice.near\"\nfunction = \"feed\"\nstart = 50\n\
                 rule = { any = \"social.near\" }\ncode = \"x\"\nschema = \"y\"\n";
    settings.file("registry/b.toml", right);
    let output = run(&args, &[]).await;
    assert_eq!(output.status.code(), Some(78), "{}", text(&output));
    let said = text(&output);
    assert!(said.contains("a.toml:2:"), "{said}");
    assert!(!said.contains("can be used"), "{said}");
    assert!(
        said.contains("more: `coordinator registry check "),
        "{said}"
    );
    assert!(said.lines().count() < 20, "{said}");
}

/// Whoever opens a pipe waits for its writer.
#[tokio::test]
async fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let settings = Settings::new();
    let pipe = settings.path("pipe");
    let made = tokio::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.await.unwrap().success());
    let link = settings.path("link");
    std::os::unix::fs::symlink(&pipe, &link).unwrap();
    let config = settings.write();
    for (name, file) in [
        ("REDIS_URL_FILE", &pipe),
        ("COORDINATOR_RPC_API_KEY_FILE", &link),
        ("COORDINATOR_REDIS_CA", &pipe),
        ("COORDINATOR_SERVICES_CA", &pipe),
        ("COORDINATOR_TLS_CERT", &link),
        ("COORDINATOR_TLS_KEY", &pipe),
        ("COORDINATOR_TLS_CLIENT_CA", &pipe),
        ("COORDINATOR_TOKENS_FILE", &pipe),
        ("COORDINATOR_CLIENT_ROLES", &pipe),
        ("COORDINATOR_REGISTRY_FILE", &link),
        ("COORDINATOR_TOKENS_FILE", &settings.path("")),
    ] {
        for command in [&["config", "check"][..], &["run"]] {
            let args = [command, &["--config", arg(&config)]].concat();
            let output = run(&args, &[(name, arg(file))]).await;
            assert_eq!(output.status.code(), Some(78), "{name} {}", text(&output));
            let said = text(&output);
            assert!(said.contains(arg(file)), "{name} {said}");
            assert!(said.contains("file is needed"), "{name} {said}");
        }
    }
    let output = run(&["config", "check", "--config", arg(&pipe)], &[]).await;
    assert_eq!(output.status.code(), Some(78), "{}", text(&output));
    // A folder of a registry may hold one too.
    std::fs::create_dir(settings.path("registry")).unwrap();
    std::fs::rename(&pipe, settings.path("registry/a.toml")).unwrap();
    let folder = settings.path("registry");
    let output = run(&["registry", "check", arg(&folder)], &[]).await;
    assert_eq!(output.status.code(), Some(78), "{}", text(&output));
    assert!(text(&output).contains("regular file"), "{}", text(&output));
}

#[tokio::test]
async fn the_configuration_as_json_has_a_version() {
    let settings = Settings::new();
    let config = settings.write();
    let args = ["config", "print", "-o", "json", "--config", arg(&config)];
    let output = run(&args, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert!(json["settings"].as_array().unwrap().len() > 50);
}

#[tokio::test]
async fn settings_of_the_service_mean_nothing_to_operators() {
    let output = run(&["--tick", "5s", "list"], &[]).await;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}
