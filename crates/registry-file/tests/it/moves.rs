//! Entries that go from one file of a folder to another, and deletions that wait for that.

use std::fs::File;
use std::time::{Duration, SystemTime};

use coordinator::Clock;
use registry_file::FileRegistry;

use crate::desk::{Desk, entry, is_deleted, names, problems, read, version};

/// For how long a file has to be left alone, in seconds.
const REST: u64 = 3;

/// For how long a deletion waits at most for other files, in seconds.
const PATIENCE: u64 = 300 * REST;

/// A folder in which `a.toml` has f and g, and somebody who has read it.
async fn opened() -> (Desk, FileRegistry) {
    let mut desk = Desk::new();
    desk.settle = Duration::from_secs(REST);
    std::fs::create_dir(desk.path("reg")).unwrap();
    let both = format!("{}{}", entry("f", "one"), entry("g", "one"));
    desk.write("reg/a.toml", &both);
    let registry = start(&desk).await;
    assert_eq!(names(&registry).await, ["f", "g"]);
    (desk, registry)
}

/// Opens the registry, and waits until it counts.
async fn start(desk: &Desk) -> FileRegistry {
    let registry = desk.open("reg");
    for _ in 0..=REST {
        look(&registry).await;
        desk.pass(1);
    }
    registry
}

async fn look(registry: &FileRegistry) {
    let _unread = read(registry, "f").await;
}

/// Lets seconds pass, with looks all the time, in which f and g are there as they were.
async fn stays(desk: &Desk, registry: &FileRegistry, seconds: u64) {
    let before = [version(registry, "f").await, version(registry, "g").await];
    let mut second = 0;
    loop {
        assert_eq!(names(registry).await, ["f", "g"], "after {second}");
        let now = [version(registry, "f").await, version(registry, "g").await];
        assert_eq!(now, before, "after {second}");
        assert!(!is_deleted(registry, "f").await, "after {second}");
        if second == seconds {
            return;
        }
        let step = (seconds / 30).clamp(1, seconds - second);
        desk.pass(step);
        second += step;
    }
}

#[tokio::test]
async fn an_entry_keeps_its_version_while_it_is_moved_in_two_steps() {
    for gap in [0, REST - 1, REST, 2 * REST - 1] {
        let (desk, registry) = opened().await;
        desk.write("reg/a.toml", &entry("g", "one"));
        stays(&desk, &registry, gap).await;
        desk.write("reg/b.toml", &entry("f", "one"));
        stays(&desk, &registry, 3 * REST).await;
        assert_eq!(problems(&registry, &desk.path("reg")), [""; 0]);
        // It belongs to the other file from now on.
        desk.write("reg/b.toml", "indexer = []");
        stays(&desk, &registry, 2 * REST - 1).await;
        desk.pass(1);
        assert!(is_deleted(&registry, "f").await, "gap {gap}");
    }
}

/// Writes a file, as of the clock by hand.
fn put(desk: &Desk, name: &str, text: &str) {
    desk.write(name, text);
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(desk.clock.now().0);
    let file = File::options().write(true).open(desk.path(name));
    file.unwrap().set_modified(at).unwrap();
}

#[tokio::test]
async fn an_entry_keeps_its_version_whenever_it_is_looked_at() {
    for gap in 0..2 * REST {
        for looks in 1..2 * REST {
            let (desk, registry) = opened().await;
            let before = version(&registry, "f").await;
            put(&desk, "reg/a.toml", &entry("g", "one"));
            for second in 0..5 * REST {
                if second == gap {
                    put(&desk, "reg/b.toml", &entry("f", "one"));
                }
                if second % looks == 0 {
                    assert_eq!(names(&registry).await, ["f", "g"], "{gap} {looks}");
                    assert_eq!(version(&registry, "f").await, before);
                }
                desk.pass(1);
            }
            assert!(!desk.read("versions.json").contains("deleted"));
        }
    }
}

#[tokio::test]
async fn an_entry_that_is_changed_while_it_is_moved_is_updated() {
    let (desk, registry) = opened().await;
    let before = read(&registry, "f").await.unwrap();
    let version_before = version(&registry, "f").await;
    desk.write("reg/a.toml", &entry("g", "one"));
    stays(&desk, &registry, REST + 1).await;
    desk.write("reg/b.toml", &entry("f", "two"));
    stays(&desk, &registry, REST - 1).await;
    desk.pass(1);
    let after = read(&registry, "f").await.unwrap();
    assert_eq!(after["code"], "two");
    let created = "created_at_block_height";
    assert_eq!(after[created], before[created]);
    assert!(version(&registry, "f").await > version_before);
    assert!(after["deleted_at_block_height"].is_null());
    assert!(!desk.read("versions.json").contains("deleted"));
}

#[tokio::test]
async fn an_entry_taken_out_is_deleted_once_the_folder_rests() {
    let (desk, registry) = opened().await;
    desk.write("reg/a.toml", &entry("g", "one"));
    stays(&desk, &registry, 2 * REST - 1).await;
    desk.pass(1);
    assert_eq!(names(&registry).await, ["g"]);
    assert!(is_deleted(&registry, "f").await);
}

#[tokio::test]
async fn a_deletion_does_not_keep_other_changes_waiting() {
    let (desk, registry) = opened().await;
    desk.write(
        "reg/a.toml",
        &format!("{}{}", entry("g", "two"), entry("h", "one")),
    );
    look(&registry).await;
    desk.pass(REST);
    assert_eq!(names(&registry).await, ["f", "g", "h"]);
    assert_eq!(read(&registry, "g").await.unwrap()["code"], "two");
    assert_eq!(read(&registry, "f").await.unwrap()["code"], "one");
}

#[tokio::test]
async fn whatever_happens_in_the_folder_begins_its_rest_anew() {
    for how in 0..5 {
        let (desk, registry) = opened().await;
        desk.write("reg/c.toml", "indexer = []");
        stays(&desk, &registry, 3 * REST).await;
        desk.write("reg/a.toml", &entry("g", "one"));
        stays(&desk, &registry, 2 * REST - 1).await;
        match how {
            // A file that is old comes and counts at once.
            0 => {
                desk.write("reg/d.toml", "indexer = []");
                let file = File::options().write(true).open(desk.path("reg/d.toml"));
                let old = SystemTime::UNIX_EPOCH;
                file.unwrap().set_modified(old).unwrap();
            }
            1 => desk.remove("reg/c.toml"),
            // Written, and as before.
            2 => {
                let file = File::options().write(true).open(desk.path("reg/c.toml"));
                let other = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
                file.unwrap().set_modified(other).unwrap();
            }
            // The clock was put right.
            3 => desk.pass(3_600),
            _ => desk.clock_back(100),
        }
        stays(&desk, &registry, REST - 1).await;
        desk.pass(1);
        assert!(is_deleted(&registry, "f").await, "{how}");
    }
}

#[tokio::test]
async fn a_file_that_is_wrong_delays_deletions_in_others_and_does_not_stop_them() {
    for missing in [false, true] {
        let (desk, registry) = opened().await;
        desk.write("reg/b.toml", &entry("g", "one"));
        stays(&desk, &registry, 3 * REST).await;
        desk.write("reg/a.toml", &entry("f", "one"));
        stays(&desk, &registry, 3 * REST).await;
        // Now a has f and b has g.
        match missing {
            false => desk.write("reg/b.toml", "[["),
            true => desk.remove("reg/b.toml"),
        }
        stays(&desk, &registry, 3 * REST).await;
        desk.write("reg/a.toml", "indexer = []");
        look(&registry).await;
        desk.pass(REST);
        stays(&desk, &registry, PATIENCE - 1).await;
        desk.pass(1);
        assert_eq!(names(&registry).await, ["g"]);
        assert!(is_deleted(&registry, "f").await);
        // What the other said last is in force, however long it takes.
        desk.pass(10 * PATIENCE);
        assert_eq!(names(&registry).await, ["g"]);
    }
}

#[tokio::test]
async fn the_time_that_a_deletion_waited_does_not_count_for_the_next_one() {
    let (desk, registry) = opened().await;
    let both = desk.read("reg/a.toml");
    desk.write("reg/b.toml", "[[");
    for _ in 0..2 {
        desk.write("reg/a.toml", &entry("g", "one"));
        stays(&desk, &registry, PATIENCE / 2 + REST).await;
        // As a machine that was asleep.
        desk.pass(3_600);
        stays(&desk, &registry, PATIENCE / 2).await;
        desk.write("reg/a.toml", &both);
        stays(&desk, &registry, 2 * REST).await;
    }
}

#[tokio::test]
async fn an_entry_that_is_moved_into_a_file_that_is_wrong_at_first_stays() {
    let (desk, registry) = opened().await;
    desk.write("reg/b.toml", &entry("f", "one").replace("start", "strat"));
    desk.write("reg/a.toml", &entry("g", "one"));
    stays(&desk, &registry, PATIENCE).await;
    desk.write("reg/b.toml", &entry("f", "one"));
    stays(&desk, &registry, 3 * REST).await;
    assert_eq!(problems(&registry, &desk.path("reg")), [""; 0]);
}

#[tokio::test]
async fn a_file_that_changes_all_the_time_does_not_stop_deletions() {
    let (desk, registry) = opened().await;
    desk.write("reg/a.toml", &entry("g", "one"));
    look(&registry).await;
    desk.pass(REST);
    for time in 0..PATIENCE / REST {
        desk.write("reg/b.toml", &entry("h", &time.to_string()));
        assert_eq!(names(&registry).await, ["f", "g"], "{time}");
        desk.pass(REST);
    }
    desk.write("reg/b.toml", &entry("h", "x"));
    assert_eq!(names(&registry).await, ["g"]);
    assert!(is_deleted(&registry, "f").await);
}

#[tokio::test]
async fn a_move_while_nobody_looks_keeps_the_version() {
    for code in ["one", "two"] {
        let (desk, registry) = opened().await;
        let before = version(&registry, "f").await;
        drop(registry);
        desk.pass(50);
        desk.write("reg/a.toml", &entry("g", "one"));
        desk.write("reg/b.toml", &entry("f", code));
        let registry = start(&desk).await;
        assert_eq!(names(&registry).await, ["f", "g"]);
        assert_eq!(version(&registry, "f").await == before, code == "one");
        assert!(!desk.read("versions.json").contains("deleted"));
    }
}

#[tokio::test]
async fn a_start_in_the_middle_of_a_move_deletes_nothing() {
    let (desk, registry) = opened().await;
    let before = version(&registry, "f").await;
    drop(registry);
    desk.write("reg/a.toml", &entry("g", "one"));
    let file = File::options().write(true).open(desk.path("reg/a.toml"));
    // It counts at the first look.
    let old = SystemTime::UNIX_EPOCH;
    file.unwrap().set_modified(old).unwrap();
    let registry = desk.open("reg");
    assert_eq!(names(&registry).await, ["g"]);
    for _ in 1..REST {
        let unknown = read(&registry, "f").await.unwrap_err().to_string();
        assert!(unknown.contains("left alone"), "{unknown}");
        desk.pass(1);
    }
    desk.write("reg/b.toml", &entry("f", "one"));
    look(&registry).await;
    desk.pass(REST);
    assert_eq!(names(&registry).await, ["f", "g"]);
    assert_eq!(version(&registry, "f").await, before);
}

#[tokio::test]
async fn a_file_that_is_gone_before_its_deletion_counts_deletes_nothing() {
    let (desk, registry) = opened().await;
    desk.write("reg/a.toml", "indexer = []");
    stays(&desk, &registry, REST + 1).await;
    desk.remove("reg/a.toml");
    stays(&desk, &registry, PATIENCE).await;
    let found = problems(&registry, &desk.path("reg"));
    assert!(
        found[0].starts_with("a.toml: it is missing, and its 2 indexers stay"),
        "{found:?}"
    );
    // What it says is known, so that only the folder has to rest.
    desk.write("reg/a.toml", "indexer = []");
    stays(&desk, &registry, REST - 1).await;
    desk.pass(1);
    assert!(is_deleted(&registry, "f").await);
}
