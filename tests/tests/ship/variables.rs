//! Every environment variable that is named is one that the program reads.

use std::collections::BTreeSet;

use crate::files::{documents, read, under, variables};

/// What others read, by whom.
const FOREIGN: [&str; 13] = [
    "COORDINATOR_COMMIT", // the build
    "CARGO_TERM_COLOR",   // cargo
    "CARGO_INCREMENTAL",  // cargo
    "RUSTUP_TOOLCHAIN",   // rustup
    "RUST_VERSION",       // the Dockerfile
    "STATE_DIRECTORY",    // systemd
    "XDG_STATE_HOME",     // the desktop
    "NO_COLOR",           // terminals
    "CLICOLOR_FORCE",     // terminals
    "CHAIN_START",        // the trial
    "SIGTERM",
    "SIGINT",
    "SIGHUP",
];

/// Words of capitals with an underscore, and those that begin as ours do.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.len() > 3 && word.contains('_') && word.chars().all(is_part))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .collect()
}

/// Names that begin as a variable of the coordinator or of the original does.
fn is_ours(name: &str) -> bool {
    const BEGINNINGS: [&str; 9] = [
        "COORDINATOR_",
        "REDIS_",
        "RPC_",
        "REGISTRY_",
        "BLOCK_STREAMER_",
        "RUNNER_",
        "GRPC_",
        "METRICS_",
        "GCP_",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| name.starts_with(beginning))
}

fn unknown(text: &str) -> Vec<&str> {
    let known = variables();
    let is_unknown = |name: &&str| {
        !known.contains(*name) && !FOREIGN.contains(name) && !is_prefix(name) && is_ours(name)
    };
    names(text).into_iter().filter(is_unknown).collect()
}

/// `COORDINATOR_` and the like, named as beginnings.
fn is_prefix(name: &str) -> bool {
    name.ends_with('_')
}

#[test]
fn every_variable_that_is_named_exists() {
    let mut files = under("deploy");
    files.retain(|path| !path.starts_with("deploy/grafana"));
    files.extend(documents());
    files.push("Dockerfile".to_owned());
    for path in files {
        let text = read(&path);
        assert_eq!(unknown(&text), [""; 0], "{path} names what is no variable");
    }
}

#[test]
fn every_variable_that_is_set_is_read() {
    let known = variables();
    for path in [
        "deploy/compose/.env.example",
        "deploy/systemd/coordinator.env.example",
    ] {
        let text = read(path);
        let lines = text.lines().map(|line| line.trim_start_matches('#'));
        let mut set = 0;
        for (name, value) in lines.filter_map(|line| line.split_once('=')) {
            if name.contains(' ') {
                continue;
            }
            assert!(known.contains(name), "{path}: {name}");
            assert!(!value.is_empty(), "{path}: {name} is set to nothing");
            set += 1;
        }
        assert!(set >= 6, "{path}");
    }
}

#[test]
fn the_original_s_env_file_is_the_original_s() {
    let text = read("deploy/compose/.env.example");
    let names: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    let original = [
        "RPC_URL",
        "REGISTRY_CONTRACT_ID",
        "REDIS_URL",
        "BLOCK_STREAMER_URL",
        "RUNNER_URL",
        "GRPC_PORT",
        "RUST_LOG",
    ];
    assert_eq!(names, BTreeSet::from(original));
}

#[test]
fn mistyped_names_are_seen() {
    assert_eq!(unknown("set COORDINATOR_TICKS=1s"), ["COORDINATOR_TICKS"]);
    assert_eq!(unknown("REDIS_URI"), ["REDIS_URI"]);
    assert_eq!(
        unknown("COORDINATOR_TICK REDIS_URL_FILE COORDINATOR_*"),
        [""; 0]
    );
}
