//! What counts as a fault.

use super::simulated::Place;

/// A calm run, but for one step.
fn with(step: &str) -> String {
    format!(
        "property = \"p\"\n[run]\nduration = \"2m\"\nsilence = \"1m\"\n\
         [[indexer]]\naccount = \"alice.near\"\nfunction = \"feed\"\n\
         [[step]]\nat = \"1m\"\ndo = {{ {step} }}\n"
    )
}

#[test]
fn what_is_done_behind_the_coordinators_back_counts_as_a_fault() {
    let steps = [
        ("calm.toml", "retry = { indexer = \"alice.near/feed\" }", 0),
        (
            "corrupt.toml",
            "corrupt_record = { indexer = \"alice.near/feed\", value = \"garbage\" }",
            1,
        ),
        (
            "hidden.toml",
            "hidden_change = { indexer = \"alice.near/feed\", kind = \"content\" }",
            1,
        ),
        (
            "churn.toml",
            "churn = { indexer = \"alice.near/feed\", times = 20, within = \"2s\" }",
            1,
        ),
    ];
    for (file, step, faults) in steps {
        let place = Place::with(&[(file, &with(step))]);
        let ended = place.run(&format!("run scenarios/{file} --json"));
        let report = ended.expect(0).json().remove(0);
        assert_eq!(report["faults"], faults, "{step}");
    }
}
