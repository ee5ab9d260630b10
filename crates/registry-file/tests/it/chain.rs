//! Files that lose the chain, or change it, while they are watched and in between.

use coordinator::registry::RegistryTransport;
use registry_file::{FileRegistry, check};

use crate::desk::{Desk, entry, is_deleted, list, names, problems, read, version};

const FILE: &str = "registry.toml";
const CHAIN: &str = "[chain]\nheight = 130_000_000\n";
/// A time of the clock as it is today: without a chain it would be the height.
const TODAY: u64 = 1_795_000_000;

fn latest(function: &str) -> String {
    entry(function, "c").replace("start = 7", "start = \"LATEST\"")
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.pass(TODAY);
    desk
}

async fn height(registry: &FileRegistry) -> u64 {
    registry.view("list_all", b"{}").await.unwrap().block_height
}

#[tokio::test]
async fn a_file_that_lost_the_chain_for_a_moment_changes_nothing() {
    for wrong in [latest("f"), entry("f", "c"), "indexer = []\n".to_owned()] {
        let desk = desk();
        desk.write(FILE, &format!("{CHAIN}{}{}", latest("f"), latest("g")));
        let registry = desk.open(FILE);
        assert_eq!(names(&registry).await, ["f", "g"]);
        let book = desk.read("versions.json");

        desk.pass(5);
        desk.write(FILE, &wrong);
        assert_eq!(names(&registry).await, ["f", "g"], "{wrong}");
        assert_eq!(height(&registry).await, 130_000_005);
        assert!(!is_deleted(&registry, "g").await);
        assert_eq!(desk.read("versions.json"), book);
        let told = problems(&registry, &desk.path(""));
        let gone = "registry.toml: [chain] is gone, and without it heights are seconds since \
                    1970: 1795001005 in place of 130000005. Put it back";
        assert!(told.len() == 1 && told[0].starts_with(gone), "{told:?}");

        desk.pass(5);
        desk.write(FILE, &format!("{CHAIN}{}{}", latest("f"), latest("h")));
        assert_eq!(names(&registry).await, ["f", "h"], "{wrong}");
        assert_eq!(version(&registry, "h").await, 130_000_010);
        assert!(is_deleted(&registry, "g").await);
        assert_eq!(height(&registry).await, 130_000_010);
        assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
    }
}

#[tokio::test]
async fn the_chain_of_a_file_that_is_missing_stays() {
    let desk = desk();
    std::fs::create_dir(desk.path("reg")).unwrap();
    desk.write("reg/chain.toml", &format!("indexer = []\n{CHAIN}"));
    desk.write("reg/a.toml", &latest("f"));
    let registry = desk.open("reg");
    assert_eq!(names(&registry).await, ["f"]);

    std::fs::rename(desk.path("reg/chain.toml"), desk.path("elsewhere")).unwrap();
    desk.pass(4);
    desk.write("reg/b.toml", &latest("g"));
    assert_eq!(names(&registry).await, ["f", "g"]);
    assert_eq!(version(&registry, "g").await, 130_000_004);
    assert_eq!(height(&registry).await, 130_000_004);
    let told = problems(&registry, &desk.path("reg"));
    let stays = "chain.toml: it is missing, and its [chain] stays; put it back, or write [chain] \
                 into another file";
    assert_eq!(told, [stays]);

    std::fs::rename(desk.path("elsewhere"), desk.path("reg/chain.toml")).unwrap();
    desk.pass(1);
    assert_eq!(height(&registry).await, 130_000_005);
    assert_eq!(problems(&registry, &desk.path("reg")), [""; 0]);

    // Another file may take it over.
    desk.write("reg/other.toml", &format!("indexer = []\n{CHAIN}"));
    desk.remove("reg/chain.toml");
    assert_eq!(names(&registry).await, ["f", "g"]);
    assert_eq!(problems(&registry, &desk.path("reg")), [""; 0]);
}

#[tokio::test]
async fn a_start_without_the_chain_that_there_was_waits_for_it() {
    let desk = desk();
    std::fs::create_dir(desk.path("reg")).unwrap();
    desk.write("reg/chain.toml", &format!("indexer = []\n{CHAIN}"));
    desk.write(
        "reg/a.toml",
        &format!("{}{}", entry("f", "c"), entry("g", "c")),
    );
    names(&desk.open("reg")).await;
    desk.write("reg/a.toml", &entry("f", "c"));
    let registry = desk.open("reg");
    assert_eq!(names(&registry).await, ["f"]);
    assert!(is_deleted(&registry, "g").await);
    drop(registry);
    let book = desk.read("versions.json");

    for broken in [None, Some("[chain\n"), Some("indexer = []\n")] {
        match broken {
            None => desk.remove("reg/chain.toml"),
            Some(text) => desk.write("reg/chain.toml", text),
        }
        let registry = desk.open("reg");
        let why = list(&registry).await.unwrap_err().to_string();
        let expected = match broken {
            Some("[chain\n") => "chain.toml:1:",
            _ => "[chain] is gone",
        };
        assert!(why.contains(expected), "{broken:?} {why}");
        // A tombstone is no answer either: nobody knows as of which height.
        for function in ["f", "g", "h"] {
            assert!(read(&registry, function).await.is_err(), "{broken:?}");
        }
        assert_eq!(desk.read("versions.json"), book);

        desk.pass(5);
        desk.write("reg/chain.toml", &format!("indexer = []\n{CHAIN}"));
        assert_eq!(names(&registry).await, ["f"]);
        let height = height(&registry).await;
        assert!((130_000_005..130_000_020).contains(&height), "{height}");
        assert!(is_deleted(&registry, "g").await);
    }
}

#[tokio::test]
async fn the_check_tells_of_a_chain_that_is_gone() {
    let desk = desk();
    let now = (TODAY + 1_000) * 1_000;
    desk.write(FILE, &format!("{CHAIN}{}", entry("f", "c")));
    let clock = std::sync::Arc::new(desk.clock.clone());
    let options = registry_file::Options {
        versions: None,
        ..desk.options()
    };
    let registry = FileRegistry::open(&desk.path(FILE), options, clock).unwrap();
    names(&registry).await;
    assert_eq!(check(&desk.path(FILE), now).problems.len(), 0);
    desk.write(FILE, &entry("f", "c"));
    let checked = check(&desk.path(FILE), now);
    assert!(checked.indexers.is_empty(), "{checked:?}");
    let problems = checked.problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.starts_with("[chain] is gone"));
    // A file of which nothing is known yet may have none.
    desk.write("new.toml", &entry("f", "c"));
    assert_eq!(check(&desk.path("new.toml"), now).problems.len(), 0);
}

#[tokio::test]
async fn a_chain_that_would_raise_the_height_beyond_belief_waits() {
    let desk = desk();
    desk.write(FILE, &format!("{CHAIN}{}", latest("f")));
    let registry = desk.open(FILE);
    names(&registry).await;
    let slip = format!("[chain]\nheight = 1_300_000_000\n{}", latest("g"));
    desk.write(FILE, &slip);
    assert_eq!(names(&registry).await, ["f"]);
    assert_eq!(height(&registry).await, 130_000_000);
    let told = problems(&registry, &desk.path(""));
    let raised = "registry.toml: [chain] would raise the height from 130000000 to 1300000000";
    assert!(told.len() == 1 && told[0].starts_with(raised), "{told:?}");
    desk.write(
        FILE,
        &format!("[chain]\nheight = 130_000_300\n{}", latest("g")),
    );
    assert_eq!(version(&registry, "g").await, 130_000_300);
    // Whoever means it starts again.
    desk.write(FILE, &slip);
    let registry = desk.open(FILE);
    assert_eq!(height(&registry).await, 1_300_000_000);
}

#[tokio::test]
async fn a_file_without_a_chain_from_the_beginning_goes_on_without() {
    let desk = desk();
    desk.write(FILE, &entry("f", "c"));
    let registry = desk.open(FILE);
    assert_eq!(height(&registry).await, TODAY + 1_000);
    drop(registry);
    desk.pass(9);
    desk.write(FILE, &entry("g", "c"));
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["g"]);
    assert_eq!(height(&registry).await, TODAY + 1_009);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}
