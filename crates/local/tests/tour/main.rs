//! The tour of the README, with the processes that a user has: what it says one sees
//! is what one sees.

// Who is alive is asked of /proc.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod books;
mod local;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read_to_string, write};
use std::path::Path;

use serde_json::Value;

use books::Books;
use local::{Local, lives};

/// Those of the sample whose code does something.
const GOOD: [&str; 4] = [HISTORY, TRANSFERS, FAILURES, VOTES];
const HISTORY: &str = "alice.near/history";
const TRANSFERS: &str = "alice.near/transfers";
const FAILURES: &str = "bob.near/failures";
const VOTES: &str = "carol.near/votes";
const BUGGY: &str = "dave.near/buggy";

/// The line of the sample that throws on every block.
const THROWS: &str = "throw new Error('not yet written');";

#[tokio::test]
async fn the_tour_of_the_readme_goes_as_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("local");
    let books = Books::of(&folder);
    let mut local = Local::start(&folder, &directory.path().join("first.txt")).await;
    everything_runs(&mut local, &books, &GOOD).await;
    a_killed_runner_is_started_again(&mut local, &books).await;
    a_half_written_file_changes_nothing(&mut local, &folder).await;
    mended_code_runs_as_a_new_version(&mut local, &books, &folder).await;
    what_is_disabled_says_why_it_stands_still(&mut local, &books).await;

    let before = Position::of(&local);
    ends_in_order(&mut local, &books).await;
    let mut local = Local::start(&folder, &directory.path().join("second.txt")).await;
    goes_on(&mut local, &books, &before).await;
    what_is_taken_out_is_deleted(&mut local, &books, &folder).await;
    ends_in_order(&mut local, &books).await;
}

/// Whether each of `names` is in `phase`.
fn are(local: &Local, names: &[&str], phase: &str) -> Result<(), String> {
    let list = local.list()?;
    let not = names
        .iter()
        .find(|name| list.get(**name).is_none_or(|one| one["phase"] != phase));
    not.map_or(Ok(()), |name| Err(format!("{name}: {:?}", list.get(*name))))
}

async fn becomes_ready(local: &mut Local) {
    local.until("it is ready", Local::ready).await;
}

/// That in the runner's latest process, too, all run and `good` get on.
async fn everything_runs(local: &mut Local, books: &Books, good: &[&str]) {
    becomes_ready(local).await;
    for name in good {
        let executed = |_: &Local| books.executes(name).then_some(()).ok_or(String::new());
        let what = format!("a block of {name} is executed");
        local.until(&what, executed).await;
    }
    let running = |local: &Local| are(local, good, "Running");
    local.until("all run", running).await;
}

/// That the code of the sample that throws is tried, and nothing of it is executed.
async fn the_bug_shows(local: &mut Local, books: &Books) {
    let running = |local: &Local| are(local, &[BUGGY], "Running");
    local.until("what throws runs", running).await;
    let throws = |_: &Local| books.throws(BUGGY).then_some(()).ok_or(String::new());
    local.until("it throws", throws).await;
    assert!(books.executions(BUGGY).is_empty());
}

async fn a_killed_runner_is_started_again(local: &mut Local, books: &Books) {
    the_bug_shows(local, books).await;
    let first = local.told("runner", 3).unwrap();
    local.other(&["kill", "runner"]);
    local
        .says("runner died (signal: 9 (SIGKILL)); it is started again in 5 s")
        .await;
    local.says("runner is started again, process ").await;
    let again = |_: &Local| match books.processes("runner")[..] {
        [one, two] => Ok((one.to_string(), two.to_string())),
        ref other => Err(format!("{other:?}")),
    };
    let (one, two) = local.until("a second process", again).await;
    assert!(one == first && one != two, "{first}, {one}, {two}");
    assert!(
        local
            .said()
            .contains(&format!("started again, process {two}"))
    );
    everything_runs(local, books, &GOOD).await;
    the_bug_shows(local, books).await;

    for name in GOOD {
        let published = books.published(name);
        let executed = |_: &Local| {
            let executed: BTreeSet<u64> = books
                .executions(name)
                .iter()
                .map(|one| one.height)
                .collect();
            let lost: Vec<_> = published.difference(&executed).collect();
            lost.is_empty().then_some(()).ok_or(format!("{lost:?}"))
        };
        let what = format!("no block of {name} is lost");
        local.until(&what, executed).await;
    }
}

/// The version of each indexer that runs, or ran last.
fn versions(local: &Local) -> BTreeMap<String, u64> {
    let version = |one: &Value| one["running_version"].as_u64().unwrap();
    let list = local.list().unwrap().into_iter();
    list.map(|(name, one)| (name, version(&one))).collect()
}

async fn a_half_written_file_changes_nothing(local: &mut Local, folder: &Path) {
    let path = folder.join("registry.toml");
    let whole = read_to_string(&path).unwrap();
    let before = versions(local);
    // Within a text, so it is no TOML; two indexers are missing.
    let (half, _) = whole.split_once("context.db.Votes").unwrap();
    write(&path, half).unwrap();
    local
        .says("the registry is wrong and what it said before goes on: ")
        .await;
    let problem = |local: &Local| {
        let overview = local.asked(&["overview"])?;
        let problem = overview["registry_problem"].to_string();
        let place = problem.contains("registry.toml:");
        place.then_some(()).ok_or(problem)
    };
    local.until("the coordinator has seen it", problem).await;
    assert_eq!(versions(local), before);
    are(local, &GOOD, "Running").unwrap();

    write(&path, whole).unwrap();
    local.says("the registry is right again").await;
}

async fn mended_code_runs_as_a_new_version(local: &mut Local, books: &Books, folder: &Path) {
    let path = folder.join("registry.toml");
    let registry = read_to_string(&path).unwrap();
    assert!(registry.contains(THROWS));
    let mended = "await context.db.Nothing.insert(1);";
    let before = versions(local);
    write(&path, registry.replace(THROWS, mended)).unwrap();
    let executed = |_: &Local| {
        let executions = books.executions(BUGGY);
        executions.last().copied().ok_or(String::new())
    };
    let executed = local.until("the mended code is executed", executed).await;
    let running = |local: &Local| are(local, &[BUGGY], "Running");
    local.until("the mended version runs", running).await;

    let after = versions(local);
    assert!(after[BUGGY] > before[BUGGY], "{before:?}, {after:?}");
    assert_eq!(executed.version, after[BUGGY]);
    let start = &local.list().unwrap()[BUGGY]["start_height"];
    assert_eq!(*start, after[BUGGY], "from the block of its registration");
    for name in GOOD {
        assert_eq!(after[name], before[name], "{name} was not touched");
    }
}

/// What the README shows of commands, as their arguments, and of the last one's answer.
fn commands_of_the_readme() -> (Vec<String>, Vec<String>) {
    const SHOWN: &str = "$ target/debug/coordinator ";
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = read_to_string(readme).unwrap();
    let blocks = readme.split("```text\n").skip(1);
    let mut blocks = blocks.filter_map(|block| Some(block.split_once("```")?.0));
    let block = blocks.find(|block| block.starts_with(SHOWN)).unwrap();
    let (commands, answer): (Vec<_>, Vec<_>) =
        block.lines().partition(|line| line.starts_with(SHOWN));
    let words = |line: &str| line.strip_prefix(SHOWN).unwrap().to_owned();
    (
        commands.into_iter().map(words).collect(),
        answer.into_iter().map(timeless).collect(),
    )
}

/// A line without what it says of times.
fn timeless(line: &str) -> String {
    line.split(" for ").next().unwrap().to_owned()
}

async fn what_is_disabled_says_why_it_stands_still(local: &mut Local, books: &Books) {
    let (commands, answer) = commands_of_the_readme();
    let [disable, explain] = &commands[..] else {
        panic!("{commands:?}");
    };
    let run = |local: &Local, line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let output = local.coordinator(&words);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(*disable, format!("disable {FAILURES}"));
    assert!(books.runs(FAILURES));
    run(local, disable);
    let suspended = |local: &Local| are(local, &[FAILURES], "Suspended");
    local.until("it is suspended", suspended).await;
    assert!(!books.runs(FAILURES));
    let said = run(local, explain);
    assert_eq!(said.lines().map(timeless).collect::<Vec<_>>(), answer);
}

/// Where everything stands.
struct Position {
    versions: BTreeMap<String, u64>,
    /// Of [`HISTORY`].
    cursor: u64,
    /// The first block of [`HISTORY`] that can be executed yet.
    next: u64,
    chain: u64,
}

impl Position {
    fn of(local: &Local) -> Position {
        let shown = local.asked(&["get", HISTORY]).unwrap();
        let history = &shown["indexers"][0];
        let cursor = history["cursor"].as_u64().unwrap();
        let overview = local.asked(&["overview"]).unwrap();
        Position {
            versions: versions(local),
            cursor,
            next: history["queue_head"].as_u64().unwrap_or(cursor),
            chain: overview["registry_height"].as_u64().unwrap(),
        }
    }
}

async fn ends_in_order(local: &mut Local, books: &Books) {
    let started = local.processes();
    assert_eq!(started.iter().filter(|one| lives(one)).count(), 4);
    let in_order = |local: &Local| local.log("coordinator").matches("stopped in order").count();
    let before = in_order(local);
    assert!(local.interrupt().await.success());
    assert_eq!(in_order(local), before + 1, "it was killed");
    let left: Vec<_> = started.iter().filter(|one| lives(one)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(local.processes().is_empty());
    let said = local.said();
    let last = said.lines().last().unwrap();
    assert!(last.contains("goes on from here"), "{said}");
    for name in GOOD {
        books.hold_no_repetition(name);
    }
}

async fn goes_on(local: &mut Local, books: &Books, before: &Position) {
    everything_runs(local, books, &[HISTORY, TRANSFERS, VOTES, BUGGY]).await;
    are(local, &[FAILURES], "Suspended").unwrap();
    assert!(!books.runs(FAILURES) && !books.executes(FAILURES));

    let after = Position::of(local);
    assert_eq!(after.versions, before.versions);
    assert!(after.cursor >= before.cursor);
    assert!(after.chain >= before.chain);
    let life = books.processes("runner").len();
    let executions = books.executions(HISTORY);
    let first = executions.iter().find(|one| one.life == life).unwrap();
    assert!(first.height >= before.next, "it begins anew: {first:?}");
}

async fn what_is_taken_out_is_deleted(local: &mut Local, books: &Books, folder: &Path) {
    let path = folder.join("registry.toml");
    let registry = read_to_string(&path).unwrap();
    let entries = registry.split_inclusive("[[indexer]]");
    let (kept, taken): (Vec<_>, Vec<_>) =
        entries.partition(|entry| !entry.contains("function = \"votes\""));
    assert_eq!(taken.len(), 1);
    write(&path, kept.concat()).unwrap();
    let gone = |local: &Local| match local.list()?.remove(VOTES) {
        None => Ok(()),
        Some(found) => Err(found.to_string()),
    };
    local.until("it is gone", gone).await;
    assert!(!books.runs(VOTES));
    assert_eq!(local.coordinator(&["get", VOTES]).status.code(), Some(4));
    local.says(&format!("{VOTES}: gone")).await;
    let left: BTreeSet<String> = local.list().unwrap().into_keys().collect();
    let others = [HISTORY, TRANSFERS, FAILURES, BUGGY];
    assert_eq!(left, others.map(str::to_owned).into());
}
