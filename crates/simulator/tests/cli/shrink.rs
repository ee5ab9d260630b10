//! Making a failed run small.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::simulated::{Ended, Place};

/// A streamer that answers after every deadline can start nothing, whatever else
/// there is.
const WORDS: &str = "shrink --profile calm --seed 5 --set nodes.block_streamer.call_time=1h";

/// The words of the command that repeats it, without `cargo sim`.
fn last(ended: &Ended) -> &str {
    let line = ended.data.lines().last().unwrap_or_default();
    line.strip_prefix("cargo sim ").unwrap_or_default()
}

#[test]
fn a_failed_swarm_becomes_a_few_lines_that_still_fail() {
    let place = Place::with(&[]);
    let ended = place.run(&format!("{WORDS} -o small.toml --jobs 2 --more-seeds 1"));
    assert!(
        ended
            .expect(0)
            .data
            .contains("steps 1 -> 0, indexers 2 -> 1, settings 45 -> 1, virtual time "),
        "{}",
        ended.data
    );
    let text = fs::read_to_string(place.path("small.toml")).expect("it was written");
    assert!(
        text.contains("# from: cargo sim swarm --profile calm"),
        "{text}"
    );
    assert!(text.contains("call_time = \"1h\""), "{text}");
    assert!(!text.contains("[[step]]"), "{text}");
    assert!(text.lines().count() < 20, "{text}");
    let again = place.run(last(&ended));
    assert!(
        again.expect(6).data.contains("liveness L3"),
        "{}",
        again.data
    );

    let kept = place.run(&format!("{WORDS} -o small.toml"));
    assert!(
        kept.expect(2)
            .talk
            .contains("cannot write small.toml: it exists"),
        "{}",
        kept.talk
    );
    assert_eq!(
        fs::read_to_string(place.path("small.toml")).ok(),
        Some(text)
    );
}

/// A bug takes any other version for a newer one; then an old answer comes.
const SCENARIO: &str = r#"property = "Versions go forward"

[run]
duration = "10m"
silence = "10m"

[faults.calls]
late = 0.01

[[indexer]]
account = "user{n}.near"
function = "feed"
count = 3

[[step]]
at = "1m"
do = { crash = { node = "runner", down = "5s" } }

[[step]]
at = "2m"
do = { update = { indexer = "all" } }

[[step]]
at = "2m 30s"
do = { clog = { from = "coordinator", to = "store", latency = ["10ms", "20ms"], for = "20s" } }

[[step]]
at = "3m"
do = { registry_fault = { kind = "stale", lag = "2m" } }
"#;

#[test]
fn a_planted_bug_needs_little_to_be_seen_and_the_number_of_workers_does_not_matter() {
    let place = Place::with(&[("many.toml", SCENARIO)]);
    let words =
        "shrink scenarios/many.toml --planted versions-compared-for-difference --more-seeds 0";
    let one = place.run(&format!("{words} --jobs 1"));
    assert!(
        one.expect(0)
            .data
            .contains("steps 4 -> 2, indexers 3 -> 1, settings 1 -> 0, virtual time "),
        "{}",
        one.data
    );
    assert!(
        last(&one).starts_with("run .sim/shrunk/many-1.toml --seed 1 --planted "),
        "{}",
        one.data
    );
    assert_eq!(place.run(last(&one)).code, Some(1));
    let two = place.run(&format!("{words} --jobs 2"));
    assert!(
        last(two.expect(0)).contains(" .sim/shrunk/many-1-2.toml "),
        "{}",
        two.data
    );
    let text = |file: &str| fs::read_to_string(place.path(file)).expect("it was written");
    assert_eq!(
        text(".sim/shrunk/many-1.toml"),
        text(".sim/shrunk/many-1-2.toml")
    );
}

/// A task that may have been started is started again at once: that shows only where
/// the coordinator crashes between the two.
#[test]
fn a_crash_point_becomes_small_with_its_effect() {
    let place = Place::with(&[("many.toml", SCENARIO)]);
    let words = "scenarios/many.toml --planted intent-called-again";
    let found = place.run(&format!("equivalence {words}"));
    let command = found.expect(1).data.lines().find_map(|line| {
        let command = line.strip_prefix("cargo sim shrink ")?;
        command.contains(" --effect ").then(|| command.to_owned())
    });
    let command = command.expect("it says how it is made smaller");
    let ended = place.run(&format!("shrink {command} --more-seeds 0 -o small.toml"));
    let steps = "steps 4 -> 0, indexers 3 -> 1, settings 1 -> 0, virtual time ";
    assert!(ended.expect(0).data.contains(steps), "{}", ended.data);
    let again = last(&ended);
    assert!(again.starts_with("equivalence small.toml "), "{again}");
    assert!(again.contains(" --effect "), "{again}");
    place.run(again).expect(1);
    let other = place.run(&format!("shrink {words} --effect 1"));
    assert!(
        other.expect(4).talk.contains("there is nothing to shrink"),
        "{}",
        other.talk
    );
}

#[test]
fn of_a_planted_bug_the_run_that_shows_it_is_known() {
    let place = Place::with(&[]);
    let ended = place.run("shrink --planted latest-means-the-tip --runs 3 -o small.toml");
    assert!(
        ended.expect(0).talk.contains("\ncargo sim shrink "),
        "{}",
        ended.talk
    );
    assert!(ended.data.contains("\n  3 runs in "), "{}", ended.data);
    assert!(place.run(last(&ended)).code.is_some_and(|code| code != 0));
}

#[test]
fn an_interruption_keeps_the_smallest_run_so_far() {
    let place = Place::with(&[]);
    // So many seeds are never tried to the end.
    let mut command = place.command(&format!("{WORDS} --more-seeds 1000000 -o small.toml"));
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let talk = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut lines = talk.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains(" settings after ")));
    let id = child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &id]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    assert!(lines.any(|line| line.contains("interrupted: this is how far it came")));
    let ended = Ended::of(child.wait_with_output().expect("it ends"));
    ended.expect(130);
    assert_eq!(last(&ended), "run small.toml --seed 5");
    place.run(last(&ended)).expect(6);
}

#[test]
fn a_run_that_passes_is_nothing_to_shrink() {
    let place = Place::with(&[("many.toml", SCENARIO)]);
    let ended = place.run("shrink scenarios/many.toml --seed 1 -o small.toml");
    assert!(
        ended
            .expect(4)
            .talk
            .contains("scenarios/many.toml with seed 1 passes: there is nothing to shrink"),
        "{}",
        ended.talk
    );
    assert!(!place.path("small.toml").exists());
    for (words, complaint) in [
        ("shrink scenarios/none.toml", "none.toml"),
        (
            "shrink scenarios/many.toml -o no/small.toml",
            "there is no folder no",
        ),
        (
            "shrink scenarios/many.toml --planted nothing",
            "no planted bug",
        ),
        ("shrink --planted nothing", "no run is known"),
        ("shrink --seed 3", "<FILE>"),
    ] {
        let ended = place.run(words);
        assert!(ended.expect(2).talk.contains(complaint), "{}", ended.talk);
    }
}

#[test]
fn a_failed_run_says_how_it_is_made_smaller() {
    let place = Place::with(&[("many.toml", SCENARIO)]);
    let ended = place.run("run scenarios/many.toml --planted versions-compared-for-difference");
    let command = "  make it smaller with\ncargo sim shrink scenarios/many.toml --seed 1 --planted";
    assert!(ended.expect(1).data.contains(command), "{}", ended.data);
}
