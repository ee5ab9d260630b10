//! The commands that change something.

use admin_cli::Exit;
use tonic::Code;

use crate::fake::{Fake, World};
use crate::fixtures::{steady, world};
use crate::harness::{desk, golden, parse, run, run_with, until};

const FORMATS: [&str; 5] = ["table", "wide", "json", "jsonl", "name"];
const CHANGES: [&[&str]; 5] = [
    &["enable", "carol.near/区块"],
    &["disable", "alice.near/feed"],
    &["retry", "alice.near/stats"],
    &["hold", "alice.near/feed", "--reason", "looking into it"],
    &["release", "bob.near/posts"],
];

#[tokio::test]
async fn every_change_in_every_format() {
    for words in CHANGES {
        for format in FORMATS {
            let fake = Fake::start(world()).await;
            let mut words = words.to_vec();
            words.extend(["-o", format]);
            let ran = run(&fake.url(), &words).await.succeeded();
            assert_eq!(ran.talk, "");
            golden(&format!("{}.{format}", words[0]), &ran.data);
            assert_eq!(fake.world().calls, [format!("{} {}", words[0], words[1])]);
        }
    }
}

#[tokio::test]
async fn a_dry_run_asks_nobody() {
    for words in CHANGES {
        for format in FORMATS {
            let mut words = words.to_vec();
            words.extend(["--dry-run", "-o", format]);
            let ran = run("http://127.0.0.1:1", &words).await.succeeded();
            match format {
                "table" => assert!(ran.data.starts_with(&format!("would {} ", words[0]))),
                "json" => assert_eq!(ran.json()["changes"][0]["result"], "dry_run"),
                "jsonl" => assert_eq!(ran.json_lines()[0]["result"], "dry_run"),
                _ => assert!(ran.data.contains(words[1])),
            }
        }
    }
}

#[tokio::test]
async fn what_is_held_is_not_tried_again() {
    let fake = Fake::start(world()).await;
    let ran = run(&fake.url(), &["retry", "bob.near/posts"]).await;
    assert!(
        ran.data
            .contains("to be tried again once it is released, not in effect yet"),
        "{}",
        ran.data
    );
}

#[tokio::test]
async fn it_is_said_whether_a_change_shows_and_waited_for_if_wanted() {
    let fake = Fake::start(world()).await;
    fake.world().lag = 2;
    let ran = run(&fake.url(), &["disable", "alice.near/feed"])
        .await
        .succeeded();
    assert_eq!(
        ran.data,
        "alice.near/feed: disabled, not in effect yet (Suspending, Working): Everything is as \
         wanted.\n"
    );
    let words = ["disable", "alice.near/feed", "--wait"];
    let ran = run(&fake.url(), &words).await.succeeded();
    assert_eq!(
        ran.data,
        "alice.near/feed: disabled, in effect (Suspended, Suspended)\n"
    );
}

#[tokio::test]
async fn a_hold_is_in_effect_at_once_and_what_was_begun_can_be_waited_for() {
    let fake = Fake::start(world()).await;
    fake.world().lag = 2;
    let words = ["hold", "alice.near/feed", "--reason", "why"];
    let ran = run(&fake.url(), &words).await.succeeded();
    assert_eq!(
        ran.data,
        "alice.near/feed: held, in effect; a step begun before may still end (Running, Steady)\n"
    );
    let mut waiting = words.to_vec();
    waiting.push("--wait");
    let ran = run(&fake.url(), &waiting).await.succeeded();
    assert_eq!(
        ran.data,
        "alice.near/feed: held, in effect (Running, Held)\n"
    );

    let fake = Fake::start(world()).await;
    fake.world().lag = 1_000_000;
    waiting.extend(["--timeout", "50ms", "-o", "json"]);
    let ran = run(&fake.url(), &waiting).await;
    assert_eq!(ran.exit, Exit::Failed);
    assert_eq!(ran.json()["changes"][0]["in_effect"], true);
    let said = "held, but what was begun before has not ended after 50ms";
    assert!(ran.talk.contains(said), "{}", ran.talk);
}

#[tokio::test]
async fn what_is_deleted_meanwhile_needs_no_more_waiting() {
    for (verb, exit) in [
        ("release", Exit::Done),
        ("disable", Exit::Done),
        ("enable", Exit::NotFound),
    ] {
        let mut doomed = steady("dave.near", "gone");
        doomed.phase = "Suspended".to_owned();
        let mut world = World::with(vec![doomed]);
        world.goes_away = true;
        let fake = Fake::start(world).await;
        let words = [verb, "dave.near/gone", "--wait", "-o", "json"];
        let ran = run(&fake.url(), &words).await;
        assert_eq!(ran.exit, exit, "{ran:?}");
        let change = &ran.json()["changes"][0];
        if exit == Exit::Done {
            assert_eq!(change["result"], "done");
            assert_eq!(change["in_effect"], true);
            assert!(change["indexer"].is_null(), "{change}");
        }
    }
}

#[tokio::test]
async fn a_function_without_a_name_can_be_disabled() {
    let mut world = world();
    let mut nameless = steady("mallory.near", "");
    nameless.phase = "Running".to_owned();
    world.put(nameless);
    let fake = Fake::start(world).await;
    let words = ["list", "-n", "mallory.near", "-o", "name"];
    let list = run(&fake.url(), &words).await.succeeded().data;
    assert_eq!(list, "mallory.near/\n");
    run(&fake.url(), &["disable", list.trim()])
        .await
        .succeeded();
    run_with(&fake.url(), &["disable", "-"], &list, false)
        .await
        .succeeded();
    let calls = fake.world().calls.clone();
    assert_eq!(
        calls[1..],
        ["disable mallory.near/", "disable mallory.near/"]
    );
}

#[tokio::test]
async fn a_wait_that_takes_too_long_fails() {
    let fake = Fake::start(world()).await;
    fake.world().lag = 1_000_000;
    let words = ["disable", "alice.near/feed", "--wait", "--timeout", "50ms"];
    let ran = run(&fake.url(), &words).await;
    assert_eq!(ran.exit, Exit::Failed);
    assert!(ran.data.contains("not in effect yet"), "{}", ran.data);
    assert!(
        ran.talk.contains("not in effect after 50ms"),
        "{}",
        ran.talk
    );
}

#[tokio::test]
async fn several_are_changed_after_a_question_on_a_terminal_only() {
    let words = ["disable", "-n", "alice.near", "feed", "stats"];
    for (input, interactive, extra, calls) in [
        ("y\n", true, None, 2),
        ("YES\n", true, None, 2),
        ("n\n", true, None, 0),
        ("\n", true, None, 0),
        ("", true, None, 0),
        ("", true, Some("--yes"), 2),
        ("", false, None, 2),
    ] {
        let fake = Fake::start(world()).await;
        let mut words = words.to_vec();
        words.extend(extra);
        let ran = run_with(&fake.url(), &words, input, interactive).await;
        assert_eq!(fake.world().calls.len(), calls, "{input:?} {ran:?}");
        let asked = ran.talk.contains("disable 2 indexers? [y/N]");
        assert_eq!(asked, interactive && extra.is_none());
        assert_eq!(ran.exit == Exit::Done, calls == 2, "{ran:?}");
    }
    let fake = Fake::start(world()).await;
    let ran = run_with(&fake.url(), &["disable", "alice.near/feed"], "", true).await;
    assert_eq!((ran.exit, ran.talk.as_str()), (Exit::Done, ""));
}

#[tokio::test]
async fn a_list_of_names_comes_from_stdin() {
    let list = "# troubled\nalice.near/feed\n\ncarol.near/区块\nalice.near/feed\n";
    for word in ["-", "--stdin"] {
        let fake = Fake::start(world()).await;
        let ran = run_with(&fake.url(), &["retry", word], list, false).await;
        assert_eq!(ran.exit, Exit::Done);
        let calls = ["retry alice.near/feed", "retry carol.near/区块"];
        assert_eq!(fake.world().calls, calls);
    }
    let fake = Fake::start(world()).await;
    for words in [
        &["retry", "-"][..],
        &["retry", "--stdin", "-o", "json"],
        &["retry", "-", "--dry-run"],
    ] {
        for empty in ["", "\n"] {
            let ran = run_with(&fake.url(), words, empty, false).await;
            assert_eq!(ran.exit, Exit::Done, "{words:?}");
        }
    }
    let ran = run_with(&fake.url(), &["retry", "-"], "", false).await;
    assert_eq!(ran.data, "");
    assert!(ran.talk.contains("nothing to do"), "{}", ran.talk);
    let ran = run_with(&fake.url(), &["retry", "-"], "feed\n", false).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(
        ran.talk.starts_with("error: stdin:1: `feed`"),
        "{}",
        ran.talk
    );
    assert!(fake.world().calls.is_empty());
}

#[tokio::test]
async fn names_that_were_listed_can_be_read_back() {
    let hostile = "a\u{1b}[2J\n\\b";
    let fake = Fake::start(crate::fake::World::with(vec![steady("x.near", hostile)])).await;
    let listed = run(&fake.url(), &["list", "-o", "name"]).await.succeeded();
    assert_eq!(listed.data.lines().count(), 1);
    let ran = run_with(&fake.url(), &["disable", "-"], &listed.data, false).await;
    assert_eq!(ran.exit, Exit::Done, "{ran:?}");
    assert_eq!(
        fake.world().calls.last().unwrap(),
        &format!("disable x.near/{hostile}")
    );
}

#[tokio::test]
async fn one_failure_does_not_keep_the_others_from_being_tried() {
    let fake = Fake::start(world()).await;
    fake.world()
        .fault_of
        .insert("stats".to_owned(), Code::Internal);
    let words = [
        "disable",
        "-n",
        "alice.near",
        "none",
        "stats",
        "feed",
        "-o",
        "jsonl",
    ];
    let ran = run(&fake.url(), &words).await;
    assert_eq!(
        ran.exit,
        Exit::Failed,
        "two kinds of failure make the general one"
    );
    let results: Vec<_> = ran
        .json_lines()
        .iter()
        .map(|it| it["result"].clone())
        .collect();
    assert_eq!(results, ["failed", "failed", "done"]);
    assert_eq!(ran.talk.matches("error: ").count(), 2);
    assert!(
        ran.talk.contains("to repeat it does no harm"),
        "{}",
        ran.talk
    );
    let ran = run(
        &fake.url(),
        &["disable", "-n", "alice.near", "none", "feed"],
    )
    .await;
    assert_eq!(ran.exit, Exit::NotFound);
}

#[tokio::test]
async fn what_would_fail_for_all_is_not_tried_for_all() {
    let fake = Fake::start(world()).await;
    fake.world().fault = Some((Code::PermissionDenied, "the role read may not disable"));
    let words = [
        "disable",
        "-n",
        "alice.near",
        "feed",
        "stats",
        "more",
        "-o",
        "json",
    ];
    let ran = run(&fake.url(), &words).await;
    assert_eq!(ran.exit, Exit::Refused);
    assert_eq!(fake.world().calls.len(), 1);
    assert!(
        ran.talk.contains("2 further indexers not tried"),
        "{}",
        ran.talk
    );
    let results = ran.json();
    let results = results["changes"].as_array().unwrap();
    let results: Vec<_> = results.iter().map(|it| it["result"].clone()).collect();
    assert_eq!(results, ["failed", "not_tried", "not_tried"]);
}

#[test]
fn a_hold_needs_a_reason_of_bounded_length() {
    assert!(parse(&["hold", "a/b"]).is_err());
    assert!(parse(&["hold", "a/b", "--reason", "  "]).is_err());
    assert!(parse(&["hold", "a/b", "--reason", &"x".repeat(501)]).is_err());
    assert!(parse(&["hold", "a/b", "--reason", &"x".repeat(500)]).is_ok());
}

#[test]
fn a_change_without_a_name_is_refused() {
    for verb in ["enable", "disable", "retry", "release", "get", "explain"] {
        assert_eq!(parse(&[verb]).unwrap_err().exit_code(), 2);
    }
    assert!(parse(&["enable", "--stdin"]).is_ok());
}

#[tokio::test]
async fn whoever_interrupts_it_knows_how_far_it_came() {
    let fake = Fake::start(world()).await;
    let url = fake.url();
    let words = ["disable", "alice.near/feed", "-", "--server", &url];
    let mut desk = desk("alice.near/stats\n", false);
    let (data, command) = (desk.data.clone(), parse(&words).unwrap());
    let pressed = async {
        until("a call", || !fake.world().calls.is_empty()).await;
        fake.world().hangs = true;
        until("a result", || !data.text().is_empty()).await;
    };
    let exit = admin_cli::run_until(command, &mut desk.console, pressed).await;
    assert_eq!(exit, Exit::Interrupted);
    assert!(
        desk.data.text().starts_with("alice.near/feed: disabled"),
        "{}",
        desk.data.text()
    );
}
