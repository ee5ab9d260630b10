//! The helps, and the document that shows them.

use std::path::Path;

use crate::harness::{compare, golden, parse};

fn names() -> Vec<String> {
    let command = admin_cli::command();
    let names = command.get_subcommands().map(|it| it.get_name().to_owned());
    names.collect()
}

fn help(name: &str, flag: &str) -> String {
    let error = parse(&[name, flag]).unwrap_err();
    assert_eq!(error.exit_code(), 0);
    error.to_string()
}

#[test]
fn the_grammar_is_sound() {
    admin_cli::command().debug_assert();
    assert_eq!(
        names(),
        [
            "list", "get", "enable", "disable", "retry", "hold", "release", "watch", "explain",
            "wait", "overview", "shadow"
        ]
    );
}

#[test]
fn short_helps() {
    let helps: Vec<String> = names()
        .iter()
        .map(|name| format!("$ coordinator {name} -h\n{}", help(name, "-h")))
        .collect();
    golden("help-short.txt", &helps.join("\n"));
}

#[test]
fn every_long_help_has_what_people_look_for() {
    for name in names() {
        let help = help(&name, "--help");
        for wanted in [
            "Examples:",
            "Exit codes:",
            "[default: http://127.0.0.1:9003]",
            "[env: COORDINATOR_SERVER]",
            "[env: COORDINATOR_TOKEN_FILE]",
            "[default: 10s]",
            "[default: table]",
        ] {
            assert!(help.contains(wanted), "{name} lacks {wanted}\n{help}");
        }
        let examples = help.matches("\n  coordinator ").count();
        assert!(examples >= 2, "{name} has {examples} examples");
        assert!(
            help.lines().all(|line| line.chars().count() <= 120),
            "{help}"
        );
    }
}

#[test]
fn every_example_can_be_typed() {
    for name in names() {
        let help = help(&name, "-h");
        let examples = help
            .lines()
            .filter_map(|line| line.strip_prefix("  coordinator "));
        for example in examples {
            for part in example.split(" | ") {
                let part = part.trim_start_matches("coordinator ");
                let typed = part.split("  ").next().unwrap_or_default();
                let words = shell_words(typed);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let parsed = parse(&words);
                assert!(parsed.is_ok(), "{typed}: {}", parsed.unwrap_err());
            }
        }
    }
}

/// Words, with single quotes as a shell takes them.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in text.trim().chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// The document with `block` between the mark `begin` and the end that follows.
fn filled(document: &str, begin: &str, block: &str) -> String {
    let begin = format!("<!-- {begin} -->\n");
    let Some((before, rest)) = document.split_once(&begin) else {
        panic!("docs/cli.md lacks the mark {begin}");
    };
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let lines: Vec<&str> = block.lines().map(str::trim_end).collect();
    let block = lines.join("\n");
    let block = block.trim_end();
    format!("{before}{begin}```text\n{block}\n```\n<!-- end -->{after}")
}

/// The document holds the long help of each command, and some of the outputs that
/// other tests compare.
#[test]
fn the_document_shows_helps_and_outputs_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let mut document = std::fs::read_to_string(&path).unwrap();
    for name in names() {
        let block = help(&name, "--help");
        document = filled(&document, &format!("help: {name}"), &block);
    }
    for name in ["list.table", "explain.table"] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/golden")
            .join(name);
        let block = std::fs::read_to_string(golden).unwrap();
        document = filled(&document, &format!("output: {name}"), &block);
    }
    compare(&path, &document);
}

#[test]
fn the_document_lists_every_exit_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let document = std::fs::read_to_string(path).unwrap();
    for number in [0, 1, 2, 4, 5, 69, 130, 141] {
        assert!(document.contains(&format!("| {number} |")), "{number}");
    }
}
