//! The file: names, types, places, hostile content.

use coordinator_server::config::Loaded;

use crate::support::{Folder, load};

fn file(text: &str) -> Loaded {
    let folder = Folder::new();
    let path = folder.write("c.toml", text).display().to_string();
    load(&["--config", &path], &[])
}

#[track_caller]
fn said(text: &str) -> Vec<String> {
    let problems = file(text).problems;
    problems
        .iter()
        .filter_map(|one| {
            let origin = one.origin.as_ref()?.to_string();
            let place = origin.split_once("c.toml:")?.1.to_owned();
            Some(format!("{place} {}: {}", one.subject, one.message))
        })
        .collect()
}

#[test]
fn each_mistake_is_shown_at_its_place() {
    let text = "\
# a comment
rcp_url = \"x\"
tick = 5
  shadow = \"yes\"
grpc_port = \"9003\"
rpc_url = [\"https://a\", 7]
\"é\" = 1
drain_delay = \"soon\"
";
    assert_eq!(
        said(text),
        [
            "2:1 rcp_url: there is no such setting; did you mean `rpc_url`?",
            "3:8 tick: it is of the type integer, expected a string with a unit such as \"5s\"",
            "4:12 shadow: it is of the type string, expected true or false",
            "5:13 grpc_port: it is of the type string, expected an integer",
            "6:11 rpc_url: it holds something that is no string",
            "7:1 é: there is no such setting",
            "8:15 drain_delay: `soon` is no duration with a unit such as `500ms`, `5s` or `2m`",
        ]
    );
}

#[test]
fn mistakes_of_syntax_are_shown_at_their_place() {
    let said = said("tick = \"1s\"\nrpc_url = \"unclosed\nshadow = = true\n");
    assert!(said.iter().any(|line| line.starts_with("2:")), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("3:")), "{said:?}");
}

#[test]
fn a_name_twice_is_a_mistake() {
    let said = said("tick = \"1s\"\ntick = \"2s\"\n");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("2:1 "), "{said:?}");
}

#[test]
fn several_urls_may_stand_in_an_array() {
    let loaded = file("rpc_url = [\"https://a\", \"https://b/key\"]\n");
    let row = loaded
        .rows
        .iter()
        .find(|row| row.name == "rpc_url")
        .unwrap();
    assert_eq!(row.value, Some("https://a,https://b/***".into()));
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let loaded = load(&["--config", "/nowhere/c.toml"], &[]);
    let first = &loaded.problems[0];
    assert_eq!(first.subject, "/nowhere/c.toml");
    assert!(first.message.contains("cannot be opened"), "{first:?}");
    assert!(loaded.config.is_none());
}

#[test]
fn hostile_files_are_refused() {
    let folder = Folder::new();
    let huge = folder.write("huge.toml", &"#".repeat((1 << 20) + 1));
    let binary = folder.path().join("binary.toml");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    for (path, expected) in [
        (huge, "longer than"),
        (binary, "not UTF-8"),
        (folder.path().to_owned(), "is a folder"),
    ] {
        let loaded = load(&["--config", &path.display().to_string()], &[]);
        assert!(
            loaded.problems[0].message.contains(expected),
            "{:?}",
            loaded.problems
        );
    }
    let deep = format!("tick = {}", "[".repeat(100_000));
    assert!(!file(&deep).problems.is_empty());
}

#[test]
fn what_is_printed_can_be_read_back() {
    let folder = Folder::new();
    let text = "rpc_url = \"https://a\"\ntick = \"2s\"\nshadow = true\nlisting_drop_share = 0.5\n";
    let path = folder.write("c.toml", text).display().to_string();
    let printed = |path: &str| {
        let loaded = load(&["--config", path], &[]);
        coordinator_server::config::toml(&loaded.rows)
    };
    let first = printed(&path);
    let again = folder.write("again.toml", &first).display().to_string();
    let values = |text: &str| -> Vec<String> {
        let value = |line: &str| line.split_once("  # ").map(|(value, _)| value.to_owned());
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(value)
            .collect()
    };
    assert_eq!(values(&first), values(&printed(&again)));
    assert!(
        values(&first).contains(&"tick = \"2s\"".to_owned()),
        "{first}"
    );
}
