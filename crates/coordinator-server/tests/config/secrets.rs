//! Whatever is planted where a secret belongs, or where people put one by
//! mistake, no output holds it.

use std::process::Output;

use crate::support::{COMPOSE, Folder, program};

const SECRET: &str = "hunter2-5ecret";

/// Environments with a secret somewhere, usable or not.
fn planted() -> Vec<Vec<(&'static str, String)>> {
    let mut all = Vec::new();
    let one = |name: &'static str, value: String| vec![(name, value)];
    for url in [
        format!("redis://:{SECRET}@redis:6379/0"),
        format!("redis://{SECRET}:pw@redis:6379"),
        format!("rediss://user:{SECRET}@redis"),
        format!("redis://redis/{SECRET}"),
        format!("redis://redis?password={SECRET}"),
        format!("redis://redis#{SECRET}"),
        format!("http://:{SECRET}@redis"),
        format!("redis://:{SECRET}@"),
        format!(":{SECRET}@redis"),
        format!("redis://:{SECRET}@redis:99999"),
    ] {
        all.push(one("REDIS_URL", url));
    }
    for url in [
        format!("https://rpc.example/{SECRET}"),
        format!("https://rpc.example/v1/near?apiKey={SECRET}"),
        format!("https://{SECRET}@rpc.example"),
        format!("https://a:{SECRET}@rpc.example,http://b/{SECRET}"),
        format!("https://rpc.example,wss://x/{SECRET}"),
        format!("https://rpc.example:port/{SECRET}"),
    ] {
        all.push(one("RPC_URL", url));
    }
    for name in [
        "BLOCK_STREAMER_URL",
        "RUNNER_URL",
        "COORDINATOR_PROVISIONER_URL",
    ] {
        all.push(one(name, format!("http://a:{SECRET}@host:1")));
        all.push(one(name, format!("http://host:1/{SECRET}")));
        all.push(one(name, format!("https://host:1/?token={SECRET}")));
    }
    all.push(one("COORDINATOR_RPC_API_KEY", SECRET.to_owned()));
    all.push(one("COORDINATOR_RPC_API_KEY", format!("{SECRET}\u{7}")));
    all.push(vec![
        ("COORDINATOR_RPC_API_KEY", SECRET.to_owned()),
        ("COORDINATOR_RPC_API_KEY_FILE", "/nowhere".to_owned()),
    ]);
    all
}

fn holds_the_secret(output: &Output) -> bool {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).contains(SECRET)
}

const COMMANDS: [&[&str]; 3] = [
    &["config", "check"],
    &["config", "print"],
    &["config", "print", "-o", "json"],
];

#[test]
fn no_command_shows_a_secret_of_the_environment() {
    for more in planted() {
        for command in COMMANDS {
            let env = COMPOSE
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()));
            let output = program()
                .args(command)
                .envs(env.chain(more.clone()))
                .output()
                .unwrap();
            assert!(
                !holds_the_secret(&output),
                "{command:?} {more:?} {output:?}"
            );
        }
    }
}

#[test]
fn no_command_shows_a_secret_of_a_flag_or_a_file() {
    let folder = Folder::new();
    let good = folder
        .write("good", &format!("redis://:{SECRET}@redis"))
        .display()
        .to_string();
    let bad = folder
        .write("bad", &format!("oops:{SECRET}@redis"))
        .display()
        .to_string();
    let toml = |name: &str, text: &str| folder.write(name, text).display().to_string();
    let url = format!("redis://:{SECRET}@redis");
    let configs = [
        toml(
            "a.toml",
            &format!("redis_url = \"{url}\"\nrpc_api_key = \"{SECRET}\"\n"),
        ),
        toml(
            "b.toml",
            &format!("redis_ulr = \"{url}\"\nrpc_api_key = 5\n"),
        ),
        toml(
            "c.toml",
            &format!("redis_url = \"{url}\nrpc_api_key = {SECRET}\n"),
        ),
        toml(
            "d.toml",
            &format!("redis_url = [\"{url}\"]\nrpc_api_key = '''{SECRET}'''x\n"),
        ),
        toml("e.toml", &format!("rpc_api_key = \"\\q{SECRET}\"\n")),
        toml("f.toml", &format!("redis_url = {url}\n")),
    ];
    let mut flags = vec![
        vec!["--redis-url-file".to_owned(), good],
        vec!["--redis-url-file".to_owned(), bad],
        vec!["--redis-url".to_owned(), url.clone()],
        vec![format!("--redis-ulr={url}")],
    ];
    flags.extend(configs.map(|path| vec!["--config".to_owned(), path]));
    for flags in flags {
        for command in COMMANDS {
            let mut env = COMPOSE.to_vec();
            env.retain(|(name, _)| *name != "REDIS_URL");
            let output = program()
                .args(command)
                .args(&flags)
                .envs(env)
                .output()
                .unwrap();
            assert!(
                !holds_the_secret(&output),
                "{command:?} {flags:?} {output:?}"
            );
        }
    }
}

#[test]
fn what_is_not_secret_is_shown() {
    let output = program()
        .args(["config", "print"])
        .envs(COMPOSE)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for shown in [
        "http://runner:7001",
        "redis://redis",
        "dev-queryapi.dataplatform.near",
    ] {
        assert!(text.contains(shown), "{text}");
    }
}
