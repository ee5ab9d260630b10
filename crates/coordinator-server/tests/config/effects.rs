//! Every setting changes something, and what follows from several is right.

use std::path::Path;
use std::time::Duration;

use coordinator::Knobs;
use coordinator_server::config::{Config, LogFormat, RegistryConfig, Secret, StoreConfig};
use coordinator_server::settings::{self, Kind};

use crate::support::{COMPOSE, Folder, load};

#[track_caller]
fn usable(flags: &[&str], env: &[(&str, &str)]) -> Config {
    load(flags, env)
        .into_config()
        .unwrap_or_else(|text| panic!("{text}"))
        .0
}

/// What else must be set for a setting to have an effect.
fn context(name: &str, file: &str) -> Vec<(String, String)> {
    let with = |names: &[&str], value: &str| -> Vec<(String, String)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), value.to_owned()))
            .collect()
    };
    match name {
        "redis-ca" => with(&["redis-url"], "rediss://redis"),
        "redis-cert" | "redis-key" => {
            let mut all = with(&["redis-cert", "redis-key"], file);
            all.extend(with(&["redis-url"], "rediss://redis"));
            all
        }
        "services-ca" | "services-server-name" => with(&["runner-url"], "https://runner:7001"),
        "services-cert" | "services-key" => {
            let mut all = with(&["services-cert", "services-key"], file);
            all.extend(with(&["runner-url"], "https://runner:7001"));
            all
        }
        "tls-cert" | "tls-key" => with(&["tls-cert", "tls-key"], file),
        "tls-client-ca" => with(&["tls-cert", "tls-key"], file),
        "client-roles" => with(&["tls-cert", "tls-key", "tls-client-ca"], file),
        "grpc-port" => with(&["insecure"], "true"),
        "data-dir" => with(&["store"], "embedded"),
        "store" => with(&["data-dir"], file),
        "provisioning-timeout" => with(&["provisioning-abandon"], "2days"),
        "provisioning-abandon" => with(&["provisioning-timeout"], "10s"),
        "drain-delay" => with(&["shutdown-timeout"], "1h"),
        _ => Vec::new(),
    }
}

#[test]
fn every_setting_changes_the_configuration() {
    let folder = Folder::new();
    let file = folder.write("plain", "").display().to_string();
    for setting in settings::all() {
        let context = context(setting.name, &file);
        let flags = |own: Option<String>| -> Vec<String> {
            let own = own.map(|value| (setting.name.to_owned(), value));
            let others = context
                .iter()
                .filter(|(name, _)| own.is_none() || name != setting.name);
            let all = others.cloned().chain(own.clone());
            all.map(|(name, value)| format!("--{name}={value}"))
                .collect()
        };
        let config = |own: Option<String>| {
            let mut env = COMPOSE.to_vec();
            let own = match (own, setting.has_flag()) {
                (Some(value), false) => {
                    env.push((setting.env, value.leak()));
                    None
                }
                (own, _) => own,
            };
            let flags = flags(own);
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            usable(&flags, &env)
        };
        let number = match setting.kind {
            Kind::Choice(words) if words.len() == 4 => 2,
            _ => 0,
        };
        let value = folder.sample(setting, number);
        let (without, with) = (config(None), config(Some(value)));
        assert_ne!(without, with, "{} changes nothing", setting.name);
    }
}

#[test]
fn the_originals_environment_is_enough() {
    let loaded = load(&[], &COMPOSE);
    assert_eq!(loaded.problems, []);
    let config = loaded.config.clone().unwrap();
    assert!(matches!(&config.store, StoreConfig::Redis(redis)
        if redis.url.expose().as_str() == "redis://redis"));
    assert!(
        matches!(&config.registry, RegistryConfig::Near { contract, .. }
        if contract == "dev-queryapi.dataplatform.near")
    );
    assert_eq!(config.services.provisioner, config.services.executors);
    assert_eq!(config.log.filter, "info,coordinator=debug");
    assert_eq!(config.log.format, LogFormat::Auto);
    // Not open to the world, and it says how to change that.
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:9003");
    let warning = loaded
        .warnings
        .iter()
        .find(|one| one.subject == "grpc_port")
        .unwrap();
    assert!(warning.message.contains("`tls_cert`"), "{warning:?}");
    assert_eq!(loaded.warnings.len(), 1);
}

#[test]
fn the_defaults_are_those_of_the_coordinator() {
    let knobs = Knobs {
        // What is left of the time to stop.
        shutdown_grace: Duration::from_secs(18),
        ..Knobs::default()
    };
    assert_eq!(usable(&[], &COMPOSE).knobs, knobs);
}

#[test]
fn the_store_follows_the_data_folder() {
    let store = |flags: &[&str]| usable(flags, &COMPOSE).store;
    assert!(matches!(store(&[]), StoreConfig::Redis(_)));
    assert!(
        matches!(store(&["--data-dir=/d"]), StoreConfig::Embedded { dir, .. }
        if dir == Path::new("/d"))
    );
    assert!(matches!(
        store(&["--data-dir=/d", "--store=redis"]),
        StoreConfig::Redis(_)
    ));
}

#[test]
fn the_data_folder_is_where_the_platform_wants_it() {
    let home = Folder::new();
    let home = home.path().display().to_string();
    let dir = |more: &[(&str, &str)]| {
        let mut env = COMPOSE.to_vec();
        env.extend(more);
        match usable(&["--store=embedded"], &env).store {
            StoreConfig::Embedded { dir, .. } => dir.display().to_string(),
            StoreConfig::Redis(_) => panic!("not embedded"),
        }
    };
    assert_eq!(dir(&[]), "data");
    assert_eq!(dir(&[("HOME", "/nowhere")]), "data");
    assert_eq!(dir(&[("HOME", "/")]), "data");
    assert_eq!(
        dir(&[("HOME", &home)]),
        format!("{home}/.local/state/coordinator")
    );
    let xdg = [("HOME", home.as_str()), ("XDG_STATE_HOME", "/xdg")];
    assert_eq!(dir(&xdg), "/xdg/coordinator");
    let systemd = [
        ("XDG_STATE_HOME", "/xdg"),
        ("STATE_DIRECTORY", "/var/lib/coordinator"),
    ];
    assert_eq!(dir(&systemd), "/var/lib/coordinator");
}

#[test]
fn the_port_alone_opens_the_api_only_if_it_is_protected() {
    let folder = Folder::new();
    let file = folder.write("pem", "").display().to_string();
    let listen = |flags: &[String]| {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        usable(&flags, &COMPOSE).api.listen.to_string()
    };
    let flag = |name: &str| format!("--{name}={file}");
    assert_eq!(listen(&[]), "127.0.0.1:9003");
    assert_eq!(listen(&[flag("tokens-file")]), "127.0.0.1:9003");
    assert_eq!(
        listen(&[flag("tls-cert"), flag("tls-key")]),
        "127.0.0.1:9003"
    );
    let protected = [flag("tls-cert"), flag("tls-key"), flag("tokens-file")];
    assert_eq!(listen(&protected), "0.0.0.0:9003");
    let mutual = [flag("tls-cert"), flag("tls-key"), flag("tls-client-ca")];
    assert_eq!(listen(&mutual), "0.0.0.0:9003");
    assert_eq!(listen(&["--insecure".into()]), "0.0.0.0:9003");
    assert_eq!(listen(&["--listen=127.0.0.1:1".into()]), "127.0.0.1:1");
}

#[test]
fn a_registry_file_takes_the_place_of_the_contract() {
    let folder = Folder::new();
    let file = folder.write("registry.toml", "").display().to_string();
    let env: Vec<_> = COMPOSE[2..].to_vec();
    let config = usable(&["--registry-file", &file], &env);
    assert!(matches!(config.registry, RegistryConfig::File(path) if path == Path::new(&file)));
    let loaded = load(&["--registry-file", &file], &COMPOSE);
    let unused: Vec<&str> = loaded
        .warnings
        .iter()
        .map(|one| one.subject.as_str())
        .collect();
    assert!(unused.contains(&"rpc_url"), "{unused:?}");
}

#[test]
fn the_loops_have_time_to_stop() {
    let grace = |flags: &[&str]| usable(flags, &COMPOSE).knobs.shutdown_grace.as_millis();
    assert_eq!(grace(&[]), 18_000);
    assert_eq!(grace(&["--shutdown-timeout=8s", "--drain-delay=0s"]), 6_000);
    assert_eq!(grace(&["--shutdown-timeout=1s", "--drain-delay=0s"]), 500);
}

#[test]
fn a_redis_may_be_a_socket() {
    let mut env = COMPOSE.to_vec();
    env.push(("REDIS_URL", "unix:///run/redis.sock?pass=hunter2&db=2"));
    let config = usable(&[], &env);
    assert_eq!(
        config.store.redis().url.to_string(),
        "unix:///run/redis.sock?***"
    );
}

#[test]
fn an_open_api_without_protection_is_refused_unless_forced() {
    let folder = Folder::new();
    let file = folder.write("pem", "").display().to_string();
    let flag = |name: &str| format!("--{name}={file}");
    let open = "--listen=0.0.0.0:9003".to_owned();
    for lacking in [
        vec![],
        vec![flag("tokens-file")],
        vec![flag("tls-cert"), flag("tls-key")],
    ] {
        let mut flags = vec![open.clone()];
        flags.extend(lacking);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let problems = load(&flags, &COMPOSE).problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].subject, "listen");
        assert!(
            problems[0].message.contains("other machines"),
            "{problems:?}"
        );
        let forced = load(&[&flags[..], &["--insecure"]].concat(), &COMPOSE);
        assert_eq!(forced.problems, []);
        assert!(forced.warnings.iter().any(|one| one.subject == "listen"));
    }
    let protected = [open, flag("tls-cert"), flag("tls-key"), flag("tokens-file")];
    let flags: Vec<&str> = protected.iter().map(String::as_str).collect();
    assert_eq!(load(&flags, &COMPOSE).problems, []);
}

#[test]
fn a_filter_that_cannot_be_read_is_a_problem() {
    for filter in ["coordinator=loud", "infoo"] {
        let mut env = COMPOSE.to_vec();
        env.push(("RUST_LOG", filter));
        let problems = load(&[], &env).problems;
        assert_eq!(problems[0].subject, "log", "{problems:?}");
    }
}

#[test]
fn each_rpc_host_is_shown_its_own_key_and_no_other() {
    const TWO: &str = "https://a.example/x,https://b.example";
    let keys = |urls: &str, keys: &str| {
        let mut env = COMPOSE[1..].to_vec();
        env.extend([("RPC_URL", urls), ("COORDINATOR_RPC_API_KEY", keys)]);
        let loaded = load(&[], &env);
        let RegistryConfig::Near { api_keys, .. } = loaded.into_config()?.0.registry else {
            panic!("it is the contract");
        };
        let word = |key: Option<Secret>| key.map(|key| key.expose().to_owned());
        Ok::<_, String>(api_keys.into_iter().map(word).collect::<Vec<_>>())
    };
    let some = |key: &str| Some(key.to_owned());
    assert_eq!(keys("https://a.example", "k").unwrap(), [some("k")]);
    // Who has one URL has one key, whatever it looks like.
    assert_eq!(keys("https://a.example", "k,l").unwrap(), [some("k,l")]);
    assert_eq!(keys(TWO, "k,l").unwrap(), [some("k"), some("l")]);
    assert_eq!(keys(TWO, "k,").unwrap(), [some("k"), None]);
    assert_eq!(keys(TWO, ", l").unwrap(), [None, some("l")]);
    let one_host = "https://a.example/x,https://a.example/y";
    assert_eq!(keys(one_host, "k").unwrap(), [some("k"), some("k")]);
    for (wrong, part) in [("hidden", "several hosts"), ("hidden,hidden,", "3 keys")] {
        let refusal = keys(TWO, wrong).unwrap_err();
        assert!(refusal.contains(part), "{refusal}");
        assert!(!refusal.contains("hidden"), "{refusal}");
    }
}

#[test]
fn two_listeners_do_not_share_a_port() {
    for env in [
        &[("METRICS_PORT", "9003")][..],
        &[("COORDINATOR_HTTP_LISTEN", "0.0.0.0:9003")],
        &[("COORDINATOR_HTTP_LISTEN", "[::]:9003")],
        &[
            ("COORDINATOR_LISTEN", "127.0.0.1:7"),
            ("COORDINATOR_HTTP_LISTEN", "127.0.0.1:7"),
        ],
        &[("COORDINATOR_LISTEN", "127.0.0.1:9180")],
    ] {
        let all = [&COMPOSE, env].concat();
        let refusal = load(&[], &all).into_config().unwrap_err();
        assert!(
            refusal.contains("cannot share a port"),
            "{env:?}: {refusal}"
        );
    }
    for env in [
        &[("COORDINATOR_HTTP_LISTEN", "127.0.0.2:9003")][..],
        &[
            ("COORDINATOR_LISTEN", "127.0.0.1:0"),
            ("COORDINATOR_HTTP_LISTEN", "127.0.0.1:0"),
        ],
    ] {
        usable(&[], &[&COMPOSE, env].concat());
    }
}

#[test]
fn probes_that_others_can_reach_are_warned_of() {
    for (address, warned) in [
        ("0.0.0.0:9180", true),
        ("[::]:9180", true),
        ("192.0.2.1:9180", true),
        ("127.0.0.2:9180", false),
        ("[::1]:9180", false),
        ("[::ffff:127.0.0.1]:9180", false),
    ] {
        let all = [&COMPOSE[..], &[("COORDINATOR_HTTP_LISTEN", address)]].concat();
        let (_, warnings, _) = load(&[], &all).into_config().unwrap();
        let told: Vec<String> = warnings.iter().map(|one| one.one_line()).collect();
        let is_told = told
            .iter()
            .any(|one| one.starts_with("http_listen") && one.contains("network policy"));
        assert_eq!(is_told, warned, "{address}: {told:?}");
    }
}
