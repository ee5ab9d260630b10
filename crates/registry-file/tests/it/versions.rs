//! Versions and tombstones over restarts.

use serde_json::{Value, json};

use crate::desk::{Desk, entry, is_deleted, list, names, problems, read, version};

const FILE: &str = "registry.toml";

#[tokio::test]
async fn a_restart_changes_nothing() {
    let desk = Desk::new();
    desk.write(
        FILE,
        &format!("{}{}", entry("f", "one"), entry("gone", "c")),
    );
    let registry = desk.open(FILE);
    names(&registry).await;
    desk.pass(5);
    desk.write(FILE, &entry("f", "two"));
    names(&registry).await;
    let (before, book) = (
        read(&registry, "f").await.unwrap(),
        desk.read("versions.json"),
    );
    let tombstone = read(&registry, "gone").await.unwrap();
    drop(registry);

    desk.pass(100);
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["f"]);
    assert_eq!(read(&registry, "f").await.unwrap(), before);
    assert_eq!(read(&registry, "gone").await.unwrap(), tombstone);
    assert_eq!(desk.read("versions.json"), book);
}

#[tokio::test]
async fn what_was_edited_while_nobody_looked_is_noticed_at_the_start() {
    let desk = Desk::new();
    desk.write(
        FILE,
        &format!("{}{}", entry("f", "one"), entry("gone", "c")),
    );
    let before = version(&desk.open(FILE), "f").await;
    desk.pass(5);
    desk.write(FILE, &entry("f", "two"));
    let registry = desk.open(FILE);
    assert_eq!(version(&registry, "f").await, before + 5);
    assert!(is_deleted(&registry, "gone").await);
}

#[tokio::test]
async fn a_start_with_a_broken_file_deletes_nothing() {
    let desk = Desk::new();
    desk.write(FILE, &entry("f", "c"));
    let before = version(&desk.open(FILE), "f").await;
    desk.pass(5);
    for text in ["", "indexer = "] {
        desk.write(FILE, text);
        let registry = desk.open(FILE);
        assert!(list(&registry).await.is_err());
        let unknown = read(&registry, "f").await.unwrap_err().to_string();
        assert!(unknown.contains("cannot be read"), "{unknown}");
    }
    desk.remove(FILE);
    let registry = desk.open(FILE);
    assert!(list(&registry).await.is_err());
    assert!(read(&registry, "f").await.is_err());
    desk.write(FILE, &entry("f", "c"));
    assert_eq!(version(&registry, "f").await, before);
}

#[tokio::test]
async fn a_return_from_a_tombstone_is_a_new_version() {
    let desk = Desk::new();
    desk.write(FILE, &format!("{}{}", entry("f", "c"), entry("g", "c")));
    let registry = desk.open(FILE);
    let first = version(&registry, "f").await;
    desk.write(FILE, &entry("g", "c"));
    assert!(is_deleted(&registry, "f").await);
    drop(registry);
    // All of it within one second.
    desk.write(FILE, &format!("{}{}", entry("f", "c"), entry("g", "c")));
    let registry = desk.open(FILE);
    assert!(!is_deleted(&registry, "f").await);
    assert!(version(&registry, "f").await > first);
}

#[tokio::test]
async fn versions_that_are_lost_begin_at_the_present_and_forget_tombstones() {
    let desk = Desk::new();
    desk.write(FILE, &format!("{}{}", entry("f", "c"), entry("gone", "c")));
    let registry = desk.open(FILE);
    let before = version(&registry, "f").await;
    desk.write(FILE, &entry("f", "c"));
    assert!(is_deleted(&registry, "gone").await);
    desk.pass(7);
    desk.remove("versions.json");
    let registry = desk.open(FILE);
    assert_eq!(version(&registry, "f").await, before + 7);
    assert!(read(&registry, "gone").await.unwrap().is_null());
}

#[tokio::test]
async fn versions_that_cannot_be_read_are_left_alone_and_stop_the_start() {
    let desk = Desk::new();
    desk.write(FILE, &entry("f", "c"));
    for (text, told) in [
        ("", "versions.json:1:1: "),
        ("{\n  \"format\": x", "versions.json:2:"),
        (r#"{"format":2,"began":1,"entries":{}}"#, "its format is 2"),
        ("[]", "versions.json:1:"),
    ] {
        desk.write("versions.json", text);
        let error = desk.try_open(FILE).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(error.contains("move it away"), "{error}");
        assert_eq!(desk.read("versions.json"), text);
    }
}

#[tokio::test]
async fn without_a_place_for_versions_no_change_counts() {
    let desk = Desk::new();
    desk.write(FILE, &entry("f", "c"));
    let mut options = desk.options();
    options.versions = Some(desk.path("later/versions.json"));
    let clock = std::sync::Arc::new(desk.clock.clone());
    let registry = registry_file::FileRegistry::open(&desk.path(FILE), options, clock).unwrap();
    let error = list(&registry).await.unwrap_err().to_string();
    assert!(error.contains("versions cannot be written"), "{error}");
    assert!(problems(&registry, &desk.path(""))[0].starts_with("later/versions.json: "));
    std::fs::create_dir(desk.path("later")).unwrap();
    assert_eq!(names(&registry).await, ["f"]);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}

#[tokio::test]
async fn versions_stand_beside_the_registry_unless_told_otherwise() {
    let desk = Desk::new();
    desk.write(FILE, &entry("f", "c"));
    let mut options = desk.options();
    options.versions = None;
    let clock = std::sync::Arc::new(desk.clock.clone());
    let registry = registry_file::FileRegistry::open(&desk.path(FILE), options, clock).unwrap();
    names(&registry).await;
    assert!(desk.path("registry.toml.versions.json").exists());
}

#[tokio::test]
async fn a_clock_that_is_put_back_takes_no_height_back() {
    let desk = Desk::new();
    desk.pass(1000);
    desk.write(FILE, &entry("f", "one"));
    let registry = desk.open(FILE);
    let first = version(&registry, "f").await;
    desk.clock_back(500);
    desk.write(FILE, &entry("f", "two"));
    assert_eq!(version(&registry, "f").await, first + 1);
    drop(registry);
    desk.clock_back(100);
    desk.write(FILE, &entry("f", "three"));
    assert_eq!(version(&desk.open(FILE), "f").await, first + 2);
}

#[tokio::test]
async fn the_contracts_own_listing_keeps_its_heights() {
    let desk = Desk::new();
    let entry = |code: &str, updated: Value, deleted: Value| {
        json!({ "code": code, "schema": "s", "start_block": "LATEST",
            "rule": { "kind": "ACTION_ANY", "affected_account_id": "x", "status": "ANY" },
            "created_at_block_height": 100, "updated_at_block_height": updated,
            "deleted_at_block_height": deleted, "forked_from": null })
    };
    let write = |f: Value| {
        let gone = entry("x", json!(150), json!(160));
        let listing = json!({ "a.near": { "f": f, "gone": gone }, "empty.near": {} });
        desk.write("dump.json", &listing.to_string());
    };
    write(entry("one", json!(120), Value::Null));
    let registry = desk.open("dump.json");
    assert_eq!(names(&registry).await, ["f"]);
    let read_f = read(&registry, "f").await.unwrap();
    assert_eq!(read_f, entry("one", json!(120), Value::Null));
    for _ in 0..2 {
        let gone = read(&registry, "gone").await.unwrap();
        assert_eq!(gone["deleted_at_block_height"], 160);
        assert_eq!(gone["updated_at_block_height"], 150);
    }
    write(entry("two", json!(130), Value::Null));
    assert_eq!(version(&registry, "f").await, 130);
    // A change that keeps its version is a change all the same.
    write(entry("three", json!(130), Value::Null));
    assert_eq!(version(&registry, "f").await, 131);
}

#[tokio::test]
async fn what_is_neither_file_nor_folder_is_refused_at_once() {
    let desk = Desk::new();
    let socket = std::os::unix::net::UnixListener::bind(desk.path("socket")).unwrap();
    std::os::unix::fs::symlink("socket", desk.path("link")).unwrap();
    for name in ["socket", "link"] {
        let error = desk.try_open(name).unwrap_err().to_string();
        assert!(
            error.contains("it is a pipe, a socket or a device"),
            "{error}"
        );
    }
    drop(socket);
    let device = std::path::Path::new("/dev/null");
    let clock = std::sync::Arc::new(desk.clock.clone());
    let opened = registry_file::FileRegistry::open(device, desk.options(), clock);
    assert!(opened.is_err());
    // What is not there yet may come.
    assert!(desk.try_open("none").is_ok());
}
