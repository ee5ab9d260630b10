//! Text of others, made fit for a terminal.
//!
//! Names and messages come from whoever registered an indexer. They may hold
//! escape sequences that move the cursor, letters that reverse the line, or
//! simply too much.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// What is shown of a message from outside, in columns.
pub(crate) const MESSAGE_WIDTH: usize = 2000;

/// One printable line: whatever is no visible character is written `\u{..}`, and a
/// backslash doubled, so that the commands take the name as it is shown. Spaces at
/// either end are written so too: nobody sees them, and programs that hand lines on
/// cut them off.
pub fn escape(text: &str) -> String {
    let inner = text.trim_start_matches(' ');
    let before = text.len() - inner.len();
    let inner = inner.trim_end_matches(' ');
    let after = text.len() - before - inner.len();
    let space = "\\u{20}";
    format!(
        "{}{}{}",
        space.repeat(before),
        visible(inner),
        space.repeat(after)
    )
}

fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' | '"' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// The same for sentences, in which a line end is only a gap, and which may be
/// cut. Nobody reads them back, so a backslash stays one: the coordinator has
/// escaped what is in its own sentences, and once is enough.
pub fn sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: Vec<String> = line.split('\\').map(visible).collect();
    clip(&shown.join("\\"), MESSAGE_WIDTH).into_owned()
}

/// What [`escape`] was made from; `None` if it was not made by it.
pub(crate) fn unescape(shown: &str) -> Option<String> {
    let mut text = String::with_capacity(shown.len());
    let mut rest = shown;
    while let Some(at) = rest.find('\\') {
        let (before, escaped) = rest.split_at_checked(at)?;
        text.push_str(before);
        let mut chars = escaped.chars();
        chars.next();
        match chars.next()? {
            '\\' => text.push('\\'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            '0' => text.push('\0'),
            'u' => {
                let (digits, after) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                text.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                chars = after.chars();
            }
            _ => return None,
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
    Some(text)
}

/// At most `width` columns; what is cut leaves an ellipsis.
pub(crate) fn clip(text: &str, width: usize) -> Cow<'_, str> {
    let columns = |c: char| c.width().unwrap_or(0);
    let mut used = 0;
    let mut fits = 0;
    for (at, c) in text.char_indices() {
        if used + columns(c) > width {
            let kept = text.get(..fits).unwrap_or_default();
            return Cow::Owned(format!("{kept}…"));
        }
        used += columns(c);
        // One column is kept free for the ellipsis.
        if used < width {
            fits = at + c.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

/// A word that a shell takes as it is.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@%+=,".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text.to_owned();
    }
    if text
        .chars()
        .any(|c| c.escape_debug().len() > 1 && !"'\"\\".contains(c))
    {
        let mut quoted = "$'".to_owned();
        for c in text.chars() {
            match c {
                '\'' | '\\' => quoted.extend(['\\', c]),
                _ if c.escape_debug().len() == 1 => quoted.push(c),
                _ => {
                    let _ = write!(quoted, "\\U{:08x}", u32::from(c));
                }
            }
        }
        quoted.push('\'');
        return quoted;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `1 indexer`, `2 indexers`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        for hostile in [
            "\u{1b}[2J",
            "a\rb",
            "a\nb",
            "\u{7}",
            "\u{9b}31m",
            "\u{202e}abc",
            "\u{200b}",
            "\u{0}",
            "\u{feff}",
            "\u{e0041}",
            "\u{2028}",
            "\u{7f}",
            "e\u{301}\u{301}\u{301}",
        ] {
            let shown = escape(hostile);
            assert!(shown.is_ascii(), "{shown:?}");
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
            assert_eq!(unescape(&shown).as_deref(), Some(hostile));
        }
    }

    #[test]
    fn what_people_can_read_stays_as_it_is() {
        for plain in [
            "alice.near/feed",
            "it's \"fine\"",
            "区块/索引",
            "größe",
            "🚀",
        ] {
            assert_eq!(escape(plain), plain);
        }
        assert_eq!(escape("a.near/ my  feed"), "a.near/ my  feed");
        assert_eq!(escape(r"a\b"), r"a\\b");
        assert_eq!(unescape(r"a\\b").as_deref(), Some(r"a\b"));
    }

    #[test]
    fn spaces_at_the_ends_can_be_seen() {
        for (text, shown) in [
            ("a.near/feed ", r"a.near/feed\u{20}"),
            ("  y", r"\u{20}\u{20}y"),
            (" ", r"\u{20}"),
        ] {
            assert_eq!(escape(text), shown);
            assert_eq!(unescape(shown).as_deref(), Some(text));
        }
        assert_eq!(sentence(r"a \ b"), r"a \ b");
    }

    #[test]
    fn a_wrong_escape_is_refused() {
        for wrong in [
            r"\",
            r"\x",
            r"\u",
            r"\u{",
            r"\u{zz}",
            r"\u{110000}",
            r"\u{}",
        ] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_cut_never_exceeds_its_width() {
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("abcd", 3), "ab…");
        assert_eq!(clip("区块链", 6), "区块链");
        assert_eq!(clip("区块链", 5), "区块…");
        assert_eq!(clip("区块链", 4), "区…");
        assert_eq!(clip("abc", 0), "…");
        assert_eq!(clip(&"x".repeat(1 << 16), 60).chars().count(), 60);
    }

    #[test]
    fn a_sentence_is_one_line() {
        assert_eq!(sentence("a\n  b\r\nc\u{1b}"), r"a b c\u{1b}");
    }

    #[test]
    fn what_the_coordinator_has_escaped_is_not_escaped_again() {
        let told = "a.near/x\\u{1b}[2J is held, \u{1b}\u{202e} is not";
        let shown = r"a.near/x\u{1b}[2J is held, \u{1b}\u{202e} is not";
        assert_eq!(sentence(told), shown);
        assert_eq!(sentence(shown), shown);
    }

    #[test]
    fn a_shell_gets_what_was_meant() {
        assert_eq!(shell_word("alice.near/feed"), "alice.near/feed");
        assert_eq!(shell_word("a b/c"), "'a b/c'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word("-n"), "'-n'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a\u{1b}'b"), r"$'a\U0000001b\'b'");
        assert_eq!(shell_word("$(rm)"), "'$(rm)'");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(count(1, "indexer"), "1 indexer");
        assert_eq!(count(0, "indexer"), "0 indexers");
    }
}
