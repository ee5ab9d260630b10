//! What is said about each kind of mistake, word for word.

use crate::support::{COMPOSE, Folder, golden, program, refusal};

#[test]
fn nothing_set() {
    golden("nothing-set.txt", &refusal(&[], &[]));
}

#[test]
fn something_missing() {
    golden("something-missing.txt", &refusal(&[], &COMPOSE[4..]));
}

#[test]
fn every_kind_of_wrong_value() {
    let wrong = [
        ("RPC_URL", "https://rpc.near.org,ftp://other"),
        ("REGISTRY_CONTRACT_ID", "Not An Account"),
        ("REDIS_URL", "http://redis:6379"),
        ("BLOCK_STREAMER_URL", "block-streamer:8002"),
        ("RUNNER_URL", "http://user:pw@runner:7001"),
        ("COORDINATOR_PROVISIONER_URL", "http://runner:7001/path"),
        ("GRPC_PORT", "90033"),
        ("METRICS_PORT", "tcp://10.0.0.1:9180"),
        ("COORDINATOR_LISTEN", "everywhere"),
        ("COORDINATOR_STORE", "embeded"),
        ("COORDINATOR_LOG_FORMAT", "xml"),
        ("COORDINATOR_TLS_CERT", "/nowhere/tls.crt"),
        ("COORDINATOR_TOKENS_FILE", "/nowhere/tokens"),
        ("COORDINATOR_CLIENT_ROLES", "/nowhere/roles"),
        ("COORDINATOR_SHADOW", "maybe"),
        ("COORDINATOR_SHUTDOWN_TIMEOUT", "25"),
        ("COORDINATOR_RPC_API_KEY_HEADER", "not a header"),
        ("COORDINATOR_TICK", "1ms"),
        ("COORDINATOR_STARTS_PER_SECOND", "0"),
        ("COORDINATOR_PROVISIONING_PARALLEL", "many"),
        ("COORDINATOR_LISTING_DROP_SHARE", "1.5"),
        ("COORDINATOR_PROVISIONING_ABANDON", "1m"),
    ];
    golden("wrong-values.txt", &refusal(&[], &wrong));
}

#[test]
fn quotes_that_an_env_file_keeps_are_named() {
    for value in ["\"info\"", "'info,coordinator=debug'"] {
        let mut env = COMPOSE.to_vec();
        env.retain(|(name, _)| *name != "RUST_LOG");
        env.push(("RUST_LOG", value));
        let said = refusal(&[], &env);
        assert!(
            said.contains("the quotes around it are part of the value"),
            "{said}"
        );
        assert!(said.contains("example: RUST_LOG=info"), "{said}");
    }
    let said = refusal(
        &[],
        &[("GRPC_PORT", "\"9003\""), ("COORDINATOR_TICK", "\"")],
    );
    assert_eq!(said.matches("the quotes around it").count(), 1, "{said}");
    assert!(said.contains("example: GRPC_PORT=9003"), "{said}");
}

#[test]
fn control_characters_and_length() {
    let long = "x".repeat(500);
    let wrong = [
        ("GRPC_PORT", "9003\u{1b}[31m\n"),
        ("COORDINATOR_DATA_DIR", "a\nb"),
        ("COORDINATOR_STORE", &long),
    ];
    let mut env = COMPOSE.to_vec();
    env.retain(|(name, _)| *name != "GRPC_PORT");
    env.extend(wrong);
    golden("control-characters.txt", &refusal(&[], &env));
}

#[test]
fn wrong_flags() {
    let flags = [
        "--tick=fast",
        "--drain-delay=30s",
        "--redis-ca=/nowhere/ca.pem",
    ];
    golden("wrong-flags.txt", &refusal(&flags, &COMPOSE));
}

#[test]
fn given_twice_at_one_level() {
    let env = [
        ("REDIS_URL", "redis://one"),
        ("REDIS_URL_FILE", "/nowhere/url"),
        ("COORDINATOR_RPC_API_KEY", "hidden"),
        ("COORDINATOR_RPC_API_KEY_FILE", "/nowhere/key"),
    ];
    let text = refusal(&[], &env);
    golden("given-twice.txt", &text);
    assert!(!text.contains("hidden"));
}

#[test]
fn unusable_secret_files() {
    let folder = Folder::new();
    let empty = folder.write("empty", "\n").display().to_string();
    let mut env = COMPOSE.to_vec();
    env.retain(|(name, _)| *name != "REDIS_URL");
    env.extend([
        ("REDIS_URL_FILE", empty.as_str()),
        ("COORDINATOR_RPC_API_KEY_FILE", "/nowhere/key"),
    ]);
    let text = refusal(&[], &env).replace(&folder.path().display().to_string(), "FOLDER");
    golden("secret-files.txt", &text);
}

#[test]
fn a_file_with_mistakes() {
    let folder = Folder::new();
    let text = "rpc_url = \"https://rpc.near.org\"\nregistry_contract = \"a.near\"\n\
                redis_url = 6379\ntick = \"1h\"\ntls_key = \"missing.pem\"\n";
    let path = folder.write("coordinator.toml", text).display().to_string();
    let text = refusal(&["--config", &path], &COMPOSE[3..]);
    let text = text.replace(&folder.path().display().to_string(), "FOLDER");
    golden("file.txt", &text);
}

#[test]
fn warnings_of_a_usable_configuration() {
    let mut env = COMPOSE.to_vec();
    env.extend([
        ("COORDINATOR_TIKC", "1s"),
        ("COORDINATOR_PORT_9003_TCP", "tcp://10.0.0.1:9003"),
        ("COORDINATOR_SERVICE_HOST", "10.0.0.1"),
        ("GCP_LOGGING_ENABLED", "false"),
        ("METRICS_PORT", "9180"),
    ]);
    let output = program()
        .args(["config", "check"])
        .envs(env)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = [output.stdout, output.stderr].concat();
    golden("warnings.txt", &String::from_utf8(text).unwrap());
}

#[test]
fn the_exit_code_says_that_it_is_the_configuration() {
    for args in [
        &["run"][..],
        &[],
        &["config", "check"],
        &["config", "print"],
    ] {
        let output = program().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{args:?}");
        assert!(!output.stderr.is_empty());
    }
    for args in [
        &["--nonsense"][..],
        &["nonsense"],
        &["config"],
        &["config", "nonsense"],
    ] {
        let output = program().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
    for args in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["--version"],
        &["config", "--help"],
    ] {
        let output = program().args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn help() {
    for (name, args) in [
        ("help-short.txt", &["-h"][..]),
        ("help-run.txt", &["run", "--help"]),
        ("help-config-check-short.txt", &["config", "check", "-h"]),
    ] {
        let output = program().args(args).output().unwrap();
        golden(name, &String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn a_shadow_without_shared_records_and_registry() {
    let folder = Folder::new();
    let registry = folder.write("registry.toml", "");
    let registry = registry.display().to_string();
    let mut env = COMPOSE.to_vec();
    env.extend([
        ("COORDINATOR_SHADOW", "true"),
        ("COORDINATOR_STORE", "embedded"),
        ("COORDINATOR_REGISTRY_FILE", registry.as_str()),
    ]);
    let said = refusal(&[], &env);
    assert!(said.contains("by the active coordinator alone"), "{said}");
    assert!(said.contains("open in the active coordinator"), "{said}");
}
