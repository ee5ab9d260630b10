//! What anyone may register to do harm, and how large a registry may get.

use std::time::Duration;

use lifecycle::{Desired, IndexerId, Spec};
use proto::runner::StartExecutorRequest;
use tokio::time::Instant;

use super::decode::{
    AHEAD_MAX, ANSWER_LEN_MAX, DecodeError, Listing, MESSAGE_LEN_MAX, NAME_LEN_MAX, decode_list,
    decode_one, doubt_version,
};

const RULE: &str = r#"{"kind":"ACTION_ANY","affected_account_id":"x.near","status":"ANY"}"#;

const CREATED: &str = r#""created_at_block_height":5"#;

/// Far more than any of this takes, and far less than it takes if its cost
/// grows with the square of the size.
const SANE: Duration = Duration::from_secs(30);

fn entry(code: &str, schema: &str) -> String {
    let text = |text: &str| serde_json::to_string(text).unwrap();
    format!(
        r#"{{"code":{},"schema":{},"rule":{RULE},"start_block":"LATEST",{CREATED}}}"#,
        text(code),
        text(schema)
    )
}

/// A listing of one account with these functions.
fn listing(functions: &[(String, String)]) -> Result<Listing, DecodeError> {
    let fields: Vec<String> = functions
        .iter()
        .map(|(name, entry)| format!("{}:{entry}", serde_json::to_string(name).unwrap()))
        .collect();
    decode_list(format!(r#"{{"a.near":{{{}}}}}"#, fields.join(",")).as_bytes())
}

fn id(function: &str) -> IndexerId {
    IndexerId::new("a.near", function).unwrap()
}

#[test]
fn names_of_any_form_are_kept_apart() {
    let names = [
        "",
        "/",
        "a/b",
        "a:b",
        "a b",
        " a",
        "a\n",
        "\u{0}",
        "\u{7f}",
        "\u{202e}gnp.exe",
        "ünïcode",
        "%2F",
        "..",
        "*",
        "{}",
        "\"",
        "\\",
    ];
    let functions: Vec<_> = names
        .iter()
        .map(|name| ((*name).to_owned(), entry("c", "s")))
        .collect();
    let listing = listing(&functions).unwrap();
    assert_eq!(listing.quarantined, []);
    assert_eq!(listing.indexers.len(), names.len());
    for name in names {
        let read = decode_one(&id(name), entry("c", "s").as_bytes()).unwrap();
        let Desired::Present(spec) = read else {
            panic!("{name:?} is not there");
        };
        assert_eq!(Some(&spec), listing.indexers.get(&id(name)), "{name:?}");
    }
}

#[test]
fn the_longest_name_counts_and_a_longer_one_is_set_aside_with_a_bounded_report() {
    let (fits, long) = ("n".repeat(NAME_LEN_MAX), "é".repeat(NAME_LEN_MAX));
    let listing = listing(&[(fits.clone(), entry("c", "s")), (long, entry("c", "s"))]).unwrap();
    assert!(listing.indexers.contains_key(&id(&fits)));
    assert_eq!(listing.indexers.len(), 1);
    let [quarantined] = listing.quarantined.as_slice() else {
        panic!("{} are set aside", listing.quarantined.len());
    };
    assert!(quarantined.name.len() <= NAME_LEN_MAX);
    assert!(quarantined.why.len() < 400);
}

/// The message that starts the executor of `id`, as large as it gets.
fn message_len(id: &IndexerId, spec: &Spec) -> usize {
    let request = StartExecutorRequest {
        redis_stream: crate::store::keys::queue(id),
        account_id: id.account().to_owned(),
        function_name: id.function().to_owned(),
        code: spec.code.to_string(),
        schema: spec.schema.to_string(),
        version: u64::MAX,
    };
    // Each field has a tag of one byte and a length of at most five.
    [
        request.redis_stream.len(),
        request.account_id.len(),
        request.function_name.len(),
        request.code.len(),
        request.schema.len(),
    ]
    .iter()
    .map(|len| len + 6)
    .sum::<usize>()
        + 11
}

#[test]
fn what_is_accepted_fits_into_a_message_and_what_does_not_fit_is_set_aside() {
    for name in ["f".to_owned(), "n".repeat(NAME_LEN_MAX)] {
        let id = id(&name);
        let room = MESSAGE_LEN_MAX - 1024 - 2 * id.as_str().len();
        let half = "x".repeat(room / 2);
        let rest = "y".repeat(room - room / 2);
        let read = decode_one(&id, entry(&half, &rest).as_bytes()).unwrap();
        let Desired::Present(spec) = read else {
            panic!("it is not there");
        };
        let len = message_len(&id, &spec);
        assert!(len <= MESSAGE_LEN_MAX, "{len}");

        let large = entry(&half, &format!("{rest}y"));
        let listing = listing(&[(name.clone(), large.clone()), ("g".into(), entry("c", "s"))]);
        let listing = listing.unwrap();
        assert_eq!(listing.indexers.len(), 1);
        assert!(listing.quarantined[0].why.contains("one message"));
        assert!(listing.quarantined[0].why.contains(&room.to_string()));
        let error = decode_one(&id, large.as_bytes()).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed(_)), "{error}");
    }
}

#[test]
fn a_rule_that_fits_into_no_message_is_set_aside() {
    let patterns = "a".repeat(MESSAGE_LEN_MAX);
    let large = entry("c", "s").replace("x.near", &patterns);
    let listing = listing(&[("f".into(), large), ("g".into(), entry("c", "s"))]).unwrap();
    assert_eq!(listing.indexers.len(), 1);
    assert!(listing.quarantined[0].why.contains("rule"));
}

#[test]
fn a_version_that_the_chain_has_not_reached_is_set_aside_until_it_has() {
    let of = |version: u64| entry("c", "s").replace(":5", &format!(":{version}"));
    let functions = [
        ("a".to_owned(), of(1_000)),
        ("b".to_owned(), of(1_000 + AHEAD_MAX)),
        ("c".to_owned(), of(1_001 + AHEAD_MAX)),
        ("d".to_owned(), "[]".to_owned()),
        ("e".to_owned(), of(u64::MAX)),
    ];
    let whole = listing(&functions).unwrap();
    let mut doubted = whole.clone();
    assert_eq!(doubted.doubt_versions(1_000), Some(1_001));
    let kept: Vec<&str> = doubted.indexers.keys().map(IndexerId::function).collect();
    assert_eq!(kept, ["a", "b"]);
    let aside = doubted.quarantined.iter().map(|entry| entry.name.as_str());
    assert_eq!(
        aside.collect::<Vec<_>>(),
        ["a.near/c", "a.near/d", "a.near/e"]
    );
    let why = format!(
        "block {}, which the chain has not reached",
        1_001 + AHEAD_MAX
    );
    assert!(doubted.quarantined[0].why.contains(&why), "{doubted:?}");
    let mut later = whole.clone();
    assert_eq!(later.doubt_versions(1_001), Some(u64::MAX - AHEAD_MAX));
    assert_eq!(later.indexers.len(), 3);
    let mut last = whole.clone();
    assert_eq!(last.doubt_versions(u64::MAX), None);
    assert_eq!(last, whole);

    for (version, height, fits) in [(1_060, 1_000, true), (1_061, 1_000, false), (7, 0, true)] {
        let alone = [
            of(version),
            of(version).replace("c\"", "c\",\"deleted_at_block_height\":9"),
        ];
        for text in alone {
            let read = decode_one(&id("f"), text.as_bytes()).unwrap();
            assert_eq!(doubt_version(&read, height).is_ok(), fits, "{read:?}");
        }
    }
    assert_eq!(doubt_version(&Desired::Missing, 0), Ok(()));
}

#[test]
fn a_tombstone_of_any_size_is_a_tombstone() {
    let deleted = entry(&"x".repeat(MESSAGE_LEN_MAX), "s").replace(
        r#""created_at_block_height":5"#,
        r#""created_at_block_height":5,"deleted_at_block_height":9"#,
    );
    assert_eq!(
        decode_one(&id("f"), deleted.as_bytes()),
        Ok(Desired::Deleted { version: 5, at: 9 })
    );
}

#[test]
fn megabytes_of_code_are_read_as_they_are() {
    let code: String = "// \u{1F600} \"quoted\" \\ \u{1}\n".repeat(60_000);
    let listing = listing(&[("f".into(), entry(&code, "s"))]).unwrap();
    assert_eq!(&*listing.indexers[&id("f")].code, code);
}

#[test]
fn one_bad_entry_among_a_hundred_thousand_is_found_in_sane_time() {
    const COUNT: usize = 100_000;
    let functions: Vec<(String, String)> = (0..COUNT)
        .map(|n| {
            let broken = n == 77_777;
            let entry = if broken {
                r#"{"code":7}"#.to_owned()
            } else {
                entry("code", "schema")
            };
            (format!("f{n}"), entry)
        })
        .collect();
    let before = Instant::now();
    let listing = listing(&functions).unwrap();
    assert!(before.elapsed() < SANE, "{:?}", before.elapsed());
    assert_eq!(listing.indexers.len(), COUNT - 1);
    assert_eq!(listing.quarantined.len(), 1);
    assert_eq!(listing.quarantined[0].name, "a.near/f77777");
}

#[test]
fn a_hundred_thousand_bad_entries_are_all_named() {
    let bad: Vec<_> = (0..100_000)
        .map(|n| (format!("f{n}"), "[]".to_owned()))
        .collect();
    let before = Instant::now();
    let listing = listing(&bad).unwrap();
    assert!(before.elapsed() < SANE, "{:?}", before.elapsed());
    assert_eq!(listing.quarantined.len(), bad.len());
}

#[test]
fn a_field_that_repeats_is_read_in_sane_time() {
    let code = r#""code":"c","#.repeat(100_000);
    let text = format!(
        r#"{{"a.near":{{"f":{{{code}{}}}}}"#,
        &entry("last", "s")[1..]
    );
    let before = Instant::now();
    let listing = decode_list(text.as_bytes()).unwrap();
    assert!(before.elapsed() < SANE, "{:?}", before.elapsed());
    assert_eq!(&*listing.indexers[&id("f")].code, "last");
}

#[test]
fn nesting_as_deep_as_an_answer_allows_overflows_no_stack() {
    let depth = 1_000_000;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    for value in [deep("[", "]"), deep(r#"{"a":"#, "}")] {
        // As an entry, as a field that is read, as one that is not, as the whole.
        let field = entry("c", "s").replace(r#""LATEST""#, &value);
        let extra = entry("c", "s").replacen('{', &format!(r#"{{"forked_from":{value},"#), 1);
        for bad in [value.clone(), field] {
            let answer = listing(&[("bad".into(), bad), ("good".into(), entry("c", "s"))]);
            if let Ok(listing) = answer {
                assert_eq!(listing.indexers.len(), 1);
                assert_eq!(listing.quarantined.len(), 1);
            }
        }
        let _either = listing(&[("f".into(), extra)]);
        let whole = decode_list(value.as_bytes());
        assert!(whole.is_ok_and(|listing| listing.indexers.is_empty()) == value.starts_with('{'));
        assert!(decode_one(&id("f"), value.as_bytes()).is_err());
    }
}

#[test]
fn an_answer_cut_off_anywhere_is_no_shorter_listing() {
    let text = format!(
        r#"{{"a.near":{{"f":{0},"g":{0}}},"b.near":{{}}}}"#,
        entry("c", "s")
    );
    for end in 0..text.len() {
        let cut = decode_list(&text.as_bytes()[..end]);
        assert!(matches!(cut, Err(DecodeError::Malformed(_))), "{end}");
    }
    assert!(decode_list(text.as_bytes()).is_ok());
}

#[test]
fn bytes_that_are_no_text_are_refused_as_a_whole() {
    let mut text = format!(r#"{{"a.near":{{"f":{}}}}}"#, entry("c", "s")).into_bytes();
    let at = text.iter().position(|&byte| byte == b'c').unwrap();
    text[at] = 0xff;
    assert!(decode_list(&text).is_err());
    assert_eq!(
        decode_list(&vec![b' '; ANSWER_LEN_MAX + 1]),
        Err(DecodeError::TooLarge(ANSWER_LEN_MAX + 1))
    );
}
