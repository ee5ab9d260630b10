//! Watching changes, across restarts of the coordinator.

use admin_cli::Exit;
use tonic::Code;

use crate::fake::{Fake, World};
use crate::fixtures::{gave_up, retrying, steady, world};
use crate::harness::{Desk, Wire, desk, golden, parse, run, until};

/// Runs a watch until `script` is done, as if Ctrl-C was pressed then.
async fn watch(
    fake: &mut Fake,
    words: &[&str],
    script: impl AsyncFnOnce(&mut Fake, &Desk),
) -> Desk {
    let url = fake.url();
    let mut line = vec!["watch", "--server", &url];
    line.extend(words);
    let command = parse(&line).unwrap();
    let mut running = desk("", false);
    let view = Desk {
        console: desk("", false).console,
        data: running.data.clone(),
        talk: running.talk.clone(),
    };
    let pressed = script(fake, &view);
    let exit = admin_cli::run_until(command, &mut running.console, pressed).await;
    assert_eq!(exit, Exit::Interrupted, "{}", running.talk.text());
    running
}

fn small() -> World {
    World::with(vec![
        steady("alice.near", "feed"),
        retrying("alice.near", "stats"),
    ])
}

#[tokio::test]
async fn first_the_table_then_changes_in_every_format() {
    for format in ["table", "wide", "json", "jsonl", "name"] {
        let mut fake = Fake::start(small()).await;
        let seen = watch(&mut fake, &["-o", format], async |fake, desk| {
            until("the table", || desk.data.text().contains("stats")).await;
            let before = desk.data.text().len();
            fake.change(steady("alice.near", "stats"));
            until("a change", || desk.data.text().len() > before).await;
            let before = desk.data.text().len();
            fake.remove("alice.near", "feed");
            until("a removal", || desk.data.text().len() > before).await;
        })
        .await;
        golden(&format!("watch.{format}"), &seen.data.text());
    }
}

#[tokio::test]
async fn changes_only_leaves_out_what_there_was() {
    let mut fake = Fake::start(small()).await;
    let words = ["--changes-only", "-o", "name"];
    let seen = watch(&mut fake, &words, async |fake, desk| {
        until("a watch", || fake.world().changes.receiver_count() > 0).await;
        fake.change(gave_up("alice.near", "feed"));
        until("a change", || desk.data.text().contains("feed")).await;
    })
    .await;
    assert_eq!(seen.data.text(), "alice.near/feed\n");
}

#[tokio::test]
async fn after_a_restart_only_what_was_missed_is_told() {
    let mut fake = Fake::start(small()).await;
    fake.world().put(steady("alice.near", "quiet"));
    let seen = watch(&mut fake, &["-o", "jsonl"], async |fake, desk| {
        until("the table", || desk.data.text().contains("synced")).await;
        fake.stop().await;
        until("a word", || desk.talk.text().contains("trying again in")).await;
        let mut changed = World::with(vec![
            gave_up("alice.near", "stats"),
            steady("alice.near", "new"),
            steady("alice.near", "quiet"),
        ]);
        std::mem::swap(&mut changed.indexers, &mut fake.world().indexers);
        fake.start_again().await;
        until("the rest", || desk.data.text().lines().count() >= 7).await;
        until("a word", || desk.talk.text().contains("connected again")).await;
        fake.change(steady("alice.near", "stats"));
        until("a change", || desk.data.text().lines().count() >= 8).await;
    })
    .await;
    let text = seen.data.text();
    let told: Vec<String> = text
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["schema_version"], 1);
            let name = match &event["indexer"]["function"] {
                serde_json::Value::Null => &event["function"],
                name => name,
            };
            format!("{} {}", event["event"], name)
        })
        .collect();
    assert_eq!(
        told,
        [
            r#""indexer" "feed""#,
            r#""indexer" "quiet""#,
            r#""indexer" "stats""#,
            r#""synced" null"#,
            r#""removed" "feed""#,
            r#""indexer" "new""#,
            r#""indexer" "stats""#,
            r#""indexer" "stats""#,
        ]
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_at_first_is_a_failure() {
    let mut fake = Fake::start(small()).await;
    fake.stop().await;
    let ran = run(&fake.url(), &["watch"]).await;
    assert_eq!(ran.exit, Exit::Unavailable);
    assert_eq!(ran.talk.lines().count(), 1);
}

#[tokio::test]
async fn a_refusal_ends_it() {
    let fake = Fake::start(world()).await;
    for (code, exit) in [
        (Code::PermissionDenied, Exit::Refused),
        (Code::Unauthenticated, Exit::Refused),
        (Code::Unimplemented, Exit::Failed),
        (Code::ResourceExhausted, Exit::Failed),
        (Code::InvalidArgument, Exit::Usage),
    ] {
        fake.world().fault = Some((code, "no"));
        assert_eq!(run(&fake.url(), &["watch"]).await.exit, exit, "{code}");
        fake.world().fault = None;
        fake.world().watch_fault = Some(code);
        assert_eq!(run(&fake.url(), &["watch"]).await.exit, exit, "{code}");
        fake.world().watch_fault = None;
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_is_waited_for() {
    let mut fake = Fake::start(small()).await;
    fake.world().watch_fault = Some(Code::Unavailable);
    let seen = watch(&mut fake, &["-o", "name"], async |fake, desk| {
        until("a word", || {
            desk.talk.text().contains("trying again in 250ms")
        })
        .await;
        fake.world().watch_fault = None;
        until("the table", || desk.data.text().contains("stats")).await;
    })
    .await;
    assert_eq!(seen.data.text(), "alice.near/feed\nalice.near/stats\n");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_opened_again() {
    let fake = Fake::start(small()).await;
    let wire = Wire::to(fake.port()).await;
    let url = wire.url.clone();
    let command = parse(&["watch", "-o", "name", "--server", &url]).unwrap();
    let mut running = desk("", false);
    let (data, talk) = (running.data.clone(), running.talk.clone());
    let script = async {
        until("the table", || data.text().contains("stats")).await;
        let address = wire.cut().await;
        until("a word", || talk.text().contains("trying again in 250ms")).await;
        fake.change(gave_up("alice.near", "feed"));
        let wire = Wire::between(&address, fake.port()).await;
        until("what was missed", || data.text().lines().count() >= 3).await;
        drop(wire);
    };
    let exit = admin_cli::run_until(command, &mut running.console, script).await;
    assert_eq!(exit, Exit::Interrupted, "{}", talk.text());
    assert!(talk.text().contains("was lost"), "{}", talk.text());
    assert!(
        talk.text().ends_with("connected again\n"),
        "{}",
        talk.text()
    );
    assert_eq!(
        data.text(),
        "alice.near/feed\nalice.near/stats\nalice.near/feed\n"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_after_a_restart_is_waited_for() {
    let mut fake = Fake::start(small()).await;
    let words = ["-o", "name", "--request-timeout", "200ms"];
    let seen = watch(&mut fake, &words, async |fake, desk| {
        until("the table", || desk.data.text().contains("feed")).await;
        fake.stop().await;
        fake.world().hangs = true;
        fake.start_again().await;
        until("silence", || desk.talk.text().contains("no answer from")).await;
        fake.world().hangs = false;
        until("a word", || desk.talk.text().contains("connected again")).await;
    })
    .await;
    assert!(seen.talk.text().contains("trying again in"));
    // Of one that never said anything nothing is known.
    fake.world().hangs = true;
    let mut line = vec!["watch"];
    line.extend(words);
    let ran = run(&fake.url(), &line).await;
    assert_eq!(ran.exit, Exit::Failed);
}
