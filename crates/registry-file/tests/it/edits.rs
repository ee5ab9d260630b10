//! What an edit does, and what a mistake does not.

use std::time::Duration;

use coordinator::registry::{RegistryError, RegistryTransport};

use crate::desk::{Desk, entry, is_deleted, list, names, problems, read, version};

const FILE: &str = "registry.toml";

#[tokio::test]
async fn a_change_counts_and_an_entry_taken_out_is_deleted() {
    let desk = Desk::new();
    desk.write(FILE, &format!("{}{}", entry("f", "one"), entry("g", "one")));
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["f", "g"]);
    assert_eq!(registry.unheard(), None);
    let before = version(&registry, "f").await;

    desk.pass(5);
    desk.write(FILE, &format!("{}{}", entry("f", "two"), entry("g", "one")));
    assert_eq!(version(&registry, "f").await, before + 5);
    assert_eq!(version(&registry, "g").await, before);

    desk.pass(5);
    desk.write(FILE, &entry("f", "two"));
    assert_eq!(names(&registry).await, ["f"]);
    assert!(is_deleted(&registry, "g").await);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);

    desk.write(FILE, "indexer = []\n");
    assert_eq!(list(&registry).await.unwrap(), serde_json::json!({}));
    assert!(is_deleted(&registry, "f").await);
}

#[tokio::test]
async fn a_file_that_is_wrong_deletes_nothing_and_is_told_with_its_place() {
    let desk = Desk::new();
    let good = format!("{}{}", entry("f", "c"), entry("g", "c"));
    desk.write(FILE, &good);
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["f", "g"]);
    let spoiled = good.replacen("start = 7", "strat = 7", 1);
    for (text, told) in [
        ("", "registry.toml:1:1: it has no [[indexer]]"),
        ("  \n\n", "registry.toml:1:1: it has no [[indexer]]"),
        ("# later\n", "registry.toml:1:1: it has no [[indexer]]"),
        (&good[..20], "registry.toml:2:"),
        ("\u{0}\u{0}\u{0}", "registry.toml:1:1: "),
        (
            &spoiled,
            "registry.toml:4:1: an [[indexer]] has no key `strat`",
        ),
    ] {
        desk.write(FILE, text);
        assert_eq!(names(&registry).await, ["f", "g"], "{text:?}");
        assert!(!is_deleted(&registry, "f").await);
        let found = problems(&registry, &desk.path(""));
        let is_told = found.iter().any(|problem| problem.starts_with(told));
        assert!(is_told, "{text:?}: {found:#?}");
        let unheard = registry.unheard().unwrap();
        assert!(unheard.contains(told), "{text:?}: {unheard}");
    }
    std::fs::write(desk.path(FILE), b"\xff\xfe").unwrap();
    assert_eq!(names(&registry).await, ["f", "g"]);
    desk.remove(FILE);
    assert_eq!(names(&registry).await, ["f", "g"]);
    assert!(
        problems(&registry, &desk.path(""))
            .iter()
            .any(|p| p.contains("missing"))
    );
    std::fs::create_dir(desk.path(FILE)).unwrap();
    assert_eq!(names(&registry).await, ["f", "g"]);
    std::fs::remove_dir(desk.path(FILE)).unwrap();

    desk.write(FILE, &entry("f", "c"));
    assert_eq!(names(&registry).await, ["f"]);
    assert!(is_deleted(&registry, "g").await);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}

#[tokio::test]
async fn a_file_that_was_never_right_is_no_empty_registry() {
    let desk = Desk::new();
    let registry = desk.open(FILE);
    let missing = list(&registry).await.unwrap_err();
    assert!(missing.to_string().contains("registry.toml"), "{missing}");
    assert!(matches!(
        read(&registry, "f").await,
        Err(RegistryError::Unavailable(_))
    ));
    desk.write(FILE, "indexer = 7");
    let wrong = list(&registry).await.unwrap_err();
    assert!(
        wrong.to_string().contains("registry.toml:1:11: "),
        "{wrong}"
    );
    desk.write(FILE, &entry("f", "c"));
    assert_eq!(names(&registry).await, ["f"]);
    assert!(read(&registry, "none").await.unwrap().is_null());
}

#[tokio::test]
async fn a_change_counts_once_it_was_left_alone() {
    let mut desk = Desk::new();
    let both = format!("{}{}", entry("f", "c"), entry("g", "c"));
    desk.write(FILE, &both);
    desk.settle = Duration::from_secs(3);
    let registry = desk.open(FILE);
    assert!(list(&registry).await.is_err());
    desk.pass(3);
    assert_eq!(names(&registry).await, ["f", "g"]);

    // An editor that empties the file before it writes it again.
    for half in [&both[..entry("f", "c").len()], "indexer = []", &both] {
        desk.write(FILE, half);
        assert_eq!(names(&registry).await, ["f", "g"]);
        desk.pass(2);
        assert_eq!(names(&registry).await, ["f", "g"]);
    }
    assert!(!is_deleted(&registry, "f").await);

    desk.write(FILE, &entry("f", "c"));
    assert_eq!(names(&registry).await, ["f", "g"]);
    desk.pass(3);
    assert_eq!(names(&registry).await, ["f"]);
}

#[tokio::test]
async fn code_in_files_of_its_own_is_followed_too() {
    let desk = Desk::new();
    let text = entry("f", "X").replace("code = \"X\"", "code_file = \"f.js\"");
    desk.write(FILE, &text);
    let registry = desk.open(FILE);
    let missing = list(&registry).await.unwrap_err();
    assert!(
        missing.to_string().contains("registry.toml:6:13: "),
        "{missing}"
    );

    desk.write("f.js", "one");
    assert_eq!(read(&registry, "f").await.unwrap()["code"], "one");
    let before = version(&registry, "f").await;
    desk.pass(2);
    desk.write("f.js", "two");
    assert_eq!(read(&registry, "f").await.unwrap()["code"], "two");
    assert_eq!(version(&registry, "f").await, before + 2);
    desk.remove("f.js");
    assert_eq!(read(&registry, "f").await.unwrap()["code"], "two");
    assert!(problems(&registry, &desk.path(""))[0].contains("f.js"));
}

#[tokio::test]
async fn what_starts_at_its_registration_needs_to_know_the_height() {
    let desk = Desk::new();
    let latest = entry("f", "c").replace("start = 7", "start = \"LATEST\"");
    desk.write(FILE, &format!("{}{latest}", entry("g", "c")));
    let registry = desk.open(FILE);
    for _ in 0..2 {
        assert_eq!(names(&registry).await, ["g"]);
        let found = problems(&registry, &desk.path(""));
        assert!(
            found[0].starts_with("registry.toml:8:1: a.near/f starts"),
            "{found:?}"
        );
    }
    let named = latest.replace("schema", "version = 99\nschema");
    desk.write(FILE, &named);
    assert_eq!(version(&registry, "f").await, 99);
}

#[tokio::test]
async fn the_chain_says_what_heights_are() {
    let desk = Desk::new();
    let latest = entry("f", "c").replace("start = 7", "start = \"LATEST\"");
    // The clock by hand stands at 1,000 s.
    let chain = "[chain]\nheight = 500\nat = 1970-01-01T00:16:00Z\nblock_time = \"2s\"\n";
    desk.write(FILE, &format!("{chain}{latest}"));
    assert_eq!(version(&desk.open(FILE), "f").await, 520);

    let desk = Desk::new();
    desk.write(FILE, &format!("[chain]\nheight = 500\n{latest}"));
    let registry = desk.open(FILE);
    assert_eq!(version(&registry, "f").await, 500);
    desk.pass(9);
    desk.write(
        FILE,
        &format!(
            "[chain]\nheight = 500\n{}",
            latest.replace("\"c\"", "\"d\"")
        ),
    );
    assert_eq!(version(&registry, "f").await, 509);
}

#[tokio::test]
async fn hostile_texts_are_survived() {
    let desk = Desk::new();
    desk.write(FILE, &entry("f", "c"));
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["f"]);
    let deep = format!("indexer = {}", "[".repeat(200_000));
    let wide = "a.".repeat(100_000) + "b = 1";
    let many = "[[indexer]]\n".repeat(10_000);
    for text in [deep, wide, many] {
        desk.write(FILE, &text);
        assert_eq!(names(&registry).await, ["f"]);
        assert!(!registry.problems().is_empty());
    }
}
