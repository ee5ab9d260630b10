//! The Dockerfile: its stages exist, and the image is as small in rights as it
//! should be.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{PROGRAM, USER, api_port, http_port, read, root};

/// One instruction: its word, and the rest on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instruction {
    word: String,
    rest: String,
}

/// A stage: its name, what it begins from, its instructions.
#[derive(Debug)]
struct Stage {
    from: String,
    instructions: Vec<Instruction>,
}

fn instructions(text: &str) -> Vec<Instruction> {
    const WORDS: [&str; 14] = [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "RUN",
        "STOPSIGNAL",
        "USER",
        "WORKDIR",
    ];
    let mut found = Vec::new();
    let mut joined = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            continue;
        }
        joined.push_str(line.trim());
        if let Some(begun) = joined.strip_suffix('\\') {
            joined = begun.trim_end().to_owned() + " ";
            continue;
        }
        let (word, rest) = joined.split_once(' ').unwrap();
        assert!(WORDS.contains(&word), "`{word}` is no instruction");
        found.push(Instruction {
            word: word.to_owned(),
            rest: rest.trim().to_owned(),
        });
        joined.clear();
    }
    assert!(joined.is_empty(), "the last line goes on");
    found
}

/// The stages by name.
fn stages(text: &str) -> BTreeMap<String, Stage> {
    let mut stages: BTreeMap<String, Stage> = BTreeMap::new();
    let mut current = None;
    for instruction in instructions(text) {
        if instruction.word == "FROM" {
            let words: Vec<&str> = instruction.rest.split_whitespace().collect();
            let &[from, "AS", name] = words.as_slice() else {
                panic!("a stage without a name: {instruction:?}");
            };
            let stage = Stage {
                from: from.to_owned(),
                instructions: Vec::new(),
            };
            assert!(
                stages.insert(name.to_owned(), stage).is_none(),
                "{name} twice"
            );
            current = Some(name.to_owned());
        } else if let Some(name) = &current {
            let stage = stages.get_mut(name).unwrap();
            stage.instructions.push(instruction);
        } else {
            assert_eq!(instruction.word, "ARG", "before the first stage");
        }
    }
    stages
}

impl Stage {
    fn all(&self, word: &str) -> Vec<&str> {
        let of_word = self.instructions.iter().filter(|one| one.word == word);
        of_word.map(|one| one.rest.as_str()).collect()
    }

    #[track_caller]
    fn only(&self, word: &str) -> &str {
        let all = self.all(word);
        assert_eq!(all.len(), 1, "{word}: {all:?}");
        all[0]
    }
}

#[test]
fn stages_begin_from_what_there_is() {
    let text = read("Dockerfile");
    let stages = stages(&text);
    for name in ["coordinator", "fakes"] {
        assert!(stages.contains_key(name), "no stage {name}");
    }
    for (name, stage) in &stages {
        let known = stages.contains_key(&stage.from);
        assert!(
            known || stage.from.contains('$'),
            "{name} begins from {}",
            stage.from
        );
        for copy in stage.all("COPY") {
            if let Some(rest) = copy.strip_prefix("--from=") {
                let source = rest.split(' ').next().unwrap();
                assert!(stages.contains_key(source), "{name} copies from {source}");
            }
        }
    }
    // What a build without a target makes is the last stage.
    let last = text
        .lines()
        .rfind(|line| line.starts_with("FROM "))
        .unwrap();
    assert!(last.ends_with(" AS coordinator"), "{last}");
}

#[test]
fn the_image_has_no_more_rights_than_it_needs() {
    let stages = stages(&read("Dockerfile"));
    for name in ["coordinator", "fakes"] {
        let stage = &stages[name];
        assert_eq!(stage.only("USER"), format!("{USER}:{USER}"), "{name}");
        assert_eq!(stage.only("STOPSIGNAL"), "SIGTERM", "{name}");
        assert!(stage.all("RUN").is_empty(), "{name}: there is no shell");
        assert_eq!(stage.from, "${RUNTIME}", "{name}");
    }
    let product = &stages["coordinator"];
    assert_eq!(product.only("ENTRYPOINT"), format!("[{PROGRAM:?}]"));
    let ports: BTreeSet<u64> = product
        .only("EXPOSE")
        .split(' ')
        .map(|port| port.parse().unwrap())
        .collect();
    assert_eq!(ports, BTreeSet::from([api_port(), http_port()]));
    let command: Vec<String> = serde_json::from_str(product.only("CMD")).unwrap();
    crate::commands::parse(["coordinator".to_owned()].into_iter().chain(command)).unwrap();
}

#[test]
fn builds_are_locked_and_of_programs_that_exist() {
    let stages = stages(&read("Dockerfile"));
    let mut builds = 0;
    for stage in stages.values() {
        for run in stage
            .all("RUN")
            .iter()
            .filter(|run| run.contains("cargo build"))
        {
            builds += 1;
            assert!(
                run.contains("--locked") && run.contains("--release"),
                "{run}"
            );
            for part in run.split("--package ").skip(1) {
                let package = part.split(' ').next().unwrap();
                let manifest = root().join("crates").join(package).join("Cargo.toml");
                assert!(manifest.exists(), "there is no package {package}");
            }
            for part in run.split("target/release/").skip(1) {
                let program = part.split(' ').next().unwrap();
                let package = match program {
                    "coordinator" => "coordinator-server",
                    other => other,
                };
                let manifest = read(&format!("crates/{package}/Cargo.toml"));
                assert!(
                    manifest.contains(&format!("name = \"{program}\"")),
                    "{program}"
                );
                assert!(run.contains(&format!("--package {package}")), "{program}");
            }
        }
    }
    assert_eq!(builds, 2);
}

#[test]
fn compilers_are_new_enough() {
    let text = read("Dockerfile");
    let version = |text: &str| -> Vec<u32> {
        text.trim_matches('"')
            .split('.')
            .map(|n| n.parse().unwrap())
            .collect()
    };
    let offered = text
        .lines()
        .find_map(|line| line.strip_prefix("ARG RUST_VERSION="))
        .unwrap();
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let needed = manifest["workspace"]["package"]["rust-version"]
        .as_str()
        .unwrap();
    assert!(version(offered) >= version(needed), "{offered} < {needed}");
}

#[test]
fn nothing_that_the_build_needs_is_left_out() {
    let ignored = read(".dockerignore");
    let ignored: Vec<&str> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    for needed in ["Cargo.toml", "Cargo.lock", "crates", "tests"] {
        assert!(!ignored.contains(&needed), "{needed}");
    }
    for heavy in [".git", "target"] {
        assert!(ignored.contains(&heavy), "{heavy} need not be sent");
    }
}

#[test]
fn lines_that_go_on_are_joined() {
    let text = "# no\nFROM a AS b\nRUN one \\\n    # a remark\n    && two\n";
    let all = instructions(text);
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].rest, "one && two");
}
