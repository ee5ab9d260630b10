//! Sentences about bytes from outside: whoever wrote the bytes may have written
//! them for whoever reads the log.

use lifecycle::IndexerId;

/// The longest sentence, in bytes.
pub(crate) const LEN_MAX: usize = 300;

/// The beginning of `text`, in one line and without characters that steer what
/// shows it.
pub(crate) fn sentence(text: &str) -> String {
    let end = text.floor_char_boundary(LEN_MAX);
    let printable = |c: char| if steers(c) { ' ' } else { c };
    text.get(..end)
        .unwrap_or_default()
        .chars()
        .map(printable)
        .collect()
}

/// Whether `c` moves the cursor, ends the line or turns the direction of writing.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Its name in a sentence: blanks at its end, which nobody sees there, are escaped too.
pub(crate) fn shown(id: &IndexerId) -> String {
    let name = printable(id.as_str());
    let seen = name.trim_end_matches(' ');
    let blanks = "\\u{20}".repeat(name.len() - seen.len());
    format!("{seen}{blanks}")
}

/// Names come from anybody: what could steer a terminal is escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_one_is_not_shown_as_that_of_another() {
        for (name, expected) in [
            ("feed", "a.near/feed"),
            ("feed  ", "a.near/feed\\u{20}\\u{20}"),
            (" feed", "a.near/ feed"),
            ("a b\u{1b}", "a.near/a b\\u{1b}"),
        ] {
            assert_eq!(shown(&IndexerId::new("a.near", name).unwrap()), expected);
        }
    }

    #[test]
    fn a_sentence_is_short_and_fit_for_a_terminal() {
        assert_eq!(sentence("it is `\u{1b}[31m\n`"), "it is ` [31m `");
        assert_eq!(sentence("gpj.\u{202e}exe\u{2029}ok"), "gpj. exe ok");
        assert_eq!(sentence("it isn't \\u{1b} 区块"), "it isn't \\u{1b} 区块");
        let long = sentence(&"é".repeat(LEN_MAX));
        assert_eq!(long, "é".repeat(LEN_MAX / 2));
        assert_eq!(
            sentence(&format!("a{}", "é".repeat(LEN_MAX))).len(),
            LEN_MAX - 1
        );
    }
}
