//! The house rules. Each is one test; a rule that is broken names the file, the
//! line and what to do. The rules themselves are tested on small bad inputs.

mod code;
mod imports;
mod size;
mod source;
mod supply;
mod text;

use std::fs;

use source::{Source, Violation};

/// What runs outside any simulation, and why it may.
const EXCEPTIONS: [code::Exception; 16] = [
    code::Exception {
        path: "crates/store-embedded/src/writer.rs",
        word: "thread::Builder",
        reason: "one thread owns the file and waits for the disk, so that no task does",
    },
    code::Exception {
        path: "crates/coordinator-server/src/boot/clock.rs",
        word: "SystemTime::now",
        reason: "the service lives in real time; this is its clock port",
    },
    code::Exception {
        path: "crates/telemetry/src/clock.rs",
        word: "SystemTime::now",
        reason: "the times of log lines and of the start, which no decision sees",
    },
    code::Exception {
        path: "crates/telemetry/src/logs/writer.rs",
        word: "thread::Builder",
        reason: "a thread writes the log, so that nobody waits for standard error",
    },
    code::Exception {
        path: "crates/admin-cli/src/console.rs",
        word: "SystemTime::now",
        reason: "the command line tells times as people do",
    },
    code::Exception {
        path: "crates/simulator/src/cli/",
        word: "Instant::now",
        reason: "the command line measures real time; every run is a process of its own",
    },
    code::Exception {
        path: "crates/simulator/src/cli/",
        word: "thread::scope",
        reason: "one thread per worker process, in the process that simulates nothing",
    },
    code::Exception {
        path: "crates/simulator/src/cli/",
        word: "thread::Builder",
        reason: "a worker's run gets a fresh thread; two more end it from outside the simulation",
    },
    code::Exception {
        path: "crates/simulator/src/cli/",
        word: "thread::sleep",
        reason: "a worker's limit of real time",
    },
    code::Exception {
        path: "crates/simulator/src/leaks/sources.rs",
        word: "SystemTime::now",
        reason: "planted on purpose: the determinism check has to find it",
    },
    code::Exception {
        path: "crates/simulator/src/leaks/sources.rs",
        word: "thread::Builder",
        reason: "planted on purpose: the determinism check has to find it",
    },
    code::Exception {
        path: "crates/simulator/src/leaks/sources.rs",
        word: "thread::sleep",
        reason: "the pace of a planted thread, outside of any simulation",
    },
    code::Exception {
        path: "crates/simulator/src/leaks/sources.rs",
        word: "select!",
        reason: "planted on purpose: the determinism check has to find it",
    },
    code::Exception {
        path: "crates/xtask/src/runner.rs",
        word: "Instant::now",
        reason: "the test command's stopwatch",
    },
    code::Exception {
        path: "crates/sim-node/src/server.rs",
        word: "Instant::now",
        reason: "a fake on a real port lives in real time",
    },
    code::Exception {
        path: "crates/sim-node/src/server.rs",
        word: "SystemTime::now",
        reason: "a fake on a real port lives in real time",
    },
];

#[track_caller]
fn assert_none(violations: Vec<Violation>) {
    let lines: Vec<_> = violations.iter().map(Violation::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} violations\n{}\n",
        lines.len(),
        lines.join("\n")
    );
}

fn in_rust(rule: impl Fn(&Source) -> Vec<Violation>) -> Vec<Violation> {
    source::rust().iter().flat_map(rule).collect()
}

fn in_all(rule: impl Fn(&Source) -> Vec<Violation>) -> Vec<Violation> {
    source::all().iter().flat_map(rule).collect()
}

#[test]
fn the_import_table_holds() {
    let metadata = imports::metadata();
    let direct = imports::direct_edges(&metadata);
    let whole = imports::whole_graph_edges(&metadata);
    let mut lines = Vec::new();
    for rule in &imports::RULES {
        let edges = if rule.whole_graph { &whole } else { &direct };
        for (package, dependency) in imports::breaches(rule, edges) {
            lines.push(format!("{package} depends on {dependency}: {}", rule.why));
        }
    }
    for (package, dependency) in imports::names_the_runtime(&direct) {
        lines.push(format!(
            "{package} depends on {dependency}: only the simulator may"
        ));
    }
    assert!(
        lines.is_empty(),
        "\n{}\n(see: cargo tree -p PACKAGE -i DEPENDENCY)",
        lines.join("\n")
    );
}

#[test]
fn manifests_follow_the_workspace() {
    let metadata = imports::metadata();
    let manifests = imports::manifests(&metadata, &source::root());
    let problems = manifests
        .iter()
        .flat_map(|(path, text)| imports::manifest_problems(path, text));
    assert_none(problems.collect());
}

#[test]
fn everything_comes_from_the_registry() {
    let lock = fs::read_to_string(source::root().join("Cargo.lock")).expect("a lock file");
    assert_none(imports::git_sources(&lock));
}

#[test]
fn licences_and_bans_are_kept() {
    let (policy, metadata) = (supply::policy(), imports::metadata());
    let mut problems = supply::unlicensed(&policy, &metadata.packages);
    problems.extend(supply::banned(&policy, &metadata));
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn each_dependency_is_used_and_has_a_reason() {
    let read = |path: &str| fs::read_to_string(source::root().join(path)).expect("it is there");
    let mut told = read("ARCHITECTURE.md");
    let mut used = read("tests/Cargo.toml");
    let folder = |path: &str| fs::read_dir(source::root().join(path)).expect("it is there");
    for entry in folder("docs/adr").flatten() {
        told.push_str(&fs::read_to_string(entry.path()).unwrap_or_default());
    }
    for entry in folder("crates").flatten() {
        used.push_str(&fs::read_to_string(entry.path().join("Cargo.toml")).unwrap_or_default());
    }
    let problems = supply::unexplained(&read("Cargo.toml"), &used, &told);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn only_the_simulator_knows_the_simulated_runtime() {
    assert_none(in_rust(code::simulated_runtime));
}

#[test]
fn every_select_is_biased() {
    let is_planted = |source: &Source| {
        let covers = |exception: &code::Exception| exception.covers(source, "select!");
        EXCEPTIONS.iter().any(covers)
    };
    assert_none(in_rust(|source| match is_planted(source) {
        true => Vec::new(),
        false => code::biased_select(source),
    }));
}

#[test]
fn no_input_is_hidden() {
    assert_none(in_rust(|source| code::hidden_inputs(source, &EXCEPTIONS)));
}

#[test]
fn no_exception_is_idle() {
    let sources = source::rust();
    for exception in &EXCEPTIONS {
        let used = sources.iter().any(|source| {
            exception.covers(source, exception.word) && !source.words(exception.word).is_empty()
        });
        assert!(
            used,
            "remove the exception for {} in {}",
            exception.word, exception.path
        );
    }
}

#[test]
fn no_state_is_global() {
    assert_none(in_rust(code::global_state));
}

#[test]
fn no_hash_map_is_walked() {
    assert_none(in_rust(code::hash_order));
}

#[test]
fn no_lint_is_silenced_without_a_word() {
    assert_none(in_rust(code::silenced_lints));
}

#[test]
fn files_are_short() {
    assert_none(in_rust(size::file_length));
}

#[test]
fn functions_are_short() {
    assert_none(in_rust(size::function_length));
}

#[test]
fn lines_are_short() {
    assert_none(in_rust(size::line_width));
}

#[test]
fn nothing_is_left_undone() {
    assert_none(in_all(text::unwanted_words));
}

#[test]
fn scenarios_begin_with_their_property() {
    assert_none(in_all(text::scenario_opening));
}

#[test]
fn documents_show_commands_that_exist() {
    let config = fs::read_to_string(source::root().join(".cargo/config.toml")).expect("aliases");
    let config: toml::Table = config.parse().expect("the aliases are TOML");
    let alias_table = config
        .get("alias")
        .and_then(toml::Value::as_table)
        .expect("aliases");
    let packages = imports::metadata();
    let verbs = [
        "coverage",
        "explain",
        "faults",
        "original",
        "planted",
        "run",
        "swarm",
        "shrink",
        "sweep",
        "explore",
        "list",
        "check",
        "determinism",
        "equivalence",
        "bench",
    ];
    let commands = text::Commands {
        aliases: alias_table.keys().cloned().collect(),
        packages: packages
            .workspace_packages()
            .iter()
            .map(|p| p.name.to_string())
            .collect(),
        sim_verbs: verbs.map(str::to_owned).to_vec(),
    };
    let documents = source::all()
        .into_iter()
        .filter(|source| source.path.ends_with(".md"));
    let documents: Vec<_> = documents.collect();
    for needed in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ] {
        assert!(
            documents.iter().any(|document| document.path == needed),
            "{needed} is missing"
        );
    }
    assert_none(
        documents
            .iter()
            .flat_map(|d| text::shown_commands(d, &commands))
            .collect(),
    );
}

#[test]
fn documents_link_to_what_exists() {
    let root = source::root();
    let documents = source::all()
        .into_iter()
        .filter(|source| source.path.ends_with(".md"));
    assert_none(
        documents
            .flat_map(|d| text::broken_links(&d, &root))
            .collect(),
    );
}
