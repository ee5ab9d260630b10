//! The original's logic, as the command line runs it.

use super::simulated::Place;

/// Nothing goes wrong.
const GOOD: &str = r#"property = "An indexer runs"

[run]
duration = "2m"
silence = "2m"

[[indexer]]
account = "alice.near"
function = "feed"
"#;

/// It says that the original fails here, which nobody can see.
const CLAIMS: &str = r#"property = "Nothing happens"
original = "So it says"

[run]
duration = "2m"
silence = "2m"

[[indexer]]
account = "alice.near"
function = "feed"
"#;

#[test]
fn the_original_s_logic_is_run_on_demand_and_says_so() {
    let place = Place::with(&[("good.toml", GOOD)]);
    let ended = place.run("run scenarios/good.toml --seed 3 --coordinator original --trace");
    ended.expect(1);
    for part in [
        "this coordinator follows the original's logic",
        "safety S8",
        "violated later, too",
        "its record is written although all is as wanted",
    ] {
        assert!(ended.data.contains(part), "{part} is missing");
    }
    let last = ended.data.lines().last();
    let again = "cargo sim run scenarios/good.toml --seed 3 --coordinator original";
    assert_eq!(last, Some(again));
    let report = |words: &str| place.run(words).json().remove(0);
    let ours = report("run scenarios/good.toml --json");
    assert!(ours.get("coordinator").is_none() && ours.get("further").is_none());
    let theirs = report("run scenarios/good.toml --json --coordinator original");
    assert_eq!(theirs["coordinator"], "original");
    let again = report("run scenarios/good.toml --json --coordinator original");
    assert_eq!(theirs["trace_hash"], again["trace_hash"]);
}

#[test]
fn the_original_s_defects_are_named_with_the_command_that_shows_them() {
    let place = Place::with(&[("good.toml", GOOD), ("claims.toml", CLAIMS)]);
    let ended = place.run("original --seeds 2");
    ended.expect(0);
    let row = |text: &str| ended.data.lines().find(|line| line.contains(text));
    let quiet = row("Every state is written every second");
    assert!(
        quiet.is_some_and(|line| line.contains(" 18 ")),
        "{}",
        ended.data
    );
    let claim = row("scenarios/claims.toml: these seeds show nothing");
    assert!(claim.is_some_and(|line| line.ends_with("it claims: So it says")));
    let lines = place.run("original scenarios/good.toml -o json").json();
    let ids: Vec<_> = lines
        .iter()
        .filter_map(|line| line["id"].as_str())
        .collect();
    assert_eq!(ids, ["never-quiet", "acts-first", "stream-first"]);
    let page = place.run("original scenarios/good.toml -o markdown");
    assert!(
        page.expect(0)
            .data
            .contains("## It acts first and writes down later")
    );
    place.run("original --seeds 0").expect(4);
    place.run("original --known --seeds 2").expect(2);
}
