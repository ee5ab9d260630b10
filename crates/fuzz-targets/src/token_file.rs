//! The file of tokens.

use security::{Role, TokenSet};

use crate::{Verdict, laws};

/// The shortest token, in bytes. Words of this length stand in no message.
const TOKEN_LEN_MIN: usize = 16;

/// The most tokens of one file that are tried: each is compared with all.
const TRIED_MAX: usize = 20;

/// Reads a token file. Each token that stands in it opens for whom it stands,
/// and no other does; no message and no `Debug` repeats a token.
pub fn token_file(bytes: &[u8]) -> Verdict {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let lines: Vec<Vec<&str>> = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .lines()
        .map(|line| {
            let words = line.split_whitespace();
            words.take_while(|word| !word.starts_with('#')).collect()
        })
        .filter(|words: &Vec<&str>| !words.is_empty())
        .collect();
    let parsed = TokenSet::parse(bytes);
    let shown = match &parsed {
        Ok(tokens) => {
            opens_for_those_who_stand_there(&lines, tokens);
            format!("{tokens:?}")
        }
        Err(error) => {
            laws::told(&error.to_string());
            laws::line_within(error.line, bytes);
            format!("{error}{error:?}")
        }
    };
    let names: Vec<&str> = lines
        .iter()
        .filter_map(|words| words.get(1).copied())
        .collect();
    for word in lines.iter().flatten() {
        let may_be_secret = word.len() >= TOKEN_LEN_MIN && !names.iter().any(|n| n.contains(word));
        assert!(
            !may_be_secret || !shown.contains(word),
            "a token is told: {shown}"
        );
    }
    Verdict::of(parsed.is_ok())
}

fn opens_for_those_who_stand_there(lines: &[Vec<&str>], tokens: &TokenSet) {
    assert_eq!(tokens.len(), lines.len(), "a line does not count");
    assert!((1..=1000).contains(&tokens.len()), "tokens have no bound");
    for words in lines.iter().rev().take(TRIED_MAX) {
        let &[role, name, token] = words.as_slice() else {
            panic!("a line of {} words was read", words.len());
        };
        let role = match role {
            "read" => Role::Read,
            "operate" => Role::Operate,
            _ => panic!("a role that nobody knows was read"),
        };
        // The text of a hash is no token; what it is the hash of is not known here.
        let is_hash = token.starts_with("sha256:");
        let known = tokens.verify(token.as_bytes());
        let expected = (!is_hash).then(|| (name.into(), role));
        assert_eq!(known, expected, "a token opens for somebody else");
        let mut longer = token.as_bytes().to_vec();
        longer.push(0);
        assert_eq!(
            tokens.verify(&longer),
            None,
            "a token that nobody has opens"
        );
    }
    assert_eq!(tokens.verify(b""), None, "no token opens");
}
