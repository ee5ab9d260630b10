use proptest::prelude::*;

use super::*;

const ALICE: &str = "alice-has-a-long-token";
const BOB: &str = "bob-has-another-long-token";

fn hex(token: &str) -> String {
    let hash: Hash = Sha256::digest(token).into();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn set(text: &str) -> TokenSet {
    TokenSet::parse(text.as_bytes()).unwrap()
}

fn problem(text: &str) -> String {
    TokenSet::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn tokens_are_known_by_themselves_and_by_their_hash() {
    let text = format!(
        "operate alice {ALICE} # ops\nread bob sha256:{}\n",
        hex(BOB)
    );
    let tokens = set(&text);
    assert_eq!(tokens.len(), 2);
    let known = |token: &str| tokens.verify(token.as_bytes());
    assert_eq!(known(ALICE), Some(("alice".into(), Role::Operate)));
    assert_eq!(known(BOB), Some(("bob".into(), Role::Read)));
    let hash = hex(BOB);
    for wrong in [
        "",
        "a",
        "alice-has-a-long-tokem",
        "alice-has-a-long-token ",
        &hash,
    ] {
        assert_eq!(known(wrong), None, "{wrong}");
    }
}

#[test]
fn whichever_of_many_it_is_it_is_found() {
    let token = |n: usize| format!("token-number-{n:08}");
    let text: String = (0..TOKENS_MAX)
        .map(|n| format!("read n{n} {}\n", token(n)))
        .collect();
    let tokens = set(&text);
    for n in [0, 1, TOKENS_MAX / 2, TOKENS_MAX - 1] {
        let (name, _) = tokens.verify(token(n).as_bytes()).unwrap();
        assert_eq!(*name, format!("n{n}"));
    }
    let one_more = format!("{text}read more {}\n", token(TOKENS_MAX));
    assert_eq!(
        problem(&one_more),
        "line 1001: there are more than 1000 tokens"
    );
}

#[test]
fn a_name_may_have_two_tokens_while_they_are_exchanged() {
    let tokens = set(&format!("read alice {ALICE}\nread alice {BOB}\n"));
    for token in [ALICE, BOB] {
        let (name, _) = tokens.verify(token.as_bytes()).unwrap();
        assert_eq!(&*name, "alice");
    }
    let clash = format!("read alice {ALICE}\noperate alice {BOB}\n");
    assert_eq!(
        problem(&clash),
        "line 2: an earlier line gives the same name another role"
    );
}

#[test]
fn mistakes_are_explained_without_quoting_what_may_be_secret() {
    let secret = "topsecrettopsecret";
    for (text, expected) in [
        ("", "it holds no token"),
        ("# nothing\n", "it holds no token"),
        ("read alice", "three words"),
        ("read alice topsecrettopsecret more", "three words"),
        ("topsecrettopsecret alice read", "first word must be a role"),
        ("read top!secret!topsecret topsecrettopsecret", "a name has"),
        ("read alice short", "a token has 16 to 512"),
        ("read alice topsecret\u{e9}topsecret", "a token has"),
        (
            "read alice sha256:topsecrettopsecret",
            "64 hexadecimal digits",
        ),
        (
            "read a topsecrettopsecret\nread b topsecrettopsecret",
            "line 2: the token stands in an earlier line",
        ),
    ] {
        let problem = problem(text);
        assert!(problem.contains(expected), "{text}: {problem}");
        assert!(!problem.contains("topsecret"), "{text}: {problem}");
        assert!(!problem.contains(secret));
    }
    let long = format!("read alice {}", "x".repeat(TOKEN_MAX + 1));
    assert!(problem(&long).contains("16 to 512"));
}

#[test]
fn nothing_secret_is_shown_for_debugging() {
    let shown = format!("{:?}", set(&format!("read alice {ALICE}")));
    assert_eq!(shown, r#"{"alice": Read}"#);
}

#[test]
fn a_change_is_described_by_names() {
    let old = set(&format!("read alice {ALICE}\nread bob {BOB}\n"));
    let third = "yet-another-long-token";
    let new = set(&format!("operate alice {ALICE}\nread carol {BOB}\n"));
    assert_eq!(
        describe(&old, &new),
        "alice may operate now instead of read; carol may read now; bob has none any more"
    );
    let exchanged = set(&format!("read alice {third}\nread bob {BOB}\n"));
    assert_eq!(describe(&old, &exchanged), "alice has other tokens");
    assert_eq!(describe(&old, &old), "nothing but how it is written");
}

#[test]
fn a_hash_has_exactly_its_digits() {
    assert_eq!(decode_hash("aF".repeat(32).as_bytes()), Some([0xaf; 32]));
    for wrong in [
        "",
        &"a".repeat(63),
        &"a".repeat(65),
        &"a".repeat(66),
        &"g".repeat(64),
    ] {
        assert_eq!(decode_hash(wrong.as_bytes()), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_content_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = TokenSet::parse(&bytes);
    }

    #[test]
    fn lines_in_any_order_are_read_or_explained(
        lines in proptest::collection::vec(
            "(read|operate|x| |#|sha256:|[a-f0-9]{16,64}|\\PC){0,6}",
            0..8,
        ),
        token in "\\PC{0,600}",
    ) {
        if let Ok(tokens) = TokenSet::parse(lines.join("\n").as_bytes()) {
            prop_assert!(!tokens.is_empty() && tokens.len() <= lines.len());
            let _ = tokens.verify(token.as_bytes());
        }
    }

    #[test]
    fn only_the_very_token_is_accepted(
        token in "[A-Za-z0-9]{16,40}",
        other in "[A-Za-z0-9]{16,40}",
    ) {
        let tokens = set(&format!("read alice {token}"));
        prop_assert!(tokens.verify(token.as_bytes()).is_some());
        prop_assert_eq!(tokens.verify(other.as_bytes()).is_some(), token == other);
    }
}
