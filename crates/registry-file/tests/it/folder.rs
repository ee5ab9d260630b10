//! Several files in a folder.

use crate::desk::{Desk, entry, is_deleted, list, names, problems, read, version};

fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("reg")).unwrap();
    desk
}

#[tokio::test]
async fn a_broken_file_stops_no_other() {
    let desk = desk();
    desk.write("reg/a.toml", &entry("f", "one"));
    desk.write("reg/b.toml", &entry("g", "one"));
    let registry = desk.open("reg");
    assert_eq!(names(&registry).await, ["f", "g"]);
    desk.write("reg/a.toml", "[[");
    desk.write("reg/b.toml", &entry("h", "one"));
    assert_eq!(names(&registry).await, ["f", "h"]);
    assert!(is_deleted(&registry, "g").await);
    let found = problems(&registry, &desk.path("reg"));
    assert!(found[0].starts_with("a.toml:1:"), "{found:?}");

    // After a restart nothing is known of the broken one but that it was there.
    let registry = desk.open("reg");
    assert_eq!(names(&registry).await, ["h"]);
    let unknown = read(&registry, "f").await.unwrap_err().to_string();
    assert!(unknown.contains("a.toml"), "{unknown}");
    desk.write("reg/a.toml", &entry("f", "one"));
    assert_eq!(names(&registry).await, ["f", "h"]);
}

#[tokio::test]
async fn a_file_that_is_gone_deletes_nothing_until_it_says_so() {
    let desk = desk();
    desk.write("reg/a.toml", &entry("f", "one"));
    desk.write("reg/b.toml", &entry("g", "one"));
    let registry = desk.open("reg");
    names(&registry).await;
    desk.remove("reg/a.toml");
    assert_eq!(names(&registry).await, ["f", "g"]);
    let found = problems(&registry, &desk.path("reg"));
    assert!(
        found[0].starts_with("a.toml: it is missing, and its 1 indexers stay"),
        "{found:?}"
    );

    let registry = desk.open("reg");
    assert_eq!(names(&registry).await, ["g"]);
    assert!(read(&registry, "f").await.is_err());

    desk.write("reg/a.toml", "indexer = []");
    assert!(is_deleted(&registry, "f").await);
    desk.remove("reg/a.toml");
    assert_eq!(names(&registry).await, ["g"]);
    assert_eq!(problems(&registry, &desk.path("reg")), [""; 0]);
}

#[tokio::test]
async fn an_entry_that_moves_to_another_file_keeps_its_version() {
    let desk = desk();
    desk.write("reg/a.toml", &entry("f", "one"));
    let registry = desk.open("reg");
    let before = version(&registry, "f").await;
    desk.pass(9);
    std::fs::rename(desk.path("reg/a.toml"), desk.path("reg/b.toml")).unwrap();
    assert_eq!(version(&registry, "f").await, before);
    assert_eq!(problems(&registry, &desk.path("reg")), [""; 0]);
    desk.write("reg/b.toml", "indexer = []");
    assert!(is_deleted(&registry, "f").await);
}

#[tokio::test]
async fn an_indexer_in_two_files_is_told_and_the_first_counts() {
    let desk = desk();
    desk.write("reg/a.toml", &entry("f", "first"));
    desk.write(
        "reg/b.toml",
        &format!("{}{}", entry("g", "c"), entry("f", "second")),
    );
    let registry = desk.open("reg");
    for _ in 0..2 {
        assert_eq!(read(&registry, "f").await.unwrap()["code"], "first");
        let found = problems(&registry, &desk.path("reg"));
        assert_eq!(found, ["b.toml:8:1: a.near/f stands in a.toml already"]);
    }
    // What is only remembered gives way to what is there.
    desk.remove("reg/a.toml");
    assert_eq!(read(&registry, "f").await.unwrap()["code"], "second");
    assert_eq!(problems(&registry, &desk.path("reg")), [""; 0]);
}

#[tokio::test]
async fn an_indexer_twice_in_one_file_is_refused() {
    let desk = desk();
    desk.write("reg/a.toml", &format!("{0}{0}", entry("f", "c")));
    let registry = desk.open("reg");
    assert!(list(&registry).await.is_err());
    let found = problems(&registry, &desk.path("reg"));
    assert_eq!(found, ["a.toml:8:1: a.near/f stands in line 1 already"]);
}

#[tokio::test]
async fn an_empty_folder_is_an_empty_registry_only_if_nothing_was_there_before() {
    let desk = desk();
    let registry = desk.open("reg");
    assert_eq!(list(&registry).await.unwrap(), serde_json::json!({}));
    desk.write("reg/a.toml", &entry("f", "c"));
    assert_eq!(names(&registry).await, ["f"]);
    drop(registry);
    // As a volume looks that is not mounted.
    desk.remove("reg/a.toml");
    let registry = desk.open("reg");
    assert!(list(&registry).await.is_err());
    assert!(read(&registry, "f").await.is_err());
    std::fs::remove_dir(desk.path("reg")).unwrap();
    assert!(list(&desk.open("reg")).await.is_err());
}
