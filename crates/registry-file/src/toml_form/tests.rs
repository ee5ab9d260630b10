use super::*;

const GOOD: &str = r#"[chain]
height = 100
at = 2026-11-22T00:00:00Z
block_time = "600ms"

[[indexer]]
account = "a.near"
function = "f"
start = "LATEST"
rule = { any = "x.near", status = "SUCCESS" }
code = "c"
schema = "s"

[[indexer]]
account = "a.near"
function = "g"
start = 7
rule = { call = "x.near", function = "set" }
code = "c"
schema = "s"
version = 9
"#;

fn of(text: &str) -> Result<Document, Vec<String>> {
    parse(Path::new("r.toml"), text)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn a_file_for_people_says_what_the_contract_would() {
    let document = of(GOOD).unwrap();
    let chain = document.chain.unwrap();
    assert_eq!((chain.height, chain.block_time), (100, 600));
    assert_eq!(chain.at, Some(1_795_305_600_000));
    let [f, g] = document.entries.as_slice() else {
        panic!("{:?}", document.entries);
    };
    assert_eq!(f.place.line, 6);
    assert!(f.needs_height && !g.needs_height);
    assert_eq!((f.version, g.version), (None, Some(9)));
    let json = |entry: &Entry| serde_json::to_value(&entry.body).unwrap();
    assert_eq!(
        json(f),
        json!({
            "code": "c", "schema": "s", "start_block": "LATEST", "forked_from": null,
            "rule": { "kind": "ACTION_ANY", "affected_account_id": "x.near", "status": "SUCCESS" },
        })
    );
    assert_eq!(json(g)["start_block"], json!({ "HEIGHT": 7 }));
    assert_eq!(
        json(g)["rule"],
        json!({ "kind": "ACTION_FUNCTION_CALL", "affected_account_id": "x.near",
            "status": "ANY", "function": "set" })
    );
    assert_ne!(f.content, g.content);
}

/// What is written in place of what, and the mistake that is then told.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("height = 100\n", "", "r.toml:1:1: [chain] lacks `height`"),
    (
        "height = 100",
        "height = -1",
        "r.toml:2:10: `height` is a height",
    ),
    (
        "2026-11-22T00:00:00Z",
        "\"noon\"",
        "r.toml:3:6: `at` is a time in UTC",
    ),
    (
        "\"600ms\"",
        "\"soon\"",
        "r.toml:4:14: `block_time` is a duration",
    ),
    (
        "\"600ms\"",
        "\"0s\"",
        "r.toml:4:14: `block_time` is a duration",
    ),
    ("\"600ms\"", "7", "r.toml:4:14: `block_time` is a text"),
    (
        "[chain]",
        "[chian]",
        "r.toml:1:2: a registry file has no key `chian`",
    ),
    (
        "account = \"a.near\"\nfunction = \"f\"",
        "function = \"f\"",
        "r.toml:6:1: an [[indexer]] lacks `account`",
    ),
    (
        "\"a.near\"",
        "\"A.near\"",
        "r.toml:7:11: `A.near` is no account id",
    ),
    (
        "function = \"f\"",
        "function = 7",
        "r.toml:8:12: `function` is a text in quotes, not integer",
    ),
    (
        "function = \"f\"",
        "funktion = \"f\"",
        "r.toml:8:1: an [[indexer]] has no key `funktion`",
    ),
    (
        "start = \"LATEST\"",
        "start = \"NOW\"",
        "r.toml:9:9: `start` is \"LATEST\"",
    ),
    (
        "start = \"LATEST\"\n",
        "",
        "r.toml:6:1: an [[indexer]] lacks `start`",
    ),
    (
        "start = 7",
        "start = 0.5",
        "r.toml:17:9: `start` is \"LATEST\"",
    ),
    (
        "\"SUCCESS\"",
        "\"GOOD\"",
        "r.toml:10:35: `status` is \"ANY\"",
    ),
    ("any = \"x.near\", ", "", "r.toml:10:8: a rule is"),
    (", function = \"set\"", "", "r.toml:18:8: a rule is"),
    (
        "{ any",
        "{ event = \"e\", any",
        "r.toml:10:10: a rule has no key `event`",
    ),
    (
        "code = \"c\"\n",
        "",
        "r.toml:6:1: an [[indexer]] lacks `code` or `code_file`",
    ),
    (
        "code = \"c\"",
        "code = \" \"",
        "r.toml:11:8: `code` is blank",
    ),
    (
        "code = \"c\"",
        "code = \"c\"\ncode_file = \"c.js\"",
        "r.toml:12:13: give either",
    ),
    (
        "code = \"c\"",
        "code_file = \"../c.js\"",
        "r.toml:11:13: `../c.js` leaves the folder",
    ),
    (
        "version = 9",
        "version = \"9\"",
        "r.toml:21:11: `version` is a height",
    ),
    ("start = 7", "start = ", "r.toml:17:9: "),
];

#[test]
fn each_mistake_is_told_with_its_place() {
    for (from, to, expected) in MISTAKES {
        assert!(GOOD.contains(from), "{from}");
        let found = of(&GOOD.replacen(from, to, 1)).unwrap_err();
        let told = found.iter().any(|problem| problem.starts_with(expected));
        assert!(told, "{expected}\n{found:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = GOOD
        .replace("\"LATEST\"", "\"NOW\"")
        .replace("version = 9", "versoin = 9");
    let found = of(&text).unwrap_err();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(of("a = \nb = \n").unwrap_err().len(), 2);
}

#[test]
fn no_indexer_at_all_is_said_and_not_left_out() {
    for text in [
        "",
        "# nothing yet\n",
        "[chain]\nheight = 1\n",
        "indexer = 7",
        "indexer = [7]",
    ] {
        assert!(of(text).is_err(), "{text}");
    }
    assert_eq!(of("indexer = []").unwrap().entries.len(), 0);
}

#[test]
fn what_fits_into_no_message_is_refused() {
    let text = GOOD.replacen("\"c\"", &format!("\"{}\"", "x".repeat(MESSAGE_LEN_MAX)), 1);
    let found = of(&text).unwrap_err();
    assert!(found[0].contains("one message"), "{:.200}", found[0]);
}

#[test]
fn names_of_any_form_can_be_written() {
    let text = GOOD.replacen("function = \"f\"", r#"function = "a/b:c d\n\u0000""#, 1);
    assert_eq!(of(&text).unwrap().entries[0].key.1, "a/b:c d\n\0");
}
