//! Whatever a server sends, a terminal is shown only text.

use proto::coordinator::{Failure, Hold, Indexer, Overview, Quarantined, Resource, ShadowIndexer};
use proto::coordinator::{ServiceDown, Wanted};

use crate::fake::{Fake, World};
use crate::fixtures::{bare, name};
use crate::harness::{desk, parse, run};

const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n\u{202e}evil\u{9b}31m\u{0}\u{200b}";

/// Evil wherever there is text.
fn evil_world() -> World {
    let text = || EVIL.to_owned();
    let resource = || {
        Some(Resource {
            seen: "Present".to_owned(),
            id: text(),
            version: u64::MAX,
            health: text(),
        })
    };
    let indexer = Indexer {
        name: name(EVIL, EVIL),
        hold: Some(Hold {
            reason: text(),
            since_ms: u64::MAX,
            by: text(),
        }),
        state_since_ms: u64::MAX,
        explanation: text(),
        next_look_ms: u64::MAX,
        failure: Some(Failure {
            cause: text(),
            description: text(),
            detail: text(),
            attempts: u32::MAX,
            first_ms: u64::MAX,
            last_ms: 1,
            next_ms: u64::MAX,
            given_up: true,
        }),
        wanted: Some(Wanted {
            kind: text(),
            version: u64::MAX,
            start_block: text(),
            rule: text(),
            deleted_at: u64::MAX,
        }),
        stream: resource(),
        executor: resource(),
        provisioning_task: text(),
        unreadable: text(),
        panics: u32::MAX,
        ..bare("", "", EVIL, EVIL)
    };
    let mut world = World::with(vec![indexer]);
    let aside = || {
        vec![Quarantined {
            name: text(),
            why: text(),
        }]
    };
    world.overview = Overview {
        version: text(),
        started_ms: u64::MAX,
        phases: [(text(), u64::MAX)].into(),
        states: [(text(), 1)].into(),
        quarantined: aside(),
        unreadable: aside(),
        registered: u64::MAX,
        registry_answered_ms: u64::MAX,
        down: vec![ServiceDown {
            service: text(),
            since_ms: u64::MAX,
        }],
        panics: u64::MAX,
        suspicious_listings: u64::MAX,
        answers_dropped: u64::MAX,
        quarantined_count: u64::MAX,
        ..Overview::default()
    };
    world.shadow.indexers = vec![ShadowIndexer {
        name: name(EVIL, EVIL),
        phase: text(),
        shadow_phase: text(),
        would: text(),
        verdict: text(),
        since_ms: u64::MAX,
        unexpected: vec![text()],
    }];
    world
}

#[track_caller]
fn assert_harmless(text: &str) {
    let is_harmless = |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{200b}".contains(c));
    assert!(text.chars().all(is_harmless), "{text:?}");
}

#[tokio::test]
async fn no_command_shows_what_a_terminal_would_obey() {
    let full = format!("{EVIL}/{EVIL}");
    let commands: [&[&str]; 10] = [
        &["list"],
        &["get", &full],
        &["explain", &full],
        &["disable", &full],
        &["enable", &full],
        &["hold", &full, "--reason", "why not"],
        &["overview"],
        &["shadow"],
        &["wait", &full, "--for", "running", "--timeout", "10ms"],
        &["get", "a/none\u{1b}[2J"],
    ];
    for words in commands {
        for format in ["table", "wide", "json", "jsonl", "name"] {
            let fake = Fake::start(evil_world()).await;
            let mut words = words.to_vec();
            words.extend(["-o", format]);
            let ran = run(&fake.url(), &words).await;
            assert_harmless(&ran.talk);
            if !format.starts_with("json") {
                assert_harmless(&ran.data);
            } else {
                assert!(!ran.data.contains('\u{1b}'), "JSON escapes it");
            }
        }
    }
}

#[tokio::test]
async fn a_watch_shows_no_evil_either() {
    let fake = Fake::start(evil_world()).await;
    let url = fake.url();
    let mut desk = desk("", false);
    let command = parse(&["watch", "--server", &url]).unwrap();
    let data = desk.data.clone();
    let script = async {
        crate::harness::until("the table", || data.text().contains("INDEXER")).await;
        let changed = fake.world().indexers.values().next().unwrap().clone();
        fake.change(changed);
        crate::harness::until("a change", || data.text().lines().count() >= 3).await;
    };
    admin_cli::run_until(command, &mut desk.console, script).await;
    assert_harmless(&desk.data.text());
}

#[tokio::test]
async fn names_beyond_measure_are_cut_for_people_and_whole_for_programs() {
    let long = "x".repeat(64 << 10);
    let world: Vec<Indexer> = (0..500)
        .map(|n| bare("a.near", &format!("{n:03}{long}"), "Running", "Steady"))
        .collect();
    let fake = Fake::start(World::with(world)).await;
    for format in ["table", "wide"] {
        let ran = run(&fake.url(), &["list", "-o", format]).await.succeeded();
        assert!(ran.data.lines().all(|line| line.chars().count() < 500));
        assert!(ran.data.contains('…'));
    }
    let ran = run(&fake.url(), &["list", "-o", "json"]).await.succeeded();
    let name = ran.json()["indexers"][0]["function"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(name, format!("000{long}"));
}

#[tokio::test]
async fn columns_stay_in_line_beside_wide_letters() {
    let fake = Fake::start(World::with(vec![
        bare("a.near", "区块链区块链", "Running", "Steady"),
        bare("a.near", "🚀", "Running", "Steady"),
        bare("a.near", "plain", "Running", "Steady"),
    ]))
    .await;
    let ran = run(&fake.url(), &["list"]).await.succeeded();
    crate::harness::golden("wide-letters.txt", &ran.data);
}
