//! What is shown while the coordinator cannot read its store.

use admin_cli::Exit;
use proto::coordinator::{Indexer, Recalled};

use crate::fake::{Fake, World};
use crate::fixtures::{bare, steady};
use crate::harness::{desk, parse, run, until};

/// `indexer` as it was known so many seconds ago; `None` if it never was.
fn recalled(indexer: Indexer, age_seconds: Option<u64>) -> Indexer {
    Indexer {
        cursor: None,
        queue_head: None,
        recalled: Some(Recalled {
            why: "connection refused".to_owned(),
            age_seconds,
        }),
        ..indexer
    }
}

const NOTICE: &str = "the store cannot be reached (connection refused); this is what the loops \
                      knew, 34 s ago\n";

fn away() -> World {
    World::with(vec![
        recalled(steady("alice.near", "feed"), Some(34)),
        recalled(steady("alice.near", "stats"), Some(31)),
    ])
}

#[tokio::test]
async fn what_is_shown_says_that_it_is_from_memory_and_the_exit_is_good() {
    let fake = Fake::start(away()).await;
    for command in [
        &["list"][..],
        &["get", "alice.near/feed", "alice.near/stats"],
        &["explain", "alice.near/feed", "alice.near/stats"],
    ] {
        for format in ["table", "wide", "json", "jsonl", "name"] {
            let words = [command, &["-o", format]].concat();
            let ran = run(&fake.url(), &words).await.succeeded();
            assert_eq!(ran.talk, NOTICE, "{words:?}");
            assert!(ran.data.contains("alice.near"), "{}", ran.data);
        }
    }
    let ran = run(&fake.url(), &["list", "-o", "json"]).await;
    let expected = serde_json::json!({"why": "connection refused", "age_seconds": 34});
    assert_eq!(ran.json()["indexers"][0]["recalled"], expected);
    let fake = Fake::start(World::with(vec![steady("alice.near", "feed")])).await;
    let ran = run(&fake.url(), &["get", "alice.near/feed", "-o", "jsonl"]).await;
    assert_eq!(ran.talk, "");
    assert_eq!(ran.json_lines()[0]["recalled"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_list_of_nobody_says_that_it_goes_by_memory() {
    let mut world = World::with(vec![steady("alice.near", "feed")]);
    world.recalled = Some(Recalled {
        why: "connection refused".to_owned(),
        age_seconds: Some(34),
    });
    let fake = Fake::start(world).await;
    let expected = "the store cannot be reached (connection refused); which indexers match goes \
                    by what the loops knew, 34 s ago\n";
    for condition in [&["--troubled"][..], &["--phase", "none"], &["-n", "x.near"]] {
        for format in ["table", "json", "jsonl", "name"] {
            let words = [&["list", "-o", format], condition].concat();
            let ran = run(&fake.url(), &words).await.succeeded();
            assert!(ran.talk.starts_with(expected), "{words:?}: {}", ran.talk);
            assert!(!ran.data.contains("alice.near"), "{}", ran.data);
        }
    }
    let ran = run(&fake.url(), &["list", "--troubled", "-o", "json"]).await;
    let mark = serde_json::json!({"why": "connection refused", "age_seconds": 34});
    assert_eq!(ran.json()["recalled"], mark);
    fake.world().recalled = None;
    let ran = run(&fake.url(), &["list", "--troubled", "-o", "json"]).await;
    assert_eq!(ran.json()["recalled"], serde_json::Value::Null);
    assert!(!ran.talk.contains("store"), "{}", ran.talk);
}

#[tokio::test]
async fn a_problem_of_the_store_is_shown() {
    let mut world = World::with(Vec::new());
    world.overview.store_problem = "READONLY: it takes\nno writes".to_owned();
    let fake = Fake::start(world).await;
    let ran = run(&fake.url(), &["overview"]).await.succeeded();
    let said = "of the store: READONLY: it takes no writes";
    let line = ran.data.lines().find(|line| line.contains(said)).unwrap();
    assert!(line.starts_with("  Problem  "), "{line}");
    let ran = run(&fake.url(), &["overview", "-o", "json"]).await;
    let problem = ran.json()["store_problem"].as_str().unwrap().to_owned();
    assert!(problem.starts_with("READONLY"), "{problem}");
}

#[tokio::test]
async fn what_nobody_knows_is_not_shown_as_if_it_were_nothing() {
    let unread = bare("alice.near", "new", "", "Trouble");
    let fake = Fake::start(World::with(vec![recalled(unread, None)])).await;
    let ran = run(&fake.url(), &["get", "alice.near/new"])
        .await
        .succeeded();
    assert!(!ran.data.contains("no record"), "{}", ran.data);
    let fields = ["Enabled", "Phase", "Runs", "Data layer"];
    for field in fields {
        let line = ran.data.lines().find(|line| line.contains(field)).unwrap();
        assert!(line.ends_with("not known"), "{line}");
    }
    assert!(
        ran.talk.contains("was not read since the start"),
        "{}",
        ran.talk
    );
    let ran = run(&fake.url(), &["list", "-o", "wide"]).await.succeeded();
    let row = ran.data.lines().last().unwrap();
    assert_eq!(row.split_whitespace().nth(1), Some("?"), "{row}");
    assert_eq!(row.split_whitespace().nth(2), Some("?"), "{row}");
    let ran = run(&fake.url(), &["explain", "alice.near/new"]).await;
    assert!(ran.data.contains("not known whether it has a record"));
}

#[tokio::test]
async fn a_wait_goes_on_until_the_store_says_so() {
    let fake = Fake::start(away()).await;
    let words = ["wait", "alice.near/feed", "--for", "running"];
    let short = [&words[..], &["--timeout", "20ms"]].concat();
    let ran = run(&fake.url(), &short).await;
    assert_eq!(ran.exit, Exit::Unavailable, "{}", ran.talk);
    let first = format!("still waiting: {NOTICE}");
    assert!(ran.talk.starts_with(&first), "{}", ran.talk);

    let url = fake.url();
    let script = async {
        until("a look", || fake.world().calls.len() > 1).await;
        fake.change(steady("alice.near", "feed"));
    };
    let (ran, ()) = tokio::join!(run(&url, &words), script);
    assert_eq!(ran.succeeded().data, "alice.near/feed: running\n");
}

#[tokio::test]
async fn a_change_is_not_seen_to_be_settled_from_memory() {
    let fake = Fake::start(away()).await;
    let words = ["retry", "alice.near/feed", "--wait", "--timeout", "20ms"];
    let ran = run(&fake.url(), &words).await;
    assert_eq!(ran.exit, Exit::Failed, "{ran:?}");
}

#[tokio::test]
async fn a_watch_says_when_memory_begins_and_when_it_ends() {
    let fake = Fake::start(World::with(vec![steady("alice.near", "feed")])).await;
    let url = fake.url();
    let command = parse(&["watch", "--server", &url, "-o", "name"]).unwrap();
    let mut running = desk("", false);
    let (data, talk) = (running.data.clone(), running.talk.clone());
    let lines = || data.text().lines().count();
    let pressed = async {
        until("the first", || lines() == 1).await;
        for (n, age) in [(2, 3), (3, 4)] {
            fake.change(recalled(steady("alice.near", "feed"), Some(age)));
            until("news", || lines() == n).await;
        }
        fake.change(steady("alice.near", "feed"));
        until("the end", || lines() == 4).await;
    };
    let exit = admin_cli::run_until(command, &mut running.console, pressed).await;
    assert_eq!(exit, Exit::Interrupted);
    let begins = NOTICE.replace("34", "3");
    assert_eq!(
        talk.text(),
        format!("{begins}the store can be read again\n")
    );
}

#[tokio::test]
async fn a_problem_of_the_registry_is_shown() {
    let mut world = World::with(Vec::new());
    world.overview.registry_problem = "its answers are far\nbelow block 7".to_owned();
    world.overview.registry_answered_ms = 0;
    let fake = Fake::start(world).await;
    let ran = run(&fake.url(), &["overview"]).await.succeeded();
    let said = "of the registry: its answers are far below block 7";
    let line = ran.data.lines().find(|line| line.contains(said)).unwrap();
    assert!(line.starts_with("  Problem  "), "{line}");
    assert!(!ran.data.contains("has not answered"), "{}", ran.data);
    let ran = run(&fake.url(), &["overview", "-o", "json"]).await;
    assert!(
        ran.json()["registry_problem"]
            .as_str()
            .unwrap()
            .starts_with("its")
    );
}
