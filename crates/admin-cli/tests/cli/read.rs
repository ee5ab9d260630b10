//! What the commands that look once show, in every format.

use crate::fake::Fake;
use crate::fixtures::{bare, steady, world};
use crate::harness::{golden, parse, run};

const FORMATS: [&str; 5] = ["table", "wide", "json", "jsonl", "name"];

async fn in_every_format(title: &str, words: &[&str]) {
    let fake = Fake::start(world()).await;
    for format in FORMATS {
        let mut words = words.to_vec();
        words.extend(["-o", format]);
        let ran = run(&fake.url(), &words).await.succeeded();
        golden(&format!("{title}.{format}"), &ran.data);
        match format {
            "json" => assert_eq!(ran.json()["schema_version"], 1),
            "jsonl" => assert!(ran.json_lines().iter().all(|it| it["schema_version"] == 1)),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_list_in_every_format() {
    in_every_format("list", &["list"]).await;
}

#[tokio::test]
async fn indexers_in_every_format() {
    in_every_format(
        "get",
        &[
            "get",
            "alice.near/stats",
            "bob.near/posts",
            "dave.near/broken",
        ],
    )
    .await;
}

#[tokio::test]
async fn explanations_in_every_format() {
    in_every_format("explain", &["explain", "alice.near/stats"]).await;
}

#[tokio::test]
async fn the_overview_in_every_format() {
    in_every_format("overview", &["overview"]).await;
}

#[tokio::test]
async fn the_shadow_in_every_format() {
    in_every_format("shadow", &["shadow"]).await;
}

#[tokio::test]
async fn a_list_is_filtered_by_the_server() {
    let fake = Fake::start(world()).await;
    for (words, expected) in [
        (
            &["--account", "alice.near"][..],
            "alice.near/feed\nalice.near/stats\n",
        ),
        (
            &["-n", "alice.near", "--phase", "repairing"],
            "alice.near/stats\n",
        ),
        (
            &["--phase", "SUSPENDED,running", "-n", "carol.near"],
            "carol.near/区块\n",
        ),
        (
            &["--phase", "none,suspended", "--troubled"],
            "dave.near/broken\n",
        ),
        (
            &["--troubled", "-n", "bob.near"],
            "bob.near/likes\nbob.near/posts\n",
        ),
    ] {
        let mut words = words.to_vec();
        words.extend(["-o", "name"]);
        words.insert(0, "list");
        let ran = run(&fake.url(), &words).await.succeeded();
        assert_eq!(ran.data, expected);
    }
    let ran = run(&fake.url(), &["list", "-n", "nobody.near"])
        .await
        .succeeded();
    assert_eq!(
        (ran.data.as_str(), ran.talk.as_str()),
        ("", "no indexers match\n")
    );
    let ran = run(&fake.url(), &["list", "-n", "nobody.near", "-o", "json"]).await;
    assert_eq!(ran.json()["indexers"], serde_json::json!([]));
}

#[test]
fn a_phase_that_does_not_exist_is_pointed_out() {
    let error = parse(&["list", "--phase", "suspendet"]).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.exit_code(), 2);
    assert!(
        text.contains("a similar value exists: 'suspended'"),
        "{text}"
    );
}

fn many(count: usize) -> Vec<proto::coordinator::Indexer> {
    (0..count)
        .map(|n| steady("alice.near", &format!("feed{n:05}")))
        .collect()
}

#[tokio::test]
async fn all_pages_are_fetched_and_sorted() {
    let fake = Fake::start(crate::fake::World::with(many(2500))).await;
    let ran = run(&fake.url(), &["list", "-o", "name"]).await.succeeded();
    let names: Vec<&str> = ran.data.lines().collect();
    assert_eq!(names.len(), 2500);
    assert!(names.is_sorted());
    // A full page does not say whether it is the last.
    assert_eq!(fake.world().calls, ["list 500"; 6]);
    assert_eq!(ran.talk, "");
}

#[tokio::test]
async fn what_stands_behind_pages_without_anything_wanted_is_found() {
    let mut indexers = many(12_000);
    indexers.push(steady("zoe.near", "feed"));
    let fake = Fake::start(crate::fake::World::with(indexers)).await;
    let words = ["list", "--account", "zoe.near", "-o", "name"];
    let ran = run(&fake.url(), &words).await.succeeded();
    assert_eq!(
        (ran.data.as_str(), ran.talk.as_str()),
        ("zoe.near/feed\n", "")
    );
    assert_eq!(fake.world().calls.len(), 3);
    let words = ["list", "--troubled", "--limit", "1", "-o", "name"];
    let ran = run(&fake.url(), &words).await.succeeded();
    assert_eq!(ran.data, "");
}

#[tokio::test]
async fn disagreements_behind_pages_without_any_are_found() {
    let mut world = world();
    world.looks = 1;
    let all = world.shadow.indexers.len();
    let fake = Fake::start(world).await;
    let words = ["shadow", "--disagreements", "-o", "json"];
    let ran = run(&fake.url(), &words).await;
    let shown = ran.json()["indexers"].as_array().unwrap().len();
    assert!(shown > 0 && shown < all, "{shown} of {all}");
    assert!(fake.world().calls.len() >= all);
}

#[tokio::test]
async fn a_limit_fetches_no_more_than_it_shows() {
    let fake = Fake::start(crate::fake::World::with(many(2500))).await;
    let words = ["list", "--limit", "502", "-o", "json"];
    let ran = run(&fake.url(), &words).await.succeeded();
    assert_eq!(ran.json()["indexers"].as_array().unwrap().len(), 502);
    assert_eq!(ran.json()["has_more"], true);
    assert_eq!(fake.world().calls, ["list 500", "list 2"]);
    assert_eq!(
        ran.talk,
        "only the first 502 indexers; there are more, see --limit\n"
    );
}

#[tokio::test]
async fn pages_without_end_are_given_up() {
    for words in [&["list"][..], &["shadow"]] {
        let mut world = world();
        world.endless = true;
        let fake = Fake::start(world).await;
        let ran = run(&fake.url(), words).await;
        assert_eq!(ran.exit, admin_cli::Exit::Failed);
        assert!(ran.talk.contains("pages without end"), "{}", ran.talk);
    }
}

#[tokio::test]
async fn what_is_found_is_shown_beside_what_is_not() {
    let fake = Fake::start(world()).await;
    for verb in ["get", "explain"] {
        let words = [
            verb,
            "-n",
            "alice.near",
            "feed",
            "none",
            "stats",
            "-o",
            "name",
        ];
        let ran = run(&fake.url(), &words).await;
        assert_eq!(ran.exit, admin_cli::Exit::NotFound);
        assert_eq!(ran.data, "alice.near/feed\nalice.near/stats\n");
        assert_eq!(
            ran.talk,
            "error: alice.near/none is not registered. `coordinator list` \
             shows what there is.\n"
        );
    }
}

#[tokio::test]
async fn a_check_of_the_shadow_fails_on_disagreement() {
    let fake = Fake::start(world()).await;
    let ran = run(
        &fake.url(),
        &["shadow", "--check", "--disagreements", "-o", "name"],
    )
    .await;
    assert_eq!(ran.exit, admin_cli::Exit::Failed);
    assert_eq!(ran.data, "alice.near/stats\n");
    assert!(ran.talk.contains("disagree on 1 indexer"), "{}", ran.talk);
    // What is pending is no objection: the original still may do it.
    fake.world().shadow.disagreements = 0;
    fake.world().shadow.indexers[0].verdict = "Pending".to_owned();
    run(&fake.url(), &["shadow", "--check"]).await.succeeded();
    fake.world().shadow.unknown = 2;
    let ran = run(&fake.url(), &["shadow", "--check"]).await;
    assert_eq!(ran.exit, admin_cli::Exit::Failed);
    assert!(ran.talk.contains("anything of 2 indexers"), "{}", ran.talk);
    fake.world().shadow = proto::coordinator::ShadowReport::default();
    let ran = run(&fake.url(), &["shadow", "--check"]).await;
    assert_eq!(ran.exit, admin_cli::Exit::Failed);
    assert!(ran.talk.contains("not observed any"), "{}", ran.talk);
    run(&fake.url(), &["shadow"]).await.succeeded();
}

#[tokio::test]
async fn status_is_another_word_for_overview() {
    let fake = Fake::start(world()).await;
    let one = run(&fake.url(), &["status"]).await.succeeded();
    let other = run(&fake.url(), &["overview"]).await.succeeded();
    assert_eq!(one.data, other.data);
}

#[tokio::test]
async fn an_answer_without_content_is_shown_all_the_same() {
    let mut empty = bare("a", "b", "", "");
    empty.state_since_ms = 0;
    let mut world = crate::fake::World::with(vec![empty]);
    world.overview.phases.clear();
    let fake = Fake::start(world).await;
    for verb in [
        &["get", "a/b"][..],
        &["explain", "a/b"],
        &["list"],
        &["overview"],
        &["shadow"],
    ] {
        for format in FORMATS {
            let mut words = verb.to_vec();
            words.extend(["-o", format]);
            run(&fake.url(), &words).await.succeeded();
        }
    }
}
