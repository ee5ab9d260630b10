//! Registry files: every shape, and every error with its place.

use std::path::Path;

use proptest::prelude::*;
use sim_registry::{
    ActionStatus, LoadError, MAX_ENTRIES, RegistryRule, StartBlock, load_file, parse,
};

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_current_shape() {
    let entries = load_file(Path::new(&fixture("current.json"))).unwrap();
    let names: Vec<_> = entries
        .iter()
        .map(|e| (e.account.as_str(), e.function.as_str()))
        .collect();
    assert_eq!(names, [("alice.near", "feed"), ("alice.near", "b")]);
    let feed = &entries[0].record;
    assert_eq!(
        feed.registration.start_block,
        StartBlock::Height(120_000_000)
    );
    assert_eq!(
        (feed.created_at, feed.version()),
        (129_000_456, 130_000_123)
    );
    assert_eq!(
        feed.registration.forked_from.as_ref().unwrap().account_id,
        "bob.near"
    );
    let deleted = &entries[1].record;
    assert!(deleted.is_deleted());
    assert_eq!(deleted.registration.start_block, StartBlock::Continue);
    assert!(matches!(
        deleted.registration.rule,
        RegistryRule::Event { .. }
    ));
}

#[test]
fn the_older_shape() {
    let entries = load_file(Path::new(&fixture("older.json"))).unwrap();
    let swaps = &entries[0].record;
    assert_eq!(
        swaps.registration.rule,
        RegistryRule::ActionAny {
            affected_account_id: "dex.near".into(),
            status: ActionStatus::Fail
        }
    );
    assert_eq!(swaps.registration.start_block, StartBlock::Latest);
    assert_eq!(
        (swaps.registration.schema.as_str(), swaps.version()),
        ("", 100)
    );
    let calls = &entries[1].record;
    assert_eq!(calls.registration.start_block, StartBlock::Height(90));
    assert_eq!(
        (calls.created_at, calls.updated_at, calls.deleted_at),
        (150, Some(200), None)
    );
    assert!(matches!(
        &calls.registration.rule,
        RegistryRule::ActionFunctionCall { function, .. } if function == "swap"
    ));
}

#[test]
fn the_wrapper_is_optional_for_both_shapes() {
    for name in ["current.json", "older.json"] {
        let text = std::fs::read_to_string(fixture(name)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let bare = value.get("All").unwrap_or(&value).to_string();
        let wrapped = format!(r#"{{"All":{bare}}}"#);
        let sorted = |text: &str| {
            let mut entries = parse(name, text).unwrap();
            entries.sort_by(|a, b| (&a.account, &a.function).cmp(&(&b.account, &b.function)));
            entries
        };
        assert_eq!(sorted(&bare), sorted(&wrapped));
        assert_eq!(sorted(&bare), sorted(&text));
    }
}

const RULE: &str = r#""rule":{"kind":"ACTION_ANY","affected_account_id":"x","status":"ANY"}"#;

const ACCOUNTS: &str = " (expected an object of accounts)";
const INDEXER: &str = " (expected an indexer in the contract's shape)";

#[test]
fn errors_name_place_indexer_and_expectation() {
    // Text, place, message, and what the end of the message says was expected.
    let table = [
        ("", "1:1", "EOF while parsing a value", ACCOUNTS),
        (
            "[]",
            "1:1",
            "invalid type: sequence, expected an object",
            ACCOUNTS,
        ),
        (
            "{\n  \"a.near\": {,}\n}",
            "2:14",
            "key must be a string",
            ACCOUNTS,
        ),
        (
            "{\"a.near\":\n 7}",
            "2:2",
            "a.near: invalid type: integer `7`, expected an object",
            " (expected an object of indexers)",
        ),
        (
            "{\"A\":\n {}}",
            "2:2",
            "`A` is not an account id: the Account ID is too short",
            "",
        ),
        (
            "{\"a.near\":{},\n\"a.near\":{}}",
            "2:8",
            "`a.near` appears twice",
            ACCOUNTS,
        ),
        (
            "{\"a.near\":{\"f\":\n {\"code\":1}}}",
            "2:10",
            "a.near/f: invalid type: integer `1`, expected a string",
            INDEXER,
        ),
        (
            "{\"a.near\":{\"f\":{\n\"code\":\"\",\n\"schema\":5}}}",
            "3:10",
            "a.near/f: invalid type: integer `5`, expected a string",
            INDEXER,
        ),
        (
            "{\"a.near\":{\"f\":\n{\"code\":\"\",\"created_at_block_height\":1}}}",
            "2:1",
            "a.near/f: has neither `rule` nor the older `filter`, expected one",
            "",
        ),
    ];
    for (text, place, message, expected) in table {
        let error = parse("f.json", text).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("f.json:{place}: error: {message}{expected}"),
            "{text}"
        );
    }
}

#[test]
fn errors_in_an_entry_say_what_was_expected() {
    let good = format!(
        r#""code":"","schema":"","start_block":"LATEST",{RULE},"created_at_block_height":1"#
    );
    let entry = |body: &str| {
        parse("f.json", &format!("{{\"a.near\":{{\"f\":{{{body}}}}}}}"))
            .unwrap_err()
            .to_string()
    };
    let ends = [
        (
            good.replace("\"ANY\"", "\"MAYBE\""),
            "unknown variant `MAYBE`, expected one of `ANY`, `SUCCESS`, `FAIL`",
        ),
        (
            good.replace("\"status\":\"ANY\"", "\"x\":1"),
            "a rule of kind ACTION_ANY needs the field `status`",
        ),
        (
            good.replace("\"LATEST\"", "\"SOON\""),
            "unknown variant `SOON`, expected one of `LATEST`, `CONTINUE`, `HEIGHT`",
        ),
        (
            good.replace("\"start_block\":\"LATEST\",", ""),
            "the field `start_block` is missing, expected \"LATEST\", \"CONTINUE\" or {\"HEIGHT\"",
        ),
        (
            good.replace(
                "\"created_at_block_height\":1",
                "\"created_at_block_height\":-1",
            ),
            "invalid value: integer `-1`, expected u64",
        ),
        (
            format!("{good},\"filter\":{{\"matching_rule\":{{\"rule\":\"EVENT\"}}}}"),
            "a rule of kind EVENT needs the field `contract_account_id`",
        ),
    ];
    for (body, expected) in ends {
        let error = entry(&body);
        assert!(
            error.contains(expected) && error.contains("a.near/f: "),
            "{error}"
        );
    }
}

#[test]
fn errors_of_the_file_itself() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.json");
    let error = load_file(&missing).unwrap_err();
    assert!(matches!(error, LoadError::Unreadable { .. }) && error.place().is_none());
    assert!(error.to_string().contains("missing.json: cannot be read"));

    let binary = directory.path().join("binary.json");
    std::fs::write(&binary, b"{\n  \"\xff\"}").unwrap();
    let error = load_file(&binary).unwrap_err();
    let place = error.place().unwrap();
    assert_eq!((place.line, place.column), (2, 4));
}

#[test]
fn the_number_of_entries_is_bounded() {
    let entry = format!(
        r#"{{"code":"","schema":"","start_block":"LATEST",{RULE},"created_at_block_height":1}}"#
    );
    let file = |count: usize| {
        let entries: Vec<_> = (0..count).map(|n| format!("\"f{n}\":{entry}")).collect();
        format!("{{\"a.near\":{{{}}}}}", entries.join(","))
    };
    assert_eq!(parse("f", &file(MAX_ENTRIES)).unwrap().len(), MAX_ENTRIES);
    let error = parse("f", &file(MAX_ENTRIES + 1)).unwrap_err();
    assert!(
        error.to_string().contains("more than 100000 indexers"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        let _ = parse("f", &text);
    }

    #[test]
    fn damaged_files_never_panic(cut in 0usize..1200, byte in any::<u8>()) {
        let mut text = std::fs::read(fixture("older.json")).unwrap();
        let cut = cut % text.len();
        text[cut] = byte;
        if let Ok(text) = String::from_utf8(text) {
            let _ = parse("f", &text);
        }
    }
}
