//! The sample, and the command that checks files.

use registry_file::check;
use sim_node::chain::{Chain, ChainConfig, Rule, StatusFilter};

use crate::desk::{Desk, entry, list};

/// The 22nd of November 2026, in milliseconds since 1970.
const NOW: u64 = 1_795_305_600_000;

/// The registry of the trial, but for the time at which its chain began.
const SAMPLE: &str = include_str!("../../../local/src/sample/registry.toml");

#[tokio::test]
async fn the_sample_is_right_and_every_rule_of_it_finds_blocks() {
    let desk = Desk::new();
    desk.write(
        "sample.toml",
        &SAMPLE.replace("@BEGAN@", "2025-11-22T06:56:39Z"),
    );
    let checked = check(&desk.path("sample.toml"), NOW);
    assert_eq!(checked.problems, []);
    assert!(checked.indexers.len() >= 5, "{:?}", checked.indexers);

    let listing = list(&desk.open("sample.toml")).await.unwrap();
    for functions in listing.as_object().unwrap().values() {
        for (name, entry) in functions.as_object().unwrap() {
            let text = |field: &str| entry["rule"][field].as_str().unwrap().to_owned();
            let status = match text("status").as_str() {
                "SUCCESS" => StatusFilter::Success,
                "FAIL" => StatusFilter::Fail,
                _ => StatusFilter::Any,
            };
            let affected = text("affected_account_id");
            let rule = match entry["rule"]["function"].as_str() {
                None => Rule::ActionAny { affected, status },
                Some(function) => Rule::ActionFunctionCall {
                    affected,
                    status,
                    function: function.to_owned(),
                },
            };
            let mut chain = Chain::synthetic(ChainConfig::default(), 0);
            let mut height = chain.first_height();
            let found = (0..200).any(|_| {
                let block = chain.first_at_or_after(height).unwrap();
                height = block.height + 1;
                rule.matches(block)
            });
            assert!(found, "{name} finds nothing");
        }
    }
}

#[test]
fn a_check_tells_everything_and_writes_nothing() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("reg")).unwrap();
    desk.write("reg/a.toml", &entry("f", "c").replace("start", "strat"));
    desk.write("reg/b.toml", &entry("g", "c"));
    desk.write("reg/c.toml", &entry("g", "c").replace("7", "\"LATEST\""));
    desk.write("reg/d.json", "{");
    let checked = check(&desk.path("reg"), NOW);
    assert_eq!(checked.indexers, ["a.near/g"]);
    let told: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    for (problem, file) in told
        .iter()
        .zip(["a.toml:1:1", "a.toml:4:1", "c.toml:1:1", "d.json:1:"])
    {
        assert!(problem.contains(file), "{told:#?}");
    }
    let count = std::fs::read_dir(desk.path("")).unwrap().count();
    assert_eq!(count, 1);
    assert_eq!(check(&desk.path("none"), NOW).problems.len(), 1);
}
