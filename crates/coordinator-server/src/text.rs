//! Text from outside, made fit to be shown.

/// Whatever is no visible character is written `\u{..}` or the like; all others,
/// quotes and backslashes too, stay as they are.
pub(crate) fn visible(text: impl IntoIterator<Item = char>) -> String {
    let mut shown = String::new();
    for c in text {
        match c {
            '\'' | '"' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_seen_is_escaped() {
        let text = "it's \"ä\" at C:\\x\u{1b}[31m\n\u{202e}";
        let shown = "it's \"ä\" at C:\\x\\u{1b}[31m\\n\\u{202e}";
        assert_eq!(visible(text.chars()), shown);
    }
}
