//! Waiting for indexers.

use admin_cli::Exit;
use tonic::Code;

use crate::fake::Fake;
use crate::fixtures::{bare, retrying, steady, world};
use crate::harness::{desk, golden, parse, run, until};

#[tokio::test]
async fn what_is_reached_already_is_reported_in_every_format() {
    let fake = Fake::start(world()).await;
    for (name, goal) in [
        ("alice.near/feed", "running"),
        ("alice.near/feed", "steady"),
        ("alice.near/feed", "state=steady"),
        ("alice.near/stats", "phase=repairing"),
        ("carol.near/区块", "suspended"),
        ("nobody.near/none", "gone"),
    ] {
        let ran = run(&fake.url(), &["wait", name, "--for", goal])
            .await
            .succeeded();
        assert!(ran.data.starts_with(name), "{}", ran.data);
    }
    for format in ["table", "wide", "json", "jsonl", "name"] {
        let words = ["wait", "alice.near/feed", "--for", "running", "-o", format];
        let ran = run(&fake.url(), &words).await.succeeded();
        golden(&format!("wait.{format}"), &ran.data);
    }
}

#[tokio::test]
async fn it_ends_when_the_goal_is_reached() {
    let fake = Fake::start(world()).await;
    let words = ["wait", "alice.near/stats", "--for", "steady"];
    let url = fake.url();
    let waiting = run(&url, &words);
    let script = async {
        until("a look", || !fake.world().calls.is_empty()).await;
        fake.change(steady("alice.near", "stats"));
    };
    let (ran, ()) = tokio::join!(waiting, script);
    assert_eq!(ran.succeeded().data, "alice.near/stats: steady\n");
}

#[tokio::test]
async fn it_says_why_the_goal_was_not_reached() {
    let fake = Fake::start(world()).await;
    let words = [
        "wait",
        "alice.near/stats",
        "--for",
        "running",
        "--timeout",
        "20ms",
    ];
    let ran = run(&fake.url(), &words).await;
    assert_eq!((ran.exit, ran.data.as_str()), (Exit::Failed, ""));
    assert_eq!(
        ran.talk,
        "error: alice.near/stats: not running within 20ms: it is Repairing, Retry for 3 min \
         (since 2027-01-15T07:57:00Z). The block stream could not be started; it is tried again \
         soon. It is tried again in 40 s (2027-01-15T08:00:40Z), or at once if what is wanted \
         changes.\n"
    );
}

#[tokio::test]
async fn an_indexer_that_does_not_exist_is_waited_for_only_if_wanted() {
    let fake = Fake::start(world()).await;
    let words = ["wait", "alice.near/new", "--for", "running"];
    let ran = run(&fake.url(), &words).await;
    assert_eq!(ran.exit, Exit::NotFound);
    assert!(ran.talk.contains("--allow-missing"), "{}", ran.talk);

    let words = [
        "wait",
        "alice.near/new",
        "--for",
        "running",
        "--allow-missing",
    ];
    let seen = fake.world().calls.len();
    let url = fake.url();
    let waiting = run(&url, &words);
    let script = async {
        until("a look", || fake.world().calls.len() > seen).await;
        fake.change(steady("alice.near", "new"));
    };
    let (ran, ()) = tokio::join!(waiting, script);
    ran.succeeded();
}

#[tokio::test]
async fn an_indexer_that_is_deleted_meanwhile_ends_it() {
    let fake = Fake::start(world()).await;
    let words = [
        "wait",
        "alice.near/stats",
        "--for",
        "running",
        "--allow-missing",
    ];
    let url = fake.url();
    let waiting = run(&url, &words);
    let script = async {
        until("a look", || !fake.world().calls.is_empty()).await;
        fake.remove("alice.near", "stats");
    };
    let (ran, ()) = tokio::join!(waiting, script);
    assert_eq!(ran.exit, Exit::NotFound);
    assert!(
        ran.talk.contains("it is gone, so it will never be running"),
        "{}",
        ran.talk
    );
}

#[tokio::test]
async fn a_coordinator_that_is_away_is_waited_for() {
    let mut fake = Fake::start(world()).await;
    fake.stop().await;
    let url = fake.url();
    let words = [
        "wait",
        "alice.near/feed",
        "--for",
        "running",
        "--timeout",
        "30s",
    ];
    let mut words = words.to_vec();
    words.extend(["--server", &url]);
    let mut desk = desk("", false);
    let talk = desk.talk.clone();
    let command = parse(&words).unwrap();
    let waiting = admin_cli::run_until(command, &mut desk.console, std::future::pending());
    let script = async {
        until("a word", || {
            talk.text()
                .contains("still waiting: no coordinator answers")
        })
        .await;
        fake.start_again().await;
    };
    let (exit, ()) = tokio::join!(waiting, script);
    assert_eq!(exit, Exit::Done);
    assert_eq!(desk.data.text(), "alice.near/feed: running\n");
}

#[tokio::test]
async fn one_that_stays_away_is_unavailable() {
    let mut fake = Fake::start(world()).await;
    fake.stop().await;
    let words = [
        "wait",
        "alice.near/feed",
        "--for",
        "running",
        "--timeout",
        "20ms",
    ];
    let ran = run(&fake.url(), &words).await;
    assert_eq!(ran.exit, Exit::Unavailable);
}

#[tokio::test]
async fn who_may_not_look_need_not_wait() {
    let fake = Fake::start(world()).await;
    fake.world().fault = Some((Code::Unauthenticated, "no token"));
    let ran = run(&fake.url(), &["wait", "a/b", "--for", "gone"]).await;
    assert_eq!(ran.exit, Exit::Refused);
}

#[tokio::test]
async fn several_are_waited_for_together() {
    let mut world = world();
    world.put(bare("alice.near", "slow", "Initializing", "Provisioning"));
    world.put(retrying("alice.near", "stuck"));
    let fake = Fake::start(world).await;
    let words = [
        "wait",
        "-n",
        "alice.near",
        "feed",
        "slow",
        "stuck",
        "--for",
        "running",
        "--timeout",
        "20ms",
        "-o",
        "jsonl",
    ];
    let ran = run(&fake.url(), &words).await;
    assert_eq!(ran.exit, Exit::Failed);
    let reached: Vec<_> = ran
        .json_lines()
        .iter()
        .map(|it| it["reached"].clone())
        .collect();
    assert_eq!(reached, [true, false, false]);
    assert_eq!(ran.talk.lines().count(), 2);
}

#[tokio::test]
async fn ctrl_c_ends_it() {
    let fake = Fake::start(world()).await;
    let url = fake.url();
    let words = [
        "wait",
        "alice.near/stats",
        "--for",
        "gone",
        "--server",
        &url,
    ];
    let mut desk = desk("", false);
    let command = parse(&words).unwrap();
    let pressed = until("a look", || !fake.world().calls.is_empty());
    let exit = admin_cli::run_until(command, &mut desk.console, pressed).await;
    assert_eq!(exit, Exit::Interrupted);
    assert_eq!(exit.code(), 130);
}
