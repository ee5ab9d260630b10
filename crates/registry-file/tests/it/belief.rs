//! Heights that the chain cannot have reached, from a slip of the pen or of the clock.

use coordinator::registry::RegistryTransport;
use registry_file::{FileRegistry, check};

use crate::desk::{Desk, entry, is_deleted, names, problems, read, version};

const FILE: &str = "registry.toml";
/// The chain is at height 5000 when the clock of the desk begins.
const CHAIN: &str = "[chain]\nheight = 5_000\nat = 1970-01-01T00:16:40Z\n";
/// Seconds since 1970 in place of a height.
const SLIP: u64 = 1_795_383_692;
const YEAR: u64 = 365 * 86_400;

fn latest(function: &str) -> String {
    entry(function, "c").replace("start = 7", "start = \"LATEST\"")
}

fn versioned(function: &str, version: u64) -> String {
    format!("{}version = {version}\n", entry(function, "c"))
}

async fn height(registry: &FileRegistry) -> u64 {
    registry.view("list_all", b"{}").await.unwrap().block_height
}

#[tokio::test]
async fn a_version_beyond_belief_is_an_error_of_its_entry_alone() {
    let desk = Desk::new();
    desk.write(FILE, &format!("{CHAIN}{}", entry("f", "c")));
    let registry = desk.open(FILE);
    assert_eq!(
        (names(&registry).await.len(), height(&registry).await),
        (1, 5_000)
    );
    let before = desk.read("versions.json");
    let slip = format!("{CHAIN}{}{}", entry("f", "c"), versioned("mine", SLIP));
    desk.write(FILE, &slip);
    assert_eq!(names(&registry).await, ["f"]);
    let told = problems(&registry, &desk.path(""));
    let place = "registry.toml:18:11: a.near/mine: the chain cannot have reached height 1795383692";
    assert!(told.len() == 1 && told[0].starts_with(place), "{told:?}");
    assert_eq!(desk.read("versions.json"), before);
    let checked = check(&desk.path(FILE), 1_000_000);
    assert_eq!((checked.indexers.len(), checked.problems.len()), (1, 1));

    // The others go on, and at true heights, in this run and the next.
    desk.pass(10);
    desk.write(FILE, &format!("{slip}{}", latest("later")));
    assert_eq!(names(&registry).await, ["f", "later"]);
    assert_eq!(version(&registry, "later").await, 5_010);
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["f", "later"]);
    assert_eq!(height(&registry).await, 5_010);

    desk.write(FILE, &slip.replace(&SLIP.to_string(), "4_990"));
    assert_eq!(version(&registry, "mine").await, 4_990);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}

#[test]
fn of_many_entries_beyond_belief_some_are_told() {
    let desk = Desk::new();
    let entries: String = (0..150)
        .map(|n| versioned(&format!("f{n}"), SLIP))
        .collect();
    desk.write(FILE, &format!("{CHAIN}{entries}"));
    let checked = check(&desk.path(FILE), 1_000_000);
    assert_eq!((checked.indexers.len(), checked.problems.len()), (0, 100));
}

#[tokio::test]
async fn an_indexer_whose_entry_is_beyond_belief_is_not_deleted() {
    let desk = Desk::new();
    desk.write(FILE, &format!("{CHAIN}{}", versioned("mine", 4_000)));
    let registry = desk.open(FILE);
    assert_eq!(version(&registry, "mine").await, 4_000);
    desk.write(FILE, &format!("{CHAIN}{}", versioned("mine", SLIP)));
    let unknown = read(&registry, "mine").await.unwrap_err().to_string();
    assert!(unknown.contains("is wrong"), "{unknown}");
    desk.write(FILE, &format!("{CHAIN}{}", versioned("mine", 4_001)));
    assert_eq!(version(&registry, "mine").await, 4_001);
}

#[tokio::test]
async fn heights_of_the_contracts_form_are_looked_at_as_well() {
    let desk = Desk::new();
    let json = |deleted: u64| {
        format!(
            "{{\"a.near\": {{\"f\": {{\"code\": \"c\", \"schema\": \"s\", \"start_block\": \
             \"LATEST\", \"rule\": {{\"kind\": \"ACTION_ANY\", \"affected_account_id\": \"x\", \
             \"status\": \"ANY\"}}, \"created_at_block_height\": 100,\n\
             \"deleted_at_block_height\": {deleted}}}}}}}"
        )
    };
    desk.write("r.json", &json(SLIP));
    let registry = desk.open("r.json");
    assert!(names(&registry).await.is_empty());
    assert_eq!(height(&registry).await, 1_000);
    let told = problems(&registry, &desk.path(""));
    assert!(
        told[0].starts_with("r.json:2:28: a.near/f: the chain"),
        "{told:?}"
    );
    desk.write("r.json", &json(120));
    assert!(is_deleted(&registry, "f").await);
}

#[tokio::test]
async fn versions_that_are_poisoned_already_raise_no_height() {
    let desk = Desk::new();
    let kept = |more: &str| {
        format!("{{\"created\": {SLIP}, \"content\": \"00\", \"file\": \"registry.toml\"{more}}}")
    };
    let book = format!(
        "{{\"format\": 1, \"began\": 1000000, \"entries\": {{\"a.near\": {{\"f\": {}, \"g\": {}, \
         \"gone\": {}}}}}}}",
        kept(""),
        kept(""),
        kept(&format!(", \"deleted\": {SLIP}"))
    );
    desk.write("versions.json", &book);
    let text = format!("{CHAIN}{}{}", entry("f", "c"), entry("g", "c"));
    desk.write(FILE, &format!("{text}{}", latest("new")));
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["f", "g", "new"]);
    assert_eq!(height(&registry).await, 5_000);
    assert_eq!(version(&registry, "new").await, 5_000);
    // What the coordinator may know of does not go back by itself ...
    assert!(version(&registry, "g").await > SLIP);
    // ... but because somebody says so.
    desk.write(
        FILE,
        &format!("{CHAIN}{}{}", versioned("f", 4_500), entry("g", "c")),
    );
    assert_eq!(version(&registry, "f").await, 4_500);
    assert!(version(&desk.open(FILE), "g").await > SLIP);
}

#[tokio::test]
async fn a_clock_that_goes_ahead_for_a_while_leaves_no_trace_in_the_height() {
    let desk = Desk::new();
    desk.write(FILE, &format!("{CHAIN}{}", latest("f")));
    let registry = desk.open(FILE);
    assert_eq!(height(&registry).await, 5_000);
    desk.pass(10 * YEAR);
    let text = format!("{CHAIN}{}{}", latest("f"), latest("ahead"));
    desk.write(FILE, &text);
    assert_eq!(height(&registry).await, 5_000 + 10 * YEAR);
    assert_eq!(version(&registry, "ahead").await, 5_000 + 10 * YEAR);
    desk.clock_back(10 * YEAR);
    desk.pass(100);
    assert_eq!(height(&registry).await, 5_100);
    desk.write(FILE, &format!("{text}{}", latest("after")));
    assert_eq!(names(&registry).await, ["after", "ahead", "f"]);
    assert_eq!(version(&registry, "after").await, 5_100);
    assert_eq!(version(&registry, "f").await, 5_000);
    drop(registry);
    assert_eq!(height(&desk.open(FILE)).await, 5_100);
}

#[tokio::test]
async fn what_the_clock_may_have_been_right_about_is_not_taken_back() {
    let desk = Desk::new();
    desk.write(FILE, &format!("{CHAIN}{}", latest("f")));
    let registry = desk.open(FILE);
    desk.pass(3600);
    assert_eq!(height(&registry).await, 8_600);
    desk.clock_back(3600);
    assert_eq!(height(&registry).await, 8_600);
}

#[tokio::test]
async fn a_machine_that_starts_without_the_time_takes_nothing_back() {
    let desk = Desk::new();
    let text = format!("{CHAIN}{}", latest("f"));
    desk.write(FILE, &text);
    let registry = desk.open(FILE);
    names(&registry).await;
    desk.pass(YEAR);
    desk.write(FILE, &format!("{text}{}", latest("g")));
    assert_eq!(version(&registry, "g").await, 5_000 + YEAR);
    drop(registry);

    desk.clock_back(YEAR);
    let registry = desk.open(FILE);
    assert_eq!(height(&registry).await, 5_000 + YEAR);
    desk.write(FILE, &format!("{text}{}{}", latest("g"), latest("h")));
    assert_eq!(version(&registry, "h").await, 5_000 + YEAR);
    // It has asked for the time.
    desk.pass(YEAR + 50);
    assert_eq!(height(&registry).await, 5_050 + YEAR);
}

#[tokio::test]
async fn what_was_refused_by_a_clock_far_behind_counts_once_it_is_right() {
    let desk = Desk::new();
    desk.write(FILE, &format!("{CHAIN}{}", versioned("f", 1_000_000)));
    let registry = desk.open(FILE);
    assert!(names(&registry).await.is_empty());
    desk.pass(YEAR);
    assert_eq!(names(&registry).await, ["f"]);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}

#[tokio::test]
async fn heights_from_before_there_was_a_chain_stay() {
    let desk = Desk::new();
    desk.pass(SLIP);
    desk.write(FILE, &entry("f", "c"));
    let registry = desk.open(FILE);
    let before = height(&registry).await;
    assert!(before > SLIP);
    desk.write(
        FILE,
        &format!("[chain]\nheight = 5_000\n{}", entry("f", "d")),
    );
    assert_eq!(version(&registry, "f").await, before + 1);
    assert!(height(&registry).await > before);
    assert!(height(&desk.open(FILE)).await > before);
}

/// Two indexers of a chain that is there.
fn both(height: u64) -> String {
    let chain = CHAIN.replace("5_000", &height.to_string());
    format!("{chain}{}{}", latest("f"), latest("g"))
}

#[tokio::test]
async fn who_has_a_version_beyond_belief_is_not_said_to_be_deleted() {
    let desk = Desk::new();
    desk.write(FILE, &both(900_000_000));
    assert_eq!(version(&desk.open(FILE), "f").await, 900_000_000);
    // The slip is put right, and one is taken out.
    desk.write(FILE, &both(5_000).replace(&latest("g"), ""));
    for _ in 0..2 {
        let registry = desk.open(FILE);
        assert_eq!(names(&registry).await, ["f"]);
        let told = problems(&registry, &desk.path(""));
        assert_eq!(told.len(), 1, "{told:?}");
        let beginning = "registry.toml: a.near/g: it was taken out and is not deleted";
        assert!(told[0].starts_with(beginning), "{told:?}");
        assert!(told[0].contains("is block 900000000"), "{told:?}");
        let unknown = read(&registry, "g").await.unwrap_err().to_string();
        assert!(unknown.contains("is block 900000000"), "{unknown}");
    }
    // The way out.
    let registry = desk.open(FILE);
    let text = both(5_000).replace(&latest("g"), &versioned("g", 4_900));
    desk.write(FILE, &text);
    assert_eq!(version(&registry, "g").await, 4_900);
    desk.write(FILE, &both(5_000).replace(&latest("g"), ""));
    assert_eq!(names(&registry).await, ["f"]);
    assert!(is_deleted(&registry, "g").await);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}

#[tokio::test]
async fn in_a_folder_it_is_told_for_as_long_as_it_is_so() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("d")).unwrap();
    let slip = CHAIN.replace("5_000", "900_000_000");
    desk.write("d/a.toml", &format!("{slip}{}", latest("f")));
    desk.write("d/b.toml", &latest("g"));
    assert_eq!(names(&desk.open("d")).await, ["f", "g"]);
    desk.write("d/a.toml", &format!("{CHAIN}{}", latest("f")));
    desk.write("d/b.toml", "indexer = []\n");
    let registry = desk.open("d");
    for _ in 0..3 {
        desk.pass(5);
        assert_eq!(names(&registry).await, ["f"]);
        let told = problems(&registry, &desk.path(""));
        assert!(
            told.len() == 1 && told[0].contains("is not deleted"),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn a_deletion_that_was_withheld_comes_when_the_chain_is_there() {
    let desk = Desk::new();
    // What is believed rises by four blocks a second: some more is missing.
    let slip = 5_000 + 4 * (86_400 + 20);
    desk.write(FILE, &both(slip));
    assert_eq!(version(&desk.open(FILE), "g").await, slip);
    desk.write(FILE, &both(5_000).replace(&latest("g"), ""));
    let registry = desk.open(FILE);
    assert_eq!(names(&registry).await, ["f"]);
    // Nobody touches the file, and the clock goes on evenly.
    let mut seconds = 0;
    while read(&registry, "g").await.is_err() {
        seconds += 1;
        assert!(seconds < 60, "{:?}", problems(&registry, &desk.path("")));
        desk.pass(1);
    }
    assert!(seconds > 10 && is_deleted(&registry, "g").await);
    assert_eq!(problems(&registry, &desk.path("")), [""; 0]);
}
