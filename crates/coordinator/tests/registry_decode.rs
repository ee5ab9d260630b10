//! The registry's answers: every shape, and everything that may be wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use coordinator::registry::decode::{
    ANSWER_LEN_MAX, DecodeError, ENTRIES_MAX, Listing, MESSAGE_LEN_MAX, NAME_LEN_MAX, decode_list,
    decode_one,
};
use lifecycle::{ActionStatus, Desired, IndexerId, Rule, Spec, StartBlock};
use proptest::prelude::*;

const RULE: &str = r#"{"kind":"ACTION_ANY","affected_account_id":"x.near","status":"ANY"}"#;

fn list(text: &str) -> Listing {
    decode_list(text.as_bytes()).unwrap()
}

fn id(name: &str) -> IndexerId {
    IndexerId::parse(name).unwrap()
}

/// An entry whose fields are those of `extra` and, unless named there, sane ones.
fn entry(extra: &str) -> String {
    let defaults = [
        ("code", r#""c""#),
        ("schema", r#""s""#),
        ("rule", RULE),
        ("start_block", r#""LATEST""#),
        ("created_at_block_height", "5"),
    ];
    let mut fields: Vec<String> = defaults
        .iter()
        .filter(|(name, _)| !extra.contains(&format!("\"{name}\":")))
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    if !extra.is_empty() {
        fields.push(extra.to_owned());
    }
    format!("{{{}}}", fields.join(","))
}

fn only(extra: &str) -> Result<Spec, String> {
    let listing = list(&format!(r#"{{"a.near":{{"f":{}}}}}"#, entry(extra)));
    match listing.indexers.get(&id("a.near/f")) {
        Some(spec) => Ok(Spec::clone(spec)),
        None => Err(listing
            .quarantined
            .first()
            .map_or("not listed", |entry| &entry.why)
            .into()),
    }
}

#[test]
fn todays_shape_is_read() {
    let listing = list(include_str!("fixtures/registry-current.json"));
    assert_eq!(listing.quarantined, []);
    assert_eq!(listing.indexers.len(), 2);
    let feed = Spec::new(
        130_000_123,
        Rule::ActionAny {
            affected_account_id: "social.near, *.alice.near".into(),
            status: ActionStatus::Success,
        },
        StartBlock::Height(120_000_000),
        "await context.db".into(),
        "CREATE TABLE posts (h numeric)".into(),
    );
    assert_eq!(*listing.indexers[&id("alice.near/feed")], feed);
    let calls = Spec::new(
        130_000_200,
        Rule::ActionFunctionCall {
            affected_account_id: "x.near".into(),
            status: ActionStatus::Fail,
            function: "ft_*".into(),
        },
        StartBlock::Continue,
        "1".into(),
        "".into(),
    );
    assert_eq!(*listing.indexers[&id("alice.near/calls")], calls);
}

#[test]
fn the_older_shape_is_read_with_and_without_its_wrapper() {
    let inner = include_str!("fixtures/registry-older.json");
    let plain = list(inner);
    assert_eq!(plain.quarantined, []);
    assert_eq!(list(&format!(r#"{{"All":{inner}}}"#)), plain);
    let swaps = &plain.indexers[&id("bob.near/swaps")];
    assert_eq!(swaps.start_block, StartBlock::Height(99_904_145));
    assert_eq!(swaps.version, 100_130_060);
    assert_eq!(&*swaps.schema, "");
    let latest = &plain.indexers[&id("bob.near/latest")];
    assert_eq!(latest.start_block, StartBlock::Latest);
    assert_eq!(latest.version, 7);
    assert!(
        matches!(&latest.rule, Rule::ActionFunctionCall { function, .. } if function == "swap")
    );
}

#[test]
fn unknown_rule_kinds_are_named_and_their_fields_not_looked_at() {
    let event = concat!(
        r#""rule":{"kind":"EVENT","contract_account_id":"c.near","standard":"nep171","#,
        r#""version":"1","event":"mint"}"#,
    );
    assert_eq!(only(event).unwrap().rule, Rule::Unsupported("EVENT".into()));
    let future = r#""rule":{"kind":"SHARD","status":7}"#;
    assert_eq!(
        only(future).unwrap().rule,
        Rule::Unsupported("SHARD".into())
    );
    let long = format!(r#""rule":{{"kind":"{}"}}"#, "é".repeat(1000));
    assert_eq!(only(&long).unwrap().rule, Rule::Unsupported("é".repeat(64)));
}

#[test]
fn the_version_is_the_update_or_else_the_creation() {
    assert_eq!(only("").unwrap().version, 5);
    let updated = r#""updated_at_block_height":9,"created_at_block_height":5"#;
    assert_eq!(only(updated).unwrap().version, 9);
    let neither = only(r#""created_at_block_height":null"#).unwrap_err();
    assert!(neither.contains("height"), "{neither}");
}

#[test]
fn a_bad_entry_is_set_aside_and_the_others_count() {
    let cases = [
        (r#""code":7"#, "code"),
        (r#""code":null"#, "code"),
        (r#""schema":[]"#, "schema"),
        (r#""rule":null"#, "filter"),
        (r#""rule":{}"#, "kind"),
        (
            r#""rule":{"kind":"ACTION_ANY","affected_account_id":"","status":"MAYBE"}"#,
            "MAYBE",
        ),
        (
            concat!(
                r#""rule":{"kind":"ACTION_FUNCTION_CALL","affected_account_id":"x","#,
                r#""status":"ANY"}"#
            ),
            "function",
        ),
        (r#""start_block":"NOW""#, "NOW"),
        (r#""start_block":{"HEIGHT":-1}"#, "start_block"),
        (r#""start_block":null"#, "start_block_height"),
        (
            r#""created_at_block_height":"5""#,
            "created_at_block_height",
        ),
        (
            r#""deleted_at_block_height":"x""#,
            "deleted_at_block_height",
        ),
    ];
    for (extra, part) in cases {
        let text = format!(
            r#"{{"a.near":{{"bad":{},"good":{}}},"b.near":{{"good":{}}}}}"#,
            entry(extra),
            entry(""),
            entry("")
        );
        let listing = list(&text);
        let names: Vec<&str> = listing.indexers.keys().map(IndexerId::as_str).collect();
        assert_eq!(names, ["a.near/good", "b.near/good"], "{extra}");
        assert_eq!(listing.quarantined.len(), 1, "{extra}");
        assert_eq!(listing.quarantined[0].name, "a.near/bad");
        let why = &listing.quarantined[0].why;
        assert!(why.contains(part), "{extra}: {why}");
    }
}

#[test]
fn a_bad_account_is_set_aside_as_a_whole() {
    for account in ["UPPER.near", "a", "a..near", "a/b", ""] {
        let text = format!(
            r#"{{"{account}":{{"f":{}}},"b.near":{{"f":{}}}}}"#,
            entry(""),
            entry("")
        );
        let listing = list(&text);
        assert_eq!(listing.indexers.len(), 1, "{account}");
        assert_eq!(listing.quarantined[0].name, account);
    }
    let listing = list(&format!(
        r#"{{"a.near":[1],"b.near":{{"f":{}}}}}"#,
        entry("")
    ));
    assert_eq!(listing.indexers.len(), 1);
    assert_eq!(listing.quarantined[0].name, "a.near");
}

#[test]
fn odd_function_names_are_fine() {
    let text = format!(r#"{{"a.near":{{"":{0},"a/b:c d\n":{0}}}}}"#, entry(""));
    let names: Vec<String> = list(&text)
        .indexers
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["a.near/", "a.near/a/b:c d\n"]);
}

#[test]
fn an_entry_with_a_deletion_height_is_not_listed() {
    let extra = r#""deleted_at_block_height":12"#;
    let listing = list(&format!(r#"{{"a.near":{{"f":{}}}}}"#, entry(extra)));
    assert_eq!(listing, Listing::default());
}

#[test]
fn of_equal_names_the_last_counts() {
    let (old, new) = (entry(""), entry(r#""created_at_block_height":6"#));
    let functions = list(&format!(r#"{{"a.near":{{"f":{old},"f":{new}}}}}"#));
    assert_eq!(functions.indexers[&id("a.near/f")].version, 6);
    let accounts = list(&format!(
        r#"{{"a.near":{{"f":{old},"g":{old}}},"a.near":{{"f":{new}}}}}"#
    ));
    assert_eq!(accounts.indexers.len(), 1);
    assert_eq!(accounts.indexers[&id("a.near/f")].version, 6);
    let repaired = list(&format!(r#"{{"a.near":{{"f":7,"f":{new}}}}}"#));
    assert_eq!(repaired.quarantined, []);
    let fields = only(r#""code":"x","code":"y""#).unwrap();
    assert_eq!(&*fields.code, "y");
}

#[test]
fn sizes_are_bounded() {
    let long_name = "n".repeat(NAME_LEN_MAX + 1);
    let text = format!(r#"{{"a.near":{{"{long_name}":{0},"f":{0}}}}}"#, entry(""));
    let listing = list(&text);
    assert_eq!(listing.indexers.len(), 1);
    assert_eq!(listing.quarantined.len(), 1);
    assert!(listing.quarantined[0].name.len() <= NAME_LEN_MAX);

    let limit = MESSAGE_LEN_MAX - 8 * 1024;
    let fits = format!(r#""code":"{}""#, "x".repeat(limit));
    assert_eq!(only(&fits).unwrap().code.len(), limit);
    for field in ["code", "schema"] {
        let large = format!(r#""{field}":"{}""#, "x".repeat(MESSAGE_LEN_MAX));
        assert!(only(&large).unwrap_err().contains(field));
    }

    assert_eq!(
        decode_list(&vec![b' '; ANSWER_LEN_MAX + 1]),
        Err(DecodeError::TooLarge(ANSWER_LEN_MAX + 1))
    );
    let half: Vec<String> = (0..=ENTRIES_MAX / 2)
        .map(|n| format!("\"{n}\":0"))
        .collect();
    let many = format!(r#"{{"a.near":{{{0}}},"b.near":{{{0}}}}}"#, half.join(","));
    assert_eq!(decode_list(many.as_bytes()), Err(DecodeError::TooMany));
    let accounts: Vec<String> = (0..=ENTRIES_MAX).map(|n| format!("\"{n}\":{{}}")).collect();
    let many = format!("{{{}}}", accounts.join(","));
    assert!(matches!(
        decode_list(many.as_bytes()),
        Err(DecodeError::Malformed(_))
    ));
}

#[test]
fn an_answer_of_another_shape_is_an_error_and_no_empty_listing() {
    for text in ["", "null", "[]", "7", "\"x\"", "{", r#"{"All":[]}"#] {
        let result = decode_list(text.as_bytes());
        assert!(
            matches!(result, Err(DecodeError::Malformed(_))),
            "{text}: {result:?}"
        );
    }
    assert_eq!(list("{}"), Listing::default());
}

#[test]
fn a_point_read_tells_present_deleted_and_missing_apart() {
    let a = id("a.near/f");
    assert_eq!(decode_one(&a, b"null"), Ok(Desired::Missing));
    let present = decode_one(&a, entry("").as_bytes()).unwrap();
    assert!(matches!(present, Desired::Present(spec) if spec.version == 5));
    let deleted = entry(r#""deleted_at_block_height":12,"updated_at_block_height":9"#);
    assert_eq!(
        decode_one(&a, deleted.as_bytes()),
        Ok(Desired::Deleted { version: 9, at: 12 })
    );
    let bad = decode_one(&a, br#"{"code":1}"#).unwrap_err();
    assert!(bad.to_string().contains("a.near/f"), "{bad}");
    assert!(decode_one(&a, b"").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode_list(&bytes);
        let _ = decode_one(&id("a.near/f"), &bytes);
    }

    #[test]
    fn no_damage_to_an_answer_makes_the_decoder_panic(
        at in 0usize..400, byte in any::<u8>(), keep in 0usize..400
    ) {
        let mut text = format!(r#"{{"a.near":{{"f":{0},"g":{0}}}}}"#, entry("")).into_bytes();
        if let Some(slot) = text.get_mut(at) {
            *slot = byte;
        }
        let _ = decode_list(&text);
        text.truncate(keep);
        let _ = decode_list(&text);
    }
}
