//! Whether a seed leads to one run only, as the command line says it.

use super::simulated::Place;

/// One indexer and nothing that goes wrong.
const SCENARIO: &str = r#"property = "An indexer is started"

[run]
duration = "20s"
silence = "10s"

[[indexer]]
account = "alice.near"
function = "feed"
"#;

#[test]
fn every_planted_leak_is_found_and_nothing_where_none_is() {
    let place = Place::with(&[]);
    let ended = place.run("determinism --leaks");
    ended.expect(0);
    let row = |name: &str| {
        let begins = |line: &&str| line.trim_start().starts_with(&format!("{name} "));
        let row = ended.data.lines().find(begins);
        row.unwrap_or_else(|| panic!("no {name} in\n{}", ended.data))
    };
    for (name, circumstance) in [
        ("entropy", " in another process "),
        ("wall-clock", " in another process "),
        ("time-zone", " in another environment "),
        ("program-name", " in another environment "),
        ("run-counter", " after another run in its process "),
        ("unbiased-select", " after another run in its process "),
    ] {
        let row = row(name);
        assert!(row.contains(circumstance), "{row}");
        assert!(row.contains("StoreCompareAndSet"), "{row}");
    }
    let last = ended.data.lines().last().unwrap_or_default();
    assert!(
        last.ends_with("leaks, all found; without one nothing differs"),
        "{last}"
    );
}

#[test]
fn a_difference_is_shown_with_its_first_event_and_what_it_takes() {
    let place = Place::with(&[("a.toml", SCENARIO)]);
    for (leak, circumstance) in [
        ("process-id", "in another process"),
        ("working-folder", "in another environment"),
        ("run-counter", "after another run in its process"),
    ] {
        let ended = place.run(&format!(
            "determinism scenarios/a.toml --start-seed 7 --leak {leak}"
        ));
        let text = &ended.expect(3).data;
        for part in [
            "DIFFERENT scenarios/a.toml with seed 7\n",
            "\n  first event that differs: ",
            "\n  the first run goes on with\n",
            "\n  the second run goes on with\n",
            &format!("\n  it differs {circumstance}\n"),
            &format!("cargo sim determinism scenarios/a.toml --start-seed 7 --leak {leak}"),
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
    place.run("determinism").expect(0);
}

#[test]
fn a_leak_that_is_not_known_is_refused() {
    let ended = Place::with(&[]).run("determinism --leak sunshine");
    ended.expect(2);
    assert!(
        ended
            .talk
            .contains("there is no leak `sunshine`; there are hash-order,")
    );
}
