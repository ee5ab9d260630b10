//! Real blocks: folders in the shape of NEAR Lake.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sim_node::Time;
use sim_node::chain::{Chain, LakeError, Outcome, Rule, StatusFilter};

const INTERVAL: Duration = Duration::from_secs(2);

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn load(name: &str) -> Result<Chain, LakeError> {
    Chain::from_lake(&fixture(name), INTERVAL)
}

fn complaint(name: &str) -> String {
    load(name).expect_err("must be refused").to_string()
}

fn outcome(receiver: &str, predecessor: &str, success: bool, methods: &[&str]) -> Outcome {
    Outcome {
        receiver: receiver.into(),
        predecessor: predecessor.into(),
        success,
        methods: methods.iter().map(|&method| method.into()).collect(),
    }
}

#[test]
fn all_shards_are_read_in_order_and_only_function_calls_name_methods() {
    let mut chain = load("lake").expect("readable");
    let block = chain.first_at_or_after(0).expect("two blocks");
    assert_eq!(block.height, 100);
    assert_eq!(
        block.outcomes,
        vec![
            outcome("token.near", "alice.near", true, &["ft_transfer"]),
            outcome("new.near", "token.near", false, &[]),
            outcome("social.near", "bob.near", false, &["set"]),
            outcome("carol.near", "system", true, &[]),
        ]
    );
}

#[test]
fn blocks_become_available_one_interval_apart_and_then_no_more() {
    let start = Time::SIMULATION_START;
    let mut chain = load("lake").expect("readable");
    assert_eq!(chain.first_height(), 100);
    let second = chain.first_at_or_after(101).expect("two blocks");
    assert_eq!(
        (second.height, second.available_at),
        (102, start + INTERVAL)
    );
    assert!(chain.first_at_or_after(103).is_none());
    assert_eq!(chain.tip_at(start - INTERVAL), None);
    assert_eq!(chain.tip_at(start), Some(100));
    assert_eq!(chain.tip_at(start + INTERVAL), Some(102));
    assert_eq!(chain.tip_at(start + INTERVAL * 100), Some(102));
}

#[test]
fn rules_select_real_blocks() {
    let mut chain = load("lake").expect("readable");
    let mut selects = |height, rule: &Rule| {
        chain
            .first_at_or_after(height)
            .is_some_and(|block| rule.matches(block))
    };
    let failed = |affected: &str| Rule::ActionAny {
        affected: affected.to_owned(),
        status: StatusFilter::Fail,
    };
    let calls = |function: &str| Rule::ActionFunctionCall {
        affected: "*.near".to_owned(),
        function: function.to_owned(),
        status: StatusFilter::Any,
    };
    assert!(selects(100, &failed("social.near")));
    assert!(
        selects(100, &failed("new.near")),
        "an unknown outcome counts as failed"
    );
    assert!(!selects(100, &failed("carol.near")));
    assert!(selects(100, &calls("ft_*")));
    assert!(
        !selects(100, &calls("hidden")),
        "delegated actions are not looked into"
    );
    assert!(!selects(102, &calls("*")));
}

#[test]
fn errors_name_the_file_and_the_place() {
    let text = complaint("lake-bad/height");
    assert!(text.contains("000000000100/block.json: "), "{text}");
    assert!(
        text.contains("`header.height` is 101, but the folder says 100"),
        "{text}"
    );
    let text = complaint("lake-bad/shard");
    assert!(
        text.contains("shard_0.json:3:18: invalid type: integer `7`"),
        "{text}"
    );
    let text = complaint("lake-bad/name");
    assert!(text.contains("shard_x.json: expected a number"), "{text}");
    let text = complaint("no-such-folder");
    assert!(text.contains("no-such-folder: "), "{text}");
    let text = complaint("lake/000000000102");
    assert!(text.contains("holds no blocks"), "{text}");
}
