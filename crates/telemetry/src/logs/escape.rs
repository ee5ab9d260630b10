//! Text from outside, made harmless: nobody's name can forge a line of the log,
//! move a terminal's cursor, or turn the direction of what follows.

use std::fmt::Write;

/// Whether a character shows as itself, in its place, and as nothing else.
fn is_plain(c: char) -> bool {
    let is_unseen = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !is_unseen
}

/// Appends `text` with whatever is not plain as an escape.
pub(crate) fn push_plain(out: &mut String, text: &str) {
    for c in text.chars() {
        push_char(out, c);
    }
}

/// Appends `text`, in quotes if its ends could be mistaken otherwise.
pub(crate) fn push_value(out: &mut String, text: &str) {
    let bare = |c: char| is_plain(c) && !c.is_whitespace() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(bare) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c => push_char(out, c),
        }
    }
    out.push('"');
}

fn push_char(out: &mut String, c: char) {
    match c {
        c if is_plain(c) => out.push(c),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> String {
        let mut out = String::new();
        push_value(&mut out, text);
        out
    }

    #[test]
    fn values_are_quoted_only_where_they_must_be() {
        assert_eq!(value("alice.near/feed"), "alice.near/feed");
        assert_eq!(value("größe"), "größe");
        assert_eq!(value(""), "\"\"");
        assert_eq!(value("a b"), "\"a b\"");
        assert_eq!(value("a=b"), "\"a=b\"");
        assert_eq!(value("a\"b\\"), "\"a\\\"b\\\\\"");
        assert_eq!(value("a\nERROR x"), "\"a\\nERROR x\"");
        assert_eq!(value("\u{1b}[2J"), "\"\\u{1b}[2J\"");
        assert_eq!(value("a\u{202e}b"), "\"a\\u{202e}b\"");
    }

    proptest! {
        #[test]
        fn nothing_escapes(text in "\\PC*|(?s).{0,60}") {
            let mut plain = String::new();
            push_plain(&mut plain, &text);
            prop_assert!(plain.chars().all(is_plain));
            let quoted = value(&text);
            prop_assert!(quoted.chars().all(is_plain));
            if let Some(inner) = quoted.strip_prefix('"') {
                let inner = inner.strip_suffix('"').unwrap();
                // Without its escapes it holds no quote.
                let inner = inner.replace("\\\\", "").replace("\\\"", "");
                prop_assert!(!inner.contains('"'));
            }
        }
    }
}
