//! Crashes after every effect, compared with the run without.

use super::simulated::Place;

const SCENARIO: &str = r#"
property = "One indexer runs"
defends = ["L1"]

[run]
duration = "5m"

[[indexer]]
account = "alice.near"
function = "feed"
"#;

/// No other property tells the two ends apart: whether the data layer is noted as there
/// harms nobody before the indexer begins anew.
#[test]
fn a_crash_that_leads_to_another_end_is_told_with_its_command() {
    let place = Place::with(&[("one.toml", SCENARIO)]);
    let words = "equivalence scenarios/one.toml";
    assert!(place.run(words).expect(0).data.contains(", 0 differ"));
    let planted = format!("{words} --planted data-layer-forgotten-by-a-restart");
    let ended = place.run(&planted);
    let told = &ended.expect(6).data;
    assert!(told.contains("liveness L6"), "{told}");
    let command = told.lines().find_map(|line| {
        let command = line.strip_prefix("cargo sim equivalence ")?;
        command.contains(" --effect ").then(|| command.to_owned())
    });
    let command = command.expect("it says how it is repeated");
    let again = place.run(&format!("equivalence {command}"));
    assert!(
        again.expect(6).data.contains("liveness L6"),
        "{}",
        again.data
    );
}
