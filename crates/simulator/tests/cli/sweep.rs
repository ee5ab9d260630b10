//! Sweeps.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use super::simulated::{Ended, Place};

/// One start, and what it takes of time.
const START: &str = r#"property = "It starts, whatever goes wrong"

[run]
duration = "12s"
silence = "5s"

[nodes.provisioner]
stage_time = "60ms"

[[indexer]]
account = "alice.near"
function = "feed"
"#;

/// Once the run heals, no data layer comes to be: what has none by then stays without.
fn fragile() -> String {
    let broken = "broken = [{ indexer = \"alice.near/feed\", is = \"never_provisioned\" }]";
    START.replace("silence =", &format!("{broken}\nsilence ="))
        + "\n[coordinator]\nretry_first = \"1m\"\n"
}

const REFUSED: &str = "StartProvisioningTask@alice.near/feed#1:error-before";

/// The last line of the data, which sums up.
fn totals(ended: &Ended) -> &str {
    ended.data.lines().last().unwrap_or_default()
}

#[test]
fn every_effect_is_tried_with_every_kind() {
    let place = Place::with(&[("start.toml", START)]);
    let kinds = "crash-after,answer-lost,zombie";
    let ended = place.run(&format!("sweep scenarios/start.toml --kinds {kinds}"));
    ended.expect(0);
    let listed = place.run(&format!(
        "sweep scenarios/start.toml --kinds {kinds} --list"
    ));
    let lines: Vec<&str> = listed.expect(0).data.lines().collect();
    let of = |kind: &str| lines.iter().filter(|line| line.contains(kind)).count();
    let effects = place
        .run("run scenarios/start.toml --json")
        .json()
        .remove(0)["effects"]
        .as_u64();
    // Waits can be crashed at, too; answers can only be lost of services.
    assert!(of(":crash-after") as u64 >= effects.expect("a number"));
    assert_eq!(of(":answer-lost"), 3, "{}", listed.data);
    let plans = lines.len();
    assert!(
        totals(&ended).contains(&format!("{plans} run in"))
            && totals(&ended).ends_with("0 before, 0 failed"),
        "{}",
        ended.data
    );
    assert!(
        ended.data.contains("not tried: "),
        "reasons are missing: {}",
        ended.data
    );
}

#[test]
fn recording_disturbs_nothing() {
    let place = Place::with(&[("start.toml", START)]);
    let plain = place.run("run scenarios/start.toml --json --seed 3");
    let recorded = place.run("worker scenarios/start.toml --record-sites --seed 3 --limit 60s");
    let hash = |ended: &Ended| ended.json().remove(0)["trace_hash"].clone();
    assert_eq!(hash(plain.expect(0)), hash(recorded.expect(0)));
    let sites = recorded.json().remove(0)["swept"]["sites"].clone();
    let first = &sites[0]["site"];
    assert_eq!(first, "StoreGet@*#1", "{sites}");
}

#[test]
fn a_plan_ends_as_it_does_among_others() {
    let place = Place::with(&[("start.toml", START)]);
    let plans = [
        "StartStream@alice.near/feed#1:zombie",
        "StoreCompareAndSet@alice.near/feed#2:crash-after",
        "StartExecutor@alice.near/feed#1:duplicate,GetStream@alice.near/feed#2:stale",
        "StartStream@alice.near/feed#1:zombie",
        "StartStream@alice.near/feed#1:hidden-rebirth",
        "StoreCompareAndSet@alice.near/feed#2:crash-after",
    ];
    let mut child = place
        .command("serve --limit 60s")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut requests = child.stdin.take().expect("a pipe");
    for plan in plans {
        let request = format!(r#"{{"scenario":"scenarios/start.toml","seed":5,"plan":"{plan}"}}"#);
        writeln!(requests, "{request}").expect("it listens");
    }
    drop(requests);
    let ended = Ended::of(child.wait_with_output().expect("it ends"));
    let together: Vec<Value> = ended.expect(0).json();
    assert_eq!(together.len(), plans.len());
    for (plan, answer) in plans.into_iter().zip(together) {
        let words = format!("worker scenarios/start.toml --seed 5 --limit 60s --plan {plan}");
        let alone = place.run(&words).expect(0).json().remove(0);
        assert_eq!(
            answer["report"]["trace_hash"], alone["trace_hash"],
            "{plan}"
        );
        assert_eq!(answer["report"]["end_state"], alone["end_state"], "{plan}");
        assert_eq!(answer["report"]["swept"], alone["swept"], "{plan}");
    }
}

#[test]
fn one_plan_is_shown_at_length() {
    let place = Place::with(&[("start.toml", START)]);
    let words = "sweep scenarios/start.toml --plan StartStream@alice.near/feed#1:hang";
    let ended = place.run(words);
    let expected = "passed scenarios/start.toml with seed 1 and \
                    StartStream@alice.near/feed#1:hang\n  hash      ";
    assert!(ended.expect(0).data.starts_with(expected), "{}", ended.data);
    let traced = place.run(&format!("{words} --trace"));
    assert!(
        traced.expect(0).data.contains("StartStream: fault `hang`"),
        "{}",
        traced.data
    );
    let missed = place.run("sweep scenarios/start.toml --plan StartStream@alice.near/feed#9:hang");
    let talk = &missed.expect(4).talk;
    assert!(
        talk.contains("StartStream@alice.near/feed#9 did not come up"),
        "{talk}"
    );
}

#[test]
fn a_plan_that_changes_the_end_fails_with_the_command_that_repeats_it() {
    let place = Place::with(&[("fragile.toml", &fragile())]);
    let ended = place.run("sweep scenarios/fragile.toml --kinds error-before,duplicate");
    ended.expect(6);
    let command = format!("cargo sim sweep scenarios/fragile.toml --seed 1 --plan '{REFUSED}'");
    assert!(
        ended.data.contains(&command) && ended.data.contains("violated  L6"),
        "{}",
        ended.data
    );
    let again = place.run(&format!("sweep scenarios/fragile.toml --plan {REFUSED}"));
    again.expect(6);
    assert_eq!(totals(&again), command);

    let small = place.run(&format!(
        "shrink scenarios/fragile.toml --more-seeds 1 -o small.toml --plan {REFUSED}"
    ));
    assert!(
        small.expect(0).data.contains("liveness L6"),
        "{}",
        small.data
    );
    let command = format!("cargo sim sweep small.toml --seed 1 --plan '{REFUSED}'");
    assert_eq!(totals(&small), command);
    place
        .run(&format!("sweep small.toml --plan {REFUSED}"))
        .expect(6);
}

#[test]
fn programs_get_the_failed_plans_and_a_summary() {
    let place = Place::with(&[("fragile.toml", &fragile())]);
    let words = "sweep scenarios/fragile.toml --kinds error-before,duplicate --json";
    let lines = place.run(words).expect(6).json();
    let (summary, failed) = lines.split_last().expect("a summary");
    assert!(
        failed.iter().any(|line| line["plan"] == REFUSED),
        "{failed:?}"
    );
    for line in failed {
        assert_eq!(line["verdict"], "liveness");
        assert_eq!(line["schema_version"], 1);
        assert!(
            line["command"]
                .as_str()
                .is_some_and(|it| it.starts_with("cargo sim sweep "))
        );
    }
    assert_eq!(summary["kind"], "summary");
    assert_eq!(summary["failed"], failed.len());
    assert_eq!(summary["exit_code"], 6);
    let row = &summary["scenarios"][0];
    assert_eq!(row["scenario"], "scenarios/fragile.toml");
    assert_eq!(
        (&row["plans"], &row["failed"]),
        (&summary["runs"], &summary["failed"])
    );
    assert_eq!(summary["failures"][0]["oracle"], "L6");
    assert!(
        summary["left_out"]
            .as_object()
            .is_some_and(|it| !it.is_empty())
    );

    let one = place.run(&format!(
        "sweep scenarios/fragile.toml --json --plan {REFUSED}"
    ));
    let one = one.expect(6).json();
    assert_eq!((one.len(), &one[0]["plan"]), (1, &Value::from(REFUSED)));
}

#[test]
fn a_sweep_goes_on_where_it_stopped() {
    let place = Place::with(&[("start.toml", START)]);
    let sweep = "sweep scenarios/start.toml --kinds crash-before --resume log";
    let half = place.run(&format!("{sweep} --shard 1/2"));
    let ran = |ended: &Ended| {
        let words: Vec<&str> = totals(ended).split(' ').collect();
        let number = |after: &str| {
            let place = words.iter().position(|word| word.starts_with(after))?;
            words.get(place.checked_sub(1)?)?.parse::<u64>().ok()
        };
        (number("run"), number("before,"))
    };
    let (first, none) = ran(half.expect(0));
    assert_eq!(none, Some(0));
    let whole = place.run(sweep);
    let (second, before) = ran(whole.expect(0));
    assert_eq!(before, first);
    assert!(second > Some(0), "{}", whole.data);
    let third = place.run(sweep);
    assert_eq!(ran(third.expect(0)).0, Some(0), "{}", third.data);

    // Somebody pulled the plug in the middle of a line.
    let log = place.path("log");
    let text = fs::read_to_string(&log).expect("a log");
    fs::write(&log, text.trim_end().get(..text.len() - 5).expect("a line")).expect("a file");
    assert_eq!(ran(place.run(sweep).expect(0)).0, Some(1));

    let refused = place.run("sweep scenarios/start.toml --kinds hang --resume log");
    assert!(
        refused.expect(2).talk.contains("another sweep"),
        "{}",
        refused.talk
    );
}

#[test]
fn pairs_are_tried_together() {
    let place = Place::with(&[("start.toml", START)]);
    let words = "sweep scenarios/start.toml --pairs --kinds crash-before --shard 1/20";
    let ended = place.run(words);
    assert!(
        totals(ended.expect(0)).ends_with("0 before, 0 failed"),
        "{}",
        ended.data
    );
    let listed = place.run(&format!("{words} --list"));
    for line in listed.expect(0).data.lines() {
        assert_eq!(line.matches(":crash-before").count(), 2, "{line}");
    }
    assert!(listed.talk.contains("one call meets one fate") || listed.talk.contains("not tried"));
}

#[test]
fn what_cannot_be_swept_is_refused() {
    let place = Place::with(&[("start.toml", START)]);
    for words in [
        "sweep",
        "sweep scenarios/none.toml",
        "sweep scenarios/start.toml --kinds crash",
        "sweep scenarios/start.toml --plan StartStream@alice.near/feed#0:hang",
        "sweep scenarios/start.toml --shard 3/2",
    ] {
        place.run(words).expect(2);
    }
    let ended = place.run("sweep scenarios/start.toml --shard 9999/9999");
    ended.expect(4);
}
