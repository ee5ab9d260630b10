//! The hash by which a record knows what it runs.

use lifecycle::{ActionStatus, Rule, Spec, StartBlock};

fn any(status: ActionStatus) -> Rule {
    Rule::ActionAny {
        affected_account_id: "social.near, *.a.near".to_owned(),
        status,
    }
}

fn call(status: ActionStatus) -> Rule {
    Rule::ActionFunctionCall {
        affected_account_id: "dex.near".to_owned(),
        status,
        function: "swap".to_owned(),
    }
}

fn hash(rule: Rule, start: StartBlock) -> String {
    let spec = Spec::new(
        7,
        rule,
        start,
        "code();".into(),
        "CREATE TABLE t (id INT);".into(),
    );
    spec.hash.to_string()
}

/// Every record holds such a hash. If one of these changes, each record of a store that
/// an older version wrote differs from what the registry wants after the upgrade: all
/// indexers would be set up and started anew at once, those with `LATEST` from the
/// height of their registration on. The hash is made of names in the code (those of
/// variants and fields, as `Debug` writes them), so renaming one is enough. Whoever has
/// to change it must also say how old records are read.
#[test]
fn the_hash_of_a_content_is_the_same_in_every_version() {
    let known = [
        (
            any(ActionStatus::Any),
            StartBlock::Latest,
            "dc207d15c470be40ae19f27f44ecf299",
        ),
        (
            any(ActionStatus::Any),
            StartBlock::Height(130_000_000),
            "8e45d4c625e005cf815685315238aa64",
        ),
        (
            any(ActionStatus::Any),
            StartBlock::Continue,
            "aa400d21d459a209902b6e281b19b294",
        ),
        (
            any(ActionStatus::Success),
            StartBlock::Latest,
            "ff5e0331afea3de71882a6a69cc2e31e",
        ),
        (
            any(ActionStatus::Success),
            StartBlock::Height(130_000_000),
            "f4e2f3e34b9872d8eaa2d2a2d9cf781c",
        ),
        (
            any(ActionStatus::Success),
            StartBlock::Continue,
            "c47aa46439d13394db1a1ba74cc54af9",
        ),
        (
            any(ActionStatus::Fail),
            StartBlock::Latest,
            "93cbf0ac6bcdb8707e8576fc252cca2f",
        ),
        (
            any(ActionStatus::Fail),
            StartBlock::Height(130_000_000),
            "6b729cd2ad58703f02e4390079acd137",
        ),
        (
            any(ActionStatus::Fail),
            StartBlock::Continue,
            "cc8ed7a8b6eb8045e63eec6930b0892e",
        ),
        (
            call(ActionStatus::Any),
            StartBlock::Latest,
            "0389ba7063357f344941e6ffb6192ceb",
        ),
        (
            call(ActionStatus::Any),
            StartBlock::Height(130_000_000),
            "e8cd94915779a292a5c997489941b168",
        ),
        (
            call(ActionStatus::Any),
            StartBlock::Continue,
            "7621332076ccb91d195502fdb1f07957",
        ),
        (
            Rule::Unsupported("EVENT".to_owned()),
            StartBlock::Latest,
            "8b71ff3dab410daf7086301abadeb164",
        ),
        (
            Rule::Unsupported("EVENT".to_owned()),
            StartBlock::Height(130_000_000),
            "257fddf46bb60e5bf9166174e4487d79",
        ),
        (
            Rule::Unsupported("EVENT".to_owned()),
            StartBlock::Continue,
            "bad6781f7caa8ecda57f4ba8a1ee405b",
        ),
    ];
    for (rule, start, expected) in known {
        let found = hash(rule.clone(), start);
        assert_eq!(found, expected, "{rule:?}, {start:?}");
    }
}
