//! The build that has the simulated runtime.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const GOOD: &str = r#"property = "A crash of the runner is survived"

[run]
duration = "2m"
silence = "2m"

[[indexer]]
account = "alice.near"
function = "feed"

[[step]]
at = "30s"
do = { crash = { node = "runner", down = "5s" } }
"#;

/// The block streamer answers later than the coordinator waits: whoever asks about a
/// single stream never learns anything.
const BLIND: &str = r#"property = "An update arrives"

[run]
duration = "2m"
silence = "2m"

[coordinator]
read_deadline = "20ms"

[nodes.block_streamer]
call_time = "30ms"

[[indexer]]
account = "alice.near"
function = "feed"

[[step]]
at = "30s"
do = { update = { indexer = "alice.near/feed", code = "new" } }
"#;

/// A folder to stand in, with scenarios.
pub(super) struct Place {
    folder: TempDir,
}

impl Place {
    pub(super) fn with(scenarios: &[(&str, &str)]) -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("scenarios")).expect("a folder within");
        for (name, text) in scenarios {
            fs::write(folder.path().join("scenarios").join(name), text).expect("a file");
        }
        Place { folder }
    }

    pub(super) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
        command
            .current_dir(self.folder.path())
            .args(words.split_whitespace())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    pub(super) fn run(&self, words: &str) -> Ended {
        Ended::of(self.command(words).output().expect("it starts"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.folder.path().join(".sim/failures")) else {
            return Vec::new();
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }
}

#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) data: String,
    pub(super) talk: String,
}

impl Ended {
    pub(super) fn of(output: Output) -> Ended {
        Ended {
            code: output.status.code(),
            data: String::from_utf8(output.stdout).expect("text"),
            talk: String::from_utf8(output.stderr).expect("text"),
        }
    }

    #[track_caller]
    pub(super) fn json(&self) -> Vec<Value> {
        let lines = self.data.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .expect("a JSON object a line")
    }

    #[track_caller]
    pub(super) fn expect(&self, code: i32) -> &Ended {
        assert_eq!(self.code, Some(code), "{}\n{}", self.data, self.talk);
        self
    }
}

#[test]
fn a_run_that_passes_shows_its_numbers() {
    let place = Place::with(&[("good.toml", GOOD)]);
    let ended = place.run("run scenarios/good.toml --seed 0x7");
    ended.expect(0);
    assert!(
        ended
            .data
            .starts_with("passed scenarios/good.toml with seed 7\n"),
        "{}",
        ended.data
    );
    assert!(ended.data.contains("\n  hash      "), "{}", ended.data);
}

#[test]
fn one_seed_is_one_run_and_another_seed_another() {
    let place = Place::with(&[("good.toml", GOOD)]);
    let hash = |seed: u64| {
        let ended = place.run(&format!("run scenarios/good.toml --json --seed {seed}"));
        let report = ended.expect(0).json().remove(0);
        assert_eq!(report["verdict"], "passed");
        assert_eq!(report["seed"], seed);
        report["trace_hash"].as_str().map(str::to_owned)
    };
    assert_eq!(hash(5), hash(5));
    assert_ne!(hash(5), hash(6));
}

#[test]
fn the_trace_is_everything_that_happened() {
    let place = Place::with(&[("good.toml", GOOD)]);
    let events = place.run("run scenarios/good.toml --json").json().remove(0)["events"].as_u64();
    let ended = place.run("run scenarios/good.toml --trace");
    let trace = ended
        .expect(0)
        .data
        .lines()
        .position(|line| line.starts_with("passed "));
    assert_eq!(trace.map(|lines| lines as u64), events);
}

#[test]
fn a_run_that_fails_ends_with_the_command_that_repeats_it() {
    let place = Place::with(&[("blind.toml", BLIND)]);
    let ended = place.run("run scenarios/blind.toml --seed 3");
    ended.expect(6);
    for part in [
        "FAILED scenarios/blind.toml with seed 3: liveness",
        "violated  L",
        "commit",
    ] {
        assert!(
            ended.data.contains(part),
            "{part} is missing in\n{}",
            ended.data
        );
    }
    let last = ended.data.lines().last();
    assert_eq!(last, Some("cargo sim run scenarios/blind.toml --seed 3"));
}

#[test]
fn a_run_that_takes_too_long_has_no_verdict() {
    let long = GOOD.replace("silence = \"2m\"", "silence = \"6days\"");
    let place = Place::with(&[("good.toml", &long)]);
    let ended = place.run("run scenarios/good.toml --limit 1us");
    ended.expect(5);
    assert!(
        ended.data.contains("no verdict within 1us"),
        "{}",
        ended.data
    );
}

#[test]
fn mistakes_in_scenarios_are_shown_with_their_place_and_nothing_runs() {
    let bad = GOOD.replace("duration", "duratoin");
    let place = Place::with(&[("bad.toml", &bad), ("good.toml", GOOD)]);
    for words in [
        "run scenarios/bad.toml",
        "explore --seeds 1",
        "check",
        "check scenarios/good.toml scenarios/bad.toml",
        "determinism scenarios",
        "--seeds 1",
    ] {
        let ended = place.run(words);
        ended.expect(2);
        assert!(
            ended.talk.contains("scenarios/bad.toml:4:1"),
            "{words}: {}",
            ended.talk
        );
        assert!(ended.data.is_empty(), "{words}: {}", ended.data);
    }
    assert!(place.kept().is_empty());
}

#[test]
fn what_is_not_there_is_named() {
    let place = Place::with(&[("good.toml", GOOD)]);
    for (words, missing) in [
        ("run scenarios/none.toml", "scenarios/none.toml"),
        ("check scenarios/none.toml", "scenarios/none.toml"),
        ("explore nowhere", "nowhere"),
        ("run scenarios/good.toml --blocks no/lake", "no/lake"),
        ("run --registry no/registry.json", "no/registry.json"),
        ("run scenarios/good.toml --seed x", "x"),
        ("exploer", "explore"),
    ] {
        let ended = place.run(words);
        ended.expect(2);
        assert!(ended.talk.contains(missing), "{words}: {}", ended.talk);
        assert!(ended.data.is_empty(), "{words}: {}", ended.data);
    }
}

#[test]
fn an_empty_folder_is_nothing_to_run() {
    let place = Place::with(&[]);
    for words in [
        "",
        "explore",
        "determinism",
        "check",
        "list",
        "explore --seeds 0",
    ] {
        place.run(words).expect(4);
    }
}

#[test]
fn the_main_job_ends_with_a_table() {
    let place = Place::with(&[("a.toml", GOOD), ("b.toml", GOOD)]);
    let ended = place.run("--seeds 2");
    ended.expect(0);
    let lines: Vec<&str> = ended.data.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ended.data);
    assert!(lines[0].contains("virtual time"), "{}", ended.data);
    assert!(lines[1].contains("scenarios/a.toml") && lines[1].ends_with("passed"));
    assert!(
        lines[3].starts_with("4 runs of 2 scenarios in "),
        "{}",
        ended.data
    );
    assert!(
        ended.talk.contains("scenarios/a.toml  2 seeds  passed"),
        "{}",
        ended.talk
    );
}

#[test]
fn a_failing_scenario_does_not_stop_the_others() {
    let place = Place::with(&[("blind.toml", BLIND), ("good.toml", GOOD)]);
    let ended = place.run("--seeds 2 --start-seed 8");
    ended.expect(1);
    let row = |name: &str| ended.data.lines().find(|line| line.starts_with(name));
    assert!(row(" scenarios/good.toml").is_some_and(|line| line.ends_with("passed")));
    let blind = row(" scenarios/blind.toml");
    assert!(
        blind.is_some_and(|line| line.contains("2 failed, first seed")),
        "{blind:?}"
    );
    let last = ended.data.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("cargo sim run scenarios/blind.toml --seed "),
        "{last}"
    );
    assert_eq!(ended.data.matches("FAILED").count(), 1, "{}", ended.data);
    let names: Vec<_> = place
        .kept()
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.to_owned().into())
        .collect();
    assert_eq!(names, ["blind-8.json", "blind-9.json"]);
}

#[test]
fn programs_get_a_report_a_line_and_a_summary() {
    let place = Place::with(&[("a.toml", GOOD), ("b.toml", GOOD)]);
    let ended = place.run("explore --seeds 2 --json --jobs 2 --start-seed 41");
    let lines = ended.expect(0).json();
    assert_eq!(lines.len(), 5);
    let mut seeds: Vec<_> = lines
        .iter()
        .filter_map(|line| line["seed"].as_u64())
        .collect();
    seeds.sort_unstable();
    assert_eq!(seeds, [41, 41, 42, 42]);
    let summary = &lines[4];
    assert_eq!(
        (&summary["kind"], &summary["runs"]),
        (&"summary".into(), &4.into())
    );
}

#[test]
fn exploring_can_stop_at_the_first_failure() {
    let place = Place::with(&[("blind.toml", BLIND)]);
    let ended = place.run("explore --seeds 50 --fail-fast --jobs 1 --json");
    let lines = ended.expect(6).json();
    assert_eq!(
        lines.last().map(|summary| summary["runs"].clone()),
        Some(1.into())
    );
    let ended = place.run("explore --seeds 50 --max-failures 3 --jobs 1 --json");
    let lines = ended.expect(6).json();
    assert_eq!(
        lines.last().map(|summary| summary["failed"].clone()),
        Some(3.into())
    );
}

#[test]
fn an_interrupted_exploration_still_sums_up() {
    let place = Place::with(&[("good.toml", GOOD)]);
    let mut command = place.command("explore --for 1h --json");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut data = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut first = String::new();
    data.read_line(&mut first).expect("a report");
    let id = child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &id]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    let mut rest = String::new();
    data.read_to_string(&mut rest).expect("the other reports");
    assert_eq!(
        child.wait().ok().and_then(|status| status.code()),
        Some(130)
    );
    let summary: Value =
        serde_json::from_str(rest.lines().last().unwrap_or_default()).expect("a summary");
    assert_eq!(
        (&summary["kind"], &summary["failed"]),
        (&"summary".into(), &0.into())
    );
    assert_eq!(summary["exit_code"], 130);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::with(&[("a.toml", GOOD), ("b.toml", GOOD)]);
    for words in [
        "run scenarios/a.toml --trace",
        "explore --seeds 1 --json",
        "list",
    ] {
        let mut command = place.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        drop(child.stdout.take());
        let ended = Ended::of(child.wait_with_output().expect("it ends"));
        ended.expect(0);
        assert!(!ended.talk.contains("panicked"), "{words}: {}", ended.talk);
        assert!(!ended.talk.contains("error"), "{words}: {}", ended.talk);
    }
}

#[test]
fn real_data_needs_no_scenario_and_shows_what_matched() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/data");
    let place = Place::with(&[]);
    let words = format!("run --blocks {data}/lake --registry {data}/registry.json --seed 2");
    let ended = place.run(&words);
    let lines: Vec<&str> = ended.expect(0).data.lines().collect();
    let rows: Vec<_> = lines
        .iter()
        .filter(|line| line.ends_with("  yes"))
        .collect();
    assert!(!rows.is_empty(), "{}", ended.data);
    assert!(lines[0].starts_with(" indexer "), "{}", ended.data);
    assert!(!ended.data.contains("  NO"), "{}", ended.data);
    let passed = lines.iter().find(|line| line.starts_with("passed "));
    assert_eq!(passed, Some(&"passed built-in:crashes with seed 2"));
}

#[test]
fn every_scenario_repeats_byte_for_byte() {
    let place = Place::with(&[("a.toml", GOOD), ("blind.toml", BLIND)]);
    let ended = place.run("determinism --seeds 2 --jobs 3");
    ended.expect(0);
    assert_eq!(ended.data.matches("same  ").count(), 4, "{}", ended.data);
}

#[test]
fn scenarios_are_listed_with_their_properties() {
    let place = Place::with(&[("b.toml", GOOD), ("a.toml", BLIND)]);
    let ended = place.run("list");
    let lines: Vec<&str> = ended.expect(0).data.lines().collect();
    assert!(lines[1].contains("scenarios/a.toml") && lines[1].ends_with("An update arrives"));
    let lines = place.run("list --json").expect(0).json();
    assert_eq!(lines[1]["property"], "A crash of the runner is survived");
    place.run("check").expect(0);
}

#[test]
fn the_help_shows_examples_and_exit_codes() {
    let place = Place::with(&[]);
    let ended = place.run("--help");
    let help = &ended.expect(0).data;
    for part in [
        "Examples:",
        "Exit codes:",
        "130  interrupted",
        "determinism",
    ] {
        assert!(help.contains(part), "{part} is missing in\n{help}");
    }
    assert!(!help.contains("worker "), "{help}");
}

#[test]
fn planted_bugs_are_listed_shown_and_hunted() {
    let place = Place::with(&[("good.toml", GOOD)]);
    let listed = place.run("planted --list");
    assert!(
        listed.expect(0).data.contains("task-forgotten"),
        "{}",
        listed.data
    );

    let bug = "stream-before-executor";
    let shown = place.run(&format!("run scenarios/good.toml --planted {bug}"));
    shown.expect(1);
    assert!(
        shown.talk.contains(&format!("a bug is planted: {bug}")),
        "{}",
        shown.talk
    );
    assert!(
        shown.data.contains(&format!("--planted {bug}")),
        "{}",
        shown.data
    );

    let hunted = place.run(&format!("planted {bug} --seeds 3 --more 1 -o json"));
    let line = hunted.expect(0).json().remove(0);
    assert_eq!((&line["bug"], &line["runs"]), (&bug.into(), &1.into()));
    assert_eq!(line["caught"][0]["by"], "S15");

    // In this one scenario nothing is ever deleted.
    let missed = place.run("planted deletion-never-ends --seeds 1");
    assert!(
        missed
            .expect(1)
            .data
            .contains("missed: deletion-never-ends"),
        "{}",
        missed.data
    );
}

#[test]
fn known_catches_are_shown_again() {
    let place = Place::with(&[]);
    let ended = place.run("planted task-forgotten --known");
    ended.expect(0);
    assert!(
        ended.data.contains("1 planted bugs shown again"),
        "{}",
        ended.data
    );
}

#[test]
fn a_bug_that_is_none_is_refused() {
    let place = Place::with(&[("good.toml", GOOD)]);
    for words in [
        "planted no-such-bug",
        "run scenarios/good.toml --planted no-such-bug",
    ] {
        let ended = place.run(words);
        ended.expect(2);
        assert!(ended.talk.contains("`no-such-bug`"), "{}", ended.talk);
    }
}

#[test]
fn coverage_names_what_was_reached_and_how_to_reach_it_again() {
    let place = Place::with(&[("good.toml", GOOD)]);
    let lines = place
        .run("coverage scenarios --seeds 1 -o json")
        .expect(0)
        .json();
    let find = |mark: &str| lines.iter().find(|line| line["mark"] == mark).cloned();
    let running = find("phase Running").expect("it is in the catalogue");
    assert_eq!(running["state"], "reached");
    let command = running["command"].as_str().unwrap_or_default().to_owned();
    assert!(command.starts_with("cargo sim run "), "{command}");
    let vain = find("fault empty_store").expect("it is in the catalogue");
    assert_eq!(
        (&vain["state"], &vain["times"]),
        (&"missed".into(), &0.into())
    );
    let table = place.run("coverage scenarios --seeds 1 --all");
    assert!(table.expect(0).data.contains("phase Running"));
    place.run("coverage --baseline no/such.json").expect(2);
}
