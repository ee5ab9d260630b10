//! Swarms.

use std::fs;

use super::simulated::Place;

#[test]
fn one_run_shows_its_configuration_first_and_is_the_same_from_a_file() {
    let place = Place::with(&[]);
    let shown = place.run("swarm --profile calm --seed 3");
    shown.expect(0);
    let printed = place.run("swarm --profile calm --seed 3 --print");
    assert!(
        shown.data.starts_with(printed.expect(0).data.trim_end()),
        "{}",
        shown.data
    );
    assert!(
        shown.data.contains("passed swarm:calm with seed 3\n"),
        "{}",
        shown.data
    );

    let saved = place.run("swarm --profile calm --seed 3 --save found.toml");
    assert!(saved.expect(0).data.is_empty());
    assert!(
        saved.talk.contains("cargo sim run found.toml --seed 3"),
        "{}",
        saved.talk
    );
    let kept = place.run("swarm --profile calm --seed 4 --save found.toml");
    let error = &kept.expect(2).talk;
    assert!(error.contains("cannot write found.toml: "), "{error}");
    let again = place.run("run found.toml --seed 3 --json").expect(0).json();
    let first = place.run("swarm --profile calm --seed 3 --json");
    let first = first.expect(0).json();
    assert_eq!(again[0]["trace_hash"], first[0]["trace_hash"]);
}

#[test]
fn values_are_set_before_anything_is_checked() {
    let place = Place::with(&[]);
    let ended = place.run(
        "swarm --profile calm --seed 3 --print --set net.latency=[\"2ms\",\"3ms\"] \
         --set run.silence=10m --set indexer.0.function=mine",
    );
    for line in [
        "latency = [\"2ms\", \"3ms\"]",
        "silence = \"10m\"",
        "function = \"mine\"",
    ] {
        assert!(
            ended.expect(0).data.contains(line),
            "{line}\n{}",
            ended.data
        );
    }
    let ended = place.run("swarm --seed 3 --print --set net.latencies=1ms");
    ended.expect(2);
    assert!(
        ended.talk.contains("did you mean `latency`?"),
        "{}",
        ended.talk
    );
    let ended = place.run("swarm --seed 3 --set indexer.99.count=2");
    ended.expect(2);
    assert!(ended.talk.contains("`99` is none of"), "{}", ended.talk);
    let ended = place.run("swarm --seeds 1 --set faults.kill.runner=-1");
    ended.expect(2);
    assert!(ended.talk.contains("no rate per minute"), "{}", ended.talk);
}

/// What is shown as an example must be allowed whatever the seed has drawn beside it.
#[test]
fn the_value_that_is_shown_to_be_set_is_allowed_with_every_seed() {
    let place = Place::with(&[]);
    let mistake = place.run("swarm --seed 7 --print --set net.latency");
    let value = "[\"1ms\",\"20ms\"]";
    assert!(mistake.expect(2).talk.contains(value), "{}", mistake.talk);
    let ended = place.run(&format!(
        "swarm --profile knobs --profile network --seeds 12 --set net.latency={value}"
    ));
    ended.expect(0);
}

#[test]
fn many_runs_end_with_what_they_came_to_and_write_nothing() {
    let place = Place::with(&[]);
    let ended = place.run("swarm --profile calm --profile churn --seeds 2 --jobs 2");
    ended.expect(0);
    assert!(
        ended.data.contains("4 runs of 2 scenarios in "),
        "{}",
        ended.data
    );
    assert!(ended.data.contains(" calls, "), "{}", ended.data);

    // A streamer that answers after every deadline can start nothing.
    let words = "swarm --profile calm --seeds 1 --set nodes.block_streamer.call_time=1h";
    let ended = place.run(words);
    assert!(
        ended.expect(6).data.contains(
            "cargo sim swarm --profile calm --set nodes.block_streamer.call_time=1h --seed 1"
        ),
        "{}",
        ended.data
    );
    assert!(place.kept().is_empty());
}

#[test]
fn one_seed_is_one_run_in_every_profile() {
    let place = Place::with(&[]);
    let ended = place.run("determinism swarm:everything swarm:network swarm:knobs --seeds 2");
    ended.expect(0);
    assert!(ended.data.contains("6 seeds ran twice"), "{}", ended.data);
    let unknown = place.run("run swarm:nothing --seed 1");
    unknown.expect(2);
}

#[test]
fn a_scenario_takes_values_from_the_command_line_too() {
    let text = "property = \"p\"\n[run]\nduration = \"1m\"\nsilence = \"1m\"\n\
                [[indexer]]\naccount = \"alice.near\"\nfunction = \"feed\"\n";
    let place = Place::with(&[("plain.toml", text)]);
    let ended = place.run("run scenarios/plain.toml --json --set run.silence=2m");
    let longer = ended.expect(0).json();
    let plain = place.run("run scenarios/plain.toml --json");
    let plain = plain.expect(0).json();
    let micros = |report: &serde_json::Value| report["virtual_micros"].as_u64();
    let minute = 60_000_000;
    assert_eq!(micros(&longer[0]), micros(&plain[0]).map(|it| it + minute));
    let file = place.path("scenarios/plain.toml");
    assert_eq!(fs::read_to_string(file).ok().as_deref(), Some(text));
}
