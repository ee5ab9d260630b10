//! Listing faults, and explaining whatever has a name.

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
fn whatever_a_report_names_can_be_asked_for() {
    for (words, expected) in [
        ("S13", "S13: no oracle has this number. "),
        ("l7", "L7: no oracle has this number. "),
        ("M1", "M1: One seed led to two different runs"),
        ("network", "network: a profile of swarms\n"),
        (
            "null-read-as-deletion",
            "null-read-as-deletion: a planted bug of the coordinator",
        ),
        ("phase Deleted", "Nothing can reach it: a record is removed"),
        (
            "Deleting x StoreDelete unanswered",
            "\nRare: a call that is seldom made",
        ),
        (
            "transition Initializing -> Running",
            "transition Initializing -> Running: a mark",
        ),
        (
            "transition Initializing to Running",
            "transition Initializing -> Running: a mark",
        ),
        ("exit 6", "exit 6: a liveness property was violated\n"),
    ] {
        let text = data(&format!("explain {words}"));
        assert!(text.contains(expected), "{words}: {text}");
    }
    let bug = data("explain null_read_as_deletion");
    assert!(
        bug.contains("\ncaught by S7:\ncargo sim run scenarios/"),
        "{bug}"
    );
    // A fault and a profile have this name.
    let both = data("explain churn");
    assert!(both.contains("churn: a profile of swarms"), "{both}");
    assert!(both.starts_with("churn: "), "{both}");
}

#[test]
fn all_names_are_listed() {
    let all = data("explain");
    for (name, kind) in [
        ("answer_lost", "fault"),
        ("S7", "oracle"),
        ("S13", "no oracle"),
        ("null-read-as-deletion", "planted bug"),
        ("calm", "profile"),
        ("exit 130", "exit code"),
        ("phase Running", "mark"),
    ] {
        let is_row = |row: &&str| row.trim().starts_with(name) && row.trim().ends_with(kind);
        assert!(all.lines().any(|row| is_row(&row)), "{name}");
    }
}

#[test]
fn what_is_unknown_is_guessed() {
    for (word, help) in [
        ("clokc_jump", "did you mean `clock_jump`"),
        ("null-reads-as-deletion", "`null-read-as-deletion`"),
        ("phase Runing", "`phase Running`"),
        ("S99", "did you mean `S9`"),
        (
            "something-else-altogether",
            "`cargo sim explain` lists all names",
        ),
    ] {
        let output = run(&format!("explain {word}"));
        assert_eq!(output.status.code(), Some(2));
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(talk.contains(help), "{talk}");
        assert!(output.stdout.is_empty());
    }
}
