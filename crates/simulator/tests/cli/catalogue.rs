//! Listing and explaining faults and oracles.

use std::process::{Command, Output};

use serde_json::Value;

fn run(words: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulator"))
        .args(words.split_whitespace())
        .env("NO_COLOR", "1")
        .output()
        .expect("it starts")
}

#[track_caller]
fn data(words: &str) -> String {
    let output = run(words);
    assert_eq!(output.status.code(), Some(0), "{words}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_fault_is_listed_for_people_and_for_programs() {
    let table = data("faults");
    let objects = data("faults -o json");
    let mut count = 0;
    for line in objects.lines() {
        let family: Value = serde_json::from_str(line).expect("an object a line");
        let name = family["name"].as_str().expect("a name");
        let listed = |row: &str| row.split_whitespace().next() == Some(name);
        assert!(table.lines().any(listed), "{name}");
        assert_eq!(family["schema_version"], 1);
        count += 1;
    }
    assert!(count >= 25);
    assert_eq!(table.lines().count(), count + 1);
}

#[test]
fn the_page_ends_with_the_oracles() {
    let page = data("faults -o markdown");
    assert!(page.starts_with("# Faults\n"));
    assert!(page.contains("\n### answer_lost\n"));
    assert!(
        page.lines()
            .last()
            .is_some_and(|line| line.starts_with("| P6 "))
    );
}

#[test]
fn a_fault_and_an_oracle_are_explained() {
    let fault = data("explain Clock-Jump");
    assert!(fault.starts_with("clock_jump: "), "{fault}");
    assert!(fault.contains("S17 one task per account"), "{fault}");
    let oracle = data("explain s17");
    assert!(
        oracle.starts_with("S17: one task per account\n"),
        "{oracle}"
    );
    assert!(oracle.contains("clock_jump"), "{oracle}");
}

#[test]
fn what_is_unknown_is_guessed() {
    for (word, help) in [
        ("clokc_jump", "did you mean `clock_jump`?"),
        ("S99", "`cargo sim faults` lists the faults"),
    ] {
        let output = run(&format!("explain {word}"));
        assert_eq!(output.status.code(), Some(2));
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(talk.contains(help), "{talk}");
        assert!(output.stdout.is_empty());
    }
}
