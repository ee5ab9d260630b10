//! Heights that the chain can have reached, but by which the answers would leap: nobody
//! would believe any of them then.

use coordinator::registry::RegistryTransport;
use registry_file::{FileRegistry, Options, check};

use crate::desk::{Desk, entry, is_deleted, names, problems, read, version};

const FILE: &str = "registry.toml";
/// When the chain is at `START`: when the clock of the desk begins.
const AT: u64 = 1_000;
const START: u64 = 130_000_000;
const DAY: u64 = 86_400;
/// After how long the chain could be at 160,000,000, at four times the pace and with a day
/// to spare.
const REACHABLE: u64 = 30_000_000 / 4 - DAY;

fn latest(function: &str) -> String {
    entry(function, "c").replace("start = 7", "start = \"LATEST\"")
}

fn versioned(function: &str, version: u64) -> String {
    format!("{}version = {version}\n", latest(function))
}

fn chain(height: u64) -> String {
    format!("[chain]\nheight = {height}\nat = 1970-01-01T00:16:40Z\n")
}

async fn height(registry: &FileRegistry) -> u64 {
    registry.view("list_all", b"{}").await.unwrap().block_height
}

/// A desk with `f` and `g`, and a coordinator that looks, `passed` seconds after `AT`.
async fn running(passed: u64) -> (Desk, FileRegistry, String) {
    let desk = Desk::new();
    desk.pass(passed);
    let text = format!("{}{}{}", chain(START), latest("f"), latest("g"));
    desk.write(FILE, &text);
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["f", "g"]);
    assert_eq!(height(&registry).await, START + passed);
    (desk, registry, text)
}

#[tokio::test]
async fn a_slip_in_one_entry_does_not_shut_out_the_others() {
    let passed = 92 * DAY;
    let (desk, registry, text) = running(passed).await;
    let book = desk.read("versions.json");
    // One that is new, and one that is there.
    let new = format!("{text}{}", versioned("new", 160_000_000));
    let known = format!(
        "{}{}{}{}",
        chain(START),
        latest("f"),
        versioned("g", 160_000_000),
        latest("h")
    );
    for (slip, listed) in [(new, ["f", "g"]), (known, ["f", "h"])] {
        assert_eq!(desk.read("versions.json"), book);
        desk.write(FILE, &slip);
        assert_eq!(names(&registry).await, listed);
        assert_eq!(height(&registry).await, START + passed);
        let told = problems(&registry, &desk.path(""));
        assert_eq!(told.len(), 1, "{told:?}");
        let why = "height 160000000 is so far above that of the registry";
        assert!(
            told[0].starts_with("registry.toml:") && told[0].contains(why),
            "{told:?}"
        );
    }
    // Not deleted, and as it is until its entry is right.
    let unknown = read(&registry, "g").await.unwrap_err().to_string();
    assert!(unknown.contains("is wrong"), "{unknown}");
    assert_eq!(version(&registry, "h").await, START + passed);

    desk.pass(10);
    desk.write(FILE, &format!("{text}{}", latest("h")));
    assert_eq!(names(&registry).await, ["f", "g", "h"]);
    assert_eq!(version(&registry, "g").await, START + passed);
    assert_eq!(height(&registry).await, START + passed + 10);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
    desk.write(FILE, &text);
    assert!(is_deleted(&registry, "h").await);
}

#[tokio::test]
async fn a_version_that_was_too_far_ahead_counts_once_the_registry_is_near() {
    let (desk, registry, text) = running(92 * DAY).await;
    let begun = height(&registry).await;
    let ahead = begun + 1_000_000 + 3_000;
    desk.write(FILE, &format!("{text}{}", versioned("g2", ahead)));
    // Nobody touches the file, and the clock goes on evenly.
    for passed in (0..3_000).step_by(300) {
        assert_eq!(names(&registry).await, ["f", "g"], "{passed}");
        assert_eq!(height(&registry).await, begun + passed);
        desk.pass(300);
    }
    assert_eq!(names(&registry).await, ["f", "g", "g2"]);
    assert_eq!(version(&registry, "g2").await, ahead);
    assert_eq!(height(&registry).await, ahead);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}

#[tokio::test]
async fn a_version_beyond_belief_counts_once_the_chain_can_be_there() {
    let (desk, registry, text) = running(0).await;
    let ahead = START + 4 * (DAY + 20);
    desk.write(FILE, &format!("{text}{}", versioned("mine", ahead)));
    for _ in 0..20 {
        assert_eq!(names(&registry).await, ["f", "g"]);
        desk.pass(1);
    }
    assert_eq!(names(&registry).await, ["f", "g", "mine"]);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}

#[tokio::test]
async fn false_versions_of_long_ago_raise_no_height_while_it_runs() {
    for taken_out in [true, false] {
        let desk = Desk::new();
        let both = |height| format!("{}{}{}", chain(height), latest("f"), latest("g"));
        desk.write(FILE, &both(160_000_000));
        assert_eq!(version(&desk.open(FILE), "g").await, 160_000_000);
        let mut text = both(START);
        if taken_out {
            text = text.replace(&latest("g"), "");
        }
        desk.write(FILE, &text);
        desk.pass(REACHABLE - 1_000);
        let registry = desk.open(FILE);
        assert_eq!(height(&registry).await, START + REACHABLE - 1_000);
        let told = problems(&registry, &desk.path(""));
        assert_eq!(told.len(), usize::from(taken_out), "{told:?}");

        for more in (0..2_000).step_by(100) {
            assert_eq!(height(&registry).await, START + REACHABLE - 1_000 + more);
            assert_eq!(read(&registry, "g").await.is_err(), taken_out);
            // It is not taken over at every look.
            assert_eq!(problems(&registry, &desk.path("")), told);
            desk.pass(100);
        }
        desk.write(FILE, &format!("{text}{}", latest("new")));
        let now = START + REACHABLE + 1_000;
        assert_eq!(version(&registry, "new").await, now);
        assert_eq!(version(&registry, "f").await, 160_000_000);
        assert_eq!(height(&registry).await, now);
        let told = problems(&registry, &desk.path(""));
        assert_eq!(told.len(), usize::from(taken_out), "{told:?}");
        let why = "is block 160000000, which is so far above";
        assert!(told.iter().all(|one| one.contains(why)), "{told:?}");
    }
}

#[tokio::test]
async fn a_deletion_waits_until_the_height_need_not_leap() {
    let desk = Desk::new();
    let text = |height| format!("{}{}", chain(height), latest("f"));
    let slip = START + 1_300_000;
    desk.write(FILE, &format!("{}{}", text(slip), latest("g")));
    assert_eq!(version(&desk.open(FILE), "g").await, slip);
    desk.write(FILE, &text(START));
    // The chain can be there soon, and the registry is near much later.
    let soon = 1_300_000 / 4 - DAY - 600;
    desk.pass(soon);
    let registry = desk.open(FILE);
    let mut passed = soon;
    while read(&registry, "g").await.is_err() {
        assert_eq!(height(&registry).await, START + passed);
        assert!(
            passed <= 300_000,
            "{:?}",
            problems(&registry, &desk.path(""))
        );
        desk.pass(500);
        passed += 500;
    }
    assert!((300_000..300_500).contains(&passed), "{passed}");
    assert!(is_deleted(&registry, "g").await);
    assert_eq!(height(&registry).await, slip);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}

#[tokio::test]
async fn the_height_that_time_alone_brought_is_not_taken_back() {
    let (desk, registry, text) = running(92 * DAY).await;
    let begun = height(&registry).await;
    desk.write(FILE, &format!("{text}{}", latest("h")));
    for _ in 0..2_010 {
        desk.pass(500);
        names(&registry).await;
    }
    desk.clock_back(300);
    assert_eq!(height(&registry).await, begun + 2_010 * 500);
}

#[tokio::test]
async fn a_start_believes_heights_of_a_chain_that_is_faster_than_was_said() {
    let (desk, _, text) = running(92 * DAY).await;
    let text = format!("{text}{}", versioned("h", 160_000_000));
    desk.write(FILE, &text);
    for _ in 0..2 {
        let registry = desk.open(FILE);
        assert_eq!(names(&registry).await, ["f", "g", "h"]);
        assert_eq!(height(&registry).await, 160_000_000);
        assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
    }
    // What comes then is not measured by [chain] alone.
    let registry = desk.open(FILE);
    names(&registry).await;
    for (version, counts) in [(161_000_001, false), (161_000_000, true)] {
        desk.write(FILE, &format!("{text}{}", versioned("i", version)));
        assert_eq!(names(&registry).await.len(), 3 + usize::from(counts));
    }
    assert_eq!(height(&registry).await, 161_000_000);
}

#[tokio::test]
async fn the_check_tells_what_would_not_count_while_the_coordinator_runs() {
    let passed = 92 * DAY;
    let (desk, _, text) = running(passed).await;
    let look = || check(&desk.path(FILE), (AT + passed) * 1_000);
    let options = || Options {
        versions: None,
        ..desk.options()
    };
    let start = || {
        let clock = std::sync::Arc::new(desk.clock.clone());
        FileRegistry::open(&desk.path(FILE), options(), clock).unwrap()
    };
    let slip = format!("{text}{}", versioned("mine", 160_000_000));
    desk.write(FILE, &slip);
    // A first start believes it.
    assert_eq!((look().indexers.len(), look().problems.len()), (3, 0));
    desk.write(FILE, &text);
    names(&start()).await;
    desk.write(FILE, &slip);
    assert_eq!((look().indexers.len(), look().problems.len()), (2, 1));
    desk.write(FILE, &format!("{text}{}", versioned("mine", 138_900_000)));
    assert_eq!(look().problems.len(), 0);
    // A start believes it all the same, and then it is where the registry is.
    desk.write(FILE, &slip);
    names(&start()).await;
    let more = format!("{slip}{}", versioned("more", 160_900_000));
    desk.write(FILE, &more);
    assert_eq!((look().indexers.len(), look().problems.len()), (4, 0));
}

#[tokio::test]
async fn what_a_chain_that_is_put_right_has_reached_counts_with_it() {
    let (desk, registry, text) = running(92 * DAY).await;
    let begun = height(&registry).await;
    let version_of = begun + 1_400_000;
    let text = text.replace(&chain(START), &chain(START + 1_500_000));
    let text = format!("{text}{}{}", versioned("mine", version_of), latest("new"));
    desk.write(FILE, &text);
    assert_eq!(names(&registry).await, ["f", "g", "mine", "new"]);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
    assert_eq!(version(&registry, "mine").await, version_of);
    assert_eq!(version(&registry, "new").await, begun + 1_500_000);
    assert_eq!(height(&registry).await, begun + 1_500_000);
}
