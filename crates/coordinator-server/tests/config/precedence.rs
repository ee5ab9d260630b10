//! Flag before environment before file before default, for every setting.

use coordinator_server::config::{Loaded, Row, Sources};
use coordinator_server::settings::{self, Fallback, Kind, Setting};

use crate::support::{Folder, environment, line, load, sources};

const FLAG: usize = 0;
const ENV: usize = 1;
const FILE: usize = 2;

fn row<'a>(loaded: &'a Loaded, setting: &Setting) -> &'a Row {
    let key = setting.key();
    loaded.rows.iter().find(|row| row.name == key).unwrap()
}

fn shown(setting: &Setting, value: &str) -> serde_json::Value {
    match setting.kind {
        Kind::Switch => serde_json::Value::from(value == "true"),
        Kind::Count { .. } | Kind::Port => value.parse::<u64>().unwrap().into(),
        Kind::Share { .. } => value.parse::<f64>().unwrap().into(),
        Kind::Duration { .. } => {
            let duration = humantime::parse_duration(value).unwrap();
            humantime::format_duration(duration).to_string().into()
        }
        Kind::Secret => "***".into(),
        _ => value.into(),
    }
}

/// The sources among which `set` says who sets `setting`.
fn cast(setting: &'static Setting, set: [bool; 3], folder: &Folder) -> Sources {
    let value = |source: usize| folder.sample(setting, source);
    let mut all = sources(&[], &[]);
    if set[FLAG] {
        all.flags
            .insert(setting.name.to_owned(), value(FLAG).into());
    }
    if set[ENV] {
        all.env = environment(&[(setting.env, &value(ENV))]);
    }
    if set[FILE] {
        let text = line(setting, &value(FILE));
        all.config = Some(folder.write("coordinator.toml", &text));
    }
    all
}

#[test]
fn the_first_source_that_sets_a_thing_wins() {
    let folder = Folder::new();
    for setting in settings::all() {
        for bits in 0..8 {
            let set = [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0];
            if set[FLAG] && !setting.has_flag() {
                continue;
            }
            let loaded = coordinator_server::config::load(&cast(setting, set, &folder));
            let row = row(&loaded, setting);
            let winner = set.iter().position(|set| *set);
            let expected_source = match winner {
                Some(FLAG) => format!("--{}", setting.name),
                Some(ENV) => format!("{} in the environment", setting.env),
                Some(_) => {
                    let file = folder.path().join("coordinator.toml");
                    format!("{}:1:{}", file.display(), setting.key().len() + 4)
                }
                None if matches!(setting.default, Fallback::Value(_)) => "default".to_owned(),
                None => "not set".to_owned(),
            };
            assert_eq!(row.source, expected_source, "{} {set:?}", setting.name);
            let expected = winner.map(|source| folder.sample(setting, source));
            match (setting.kind, expected) {
                // The variable's value means nothing.
                (Kind::Presence, Some(_)) if winner == Some(ENV) => {
                    assert_eq!(row.value, Some(true.into()));
                }
                (Kind::Presence, Some(value)) => {
                    assert_eq!(row.value, Some((value == "true").into()));
                }
                (_, Some(value)) => {
                    assert_eq!(row.value, Some(shown(setting, &value)), "{}", setting.name);
                }
                (_, None) => match setting.default {
                    Fallback::Value(text) if setting.kind != Kind::Presence => {
                        assert_eq!(row.value, Some(shown(setting, text)), "{}", setting.name);
                    }
                    Fallback::Value(_) => assert_eq!(row.value, Some(false.into())),
                    _ => assert_eq!(row.value, None, "{}", setting.name),
                },
            }
        }
    }
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    for setting in settings::all() {
        if setting.kind == Kind::Presence {
            continue;
        }
        let loaded = load(&[], &[(setting.env, "")]);
        let source = &row(&loaded, setting).source;
        assert!(
            ["default", "not set"].contains(&source.as_str()),
            "{}",
            setting.name
        );
    }
    let loaded = load(&[], &[("COORDINATOR_CONFIG", ""), ("REDIS_URL_FILE", "")]);
    assert!(loaded.untouched, "{:?}", loaded.problems);
}

#[test]
fn presence_is_what_counts_for_the_originals_logging() {
    for value in ["", "true", "anything", "false"] {
        let loaded = load(&[], &[("GCP_LOGGING_ENABLED", value)]);
        let row = row(&loaded, &settings::GCP_LOGGING);
        assert_eq!(row.value, Some(true.into()), "{value:?}");
    }
    let warned = load(&[], &[("GCP_LOGGING_ENABLED", "false")]).warnings;
    assert!(
        warned.iter().any(|one| one.message.contains("unset it")),
        "{warned:?}"
    );
}

#[test]
fn a_secret_can_be_read_from_a_file_at_every_level() {
    let folder = Folder::new();
    let file = folder.write("secret", "redis://:pw@from-a-file/1\n");
    let name = file.display().to_string();
    let redis = |loaded: &Loaded| {
        row(loaded, &settings::REDIS_URL)
            .value
            .clone()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let expected = "redis://***@from-a-file/1";

    let flag = load(
        &["--redis-url-file", &name],
        &[("REDIS_URL", "redis://other")],
    );
    assert_eq!(redis(&flag), expected);
    assert_eq!(row(&flag, &settings::REDIS_URL).source, "--redis-url-file");

    let config = folder.write("c.toml", "redis_url = \"redis://other\"\n");
    let config = config.display().to_string();
    let env = load(&["--config", &config], &[("REDIS_URL_FILE", &name)]);
    assert_eq!(redis(&env), expected);

    // Relative to the folder of the configuration file.
    let config = folder.write("d.toml", "redis_url_file = \"secret\"\n");
    let config = config.display().to_string();
    let file = load(&["--config", &config], &[]);
    assert_eq!(redis(&file), expected);

    // The higher level wins over the lower one's file.
    let both = load(
        &["--redis-url", "redis://flag"],
        &[("REDIS_URL_FILE", &name)],
    );
    assert_eq!(redis(&both), "redis://flag");
}

#[test]
fn urls_of_the_rpc_can_be_read_from_a_file_too() {
    let folder = Folder::new();
    let file = folder.write("rpc", "https://a.example/key,https://b.example\n");
    let name = file.display().to_string();
    let config = folder.write("c.toml", "rpc_url_file = \"rpc\"\n");
    let config = config.display().to_string();
    for (loaded, source) in [
        (load(&["--rpc-url-file", &name], &[]), "--rpc-url-file"),
        (load(&[], &[("RPC_URL_FILE", &name)]), "RPC_URL_FILE"),
        (load(&["--config", &config], &[]), "c.toml"),
    ] {
        let row = row(&loaded, &settings::RPC_URL);
        let shown = row.value.as_ref().unwrap().to_string();
        assert!(shown.contains("https://a.example/***"), "{shown}");
        assert!(shown.contains("https://b.example"), "{shown}");
        assert!(row.source.contains(source), "{}", row.source);
    }
    let both = load(
        &[],
        &[("RPC_URL_FILE", &name), ("RPC_URL", "https://c.example")],
    );
    let told = both.problems.iter().map(|one| one.one_line());
    let told: Vec<String> = told.collect();
    assert!(told.iter().any(|one| one.contains("keep one")), "{told:?}");
}

#[test]
fn names_are_unique_and_follow_the_rule() {
    let all = settings::all();
    let unique = |names: Vec<String>| {
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
    };
    unique(all.iter().map(|one| one.name.to_owned()).collect());
    unique(all.iter().map(|one| one.env.to_owned()).collect());
    let originals = [
        "RPC_URL",
        "REGISTRY_CONTRACT_ID",
        "REDIS_URL",
        "BLOCK_STREAMER_URL",
        "RUNNER_URL",
        "GRPC_PORT",
        "RUST_LOG",
        "GCP_LOGGING_ENABLED",
        "METRICS_PORT",
    ];
    for setting in &all {
        let derived = format!("COORDINATOR_{}", setting.key().to_uppercase());
        assert!(
            setting.env == derived || originals.contains(&setting.env),
            "{} is {} in the environment",
            setting.name,
            setting.env
        );
        // Kubernetes sets such names for a Service called `coordinator`.
        assert!(!setting.env.starts_with("COORDINATOR_PORT"));
        assert!(!setting.env.starts_with("COORDINATOR_SERVICE_"));
        assert!(
            !setting.example.is_empty(),
            "{} has no example",
            setting.name
        );
    }
    for name in originals {
        assert!(
            all.iter().any(|setting| setting.env == name),
            "{name} is lost"
        );
    }
}

#[test]
fn every_example_and_default_is_valid() {
    for setting in settings::all() {
        let parse = |text: &str| coordinator_server::config::parse(setting.kind, text);
        assert!(parse(setting.example).is_ok(), "{}", setting.name);
        if let Fallback::Value(text) = setting.default {
            assert!(parse(text).is_ok(), "{}", setting.name);
        }
    }
}

#[test]
fn what_operators_set_for_their_commands_is_not_taken_for_a_mistake() {
    let mut names: Vec<String> = Vec::new();
    for command in admin_cli::command().get_subcommands() {
        let of_args = command.get_arguments().filter_map(|arg| arg.get_env());
        names.extend(of_args.map(|name| name.to_string_lossy().into_owned()));
    }
    assert!(names.iter().any(|name| name == "COORDINATOR_SERVER"));
    for name in names.iter().filter(|name| name.starts_with("COORDINATOR_")) {
        assert_eq!(load(&[], &[(name, "x")]).warnings, [], "{name}");
    }
    assert_eq!(load(&[], &[("COORDINATOR_SERVRE", "x")]).warnings.len(), 1);
}
